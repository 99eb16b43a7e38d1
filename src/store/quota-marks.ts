import type { Pool } from 'pg';
import { z } from 'zod';
import type { ControlEvent, EventKind } from '../contract/event.ts';
import { inTransaction } from './database.ts';
import { tellEvents } from './events.ts';
import { STORE_ANSWERS_MS, SWEPT_AT_ONCE, sweepKeys, within } from './quota-store.ts';

/** What was told of a bucket; a bucket of which nothing was ever told has none. */
export interface StoredMark {
  told: number;
  version: number;
  /** Since it was last changed, by the database's own clock. */
  sinceMs: number;
}

/** Another mark in the place of the one of this version, 0 for none, and what is told with it. */
export interface MarkChange {
  key: string;
  told: number;
  version: number;
  events: readonly ControlEvent[];
}

export interface QuotaMarks {
  /** Whether any destination is told of crossings. */
  areWanted(): Promise<boolean>;
  read(keys: readonly string[]): Promise<Map<string, StoredMark>>;
  /**
   * Changes the marks that are still as they were, and tells their events, in one transaction. Answers the keys of these:
   * of the others, somebody else was quicker.
   */
  change(changes: readonly MarkChange[], nowMs: number): Promise<Set<string>>;
  /** Deletes marks of buckets whose definition is gone. */
  sweep(defines: (key: string) => boolean): Promise<number>;
}

const CROSSED: EventKind = 'quota.crossed';

/** Every call rejects while the database is away, or its tables are still on their way. */
export function createQuotaMarks(pool: Pool): QuotaMarks {
  return {
    areWanted: async () => {
      const { rows } = await pool.query(WANTED, [CROSSED]);
      return Wanted.parse(rows)[0].wanted;
    },
    read: async (keys) => {
      const { rows } = await pool.query(READ, [keys]);
      return new Map(Marks.parse(rows).map(({ key, ...mark }) => [key, mark]));
    },
    change: (changes, nowMs) =>
      inTransaction(pool, async (client) => {
        const rows = changes.map(({ key, told, version }) => ({ key, told, version }));
        const changed = await client.query(CHANGE, [JSON.stringify(rows)]);
        const ours = new Set(Keys.parse(changed.rows).map(({ key }) => key));
        const events = changes.flatMap((change) => (ours.has(change.key) ? change.events : []));
        await tellEvents(client, events, nowMs);
        return ours;
      }),
    sweep: (defines) =>
      sweepKeys(
        defines,
        async (after) => Keys.parse((await pool.query(KEYS, [after ?? '', SWEPT_AT_ONCE])).rows).map(({ key }) => key),
        async (gone) => (await within(STORE_ANSWERS_MS, pool.query(REMOVE, [gone]))).rowCount ?? 0,
      ),
  };
}

const Wanted = z.tuple([z.object({ wanted: z.boolean() })]);
const Keys = z.array(z.object({ key: z.string() }));
const Marks = z.array(z.object({ key: z.string(), told: z.int(), version: z.coerce.number(), sinceMs: z.number() }));

const WANTED = 'SELECT EXISTS (SELECT FROM aperture.delivery_destinations WHERE $1 = ANY(events)) AS wanted';

const READ = `
  SELECT key, told, version::text, aperture.ms_between(changed_at, clock_timestamp()) AS "sinceMs"
    FROM aperture.quota_marks WHERE key = ANY($1)`;

/** Locked in order of key, so that two that look at once wait for each other; whoever waited finds another version. */
const CHANGE = `
  WITH said AS (
    SELECT * FROM json_to_recordset($1::json) AS said (key text, told smallint, version bigint)
  ), ours AS (
    SELECT mark.key FROM aperture.quota_marks AS mark JOIN said USING (key)
     WHERE mark.version = said.version ORDER BY mark.key FOR UPDATE OF mark
  ), changed AS (
    UPDATE aperture.quota_marks AS mark
       SET told = said.told, version = mark.version + 1, changed_at = clock_timestamp()
      FROM said JOIN ours ON ours.key = said.key
     WHERE mark.key = said.key AND mark.version = said.version
    RETURNING mark.key
  ), made AS (
    INSERT INTO aperture.quota_marks (key, told) SELECT key, told FROM said WHERE version = 0 ORDER BY key COLLATE "C"
    ON CONFLICT DO NOTHING RETURNING key
  )
  SELECT key FROM changed UNION ALL SELECT key FROM made`;

const KEYS = `SELECT key FROM aperture.quota_marks WHERE key > $1 ORDER BY key LIMIT $2`;
const REMOVE = 'DELETE FROM aperture.quota_marks WHERE key = ANY($1)';
