import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import { GATEWAY } from '../contract/audit.ts';
import type { AuditEntry } from '../contract/audit.ts';
import type { RetentionReport, RetentionRules } from '../contract/retention.ts';
import type { Clock } from '../lib/clock.ts';
import { uuid7Floor } from '../lib/uuid7.ts';
import { appendAudit } from './audit.ts';
import { exportedThrough } from './exports.ts';
import { copyHeld, deleteInPages, deleteReleased } from './holds.ts';
import { DAY_MS, dayOf, dayOfPartition, lockPartitions, partitionName, PURGEABLE, tablesOf } from './partitions.ts';
import type { Day, Purgeable } from './partitions.ts';

/** What one run has done, and what it found. */
export type RetentionRun = Omit<RetentionReport, 'lastRunAtMs'>;

export interface Retention {
  /**
   * Purges what is due, oldest day first. Undefined where another process is at it. A day that cannot be purged (its held
   * rows cannot be copied, a reader does not end) stays, with all later ones, for the next run.
   */
  run(rules: RetentionRules): Promise<RetentionRun | undefined>;
}

/** "aprt": one process at a time purges. */
const RETENTION_LOCK = 0x61707274;
/** Sessions are found by what was said for eight hours, and by records that come late. The hashes leave with the week. */
const TURNS_KEPT_MS = 7 * DAY_MS;
/** A journal that is older when it is replayed may have its purged captures counted twice. */
const LATE_KEPT_MS = 90 * DAY_MS;
/** Rows of one DELETE. */
const ROWS_AT_ONCE = 5_000;

/**
 * @param pool of one connection, its own: it waits for readers to end. Its statements may take as long as the longest of
 *   these.
 */
export function createRetention(pool: Pool, clock: Clock): Retention {
  return {
    run: async (rules) => {
      const client = await pool.connect();
      client.on('error', ignore);
      try {
        const { rows } = await client.query('SELECT pg_try_advisory_lock($1) AS locked', [RETENTION_LOCK]);
        return Locked.parse(rows[0]).locked ? await new Run(client, rules, clock.nowMs()).all() : undefined;
      } finally {
        client.off('error', ignore);
        // The session's end is the lock's.
        client.release(true);
      }
    },
  };
}

const Locked = z.object({ locked: z.boolean() });

function ignore(): void {
  // Told by the statement that fails.
}

/** One look at everything, under the lock. */
class Run {
  readonly #client: PoolClient;
  readonly #rules: RetentionRules;
  readonly #nowMs: number;
  readonly #done = { partitionsDropped: 0, bytesDropped: 0, partitionsWaiting: 0 };

  constructor(client: PoolClient, rules: RetentionRules, nowMs: number) {
    this.#client = client;
    this.#rules = rules;
    this.#nowMs = nowMs;
  }

