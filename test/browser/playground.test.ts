import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { bury } from '../../src/store/dead-letters.ts';
import { aRecord } from '../support/records.ts';
import { until } from '../support/until.ts';
import { ADMIN, USER } from './organisation.ts';
import { MODELS, startWorld } from './world.ts';
import type { BrowserWorld, Visit } from './world.ts';

/* The playground, activity and dead letters: three pages of one world. */

const APP = 'tailscale.com/cap/aperture';
/** Has a budget that covers nothing, and a rule that blocks a word. */
const POOR = 'nora@example.com';
/** Through an API that the playground does not speak. */
const CONVERSER = 'titan-1';
const OWN_KEY = 'own-key-1';

let world: BrowserWorld;

beforeAll(async () => {
  world = await startWorld('playground', {
    records: 1_500,
    config: {
      quotas: { 'tiny:<user>': { capacity: '$0.000001', reserve: 'strict' } },
      hooks: {
        projects: {
          builtin: { kind: 'words', action: 'block', words: ['Nightjar'], message: 'Project names stay here' },
        },
      },
    },
    providers: {
      converse: {
        baseurl: 'http://127.0.0.1:9',
        apikey: 'sk-converse-0123456789',
        models: [CONVERSER],
        compatibility: { openai_chat: false, bedrock_converse: true },
      },
      own: { baseurl: 'http://127.0.0.1:9', auth_mode: 'passthrough', models: [OWN_KEY] },
    },
    grants: [
      {
        src: [POOR],
        app: {
          [APP]: [
            { role: 'user' },
            { models: `**/${MODELS.chat}`, quotas: [{ bucket: 'tiny:<user>' }] },
            { models: `**/${MODELS.messages}`, send_hooks: [{ name: 'projects' }] },
          ],
        },
      },
    ],
  });
});
afterAll(() => world.close());

const fits = (page: Page) => page.evaluate('document.documentElement.scrollWidth <= innerWidth');
const exchange = (page: Page, number: number): Locator => page.locator('li[data-state]').nth(number - 1);

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel('Your turn').fill(text);
  await page.getByLabel('Your turn').press('Enter');
}

/** Of answers that were refused the browser itself says so; everything else is ours. */
const ownProblems = (visit: Visit): string[] =>
  visit.problems().filter((problem) => !problem.includes('Failed to load resource'));

const Booked = z.array(
  z.object({
    id: z.string(),
    api: z.string(),
    state: z.string(),
    session: z.string(),
    input: z.number().nullable(),
    output: z.number().nullable(),
    cost: z.string().nullable(),
  }),
);

/** What the ledger has of somebody's requests through a browser, the oldest first. */
async function booked(login: string): Promise<z.infer<typeof Booked>> {
  const { rows } = await world.pool.query(
    `SELECT id::text, api, state, session_id AS session, (input_uncached + cache_read)::int AS input,
            (output + reasoning)::int AS output, cost_nanodollars::text AS cost
       FROM aperture.records WHERE login = $1 AND agent = 'browser' ORDER BY id`,
    [login],
  );
  return Booked.parse(rows);
}

