import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { systemClock } from '../../src/lib/clock.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { idAt } from '../support/ids.ts';
import { aRecord } from '../support/records.ts';
import { until } from '../support/until.ts';
import { ADMIN, USER } from './organisation.ts';
import { MODELS, startWorld } from './world.ts';
import type { BrowserWorld } from './world.ts';

/** Somebody who has a grant and asked nothing yet. */
const NOBODY_YET = 'nina@example.com';
const HOSTILE = '<img src=x onerror="document.title=1">\u202egpj.exe';

let world: BrowserWorld;
/** What the user asked today, beside the month. */
let asked: string;

beforeAll(async () => {
  world = await startWorld('overview', {
    config: {
      quotas: {
        'purse:<user>': { capacity: '$0.000001' },
        'day:<user>': { capacity: '$0.001', rate: '$0.000001/day' },
        team: { capacity: '$500.00', rate: '$500.00/day' },
      },
    },
    grants: [
      {
        src: [USER, NOBODY_YET],
        app: {
          'tailscale.com/cap/aperture': [
            { role: 'user' },
            { models: '**', quotas: [{ bucket: 'purse:<user>' }, { bucket: 'day:<user>' }, { bucket: 'team' }] },
          ],
        },
      },
    ],
  });
  const yesterdayMs = Date.now() - 86_400_000;
  await createRecordStore(world.pool, systemClock).store([
    aRecord({ id: idAt(yesterdayMs), received_at: yesterdayMs, login: ADMIN, agent: HOSTILE, cost_nanodollars: null }),
  ]);
  asked = await world.exchange(USER, {
    path: '/v1/chat/completions',
    body: { model: MODELS.chat, messages: [{ role: 'user', content: 'Hello' }] },
  });
});
afterAll(() => world.close());

const NOT_REFUSED = `NOT (state IN ('denied', 'blocked') AND attempts = '[]')`;
const OUT = 'output + reasoning + audio_out + image_out';
const IN = 'input_uncached + cache_read + cache_write_5m + cache_write_1h + cache_write_other + audio_in + image_in';

const Sums = z.object({
  requests: z.number(),
  refused: z.number(),
  unknown: z.number(),
  errors: z.number(),
  users: z.number(),
  cost: z.string(),
  input: z.number(),
  cached: z.number(),
  output: z.number(),
  reasoning: z.number(),
});
type Sums = z.infer<typeof Sums>;

const SUMS = `
  count(*)::int AS requests, (count(*) FILTER (WHERE NOT ${NOT_REFUSED}))::int AS refused,
  (count(*) FILTER (WHERE cost_nanodollars IS NULL AND ${NOT_REFUSED}))::int AS unknown,
  (count(*) FILTER (WHERE status >= 400 AND ${NOT_REFUSED}))::int AS errors,
  (count(DISTINCT login) FILTER (WHERE ${NOT_REFUSED}))::int AS users,
  coalesce(sum(cost_nanodollars), 0)::text AS cost, coalesce(sum(${IN}), 0)::float8 AS input,
  coalesce(sum(cache_read), 0)::float8 AS cached, coalesce(sum(${OUT}), 0)::float8 AS output,
  coalesce(sum(reasoning), 0)::float8 AS reasoning`;

/** What the books say, in SQL of our own. */
async function booked(where = 'true', values: unknown[] = []): Promise<Sums> {
  const { rows } = await world.pool.query(`SELECT ${SUMS} FROM aperture.records WHERE ${where}`, values);
  return Sums.parse(rows[0]);
}

async function bookedBy(expression: string, from = 'aperture.records'): Promise<Record<string, Sums>> {
  const { rows } = await world.pool.query(`SELECT ${expression} AS name, ${SUMS} FROM ${from} GROUP BY 1`);
  return Object.fromEntries(
    z
      .array(Sums.extend({ name: z.string() }))
      .parse(rows)
      .map((row) => [row.name, row]),
  );
}

const whole = (value: number): string => value.toLocaleString('en-US');

