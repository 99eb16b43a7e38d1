import pg from 'pg';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Revocation, TokenEntry } from '../../src/contract/control.ts';
import { CONTROL_CHANNEL, createControlStore } from '../../src/store/control.ts';
import type { ControlStore, NewConfig } from '../../src/store/control.ts';
import type { Decision } from '../../src/store/control-changes.ts';
import { connectionOf } from '../../src/store/database.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { listen } from '../../src/store/listen.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';

let postgres: TestPostgres;
let address: DatabaseAddress;
let pool: Pool;
let store: ControlStore;

beforeAll(async () => {
  postgres = await startTestPostgres('control');
});
afterAll(async () => {
  await postgres.stop();
});
beforeEach(async () => {
  ({ address, pool } = await postgres.migrated());
  store = createControlStore(pool);
});

const BY: Decision = { by: 'alice@example.com', nodeId: 'n1', atMs: 1_700_000_000_000 };

function aConfig(hash: string, replaces?: string): NewConfig {
  const cause = { ...BY, action: 'config.saved' } as const;
  return { text: `// ${hash}\n{}`, hash, author: 'alice@example.com', note: 'why', cause, secrets: [], replaces };
}

const TOKEN: TokenEntry = {
  id: 't1',
  name: 'ci',
  sha256: 'ab',
  login: 'svc-ci',
  tags: ['tag:ci'],
  createdAtMs: 1_700_000_000_123,
  expiresAtMs: 1_800_000_000_000,
  revokedAtMs: null,
};
const REVOCATION: Revocation = {
  id: 'r1',
  kind: 'login',
  value: 'eve@example.com',
  reason: 'left',
  by: 'alice@example.com',
  createdAtMs: 1_700_000_000_000,
  untilMs: null,
};

test('an empty store has version 0 and no config', async () => {
  expect(await store.read()).toEqual({ version: 0, config: undefined, secrets: [], tokens: [], revocations: [] });
});

test('every change counts the version up by one and says so', async () => {
  let heard = 0;
  const listening = listen(address, CONTROL_CHANNEL, () => {
    heard += 1;
  });
  await until('it listens', () => heard === 1);
  const changes = [
    () => store.addConfig(aConfig('h1')),
    () => store.createToken(TOKEN, BY),
    () => store.revokeToken('t1', BY),
    () => store.addRevocation(REVOCATION, BY),
    () => store.liftRevocation('r1', BY),
  ];
  for (const [index, change] of changes.entries()) {
    await change();
    expect(await store.version()).toBe(index + 1);
    await until(`notice ${index + 1}`, () => heard === index + 2);
  }
  await listening.close();
});

test('what is read is what was written', async () => {
  const secret = { reference: 'keyid:p:a:sk:1', place: '["a"]', destination: 'https://a', sealed: 'AAAA' };
  await store.addConfig({ ...aConfig('h1'), secrets: [secret, secret] });
  await store.createToken(TOKEN, BY);
  await store.addRevocation(REVOCATION, BY);
  expect(await store.read()).toEqual({
    version: 3,
    config: { number: 1, text: '// h1\n{}', hash: 'h1' },
    secrets: [secret],
    tokens: [TOKEN],
    revocations: [REVOCATION],
  });
  expect(await store.revokeToken('nobody', BY)).toBe(false);
  expect(await store.liftRevocation('r1', BY)).toBe(true);
  expect(await store.liftRevocation('r1', BY)).toBe(false);
  expect((await store.read()).revocations).toEqual([]);
});

test('of two saves upon one version exactly one holds, and the other hears which', async () => {
  await store.addConfig(aConfig('h0'));
  const [one, two] = await Promise.all([store.addConfig(aConfig('h1', 'h0')), store.addConfig(aConfig('h2', 'h0'))]);
  const winner = one.ok ? 'h1' : 'h2';
  expect([one.ok, two.ok].sort()).toEqual([false, true]);
  expect(one.ok ? two : one).toEqual({ ok: false, fault: winner });
  expect((await store.read()).config).toMatchObject({ number: 2, hash: winner });
});

test('only one of two seeds an empty store', async () => {
  const both = await Promise.all([store.addConfig(aConfig('h1', '')), store.addConfig(aConfig('h2', ''))]);
  expect(both.filter(({ ok }) => ok)).toHaveLength(1);
});

test('a last step that fails undoes all of it', async () => {
  const adding = store.addConfig(aConfig('h1'), () => {
    throw new Error('the disk is full');
  });
  await expect(adding).rejects.toThrow('the disk is full');
  expect(await store.read()).toMatchObject({ version: 0, config: undefined });
});

test('versions page from the newest, and are found by number and by hash', async () => {
  for (const hash of ['h1', 'h2', 'h3', 'h1']) await store.addConfig(aConfig(hash));
  expect((await store.versions(undefined, 2)).map(({ number, hash }) => [number, hash])).toEqual([
    [4, 'h1'],
    [3, 'h3'],
  ]);
  expect((await store.versions(3, 10)).map(({ number }) => number)).toEqual([2, 1]);
  expect(await store.findVersion({ number: 2 })).toMatchObject({
    hash: 'h2',
    author: 'alice@example.com',
    note: 'why',
  });
  expect(await store.findVersion({ hash: 'h1' })).toMatchObject({ number: 4, text: '// h1\n{}' });
  expect(await store.findVersion({ number: 9 })).toBeUndefined();
});

test('a listener whose connection is cut comes back and looks once', async () => {
  let heard = 0;
  const listening = listen(address, CONTROL_CHANNEL, () => {
    heard += 1;
  });
  await until('it listens', () => heard === 1);
  const client = new pg.Client(connectionOf(address));
  await client.connect();
  await client.query(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'aperture-listen'",
  );
  await client.end();
  await until('it listens again', () => heard === 2);
  await listening.close();
});
