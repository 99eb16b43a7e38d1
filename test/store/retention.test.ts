import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Hold } from '../../src/contract/hold.ts';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import type { RetentionRules } from '../../src/contract/retention.ts';
import { answer } from '../../src/dashboard/routes.ts';
import { silentLog } from '../../src/lib/log.ts';
import { uuid7Floor } from '../../src/lib/uuid7.ts';
import { createCaptureStore, findCapture } from '../../src/store/captures.ts';
import type { CaptureStore } from '../../src/store/captures.ts';
import { openPool } from '../../src/store/database.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { createExportStore } from '../../src/store/exports.ts';
import { createHoldStore } from '../../src/store/holds.ts';
import { createRecordStore } from '../../src/store/records.ts';
import type { RecordStore } from '../../src/store/records.ts';
import { createRetention } from '../../src/store/retention.ts';
import type { Retention } from '../../src/store/retention.ts';
import { storeCapture } from '../support/captures.ts';
import { idAt } from '../support/ids.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord } from '../support/records.ts';
import { until } from '../support/until.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Ten o'clock of a Monday. */
const NOW = Date.UTC(2026, 10, 23, 10);
const TODAY = Math.floor(NOW / DAY);

let postgres: TestPostgres;
let pool: Pool;
let address: DatabaseAddress;
let records: RecordStore;
let captures: CaptureStore;
let retention: Retention;
const opened: Pool[] = [];

const clock = { nowMs: () => NOW };
const KEEP_ALL: RetentionRules = { keepMs: 3650 * DAY, captures: true, tools: true, requireExport: false };

beforeAll(async () => {
  postgres = await startTestPostgres('retention');
});
afterAll(async () => {
  await Promise.all(opened.map((each) => each.end()));
  await postgres.stop();
});
beforeEach(async () => {
  ({ pool, address } = await postgres.migrated());
  records = createRecordStore(pool, clock);
  captures = createCaptureStore(pool);
  retention = createRetention(purgePool(), clock);
});

function purgePool(statementMs = 20_000): Pool {
  const made = openPool(address, { name: 'retention', max: 1, statementMs, waitMs: 5_000, onError: () => undefined });
  opened.push(made);
  return made;
}

/** An exchange with a tool call, a result and both bodies, accepted so many milliseconds ago. */
async function exchange(agoMs: number, change: Partial<ExchangeRecord> = {}): Promise<ExchangeRecord> {
  const received_at = NOW - agoMs;
  const id = uuid7Floor(received_at).replace(/.{12}$/, Math.random().toString(16).slice(2, 14).padEnd(12, '0'));
  const tool_results = [{ id: 'toolu_0', bytes: 3, is_error: false }];
  const record = aRecord({ received_at, id, tool_results, ...change });
  await records.store([record]);
  await storeCapture(captures, record, { request: wordsOf(record, 'asked'), response: wordsOf(record, 'answered') });
  return record;
}

function wordsOf({ id }: ExchangeRecord, what: string): string {
  return `"${what} in ${id}: ${'and so on, '.repeat(20)}"`;
}

async function rowsOf(...tables: string[]): Promise<number[]> {
  return Promise.all(
    tables.map(async (table) => {
      const { rows } = await pool.query<{ n: number }>(`SELECT count(*)::int AS n FROM aperture.${table}`);
      return rows[0]!.n;
    }),
  );
}

const FIGURES = ['records', 'rollup_hour', 'rollup_day', 'sessions'];
const OF_CAPTURES = ['captures', 'blobs', 'indexed_headers'];
const OF_TOOLS = ['tool_calls', 'tool_results'];

