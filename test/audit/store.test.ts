import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { checkpointOf } from '../../src/audit/checkpoint.ts';
import type { Finding } from '../../src/audit/verify.ts';
import type { Checkpoint } from '../../src/contract/audit.ts';
import { lookAtAudit } from '../../src/dashboard/audit-state.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { eachPage, verifyLog } from '../../src/serve/audit-log.ts';
import type { VerifyReport } from '../../src/serve/audit-log.ts';
import { addCheckpoint, appendAudit, endOf, recordAudit } from '../../src/store/audit.ts';
import { inTransaction } from '../../src/store/database.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { KEY, NOW, OTHER_KEY, someEntries } from './support.ts';

let postgres: TestPostgres;
let pool: Pool;

beforeAll(async () => {
  postgres = await startTestPostgres('audit');
});
afterAll(() => postgres.stop());
beforeEach(async () => {
  ({ pool } = await postgres.migrated());
});

function verify(more: { from?: bigint; keys?: (typeof KEY)[]; outside?: Checkpoint[] } = {}): Promise<VerifyReport> {
  return verifyLog(pool, { from: 1n, keys: [KEY], outside: [], ...more });
}

async function finding(): Promise<Finding | undefined> {
  return (await verify()).finding;
}

async function sign(): Promise<Checkpoint> {
  const checkpoint = checkpointOf(await endOf(pool), NOW, KEY);
  await addCheckpoint(pool, checkpoint);
  return checkpoint;
}

/** As an owner of the tables can. */
async function unprotected(sql: string): Promise<void> {
  for (const table of ['audit', 'audit_checkpoints']) {
    await pool.query(`ALTER TABLE aperture.${table} DISABLE TRIGGER only_added`);
  }
  await pool.query(sql);
}

async function numbers(): Promise<number[]> {
  const { rows } = await pool.query<{ number: number }>('SELECT number::int FROM aperture.audit ORDER BY number');
  return rows.map(({ number }) => number);
}

describe('appending', () => {
  test('from many connections at once leaves no gap and no fork', async () => {
    const rounds = Array.from({ length: 60 }, (_, index) => recordAudit(pool, someEntries((index % 3) + 1)));
    await Promise.all(rounds);
    expect(await numbers()).toEqual(Array.from({ length: 120 }, (_, index) => index + 1));
    expect(await verify()).toMatchObject({ entries: 120, through: 120n, signed: 0n, finding: undefined });
  });

  test('holds with what it tells of, or not at all, and leaves no gap where it does not', async () => {
    await recordAudit(pool, someEntries(1));
    const failing = inTransaction(pool, async (client) => {
      await appendAudit(client, someEntries(3));
      throw new Error('the action failed');
    });
    await expect(failing).rejects.toThrow('the action failed');
    await recordAudit(pool, someEntries(1));
    expect(await numbers()).toEqual([1, 2]);
    expect(await finding()).toBeUndefined();
  });

  test('nothing is done whose entry cannot be written', async () => {
    await pool.query('CREATE TABLE done (what text)');
    const acted = inTransaction(pool, async (client) => {
      await client.query("INSERT INTO done VALUES ('it')");
      const [entry] = someEntries(1);
      await appendAudit(client, [{ ...(entry as never as object), details: { text: 'x'.repeat(70_000) } } as never]);
    });
    await expect(acted).rejects.toThrow(/check constraint/);
    expect((await pool.query('SELECT FROM done')).rowCount).toBe(0);
  });

  test('is all that the database takes', async () => {
    await recordAudit(pool, someEntries(2));
    await sign();
    for (const table of ['audit', 'audit_checkpoints']) {
      for (const sql of [
        `UPDATE aperture.${table} SET at_ms = 0`,
        `DELETE FROM aperture.${table}`,
        `TRUNCATE aperture.${table}`,
        `SET LOCAL session_replication_role = replica; DELETE FROM aperture.${table}`,
      ]) {
        await expect(pool.query(sql), sql).rejects.toThrow(`aperture.${table} is only ever added to`);
      }
    }
  });
});

