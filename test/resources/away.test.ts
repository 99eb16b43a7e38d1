import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { removeDataDir, startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { startKeeper } from './keeper.ts';
import type { Keeper } from './keeper.ts';

const KEY = 'sk-of-the-provider';
const ALICE = 'alice@example.com';
const BOB = 'bob@example.com';

let keeper: Keeper;
let postgres: TestPostgres;
let url: string;
const secretKeyFile = join(temporaryFolder(), 'key');
const folders = [temporaryFolder(), temporaryFolder()];

beforeAll(async () => {
  writeFileSync(secretKeyFile, 'ab'.repeat(32), { mode: 0o600 });
  [keeper, postgres] = await Promise.all([startKeeper(KEY), startTestPostgres('resources-away')]);
  const address = await postgres.database();
  if ('url' in address) throw new Error('the embedded server has a socket');
  const { host, port, user, password, database } = address;
  url = `postgresql://${user}:${password}@localhost:${port}/${database}?host=${encodeURIComponent(host)}`;
}, 60_000);
afterAll(async () => {
  await Promise.all([keeper.close(), postgres.stop()]);
  [...folders, dirname(secretKeyFile)].forEach(removeDataDir);
});

function start(dataDir: string, apikey = KEY): Promise<TestGateway> {
  return startGateway({
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

test('what was made outlives kill -9 and the database, is known to another gateway, and is bound to its key', async () => {
  const [own = '', others = ''] = folders;
  let gateway = await start(own);
  const [status, , id] = await ask(gateway, ALICE, 'POST', '/v1/conversations');
  expect(status).toBe(200);
  const path = `/v1/conversations/${id}`;

  // Another gateway on the same database learns of it by its record, which may take its time.
  const other = await start(others);
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
  await gateway.kill();
}, 180_000);
