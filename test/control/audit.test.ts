import { writeFileSync } from 'node:fs';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { chained, EMPTY } from '../../src/audit/chain.ts';
import { checkpointOf } from '../../src/audit/checkpoint.ts';
import { auditKeyOf, auditSeedOf } from '../../src/audit/key.ts';
import type { ChainedEntry, Checkpoint } from '../../src/contract/audit.ts';
import { verifyLog } from '../../src/serve/audit-log.ts';
import { addCheckpoint, entriesAfter, recordAudit } from '../../src/store/audit.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { endOf, OTHER_KEY, someEntries } from '../audit/support.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { aConfig, SECRET_KEY, startControl } from './support.ts';
import type { TestControl } from './support.ts';

let postgres: TestPostgres;
let address: DatabaseAddress;
let pool: Pool;
const controls: TestControl[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres('control-audit');
});
afterAll(() => postgres.stop());
beforeEach(async () => {
  ({ address, pool } = await postgres.migrated());
});
afterEach(async () => {
  await Promise.all(controls.splice(0).map((each) => each.close()));
});

async function started(more: Partial<Parameters<typeof startControl>[0]> = {}): Promise<TestControl> {
  const control = startControl({ database: address, text: aConfig(), ...more });
  controls.push(control);
  await until('it has a config', () => control.states.at(-1)?.snapshot.config.number === 1);
  return control;
}

async function actions(): Promise<[string, string][]> {
  const { rows } = await pool.query<{ action: string; by: string }>(
    'SELECT action, by_login AS by FROM aperture.audit ORDER BY number',
  );
  return rows.map(({ action, by }) => [action, by]);
}

/** Number of the last entry that is signed. */
async function signed(): Promise<number> {
  const { rows } = await pool.query<{ signed: number | null }>(
    'SELECT max(number)::int AS signed FROM aperture.audit_checkpoints',
  );
  return rows[0]?.signed ?? 0;
}

const KEYS = [auditKeyOf(auditSeedOf(SECRET_KEY))];

test('a file is loaded once, and once more when it was changed', async () => {
  const one = await started({ truth: 'file' });
  await until('it is in the log', async () => (await actions()).length === 1);
  await one.close();
  const { dataDir } = one;
  await started({ truth: 'file', dataDir, text: aConfig() });
  expect(await actions()).toEqual([['config.loaded', '(gateway)']]);
  const changed = startControl({ database: address, truth: 'file', dataDir, text: aConfig({ hooks: {} }) });
  controls.push(changed);
  await until('the change is in the log', async () => (await actions()).length === 2);
  expect((await actions())[1]).toEqual(['config.loaded', '(gateway)']);
});

test('a save that the file does not take leaves no entry', async () => {
  const control = await started({ truth: 'file' });
  await until('it is in the log', async () => (await actions()).length === 1);
  writeFileSync(control.file, '// edited by hand');
  expect(await control.save(aConfig({ hooks: {} }))).toMatchObject({ status: 409 });
  expect(await actions()).toEqual([['config.loaded', '(gateway)']]);
});

test('a change of the config is signed at once, what came with it too, and the end of the process signs the rest', async () => {
  const control = await started();
  await until('the first is signed', async () => (await signed()) === 1);
  await recordAudit(pool, someEntries(3));
  expect(await control.save(aConfig({ hooks: {} }))).toMatchObject({ status: 200 });
  await until('all of it is signed', async () => (await signed()) === 5);
  await recordAudit(pool, someEntries(2));
  control.control.take({ kind: 'drain' });
  await until('it is drained', async () => (await signed()) === 7);
  const report = await verifyLog(pool, { from: 1n, keys: KEYS, outside: [] });
  expect(report).toMatchObject({ entries: 7, checkpoints: 3, signed: 7n, finding: undefined });
});

test('a thousand entries are signed without anybody waiting for the time', async () => {
  await started();
  await until('the first is signed', async () => (await signed()) === 1);
  await recordAudit(pool, someEntries(1_000));
  await until('the thousand is signed', async () => (await signed()) === 1_001, 30_000);
});

test('two gateways sign one log, each entry once', async () => {
  const [one, two] = [await started(), await started()];
  await one.save(aConfig({ hooks: {} }));
  await until('two has it', () => two.states.at(-1)?.snapshot.config.number === 2);
  expect(await two.save(aConfig({ quotas: {} }))).toMatchObject({ status: 200 });
  for (const each of [one, two]) each.control.take({ kind: 'drain' });
  await until('all is signed', async () => (await signed()) === (await actions()).length);
  expect((await verifyLog(pool, { from: 1n, keys: KEYS, outside: [] })).finding).toBeUndefined();
});