describe('the playground', () => {
  test('turns of one conversation: streamed, booked in one session, with what the ledger says of each; another is another', async () => {
    const visit = await world.visit(ADMIN, `/ui/playground?model=${MODELS.chat}`);
    const { page } = visit;
    await page.getByText('Nothing was said yet').waitFor();
    expect(await visit.axe()).toEqual([]);
    await page.getByLabel('System prompt').fill('Be brief.');
    const hostile = '<img src=x onerror=alert(1)>';
    await say(page, `Hello [[sim:text=${encodeURIComponent(hostile)};input=1200;output=34]]`);
    await expect.poll(() => exchange(page, 1).locator('[data-answer]').innerText()).toBe(hostile);
    await say(page, 'And again [[sim:text=Second;input=1300;output=7]]');
    await expect.poll(() => exchange(page, 2).locator('[data-answer]').innerText()).toBe('Second');
    await exchange(page, 2).getByRole('link', { name: 'Recorded request' }).waitFor({ timeout: 60_000 });
    await exchange(page, 1).getByRole('link', { name: 'Recorded request' }).waitFor({ timeout: 60_000 });

    const books = await booked(ADMIN);
    expect(books.map(({ input, output, state }) => [input, output, state])).toEqual([
      [1200, 34, 'complete'],
      [1300, 7, 'complete'],
    ]);
    expect(new Set(books.map(({ session }) => session)).size).toBe(1);
    for (const [at, { input, output, cost }] of books.entries()) {
      const figure = (name: string) => exchange(page, at + 1).locator(`[data-figure=${name}]`);
      expect(await figure('in').getAttribute('title')).toBe(`${(input ?? 0).toLocaleString('en-US')} tokens`);
      expect(await figure('out').getAttribute('title')).toBe(`${output ?? 0} tokens`);
      const exactly = await figure('cost').locator('[title]').getAttribute('title');
      expect(exactly).toBe(`$0.${(cost ?? '').padStart(9, '0')}`);
      expect(await figure('first').count()).toBe(1);
    }
    const sum = books.reduce((all, { cost }) => all + BigInt(cost ?? '0'), 0n);
    expect(await page.locator('[data-figure=sum]').getAttribute('title')).toBe(`$0.${String(sum).padStart(9, '0')}`);
    expect(await visit.axe()).toEqual([]);

    // A look at the request and back: what was said is still there. The request has what was sent with it.
    await exchange(page, 2).getByRole('link', { name: 'Recorded request' }).click();
    await page.waitForURL(`**/ui/requests/${books[1]?.id ?? ''}*`);
    await page.goBack();
    await expect.poll(() => page.locator('li[data-state]').count()).toBe(2);
    const body = await world.json(ADMIN, `/api/requests/${books[1]?.id ?? ''}/body?side=request&form=json`);
    expect(JSON.stringify(body)).toContain(hostile);
    expect(JSON.stringify(body)).toContain('Be brief.');

    await page.getByRole('button', { name: 'New conversation' }).click();
    await page.getByText('Nothing was said yet').waitFor();
    await say(page, 'Anew [[sim:text=Third]]');
    await expect.poll(() => exchange(page, 1).locator('[data-answer]').innerText()).toBe('Third');
    await expect.poll(async () => (await booked(ADMIN)).length, { timeout: 60_000 }).toBe(3);
    expect(new Set((await booked(ADMIN)).map(({ session }) => session)).size).toBe(2);
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });

  test('each API that it speaks is asked through its own path', async () => {
    const visit = await world.visit(USER, '/ui/playground', { theme: 'dark' });
    const { page } = visit;
    const ways = [
      [`model=${MODELS.chat}&format=chat`, 'openai_chat'],
      [`model=${MODELS.chat}&format=responses`, 'openai_responses'],
      [`model=${MODELS.messages}`, 'anthropic_messages'],
      [`model=${MODELS.gemini}`, 'gemini_generate_content'],
    ] as const;
    for (const [way, api] of ways) {
      await page.goto(`${world.gateway.url}/ui/playground?${way}`);
      await say(page, `In ${api} [[sim:text=said-by-${api}]]`);
      await expect.poll(() => exchange(page, 1).locator('[data-answer]').innerText()).toBe(`said-by-${api}`);
      await page.locator('li[data-state=done]').waitFor();
    }
    expect(await visit.axe()).toEqual([]);
    await expect
      .poll(async () => (await booked(USER)).map(({ api }) => api), { timeout: 60_000 })
      .toEqual(ways.map(([, api]) => api));
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });

  test('a stop leaves the provider at once, and what was said stays', async () => {
    const visit = await world.visit(USER, `/ui/playground?model=${MODELS.messages}`);
    const { page } = visit;
    const { number: before = 0 } = world.simulator.books().entries.at(-1) ?? {};
    await say(page, 'Wait [[sim:events=40;stall_after=6;tag=stopped]]');
    await expect.poll(() => exchange(page, 1).locator('[data-answer]').count()).toBe(1);
    await page.getByRole('button', { name: 'Stop' }).click();
    await exchange(page, 1).getByText('Stopped', { exact: true }).waitFor();
    const left = await until('the provider is left', () => {
      return Promise.resolve(
        world.simulator.books(before, 'stopped').entries.find(({ ending }) => ending === 'client_left'),
      );
    });
    expect(left).toBeDefined();
    await expect.poll(async () => (await booked(USER)).at(-1)?.state, { timeout: 60_000 }).toBe('aborted');
    // It is part of what is said next.
    await say(page, 'Go on [[sim:text=Gone]]');
    await expect.poll(() => exchange(page, 2).locator('[data-answer]').innerText()).toBe('Gone');
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });

  test('who says no is told: a quota, a rule, a provider, a stream that fails; and what went wrong can be tried again', async () => {
    const visit = await world.visit(POOR, `/ui/playground?model=${MODELS.chat}`, { width: 360, height: 800 });
    const { page } = visit;
    const refusal = page.getByRole('alert');
    await say(page, 'Too dear');
    await refusal.getByText('A quota does not cover it').waitFor();
    await refusal.getByText('tiny:nora@example.com').waitFor();

    await page.goto(`${world.gateway.url}/ui/playground?model=${MODELS.messages}`);
    await say(page, 'What of Nightjar?');
    await refusal.getByText('A guardrail blocked it').waitFor();
    await refusal.getByText('Project names stay here').waitFor();
    expect(await fits(page)).toBe(true);
    expect(await visit.axe()).toEqual([]);

    await page.getByRole('button', { name: 'New conversation' }).click();
    await say(page, 'Slow down [[sim:status=429;message=not%20so%20fast]]');
    await refusal.getByText('The provider refused').waitFor();
    await page.getByRole('button', { name: 'Try again' }).click();
    await refusal.getByText('The provider refused').waitFor();
    expect(await page.locator('li[data-state]').count()).toBe(1);
    await say(page, 'Break [[sim:events=10;error_after=4;error=overloaded_error]]');
    await expect.poll(() => exchange(page, 2).getAttribute('data-state')).toBe('failed');
    await exchange(page, 2).getByText('The provider refused').waitFor();
    expect(await exchange(page, 2).locator('[data-answer]').count()).toBe(1);
    expect(ownProblems(visit)).toEqual([]);
    await visit.close();
  });

  test('what cannot be asked here says why; /chat leads here', async () => {
    const moved = await fetch(`${world.gateway.url}/chat`, { redirect: 'manual' });
    expect([moved.status, moved.headers.get('location')]).toEqual([302, '/ui/playground']);
    const visit = await world.visit(ADMIN, `/ui/playground?model=${CONVERSER}`, {
      width: 390,
      height: 844,
      theme: 'dark',
    });
    const { page } = visit;
    await page.getByText('It is to be had as Converse').waitFor();
    expect(await page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
    expect(await visit.axe()).toEqual([]);
    await page.goto(`${world.gateway.url}/ui/playground?model=${OWN_KEY}`);
    await page.getByText('You bring the key for its provider yourself').waitFor();
    await page.goto(`${world.gateway.url}/ui/playground?model=no-such-model`);
    await page.getByText('This model is not open to you').waitFor();
    await page.getByRole('button', { name: 'Settings' }).click();
    await page.getByLabel('Temperature').fill('7');
    await page.getByText('From 0 to 2').waitFor();
    expect(await fits(page)).toBe(true);
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });
});

interface Expected {
  requests: number;
  users: number;
  errors: number;
  first: number[];
  whole: number[];
}

/** By hand, from what the month was made of. */
function countedBy(nameOf: (record: ExchangeRecord) => string, login?: string): Map<string, Expected> {
  const found = new Map<string, Expected>();
  const logins = new Map<string, Set<string>>();
  for (const record of world.month) {
    if (login !== undefined && record.login !== login) continue;
    const name = nameOf(record);
    const sums = found.get(name) ?? { requests: 0, users: 0, errors: 0, first: [], whole: [] };
    found.set(name, sums);
    sums.requests += 1;
    const isRefused = (record.state === 'denied' || record.state === 'blocked') && record.attempts.length === 0;
    if (!isRefused) {
      const these = logins.get(name) ?? new Set();
      logins.set(name, these.add(record.login));
      sums.users = these.size;
      if (record.status >= 400) sums.errors += 1;
    }
    const { first_byte_at: first } = record;
    if (record.state !== 'complete' || record.status >= 400 || first === null) continue;
    if (record.stream) sums.first.push(first - record.received_at);
    sums.whole.push(record.ended_at - record.received_at);
  }
  return found;
}

/** The least of them that a share of all is no longer than. */
function within(times: readonly number[], share: number): number {
  const sorted = times.toSorted((one, other) => one - other);
  return sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
}

/** The figures of a cell's title, which are exact. */
async function titled(row: Locator, cell: string): Promise<number> {
  const title = (await row.locator(`[data-cell=${cell}]`).getAttribute('title')) ?? '';
  return Number(/^[\d,]+/.exec(title)?.[0].replaceAll(',', ''));
}

describe('activity', () => {
  /** Whole days that end before today, when the other tests ask. */
  const range = () => {
    const times = world.month.map(({ received_at }) => received_at);
    const day = (ms: number) => new Date(ms).toISOString().slice(0, 10);
    return `from=${day(Math.min(...times))}T00:00:00Z&to=${day(Date.now())}T00:00:00Z`;
  };

  test.each([
    ['model', ADMIN],
    ['agent', ADMIN],
    ['model', USER],
  ] as const)('by %s, to %s: counts are those of the ledger, times exact to a twentieth', async (by, login) => {
    const isAdmin = login === ADMIN;
    const visit = await world.visit(login, `/ui/activity?${range()}&by=${by}`, { theme: isAdmin ? 'light' : 'dark' });
    const { page } = visit;
    await page.locator('tr[data-row=total] [data-cell=whole_p95][title]').waitFor();
    const expected = countedBy((record) => record[by], isAdmin ? undefined : login);
    expect(await page.locator('tbody tr').count()).toBe(expected.size);
    for (const [name, { requests, users, errors, first, whole }] of expected) {
      const row = page.locator(`tbody tr[data-row="${name}"]`);
      expect(await titled(row, 'requests'), name).toBe(requests);
      expect(await titled(row, 'errors'), name).toBe(errors);
      if (isAdmin) expect(await titled(row, 'users'), name).toBe(users);
      for (const [cell, exactly] of [
        ['first_p50', within(first, 0.5)],
        ['first_p95', within(first, 0.95)],
        ['whole_p50', within(whole, 0.5)],
        ['whole_p95', within(whole, 0.95)],
      ] as const) {
        if (Number.isNaN(exactly)) continue;
        expect(Math.abs((await titled(row, cell)) - exactly), `${name} ${cell}`).toBeLessThanOrEqual(
          exactly * 0.05 + 1,
        );
      }
    }
    expect(await page.getByRole('columnheader', { name: 'Users' }).count()).toBe(isAdmin ? 1 : 0);
    expect(await visit.axe()).toEqual([]);
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });

  test('every measure has its chart; a name leads to its own times and who uses it; it fits a phone', async () => {
    const visit = await world.visit(ADMIN, `/ui/activity?${range()}`, { width: 360, height: 800, theme: 'dark' });
    const { page } = visit;
    for (const measure of ['Tokens', 'Cost', 'Errors', 'First byte', 'Whole answer']) {
      await page.getByRole('radio', { name: measure, exact: true }).click();
      await page.getByRole('img', { name: `${measure} over time, by model` }).waitFor();
    }
    await page.getByRole('link', { name: MODELS.chat, exact: true }).click();
    await page.waitForURL(new RegExp(`name=${MODELS.chat}`));
    await page.getByRole('img', { name: `How fast ${MODELS.chat} answers` }).waitFor();
    const users = page.getByRole('list', { name: 'Who uses it' });
    await users.waitFor();
    const counts = new Map<string, number>();
    for (const { model, login } of world.month) {
      if (model === MODELS.chat) counts.set(login, (counts.get(login) ?? 0) + 1);
    }
    const most = Math.max(...counts.values());
    expect(await users.locator('[data-cell=value]').first().getAttribute('title')).toBe(String(most));
    expect(await fits(page)).toBe(true);
    expect(await visit.axe()).toEqual([]);
    expect(visit.problems()).toEqual([]);
    await visit.close();
  });
});

test('dead letters: what was not stored and why; one is stored after all, one is removed; only admins see them', async () => {
  const good = aRecord({ received_at: Date.now() - 3_600_000, login: 'alan@example.com' });
  await bury(world.pool, systemClock, { kind: 'record', subject: good.id, error: 'out of range <b>', body: good });
  await bury(world.pool, systemClock, { kind: 'job', subject: 'records', error: 'no such job', body: { v: 99 } });
  const visit = await world.visit(ADMIN, '/ui/deliveries?tab=letters');
  const { page } = visit;
  const rows = page.getByRole('region', { name: 'Dead letters' }).locator('tbody tr');
  await expect.poll(() => rows.count()).toBe(2);
  expect(await visit.axe()).toEqual([]);
  const dialog = page.getByRole('dialog');
  await rows.filter({ hasText: 'out of range <b>' }).getByRole('button').click();
  await dialog.getByText('claude-cli/2.0.1').waitFor();
  expect(await visit.axe()).toEqual([]);
  await dialog.getByRole('button', { name: 'Try again' }).click();
  await dialog.getByText('It is stored now.').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await expect.poll(() => rows.count()).toBe(1);
  const stored = await world.pool.query('SELECT FROM aperture.records WHERE id = $1', [good.id]);
  expect(stored.rowCount).toBe(1);

  await page.getByRole('button', { name: 'Try all again…' }).click();
  await dialog.getByRole('button', { name: 'Try again' }).click();
  await dialog.getByText('0 stored, 1 still not.').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await rows.first().getByRole('button').click();
  await dialog.getByRole('button', { name: 'Remove…' }).click();
  await dialog.getByRole('button', { name: 'Remove for good' }).click();
  await page.getByText('Everything was stored').waitFor();
  const { rows: noted } = await world.pool.query(
    `SELECT action FROM aperture.audit WHERE by_login = $1 AND action LIKE 'dead_letters.%' ORDER BY number`,
    [ADMIN],
  );
  expect(noted.map(({ action }: { action: string }) => action)).toEqual([
    'dead_letters.replayed',
    'dead_letters.replayed',
    'dead_letters.removed',
  ]);
  expect(visit.problems()).toEqual([]);
  await visit.close();

  const user = await world.visit(USER, '/ui/deliveries?tab=letters');
  await user.page.getByText('This page is for admins').waitFor();
  expect(user.problems()).toEqual([]);
  await user.close();
});

test('from anywhere to anywhere: every page is in the list, which follows the keys', async () => {
  const visit = await world.visit(ADMIN, '/ui/models', { width: 1280, height: 600 });
  const { page } = visit;
  await page.locator('nav li a').first().waitFor();
  await page.keyboard.press('Control+k');
  const options = page.getByRole('listbox', { name: 'Destinations' }).getByRole('option');
  expect(await options.count()).toBe(await page.locator('nav li a').count());
  for (let step = 1; step < (await options.count()); step += 1) await page.keyboard.press('ArrowDown');
  expect(await options.last().getAttribute('aria-selected')).toBe('true');
  const edge = async (of: Locator) => {
    const box = await of.boundingBox();
    return (box?.y ?? 0) + (box?.height ?? 0);
  };
  const list = page.getByRole('listbox', { name: 'Destinations' });
  expect(await edge(options.last())).toBeLessThanOrEqual((await edge(list)) + 1);
  await page.getByRole('combobox', { name: 'Go to' }).fill('play');
  await page.keyboard.press('Enter');
  await page.waitForURL('**/ui/playground');
  await page.getByText('Nothing was said yet').waitFor();
  expect(visit.problems()).toEqual([]);
  await visit.close();
});
