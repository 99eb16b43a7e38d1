import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { uuid7Floor } from '../../src/lib/uuid7.ts';
import { migrate } from '../../src/store/database.ts';
import { analyzeWholes } from '../../src/store/partitions.ts';
import { createRecordStore } from '../../src/store/records.ts';
import type { RecordStore } from '../../src/store/records.ts';
import { idAt } from '../support/ids.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { aRecord, TEST_TIME_MS } from '../support/records.ts';

let postgres: TestPostgres;
let pool: Pool;
let store: RecordStore;

const clock = { nowMs: () => TEST_TIME_MS };

beforeAll(async () => {
  postgres = await startTestPostgres('records');
});

afterAll(async () => {
  await postgres.stop();
});

beforeEach(async () => {
  ({ pool } = await postgres.migrated());
  store = createRecordStore(pool, clock);
});

async function one(sql: string): Promise<Record<string, unknown>> {
  const { rows } = await pool.query<Record<string, unknown>>(sql);
  expect(rows).toHaveLength(1);
  return rows[0]!;
}

function records(count: number, segment = 1): ReturnType<typeof aRecord>[] {
  return Array.from({ length: count }, () => aRecord({ segment }));
}

describe('migrations', () => {
  test('several processes that migrate at once apply each file once', async () => {
    const address = await postgres.database();
    const { openPool } = await import('../../src/store/database.ts');
    const pools = Array.from({ length: 4 }, () =>
      openPool(address, { name: 'test', max: 2, statementMs: 20_000, waitMs: 20_000, onError: () => undefined }),
    );
    const applied = await Promise.all(pools.map((each) => migrate(each)));
    const files = readdirSync(join(packageRoot(), 'src/store/migrations'));
    const numbers = files.map((name) => Number(name.slice(0, 4))).sort((a, b) => a - b);
    expect(applied.flat().sort((a, b) => a - b)).toEqual(numbers);
    expect(await migrate(pools[0]!)).toEqual([]);
    await Promise.all(pools.map((each) => each.end()));
  });
});