describe('verifying', () => {
  beforeEach(async () => {
    await recordAudit(pool, someEntries(30));
    await sign();
    await recordAudit(pool, someEntries(12));
  });

  test('a good log says how far it is signed', async () => {
    const { firstAtMs, ...report } = await verify();
    expect(firstAtMs).toBe(String(NOW));
    expect(report).toMatchObject({ entries: 42, checkpoints: 1, through: 42n, signed: 30n, finding: undefined });
  });

  test.each([
    ["by_login = 'eve@example.com'"],
    ["node_id = 'n'"],
    ["action = 'token.revoked'"],
    ["target = target || ' '"],
    ["details = details || ' '"],
    ['at_ms = at_ms + 1'],
    ["hash = decode(repeat('00', 32), 'hex')"],
    ["previous = decode(repeat('00', 32), 'hex')"],
  ])('an UPDATE of %s is located', async (change) => {
    await unprotected(`UPDATE aperture.audit SET ${change} WHERE number = 17`);
    expect(await verify()).toMatchObject({
      through: 16n,
      finding: { kind: 'altered', number: 17n },
      entry: { number: '17' },
    });
    // Looked at from behind it, the rest is good.
    expect(await verify({ from: 19n })).toMatchObject({ entries: 24, finding: undefined });
  });

  test('deletions are located, and an end that is cut off by its checkpoint', async () => {
    await unprotected('DELETE FROM aperture.audit WHERE number BETWEEN 8 AND 9');
    expect(await finding()).toEqual({ kind: 'missing', from: 8n, to: 9n });
    await pool.query('DELETE FROM aperture.audit WHERE number >= 8');
    expect(await finding()).toEqual({ kind: 'cut', end: 7n, checkpoint: 30n });
    await pool.query('DELETE FROM aperture.audit');
    expect(await finding()).toEqual({ kind: 'cut', end: 0n, checkpoint: 30n });
  });

  test('an end that is cut off with its checkpoints is found by those that were kept elsewhere', async () => {
    const outside = [await sign()];
    await unprotected('DELETE FROM aperture.audit WHERE number > 30');
    await pool.query('DELETE FROM aperture.audit_checkpoints WHERE number > 30');
    expect(await finding()).toBeUndefined();
    expect((await verify({ outside })).finding).toEqual({ kind: 'cut', end: 30n, checkpoint: 42n });
    // Also when it has grown over the cut.
    const others = someEntries(20).map((entry) => ({ ...entry, by: 'eve@example.com' }));
    await recordAudit(pool, others);
    expect((await verify({ outside })).finding).toEqual({ kind: 'rewritten', checkpoint: 42n, since: 30n });
  });

  test('a checkpoint by another key is none, unless that key is named', async () => {
    await addCheckpoint(pool, checkpointOf(await endOf(pool), NOW, OTHER_KEY));
    expect(await finding()).toMatchObject({ kind: 'foreign', checkpoint: '42' });
    expect(await verify({ keys: [KEY, OTHER_KEY] })).toMatchObject({ checkpoints: 2, signed: 42n, finding: undefined });
  });

  test('goes over pages, and begins where it is told', async () => {
    await recordAudit(pool, someEntries(1_200));
    await sign();
    expect(await verify()).toMatchObject({ entries: 1_242, checkpoints: 2, signed: 1_242n, finding: undefined });
    expect(await verify({ from: 1_000n })).toMatchObject({ entries: 243, checkpoints: 1, finding: undefined });
    await unprotected('UPDATE aperture.audit SET target = $$ $$ WHERE number = 1100');
    expect(await finding()).toEqual({ kind: 'altered', number: 1_100n });
  });
});

