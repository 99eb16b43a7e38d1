import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Page } from 'playwright-core';
import { HOSTILE, LONG, SHARED, storeOne, storeStories, TOLD } from './logs-records.ts';
import { until } from '../support/until.ts';
import { ADMIN, USER } from './organisation.ts';
import { MODELS, startWorld } from './world.ts';
import type { BrowserWorld, Visit } from './world.ts';

const DAY_MS = 86_400_000;
/** The month ends with yesterday; what a test adds comes after. */
const MIDNIGHT_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS;

let world: BrowserWorld;

beforeAll(async () => {
  world = await startWorld('logs', { records: 1_500 });
  await storeStories(world.pool, MIDNIGHT_MS);
});
afterAll(() => world.close());

/** What the books say, asked in the test's own words. */
interface Booked {
  id: string;
  login: string;
  model: string;
  state: string;
  put: string | null;
  cached: string | null;
  out: string | null;
  cost: string | null;
  calls: number;
}

async function booked(where: string, values: unknown[] = [], limit = 10_000): Promise<Booked[]> {
  const { rows } = await world.pool.query<Booked>(
    `SELECT id, login, model, state, tool_call_count AS calls, cost_nanodollars::text AS cost, cache_read::text AS cached,
            (input_uncached + cache_read + cache_write_5m + cache_write_1h + cache_write_other + audio_in + image_in)::text AS put,
            (output + reasoning + audio_out + image_out)::text AS out
       FROM aperture.records WHERE ${where} ORDER BY id DESC LIMIT ${limit}`,
    values,
  );
  return rows;
}

/** In the page's own words: its elements have no types here. */
const attributes = (page: Page, selector: string, name: string) =>
  page.evaluate<string[]>(
    `[...document.querySelectorAll(${JSON.stringify(selector)})].map((one) => one.getAttribute('${name}') ?? '')`,
  );
const rowIds = (page: Page) => attributes(page, '[data-row]', 'data-row');
const cellTitles = (page: Page, cell: string) => attributes(page, `[data-cell=${cell}] > [title]`, 'title');

/** `$0.012345678`, worked out here. */
function exactMoney(nanodollars: string): string {
  const digits = nanodollars.padStart(10, '0');
  return `$${Number(digits.slice(0, -9)).toLocaleString('en')}.${digits.slice(-9)}`;
}
const exactCount = (value: string) => Number(value).toLocaleString('en');

async function rowsAre(page: Page, ids: readonly string[]): Promise<void> {
  const same = async () => (await rowIds(page)).join() === ids.join();
  await until('the list shows these rows', same).catch(() => undefined);
  expect(await rowIds(page)).toEqual(ids);
}
const idsOf = (rows: readonly Booked[]) => rows.map(({ id }) => id);

async function wellMade(visit: Visit): Promise<void> {
  expect(await visit.axe()).toEqual([]);
  expect(visit.problems()).toEqual([]);
}

