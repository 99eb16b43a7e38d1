import type { Pool, PoolClient } from 'pg';
import { uuid7Floor, uuid7Ms } from '../lib/uuid7.ts';
import { inTransaction } from './database.ts';

/** Days since the Unix epoch, UTC: what a partition holds. */
export type Day = number;

export const DAY_MS = 86_400_000;
/** "apep": one process at a time makes partitions. */
const PARTITION_LOCK = 0x61706570;
/** Attaching waits for nobody who reads or inserts; a migration or a retention run may hold it up this long. */
const LOCK_TIMEOUT_MS = 5_000;
/** Made by the day of the record's id, all together, and dropped together: by that id, or by the day itself. */
const PARTITIONED: Record<string, 'id' | 'day'> = {
  records: 'id',
  amendments: 'id',
  session_turns: 'id',
  tool_calls: 'id',
  tool_results: 'id',
  captures: 'id',
  indexed_headers: 'id',
  blobs: 'day',
};

export function dayOf(id: string): Day {
  return Math.floor(uuid7Ms(id) / DAY_MS);
}

/** Yesterday to a week ahead: a database that is away for days finds its partitions when it comes back. */
export function daysAround(nowMs: number): Day[] {
  const today = Math.floor(nowMs / DAY_MS);
  return Array.from({ length: 9 }, (_, index) => today - 1 + index);
}

/** Makes the partitions of these days where they are missing. */
export async function ensurePartitions(pool: Pool, days: readonly Day[]): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    await client.query('SELECT pg_advisory_xact_lock($1)', [PARTITION_LOCK]);
    for (const day of days) {
      for (const [table, by] of Object.entries(PARTITIONED)) await ensurePartition(client, table, by, day);
    }
  });
}

/** Made beside its parent and attached: `CREATE TABLE … PARTITION OF` would lock out every reader and writer. */
async function ensurePartition(client: PoolClient, table: string, by: 'id' | 'day', day: Day): Promise<void> {
  const parent = `aperture.${table}`;
  const name = `${parent}_${dateOf(day)}`;
  const found = await client.query('SELECT 1 WHERE to_regclass($1) IS NOT NULL', [name]);
  if (found.rowCount !== 0) return;
  const [from, to] = [day, day + 1].map((each) => (by === 'day' ? String(each) : `'${uuid7Floor(each * DAY_MS)}'`));
  await client.query(`CREATE TABLE ${name} (LIKE ${parent} INCLUDING ALL)`);
  await client.query(`ALTER TABLE ${parent} ATTACH PARTITION ${name} FOR VALUES FROM (${from ?? ''}) TO (${to ?? ''})`);
}

/** `20261123`; two more digits in years beyond 9999, which a UUIDv7 can name. */
function dateOf(day: Day): string {
  return new Date(day * DAY_MS).toISOString().split('T')[0]?.replace(/\D/g, '') ?? '';
}

/** 23514 with no constraint named: "no partition of relation found for row". */
export function isPartitionMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23514';
}
