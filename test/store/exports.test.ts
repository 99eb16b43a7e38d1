import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { listExports } from '../../src/dashboard/exports.ts';
import { answer } from '../../src/dashboard/routes.ts';
import { silentLog } from '../../src/lib/log.ts';
import { uuid7Floor } from '../../src/lib/uuid7.ts';
import { createCaptureStore } from '../../src/store/captures.ts';
import { createExportStore } from '../../src/store/exports.ts';
import type { ExportStore, NewFile, OpenFile } from '../../src/store/exports.ts';
import { recordsToExport } from '../../src/store/exported-records.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { storeCapture } from '../support/captures.ts';
import { idAt } from '../support/ids.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord } from '../support/records.ts';

const HOUR = 3_600_000;
const NOW = Date.UTC(2026, 10, 23, 10);
const LEASE_MS = 600_000;

let postgres: TestPostgres;
let pool: Pool;
let exports: ExportStore;

beforeAll(async () => {
  postgres = await startTestPostgres('exports');
});
afterAll(async () => {
  await postgres.stop();
});
beforeEach(async () => {
  ({ pool } = await postgres.migrated());
  exports = createExportStore(pool);
});

let count = 0;

/** Stores a record, with its capture unless it is still to come. */
async function stored(atMs: number, options: { capture: boolean } = { capture: true }): Promise<ExchangeRecord> {
  count += 1;
  const id = uuid7Floor(atMs).replace(/.{12}$/, String(count).padStart(12, '0'));
  const record = aRecord({ id, received_at: atMs, ended_at: atMs + 1 });
  await createRecordStore(pool, { nowMs: () => NOW }).store([record]);
  if (options.capture) await captured(record);
  return record;
}

async function captured(record: ExchangeRecord, keeps = true): Promise<void> {
  await storeCapture(
    createCaptureStore(pool, () => keeps),
    record,
    { request: '"asked"', response: '"told"' },
  );
}

async function begun(holder = 'us'): Promise<void> {
  await exports.begin();
  await exports.hold(holder, LEASE_MS);
  while (await exports.backfill(holder));
}

function fileOf({ firstNumber, ids }: { firstNumber: number; ids: string[] }, change: Partial<NewFile> = {}): NewFile {
  return {
    firstNumber,
    ids,
    key: (s) => `k-${s}`,
    parts: [Buffer.from('ab'), Buffer.from('c')],
    bytes: 3,
    sha256: 's',
    full: false,
    ...change,
  };
}

/** Exports what is ready; returns the ids. */
async function exportAll(count = 100, holder = 'us'): Promise<string[]> {
  const ready = await exports.ready(count);
  if (ready.ids.length === 0) return [];
  const file = await exports.make(holder, fileOf(ready), NOW);
  await exports.uploaded(file!.id, 'bucket');
  return ready.ids;
}

const idsOf = (records: ExchangeRecord[]): string[] => records.map(({ id }) => id);

test('what was stored before the export began, and while it began, is exported once', async () => {
  const before = [await stored(NOW - 3 * HOUR), await stored(NOW - 2 * HOUR)];
  // Stored while the export begins: each is there before, or noted.
  const [, ...during] = await Promise.all([
    exports.begin(),
    ...Array.from({ length: 20 }, (_, at) => stored(NOW - HOUR + at)),
  ]);
  await begun();
  const after = await stored(NOW);
  const all = idsOf([...before, ...during, after]).sort();
  expect(await exportAll()).toEqual(all);
  await begun();
  expect(await exportAll()).toEqual([]);
});

test('numbers go on without a gap, also for records that come late for their time', async () => {
  await begun();
  const first = [await stored(NOW), await stored(NOW + 1)];
  expect((await exports.ready(10)).firstNumber).toBe(1);
  expect(await exportAll()).toEqual(idsOf(first));
  const late = await stored(NOW - 5 * 24 * HOUR);
  const next = await stored(NOW + 2);
  expect(await exports.ready(10)).toEqual({ firstNumber: 3, ids: [late.id, next.id] });
  expect(await exportAll()).toEqual([late.id, next.id]);
  const { items } = await listExports(pool, { before: undefined, limit: 10 });
  expect(items).toMatchObject([
    { first_number: 3, last_number: 4, first_record: late.id, last_record: next.id, state: 'uploaded' },
    { first_number: 1, last_number: 2, records: 2, bucket: 'bucket', bytes: 3, sha256: 's', error: null },
  ]);
});

