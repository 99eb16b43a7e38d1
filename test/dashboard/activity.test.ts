import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import type { ApiCaller } from '../../src/dashboard/messages.ts';
import { answer } from '../../src/dashboard/routes.ts';
import { silentLog } from '../../src/lib/log.ts';
import { migrate } from '../../src/store/database.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { Dice } from '../support/dice.ts';
import { idAt } from '../support/ids.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord, TEST_TIME_MS } from '../support/records.ts';

const DAY_MS = 86_400_000;
const clock = { nowMs: () => TEST_TIME_MS };
const admin: ApiCaller = {
  login: 'root@example.com',
  role: 'admin',
  readCaptures: true,
  readAudit: true,
  filterableHeaders: [],
};
const bob: ApiCaller = { ...admin, login: 'bob@example.com', role: 'user' };

const dice = new Dice(7);
const LOGINS = ['alice@example.com', bob.login, 'carol@example.com'];
const MODELS = ['gpt-5', 'claude-sonnet-4-5', '<b>', ''];
const AGENTS = ['codex', 'claude-code'];
const ENDS: readonly Partial<ExchangeRecord>[] = [
  {},
  {},
  {},
  { stream: false },
  { state: 'error', status: 500 },
  { state: 'aborted' },
  { state: 'denied', status: 403, denied_by: 'gateway_quota_exceeded', attempts: [], first_byte_at: null },
  // As a batch's usage is booked: nothing was waited for.
  { stream: false, first_byte_at: null },
];

/** Four days; from a millisecond to some minutes. */
const records = Array.from({ length: 400 }, () => {
  const received_at = TEST_TIME_MS - dice.below(4 * DAY_MS);
  const waited = Math.round(10 ** (5 * dice.fraction()));
  return aRecord({
    received_at,
    id: idAt(received_at),
    first_byte_at: received_at + waited,
    ended_at: received_at + waited + dice.below(40_000),
    login: dice.pick(LOGINS),
    model: dice.pick(MODELS),
    agent: dice.pick(AGENTS),
    ...dice.pick(ENDS),
  });
});

let postgres: TestPostgres;
let pool: Pool;

beforeAll(async () => {
  postgres = await startTestPostgres('activity');
  ({ pool } = await postgres.migrated());
  const store = createRecordStore(pool, clock);
  // Retried, by several at a time: once is once.
  await Promise.all(
    [records.slice(0, 250), records.slice(150), [...records].reverse()].map((each) => store.store(each)),
  );
});
afterAll(() => postgres.stop());

const Latency = z.nullable(z.object({ requests: z.number(), p50_ms: z.number(), p95_ms: z.number() }));
const Told = z.object({ users: z.number(), first_byte: Latency, whole: Latency });
const Report = z.object({
  items: z.array(z.looseObject({ ...Told.shape, time: z.string().optional() })),
  total: Told,
  truncated: z.boolean(),
});
type Report = z.infer<typeof Report>;

async function ask(query: string, caller = admin, at = pool): Promise<Report> {
  const { status, body } = await answer(
    { pool: at, clock, log: silentLog },
    { method: 'GET', path: '/api/activity', query, caller },
  );
  expect(status).toBe(200);
  return Report.parse(JSON.parse(String(body)));
}

const RANGE = 'from=2026-11-19&to=2026-11-24';
const Exact = z.array(
  z.object({
    name: z.string(),
    day: z.nullable(z.string()),
    users: z.number(),
    first_n: z.number(),
    first_p50: z.nullable(z.number()),
    first_p95: z.nullable(z.number()),
    whole_n: z.number(),
    whole_p50: z.nullable(z.number()),
    whole_p95: z.nullable(z.number()),
  }),
);

