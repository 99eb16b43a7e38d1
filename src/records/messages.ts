import type { ExchangeRecord } from '../contract/record.ts';

/** Main thread -> jobs thread. Records are posted in batches, one per turn of the event loop. */
export type ToJobs =
  /** A change of who is told, through the outbox, that a request was closed. */
  | { kind: 'settings'; closedTo: readonly string[] }
  | { kind: 'records'; records: ExchangeRecord[] }
  | { kind: 'drain'; withinMs: number };

/** Jobs thread -> main thread. */
export type FromJobs =
  /** It runs; database and queue may still be away. */
  | { kind: 'ready' }
  /** This many records more are in the queue, in the order in which they were posted: credit for as many new ones. */
  | { kind: 'accepted'; count: number }
  /** No room: these ids were dropped here, and have to be read from the journal again. */
  | { kind: 'refused'; ids: string[] }
  /** Rows the database has per journal segment of this gateway; told when it changes. */
  | { kind: 'settled'; segments: { segment: number; recordsIn: number; capturesIn: number }[] }
  /** Told when it changes. Depths are of jobs, null while the queue is away. */
  | {
      kind: 'state';
      database: 'up' | 'down';
      queue: 'up' | 'down';
      jobsWaiting: number | null;
      jobsFailed: number | null;
    }
  /** Nothing waits any more, or time is up with this many left (they are in the journal). */
  | { kind: 'drained'; left: number };
