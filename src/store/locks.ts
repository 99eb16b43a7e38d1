import type { PoolClient } from 'pg';

/**
 * Takes advisory locks until the transaction ends: in order, so that two transactions wait for one another rather than
 * deadlock.
 *
 * @param kind what is locked, as a number of its own.
 * @param keys signed 32-bit numbers; one that comes twice is taken once.
 */
export async function takeLocks(client: PoolClient, kind: number, keys: readonly number[]): Promise<void> {
  const ordered = [...new Set(keys)].sort((a, b) => a - b);
  await client.query('SELECT pg_advisory_xact_lock($1, key) FROM unnest($2::int[]) AS key', [kind, ordered]);
}
