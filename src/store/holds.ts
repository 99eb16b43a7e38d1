import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import type { Actor, AuditEntry } from '../contract/audit.ts';
import type { Hold } from '../contract/hold.ts';
import { uuid7Floor } from '../lib/uuid7.ts';
import { appendAudit } from './audit.ts';
import { inTransaction } from './database.ts';
import { DAY_MS, partitionName, tablesOf } from './partitions.ts';
import type { Day } from './partitions.ts';

export interface HoldStore {
  /** All of them, released ones too, the newest last. */
  list(): Promise<Hold[]>;
  add(hold: Hold, by: Actor): Promise<void>;
  /** False where there is none that stands. What it covered goes at the next retention run, unless another covers it. */
  release(id: string, by: Actor, atMs: number): Promise<boolean>;
}

/** Rows of a partitioned table and the copies that holds keep of purged ones. For a moment, a row is in both. */
export function withHeld(table: 'captures' | 'blobs' | 'tool_calls'): string {
  return `(SELECT * FROM aperture.${table} UNION ALL SELECT * FROM aperture.held_${table})`;
}

export function createHoldStore(pool: Pool): HoldStore {
  return {
    list: async () => {
      const { rows } = await pool.query(`SELECT ${HOLD_COLUMNS} FROM aperture.holds ORDER BY created_at, id`);
      return z.array(HoldRow).parse(rows);
    },
    add: (hold, by) =>
      inTransaction(pool, async (client) => {
        await client.query(
          `INSERT INTO aperture.holds (id, login, session_id, from_at, to_at, reason, by_login, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
          [
            hold.id,
            hold.login,
            hold.session,
            timeOrNull(hold.fromMs),
            timeOrNull(hold.toMs),
            hold.reason,
            hold.by,
            new Date(hold.createdAtMs),
          ],
        );
        await appendAudit(client, [entryOf('hold.placed', hold, by, hold.createdAtMs)]);
      }),
    release: (id, by, atMs) =>
      inTransaction(pool, async (client) => {
        const { rows } = await client.query(
          `UPDATE aperture.holds SET released_at = $2, released_by = $3 WHERE id = $1 AND released_at IS NULL
           RETURNING ${HOLD_COLUMNS}`,
          [id, new Date(atMs), by.by],
        );
        const [hold] = z.array(HoldRow).parse(rows);
        if (hold === undefined) return false;
        await appendAudit(client, [entryOf('hold.released', hold, by, atMs)]);
        return true;
      }),
  };
}

function entryOf(
  action: 'hold.placed' | 'hold.released',
  { id, login, session, fromMs, toMs, reason }: Hold,
  { by, nodeId }: Actor,
  atMs: number,
): AuditEntry {
  const time = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
  const details = { login, session, from: time(fromMs), to: time(toMs), reason };
  return { atMs, by, nodeId, action, target: id, details };
}

const HOLD_COLUMNS = 'id, login, session_id, from_at, to_at, reason, by_login, created_at, released_at, released_by';
const Time = z.date().transform((date) => date.getTime());
const HoldRow = z
  .object({
    id: z.string(),
    login: z.string().nullable(),
    session_id: z.string().nullable(),
    from_at: Time.nullable(),
    to_at: Time.nullable(),
    reason: z.string(),
    by_login: z.string(),
    created_at: Time,
    released_at: Time.nullable(),
    released_by: z.string().nullable(),
  })
  .transform(
    ({ id, login, session_id, from_at, to_at, reason, by_login, created_at, released_at, released_by }): Hold => {
      return {
        id,
        login,
        session: session_id,
        fromMs: from_at,
        toMs: to_at,
        reason,
        by: by_login,
        createdAtMs: created_at,
        releasedAtMs: released_at,
        releasedBy: released_by,
      };
    },
  );

function timeOrNull(ms: number | null): Date | null {
  return ms === null ? null : new Date(ms);
}

/** Rows of one statement, and blobs, of which each may have a mebibyte. */
const ROWS_AT_ONCE = 1000;
const BLOBS_AT_ONCE = 64;

/** SQL: a hold stands over this record. A record is never purged, so what a copy belongs to can always be asked. */
const HELD = `EXISTS (
  SELECT FROM aperture.holds AS hold
   WHERE hold.released_at IS NULL
     AND (hold.login IS NULL OR hold.login = record.login)
     AND (hold.session_id IS NULL OR hold.session_id = record.session_id)
     AND (hold.from_at IS NULL OR record.received_at >= hold.from_at)
     AND (hold.to_at IS NULL OR record.received_at < hold.to_at)
)`;

/** SQL: the owner of a login's blobs, as `captures.ts` hashes it. */
const OWNER = (login: string): string => `substr(sha256(convert_to(${login}, 'UTF8')), 1, 16)`;

/** What a page of copies came to: the place of its last row, null after the last page. */
const Page = z.object({ last: z.string().nullable() });

/**
 * Copies what holds cover of a day to where it survives, in bounded statements. What was copied before stays as it is.
 * `before` bounds the ids: the day need not be over.
 *
 * @param tables those of the day's partitions that are there.
 */
export async function copyHeld(
  client: PoolClient,
  day: Day,
  tables: readonly string[],
  before: string = uuid7Floor((day + 1) * DAY_MS),
): Promise<void> {
  const { rowCount } = await client.query('SELECT FROM aperture.holds WHERE released_at IS NULL LIMIT 1');
  if (rowCount === 0) return;
  for (const table of tables) {
    if (table !== 'blobs') await copyRows(client, table, day, before);
  }
  // After the captures: whose blobs are kept follows from these.
  if (tables.includes('blobs')) await copyBlobs(client, day);
}

async function copyRows(client: PoolClient, table: string, day: Day, before: string): Promise<void> {
  const id = table === 'captures' ? 'id' : 'record_id';
  const sql = `
    WITH page AS (
      SELECT DISTINCT row.${id} AS id FROM aperture.${partitionName(table, day)} AS row
        JOIN aperture.records AS record ON record.id = row.${id}
       WHERE row.${id} > $1 AND row.${id} < $2 AND record.id > $1 AND record.id < $2 AND ${HELD}
       ORDER BY 1 LIMIT ${ROWS_AT_ONCE}
    ), copied AS (
      INSERT INTO aperture.held_${table}
      SELECT row.* FROM aperture.${partitionName(table, day)} AS row JOIN page ON page.id = row.${id}
      ON CONFLICT DO NOTHING
    )
    SELECT (array_agg(id ORDER BY id DESC))[1] AS last FROM page`;
  for (let last: string | null = uuid7Floor(day * DAY_MS); last !== null;) {
    last = Page.parse((await client.query(sql, [last, before])).rows[0]).last;
  }
}

/** All of the day's blobs of whoever has a held capture of that day: what names them is in recipes. */
async function copyBlobs(client: PoolClient, day: Day): Promise<void> {
  const owners = await client.query(
    `SELECT DISTINCT encode(${OWNER('login')}, 'hex') AS owner FROM aperture.held_captures WHERE id >= $1 AND id < $2`,
    [uuid7Floor(day * DAY_MS), uuid7Floor((day + 1) * DAY_MS)],
  );
  const sql = `
    WITH page AS (
      SELECT sha256 FROM aperture.${partitionName('blobs', day)}
       WHERE owner = decode($1, 'hex') AND sha256 > decode($2, 'hex') ORDER BY sha256 LIMIT ${BLOBS_AT_ONCE}
    ), copied AS (
      INSERT INTO aperture.held_blobs
      SELECT blob.* FROM aperture.${partitionName('blobs', day)} AS blob JOIN page USING (sha256)
       WHERE blob.owner = decode($1, 'hex')
      ON CONFLICT DO NOTHING
    )
    SELECT encode((array_agg(sha256 ORDER BY sha256 DESC))[1], 'hex') AS last FROM page`;
  for (const { owner } of z.array(z.object({ owner: z.string() })).parse(owners.rows)) {
    for (let last: string | null = ''; last !== null;) {
      last = Page.parse((await client.query(sql, [owner, last])).rows[0]).last;
    }
  }
}

/**
 * Deletes copies that no hold covers any more and whose time is over, in bounded statements.
 *
 * @param before ids from which on rows would still be kept without a hold.
 * @param entry of the audit log, in the transaction of the first that are deleted.
 */
export async function deleteReleased(
  client: PoolClient,
  what: 'captures' | 'tools',
  before: string,
  entry: AuditEntry,
): Promise<void> {
  let told = false;
  for (const table of tablesOf(what)) {
    if (table === 'blobs') continue;
    const id = table === 'captures' ? 'id' : 'record_id';
    const deleted = await deleteInPages(
      client,
      `DELETE FROM aperture.held_${table} WHERE ${id} IN (
         SELECT row.${id} FROM aperture.held_${table} AS row JOIN aperture.records AS record ON record.id = row.${id}
          WHERE row.${id} < $1 AND NOT ${HELD} LIMIT ${ROWS_AT_ONCE}
       )`,
      [before],
      told ? undefined : entry,
    );
    told ||= deleted > 0;
  }
  if (what === 'captures') await deleteBlobsOfNobody(client);
}

/** Those of owners who have no held capture of the day any more. */
async function deleteBlobsOfNobody(client: PoolClient): Promise<void> {
  const days = await client.query('SELECT DISTINCT day FROM aperture.held_blobs');
  for (const { day } of z.array(z.object({ day: z.int() })).parse(days.rows)) {
    await deleteInPages(
      client,
      `DELETE FROM aperture.held_blobs WHERE day = $1 AND (owner, sha256) IN (
         SELECT owner, sha256 FROM aperture.held_blobs
          WHERE day = $1 AND owner NOT IN (
            SELECT ${OWNER('login')} FROM aperture.held_captures WHERE id >= $2 AND id < $3
          ) LIMIT ${ROWS_AT_ONCE}
       )`,
      [day, uuid7Floor(day * DAY_MS), uuid7Floor((day + 1) * DAY_MS)],
    );
  }
}

/**
 * Repeats a bounded DELETE until nothing is left of what it finds. Where something is, `entry` goes to the audit log in the
 * transaction of the first page.
 */
export async function deleteInPages(
  client: PoolClient,
  sql: string,
  values: readonly unknown[],
  entry?: AuditEntry,
): Promise<number> {
  let deleted = entry === undefined ? 0 : await deleteAndTell(client, sql, values, entry);
  if (entry !== undefined && deleted === 0) return 0;
  for (;;) {
    const { rowCount } = await client.query(sql, [...values]);
    if (rowCount === null || rowCount === 0) return deleted;
    deleted += rowCount;
  }
}

/** Where it fails, the session ends, and the transaction with it. */
async function deleteAndTell(
  client: PoolClient,
  sql: string,
  values: readonly unknown[],
  entry: AuditEntry,
): Promise<number> {
  await client.query('BEGIN');
  const { rowCount } = await client.query(sql, [...values]);
  if (rowCount !== null && rowCount > 0) await appendAudit(client, [entry]);
  await client.query('COMMIT');
  return rowCount ?? 0;
}
