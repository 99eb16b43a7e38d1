import type { Pool } from 'pg';
import { z } from 'zod';

/** Ids of one question: enough to be few questions, and a statement of a few milliseconds. */
const IDS_AT_ONCE = 1_000;

/**
 * Those of the ids that `find` does not have, in the order in which they came. It is a statement over ids `$1` that names
 * their range, `$2` to `$3`, so that only the partitions of those days are looked into.
 */
export async function missingOf(pool: Pool, ids: readonly string[], find: string): Promise<string[]> {
  const missing: string[] = [];
  for (let at = 0; at < ids.length; at += IDS_AT_ONCE) {
    const some = ids.slice(at, at + IDS_AT_ONCE);
    const ordered = [...some].sort();
    const found = await pool.query(find, [some, ordered[0], ordered.at(-1)]);
    const there = new Set(
      z
        .array(WithId)
        .parse(found.rows)
        .map(({ id }) => id),
    );
    missing.push(...some.filter((id) => !there.has(id)));
  }
  return missing;
}

const WithId = z.object({ id: z.string() });