test('what does not follow from what was signed is not signed, and that is said', async () => {
  const control = await started();
  await until('the first is signed', async () => (await signed()) === 1);
  await recordAudit(pool, someEntries(4));
  await pool.query('ALTER TABLE aperture.audit DISABLE TRIGGER only_added');
  await pool.query("UPDATE aperture.audit SET target = 'x' WHERE number = 3");
  await control.save(aConfig({ hooks: {} }));
  await until('it is said', () => control.lines.some((line) => line.includes('entry 3 was altered')));
  expect(await signed()).toBe(1);
});

/** What an owner of the database can do: each row's hash follows from the row before, all the way. */
async function writeAnew(entries: readonly ChainedEntry[]): Promise<void> {
  await pool.query('ALTER TABLE aperture.audit DISABLE TRIGGER only_added');
  await pool.query('DELETE FROM aperture.audit');
  for (const { number, atMs, by, nodeId, action, target, details, previous, hash } of entries) {
    await pool.query(
      `INSERT INTO aperture.audit (number, at_ms, by_login, node_id, action, target, details, previous, hash)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [number, atMs, by, nodeId, action, target, details, Buffer.from(previous), Buffer.from(hash)],
    );
  }
}

async function addedCheckpoint(checkpoint: Checkpoint): Promise<void> {
  expect(await addCheckpoint(pool, checkpoint)).toBe(true);
}

describe('a checkpoint that somebody else made is not gone on from', () => {
  test('with our name on it', async () => {
    const control = await started();
    await until('the first is signed', async () => (await signed()) === 1);
    const [first] = await entriesAfter(pool, undefined, 1);
    const forged = chained(endOf(first!), someEntries(4));
    await writeAnew([first!, ...forged]);
    const [key] = KEYS;
    await addedCheckpoint({ ...checkpointOf(endOf(forged[3]!), 1, OTHER_KEY), keyId: key!.id });
    await control.save(aConfig({ hooks: {} }));
    await until('it is said', () =>
      control.lines.some((line) => line.includes('checkpoint 5 is not signed by this key')),
    );
    expect(await signed()).toBe(5);
  });

  test('by another key: all since our own last one has to follow', async () => {
    const control = await started();
    await until('the first is signed', async () => (await signed()) === 1);
    await recordAudit(pool, someEntries(4));
    const last = (await entriesAfter(pool, undefined, 10)).at(-1);
    await pool.query('ALTER TABLE aperture.audit DISABLE TRIGGER only_added');
    await pool.query("UPDATE aperture.audit SET target = 'x' WHERE number = 3");
    await addedCheckpoint(checkpointOf(endOf(last!), 1, OTHER_KEY));
    await control.save(aConfig({ hooks: {} }));
    await until('it is said', () => control.lines.some((line) => line.includes('entry 3 was altered')));
    expect(await signed()).toBe(5);
  });

  test('with what this process has signed before written anew', async () => {
    const control = await started();
    await until('the first is signed', async () => (await signed()) === 1);
    const forged = chained(EMPTY, someEntries(5));
    await writeAnew(forged);
    await pool.query('ALTER TABLE aperture.audit_checkpoints DISABLE TRIGGER only_added');
    await pool.query('DELETE FROM aperture.audit_checkpoints');
    await addedCheckpoint(checkpointOf(endOf(forged[4]!), 1, OTHER_KEY));
    await control.save(aConfig({ hooks: {} }));
    await until('it is said', () =>
      control.lines.some((line) => line.includes('entry 1 is not the one that was signed as 1')),
    );
    expect(await signed()).toBe(5);
  });
});

test('with a new secret key, what the old one has signed is gone on from', async () => {
  const one = await started();
  await until('the first is signed', async () => (await signed()) === 1);
  await one.close();
  const secretKey = new Uint8Array(32).fill(10);
  const two = await started({ secretKey });
  expect(await two.save(aConfig({ hooks: {} }))).toMatchObject({ status: 200 });
  await until('it is signed', async () => (await signed()) === 2);
  const keys = [...KEYS, auditKeyOf(auditSeedOf(secretKey))];
  const report = await verifyLog(pool, { from: 1n, keys, outside: [] });
  expect(report).toMatchObject({ entries: 2, checkpoints: 2, signed: 2n, finding: undefined });
});
