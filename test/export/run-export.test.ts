import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { listExports } from '../../src/dashboard/exports.ts';
import { answer } from '../../src/dashboard/routes.ts';
import type { ExportSettings, FromExport } from '../../src/export/messages.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createCaptureStore } from '../../src/store/captures.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { EXPORT_DEFAULTS, runExport } from '../../workers/run-export.ts';
import type { Exporter, ExportOptions } from '../../workers/run-export.ts';
import { storeCapture } from '../support/captures.ts';
import { readExport } from '../support/exported.ts';
import type { ExportedRecord } from '../support/exported.ts';
import { idAt } from '../support/ids.ts';
import { readParquet } from '../support/parquet.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord } from '../support/records.ts';
import { S3_BUCKET, S3_KEY, startS3 } from '../support/s3.ts';
import type { TestS3 } from '../support/s3.ts';
import { until } from '../support/until.ts';

let postgres: TestPostgres;
let pool: Pool;
let database: DatabaseAddress;
let s3: TestS3;
const running: Exporter[] = [];
let told: FromExport[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres('run-export');
});
afterAll(async () => {
  await postgres.stop();
});
beforeEach(async () => {
  ({ pool, address: database } = await postgres.migrated());
  s3 = await startS3();
  told = [];
});
afterEach(async () => {
  for (const each of running.splice(0)) await each.close();
  await s3.away().catch(() => undefined);
});

function settingsOf(change: Partial<ExportSettings> = {}, key = S3_KEY): ExportSettings {
  const credentials = { ...key, sessionToken: undefined };
  return {
    bucket: { name: S3_BUCKET, region: S3_KEY.region, endpoint: s3.url, prefix: 'p', credentials },
    format: 'cbor',
    everyMs: 1,
    limit: 1000,
    allow: ['127.0.0.1'],
    caFile: undefined,
    ...change,
  };
}

function start(settings = settingsOf(), change: Partial<ExportOptions> = {}): Exporter {
  const options = { ...EXPORT_DEFAULTS, lookMs: 20, reportMs: 50, leaseMs: 1500, ...change };
  const exporter = runExport({
    database,
    settings,
    clock: systemClock,
    log: silentLog,
    post: (message) => {
      told.push(message);
    },
    options,
  });
  running.push(exporter);
  return exporter;
}

async function stored(count: number, body = '"asked"'): Promise<string[]> {
  const records: ExchangeRecord[] = Array.from({ length: count }, (_, at) => {
    const received_at = Date.now() + at;
    return aRecord({ id: idAt(received_at), received_at });
  });
  await createRecordStore(pool, systemClock).store(records);
  const captures = createCaptureStore(pool);
  for (const record of records) await storeCapture(captures, record, { request: body, response: '{"id":"msg_1"}' });
  return records.map(({ id }) => id);
}

const exported = (): ExportedRecord[] => [...s3.objects.values()].flatMap(readExport).sort((a, b) => a.id - b.id);

async function noted(): Promise<Record<string, unknown>[]> {
  const { items } = await listExports(pool, { before: undefined, limit: 100 });
  return items as Record<string, unknown>[];
}

const allUploaded = (count: number): Promise<unknown> =>
  until(`${count} records are uploaded`, async () => {
    const done = (await noted()).filter(({ state }) => state === 'uploaded');
    return done.reduce((sum, { records }) => sum + Number(records), 0) === count;
  });

test('files are bounded by records and by bytes, follow at once while more waits, and have every record once', async () => {
  const ids = await stored(25, JSON.stringify('x'.repeat(2000)));
  // By bytes three records fit, by the limit ten.
  start(settingsOf({ limit: 10, everyMs: 3_600_000 }), { bounds: { itemBytes: 10_000, partBytes: 1000 } });
  await allUploaded(25);
  const records = exported();
  expect(records.map(({ id }) => id)).toEqual(Array.from({ length: 25 }, (_, at) => at + 1));
  expect(records.map(({ capture_id }) => capture_id)).toEqual(ids);
  const files = await noted();
  expect(Math.max(...files.map((file) => Number(file['records'])))).toBeLessThan(10);
  expect(new Set(files.map((file) => `${S3_BUCKET}/${String(file['name'])}`))).toEqual(new Set(s3.objects.keys()));
  expect([...s3.objects.keys()].every((key) => /^[^/]+\/p\/ts-aperture-export-\d+\.cbor\.zstd$/.test(key))).toBe(true);
  // All is exported: one that comes now waits for its hour.
  await stored(1);
  await until('it is counted', () => told.some((message) => message.kind === 'state' && message.state.waiting === 1));
  expect(await noted()).toHaveLength(files.length);
});

