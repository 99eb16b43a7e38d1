import type { Pool } from 'pg';
import { z } from 'zod';
import type { LetterKind } from './dead-letters.ts';

/** Ids of one question: enough to be few questions, and a statement of a few milliseconds. */
const IDS_AT_ONCE = 1_000;

/**
 * Those of the ids that neither `find` nor the dead letters of this kind have, in the order in which they came. `find`
 * is a statement over ids `$1` that names its range, `$2` to `$3`, so that only the partitions of those days are looked
 * into.
 */
export async function missingOf(pool: Pool, ids: readonly string[], find: string, kind: LetterKind): Promise<string[]> {
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
    const left = some.filter((id) => !there.has(id));
    if (left.length === 0) continue;
    const letters = await pool.query(
      'SELECT subject AS id FROM aperture.dead_letters WHERE kind = $1 AND subject = ANY($2)',
      [kind, left],
    );
    const dead = new Set(
      z
        .array(WithId)
        .parse(letters.rows)
        .map(({ id }) => id),
    );
    missing.push(...left.filter((id) => !dead.has(id)));
  }
  return missing;
}

const WithId = z.object({ id: z.string() });