test('what comes late while older records are still to be noted is exported once', async () => {
  const older = [await stored(NOW - 2 * HOUR), await stored(NOW - HOUR)];
  await exports.begin();
  await exports.hold('us', LEASE_MS);
  const late = await stored(NOW - 2 * HOUR + 5);
  const fresh = await stored(NOW);
  // Before the older ones are noted, only what the backfill will not come to.
  expect(await exportAll()).toEqual([fresh.id]);
  await begun();
  expect(await exportAll()).toEqual([older[0]!.id, late.id, older[1]!.id]);
});

test('a record waits for its capture, an hour at most, and holds up no other', async () => {
  await begun();
  const waiting = await stored(NOW, { capture: false });
  const whole = await stored(NOW + 1);
  const unkept = await stored(NOW + 2, { capture: false });
  expect(await exportAll()).toEqual([whole.id]);
  await captured(waiting);
  await captured(unkept, false);
  expect(await exportAll()).toEqual([waiting.id, unkept.id]);
  const lost = await stored(NOW + 3, { capture: false });
  expect(await exportAll()).toEqual([]);
  await pool.query(`UPDATE aperture.export_waiting SET at = at - interval '59 minutes'`);
  expect(await exportAll()).toEqual([]);
  await pool.query(`UPDATE aperture.export_waiting SET at = at - interval '2 minutes'`);
  expect(await exportAll()).toEqual([lost.id]);
});

test('of a day whose captures were purged, a record waits for none', async () => {
  await begun();
  const record = await stored(NOW, { capture: false });
  await pool.query(`INSERT INTO aperture.purged (what, through_day) VALUES ('captures', $1)`, [
    Math.floor(NOW / (24 * HOUR)),
  ]);
  expect(await exportAll()).toEqual([record.id]);
});

test('of two exporters, one makes each file: what the other made of the same records holds nowhere', async () => {
  await begun('a');
  await stored(NOW);
  const ready = await exports.ready(10);
  expect(await exports.hold('b', LEASE_MS)).toBe(false);
  expect(await exports.make('b', fileOf(ready), NOW)).toBeUndefined();
  // The first one stalls, and its lease runs out.
  await pool.query(`UPDATE aperture.exporters SET held_until = clock_timestamp() - interval '1 second'`);
  expect(await exports.hold('b', LEASE_MS)).toBe(true);
  expect(await exports.make('a', fileOf(ready), NOW)).toBeUndefined();
  const file = await exports.make('b', fileOf(ready), NOW);
  expect(file).toMatchObject({ records: 1, attempts: 0, due: true });
  expect(await exports.make('b', fileOf(ready), NOW), 'the same once more').toBeUndefined();
  expect((await exports.openFile())?.id).toBe(file!.id);
  await exports.release('b');
  expect(await exports.hold('a', LEASE_MS)).toBe(true);
});

test('a file is read back as it was made, until it is uploaded; then its bytes go', async () => {
  await begun();
  await stored(NOW);
  const file = (await exports.make('us', fileOf(await exports.ready(10)), NOW)) as OpenFile;
  expect((await exports.bodyOf(file)).toString()).toBe('abc');
  await exports.failed(file.id, 'away\0', 60_000);
  expect(await exports.openFile()).toMatchObject({ attempts: 1, due: false });
  expect(await exports.look()).toEqual({ waiting: 1, lastSuccessAtMs: null });
  await exports.tryNow();
  expect(await exports.openFile()).toMatchObject({ attempts: 1, due: true });
  await exports.uploaded(file.id, 'bucket');
  await exports.uploaded(file.id, 'another');
  expect(await exports.openFile()).toBeUndefined();
  expect((await pool.query('SELECT FROM aperture.export_parts')).rowCount).toBe(0);
  const { items } = await listExports(pool, { before: undefined, limit: 1 });
  expect(items).toMatchObject([{ bucket: 'bucket', attempts: 2, error: null, next_attempt_at: null }]);
  const { waiting, lastSuccessAtMs } = await exports.look();
  expect([waiting, Math.abs(lastSuccessAtMs! - Date.now()) < HOUR]).toEqual([0, true]);
});