  async all(): Promise<RetentionRun> {
    const exported = this.#rules.requireExport ? await exportedThrough(this.#client) : Infinity;
    for (const what of PURGEABLE) {
      if (what === 'turns') await this.#dropDays(what, this.#lastDayOver(TURNS_KEPT_MS), Infinity);
      else if (this.#rules[what]) await this.#purge(what, exported);
    }
    await deleteInPages(
      this.#client,
      `DELETE FROM aperture.late_captures WHERE id IN (
         SELECT id FROM aperture.late_captures WHERE id < $1 LIMIT ${ROWS_AT_ONCE}
       )`,
      [uuid7Floor(Math.max(0, this.#nowMs - LATE_KEPT_MS))],
    );
    const oldest = (await this.#days('captures', true))[0];
    return { ...this.#done, oldestCapturesMs: oldest === undefined ? null : oldest * DAY_MS };
  }

  /** @param exported the last day that may go. */
  async #purge(what: 'captures' | 'tools', exported: Day): Promise<void> {
    const { keepMs } = this.#rules;
    // With nothing kept, what was stored of today goes too.
    const through = keepMs === 0 ? Math.floor(this.#nowMs / DAY_MS) : this.#lastDayOver(keepMs);
    await this.#dropDays(what, through, exported);
    const before = uuid7Floor(Math.max(0, Math.min(this.#nowMs - keepMs, (exported + 1) * DAY_MS)));
    if (keepMs > 0 && keepMs < DAY_MS) await this.#deleteWithin(what, before);
    await deleteReleased(this.#client, what, before, this.#entry(before, { what, rows: 'no longer held' }));
  }

  /** `of`: the day, or an id of it from which on nothing goes. */
  #entry(of: Day | string, details: Record<string, unknown>): AuditEntry {
    const target = new Date((typeof of === 'string' ? dayOf(of) : of) * DAY_MS).toISOString().slice(0, 10);
    return { atMs: this.#nowMs, ...GATEWAY, action: 'retention.dropped', target, details };
  }

  /** The last day whose newest possible row is older than this. */
  #lastDayOver(keepMs: number): Day {
    return Math.floor((this.#nowMs - keepMs) / DAY_MS) - 1;
  }

  #isToday(day: Day): boolean {
    return day === Math.floor(this.#nowMs / DAY_MS);
  }

  /** @param exported the last day that may go, due or not. */
  async #dropDays(what: Purgeable, through: Day, exported: Day): Promise<void> {
    // Today's, where nothing is kept, is made again for who comes next: not worth dropping while it is empty.
    const filled = new Set(await this.#days(what, true));
    for (const day of await this.#days(what, false)) {
      if (day > through) return;
      if (this.#isToday(day) && !filled.has(day)) continue;
      if (day > exported || !(await this.#isExported(what, day))) {
        this.#done.partitionsWaiting += (await this.#tables(what, day)).length;
      } else await this.#dropDay(what, day);
    }
  }

  /** Asked of each day again: many may go in a run, and a record may have come late for this one meanwhile. */
  async #isExported(what: Purgeable, day: Day): Promise<boolean> {
    return what === 'turns' || !this.#rules.requireExport || day <= (await exportedThrough(this.#client));
  }

  /**
   * Drops the partitions of a day. They are detached first, which waits for whoever reads or writes the parent, and lets
   * everybody else pass; dropping then meets nobody.
   */
  async #dropDay(what: Purgeable, day: Day): Promise<void> {
    const tables = await this.#tables(what, day);
    if (what !== 'turns') await copyHeld(this.#client, day, tables);
    await this.#markPurged(what, day);
    for (const table of tables) await this.#detach(table, day);
    // Once more, with what came in between: from here on nothing does.
    if (what !== 'turns') await copyHeld(this.#client, day, tables);
    const names = tables.map((table) => `aperture.${partitionName(table, day)}`);
    const size = await this.#client.query(
      'SELECT coalesce(sum(pg_total_relation_size(name::regclass)), 0)::text AS bytes FROM unnest($1::text[]) AS name',
      [names],
    );
    const bytes = Number(z.object({ bytes: z.string() }).parse(size.rows[0]).bytes);
    // Where it fails, the session ends, and the transaction with it.
    await this.#client.query('BEGIN');
    await this.#client.query(`DROP TABLE ${names.join(', ')}`);
    await appendAudit(this.#client, [this.#entry(day, { what, tables, bytes })]);
    await this.#client.query('COMMIT');
    this.#done.partitionsDropped += names.length;
    this.#done.bytesDropped += bytes;
  }

  /** Rows that come later for this day are not stored. Today is never marked: another config may hold in a minute. */
  async #markPurged(what: Purgeable, day: Day): Promise<void> {
    if (this.#isToday(day)) return;
    await this.#client.query('BEGIN');
    await lockPartitions(this.#client);
    await this.#client.query(
      `INSERT INTO aperture.purged AS old (what, through_day) VALUES ($1, $2)
       ON CONFLICT (what) DO UPDATE
         SET through_day = greatest(old.through_day, excluded.through_day), at = clock_timestamp()`,
      [what, day],
    );
    await this.#client.query('COMMIT');
  }

  /** Not in a transaction: that is how it lets others pass. A run that broke in the middle is gone on with. */
  async #detach(table: string, day: Day): Promise<void> {
    const name = `aperture.${partitionName(table, day)}`;
    const { rows } = await this.#client.query(
      'SELECT inhdetachpending AS pending FROM pg_inherits WHERE inhrelid = to_regclass($1)',
      [name],
    );
    const [attached] = z.array(z.object({ pending: z.boolean() })).parse(rows);
    if (attached === undefined) return;
    await this.#client.query(
      `ALTER TABLE aperture.${table} DETACH PARTITION ${name} ${attached.pending ? 'FINALIZE' : 'CONCURRENTLY'}`,
    );
  }

  /** A duration of hours: rows of days that are not over yet. Their blobs leave with the day. */
  async #deleteWithin(what: 'captures' | 'tools', before: string): Promise<void> {
    const day = dayOf(before);
    await copyHeld(this.#client, day, await this.#tables(what, day), before);
    let told = false;
    for (const table of tablesOf(what)) {
      if (table === 'blobs') continue;
      const id = table === 'captures' ? 'id' : 'record_id';
      const deleted = await deleteInPages(
        this.#client,
        `DELETE FROM aperture.${table} WHERE ${id} < $1 AND ${id} IN (
           SELECT ${id} FROM aperture.${table} WHERE ${id} < $1 ORDER BY 1 LIMIT ${ROWS_AT_ONCE}
         )`,
        [before],
        told ? undefined : this.#entry(before, { what, rows: 'of a day that is not over' }),
      );
      told ||= deleted > 0;
    }
  }

  /** Days that have a partition, attached or not, ascending; `filled`: with rows. */
  async #days(what: Purgeable, filled: boolean): Promise<Day[]> {
    const days = new Set<Day>();
    for (const table of tablesOf(what)) {
      const { rows } = await this.#client.query(
        `SELECT relname AS name FROM pg_class WHERE relnamespace = 'aperture'::regnamespace AND relkind = 'r'
            AND starts_with(relname, $1) AND (NOT $2 OR pg_relation_size(oid) > 0)`,
        [`${table}_`, filled],
      );
      for (const { name } of z.array(z.object({ name: z.string() })).parse(rows)) {
        const day = dayOfPartition(table, name);
        if (day !== undefined) days.add(day);
      }
    }
    return [...days].sort((a, b) => a - b);
  }

  /** Those of the kind's tables that have a partition of this day. */
  async #tables(what: Purgeable, day: Day): Promise<string[]> {
    const { rows } = await this.#client.query(
      `SELECT name FROM unnest($1::text[], $2::text[]) AS of (name, partition)
        WHERE to_regclass('aperture.' || partition) IS NOT NULL`,
      [tablesOf(what), tablesOf(what).map((table) => partitionName(table, day))],
    );
    return z
      .array(z.object({ name: z.string() }))
      .parse(rows)
      .map(({ name }) => name);
  }
}
