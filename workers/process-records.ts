import { isAway } from '../src/store/database.ts';
import { bury } from '../src/store/dead-letters.ts';
import { processQueue } from '../src/store/queue.ts';
import type { QueueAddress } from '../src/store/queue.ts';
import { pause } from './books.ts';
import type { Books } from './books.ts';

/** While the database is away, a job waits here rather than come and go; beyond it, it goes back with a backoff. */
const STORE_RETRY_MS = 500;
const STORE_ATTEMPTS = 20;

/** Stores what the queue of records has, until closed; jobs under way are finished then. */
export function processRecords(books: Books, address: QueueAddress): { close(): Promise<void> } {
  const { pool, clock, log, complain } = books;
  return processQueue('records', address, (batch) => storePatiently(books, batch), {
    onError: (error) => {
      complain('queue', error);
    },
    bury: async (body) => {
      const error = 'not a job that this build can read';
      await bury(pool, clock, { kind: 'job', subject: 'records', error, body });
      log.error({ queue: 'records' }, 'a job that nobody can read is a dead letter now');
    },
  });
}

async function storePatiently(books: Books, batch: readonly unknown[]): Promise<void> {
  const { store, log, complain, stopping } = books;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { dead } = await store.store(batch);
      if (dead > 0) log.error({ dead }, 'records that cannot be stored are dead letters now');
      return;
    } catch (error) {
      complain('database', error);
      if (!isAway(error) || attempt === STORE_ATTEMPTS || stopping.aborted) throw error;
      await pause(books, STORE_RETRY_MS);
    }
  }
}
