import type { FromJobs, JobsState } from '../src/records/messages.ts';
import { countLetters, pruneLetters } from '../src/store/dead-letters.ts';
import { analyzeWholes } from '../src/store/partitions.ts';
import type { JobQueue } from '../src/store/queue.ts';
import type { RecordStore, SegmentMark } from '../src/store/records.ts';
import { askDatabase, pause } from './books.ts';
import type { Books } from './books.ts';

export interface WatchParts {
  queue: JobQueue;
  post: (message: FromJobs) => void;
}

/** What is told of the books: how much of each journal is stored, and how queue and database are. */
export interface BooksWatch {
  /** Tells of the segments of this journal too, from `fromSegment` on: of our own, or of one that we hand on for another. */
  follow(gateway: string, fromSegment: number): void;
  unfollow(gateway: string): void;
  /** Resolves when the thread is closing and the last look is over. */
  ended: Promise<void>;
}

/** The main thread learns what is stored this long after it is, or a little later. */
const LOOK_EVERY_MS = 1_000;
const TIDY_EVERY_MS = 3_600_000;

/** Looks at the books every second and tells what has changed; every hour it tidies them. */
export function watchBooks(books: Books, { queue, post }: WatchParts): BooksWatch {
  const { pool, store, clock, complain, stopping } = books;
  /** By the name that a journal's segments are counted under. */
  const markTellers = new Map<string, () => Promise<void>>();
  const tellState = stateTeller(post);

  const look = async (): Promise<void> => {
    const jobs = await queue.depth().catch((error: unknown) => {
      complain('queue', error);
      return null;
    });
    const deadLetters = await askDatabase(books, async () => {
      for (const tellMarks of markTellers.values()) await tellMarks();
      return countLetters(pool);
    });
    tellState({
      database: deadLetters === null ? 'down' : 'up',
      queue: jobs === null ? 'down' : 'up',
      jobs,
      deadLetters,
    });
  };

  const watch = async (): Promise<void> => {
    let tidiedAtMs = clock.nowMs();
    for (;;) {
      await pause(books, LOOK_EVERY_MS);
      if (stopping.aborted) return;
      await look();
      if (clock.nowMs() - tidiedAtMs < TIDY_EVERY_MS) continue;
      tidiedAtMs = clock.nowMs();
      await askDatabase(books, () => tidy(books));
    }
  };

  return {
    follow: (gateway, fromSegment) => {
      markTellers.set(gateway, markTeller(store, gateway, fromSegment, post));
    },
    unfollow: (gateway) => {
      markTellers.delete(gateway);
    },
    ended: watch(),
  };
}

async function tidy({ pool, store, clock, log }: Books): Promise<void> {
  await store.prepareDays();
  await analyzeWholes(pool);
  const pruned = await pruneLetters(pool, clock);
  if (pruned > 0) log.warn({ pruned }, 'dead letters were too many or too old, and are gone');
}

/** Looks at how much the database has of each segment of a journal, and tells what differs from what was told before. */
function markTeller(
  store: RecordStore,
  gateway: string,
  fromSegment: number,
  post: (message: FromJobs) => void,
): () => Promise<void> {
  /** By segment: what was told of it. */
  const told = new Map<number, string>();
  let since: string | undefined;
  return async () => {
    const marks = await store.watermarks(gateway, fromSegment, since);
    since = marks.asOf;
    const wordsOf = ({ recordsIn, capturesIn }: SegmentMark): string => `${recordsIn} ${capturesIn}`;
    const changed = marks.segments.filter((mark) => told.get(mark.segment) !== wordsOf(mark));
    for (const mark of changed) told.set(mark.segment, wordsOf(mark));
    if (changed.length > 0) post({ kind: 'settled', gateway, segments: changed });
  };
}

function stateTeller(post: (message: FromJobs) => void): (state: JobsState) => void {
  let told = '';
  return (state) => {
    const words = JSON.stringify(state);
    if (words === told) return;
    told = words;
    post({ kind: 'state', state });
  };
}