test('an admin sees everyone’s requests, newest first, each figure as the books have it, and more when asked', async () => {
  const visit = await world.visit(ADMIN, '/ui/requests?range=90d');
  const books = await booked('true', [], 200);
  await rowsAre(visit.page, idsOf(books.slice(0, 100)));
  const noted = books.slice(0, 100);
  const costs = noted.map(({ cost }) => (cost === null ? 'No usage was told, so no cost is known' : exactMoney(cost)));
  expect(await cellTitles(visit.page, 'cost')).toEqual(costs);
  for (const [cell, of] of [
    ['in', ({ put }: Booked) => put],
    ['cached', ({ cached }: Booked) => cached],
    ['out', ({ out }: Booked) => out],
  ] as const) {
    const said = (await cellTitles(visit.page, cell)).map((title) =>
      title.replace(', counted until the response broke off', ''),
    );
    expect(said).toEqual(
      noted.map((row) => (of(row) === null ? 'The provider told no usage' : exactCount(of(row) ?? ''))),
    );
  }
  const answered = await world.json(ADMIN, '/api/requests?limit=100');
  expect((answered as { items: { id: string }[] }).items.map(({ id }) => id)).toEqual(noted.map(({ id }) => id));

  await visit.page.getByRole('button', { name: 'Load more' }).click();
  await rowsAre(visit.page, idsOf(books));
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('filters narrow to what the books say, stand in the address, and are cleared together', async () => {
  const visit = await world.visit(ADMIN, '/ui/requests?range=90d', { theme: 'dark' });
  const { page } = visit;
  const all = idsOf(await booked('true', [], 100));
  await rowsAre(page, all);
  await pick(page, 'State', 'error');
  await pick(page, 'Model', 'claude-sonnet-4-6');
  const errors = await booked(`state = 'error' AND model = 'claude-sonnet-4-6'`);
  expect(errors.length).toBeGreaterThan(1);
  await rowsAre(page, idsOf(errors));
  expect(new URL(page.url()).searchParams.get('state')).toBe('error');
  await wellMade(visit);

  await page.reload();
  await rowsAre(page, idsOf(errors));
  await page.getByRole('button', { name: 'Clear filters' }).click();
  await rowsAre(page, all);
  expect(new URL(page.url()).searchParams.get('state')).toBeNull();

  await pick(page, 'Tool', 'apply_patch');
  const calling = await booked(
    `id IN (SELECT record_id FROM aperture.tool_calls WHERE name = 'apply_patch') AND cost_nanodollars >= 10000000`,
  );
  await page.getByRole('button', { name: 'More filters' }).click();
  await pick(page, 'Cost at least', '$0.01');
  await rowsAre(page, idsOf(calling.slice(0, 100)));
  await page.getByRole('button', { name: 'Clear filters' }).click();

  await pick(page, 'Group', 'group:data');
  const members = await booked(`'group:data' = ANY(groups)`, [], 100);
  await rowsAre(page, idsOf(members));
  await visit.close();
});

async function pick(page: Page, filter: string, value: string): Promise<void> {
  await page.getByRole('button', { name: filter, exact: true }).click();
  await page.getByRole('combobox', { name: filter }).fill(value);
  await page.getByRole('option', { name: value }).first().click();
}

test('a user sees their own and is offered no others', async () => {
  const visit = await world.visit(
    USER,
    `/ui/requests?range=90d&session=${TOLD.session}&login=${encodeURIComponent(ADMIN)}`,
  );
  const own = await booked('login = $1 AND session_id = $2', [USER, TOLD.session]);
  await rowsAre(visit.page, idsOf(own));
  expect(await visit.page.getByRole('button', { name: 'User', exact: true }).count()).toBe(0);
  expect(await visit.page.getByRole('columnheader', { name: 'User' }).count()).toBe(0);
  await wellMade(visit);
  await visit.close();
});

test('live: new requests come in and stand out, long ones where they belong; it waits while a row is chosen or the page hidden', async () => {
  const visit = await world.visit(USER, '/ui/requests');
  const { page } = visit;
  await page.locator('[data-item]').first().waitFor();
  await page.getByRole('switch', { name: 'Live' }).click();
  await page.getByText('Looking every 2 s').waitFor();
  const chat = { model: MODELS.chat, messages: [{ role: 'user', content: 'hello' }] };
  const exchange = () => world.exchange(USER, { path: '/v1/chat/completions', body: chat });
  const first = await exchange();
  await page.locator(`[data-row="${first}"][data-marked=true]`).waitFor();
  expect((await rowIds(page))[0]).toBe(first);

  // j goes to the next row: what comes now would move it away.
  await page.locator(`[data-item="${first}"]`).focus();
  await page.keyboard.press('j');
  await page.getByText('Paused while a row is chosen').waitFor();
  const late = await storeOne(world.pool, Date.now() - 5 * 60_000, { session_id: 'late' });
  const second = await exchange();
  expect(await page.locator(`[data-row="${second}"]`).count()).toBe(0);
  await page.keyboard.press('Escape');
  await page.locator(`[data-row="${second}"]`).waitFor();
  await page.locator(`[data-row="${late}"]`).waitFor();
  const shown = await rowIds(page);
  expect(shown).toEqual([...shown].sort().reverse());

  // A browser without a screen hides no page: it is told so.
  await page.evaluate(`
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' });
    document.dispatchEvent(new Event('visibilitychange'));
  `);
  await page.getByText('Paused while the page is hidden').waitFor();
  expect(new URL(page.url()).searchParams.get('live')).toBe('true');
  await wellMade(visit);
  await visit.close();
});

test('the keyboard alone opens a request', async () => {
  const visit = await world.visit(USER, '/ui/requests?range=90d');
  const { page } = visit;
  await page.locator('[data-item]').first().focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('j');
  await page.keyboard.press('k');
  const second = (await rowIds(page))[1] ?? '';
  await page.locator(`[data-item="${second}"]:focus`).waitFor();
  await page.keyboard.press('Enter');
  await page.waitForURL(`**/ui/requests/${second}`);
  await visit.close();
});

test('sessions and their sums are as the books have them, and lead to their turns', async () => {
  const visit = await world.visit(ADMIN, '/ui/sessions?range=90d');
  const { page } = visit;
  const { rows } = await world.pool.query<{ session_id: string; requests: string; cost: string }>(
    `SELECT session_id, count(*) AS requests, coalesce(sum(cost_nanodollars), 0)::text AS cost
       FROM aperture.records GROUP BY session_id, login ORDER BY max(id::text) DESC LIMIT 100`,
  );
  const ids = rows.map(({ session_id }) => session_id);
  await rowsAre(page, ids);
  const costs = await cellTitles(page, 'cost');
  expect(costs.map((title) => title.split(',')[0])).toEqual(rows.map(({ cost }) => exactMoney(cost)));
  const requests = await attributes(page, '[data-cell=requests]', 'title');
  expect(requests).toEqual(rows.map(({ requests: all }) => exactCount(all)));

  await pick(page, 'Tool', 'Task');
  const tasked = await world.pool.query<{ session_id: string }>(
    `SELECT session_id FROM aperture.records JOIN aperture.tool_calls USING (session_id, login)
      WHERE name = 'Task' GROUP BY session_id, login ORDER BY max(records.id::text) DESC LIMIT 100`,
  );
  await rowsAre(
    page,
    tasked.rows.map(({ session_id }) => session_id),
  );
  await wellMade(visit);
  await page.locator(`[data-row="${TOLD.session}"]`).click();
  await page.waitForURL(`**/ui/sessions/${TOLD.session}?login=*`);
  await page.getByRole('table', { name: 'Turns' }).waitFor();
  await visit.close();
});

test('a session tells its turns: figures of the books, calls with their results, sub-agents, errors, children', async () => {
  for (const [login, theme] of [
    [ADMIN, 'light'],
    [USER, 'dark'],
  ] as const) {
    const visit = await world.visit(login, `/ui/sessions/${TOLD.session}`, { theme, height: 2_400 });
    const { page } = visit;
    await page.getByText('1.5 KB at').first().waitFor();
    const books = (await booked('session_id = $1', [TOLD.session])).toReversed();
    await rowsAre(page, [`${TOLD.session}/explore`, `${TOLD.session}/review`, ...idsOf(books)]);
    const sum = (of: (row: Booked) => string | null) =>
      books.reduce((total, row) => total + BigInt(of(row) ?? 0), 0n).toString();
    const figure = (name: string) => page.locator(`[data-figure=${name}] dd[title]`).getAttribute('title');
    expect(await figure('requests')).toBe(exactCount(String(TOLD.turns)));
    expect(await figure('cost')).toBe(exactMoney(sum(({ cost }) => cost)));
    expect(await figure('in')).toBe(exactCount(sum(({ put }) => put)));
    expect(await figure('out')).toBe(exactCount(sum(({ out }) => out)));
    expect(await figure('tools')).toBe(exactCount(sum(({ calls }) => String(calls))));

    await page.getByText(`Sub-agent ${TOLD.subAgent}`).waitFor();
    await page.getByText('provider_error: Overloaded').waitFor();
    const results = await page.locator('[data-call=Bash]').allInnerTexts();
    expect(results.length).toBeGreaterThan(2);
    expect(results[0]).toMatch(/^Bash\s*error, 1\.5 KB at \d\d:\d\d:\d\d$/);
    expect(await page.getByRole('link', { name: `${TOLD.session}/explore` }).count()).toBe(1);
    await wellMade(visit);

    await page.getByRole('link', { name: `${TOLD.session}/explore` }).click();
    await page.getByRole('link', { name: 'another session' }).click();
    await page.getByRole('table', { name: 'Turns' }).waitFor();
    await page.getByRole('link', { name: 'As a list of requests' }).click();
    await rowsAre(page, idsOf(books).toReversed());
    expect(visit.problems()).toEqual([]);
    await visit.close();
  }
});

test('a thousand turns are a few rows on the page, and the last is a key away', async () => {
  const visit = await world.visit(USER, `/ui/sessions/${LONG.session}`);
  const { page } = visit;
  const rows = page.getByRole('table', { name: 'Turns' }).locator('[data-row]');
  await rows.first().waitFor();
  expect(await rows.count()).toBeLessThan(80);
  await page.locator('[data-item]').first().focus();
  await page.keyboard.press('End');
  await page.locator('[aria-label^="Turn 1000,"]:focus').waitFor();
  await page.getByRole('slider', { name: 'Turn' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.locator('[aria-label^="Turn 1,"]:focus').waitFor();
  expect(await rows.count()).toBeLessThan(80);
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('a name that several people gave their sessions asks whose is meant', async () => {
  const visit = await world.visit(ADMIN, `/ui/sessions/${SHARED}`);
  const { page } = visit;
  await page.getByText('Several people have a session of this name').waitFor();
  await page.getByRole('link', { name: USER }).waitFor();
  expect(await visit.axe()).toEqual([]);
  await page.getByRole('link', { name: USER }).click();
  await page.getByRole('table', { name: 'Turns' }).waitFor();
  expect(new URL(page.url()).searchParams.get('login')).toBe(USER);
  await visit.close();
  const user = await world.visit(USER, `/ui/sessions/${SHARED}`);
  await user.page.getByRole('table', { name: 'Turns' }).waitFor();
  await user.close();
});

test('names that harm are text, and what is not seen is named', async () => {
  const visit = await world.visit(USER, `/ui/requests?range=90d&session=${encodeURIComponent(HOSTILE.session)}`);
  const { page } = visit;
  const dialogs: string[] = [];
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message());
    void dialog.dismiss();
  });
  expect(await page.locator('[data-cell=model]').innerText()).toBe(
    '<script>alert(1)</script>U+202Egpt → claude-sonnet-4-5-20250929',
  );
  await page.goto(`${world.gateway.url}/ui/sessions/${encodeURIComponent(HOSTILE.session)}`);
  await page.locator('[data-call]').waitFor();
  expect(await page.locator('[data-call]').innerText()).toContain(HOSTILE.tool);
  expect(dialogs).toEqual([]);
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('a phone has two lines a row, and no page is wider than its screen', async () => {
  for (const path of [
    '/ui/requests?range=90d',
    '/ui/sessions?range=90d',
    `/ui/sessions/${TOLD.session}?login=${USER}`,
  ]) {
    const visit = await world.visit(ADMIN, path, { width: 360, height: 740 });
    await visit.page.locator('[data-item]').first().waitFor();
    expect(await visit.page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360);
    await wellMade(visit);
    await visit.close();
  }
});

test('nothing there, nothing found, and a gateway that is away are said as they are', async () => {
  const visit = await world.visit(USER, '/ui/requests?model=none-like-this');
  const { page } = visit;
  await page.getByText('No requests like that').waitFor();
  await wellMade(visit);
  await page.goto(`${world.gateway.url}/ui/sessions/nobodys`);
  await page.getByText('Not found', { exact: true }).waitFor();
  await page.route('**/api/sessions?*', (route) => route.abort());
  await page.goto(`${world.gateway.url}/ui/sessions`);
  await page.getByText('The gateway does not answer.').waitFor();
  await page.unroute('**/api/sessions?*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('[data-item]').first().waitFor();
  await visit.close();
});
