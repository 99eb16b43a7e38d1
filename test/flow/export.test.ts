import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/lib/package-root.ts';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { csvTable } from '../support/csv.ts';
import { readExport } from '../support/exported.ts';
import type { ExportedRecord } from '../support/exported.ts';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import type { RecordRow, TestGateway } from '../support/gateway.ts';
import { readParquet } from '../support/parquet.ts';
import { databaseUrl, removeDataDir, startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { S3_BUCKET, S3_KEY, startS3 } from '../support/s3.ts';
import type { TestS3 } from '../support/s3.ts';
import { until } from '../support/until.ts';
import { ADMIN_GRANT, MODELS, PROVIDER_KEY } from './support.ts';

let postgres: TestPostgres;
let url: string;
let simulator: Simulator;
let s3: TestS3;
let gateway: TestGateway;
const dataDir = temporaryFolder();

function configWith(prefix: string, format = 'cbor'): unknown {
  return {
    providers: {
      openai: { baseurl: simulator.url, apikey: PROVIDER_KEY, models: [MODELS.openai] },
      anthropic: {
        baseurl: simulator.url,
        apikey: PROVIDER_KEY,
        authorization: 'x-api-key',
        models: [MODELS.anthropic],
        compatibility: { openai_chat: false, anthropic_messages: true },
      },
    },
    grants: [ADMIN_GRANT],
    server: { egress: { allow: ['127.0.0.1'] } },
    exporters: {
      s3: {
        bucket_name: S3_BUCKET,
        endpoint: s3.url,
        region: S3_KEY.region,
        prefix,
        format,
        access_key_id: S3_KEY.accessKeyId,
        access_secret: S3_KEY.secretAccessKey,
        every: 1,
      },
    },
  };
}

const start = async (format = 'cbor'): Promise<void> => {
  gateway = await startGateway({
    dataDir,
    env: { DATABASE_URL: url },
    config: configWith('eu', format),
    args: ['--config-readonly'],
  });
};

beforeAll(async () => {
  postgres = await startTestPostgres('flow-export');
  url = databaseUrl((await postgres.migrated()).address);
  simulator = await startSimulator({ host: '127.0.0.1', port: 0, expectedKey: PROVIDER_KEY });
  s3 = await startS3();
  await start();
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
  await s3.away();
  await postgres.stop();
  removeDataDir(dataDir);
});

/** Asks once, at the one model or the other, and returns the request's id. */
async function ask(model: 'openai' | 'anthropic', stream: boolean): Promise<string> {
  const path = model === 'openai' ? '/v1/chat/completions' : '/v1/messages';
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer CANARY-OF-THE-CLIENT' },
    body: JSON.stringify({
      model: MODELS[model],
      max_tokens: 4096,
      stream,
      messages: [{ role: 'user', content: 'Say hello' }],
    }),
  });
  await response.arrayBuffer();
  return response.headers.get('x-aperture-request-id') ?? '';
}

const filesOf = (format: 'cbor' | 'parquet'): Buffer[] =>
  [...s3.objects].filter(([key]) => key.endsWith('.parquet') === (format === 'parquet')).map(([, file]) => file);

const exported = (): ExportedRecord[] => filesOf('cbor').flatMap(readExport);

async function allExported(ids: string[]): Promise<ExportedRecord[]> {
  return until('all is exported', () => {
    const records = exported();
    return ids.every((id) => records.some(({ capture_id }) => capture_id === id)) && records;
  });
}

interface Numbered {
  id: string;
  number: number;
}

/** The records of all files, of either format, by their ids and numbers. */
async function numbered(): Promise<Numbered[]> {
  const rows = await readParquet(...filesOf('parquet'));
  return [
    ...exported().map(({ id, capture_id }) => ({ id: capture_id ?? '', number: id })),
    ...rows.map(({ id, number }) => ({ id: String(id), number: Number(number) })),
  ];
}

async function allNumbered(ids: string[]): Promise<Numbered[]> {
  return until('all is exported', async () => {
    const records = await numbered();
    return ids.every((id) => records.some((record) => record.id === id)) && records;
  });
}

