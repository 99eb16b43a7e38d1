import type { Pool } from 'pg';
import { z } from 'zod';

const Logins = z.array(z.object({ login: z.string() }));

/**
 * Who was ever in this group. Groups have no index, logins have one; asked for by themselves, so that the planner of the
 * question that follows knows how many they are.
 */
export async function membersOf(pool: Pool, group: string): Promise<string[]> {
  const { rows } = await pool.query('SELECT DISTINCT login FROM aperture.rollup_day WHERE $1 = ANY(groups)', [group]);
  return Logins.parse(rows).map(({ login }) => login);
}