/** From each record, in SQL of our own. */
async function exact(group: string, { byDay = false, where = 'true' } = {}): Promise<z.infer<typeof Exact>> {
  const good = `state = 'complete' AND status < 400 AND first_byte_at IS NOT NULL`;
  const first = `extract(epoch FROM first_byte_at - received_at)::float8 * 1000`;
  const whole = `extract(epoch FROM ended_at - received_at)::float8 * 1000`;
  const among = (p: number, ms: string, which: string) =>
    `percentile_disc(${p}) WITHIN GROUP (ORDER BY ${ms}) FILTER (WHERE ${which})`;
  const { rows } = await pool.query(
    `SELECT ${group} AS name, ${byDay ? `to_char(received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')` : 'NULL'} AS day,
            (count(DISTINCT login) FILTER (WHERE NOT (state IN ('denied', 'blocked') AND attempts = '[]')))::int AS users,
            (count(*) FILTER (WHERE ${good} AND stream))::int AS first_n,
            ${among(0.5, first, `${good} AND stream`)} AS first_p50, ${among(0.95, first, `${good} AND stream`)} AS first_p95,
            (count(*) FILTER (WHERE ${good}))::int AS whole_n,
            ${among(0.5, whole, good)} AS whole_p50, ${among(0.95, whole, good)} AS whole_p95
       FROM aperture.records WHERE ${where} GROUP BY 1, 2 ORDER BY 2, 1`,
  );
  return Exact.parse(rows);
}

function expectNear(told: z.infer<typeof Latency>, requests: number, p50: number | null, p95: number | null): void {
  expect(told?.requests ?? 0).toBe(requests);
  for (const [shown, exactly] of [
    [told?.p50_ms, p50],
    [told?.p95_ms, p95],
  ] as const) {
    // To a twentieth, and a whole millisecond.
    if (exactly !== null) expect(Math.abs((shown ?? NaN) - exactly)).toBeLessThanOrEqual(exactly * 0.05 + 0.5);
    else expect(shown).toBeUndefined();
  }
}

function expectSame(items: Report['items'], expected: z.infer<typeof Exact>, group: string): void {
  const told = new Map(items.map((item) => [`${(item.time ?? '').slice(0, 10)} ${String(item[group])}`, item]));
  expect(told.size).toBe(expected.length);
  for (const each of expected) {
    const item = told.get(`${each.day ?? ''} ${each.name}`);
    expect(item?.users, each.name).toBe(each.users);
    expectNear(item?.first_byte ?? null, each.first_n, each.first_p50, each.first_p95);
    expectNear(item?.whole ?? null, each.whole_n, each.whole_p50, each.whole_p95);
  }
}

describe('GET /api/activity', () => {
  test.each(['model', 'agent'])('by %s, and by day: users and times are those of the records', async (group) => {
    const all = await ask(`${RANGE}&group=${group}`);
    expectSame(all.items, await exact(group), group);
    const days = await ask(`${RANGE}&group=${group}&interval=day`);
    expectSame(days.items, await exact(group, { byDay: true }), group);
    const [total] = await exact(`'all'`);
    expect(all.total).toEqual(days.total);
    expect(all.total.users).toBe(total?.users);
    expectNear(all.total.whole, total?.whole_n ?? 0, total?.whole_p50 ?? null, total?.whole_p95 ?? null);
    expect(days.items.map(({ time }) => String(time))).toEqual(days.items.map(({ time }) => String(time)).sort());
  });

  test('of one user, from that one’s records, whoever asks; a user has no other', async () => {
    const expected = await exact('model', { where: `login = '${bob.login}'` });
    expectSame((await ask(RANGE, bob)).items, expected, 'model');
    expectSame((await ask(`${RANGE}&login=${bob.login}`)).items, expected, 'model');
    expect(await ask(`${RANGE}&login=${LOGINS[0] ?? ''}`, bob)).toMatchObject({ items: [], total: { users: 0 } });
  });

  test('narrowed to one model or agent', async () => {
    const { items } = await ask(`${RANGE}&group=agent&model=gpt-5&interval=day`);
    expectSame(items, await exact('agent', { byDay: true, where: `model = 'gpt-5'` }), 'agent');
    const own = await ask(`${RANGE}&agent=codex`, bob);
    expectSame(own.items, await exact('model', { where: `agent = 'codex' AND login = '${bob.login}'` }), 'model');
  });

  test('a range is told as it was used, in whole days', async () => {
    const day = await ask('from=2026-11-22T13:00:00Z&to=2026-11-22T14:00:00Z&group=agent');
    expectSame(
      day.items,
      await exact('agent', { where: `received_at >= '2026-11-22Z' AND received_at < '2026-11-23Z'` }),
      'agent',
    );
  });

  test('what was stored before the counts were kept is in them', async () => {
    const { pool: older } = await postgres.migrated();
    await createRecordStore(older, clock).store(records);
    await older.query('DROP TABLE aperture.latency_day');
    await older.query('DELETE FROM aperture.migrations WHERE number = 22');
    expect(await migrate(older)).toEqual([22]);
    expect(await ask(`${RANGE}&interval=day`, admin, older)).toEqual(await ask(`${RANGE}&interval=day`));
  });
});

test.each([
  ['group=login', 'group'],
  ['interval=hour', 'interval'],
  ['from=2025-01-01&to=2026-11-01', 'from'],
  ['colour=red', 'colour'],
])('/api/activity?%s is a 400 that names the parameter', async (query, name) => {
  const { status, body } = await answer(
    { pool, clock, log: silentLog },
    { method: 'GET', path: '/api/activity', query, caller: admin },
  );
  expect([status, String(body)]).toEqual([400, expect.stringContaining(name)]);
});
