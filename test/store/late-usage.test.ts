import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ExchangeRecord, LateUsage } from '../../src/contract/record.ts';
import { zeroUsage } from '../../src/contract/usage.ts';
import { findRequest } from '../../src/dashboard/queries.ts';
import { listRequests } from '../../src/dashboard/requests.ts';
import { openPool } from '../../src/store/database.ts';
import { createRecordStore } from '../../src/store/records.ts';
import type { RecordStore } from '../../src/store/records.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord, TEST_TIME_MS } from '../support/records.ts';

let postgres: TestPostgres;
let pool: Pool;
let address: Awaited<ReturnType<TestPostgres['migrated']>>['address'];
let store: RecordStore;

const clock = { nowMs: () => TEST_TIME_MS + 60_000 };
const HOUR_MS = 3_600_000;

beforeAll(async () => {
  postgres = await startTestPostgres('late-usage');
});

afterAll(async () => {
  await postgres.stop();
});

beforeEach(async () => {
  ({ pool, address } = await postgres.migrated());
  store = createRecordStore(pool, clock);
});

const USAGE = { ...zeroUsage(), input_uncached: 75, cache_read: 25, output: 40, reasoning: 160 };

/** What the poll says of the response; by hand: 75 x 1250 + 25 x 125 + 200 x 10,000. */
const LATE: LateUsage = {
  response_id: 'resp_1',
  model_served: 'gpt-5-2025-08-07',
  usage: USAGE,
  usage_detail: { total_tokens: 300 },
  usage_flags: ['clamped:output'],
  server_tools: { web_search: 1 },
  service_tier: 'default',
  cost_nanodollars: '2096875',
  cost_basis: 'openai/gpt-5',
  price_version: '2026-09-28-0123456789ab',
};

/** A background response: queued, so without usage. */
function maker(change: Partial<ExchangeRecord> = {}): ExchangeRecord {
  return aRecord({
    api: 'openai_responses',
    path: '/v1/responses',
    provider: 'openai',
    model: 'gpt-5',
    model_served: 'gpt-5',
    response_id: 'resp_1',
    usage: null,
    usage_state: 'absent',
    usage_flags: ['not_inspected'],
    server_tools: {},
    service_tier: null,
    cost_nanodollars: null,
    cost_basis: null,
    price_version: null,
    ...change,
  });
}

/** The poll that found it finished, two hours later. */
function carrier(change: Partial<ExchangeRecord> = {}): ExchangeRecord {
  return maker({
    received_at: TEST_TIME_MS + 2 * HOUR_MS,
    method: 'GET',
    path: '/v1/responses/resp_1',
    late_usage: LATE,
    ...change,
  });
}

/** All that sums over records: by the hour, and by session. */
async function rollups(of: Pool = pool): Promise<unknown[]> {
  const hours = await of.query<Record<string, unknown>>('SELECT * FROM aperture.rollup_hour ORDER BY hour, key');
  const sessions = await of.query<Record<string, unknown>>('SELECT * FROM aperture.sessions ORDER BY key');
  return [...hours.rows, ...sessions.rows];
}

async function amendments(): Promise<{ record_id: string; kind: string }[]> {
  const { rows } = await pool.query<{ record_id: string; kind: string }>(
    'SELECT record_id, kind FROM aperture.amendments',
  );
  return rows;
}

/** The roll-ups of the same exchanges, had the maker told its usage at once. */
async function rollupsAtOnce(made: ExchangeRecord, others: ExchangeRecord[]): Promise<unknown[]> {
  const { pool: other } = await postgres.migrated();
  const { usage, cost_nanodollars } = LATE;
  await createRecordStore(other, clock).store([{ ...made, usage, usage_state: 'final', cost_nanodollars }, ...others]);
  return rollups(other);
}

