import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { BatchUsage } from '../../src/contract/batch.ts';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { zeroUsage } from '../../src/contract/usage.ts';
import { findRequest } from '../../src/dashboard/queries.ts';
import { isUuid7 } from '../../src/lib/uuid7.ts';
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

beforeAll(async () => {
  postgres = await startTestPostgres('batches');
});
afterAll(async () => {
  await postgres.stop();
});
beforeEach(async () => {
  ({ pool, address } = await postgres.migrated());
  store = createRecordStore(pool, clock);
});

const SONNET = { ...zeroUsage(), input_uncached: 210, cache_read: 900, output: 50 };
const HAIKU = { ...zeroUsage(), input_uncached: 5, output: 7 };
const sum = (
  model: string,
  lines: number,
  usage: typeof SONNET,
  cost_nanodollars: string | null,
): BatchUsage['sums'][0] => ({
  ...{ model, model_served: `${model}-served`, lines, usage, cost_nanodollars },
  ...{ usage_flags: ['clamped:output'], server_tools: { web_search: 1 } },
  ...{ cost_basis: `anthropic/${model}`, price_version: 'v1' },
});
const BATCH: BatchUsage = {
  batch: { id: 'msgbatch_1', model: '' },
  of: 'batch',
  id: 'msgbatch_1',
  lines: 4,
  failed: 1,
  sums: [sum('sonnet', 2, SONNET, '825000'), sum('haiku', 1, HAIKU, null)],
};

/** An exchange that read results: its own record has no usage. */
function read(change: Partial<ExchangeRecord> = {}, batch: Partial<BatchUsage> = {}): ExchangeRecord {
  const batch_usage = { ...BATCH, ...batch };
  const { of, id, lines, failed } = batch_usage;
  return aRecord({
    ...{ api: 'anthropic_batches', method: 'GET', path: `/v1/messages/batches/${id}/results`, model: '' },
    ...{ usage: null, usage_state: 'absent', cost_nanodollars: null, cost_basis: null, price_version: null },
    ...{ server_tools: {}, tool_calls: [], response_id: null, model_served: null, session_id: 's', session_base: 's' },
    usage_detail: { batch: { id: batch_usage.batch.id, of, results: id, lines, failed } },
    batch_usage,
    ...change,
  });
}

interface ByModel {
  model: string;
  requests: number;
  output: number;
  cost: string;
}

async function sums(login?: string): Promise<ByModel[]> {
  const { rows } = await pool.query<ByModel>(
    `SELECT model, sum(requests)::int AS requests, sum(output)::int AS output, sum(cost_nanodollars)::text AS cost
       FROM aperture.rollup_hour WHERE $1::text IS NULL OR login = $1 GROUP BY 1 ORDER BY 1`,
    [login ?? null],
  );
  return rows;
}

const ONCE = (reads: number): ByModel[] => [
  { model: '', requests: reads, output: 0, cost: '0' },
  { model: 'haiku', requests: 1, output: 7, cost: '0' },
  { model: 'sonnet', requests: 1, output: 50, cost: '825000' },
];

test('results that were read are booked by model, each a record of its own that says where it comes from', async () => {
  const first = read({ usage_flags: ['unreadable_event'] });
  expect(await store.store([first])).toEqual({ inserted: 1, dead: 0 });
  expect(await sums()).toEqual(ONCE(1));
  const shown = await findRequest(pool, first.id, undefined);
  expect(shown).toMatchObject({
    usage: null,
    batch: { id: 'msgbatch_1', first_read: first.id, records: [expect.any(String), expect.any(String)] },
    usage_detail: { batch: { lines: 4, failed: 1 } },
  });
  const { records } = shown!['batch'] as { records: [string, string] };
  expect(records.every(isUuid7)).toBe(true);
  expect(await findRequest(pool, records[0], 'alice@example.com')).toMatchObject({
    ...{ login: 'alice@example.com', groups: ['group:dev'], provider: 'anthropic', key_id: 'key-1' },
    ...{ api: 'anthropic_batches', model: 'sonnet', model_served: 'sonnet-served', service_tier: 'batch' },
    ...{ state: 'complete', usage: SONNET, usage_state: 'final', cost_nanodollars: '825000' },
    ...{ cost_basis: 'anthropic/sonnet', session_id: 'msgbatch_1', request_bytes: 0, response_bytes: 0 },
    usage_flags: ['clamped:output', 'unreadable_event'],
    server_tools: { web_search: 1 },
    usage_detail: { batch: { id: 'msgbatch_1', lines: 4, failed: 1, lines_of_model: 2, read_by: first.id } },
    batch: { id: 'msgbatch_1', first_read: first.id, records },
  });
  expect(await findRequest(pool, records[1], undefined)).toMatchObject({ usage: HAIKU, cost_nanodollars: null });
  expect(await findRequest(pool, records[0], 'bob@example.com')).toBeUndefined();
  // Receipts sign what is shown of a record, also of those from before there were batches.
  const ordinary = aRecord();
  await store.store([ordinary]);
  expect(Object.keys((await findRequest(pool, ordinary.id, undefined)) ?? {})).not.toContain('batch');
});

