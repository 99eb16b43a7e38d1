import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { z } from 'zod';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { world } from './month-world.ts';
import { ADMIN, USER } from './organisation.ts';

const DAY_MS = 86_400_000;
const dayOf = ({ received_at }: ExchangeRecord): string => new Date(received_at).toISOString().slice(0, 10);
/** None of the month was refused after it was sent. */
const isActive = ({ state }: ExchangeRecord): boolean => state !== 'denied' && state !== 'blocked';
const whole = (value: number): string => value.toLocaleString('en-US');

function dollars(nanodollars: bigint): string {
  const digits = String(nanodollars).padStart(10, '0');
  return `$${whole(Number(digits.slice(0, -9)))}.${digits.slice(-9)}`;
}

function tokensOf({ usage }: ExchangeRecord): number {
  return Object.values(usage ?? {}).reduce((sum, tokens) => sum + tokens, 0);
}

/** The month by login, counted here from what it was made of. */
function byLogin(): Map<string, ExchangeRecord[]> {
  const people = new Map<string, ExchangeRecord[]>();
  for (const record of world.month.filter(isActive)) {
    const own = people.get(record.login) ?? [];
    people.set(record.login, own);
    own.push(record);
  }
  return people;
}

const distinct = (records: readonly ExchangeRecord[], of: (record: ExchangeRecord) => string): number =>
  new Set(records.map(of)).size;

/** Who was active in so many days that end with one. */
function activeIn(days: number, lastMs: number, atLeast = 1): number {
  const within = ({ received_at }: ExchangeRecord): boolean =>
    received_at >= lastMs - (days - 1) * DAY_MS && received_at < lastMs + DAY_MS;
  return [...byLogin().values()].filter((own) => distinct(own.filter(within), dayOf) >= atLeast).length;
}

const polled = { timeout: 30_000, interval: 100 };

async function figures(page: Page): Promise<Record<string, string>> {
  const found = await page.evaluate(
    `Object.fromEntries([...document.querySelectorAll('[data-figure]')].map((stat) =>
      [stat.dataset.figure, stat.querySelector('dd').title]))`,
  );
  return z.record(z.string(), z.string()).parse(found);
}