test('no two files have the same name, whatever the clock says', async () => {
  await begun();
  const keys: string[] = [];
  for (const atMs of [NOW, NOW + 10, NOW - 5_000]) {
    await stored(NOW);
    const file = await exports.make('us', fileOf(await exports.ready(10)), atMs);
    keys.push(file!.key);
    await exports.uploaded(file!.id, 'bucket');
  }
  expect(keys).toEqual([0, 1, 2].map((more) => `k-${NOW / 1000 + more}`));
});

test('the next file is due when its time is over, and at once where more waited', async () => {
  await begun();
  expect(await exports.isDue(HOUR)).toBe(true);
  for (const full of [true, false]) {
    await stored(NOW);
    const file = await exports.make('us', fileOf(await exports.ready(10), { full }), NOW);
    await exports.uploaded(file!.id, 'bucket');
    expect(await exports.isDue(HOUR)).toBe(full);
    expect(await exports.isDue(0)).toBe(true);
  }
});

test("a record's money is as amendments have left it, and its tools as they are kept", async () => {
  const record = await stored(NOW);
  const [plain] = await recordsToExport(pool, [record.id]);
  // What a row of columns says beside that: `test/export/parquet.test.ts`.
  expect(plain).toMatchObject({
    id: record.id,
    receivedAtMs: NOW,
    endedAtMs: NOW + 1,
    login: 'alice@example.com',
    nodeId: 'n1',
    tags: [],
    model: 'claude-sonnet-4-5',
    api: 'anthropic_messages',
    usage: record.usage,
    serverTools: { web_search: 2 },
    costNanodollars: '12345678',
    costBasis: 'anthropic/claude-sonnet-4-5',
    sessionId: 's-1',
    path: '/v1/messages',
    status: 200,
    toolCalls: [{ name: 'Read', arguments: '{"path":"a.ts"}' }],
  });
  await pool.query(
    `INSERT INTO aperture.amendments (record_id, id, kind, body) VALUES ($1, $2, 'price', '{"cost_nanodollars": "7"}')`,
    [record.id, idAt(NOW)],
  );
  await pool.query('DELETE FROM aperture.tool_calls');
  const [amended] = await recordsToExport(pool, [record.id]);
  expect([amended!.costNanodollars, amended!.toolCalls]).toEqual(['7', []]);
});

test('/api/exports is for admins, in pages', async () => {
  await begun();
  for (const atMs of [NOW, NOW + 5_000, NOW + 10_000]) {
    await stored(NOW);
    const file = await exports.make('us', fileOf(await exports.ready(10)), atMs);
    await exports.uploaded(file!.id, 'bucket');
  }
  const get = async (role: 'admin' | 'user', query: string): Promise<{ status: number; body: unknown }> => {
    const caller = { login: 'alice@example.com', role, readCaptures: true, filterableHeaders: [] };
    const parts = { pool, clock: { nowMs: () => NOW }, log: silentLog };
    const { status, body } = await answer(parts, { method: 'GET', path: '/api/exports', query, caller });
    return { status, body: JSON.parse(String(body)) };
  };
  const first = (await get('admin', 'limit=2')).body as { items: { name: string }[]; next: string };
  const rest = (await get('admin', `limit=2&before=${first.next}`)).body as typeof first;
  expect([...first.items, ...rest.items].map(({ name }) => name)).toEqual(
    [10, 5, 0].map((more) => `k-${NOW / 1000 + more}`),
  );
  expect(rest.next).toBeNull();
  expect((await get('user', '')).status).toBe(403);
  expect((await get('admin', 'limit=0')).status).toBe(400);
});
