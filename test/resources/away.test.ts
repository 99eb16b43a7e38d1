import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { removeDataDir, startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { OPENAI_RESULTS, startKeeper } from './keeper.ts';
import type { Keeper } from './keeper.ts';

const KEY = 'sk-of-the-provider';
const ALICE = 'alice@example.com';
const BOB = 'bob@example.com';

let keeper: Keeper;
let postgres: TestPostgres;
let url: string;
const secretKeyFile = join(temporaryFolder(), 'key');
const own = temporaryFolder();
const others = temporaryFolder();
/** Both go on from one test to the next. */
let gateway: TestGateway;
let other: TestGateway;
const started: TestGateway[] = [];

beforeAll(async () => {
  writeFileSync(secretKeyFile, 'ab'.repeat(32), { mode: 0o600 });
  [keeper, postgres] = await Promise.all([startKeeper(KEY), startTestPostgres('resources-away')]);
  const address = await postgres.begun();
  if ('url' in address) throw new Error('the embedded server has a socket');
  const { host, port, user, password, database } = address;
  url = `postgresql://${user}:${password}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
  gateway = await start(own);
}, 60_000);
afterAll(async () => {
  for (const each of started) await each.kill();
  await Promise.all([keeper.close(), postgres.stop()]);
  [own, others, dirname(secretKeyFile)].forEach(removeDataDir);
});

async function start(dataDir: string, apikey = KEY): Promise<TestGateway> {
  const made = await startGateway({
    dataDir,
    env: { DATABASE_URL: url, APERTURE_SECRET_KEY_FILE: secretKeyFile },
    // The file is what holds, and not the version that the database has of it.
    args: ['--config-readonly'],
    headers: { 'tailscale-user-login': ALICE },
    config: {
      providers: {
        only: { baseurl: keeper.url, apikey, models: ['m-1'], compatibility: { openai_responses: true } },
      },
      server: { trusted_proxies: ['127.0.0.1'], listen: [{ address: '127.0.0.1:0', identity: ['proxy_headers'] }] },
      grants: [{ src: ['*'], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: '**' }] } }],
    },
  });
  started.push(made);
  return made;
}

async function ask(
  gateway: TestGateway,
  login: string,
  method: string,
  path: string,
): Promise<[number, string, string]> {
  const answer = await fetch(gateway.url + path, {
    method,
    headers: { 'tailscale-user-login': login, 'content-type': 'application/json' },
    ...(method === 'POST' ? { body: '{}' } : {}),
  });
  const text = await answer.text();
  return [answer.status, /"code":"(\w+)"/.exec(text)?.[1] ?? '', /"id":"([^"]*)"/.exec(text)?.[1] ?? ''];
}

/** A file for a batch, its batch, and the file of its results. */
async function makeBatch(gateway: TestGateway): Promise<{ batch: string; results: string }> {
  const json = async (path: string, body?: FormData | string): Promise<Record<string, string>> => {
    const answer = await fetch(gateway.url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        'tailscale-user-login': ALICE,
        ...(typeof body === 'string' ? { 'content-type': 'application/json' } : {}),
      },
      ...(body === undefined ? {} : { body }),
    });
    return (await answer.json()) as Record<string, string>;
  };
  const form = new FormData();
  form.set('purpose', 'batch');
  const line = { custom_id: '1', method: 'POST', url: '/v1/responses', body: { model: 'm-1', input: 'x' } };
  form.set('file', new Blob([JSON.stringify(line)]), 'in.jsonl');
  const { id } = await json('/v1/files', form);
  const order = { input_file_id: id, endpoint: '/v1/responses', completion_window: '24h' };
  const { id: batch = '' } = await json('/v1/batches', JSON.stringify(order));
  const { output_file_id: results = '' } = await json(`/v1/batches/${batch}`);
  return { batch, results };
}

async function results(gateway: TestGateway, file: string): Promise<void> {
  const answer = await fetch(`${gateway.url}/v1/files/${file}/content`, { headers: { 'tailscale-user-login': ALICE } });
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(OPENAI_RESULTS);
}

test('the usage of a batch is booked once: read by two gateways at once, killed with the database away, read again', async () => {
  const { batch, results: file } = await makeBatch(gateway);
  other = await start(others);
  await until(
    'it is known there',
    async () => (await ask(other, ALICE, 'GET', `/v1/batches/${batch}`))[0] === 200,
    60_000,
  );
  expect((await ask(gateway, BOB, 'GET', `/v1/files/${file}/content`))[0]).toBe(404);

  // The records of these are in the journal alone when one gateway dies.
  await postgres.kill();
  await Promise.all([results(gateway, file), results(other, file), results(gateway, file)]);
  await gateway.kill();
  await postgres.start();
  gateway = await start(own);
  await Promise.all([results(gateway, file), results(other, file)]);

  const reads = await until(
    'all reads are in the books',
    async () => {
      const found = await gateway.records(0).catch(() => []);
      const of = found.filter(({ path, usage }) => path === `/v1/files/${file}/content` && usage === null);
      return of.filter(({ state }) => state === 'complete').length === 5 && found;
    },
    90_000,
  );
  const booked = reads.filter(({ usage }) => usage !== null);
  expect(booked).toMatchObject([
    {
      ...{ login: ALICE, model: 'm-1', api: 'openai_batches', cost_nanodollars: '65000', session_id: batch },
      usage: { input_uncached: 40, output: 60 },
    },
  ]);
  expect(await gateway.json('/api/usage?group=provider')).toMatchObject({
    total: { cost_nanodollars: '65000', usage: { input_uncached: 40, output: 60 } },
  });
}, 240_000);

test('what was made outlives kill -9 and the database, is known to another gateway, and is bound to its key', async () => {
  const [status, , id] = await ask(gateway, ALICE, 'POST', '/v1/conversations');
  expect(status).toBe(200);
  const path = `/v1/conversations/${id}`;

  // Another gateway on the same database learns of it by its record, which may take its time.
  await until('it is known there', async () => (await ask(other, ALICE, 'GET', path))[0] === 200, 60_000);
  expect(await ask(other, BOB, 'GET', path)).toEqual([404, 'gateway_not_found', '']);
  await other.kill();

  await gateway.kill();
  gateway = await start(own, 'sk-another');
  expect(await ask(gateway, ALICE, 'GET', path)).toEqual([409, 'gateway_resource_key_gone', '']);
  await gateway.kill();

  gateway = await start(own);
  await postgres.kill();
  // Told by no database: this process never asked for it.
  expect((await ask(gateway, ALICE, 'GET', path))[0]).toBe(200);
  expect(await ask(gateway, BOB, 'GET', path)).toEqual([404, 'gateway_not_found', '']);
  expect(await ask(gateway, BOB, 'GET', '/v1/conversations/conv_nobody')).toEqual([
    503,
    'gateway_store_unavailable',
    '',
  ]);
}, 180_000);