test('read again, by other gateways, in the same batch, or stored again by a job that runs twice, it is booked once', async () => {
  const reads = [
    read(),
    read({ received_at: TEST_TIME_MS + 1000 }),
    read({ gateway: 'gateway-b', segment: 9 }),
    // What an older read found differs, and does not count.
    read({ received_at: TEST_TIME_MS + 2000 }, { sums: [sum('sonnet', 1, SONNET, '7')] }),
  ];
  await store.store(reads.slice(0, 2));
  for (const one of [...reads, ...reads]) await store.store([one]);
  expect(await sums()).toEqual(ONCE(4));
  // The journal's segments count what is in them, which the records of batches are not.
  const { rows } = await pool.query(
    'SELECT gateway, segment::int, records_in::int FROM aperture.journal_segments ORDER BY 1',
  );
  expect(rows).toEqual([
    { gateway: 'gateway-a', segment: 1, records_in: 3 },
    { gateway: 'gateway-b', segment: 9, records_in: 1 },
  ]);
});

test('by many processors at once, in any order, each batch is booked once', async () => {
  const pools = Array.from({ length: 4 }, () =>
    openPool(address, { name: 'test', max: 3, statementMs: 20_000, waitMs: 20_000, onError: () => undefined }),
  );
  const stores = pools.map((each) => createRecordStore(each, clock));
  const reads = Array.from({ length: 80 }, (_, at) =>
    read({ received_at: TEST_TIME_MS + at, gateway: `gateway-${at % 2}` }, { id: `msgbatch_${at % 20}` }),
  );
  const jobs = Array.from({ length: 16 }, (_, at) => reads.slice(at * 5, at * 5 + 5));
  const all = [...jobs, ...jobs.map((job) => [...job].reverse())];
  await Promise.all(all.map((job, at) => stores[at % stores.length]!.store(job)));
  await Promise.all(pools.map((each) => each.end()));
  expect(await sums()).toEqual([
    { model: '', requests: 80, output: 0, cost: '0' },
    { model: 'haiku', requests: 20, output: 140, cost: '0' },
    { model: 'sonnet', requests: 20, output: 1000, cost: '16500000' },
  ]);
});

test('another login, another provider or another file is another batch', async () => {
  await store.store([
    read(),
    read({ login: 'bob@example.com' }),
    read({ provider: 'azure' }),
    read({}, { of: 'file' }),
    read({}, { id: 'msgbatch_2' }),
  ]);
  expect(await sums('bob@example.com')).toEqual(ONCE(1));
  expect((await sums('alice@example.com')).at(-1)).toMatchObject({ model: 'sonnet', requests: 4 });
});

test('results in which nothing came to anything book nothing, and do not stand in the way of those that do', async () => {
  await store.store([read({}, { sums: [], lines: 3, failed: 3 })]);
  expect(await sums()).toEqual([{ model: '', requests: 1, output: 0, cost: '0' }]);
  await store.store([read()]);
  expect(await sums()).toEqual(ONCE(2));
});

test('who follows records is told of those of a batch too, once', async () => {
  const told: string[] = [];
  const following = createRecordStore(pool, clock, () => true, {
    follows: true,
    stored: (_, records) => {
      told.push(...records.map(({ model, cost_nanodollars }) => `${model} ${cost_nanodollars ?? 'unknown'}`));
      return Promise.resolve();
    },
  });
  const first = read();
  for (const one of [first, first, read()]) await following.store([one]);
  expect(told.sort()).toEqual([' unknown', ' unknown', 'haiku unknown', 'sonnet 825000']);
});