test('a store that is away for a while gets everything, and what failed is told', async () => {
  await s3.away();
  await stored(3);
  start();
  const failed = await until('it has failed', async () => (await noted()).find(({ error }) => error !== null));
  expect(failed).toMatchObject({ state: 'waiting', records: 3 });
  expect(failed['error']).toContain('could not be reached');
  await s3.back();
  await allUploaded(3);
  expect(exported()).toHaveLength(3);
  await until('it is told', () =>
    told.some(({ kind, ...rest }) => {
      if (kind !== 'state' || !('state' in rest)) return false;
      const { waiting, files, failures, lastSuccessAtMs } = rest.state;
      return waiting === 0 && files === 1 && failures >= 1 && lastSuccessAtMs !== null;
    }),
  );
});

test('wrong credentials are told without them, and right ones tried at once', async () => {
  await stored(1);
  const exporter = start(settingsOf({}, { ...S3_KEY, secretAccessKey: 'CANARY-SECRET' }));
  const failed = await until('it has failed twice', async () =>
    (await noted()).find((file) => Number(file['attempts']) > 1),
  );
  expect(failed['error']).toBe('answered 403 SignatureDoesNotMatch');
  exporter.take({
    kind: 'settings',
    settings: settingsOf({ bucket: { ...settingsOf().bucket, credentials: undefined } }),
  });
  await until('there are none', async () => String((await noted())[0]?.['error']).includes('there are no credentials'));
  const unusable = { ...S3_KEY, accessKeyId: 'CANARY\nID', sessionToken: undefined };
  exporter.take({
    kind: 'settings',
    settings: settingsOf({ bucket: { ...settingsOf().bucket, credentials: unusable } }),
  });
  await until('they are no use', async () => {
    return (await noted())[0]?.['error'] === 'no request can be signed with these credentials';
  });
  // Backed off for long: the new config is not.
  await pool.query(`UPDATE aperture.export_files SET next_attempt_at = clock_timestamp() + interval '1 hour'`);
  exporter.take({ kind: 'settings', settings: settingsOf() });
  await allUploaded(1);
  expect(exported()).toHaveLength(1);
});

test('plain http is for what server.egress.allow has', async () => {
  await stored(1);
  start(settingsOf({ allow: [] }));
  await until('it is refused', async () => String((await noted())[0]?.['error']).includes('server.egress.allow'));
  expect(s3.puts).toEqual([]);
});

test('a process that is cut off in the middle is followed by another, with the same bytes under the same name', async () => {
  const ids = await stored(5);
  let held = 0;
  s3.answer = (_put, store) => {
    // Taken, and never answered.
    store();
    held += 1;
  };
  const first = start();
  const second = start();
  await until('an upload is under way', () => held === 1);
  // Amended and purged meanwhile: the file is what it was.
  await pool.query('DELETE FROM aperture.captures');
  await pool.query('DELETE FROM aperture.tool_calls');
  s3.answer = (_put, store, response) => {
    store();
    response.end();
  };
  for (const each of [first, second]) await each.close();
  running.length = 0;
  start();
  await allUploaded(5);
  expect(s3.puts.length).toBeGreaterThan(1);
  expect(s3.overwritten).toEqual([]);
  expect(exported().map(({ capture_id }) => capture_id)).toEqual(ids);
});

test('a drain waits for the upload under way, and not for longer than it may', async () => {
  await stored(1);
  const answers: (() => void)[] = [];
  s3.answer = (_put, store, response) => {
    answers.push(() => {
      store();
      response.end();
    });
  };
  const exporter = start();
  const uploading = await until('it is under way', () => answers[0]);
  exporter.take({ kind: 'drain', withinMs: 60_000 });
  uploading();
  await until('it is drained', () => told.some(({ kind }) => kind === 'drained'));
  expect(await noted()).toMatchObject([{ state: 'uploaded' }]);
  const hung = start();
  await stored(1);
  await until('another is under way', () => answers[1]);
  hung.take({ kind: 'drain', withinMs: 50 });
  await until('it is drained', () => told.filter(({ kind }) => kind === 'drained').length === 2);
  expect((await noted())[0]).toMatchObject({ state: 'waiting' });
});

test('a body that is damaged is said to be, and holds up no file', async () => {
  // Short bodies stand in their recipe.
  await stored(2, JSON.stringify('x'.repeat(2000)));
  await pool.query(`UPDATE aperture.blobs SET body = 'not what it was', encoding = 'brotli'`);
  start();
  await allUploaded(2);
  const [record] = exported();
  expect(record!.capture).toMatchObject({
    damaged: ['request'],
    response_body: { id: 'msg_1' },
    tool_calls: [{ name: 'Read' }],
  });
});