describe('usage that is told late', () => {
  const orders: [string, (made: ExchangeRecord, told: ExchangeRecord) => ExchangeRecord[][]][] = [
    ['after the exchange', (made, told) => [[made], [told]]],
    ['before the exchange is stored', (made, told) => [[told], [made]]],
    ['in the same batch', (made, told) => [[made, told]]],
    ['in the same batch, first', (made, told) => [[told, made]]],
    ['twice, by jobs that run again', (made, told) => [[told], [made], [told, made], [made], [told]]],
  ];

  test.each(orders)('%s is booked on it, once, and in its hour', async (_, batchesOf) => {
    const [made, told] = [maker(), carrier()];
    for (const batch of batchesOf(made, told)) await store.store(batch);
    expect(await amendments()).toEqual([{ record_id: made.id, kind: 'usage' }]);
    expect(await rollups()).toEqual(await rollupsAtOnce(made, [told]));
  });

  test('is what the API shows, beside what was booked first', async () => {
    const [made, told] = [maker(), carrier()];
    await store.store([made, told]);
    const effective = {
      usage: USAGE,
      usage_state: 'final',
      usage_flags: ['not_inspected', 'clamped:output'],
      cost_nanodollars: '2096875',
      cost_basis: 'openai/gpt-5',
      price_version: '2026-09-28-0123456789ab',
      model_served: 'gpt-5-2025-08-07',
      server_tools: { web_search: 1 },
      service_tier: 'default',
    };
    expect(await findRequest(pool, made.id, undefined)).toMatchObject({
      ...effective,
      usage_detail: { total_tokens: 300 },
      booked: { usage: null, usage_state: 'absent', cost_nanodollars: null, model_served: 'gpt-5' },
      amendments: [{ kind: 'usage', body: { cost_nanodollars: '2096875' } }],
    });
    const filter = {
      owner: undefined,
      login: undefined,
      model: undefined,
      provider: undefined,
      api: undefined,
      state: undefined,
      session: undefined,
      status: undefined,
      header: undefined,
      fromMs: undefined,
      toMs: undefined,
      before: undefined,
      after: undefined,
      tool: undefined,
      leastCost: undefined,
      memberOf: undefined,
      agent: undefined,
      verdict: { rule: undefined, actions: undefined, shadow: undefined, finding: undefined },
      denial: undefined,
      deniedBy: undefined,
    };
    const page = await listRequests(pool, { ...filter, limit: 10 });
    expect(page.items).toMatchObject([
      { id: told.id, usage: null },
      { id: made.id, ...effective },
    ]);
    const { rows } = await pool.query('SELECT output, usage_state FROM aperture.records WHERE id = $1', [made.id]);
    expect(rows).toEqual([{ output: null, usage_state: 'absent' }]);
  });

  test('corrects what an aborted stream had told in part', async () => {
    const part = { ...zeroUsage(), input_uncached: 75, output: 3 };
    const made = maker({ state: 'aborted', usage: part, usage_state: 'partial', cost_nanodollars: '123750' });
    const told = carrier();
    await store.store([made]);
    await store.store([told]);
    expect(await rollups()).toEqual(await rollupsAtOnce(made, [told]));
  });

  test('by several polls and a cancel is the word of the first, once', async () => {
    const made = maker();
    const first = carrier();
    const again = carrier({
      received_at: TEST_TIME_MS + 3 * HOUR_MS,
      late_usage: { ...LATE, cost_nanodollars: '7' },
    });
    // In progress still: it names the response, has no usage, and did not make it.
    const early = carrier({ received_at: TEST_TIME_MS + HOUR_MS, late_usage: null });
    for (const record of [early, again, first, made]) await store.store([record]);
    expect(await amendments()).toEqual([{ record_id: made.id, kind: 'usage' }]);
    expect(await findRequest(pool, made.id, undefined)).toMatchObject({ cost_nanodollars: '2096875' });
  });

  test.each<[string, Partial<ExchangeRecord>]>([
    ["another caller's", { login: 'bob@example.com' }],
    ["another provider's", { provider: 'azure' }],
    ["another response's", { late_usage: { ...LATE, response_id: 'resp_2' } }],
  ])('is not booked on %s exchange', async (_, change) => {
    await store.store([maker(), carrier(change)]);
    expect(await amendments()).toEqual([]);
  });

  test('is not booked on an exchange that had told its usage to the end', async () => {
    await store.store([maker({ usage: USAGE, usage_state: 'final', cost_nanodollars: '1' }), carrier()]);
    expect(await amendments()).toEqual([]);
  });

  test('of an unknown price stays of unknown cost, and its tokens count', async () => {
    const unpriced = { ...LATE, cost_nanodollars: null, cost_basis: null, price_version: null };
    await store.store([maker(), carrier({ late_usage: unpriced })]);
    const { rows } = await pool.query(
      'SELECT output::int, usage_absent::int, cost_unknown::int, cost_nanodollars::int FROM aperture.rollup_hour ORDER BY hour',
    );
    expect(rows).toEqual([
      { output: 40, usage_absent: 0, cost_unknown: 1, cost_nanodollars: 0 },
      { output: 0, usage_absent: 1, cost_unknown: 1, cost_nanodollars: 0 },
    ]);
  });

  test('failure mode 10: by many processors at once, in any order and again, is booked once per response', async () => {
    const pools = Array.from({ length: 4 }, () =>
      openPool(address, { name: 'test', max: 3, statementMs: 20_000, waitMs: 20_000, onError: () => undefined }),
    );
    const stores = pools.map((each) => createRecordStore(each, clock));
    const pairs = Array.from({ length: 60 }, (_, at) => {
      const response_id = `resp_${at}_x`;
      return [
        maker({ response_id, login: `user-${at % 3}` }),
        carrier({
          response_id,
          login: `user-${at % 3}`,
          path: `/v1/responses/${response_id}`,
          late_usage: { ...LATE, response_id },
        }),
      ];
    });
    const makers = pairs.map(([made]) => made!);
    const carriers = pairs.map(([, told]) => told!);
    // Batches of five, in both directions at once, and each of them twice.
    const jobs: ExchangeRecord[][] = [];
    for (let at = 0; at < 60; at += 5) {
      jobs.push(makers.slice(at, at + 5), carriers.slice(at, at + 5), carriers.slice(at, at + 5).reverse());
      jobs.push(makers.slice(at, at + 5).reverse());
    }
    await Promise.all(jobs.map((job, at) => stores[at % stores.length]!.store(job)));
    await Promise.all(pools.map((each) => each.end()));
    const booked = await amendments();
    expect(booked).toHaveLength(60);
    expect(new Set(booked.map(({ record_id }) => record_id))).toEqual(new Set(makers.map(({ id }) => id)));
    const { rows } = await pool.query(
      'SELECT sum(requests)::int AS n, sum(reasoning)::int AS tokens, sum(cost_nanodollars)::text AS cost FROM aperture.rollup_hour',
    );
    expect(rows).toEqual([{ n: 120, tokens: 60 * 160, cost: (60n * 2_096_875n).toString() }]);
  });
});

test('failure mode 42: neither a record nor an amendment is ever updated', async () => {
  await store.store([maker(), carrier()]);
  await store.store([maker(), carrier()]);
  await pool.query('SELECT pg_stat_force_next_flush()');
  const { rows } = await pool.query(
    `SELECT sum(n_tup_upd)::int AS updated FROM pg_stat_user_tables WHERE relname ~ '^(records|amendments)_'`,
  );
  expect(rows).toEqual([{ updated: 0 }]);
});
