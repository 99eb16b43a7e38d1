import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Clock } from '../src/lib/clock.ts';
import type { Log } from '../src/lib/log.ts';
import { migrate } from '../src/store/database.ts';
import type { RecordStore } from '../src/store/records.ts';
import type { quietly } from './quietly.ts';

/** What the parts of the jobs thread share. */
export interface Books {
  pool: Pool;
  store: RecordStore;
  clock: Clock;
  log: Log;
  complain: ReturnType<typeof quietly>;
  /** The thread is closing: nothing is begun any more, and no pause is waited for. */
  stopping: AbortSignal;
}

const MIGRATE_AGAIN_MS = 1_000;

/** Brings the database up to date, as often as it takes. False when closed first. */
export async function untilMigrated(books: Books): Promise<boolean> {
  const { pool, store, log, complain, stopping } = books;
  while (!stopping.aborted) {
    try {
      const applied = await migrate(pool);
      if (applied.length > 0) log.info({ applied }, 'database migrated');
      await store.prepareDays();
      return true;
    } catch (error) {
      complain('database', error);
      await pause(books, MIGRATE_AGAIN_MS);
    }
  }
  return false;
}

/** Null where the database does not answer, and says so. */
export function askDatabase<T>({ complain }: Books, question: () => Promise<T>): Promise<T | null> {
  return question().catch((error: unknown) => {
    complain('database', error);
    return null;
  });
}

/** Ends early when the thread is closing. */
export async function pause({ stopping }: Books, ms: number): Promise<void> {
  await sleep(ms, undefined, { signal: stopping }).catch(() => undefined);
}