test('a Parquet file says of each record what the JSON API says, and files go on counting where CBOR left off', async () => {
  await stored(1);
  const exporter = start();
  await allUploaded(1);
  exporter.take({ kind: 'settings', settings: settingsOf({ format: 'parquet' }) });
  await storeOddOnes();
  await stored(1);
  await allUploaded(4);
  const parquet = [...s3.objects].filter(([key]) => key.endsWith('.parquet'));
  expect(parquet.every(([key]) => /^[^/]+\/p\/ts-aperture-export-\d+\.parquet$/.test(key))).toBe(true);
  const rows = await readParquet(...parquet.map(([, file]) => file));
  expect(rows.map(({ number }) => number)).toEqual(['2', '3', '4']);
  const shown = new Map((await shownByTheApi()).map((item) => [item['id'], item]));
  for (const row of rows) expectSame(row, shown.get(row['id'])!);
  expect(rows.find(({ captured }) => captured === true)).toMatchObject({
    request_body: '"asked"',
    response_body: '{"id":"msg_1"}',
    tool_calls: '[{"name":"Read","arguments":"{\\"path\\":\\"a.ts\\"}"}]',
  });
});

/** One of which nothing is known, and one with everything at its most. */
async function storeOddOnes(): Promise<void> {
  const received_at = Date.now();
  const many = { ...aRecord().usage!, output: Number.MAX_SAFE_INTEGER };
  await createRecordStore(pool, systemClock).store([
    aRecord({
      id: idAt(received_at),
      received_at,
      first_byte_at: null,
      usage: null,
      usage_state: 'absent',
      cost_nanodollars: null,
      cost_basis: null,
      model_served: null,
      groups: [],
      error: { code: 'client_gone', message: 'ü "😀"' },
      tool_calls: [],
    }),
    aRecord({
      id: idAt(received_at + 1),
      received_at: received_at + 1,
      usage: many,
      cost_nanodollars: '999999999999999',
      tags: ['tag:ü', ''],
      model_served: '',
    }),
  ]);
  await pool.query(`UPDATE aperture.export_waiting SET at = at - interval '2 hours'`);
}

async function shownByTheApi(): Promise<Record<string, unknown>[]> {
  const answered = await answer(
    { pool, clock: systemClock, log: silentLog },
    {
      method: 'GET',
      path: '/api/requests',
      query: 'limit=100',
      caller: { login: 'root@example.com', role: 'admin', readCaptures: true, filterableHeaders: [] },
    },
  );
  return (JSON.parse(String(answered.body)) as { items: Record<string, unknown>[] }).items;
}

/** What the API shows elsewhere: of one request, and in the list of files. */
const NOT_IN_A_LIST = [
  ...['number', 'captured', 'request_headers', 'response_headers', 'request_body', 'response_body'],
  ...['raw_request_body', 'raw_response_body', 'tool_calls', 'damaged'],
];

/** Each column by the member of the same name; times, money and JSON as the file has them. */
function expectSame(row: Record<string, unknown>, shown: Record<string, unknown>): void {
  const usage = shown['usage'] as Record<string, number> | null;
  const dollars = (text: unknown): unknown =>
    typeof text === 'string' ? text.padStart(10, '0').replace(/(\d{9})$/, '.$1') : text;
  for (const [name, value] of Object.entries(row)) {
    if (name in aRecord().usage!) expect(value, name).toBe(usage === null ? null : String(usage[name]));
    else if (name.endsWith('_at')) expect(microsOf(value), name).toBe(microsOf(shown[name]));
    else if (name === 'cost_dollars') expect(value).toBe(dollars(shown['cost_nanodollars']));
    else if (name === 'server_tools' || name === 'error') expect(JSON.parse(String(value)), name).toEqual(shown[name]);
    else if (name.endsWith('_bytes')) expect(value, name).toBe(String(shown[name]));
    else if (!NOT_IN_A_LIST.includes(name)) expect(value, name).toEqual(shown[name]);
  }
}

/** `2026-11-23 10:20:30.5+00` and `2026-11-23T10:20:30.500000Z` are one time. */
function microsOf(time: unknown): string | null {
  if (typeof time !== 'string') return null;
  const [, second = '', fraction = ''] = /^(.{19})(?:\.(\d+))?/.exec(time.replace(' ', 'T')) ?? [];
  return `${second}.${fraction.padEnd(6, '0')}`;
}
