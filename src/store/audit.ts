import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import { chained, EMPTY } from '../audit/chain.ts';
import type { End } from '../audit/chain.ts';
import type { AuditEntry, ChainedEntry, Checkpoint } from '../contract/audit.ts';
import { inTransaction } from './database.ts';

/** "apad": entries are appended one transaction after the other, whichever process makes them. */
const AUDIT_LOCK = 0x61706164;

/**
 * Appends to the audit log, in the transaction of what the entries tell of: they hold together or not at all. Called last
 * in it, since whoever else appends waits from here to its end.
 *
 * @throws Error when it cannot: what cannot be written to the log is not done.
 */
export async function appendAudit(client: PoolClient, entries: readonly AuditEntry[]): Promise<void> {
  if (entries.length === 0) return;
  await client.query('SELECT pg_advisory_xact_lock($1)', [AUDIT_LOCK]);
  // A statement of its own: it sees what whoever had the lock before has committed.
  const rows = chained(await endOf(client), entries);
  await client.query(INSERT, [
    rows.map(({ number }) => number),
    rows.map(({ atMs }) => atMs),
    rows.map(({ by }) => by),
    rows.map(({ nodeId }) => nodeId),
    rows.map(({ action }) => action),
    rows.map(({ target }) => target),
    rows.map(({ details }) => details),
    rows.map(({ previous }) => Buffer.from(previous)),
    rows.map(({ hash }) => Buffer.from(hash)),
  ]);
}

/** The same in a transaction of its own: for what happens outside of the database, which is done once this is in. */
export function recordAudit(pool: Pool, entries: readonly AuditEntry[]): Promise<void> {
  return inTransaction(pool, (client) => appendAudit(client, entries));
}

/** Where the log ends. */
export async function endOf(database: Pool | PoolClient): Promise<End> {
  const { rows } = await database.query(`SELECT number, hash FROM aperture.audit ORDER BY number DESC LIMIT 1`);
  const [row] = z.array(EndRow).parse(rows);
  return row === undefined ? EMPTY : { number: BigInt(row.number), hash: row.hash };
}

/** The entry with this number; undefined where there is none. */
export async function entryAt(database: Pool | PoolClient, number: bigint): Promise<ChainedEntry | undefined> {
  const { rows } = await database.query(`SELECT ${COLUMNS} FROM aperture.audit WHERE number = $1`, [number]);
  return z.array(EntryRow).parse(rows)[0];
}

/** Entries in order, above `after`: all of them, whatever numbers somebody may have given them. */
export async function entriesAfter(
  database: Pool | PoolClient,
  after: bigint | undefined,
  limit: number,
): Promise<ChainedEntry[]> {
  const { rows } = await database.query(
    `SELECT ${COLUMNS} FROM aperture.audit WHERE $1::bigint IS NULL OR number > $1 ORDER BY number LIMIT $2`,
    [after ?? null, limit],
  );
  return z.array(EntryRow).parse(rows);
}

/** Checkpoints in order, above `after`, up to `through`; undefined: all. */
export async function checkpointsIn(
  database: Pool | PoolClient,
  after: bigint | undefined,
  through: bigint | undefined,
): Promise<Checkpoint[]> {
  const { rows } = await database.query(
    `SELECT ${CHECKPOINT_COLUMNS} FROM aperture.audit_checkpoints
      WHERE ($1::bigint IS NULL OR number > $1) AND ($2::bigint IS NULL OR number <= $2) ORDER BY number LIMIT 100000`,
    [after ?? null, through ?? null],
  );
  return z.array(CheckpointRow).parse(rows);
}

/** @param keyId only of those that say that they are signed with this key. */
export async function lastCheckpoint(database: Pool | PoolClient, keyId?: string): Promise<Checkpoint | undefined> {
  const { rows } = await database.query(
    `SELECT ${CHECKPOINT_COLUMNS} FROM aperture.audit_checkpoints
      WHERE $1::text IS NULL OR key_id = $1 ORDER BY number DESC LIMIT 1`,
    [keyId ?? null],
  );
  return z.array(CheckpointRow).parse(rows)[0];
}

/** False where another process has signed the same entry. */
export async function addCheckpoint(
  database: Pool | PoolClient,
  { number, hash, atMs, keyId, signature }: Checkpoint,
): Promise<boolean> {
  const { rowCount } = await database.query(
    `INSERT INTO aperture.audit_checkpoints (number, hash, at_ms, key_id, signature) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (number) DO NOTHING`,
    [number, Buffer.from(hash), atMs, keyId, Buffer.from(signature)],
  );
  return rowCount === 1;
}

/** How far the log goes, and how far it is signed. */
export interface AuditReach {
  entries: bigint;
  signed: bigint;
  /** When the first entry was made that is not signed yet; null where all are. */
  unsignedSinceMs: number | null;
}

export async function reachOf(database: Pool | PoolClient): Promise<AuditReach> {
  const { rows } = await database.query(REACH);
  const { entries, signed, since } = ReachRow.parse(rows[0]);
  return { entries: BigInt(entries), signed: BigInt(signed), unsignedSinceMs: since === null ? null : Number(since) };
}

const Bytes = z.custom<Buffer>((value) => Buffer.isBuffer(value));
const EndRow = z.object({ number: z.string(), hash: Bytes });
const EntryRow = z
  .object({
    number: z.string(),
    at_ms: z.string(),
    by_login: z.string(),
    node_id: z.string(),
    action: z.string(),
    target: z.string(),
    details: z.string(),
    previous: Bytes,
    hash: Bytes,
  })
  .transform(({ at_ms, by_login, node_id, ...row }): ChainedEntry => {
    return { ...row, atMs: at_ms, by: by_login, nodeId: node_id };
  });
const CheckpointRow = z
  .object({ number: z.string(), hash: Bytes, at_ms: z.string(), key_id: z.string(), signature: Bytes })
  .transform(({ at_ms, key_id, ...row }): Checkpoint => ({ ...row, atMs: at_ms, keyId: key_id }));
const ReachRow = z.object({ entries: z.string(), signed: z.string(), since: z.string().nullable() });

const COLUMNS = 'number, at_ms, by_login, node_id, action, target, details, previous, hash';
const CHECKPOINT_COLUMNS = 'number, hash, at_ms, key_id, signature';

const INSERT = `
  INSERT INTO aperture.audit (number, at_ms, by_login, node_id, action, target, details, previous, hash)
  SELECT * FROM unnest(
    $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::bytea[]
  )`;

const REACH = `
  SELECT entries, signed,
         (SELECT at_ms FROM aperture.audit WHERE number > signed ORDER BY number LIMIT 1) AS since
    FROM (
      SELECT coalesce((SELECT max(number) FROM aperture.audit), 0) AS entries,
             coalesce((SELECT max(number) FROM aperture.audit_checkpoints), 0) AS signed
    ) AS reach`;
