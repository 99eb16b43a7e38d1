import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageRoot } from '../../src/lib/package-root.ts';
import { uuid7Floor } from '../../src/lib/uuid7.ts';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { createCaptureStore } from '../../src/store/captures.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { storeCapture } from '../support/captures.ts';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { databaseUrl, startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord } from '../support/records.ts';
import { until } from '../support/until.ts';
import { ADMIN_GRANT, MODELS, PROVIDER_KEY } from './support.ts';

const DAY = 86_400_000;
const LONG_AGO = Date.now() - 40 * DAY;

let postgres: TestPostgres;
let pool: Pool;
let simulator: Simulator;
let gateway: TestGateway;

const alices = aRecord({ received_at: LONG_AGO, id: uuid7Floor(LONG_AGO) });
const bobs = aRecord({ received_at: LONG_AGO + 1, id: uuid7Floor(LONG_AGO + 1), login: 'bob@example.com' });

beforeAll(async () => {
  postgres = await startTestPostgres('flow-retention');
  const migrated = await postgres.migrated();
  pool = migrated.pool;
  await createRecordStore(pool, { nowMs: () => LONG_AGO }).store([alices, bobs]);
  const captures = createCaptureStore(pool);
  for (const record of [alices, bobs]) await storeCapture(captures, record, { request: '"asked"', response: '"told"' });
  simulator = await startSimulator({ host: '127.0.0.1', port: 0, expectedKey: PROVIDER_KEY });
  gateway = await startGateway({
    env: { DATABASE_URL: databaseUrl(migrated.address) },
    config: {
      providers: { openai: { baseurl: simulator.url, apikey: PROVIDER_KEY, models: [MODELS.openai] } },
      grants: [ADMIN_GRANT],
      database: { retention: { duration: '365d', purge: ['captures', 'tools'] } },
    },
  });
});
afterAll(async () => {
  await gateway.stop();
  await simulator.close();
  await postgres.stop();
});

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
}

async function bodyOf(id: string): Promise<string> {
  const response = await fetch(`${gateway.url}/api/requests/${id}/body?side=request`);
  return `${response.status} ${await response.text()}`;
}

async function keepFor(from: string, to: string): Promise<void> {
  const read = await fetch(`${gateway.url}/api/config`);
  const { config, hash } = (await read.json()) as { config: string; hash: string };
  const changed = config.replace(`"duration":"${from}"`, `"duration":"${to}"`);
  expect(changed).not.toBe(config);
  const saved = await fetch(`${gateway.url}/api/config`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ config: changed, hash }),
  });
  expect(saved.status).toBe(200);
}

async function cli(...args: string[]): Promise<string> {
  const main = join(packageRoot(), 'dist', 'src', 'main.js');
  const { stdout } = await promisify(execFile)(process.execPath, [main, ...args, '--url', gateway.url]);
  return stdout;
}

test('a gateway purges at its start and when the config says so, and leaves what is held', async () => {
  await until('it has purged once', async () => (await metric('aperture_retention_last_run_timestamp_seconds')) > 0);
  expect(await bodyOf(bobs.id)).toBe('200 "asked"');
  expect(await metric('aperture_retention_oldest_captures_timestamp_seconds')).toBe(
    (Math.floor(LONG_AGO / DAY) * DAY) / 1000,
  );
  const told = await cli('hold', 'add', '--login', 'alice@example.com', '--reason', 'case 7');
  const [id = ''] = told.split(' ');
  expect(await cli('hold', 'ls')).toMatch(new RegExp(`^${id} +alice@example.com .*case 7`, 'm'));

  const before = await metric('aperture_retention_partitions_dropped_total');
  await keepFor('365d', '30d');
  await until('the day is dropped', async () => {
    return (await metric('aperture_retention_partitions_dropped_total')) === before + 5;
  });
  expect(await bodyOf(alices.id)).toBe('200 "asked"');
  expect(await bodyOf(bobs.id)).toMatch(/^404 /);
  expect(await gateway.json(`/api/requests/${bobs.id}`)).toMatchObject({ tool_calls: [], tool_call_count: 1 });

  expect(await cli('hold', 'release', id)).toContain('is released');
  // Any run lets go of it; the next one is due when the config changes.
  await keepFor('30d', '0');
  await until('the copies are gone', async () => (await bodyOf(alices.id)).startsWith('404'));
});

test('with "0" a record is stored, and nothing of what was said', async () => {
  const asked = await fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODELS.openai, messages: [{ role: 'user', content: 'Say hello' }] }),
  });
  await asked.text();
  const id = asked.headers.get('x-aperture-request-id') ?? '';
  await gateway.record('its record', (record) => record.id === id);
  expect(await gateway.json(`/api/requests/${id}`)).toMatchObject({ state: 'complete', capture: null });
  const { rows } = await pool.query(
    `SELECT (SELECT count(*) FROM aperture.captures)::int AS captures, (SELECT count(*) FROM aperture.blobs)::int AS blobs`,
  );
  expect(rows).toEqual([{ captures: 0, blobs: 0 }]);
});