test('files hold exactly what /api/requests has, with bodies and without credentials', async () => {
  const ids = [
    await ask('openai', false),
    await ask('openai', true),
    await ask('anthropic', false),
    await ask('anthropic', true),
  ];
  const records = await allExported(ids);
  expect(records).toHaveLength(4);
  const rows = new Map((await gateway.records(4)).map((row): [string, RecordRow] => [row.id, row]));
  for (const record of records) {
    const row = rows.get(record.capture_id ?? '')!;
    expect(record).toMatchObject({
      ver: 2,
      timestamp: row.received_at,
      identity: { login_name: row.login, stable_node_id: row.node_id, tags: row.tags },
      model: row.model,
      api_type: row.api === 'openai_chat' ? 'oai_completions' : 'ant_messages',
      session_id: row.session_id,
      path: row.path,
      status_code: 200,
    });
    expect(Math.abs(record.duration_ms - (Date.parse(row.ended_at) - Date.parse(row.received_at)))).toBeLessThan(2);
    const usage = row.usage!;
    expect(record.usage['input_tokens']).toBe(usage.input_uncached);
    expect(record.usage['output_tokens']).toBe(usage.output + usage.reasoning);
    expect(record.capture).toMatchObject({
      request_body: { model: row.model, messages: [{ role: 'user', content: 'Say hello' }] },
      request_headers: { 'content-type': ['application/json'] },
    });
    // Streams are put together again.
    expect(record.capture!['response_body']).toHaveProperty(row.api === 'openai_chat' ? 'choices' : 'content');
  }
  expect(JSON.stringify(records)).not.toContain('CANARY');
  expect(JSON.stringify(records)).not.toContain(PROVIDER_KEY);
  const listed = (await gateway.json('/api/exports?limit=1')) as { items: Record<string, unknown>[] };
  expect(listed.items).toMatchObject([{ bucket: S3_BUCKET, error: null }]);
  expect((await fetch(`${gateway.url}/api/exports`, { method: 'POST' })).status).toBe(405);
  await until('metrics tell it', async () => {
    const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
    return (
      /^aperture_export_files_total [1-9]/m.test(metrics) &&
      /^aperture_export_waiting_records 0$/m.test(metrics) &&
      /^aperture_export_last_success_seconds 1\d{9}/m.test(metrics) &&
      /^aperture_export_failures_total 0$/m.test(metrics)
    );
  });
});

test('what was charged leaves in the columns of FOCUS, by the API and by the command, and adds up to the books', async () => {
  const { total } = (await gateway.json('/api/usage')) as { total: { cost_nanodollars: string } };
  const answered = await fetch(`${gateway.url}/api/usage/focus.csv?group=login`);
  const text = await answered.text();
  expect(answered.status, text).toBe(200);
  const rows = csvTable(text);
  const nanodollars = rows.map((row) => Math.round(Number(row['BilledCost']) * 1e9));
  expect(nanodollars.reduce((sum, cost) => sum + cost, 0)).toBe(Number(total.cost_nanodollars));
  expect(Number(total.cost_nanodollars)).toBeGreaterThan(0);
  // The prices of the config and of the list have come through to the thread that answers.
  expect(rows.every((row) => row['x_UnitPriceDerived'] === 'false')).toBe(true);
  const day = rows[0]!['ChargePeriodStart']!;
  const main = join(packageRoot(), 'dist', 'src', 'main.js');
  const range = ['--from', day, '--to', rows.at(-1)!['ChargePeriodEnd']!, '--group', 'login'];
  const { stdout } = await promisify(execFile)(process.execPath, [
    main,
    'usage',
    'focus',
    '--url',
    gateway.url,
    ...range,
  ]);
  expect(stdout).toBe(text);
});

test('kill -9 in the middle of an upload and after it, before it is noted, loses and repeats nothing, in either format', async () => {
  const ids = (await numbered()).map(({ id }) => id);
  // What is on its way when the format is changed keeps its own; what waits behind it has the new one.
  for (const takes of [false, true]) {
    await allNumbered(ids);
    let under = false;
    s3.answer = (_put, store) => {
      if (takes) store();
      under = true;
    };
    ids.push(await ask('openai', false));
    await until('an upload is under way', () => under);
    ids.push(await ask('anthropic', true));
    await gateway.kill();
    s3.answer = (_put, store, response) => {
      store();
      response.end();
    };
    await start('parquet');
  }
  const records = await allNumbered(ids);
  expect(records.map(({ id }) => id).sort()).toEqual([...ids].sort());
  expect(records.map(({ number }) => number).sort((a, b) => a - b)).toEqual(ids.map((_, at) => at + 1));
  expect(s3.overwritten).toEqual([]);
  expect(
    s3.puts.some(({ path }, at) => path.endsWith('.parquet') && s3.puts.findIndex((put) => put.path === path) < at),
  ).toBe(true);
});

test('a config without the bucket stops the export, one with it again goes on where it was', async () => {
  const file = join(dataDir, 'test-config.hujson');
  const withBucket = configWith('eu');
  const use = (config: unknown): void => {
    writeFileSync(file, JSON.stringify(config));
    process.kill(gateway.pid, 'SIGHUP');
  };
  const configHash = async (): Promise<string> => ((await gateway.json('/api/config')) as { hash: string }).hash;
  const before = await configHash();
  use({ ...(withBucket as object), exporters: {} });
  await until('it holds', async () => (await configHash()) !== before);
  const id = await ask('openai', false);
  await gateway.record('its record', (record) => record.id === id);
  use(configWith('another'));
  const records = await allExported([id]);
  expect(records.filter(({ capture_id }) => capture_id === id)).toHaveLength(1);
  expect([...s3.objects.keys()].filter((key) => key.startsWith(`${S3_BUCKET}/another/`))).toHaveLength(1);
});