describe('storing records', () => {
  test('every field comes back as it went in', async () => {
    const record = aRecord({
      tags: ['tag:ci', 'tag:"quoted", with {braces}'],
      denied_by: null,
      usage_detail: { iterations: [1, { deep: 'ü' }] },
      usage_flags: ['clamped:input_uncached'],
      cost_nanodollars: '9007199254740993',
      error: { code: 'x', message: 'y' },
    });
    expect(await store.store([record])).toEqual({ inserted: 1, dead: 0 });
    const row = await one(`SELECT *, extract(epoch FROM received_at)::numeric(20,6)::text AS received,
      extract(epoch FROM ended_at)::numeric(20,6)::text AS ended FROM aperture.records`);
    expect(row).toMatchObject({
      id: record.id,
      gateway: 'gateway-a',
      segment: '1',
      received: '1795429230.123456',
      ended: '1795429231.123706',
      login: 'alice@example.com',
      tags: ['tag:ci', 'tag:"quoted", with {braces}'],
      groups: ['group:dev'],
      status: 200,
      stream: true,
      state: 'complete',
      denied_by: null,
      input_uncached: '100',
      cache_read: '2000',
      cache_write_5m: '30',
      cache_write_1h: '4',
      cache_write_other: '5',
      output: '600',
      reasoning: '70',
      audio_in: '0',
      usage_state: 'final',
      usage_detail: { iterations: [1, { deep: 'ü' }] },
      usage_flags: ['clamped:input_uncached'],
      cost_nanodollars: '9007199254740993',
      tool_call_count: 1,
      server_tools: { web_search: 2 },
      attempts: record.attempts,
      edits: record.edits,
      request_bytes: '2048',
      response_id: 'msg_1',
      error: { code: 'x', message: 'y' },
    });
  });

  test('absent usage and an unknown price are null, not zero', async () => {
    await store.store([aRecord({ usage: null, usage_state: 'absent', cost_nanodollars: null, cost_basis: null })]);
    expect(await one('SELECT output, cost_nanodollars FROM aperture.records')).toEqual({
      output: null,
      cost_nanodollars: null,
    });
    expect(await one('SELECT requests, usage_absent, cost_unknown FROM aperture.rollup_hour')).toEqual({
      requests: '1',
      usage_absent: '1',
      cost_unknown: '1',
    });
  });

  test('failure mode 10: the same batch twice, at once and overlapping counts each record once', async () => {
    const all = records(120);
    const batches = [all.slice(0, 50), all.slice(0, 50), all.slice(25, 75).reverse(), all.slice(50), all.slice(70)];
    const stored = await Promise.all(batches.map((batch) => store.store(batch)));
    expect(stored.reduce((sum, { inserted }) => sum + inserted, 0)).toBe(120);
    expect(await store.store(all)).toEqual({ inserted: 0, dead: 0 });
    expect(await one('SELECT count(*)::int AS n FROM aperture.records')).toEqual({ n: 120 });
    expect((await store.watermarks('gateway-a', 0)).segments).toEqual([{ segment: 1, recordsIn: 120, capturesIn: 0 }]);
    expect(await one('SELECT sum(requests)::int AS n, sum(output)::int AS out FROM aperture.rollup_hour')).toEqual({
      n: 120,
      out: 120 * 600,
    });
  });

  test('a record twice in one batch is one record', async () => {
    const record = aRecord();
    expect(await store.store([record, record])).toEqual({ inserted: 1, dead: 0 });
    expect((await store.watermarks('gateway-a', 0)).segments).toEqual([{ segment: 1, recordsIn: 1, capturesIn: 0 }]);
  });

  test('the watermark counts per gateway and segment', async () => {
    await store.store([...records(3, 7), ...records(2, 8), aRecord({ gateway: 'gateway-b', segment: 7 })]);
    expect((await store.watermarks('gateway-a', 0)).segments).toEqual([
      { segment: 7, recordsIn: 3, capturesIn: 0 },
      { segment: 8, recordsIn: 2, capturesIn: 0 },
    ]);
    expect((await store.watermarks('gateway-a', 8)).segments).toEqual([{ segment: 8, recordsIn: 2, capturesIn: 0 }]);
    expect((await store.watermarks('gateway-b', 0)).segments).toEqual([{ segment: 7, recordsIn: 1, capturesIn: 0 }]);
  });

  test('watermarks since an earlier answer tell what has changed since', async () => {
    await store.store([...records(1, 1), ...records(1, 2)]);
    await pool.query(`UPDATE aperture.journal_segments SET changed_at = now() - interval '1 hour' WHERE segment = 1`);
    const first = await store.watermarks('gateway-a', 0);
    expect(first.segments).toHaveLength(2);
    await store.store(records(4, 2));
    expect((await store.watermarks('gateway-a', 0, first.asOf)).segments).toEqual([
      { segment: 2, recordsIn: 5, capturesIn: 0 },
    ]);
  });

  test('failure mode 13: 20,000 random costs sum to exact integer arithmetic', async () => {
    const random = fc.sample(fc.bigInt({ min: 0n, max: 10n ** 13n }), { numRuns: 20_000, seed: 20261123 });
    let expected = 0n;
    for (let at = 0; at < random.length; at += 500) {
      const costs = random.slice(at, at + 500);
      for (const cost of costs) expected += cost;
      await store.store(costs.map((cost) => aRecord({ cost_nanodollars: cost.toString() })));
    }
    const sums = await one(`SELECT (SELECT sum(cost_nanodollars)::text FROM aperture.records) AS ledger,
      (SELECT sum(cost_nanodollars)::text FROM aperture.rollup_hour) AS rollup,
      (SELECT sum(requests)::int FROM aperture.rollup_hour) AS requests`);
    expect(sums).toEqual({ ledger: expected.toString(), rollup: expected.toString(), requests: 20_000 });
  });

  test('what is no record is buried with its reason, and its neighbours get in', async () => {
    const good = records(3);
    const batch = [
      good[0],
      { rubbish: true },
      good[1],
      aRecord({ status: 1.5 }),
      aRecord({ id: '7c9e6679-7425-40de-944b-e07fc1f90ae7' }),
      // Fits the schema, not a bigint.
      aRecord({ cost_nanodollars: '9'.repeat(30) }),
      good[2],
      'text',
    ];
    expect(await store.store(batch)).toEqual({ inserted: 3, dead: 5 });
    // Again, as a retried job would.
    expect(await store.store(batch)).toEqual({ inserted: 0, dead: 5 });
    const { rows } = await pool.query<{ error: string; body: string }>(
      "SELECT error, body FROM aperture.dead_letters WHERE kind = 'record' ORDER BY error",
    );
    expect(rows).toHaveLength(5);
    expect(rows.map((row) => row.error).join('\n')).toContain('not a UUIDv7');
    expect(rows.map((row) => row.error).join('\n')).toContain('status');
    expect(rows.some((row) => row.body === '{"rubbish":true}')).toBe(true);
    expect((await store.watermarks('gateway-a', 0)).segments).toEqual([{ segment: 1, recordsIn: 3, capturesIn: 0 }]);
  });

  test('text that Postgres cannot hold is stored with the replacement character', async () => {
    await store.store([
      aRecord({
        model: 'a\u0000b',
        user_agent: 'half \ud83d pair, whole \u{1f600}',
        usage_detail: { '\u0000key': ['\udc00'] },
        session_id: 'backslash \\u0000 stays',
      }),
    ]);
    expect(await one('SELECT model, user_agent, usage_detail, session_id FROM aperture.records')).toEqual({
      model: 'a\ufffdb',
      user_agent: 'half \ufffd pair, whole \u{1f600}',
      usage_detail: { '\ufffdkey': ['\ufffd'] },
      session_id: 'backslash \\u0000 stays',
    });
  });

  test('names longer than an index entry are cut, not lost', async () => {
    // Incomparable characters, so that nothing compresses.
    const long = Array.from({ length: 9_000 }, (_, i) => String.fromCodePoint(0x4e00 + ((i * 7919) % 20_000))).join('');
    const record = aRecord({ model: long, session_id: long, login: long, node_id: long, agent: long, provider: long });
    expect(await store.store([record])).toEqual({ inserted: 1, dead: 0 });
    const row = await one('SELECT model, agent FROM aperture.records');
    expect(row['model']).toBe(`${long.slice(0, 600)}…`);
    expect(row['agent']).toBe(long);
  });

  test('a record of any day finds or gets its partition', async () => {
    const days = [
      Date.UTC(1970, 0, 1),
      Date.UTC(2024, 1, 29, 23, 59, 59, 999),
      Date.UTC(2024, 2, 1),
      TEST_TIME_MS,
      Date.UTC(2031, 11, 31),
      Date.UTC(9999, 11, 31, 23, 59, 59, 999),
      Date.UTC(10888, 0, 1),
    ];
    const odd = days.map((ms) => {
      const time = Math.floor(ms).toString(16).padStart(12, '0');
      return aRecord({ id: `${time.slice(0, 8)}-${time.slice(8)}-7abc-8def-0123456789ab` });
    });
    expect(await store.store(odd)).toEqual({ inserted: 7, dead: 0 });
    const { rows } = await pool.query<{ partition: string }>(
      'SELECT (SELECT relname FROM pg_class WHERE oid = r.tableoid) AS partition FROM aperture.records AS r ORDER BY id',
    );
    expect(rows.map((row) => row.partition)).toEqual([
      'records_197001',
      'records_202402',
      'records_202403',
      'records_202611',
      'records_203112',
      'records_999912',
      'records_01088801',
    ]);
  });

  test('a partition that is missing is made when a record needs it', async () => {
    await store.store(records(1));
    await pool.query('DROP TABLE aperture.records_202611, aperture.amendments_202611');
    expect(await store.store(records(2))).toEqual({ inserted: 2, dead: 0 });
  });

  test('a day whose partition was detached is waited for: nothing is buried', async () => {
    const [first, second] = records(2);
    await store.store([first]);
    const { name, bound } = (await one(
      `SELECT oid::regclass::text AS name, pg_get_expr(relpartbound, oid) AS bound FROM pg_class
        WHERE oid = (SELECT tableoid FROM aperture.records)`,
    )) as { name: string; bound: string };
    await pool.query(`ALTER TABLE aperture.records DETACH PARTITION ${name}`);
    await expect(store.store([second])).rejects.toThrow('no partition of relation');
    await pool.query(`ALTER TABLE aperture.records ATTACH PARTITION ${name} ${bound}`);
    expect(await store.store([second])).toEqual({ inserted: 1, dead: 0 });
    expect(await one('SELECT count(*)::int AS dead FROM aperture.dead_letters')).toEqual({ dead: 0 });
  });

  test('partitions are made a week ahead, also by several processes at once', async () => {
    const others = [store, createRecordStore(pool, clock), createRecordStore(pool, clock)];
    await Promise.all(others.map((each) => each.prepareDays()));
    expect(await partitionsOf('captures')).toEqual(
      ['22', '23', '24', '25', '26', '27', '28', '29', '30'].map((day) => `captures_202611${day}`),
    );
    // What is never purged needs no more than a month's.
    expect(await partitionsOf('records')).toEqual(['records_202611']);
  });

  test('a month that an earlier build has begun by the day goes on by the day', async () => {
    const [from, to] = ['2026-11-22', '2026-11-23'].map((day) => uuid7Floor(Date.parse(day)));
    await pool.query(
      `CREATE TABLE aperture.records_20261122 PARTITION OF aperture.records FOR VALUES FROM ('${from}') TO ('${to}')`,
    );
    const next = TEST_TIME_MS + 10 * 86_400_000;
    await store.store([aRecord(), aRecord({ id: uuid7Floor(next) })]);
    expect(await partitionsOf('records')).toEqual(['records_202612', 'records_20261122', 'records_20261123'].sort());
  });

  async function partitionsOf(table: string): Promise<string[]> {
    const { rows } = await pool.query<{ name: string }>(
      `SELECT relname AS name FROM pg_inherits JOIN pg_class ON oid = inhrelid
        WHERE inhparent = $1::regclass ORDER BY relname COLLATE "C"`,
      [`aperture.${table}`],
    );
    return rows.map(({ name }) => name);
  }

  test('failure mode 42: a record is inserted and never updated', async () => {
    const batch = records(10);
    await store.store(batch);
    await store.store(batch);
    await pool.query('SELECT pg_stat_force_next_flush()');
    const row = await one(`SELECT n_tup_upd::int AS updated FROM pg_stat_user_tables WHERE relname = 'records_202611'`);
    expect(row).toEqual({ updated: 0 });
  });

  test('refused requests count as requests, and neither as absent usage nor as unknown cost', async () => {
    const denied = { state: 'denied', usage: null, usage_state: 'absent', cost_nanodollars: null } as const;
    await store.store([
      aRecord({ ...denied, attempts: [], status: 429 }),
      aRecord({ ...denied, state: 'blocked', status: 429 }),
      aRecord({ usage_state: 'partial', status: 429 }),
      aRecord({ usage_state: 'estimated', status: 429 }),
    ]);
    expect(
      await one(
        'SELECT requests, refused, usage_absent, usage_partial, usage_estimated, cost_unknown FROM aperture.rollup_hour',
      ),
    ).toEqual({
      requests: '4',
      refused: '1',
      usage_absent: '1',
      usage_partial: '1',
      usage_estimated: '1',
      cost_unknown: '1',
    });
  });

  test('ids of one millisecond and of the edge of a day go to their own day', async () => {
    const midnight = Date.UTC(2026, 10, 24);
    const before = aRecord({ id: idAt(midnight - 1) });
    const after = aRecord({ id: idAt(midnight) });
    await store.store([before, after]);
    const { rows } = await pool.query<{ id: string; day: string }>(
      'SELECT record_id AS id, right(tableoid::regclass::text, 8) AS day FROM aperture.tool_calls ORDER BY id',
    );
    expect(rows).toEqual([
      { id: before.id, day: '20261123' },
      { id: after.id, day: '20261124' },
    ]);
  });
});

test('the planner is told of all partitions together, which autovacuum never tells it', async () => {
  const stored = records(40);
  await store.store(stored);
  const ids = `SELECT n_distinct FROM pg_stats
    WHERE schemaname = 'aperture' AND tablename = 'records' AND inherited AND attname = 'id'`;
  expect((await pool.query(ids)).rows).toEqual([]);
  await analyzeWholes(pool);
  // Each has its own.
  expect(await one(ids)).toEqual({ n_distinct: -1 });
});