test('the figures, and each user, are what the month was made of', async () => {
  const visit = await world.visit(ADMIN, '/ui/adoption');
  const { page } = visit;
  const active = world.month.filter(isActive);
  const cost = active.reduce((sum, { cost_nanodollars }) => sum + BigInt(cost_nanodollars ?? 0), 0n);
  const unknown = active.filter(({ cost_nanodollars }) => cost_nanodollars === null).length;
  await expect
    .poll(() => figures(page), polled)
    .toMatchObject({
      users: whole(distinct(active, ({ login }) => login)),
      // Nobody was there before the month.
      new: whole(distinct(active, ({ login }) => login)),
      returning: '0',
      requests: whole(active.length),
      tokens: whole(active.reduce((sum, record) => sum + tokensOf(record), 0)),
      cost: `${dollars(cost)}, without ${unknown} requests of unknown cost`,
    });

  await page.getByRole('button', { name: 'Show all' }).click();
  const found = await page.evaluate(
    `[...document.querySelectorAll('[aria-label="Users and what they used"] tbody tr')].map((row) => [row.dataset.row,
      ...['first_day', 'last_day', 'days_active', 'requests', 'tokens', 'cost'].map((key) => {
        const cell = row.querySelector('[data-cell=' + key + ']'); return cell.title || cell.textContent; })])`,
  );
  const expected = [...byLogin()].map(([login, own]) => [
    login,
    own.map(dayOf).toSorted()[0],
    own.map(dayOf).toSorted().at(-1),
    String(distinct(own, dayOf)),
    whole(own.length),
    whole(own.reduce((sum, record) => sum + tokensOf(record), 0)),
    dollars(own.reduce((sum, { cost_nanodollars }) => sum + BigInt(cost_nanodollars ?? 0), 0n)),
  ]);
  const rows = z.array(z.array(z.string())).parse(found);
  expect(new Set(rows.map(String))).toEqual(new Set(expected.map(String)));
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('active users of a day, its week and its month, and those of four days in seven, are told in words for each day', async () => {
  const visit = await world.visit(ADMIN, '/ui/adoption');
  const { page } = visit;
  const lastMs = Math.floor((world.month.at(-1)?.received_at ?? 0) / DAY_MS) * DAY_MS;
  const todayMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const counts = {
    Day: activeIn(1, lastMs),
    Week: activeIn(7, lastMs),
    Month: activeIn(30, lastMs),
    '4 of 7': activeIn(7, lastMs, 4),
  };
  for (const [name, users] of Object.entries(counts)) {
    await page.getByRole('radio', { name, exact: true }).click();
    const chart = page.getByRole('img', { name: /^Active users/ });
    // From the end, which is today, back to the month's last day.
    await expect
      .poll(async () => {
        await page.getByRole('heading', { name: 'Active users' }).click();
        await chart.focus();
        await page.keyboard.press('End');
        for (let day = lastMs; day < todayMs; day += DAY_MS) await page.keyboard.press('ArrowLeft');
        return page
          .getByRole('status')
          .filter({ hasText: nameOf(lastMs) })
          .innerText();
      }, polled)
      .toMatch(new RegExp(`Users\\s+${users}$`));
  }
  expect(page.url()).toContain('active=often');
  await visit.close();
});

function nameOf(ms: number): string {
  return `${new Date(ms).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' })} (UTC)`;
}

test('teams by tool: users of each group and agent, and what leads to their use', async () => {
  const visit = await world.visit(ADMIN, '/ui/adoption');
  const { page } = visit;
  const active = world.month.filter(isActive);
  const cells = page.getByRole('region', { name: 'Users by group and agent' }).locator('tbody tr');
  await cells.first().waitFor();
  const groups = [...new Set(active.flatMap((record) => record.groups))];
  expect(await cells.count()).toBe(groups.length);
  for (const group of groups.slice(0, 3)) {
    const members = active.filter((record) => record.groups.includes(group));
    const row = page.locator(`tr[data-row="${group}"]`);
    expect(await row.locator('[data-cell=users]').innerText()).toBe(String(distinct(members, ({ login }) => login)));
    for (const agent of new Set(members.map((record) => record.agent))) {
      const users = distinct(
        members.filter((record) => record.agent === agent),
        ({ login }) => login,
      );
      expect(await row.locator(`[data-cell="${agent}"] b`).innerText()).toBe(String(users));
    }
  }
  const Bins = z.array(z.object({ from: z.number(), users: z.number() }));
  const bins = Bins.parse(
    await page.evaluate(
      `[...document.querySelectorAll('[aria-label="Users by requests on an active day"] li')].map((bin) =>
        ({ from: Number(bin.dataset.bin), users: Number(bin.dataset.users) }))`,
    ),
  );
  const usual = [...byLogin().values()].map((own) => own.length / distinct(own, dayOf));
  expect(bins.map(({ users }) => users)).toEqual(
    bins.map(({ from }, at) => usual.filter((each) => each >= from && each < (bins[at + 1]?.from ?? Infinity)).length),
  );

  const { groups: [group = ''] = [], agent = '' } = active[0] ?? {};
  await page.locator(`tr[data-row="${group}"] [data-cell="${agent}"] a`).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  const { searchParams } = new URL(page.url());
  expect(Object.fromEntries(searchParams)).toMatchObject({ member_of: group, agent });
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('the page is for everybody’s eyes and hands, on a wide screen and a phone, by day and by night', async () => {
  for (const look of [{ theme: 'light' }, { width: 360, height: 740, theme: 'dark' }] as const) {
    const visit = await world.visit(ADMIN, '/ui/adoption', look);
    await visit.page.getByRole('region', { name: 'Users and what they used' }).waitFor();
    await visit.page.getByRole('list', { name: 'Models by requests' }).waitFor();
    expect(await visit.axe()).toEqual([]);
    expect(await visit.page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
    expect(visit.problems()).toEqual([]);
    await visit.close();
  }
});

test('a user is told that it is not for them, and the API says the same; a time without anybody is said to be so', async () => {
  const user = await world.visit(USER, '/ui/adoption');
  await user.page.getByText('You may not see this').waitFor();
  expect(await user.axe()).toEqual([]);
  await user.close();
  const answer = await fetch(`${world.gateway.url}/api/adoption`, { headers: { 'tailscale-user-login': USER } });
  expect(answer.status).toBe(403);

  const admin = await world.visit(ADMIN, '/ui/adoption?from=2026-01-01T00:00:00Z&to=2026-01-08T00:00:00Z');
  await admin.page.getByText('Nobody was active').waitFor();
  expect(await admin.axe()).toEqual([]);
  await admin.close();
});
