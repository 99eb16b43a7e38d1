import type { Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { recordAudit } from '../../src/store/audit.ts';
import { startReceiver } from '../support/receiver.ts';
import { EXPORTED, FAILING, storeOperations } from './operations-records.ts';
import { ADMIN, idAt, USER } from './organisation.ts';
import { MODELS, startWorld } from './world.ts';
import type { BrowserWorld } from './world.ts';

const APP = 'tailscale.com/cap/aperture';
const BLIND = 'edsger@example.com';
const SIEM = 'webhooks.siem';
const SECRET = `whsec_${Buffer.alloc(32, 'f').toString('base64')}`;

let world: BrowserWorld;
let receiver: Awaited<ReturnType<typeof startReceiver>>;
let records: ExchangeRecord[];

beforeAll(async () => {
  receiver = await startReceiver();
  world = await startWorld('operations', {
    records: 0,
    config: {
      exporters: { webhooks: { siem: { url: receiver.url, secret: SECRET, events: ['kill_switch'] } } },
      hooks: { pii: { builtin: { kind: 'personal_data', action: 'redact' } } },
    },
    grants: [{ src: [BLIND], app: { [APP]: [{ role: 'admin', read_audit: false }] } }],
    server: { egress: { allow: ['127.0.0.1'] } },
  });
  records = await storeOperations(world.pool, Math.floor(Date.now() / 86_400_000) * 86_400_000);
});
afterAll(async () => {
  await world.close();
  await receiver.away();
});

const RANGE = 'range=30d';
const TARGET = 'day-of-the-test';

/** By the exact text of a figure's title. */
async function figure(page: Page, name: string): Promise<number> {
  const title = await page.locator(`[data-figure=${name}] dd`).first().getAttribute('title');
  return Number(title?.replaceAll(',', ''));
}

const Sums = z.array(
  z.object({
    name: z.string(),
    blocked: z.number(),
    changed: z.number(),
    flagged: z.number(),
    failed: z.number(),
    requests: z.number(),
  }),
);
type Sums = z.infer<typeof Sums>;

const inOrder = (sums: Sums): Sums => sums.toSorted((one, other) => (one.name < other.name ? -1 : 1));

/** What the ledger says, in SQL of our own. */
async function judged(by: 'rule' | 'login', shadow: boolean, login?: string): Promise<Sums> {
  const { rows } = await world.pool.query(
    `SELECT ${by === 'rule' ? `verdict->>'rule'` : 'login'} AS name,
            (count(*) FILTER (WHERE verdict->>'action' = 'block'))::int AS blocked,
            (count(*) FILTER (WHERE verdict->>'action' IN ('redact', 'tokenise', 'modify')))::int AS changed,
            (count(*) FILTER (WHERE verdict->>'action' = 'flag'))::int AS flagged,
            (count(*) FILTER (WHERE verdict->>'action' = 'error'))::int AS failed, count(DISTINCT id)::int AS requests
       FROM aperture.records CROSS JOIN jsonb_array_elements(verdicts) AS verdict
      WHERE verdict->>'action' <> 'allow' AND (verdict->>'shadow')::boolean = $1 AND ($2::text IS NULL OR login = $2)
      GROUP BY 1`,
    [shadow, login ?? null],
  );
  return inOrder(Sums.parse(rows));
}

async function shownIn(page: Page, caption: string): Promise<Sums> {
  const rows = await page.getByRole('region', { name: caption }).locator('tbody tr').all();
  const shown = await Promise.all(
    rows.map(async (row) => {
      const exact = async (key: string) => {
        const cell = row.locator(`[data-cell=${key}]`);
        return (await cell.count()) === 0 ? 0 : Number((await cell.getAttribute('title'))?.replaceAll(',', ''));
      };
      const [blocked, changed, flagged, failed, requests] = await Promise.all(
        ['blocked', 'changed', 'flagged', 'failed', 'requests'].map(exact),
      );
      return { name: await row.locator('[data-cell=name]').innerText(), blocked, changed, flagged, failed, requests };
    }),
  );
  return inOrder(Sums.parse(shown));
}

const fits = (page: Page) => page.evaluate('document.documentElement.scrollWidth <= innerWidth');
const countOf = (of: Sums, name: 'blocked' | 'changed') => of.reduce((sum, each) => sum + each[name], 0);

test('rules: every figure is that of SQL over the ledger, shadow apart, and leads to its requests', async () => {
  const visit = await world.visit(ADMIN, `/ui/guardrails?${RANGE}`);
  const { page } = visit;
  const inForce = await judged('rule', false);
  await expect.poll(() => shownIn(page, 'Verdicts by rule'), { timeout: 30_000 }).toEqual(inForce);
  // Of users, what they noticed.
  const ofUsers = (await judged('login', false)).map((each) => ({ ...each, flagged: 0, failed: 0 }));
  await expect.poll(() => shownIn(page, 'Verdicts by user'), { timeout: 30_000 }).toEqual(ofUsers);
  expect(await figure(page, 'blocked')).toBe(countOf(inForce, 'blocked'));
  expect(await figure(page, 'changed')).toBe(countOf(inForce, 'changed'));
  expect(await figure(page, 'denied')).toBe(records.filter(({ denied_by }) => denied_by !== null).length);
  // Names that models and clients choose stand there as text.
  await page.getByText('<img src=x onerror=alert(1)>U+202E').waitFor();
  const emails = records
    .flatMap(({ verdicts }) => verdicts.filter(({ shadow }) => !shadow))
    .map(({ counts }) => counts['email'] ?? 0);
  const email = page.locator('[data-row=email] [data-cell=value]');
  expect(await email.getAttribute('title')).toBe(emails.reduce((sum, each) => sum + each, 0).toLocaleString('en-US'));
  expect(await visit.axe()).toEqual([]);

  await page.getByRole('radio', { name: 'In shadow' }).click();
  await expect.poll(() => shownIn(page, 'Verdicts by rule'), { timeout: 30_000 }).toEqual(await judged('rule', true));
  await page.getByRole('radio', { name: 'In force' }).click();
  await page.locator('[data-row=projects] [data-cell=blocked] a').click();
  await page.waitForURL(/\/ui\/requests\?.*rule=projects/);
  const projects = inForce.find(({ name }) => name === 'projects');
  await expect.poll(() => page.locator('[data-item]').count(), { timeout: 30_000 }).toBe(projects?.blocked);
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('a user sees what rules made of their own, and why they were denied', async () => {
  const visit = await world.visit(USER, `/ui/guardrails?${RANGE}&login=${ADMIN}`, {
    theme: 'dark',
    width: 390,
    height: 844,
  });
  const { page } = visit;
  await expect
    .poll(() => shownIn(page, 'Verdicts by rule'), { timeout: 30_000 })
    .toEqual(await judged('rule', false, USER));
  expect(await page.getByText('By user').count()).toBe(0);
  expect(await fits(page)).toBe(true);
  expect(await visit.axe()).toEqual([]);

  await page.getByRole('tab', { name: 'Denials' }).click();
  const own = records.filter(({ login, denied_by }) => login === USER && denied_by !== null);
  const row = page.locator('[data-row="quota gateway_quota_exceeded"]');
  const quota = own.filter(({ denied_by }) => denied_by === 'gateway_quota_exceeded').length;
  await expect.poll(() => row.locator('[data-cell=requests]').innerText(), { timeout: 30_000 }).toBe(String(quota));
  const hooks = own.filter(({ verdicts }) =>
    verdicts.some(({ type, action }) => type === 'hook' && action === 'block'),
  );
  expect(await page.locator('[data-row="hook gateway_guardrail_blocked"] [data-cell=requests]').innerText()).toBe(
    String(hooks.length),
  );
  expect(await figure(page, 'denied')).toBe(own.length);
  expect(await fits(page)).toBe(true);
  expect(await visit.axe()).toEqual([]);
  await row.locator('[data-cell=denial] a').click();
  await page.waitForURL(/\/ui\/requests\?.*denial=quota/);
  await expect.poll(() => page.locator('[data-item]').count(), { timeout: 30_000 }).toBe(quota);
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

async function saveConfig(note: string): Promise<void> {
  const headers = { 'content-type': 'application/json', 'tailscale-user-login': ADMIN };
  const now = z.object({ config: z.string(), hash: z.string() }).parse(await world.json(ADMIN, '/api/config'));
  const body = JSON.stringify({ config: `// ${note}\n${now.config}`, hash: now.hash, note });
  const response = await fetch(`${world.gateway.url}/api/config`, { method: 'PUT', headers, body });
  expect(response.status).toBe(200);
}

test('the audit log: who did what, page by page; a config leads to its diff; the chain is whole until somebody alters it', async () => {
  await recordAudit(
    world.pool,
    Array.from({ length: 130 }, (_, at) => ({
      atMs: Date.now() - 60_000,
      by: at % 2 === 0 ? 'grace@example.com' : '(gateway)',
      nodeId: 'n1',
      action: 'retention.dropped' as const,
      target: TARGET,
      details: { what: 'captures', rows: at, note: '<script>alert(1)</script>' },
    })),
  );
  await saveConfig('a comment for the auditors');
  const { rows } = await world.pool.query(
    'SELECT number::int FROM aperture.audit WHERE target = $1 ORDER BY number DESC',
    [TARGET],
  );
  const log = z.array(z.object({ number: z.number() })).parse(rows);
  const visit = await world.visit(ADMIN, `/ui/audit?target=${TARGET}`);
  const { page } = visit;
  const numbers = async () => (await page.locator('tbody [data-cell=number]').allInnerTexts()).map(Number);
  await expect.poll(numbers, { timeout: 30_000 }).toEqual(log.slice(0, 100).map(({ number }) => number));
  await page.getByRole('button', { name: 'Load more' }).click();
  await expect.poll(numbers, { timeout: 30_000 }).toEqual(log.map(({ number }) => number));
  expect(await page.getByText('<script>alert(1)</script>').count()).toBeGreaterThan(100);
  // A change of the config is signed at once.
  const chain = page.locator('[data-figure=chain]');
  await chain.getByText('Signed up to entry').waitFor({ timeout: 60_000 });
  await chain.getByText('Whole', { exact: true }).waitFor();
  expect(await visit.axe()).toEqual([]);

  await page.goto(`${world.gateway.url}/ui/audit?by=grace%40example.com&action=retention.dropped`);
  await page.getByText('All 65, newest first').waitFor();
  expect((await numbers()).length).toBe(65);
  await page
    .getByRole('button', { name: /^Show entry/ })
    .first()
    .click();
  await page.getByRole('dialog').getByText('retention.dropped').waitFor();
  expect(await visit.axe()).toEqual([]);

  await page.goto(`${world.gateway.url}/ui/audit?action=config.saved`);
  await page
    .getByRole('link', { name: /^version / })
    .first()
    .click();
  await page.waitForURL(/\/ui\/configuration\?.*version=/);
  await page
    .getByLabel(/^What version \d+ changed/)
    .getByText('a comment for the auditors')
    .waitFor();

  await world.pool.query('ALTER TABLE aperture.audit DISABLE TRIGGER only_added');
  const altered = await world.pool.query(
    `UPDATE aperture.audit SET target = 'x' WHERE number >= (SELECT max(number) FROM aperture.audit_checkpoints)`,
  );
  expect(altered.rowCount).toBeGreaterThan(0);
  await page.goto(`${world.gateway.url}/ui/audit`);
  await chain.getByText(/^Entry \d+ was altered/).waitFor();
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('deliveries: what waits, what died and why; dead letters of a time go out again once that is confirmed', async () => {
  const ids = Array.from({ length: 5 }, (_, at) => idAt(Date.now() - 3_600_000 + at));
  await world.pool.query(
    `INSERT INTO aperture.delivery_destinations (name, last_sequence) VALUES ($1, 5)
     ON CONFLICT (name) DO UPDATE SET last_sequence = 5`,
    [SIEM],
  );
  await world.pool.query(
    `INSERT INTO aperture.deliveries (id, destination, sequence, kind, payload, state, attempts, expires_at, finished_at, last_error)
     SELECT id, $2, number, 'kill_switch', '{"change":"set"}', 'dead', 12, now(), now(), 'answered 422'
       FROM unnest($1::uuid[]) WITH ORDINALITY AS dead (id, number)`,
    [ids, SIEM],
  );
  const visit = await world.visit(ADMIN, '/ui/deliveries');
  const { page } = visit;
  const cell = (row: string, key: string) => page.locator(`[data-row="${row}"] [data-cell=${key}]`);
  await cell(FAILING.name, 'health').getByText('fails').waitFor();
  for (const [key, number] of [
    ['delivered', FAILING.delivered],
    ['waiting', FAILING.waiting],
    ['dead', FAILING.dead],
  ] as const) {
    expect(await cell(FAILING.name, key).innerText()).toBe(String(number));
  }
  await cell(FAILING.name, 'error').getByText('ECONNREFUSED').waitFor();
  expect(await cell(SIEM, 'dead').innerText()).toBe('5');
  expect(await visit.axe()).toEqual([]);

  await page.getByRole('button', { name: `Replay: ${SIEM}` }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByText('5 dead letters go out again.').waitFor();
  expect(receiver.arrived).toEqual([]);
  expect(await visit.axe()).toEqual([]);
  await dialog.getByRole('button', { name: 'Send again' }).click();
  await dialog.getByText('5 are on the way again.').waitFor();
  await expect.poll(() => receiver.arrived.map(({ id }) => id).toSorted(), { timeout: 60_000 }).toEqual(ids.toSorted());
  await dialog.getByRole('button', { name: 'Close' }).last().click();
  await page.reload();
  await expect.poll(() => cell(SIEM, 'delivered').innerText(), { timeout: 30_000 }).toBe('5');
  const { rowCount } = await world.pool.query(
    `SELECT FROM aperture.audit WHERE action = 'deliveries.replayed' AND target = $1 AND by_login = $2`,
    [SIEM, ADMIN],
  );
  expect(rowCount).toBe(1);

  await page.getByRole('radio', { name: 'Dead', exact: true }).click();
  await page.waitForURL(/state=dead/);
  const dead = page.getByRole('region', { name: 'Deliveries' }).locator('tbody tr');
  await expect.poll(() => dead.count(), { timeout: 30_000 }).toBe(FAILING.dead);
  await dead.first().getByRole('button').click();
  await dialog.getByText('answered 422').waitFor();
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('two requests side by side: facts, and where what was said first differs', async () => {
  const path = '/v1/chat/completions';
  const ask = (last: string) => ({
    model: MODELS.chat,
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: `What is <b>new</b> in ${last}?` },
    ],
  });
  const a = await world.exchange(ADMIN, { path, body: ask('Paris') });
  const b = await world.exchange(ADMIN, { path, body: ask('Prague') });
  const visit = await world.visit(ADMIN, `/ui/requests/${a}`);
  const { page } = visit;
  await page.getByRole('link', { name: 'Compare…' }).click();
  await page.getByLabel('The second request').fill('no id');
  await page.getByText('This is not the id of a request').waitFor();
  await page.getByLabel('The second request').fill(b);
  await page.getByRole('button', { name: 'Compare', exact: true }).click();
  await page.waitForURL(`**/ui/compare?a=${a}&b=${b}`);
  const turn = page.getByRole('region', { name: 'Turn 1', exact: true });
  expect(await turn.locator('[data-side=first] mark').innerText()).toBe('aris?');
  expect(await turn.locator('[data-side=second] mark').innerText()).toBe('rague?');
  await turn.getByText('What is <b>new</b> in P').first().waitFor();
  await page.getByText(/^The same in both: .*system prompt/).waitFor();
  const { rows } = await world.pool.query(
    'SELECT cost_nanodollars::text AS cost, request_bytes::int AS bytes FROM aperture.records WHERE id = ANY($1::uuid[]) ORDER BY id',
    [[a, b]],
  );
  const [first, second] = z.array(z.object({ cost: z.string(), bytes: z.number() })).parse(rows);
  const cost = (side: string) => page.locator(`[data-row=Cost] [data-cell=${side}]`).getAttribute('title');
  expect(await cost('a')).toBe(`$0.${(first?.cost ?? '').padStart(9, '0')}`);
  expect(await cost('b')).toBe(`$0.${(second?.cost ?? '').padStart(9, '0')}`);
  expect(await page.locator('[data-row=Request] [data-cell=more]').innerText()).toMatch(/^\+1 B/);
  expect((second?.bytes ?? 0) - (first?.bytes ?? 0)).toBe(1);
  expect(await visit.axe()).toEqual([]);
  expect(visit.problems()).toEqual([]);
  await visit.close();
});

test('the export says how far it has come; pages fit a phone; who may not see them is told', async () => {
  const phone = await world.visit(ADMIN, '/ui/deliveries?tab=s3', { width: 360, height: 800, theme: 'dark' });
  const { page } = phone;
  await expect.poll(() => figure(page, 'exported'), { timeout: 30_000 }).toBe(EXPORTED.files * EXPORTED.records);
  const waiting = await world.pool.query('SELECT FROM aperture.export_waiting');
  expect(await page.locator('[data-figure=export-waiting] dd').first().innerText()).toBe(String(waiting.rowCount));
  const files = page.getByRole('region', { name: 'Exported files' }).locator('tbody tr');
  await expect.poll(() => files.count(), { timeout: 30_000 }).toBe(100);
  await page.getByRole('button', { name: 'Load more' }).click();
  await expect.poll(() => files.count(), { timeout: 30_000 }).toBe(EXPORTED.files);
  expect(await files.first().locator('[data-cell=state]').innerText()).toBe('fails');
  await page.getByText('The newest is not taken: answered 503 SlowDown, after 4 attempts').waitFor();
  const [one, other] = records.map(({ id }) => id);
  const pages = ['/ui/deliveries?tab=s3', '/ui/deliveries', '/ui/audit', `/ui/compare?a=${one ?? ''}&b=${other ?? ''}`];
  for (const path of pages) {
    await page.goto(world.gateway.url + path);
    await page.locator('tbody tr').first().waitFor();
    expect(await fits(page), path).toBe(true);
    expect(await phone.axe(), path).toEqual([]);
  }
  expect(phone.problems()).toEqual([]);
  await phone.close();

  const user = await world.visit(USER, '/ui/deliveries');
  await user.page.getByText('This page is for admins').waitFor();
  expect(await user.page.getByRole('link', { name: 'Audit' }).count()).toBe(0);
  await user.close();
  const blind = await world.visit(BLIND, '/ui/audit');
  await blind.page.getByText('takes reading the audit log from you').waitFor();
  expect(await blind.page.getByRole('link', { name: 'Audit' }).count()).toBe(0);
  await blind.close();
});