async function partitionsOf(table: string): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'aperture'::regnamespace AND relkind = 'r'
        AND relname ~ $1 ORDER BY 1`,
    [`^${table}_[0-9]+$`],
  );
  return rows.map(({ name }) => name);
}

const ROOT = { by: 'root@example.com', nodeId: 'n1' };
const admin = { login: 'root@example.com', role: 'admin', readCaptures: true, filterableHeaders: [] } as const;

async function get(path: string): Promise<{ status: number; body: string }> {
  const [where = '', query = ''] = path.split('?');
  const parts = { pool, clock, log: silentLog };
  const { status, body } = await answer(parts, { method: 'GET', path: where, query, caller: admin });
  return { status, body: typeof body === 'string' ? body : Buffer.from(body).toString() };
}

describe('purging', () => {
  test('a day goes when its newest possible row is older than the duration, and figures stay', async () => {
    // Two days ago ended 34 hours ago, and yesterday ten hours ago.
    for (const ago of [0, 30 * HOUR, 35 * HOUR, 3 * DAY]) await exchange(ago);
    expect(await retention.run({ ...KEEP_ALL, keepMs: 35 * HOUR })).toMatchObject({ partitionsDropped: 5 });
    expect(await rowsOf(...OF_CAPTURES)).toEqual([3, 6, 3]);
    expect(await retention.run({ ...KEEP_ALL, keepMs: 34 * HOUR })).toMatchObject({
      partitionsDropped: 5,
      oldestCapturesMs: (TODAY - 1) * DAY,
    });
    expect(await rowsOf(...OF_CAPTURES)).toEqual([2, 4, 2]);
    expect(await partitionsOf('captures')).toEqual(['captures_20261122', 'captures_20261123']);
    expect(await rowsOf(...OF_TOOLS)).toEqual([2, 2]);
    expect(await rowsOf(...FIGURES)).toEqual([4, 4, 4, 1]);
    expect(await partitionsOf('records')).toEqual(['records_202611']);
    expect(await retention.run({ ...KEEP_ALL, keepMs: 34 * HOUR })).toMatchObject({
      partitionsDropped: 0,
      bytesDropped: 0,
    });
  });

  test('720h is purged by dropping partitions: no row is deleted', async () => {
    for (const ago of [29 * DAY, 31 * DAY, 32 * DAY]) await exchange(ago);
    // And, after a week, what sessions are found by.
    const run = await retention.run({ ...KEEP_ALL, keepMs: 720 * HOUR, tools: false });
    expect(run).toMatchObject({ partitionsDropped: 6 + 3, partitionsWaiting: 0 });
    expect(run!.bytesDropped).toBeGreaterThan(6 * 8192);
    expect(await rowsOf(...OF_CAPTURES)).toEqual([1, 2, 1]);
    const { rows } = await pool.query<{ n: number }>(
      `SELECT coalesce(sum(n_tup_del), 0)::int AS n FROM pg_stat_all_tables WHERE relname LIKE 'captures%'`,
    );
    expect(rows).toEqual([{ n: 0 }]);
  });

  test('without "captures" or without "tools", these stay', async () => {
    await exchange(10 * DAY);
    await retention.run({ ...KEEP_ALL, keepMs: DAY, captures: false });
    expect(await rowsOf(...OF_CAPTURES, ...OF_TOOLS)).toEqual([1, 2, 1, 0, 0]);
    await retention.run({ ...KEEP_ALL, keepMs: DAY, tools: false });
    expect(await rowsOf(...OF_CAPTURES)).toEqual([0, 0, 0]);
  });

  test('tool use that was purged is empty, and counted still', async () => {
    const { id } = await exchange(10 * DAY);
    const before = JSON.parse((await get(`/api/requests/${id}`)).body);
    expect(before).toMatchObject({ tool_calls: [{ arguments: '{"path":"a.ts"}' }], tool_call_count: 1 });
    await retention.run({ ...KEEP_ALL, keepMs: DAY });
    const after = await get(`/api/requests/${id}`);
    expect(JSON.parse(after.body)).toMatchObject({ tool_calls: [], tool_call_count: 1, capture: null });
    expect(after.body).not.toContain('a.ts');
    expect(JSON.parse((await get('/api/sessions/s-1')).body)).toMatchObject({ session: { tool_calls: 1 } });
  });

  test('hours: what is older is deleted the same day, its blobs with the day', async () => {
    for (const ago of [0, 30 * 60_000, 2 * HOUR, 9 * HOUR, 11 * HOUR]) await exchange(ago);
    await retention.run({ ...KEEP_ALL, keepMs: HOUR });
    // Blobs of today's four are there until tomorrow.
    expect(await rowsOf(...OF_CAPTURES, ...OF_TOOLS)).toEqual([2, 8, 2, 2, 2]);
    expect(await rowsOf(...FIGURES)).toEqual([5, 5, 2, 1]);
  });

  test('"0": what was stored goes at once, today too, and nothing is stored from then on', async () => {
    for (const ago of [0, 2 * HOUR, DAY]) await exchange(ago);
    const none = { ...KEEP_ALL, keepMs: 0 };
    expect(await retention.run(none)).toMatchObject({ oldestCapturesMs: null });
    expect(await rowsOf(...OF_CAPTURES, ...OF_TOOLS)).toEqual([0, 0, 0, 0, 0]);
    records = createRecordStore(pool, clock, () => false);
    captures = createCaptureStore(pool, () => false);
    const { id } = await exchange(0, { segment: 7 });
    expect(await rowsOf('captures', 'indexed_headers', ...OF_TOOLS)).toEqual([0, 0, 0, 0]);
    expect(JSON.parse((await get(`/api/requests/${id}`)).body)).toMatchObject({ tool_calls: [], tool_call_count: 1 });
    // The journal may let go of it.
    expect((await records.watermarks('gateway-a', 7)).segments).toEqual([{ segment: 7, recordsIn: 1, capturesIn: 1 }]);
    // Another config holds again: today's are stored.
    captures = createCaptureStore(pool);
    await exchange(0);
    expect(await rowsOf('captures')).toEqual([1]);
  });

  test('with require_export a day goes once each of its records is in a bucket, and the rest is counted', async () => {
    for (const ago of [2 * DAY, 3 * DAY, 4 * DAY]) await exchange(ago);
    const rules = { ...KEEP_ALL, keepMs: DAY, requireExport: true };
    expect(await retention.run(rules), 'no exporter').toMatchObject({ partitionsDropped: 0, partitionsWaiting: 15 });
    const exports = createExportStore(pool);
    await exports.begin();
    await exports.hold('us', 60_000);
    expect(await retention.run(rules), 'not noted').toMatchObject({ partitionsDropped: 0, partitionsWaiting: 15 });
    while (await exports.backfill('us'));
    const exported = async (count: number): Promise<() => Promise<void>> => {
      const { firstNumber, ids } = await exports.ready(count);
      const file = { firstNumber, ids, key: String, parts: [Buffer.from('x')], bytes: 1, sha256: '', full: false };
      const made = await exports.make('us', file, NOW);
      return () => exports.uploaded(made!.id, 'bucket');
    };
    const upload = await exported(1);
    expect(await retention.run(rules), 'made').toMatchObject({ partitionsDropped: 0, partitionsWaiting: 15 });
    await upload();
    expect(await retention.run(rules)).toMatchObject({ partitionsDropped: 5, partitionsWaiting: 10 });
    expect(await rowsOf('captures')).toEqual([2]);
    // A record that comes late for the next day to go keeps it.
    await (
      await exported(1)
    )();
    await exchange(3 * DAY + HOUR);
    expect(await retention.run(rules)).toMatchObject({ partitionsDropped: 0, partitionsWaiting: 10 });
    await (
      await exported(10)
    )();
    expect(await retention.run(rules)).toMatchObject({ partitionsDropped: 10, partitionsWaiting: 0 });
  });

  test('of two processes one purges, the other leaves it at that', async () => {
    await exchange(2 * DAY);
    const rules = { ...KEEP_ALL, keepMs: DAY };
    const others = Array.from({ length: 3 }, () => createRetention(purgePool(), clock));
    const runs = await Promise.all(others.map((other) => other.run(rules)));
    const dropped = runs.map((run) => run?.partitionsDropped ?? 0);
    expect(dropped.reduce((sum, each) => sum + each, 0)).toBe(5);
  });
});

describe('what comes late for a purged day', () => {
  test('a replayed record is a figure again, and resurrects neither bodies nor tool use', async () => {
    await exchange(10 * DAY);
    await retention.run({ ...KEEP_ALL, keepMs: DAY });
    const late = await exchange(10 * DAY, { segment: 3 });
    expect(await rowsOf('records', ...OF_CAPTURES, ...OF_TOOLS, 'dead_letters')).toEqual([2, 0, 0, 0, 0, 0, 0]);
    expect(await partitionsOf('captures')).toEqual([]);
    expect(await findCapture(pool, late.id, undefined)).toBeUndefined();
  });

  test('is in the watermark, however often it comes, beside what is kept', async () => {
    await exchange(10 * DAY, { segment: 2 });
    await retention.run({ ...KEEP_ALL, keepMs: DAY });
    const late = aRecord({ received_at: NOW - 10 * DAY, id: uuid7Floor(NOW - 10 * DAY), segment: 3 });
    const fresh = aRecord({ received_at: NOW, id: uuid7Floor(NOW), segment: 3 });
    const batch = [];
    for (const record of [late, fresh]) {
      batch.push(await storeCapture(captures, record, { request: '"a"', response: '"b"' }));
    }
    await captures.storeCaptures('gateway-a', batch);
    await records.store([late, fresh]);
    expect((await records.watermarks('gateway-a', 3)).segments).toEqual([{ segment: 3, recordsIn: 2, capturesIn: 2 }]);
    expect(await rowsOf('captures', 'late_captures')).toEqual([1, 1]);
  });

  test('partitions that are made ahead leave out purged days', async () => {
    await exchange(DAY);
    await retention.run({ ...KEEP_ALL, keepMs: HOUR });
    await createRecordStore(pool, clock).prepareDays();
    expect(await partitionsOf('captures')).toHaveLength(8);
    expect(await partitionsOf('records')).toHaveLength(1);
  });
});

describe('a purge in the middle of others', () => {
  test('waits for a reader, lets everybody else pass, and is finished by the next run if it breaks', async () => {
    const old = await exchange(2 * DAY);
    const reader = await pool.connect();
    await reader.query('BEGIN');
    await reader.query('SELECT count(*) FROM aperture.captures');
    const rules = { ...KEEP_ALL, keepMs: DAY, tools: false };
    const broken = createRetention(purgePool(1_000), clock).run(rules);
    await until('the purge waits', async () => {
      const { rows } = await pool.query(`SELECT FROM pg_inherits WHERE inhdetachpending`);
      return rows.length === 1;
    });
    // Others insert and read meanwhile.
    const fresh = await exchange(0);
    expect(await findCapture(pool, fresh.id, undefined)).toMatchObject({ login: 'alice@example.com' });
    await expect(broken).rejects.toThrow(/timeout/);
    await reader.query('COMMIT');
    reader.release();
    expect(await retention.run(rules)).toMatchObject({ partitionsDropped: 3 });
    expect(await findCapture(pool, old.id, undefined)).toBeUndefined();
    expect(await rowsOf(...OF_CAPTURES)).toEqual([1, 2, 1]);
  });

  test('with require_export keeps a day for which a record came while an earlier one was purged', async () => {
    await createExportStore(pool).begin();
    for (const ago of [4 * DAY, 3 * DAY]) await exchange(ago);
    // As once all is in a bucket.
    await pool.query('DELETE FROM aperture.export_waiting');
    const reader = await pool.connect();
    await reader.query('BEGIN');
    await reader.query('SELECT count(*) FROM aperture.captures');
    const running = retention.run({ ...KEEP_ALL, keepMs: DAY, tools: false, requireExport: true });
    await until('the purge waits', async () => {
      const { rows } = await pool.query(`SELECT FROM pg_inherits WHERE inhdetachpending`);
      return rows.length === 1;
    });
    const late = await exchange(3 * DAY);
    await reader.query('COMMIT');
    reader.release();
    expect(await running).toMatchObject({ partitionsDropped: 3, partitionsWaiting: 3 });
    expect(await findCapture(pool, late.id, undefined)).toMatchObject({ login: 'alice@example.com' });
  });
});

describe('a legal hold', () => {
  const aHold = (change: Partial<Hold> = {}): Hold => ({
    id: idAt(NOW),
    login: null,
    session: null,
    fromMs: null,
    toMs: null,
    reason: 'case 7',
    by: 'root@example.com',
    createdAtMs: NOW,
    releasedAtMs: null,
    releasedBy: null,
    ...change,
  });
  const PURGE = { ...KEEP_ALL, keepMs: DAY };

  test('keeps headers, bodies and tool use of a login through the purge, readable as before', async () => {
    const held = await exchange(3 * DAY);
    const other = await exchange(3 * DAY, { login: 'bob@example.com' });
    const before = await get(`/api/requests/${held.id}`);
    const bytes = wordsOf(held, 'answered').length;
    expect(JSON.parse(before.body)).toMatchObject({
      capture: {
        response_pace: [
          [1, 310],
          [bytes, 1_352],
        ],
      },
    });
    await createHoldStore(pool).add(aHold({ login: 'alice@example.com' }), ROOT);
    expect(await retention.run(PURGE)).toMatchObject({ partitionsDropped: 5 });
    expect(await rowsOf(...OF_CAPTURES, ...OF_TOOLS)).toEqual([0, 0, 0, 0, 0]);
    expect(await get(`/api/requests/${held.id}`)).toEqual(before);
    for (const [side, what] of [
      ['request', 'asked'],
      ['response', 'answered'],
    ] as const) {
      const path = `body?side=${side}`;
      expect(await get(`/api/requests/${held.id}/${path}`)).toEqual({ status: 200, body: wordsOf(held, what) });
      expect(await get(`/api/requests/${other.id}/${path}`)).toMatchObject({ status: 404 });
    }
    expect(await rowsOf(...[...OF_CAPTURES, ...OF_TOOLS].map((table) => `held_${table}`))).toEqual([1, 2, 1, 1, 1]);
  });

  test('covers what is of its login, its session and its time', async () => {
    const there = { login: 'carol@example.com', session_id: 's-7' };
    const inside = await exchange(3 * DAY, there);
    await exchange(3 * DAY, { ...there, session_id: 's-8' });
    await exchange(3 * DAY, { ...there, login: 'bob@example.com' });
    await exchange(5 * DAY, there);
    await exchange(2 * DAY, there);
    const time = { fromMs: NOW - 3 * DAY, toMs: NOW - 3 * DAY + 1 };
    await createHoldStore(pool).add(aHold({ login: 'carol@example.com', session: 's-7', ...time }), ROOT);
    await retention.run(PURGE);
    expect((await pool.query('SELECT id FROM aperture.held_captures')).rows).toEqual([{ id: inside.id }]);
  });

  test('reaches into the hours of a day that is not over', async () => {
    const held = await exchange(5 * HOUR);
    await createHoldStore(pool).add(aHold({ session: 's-1' }), ROOT);
    await retention.run({ ...KEEP_ALL, keepMs: HOUR });
    expect(await rowsOf('captures', 'tool_calls')).toEqual([0, 0]);
    expect(await get(`/api/requests/${held.id}/body?side=request`)).toMatchObject({ status: 200 });
  });

  test('copies in pages: more than a thousand captures, each once', async () => {
    const many = Array.from({ length: 2_100 }, (_, index) =>
      aRecord({ received_at: NOW - 3 * DAY + index, id: uuid7Floor(NOW - 3 * DAY + index), tool_calls: [] }),
    );
    await records.store(many);
    const none = { request: null, response: null, responsePace: null };
    const bare = { ...none, segment: 1, requestHeaders: [], responseHeaders: [] };
    await captures.storeCaptures(
      'gateway-a',
      many.map(({ id, login }) => ({ ...bare, id, login, missingFrames: 0, indexedHeaders: [] })),
    );
    await createHoldStore(pool).add(aHold({ login: 'alice@example.com' }), ROOT);
    await retention.run(PURGE);
    expect(await rowsOf('captures', 'held_captures')).toEqual([0, 2_100]);
  });

  test('that is released lets go of what no other hold covers and whose time is over', async () => {
    const alone = await exchange(3 * DAY);
    const both = await exchange(4 * DAY, { session_id: 's-2' });
    const holds = createHoldStore(pool);
    const first = aHold({ login: 'alice@example.com' });
    await holds.add(first, ROOT);
    await holds.add(aHold({ session: 's-2' }), ROOT);
    await retention.run(PURGE);
    expect(await holds.release(first.id, ROOT, NOW)).toBe(true);
    expect(await holds.release(first.id, ROOT, NOW)).toBe(false);
    // Retention was made longer: both would still be kept without any hold.
    await retention.run({ ...KEEP_ALL, keepMs: 10 * DAY });
    expect(await rowsOf('held_captures', 'held_blobs', 'held_tool_calls')).toEqual([2, 4, 2]);
    await retention.run(PURGE);
    expect(await rowsOf('held_captures', 'held_blobs', 'held_tool_calls')).toEqual([1, 2, 1]);
    expect(await get(`/api/requests/${both.id}/body?side=request`)).toMatchObject({ status: 200 });
    expect(await get(`/api/requests/${alone.id}/body?side=request`)).toMatchObject({ status: 404 });
    expect((await holds.list()).map(({ releasedBy }) => releasedBy)).toEqual(['root@example.com', null]);
  });

  test('what goes is in the audit log, day by day, in the transaction of its going', async () => {
    const told = async (): Promise<unknown> => {
      const { rows } = await pool.query(
        `SELECT by_login AS by, target, details::json ->> 'what' AS what, details::json ->> 'rows' AS rows
           FROM aperture.audit WHERE action = 'retention.dropped' ORDER BY number`,
      );
      return rows;
    };
    const day = (ago: number): string => new Date(NOW - ago).toISOString().slice(0, 10);
    await exchange(3 * DAY);
    await exchange(4 * DAY);
    const hold = aHold({ login: 'alice@example.com' });
    await createHoldStore(pool).add(hold, ROOT);
    await retention.run(PURGE);
    const gateway = { by: '(gateway)', rows: null };
    const days = [4 * DAY, 3 * DAY].map(day);
    const dropped = ['captures', 'tools'].flatMap((what) => days.map((target) => ({ ...gateway, target, what })));
    expect(await told()).toEqual(dropped);
    await retention.run(PURGE);
    expect(await told()).toEqual(dropped);
    await createHoldStore(pool).release(hold.id, ROOT, NOW);
    await retention.run(PURGE);
    const released = ['captures', 'tools'].map((what) => {
      return { by: '(gateway)', target: day(DAY), what, rows: 'no longer held' };
    });
    expect(await told()).toEqual([...dropped, ...released]);
  });

  test('whose rows cannot be copied keeps the day', async () => {
    const held = await exchange(3 * DAY);
    await createHoldStore(pool).add(aHold({ login: 'alice@example.com' }), ROOT);
    await pool.query('ALTER TABLE aperture.held_blobs ADD CONSTRAINT full_disk CHECK (bytes < 0)');
    await expect(retention.run(PURGE)).rejects.toThrow(/full_disk/);
    expect(await rowsOf(...OF_CAPTURES)).toEqual([1, 2, 1]);
    await pool.query('ALTER TABLE aperture.held_blobs DROP CONSTRAINT full_disk');
    await retention.run(PURGE);
    expect(await get(`/api/requests/${held.id}/body?side=response`)).toMatchObject({ status: 200 });
  });
});