describe('somebody else', () => {
  /** The program of docs/audit.md, as it stands there. */
  const program = /```python\n(.*?)```/s.exec(readFileSync(join(packageRoot(), 'docs/audit.md'), 'utf8'))?.[1] ?? '';
  /** The statement of docs/audit.md that prints the log. */
  const statement = /psql -Atc "(.*?)"/s.exec(readFileSync(join(packageRoot(), 'docs/audit.md'), 'utf8'))?.[1] ?? '';

  async function lines(): Promise<string> {
    const { rows } = await pool.query<{ line: unknown }>(`SELECT line FROM (${statement}) AS of (line)`);
    return rows.map(({ line }) => JSON.stringify(line)).join('\n');
  }

  function run(input: string): { status: number | null; out: string } {
    const { status, stdout, stderr } = spawnSync('python3', ['-c', program], { input });
    return { status, out: `${stdout.toString()}${stderr.toString()}` };
  }

  test('verifies it with the program of the docs', async () => {
    await recordAudit(pool, someEntries(30));
    const good = run(await lines());
    expect(good).toMatchObject({ status: 0 });
    expect(good.out).toContain(
      (await pool.query("SELECT encode(hash, 'hex') AS hash FROM aperture.audit WHERE number = 30")).rows[0].hash,
    );
    const exported: string[] = [];
    await eachPage(pool, 1n, (page) => exported.push(...page.map(({ number }) => number)));
    expect(exported).toHaveLength(30);
    await unprotected("UPDATE aperture.audit SET details = '{}' WHERE number = 22");
    const bad = run(await lines());
    expect(bad.status).not.toBe(0);
    expect(bad.out).toContain('entry 22');
  });
});

describe('a look at its end', () => {
  const look = () => lookAtAudit(pool, KEY);

  test('says how far it is signed, and that the rest follows', async () => {
    expect(await look()).toEqual({ entries: 0, signed: null, unsigned_since: null, follows_through: 0, finding: null });
    await recordAudit(pool, someEntries(30));
    await sign();
    await recordAudit(pool, someEntries(12));
    expect(await look()).toEqual({
      entries: 42,
      signed: { number: 30, at: new Date(NOW).toISOString(), key_id: KEY.id, own_key: true },
      unsigned_since: new Date(NOW).toISOString(),
      follows_through: 42,
      finding: null,
    });
  });

  test('reads as much as there is between two checkpoints, and says how far that goes', async () => {
    await recordAudit(pool, someEntries(1_100));
    expect(await look()).toMatchObject({ entries: 1_100, signed: null, follows_through: 1_000, finding: null });
  });

  test('finds what is wrong with what is signed before what is wrong behind it', async () => {
    await recordAudit(pool, someEntries(30));
    await sign();
    await recordAudit(pool, someEntries(12));
    const checkpoint = 'UPDATE aperture.audit_checkpoints SET';
    const steps: [change: string, number: number, words: string][] = [
      ['DELETE FROM aperture.audit WHERE number = 40', 40, 'is missing'],
      ["UPDATE aperture.audit SET target = 'x' WHERE number = 35", 35, 'was altered'],
      [`${checkpoint} hash = decode(repeat('00', 32), 'hex'), key_id = 'x'`, 30, 'written anew'],
      ["UPDATE aperture.audit SET target = 'x' WHERE number = 30", 30, 'was altered'],
      ['DELETE FROM aperture.audit WHERE number >= 30', 30, 'cut off'],
      [`${checkpoint} key_id = '${KEY.id}'`, 30, 'is not signed by this key'],
    ];
    for (const [change, number, words] of steps) {
      await unprotected(change);
      const finding = { number, sentence: expect.stringContaining(words) as string };
      expect(await look(), change).toMatchObject({ finding });
    }
  });

  test('a checkpoint of another key is told, and not judged', async () => {
    await recordAudit(pool, someEntries(3));
    await addCheckpoint(pool, checkpointOf(await endOf(pool), NOW, OTHER_KEY));
    expect(await look()).toMatchObject({ signed: { number: 3, key_id: OTHER_KEY.id, own_key: false }, finding: null });
  });
});
