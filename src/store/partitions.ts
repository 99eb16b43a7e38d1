import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import { uuid7Floor, uuid7Ms } from '../lib/uuid7.ts';
import { inTransaction } from './database.ts';

/** Days since the Unix epoch, UTC: what is purged at a time. */
export type Day = number;

export const DAY_MS = 86_400_000;
/** "apep": one process at a time makes partitions, or decides that days are purged. */
const PARTITION_LOCK = 0x61706570;
/** Attaching waits for nobody who reads or inserts; a migration or a retention run may hold it up this long. */
const LOCK_TIMEOUT_MS = 5_000;

/**
 * What is purged together: headers and bodies, tool use, and what sessions are found by, which is of use for hours.
 * Partitions of other tables stay.
 */
export const PURGEABLE = ['captures', 'tools', 'turns'] as const;
export type Purgeable = (typeof PURGEABLE)[number];

/** Up to which day each kind was purged; -1: nothing was. */
export type PurgedThrough = Readonly<Record<Purgeable, Day>>;

export const NOTHING_PURGED: PurgedThrough = { captures: -1, tools: -1, turns: -1 };

/**
 * Made as the first record's id of their time needs them, all together: by that id, or by its day. What is purged has a
 * partition for each day; what stays, for each month: a statement that cannot say when locks every partition with its
 * indexes, and two years of days are more locks than a server has.
 */
const PARTITIONED: Record<string, { by: 'id' | 'day'; what?: Purgeable }> = {
  records: { by: 'id' },
  amendments: { by: 'id' },
  session_turns: { by: 'id', what: 'turns' },
  tool_calls: { by: 'id', what: 'tools' },
  tool_results: { by: 'id', what: 'tools' },
  captures: { by: 'id', what: 'captures' },
  indexed_headers: { by: 'id', what: 'captures' },
  blobs: { by: 'day', what: 'captures' },
};

/** Tables whose partitions of one day go together. */
export function tablesOf(what: Purgeable): string[] {
  return Object.keys(PARTITIONED).filter((table) => PARTITIONED[table]?.what === what);
}

export function dayOf(id: string): Day {
  return Math.floor(uuid7Ms(id) / DAY_MS);
}

/** Yesterday to a week ahead: a database that is away for days finds its partitions when it comes back. */
export function daysAround(nowMs: number): Day[] {
  const today = Math.floor(nowMs / DAY_MS);
  return Array.from({ length: 9 }, (_, index) => today - 1 + index);
}

/**
 * Makes the partitions of these days where they are missing, but not those that were purged.
 *
 * @returns what was purged: rows of those days find no partition.
 */
export async function ensurePartitions(pool: Pool, days: readonly Day[]): Promise<PurgedThrough> {
  return inTransaction(pool, async (client) => {
    await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await lockPartitions(client);
    const purged = await purgedThrough(client);
    for (const day of days) {
      for (const [table, { by, what }] of Object.entries(PARTITIONED)) {
        if (what === undefined) await ensureMonth(client, table, day);
        else if (day > purged[what]) await ensurePartition(client, table, by, { first: day, next: day + 1 });
      }
    }
    return purged;
  });
}

/** As `server_version_num` has it: the first that can leave partitions out. */
const ANALYZES_ALONE = 180_000;

/**
 * Makes statistics of the partitioned tables as wholes. Autovacuum has those of each partition alone, from which the planner cannot
 * tell how many sessions or callers all have between them. Reads some ten thousand rows of each table; where somebody else is at one,
 * that is left to them. Before Postgres 18 it would read all partitions anew as well: there nothing is done.
 */
export async function analyzeWholes(pool: Pool): Promise<void> {
  const { rows } = await pool.query("SELECT current_setting('server_version_num')::int AS version");
  if (Version.parse(rows[0]).version < ANALYZES_ALONE) return;
  for (const table of Object.keys(PARTITIONED)) await pool.query(`ANALYZE (SKIP_LOCKED) ONLY aperture.${table}`);
}

const Version = z.object({ version: z.number() });

/** Until the transaction ends, nobody makes partitions, or marks days as purged. */
export async function lockPartitions(client: PoolClient): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [PARTITION_LOCK]);
}

const PurgedRows = z.array(z.object({ what: z.enum(PURGEABLE), through_day: z.int() }));

async function purgedThrough(client: PoolClient): Promise<PurgedThrough> {
  const { rows } = await client.query('SELECT what, through_day FROM aperture.purged WHERE what = ANY($1)', [
    PURGEABLE,
  ]);
  const purged = { ...NOTHING_PURGED };
  for (const { what, through_day } of PurgedRows.parse(rows)) purged[what] = through_day;
  return purged;
}

/** A month that an earlier build has begun by the day goes on by the day. */
async function ensureMonth(client: PoolClient, table: string, day: Day): Promise<void> {
  const month = partitionName(table, day).slice(0, -2);
  const byDay = await client.query(
    `SELECT FROM pg_class WHERE relnamespace = 'aperture'::regnamespace AND relkind = 'r' AND relname ~ $1 LIMIT 1`,
    [`^${month}\\d\\d$`],
  );
  if (byDay.rowCount !== 0) return ensurePartition(client, table, 'id', { first: day, next: day + 1 });
  const date = new Date(day * DAY_MS);
  const [first = day, next = day + 1] = [0, 1].map(
    (months) => Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months) / DAY_MS,
  );
  return ensurePartition(client, table, 'id', { first, next }, month);
}

/** Made beside its parent and attached: `CREATE TABLE … PARTITION OF` would lock out every reader and writer. */
async function ensurePartition(
  client: PoolClient,
  table: string,
  by: 'id' | 'day',
  { first, next }: { first: Day; next: Day },
  called = partitionName(table, first),
): Promise<void> {
  const parent = `aperture.${table}`;
  const name = `aperture.${called}`;
  const found = await client.query('SELECT 1 WHERE to_regclass($1) IS NOT NULL', [name]);
  if (found.rowCount !== 0) return;
  const [from, to] = [first, next].map((each) => (by === 'day' ? String(each) : `'${uuid7Floor(each * DAY_MS)}'`));
  await client.query(`CREATE TABLE ${name} (LIKE ${parent} INCLUDING ALL)`);
  await client.query(`ALTER TABLE ${parent} ATTACH PARTITION ${name} FOR VALUES FROM (${from ?? ''}) TO (${to ?? ''})`);
}

/** `captures_20261123`; two more digits in years beyond 9999, which a UUIDv7 can name. */
export function partitionName(table: string, day: Day): string {
  return `${table}_${new Date(day * DAY_MS).toISOString().split('T')[0]?.replace(/\D/g, '') ?? ''}`;
}

/** The day of a partition's name; undefined where it is another table's. */
export function dayOfPartition(table: string, name: string): Day | undefined {
  const [, year = '', month = '', date = ''] =
    new RegExp(`^${table}_(\\d{4}|\\d{6})(\\d\\d)(\\d\\d)$`).exec(name) ?? [];
  return year === '' ? undefined : Date.UTC(Number(year), Number(month) - 1, Number(date)) / DAY_MS;
}