function dollars(nanodollars: string): string {
  const digits = nanodollars.padStart(10, '0');
  return `$${whole(Number(digits.slice(0, -9)))}.${digits.slice(-9)}`;
}

function costOf({ cost, unknown }: Sums): string {
  const plural = unknown === 1 ? '' : 's';
  return dollars(cost) + (unknown > 0 ? `, without ${whole(unknown)} request${plural} of unknown cost` : '');
}

/** The figures that people see, to the last digit, as they stand in the titles. */
async function figures(page: Page): Promise<Record<string, string>> {
  const found = await page.evaluate(
    `Object.fromEntries([...document.querySelectorAll('[data-figure]')].map((stat) =>
      [stat.dataset.figure, stat.querySelector('dd').title]))`,
  );
  return z.record(z.string(), z.string()).parse(found);
}

function figuresOf(sums: Sums): Record<string, string> {
  return {
    cost: costOf(sums),
    requests: whole(sums.requests),
    input: whole(sums.input),
    cached: whole(sums.cached),
    output: whole(sums.output),
    users: whole(sums.users),
    errors: whole(sums.errors),
  };
}

const SHOWN = ['cost', 'requests', 'tokens', 'input', 'cached', 'output', 'reasoning'] as const;

/** The rows of the breakdown, to the last digit. */
async function breakdown(page: Page, by: string): Promise<Record<string, string[]>> {
  const found = await page.evaluate(
    `Object.fromEntries([...document.querySelectorAll('[aria-label="Usage by ${by}"] tbody tr')].map((row) =>
      [row.dataset.row, ${JSON.stringify(SHOWN)}.map((key) => row.querySelector('[data-cell=' + key + ']').title)]))`,
  );
  return z.record(z.string(), z.array(z.string())).parse(found);
}

function rowOf(sums: Sums): string[] {
  const { requests, refused, input, cached, output, reasoning } = sums;
  return [
    costOf(sums),
    `${whole(requests)}, of these ${whole(refused)} refused`,
    ...[input + output, input, cached, output, reasoning].map(whole),
  ];
}

const USAGE = /\/api\/usage\?/;
const polled = { timeout: 30_000, interval: 100 };

test('an admin sees what everybody used: the figures, and each breakdown, are those of the books', async () => {
  const visit = await world.visit(ADMIN, '/ui/');
  const { page } = visit;
  await expect.poll(() => figures(page), polled).toEqual(figuresOf(await booked()));

  const groups = `(SELECT *, unnest(CASE WHEN groups = '{}' THEN ARRAY[''] ELSE groups END) AS team FROM aperture.records) AS r`;
  const breakdowns = [
    ['Model', await bookedBy('model')],
    ['Agent', await bookedBy('agent')],
    ['User', await bookedBy('login')],
    ['Group', await bookedBy('team', groups)],
  ] as const;
  for (const [name, expected] of breakdowns) {
    await page.getByRole('radio', { name, exact: true }).click();
    const all = page.getByRole('button', { name: 'Show all' }).last();
    if (name === 'User') await all.click();
    const rows = Object.fromEntries(Object.entries(expected).map(([of, sums]) => [of, rowOf(sums)]));
    await expect.poll(() => breakdown(page, name.toLowerCase()), polled).toEqual(rows);
  }
  expect(page.url()).toContain('by=group');

  await page.getByRole('radio', { name: 'Requests', exact: true }).click();
  await page.getByText('Requests by group').waitFor();
  expect(await visit.axe()).toEqual([]);
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('filters narrow everything, stand in the address, and are taken off again, by keyboard alone', async () => {
  const visit = await world.visit(ADMIN, '/ui/');
  const { page } = visit;
  const model = 'claude-opus-4-6';
  await page.getByRole('search').getByRole('button', { name: 'Model' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('option', { name: model }).waitFor();
  await page.keyboard.type('opus');
  await page.keyboard.press('Enter');
  await expect.poll(() => figures(page), polled).toEqual(figuresOf(await booked('model = $1', [model])));
  expect(new URL(page.url()).searchParams.get('model')).toBe(model);

  // The address alone says all of it; a click in the breakdown narrows further.
  await page.goto(`${page.url()}&by=agent&status=200`);
  const narrowed = await booked('model = $1 AND status = 200', [model]);
  await expect.poll(() => figures(page), polled).toEqual(figuresOf(narrowed));
  await page.getByRole('region', { name: 'Usage by agent' }).getByRole('link', { name: 'claude-code' }).click();
  await expect.poll(() => new URL(page.url()).searchParams.get('agent')).toBe('claude-code');
  const requests = page.locator('tr[data-row="claude-code"] [data-cell=requests] a');
  const target = new URL((await requests.getAttribute('href')) ?? '', page.url());
  expect(target.pathname).toBe('/ui/requests');
  expect(Object.fromEntries(target.searchParams)).toMatchObject({ model, agent: 'claude-code' });
  expect(target.searchParams.get('status')).toMatch(/^"?200"?$/);

  await page.getByRole('button', { name: 'Clear filters' }).click();
  await expect.poll(() => figures(page), polled).toEqual(figuresOf(await booked()));
  await page.goto(`${world.gateway.url}/ui/?model=nothing-like-this`);
  await page.getByText('Nothing matches').waitFor();
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('the CSV is of the filters, and adds up to the figures', async () => {
  const visit = await world.visit(ADMIN, '/ui/?agent=codex');
  const link = visit.page.getByRole('link', { name: 'CSV' });
  expect(await link.getAttribute('download')).not.toBeNull();
  // The driver sends no headers of its own with a download, so nobody would be known: it is fetched as they are.
  const answer = await fetch(`${world.gateway.url}${(await link.getAttribute('href')) ?? ''}`, {
    headers: { 'tailscale-user-login': ADMIN },
  });
  expect(answer.headers.get('content-disposition')).toMatch(/^attachment; filename="aperture-usage-.*\.csv"$/);
  const [head = '', ...lines] = (await answer.text()).trim().split('\r\n');
  expect(head).toMatch(/^time,login,model,requests,/);
  const at = head.split(',').indexOf('requests');
  const requests = lines.reduce((sum, line) => sum + Number(line.split(',')[at]), 0);
  expect(requests).toBe((await booked(`agent = 'codex'`)).requests);
  const focus = await visit.page.getByRole('link', { name: 'FOCUS' }).getAttribute('href');
  const charged = await fetch(`${world.gateway.url}${focus ?? ''}`, { headers: { 'tailscale-user-login': ADMIN } });
  expect(charged.headers.get('content-disposition')).toMatch(/^attachment; filename="aperture-focus-.*\.csv"$/);
  await visit.close();
});

test('a user sees their own and nothing about others, whatever the address says', async () => {
  const visit = await world.visit(USER, `/ui/?by=login&login=${ADMIN}`, { theme: 'dark' });
  const { page } = visit;
  await page.goto(`${world.gateway.url}/ui/?by=login`);
  await page.getByRole('link', { name: 'CSV' }).waitFor();
  expect(await page.getByRole('link', { name: 'FOCUS' }).count()).toBe(0);
  const own = await booked('login = $1', [USER]);
  const { users: _, ...expected } = figuresOf(own);
  const { rows } = await world.pool.query(
    `SELECT count(DISTINCT session_id)::int AS sessions FROM aperture.records WHERE login = $1`,
    [USER],
  );
  const [{ sessions } = { sessions: 0 }] = z.array(z.object({ sessions: z.number() })).parse(rows);
  await expect.poll(() => figures(page), polled).toEqual({ ...expected, sessions: whole(sessions) });
  expect(await breakdown(page, 'model')).not.toEqual({});
  expect(await page.getByRole('radiogroup', { name: 'By' }).getByRole('radio').allInnerTexts()).toEqual([
    'Model',
    'Agent',
    'Provider',
  ]);
  expect(await page.getByRole('button', { name: 'User' }).count()).toBe(0);
  expect(await page.getByText(ADMIN).count()).toBe(0);
  expect(await visit.axe()).toEqual([]);
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('quotas stand worst first, with what is left, what was spent, and what comes of it', async () => {
  await until('what was spent is told', async () => {
    const { items } = z.object({ items: z.array(z.unknown()) }).parse(await world.json(USER, '/api/quota-spend'));
    return items.length >= 3;
  });
  const Bucket = z.object({ bucket: z.string(), balance_nanodollars: z.string() });
  const { items } = z.object({ items: z.array(Bucket) }).parse(await world.json(USER, '/api/quotas'));
  const spent = (await booked('id = $1', [asked])).cost;
  const visit = await world.visit(USER, '/ui/');
  const { page } = visit;
  const list = page.getByRole('list', { name: 'Quotas, the worst first' });
  await list.getByText('empty in').waitFor();
  const names = await page.evaluate(
    `[...document.querySelectorAll('[aria-label^="Quotas"] li')].map((each) => each.dataset.row)`,
  );
  expect(names).toEqual([`purse:${USER}`, `day:${USER}`, 'team']);
  const forecasts = await list.locator('[data-cell=forecast]').allInnerTexts();
  expect([forecasts[0], forecasts[2]]).toEqual(['empty', 'holds']);
  const leftOf = (name: string) => list.locator(`[data-row="${name}"] [data-cell=left]`).getAttribute('title');
  const spentOf = (name: string) => list.locator(`[data-row="${name}"] [data-cell=spent]`).getAttribute('title');
  expect([await spentOf(`day:${USER}`), await spentOf('team')]).toEqual([dollars(spent), dollars(spent)]);
  // It flows back while we look, a thousand nanodollars a day.
  const left = items.find(({ bucket }) => bucket === `day:${USER}`)?.balance_nanodollars ?? '';
  expect((await leftOf(`day:${USER}`))?.slice(0, -3)).toBe(dollars(left).slice(0, -3));
  expect(1_000_000 - Number(left)).toBeCloseTo(Number(spent), -2);
  await visit.close();
});

test('who has asked nothing yet is told how to begin, with a command that works', async () => {
  const visit = await world.visit(NOBODY_YET, '/ui/', { width: 360, height: 740 });
  const { page } = visit;
  await page.getByText('How to begin').waitFor();
  const command = (await page.getByRole('figure', { name: 'A first request' }).locator('pre').textContent()) ?? '';
  const [, url = '', body = ''] = /curl (\S+)[\s\S]*-d '(.*)'/.exec(command) ?? [];
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'tailscale-user-login': NOBODY_YET },
    body,
  });
  expect([url, answer.status]).toEqual([`${world.gateway.url}/v1/chat/completions`, 200]);
  await answer.arrayBuffer();
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
  expect(await visit.axe()).toEqual([]);
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('a foreign name is shown as what it is, on a phone and by night too', async () => {
  const visit = await world.visit(ADMIN, '/ui/?by=agent', { width: 390, height: 844, theme: 'dark' });
  const { page } = visit;
  const shown = page.getByRole('region', { name: 'Usage by agent' }).getByRole('link', { name: 'U+202E' });
  await shown.waitFor();
  expect(await shown.textContent()).toBe(HOSTILE.replace('\u202e', 'U+202E'));
  expect(await page.title()).toBe('Aperture');
  expect(await page.locator('img[src=x]').count()).toBe(0);
  expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0);
  expect(await visit.axe()).toEqual([]);
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('a gateway that fails is told of, and asked once more', async () => {
  const visit = await world.visit(ADMIN, '/ui/requests');
  const { page } = visit;
  await page.route(USAGE, (route) => route.fulfill({ status: 500, json: { error: 'The books are closed.' } }));
  await page.goto(`${world.gateway.url}/ui/`);
  await page.getByText('The books are closed.').waitFor();
  expect(await visit.axe()).toEqual([]);
  await page.unroute(USAGE);
  await page.getByRole('button', { name: 'Try again' }).click();
  await expect.poll(() => figures(page), polled).toEqual(figuresOf(await booked()));
  await visit.close();
});
