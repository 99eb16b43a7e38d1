import type { ExchangeRecord } from '../contract/record.ts';
import type { RetentionReport, RetentionRules } from '../contract/retention.ts';

/** Main thread -> jobs thread. Records are posted in batches. */
export type ToJobs =
  | { kind: 'records'; records: ExchangeRecord[] }
  /** Tell the watermarks of a journal whose process is gone, too, from a segment on; and no longer. */
  | { kind: 'follow'; gateway: string; fromSegment: number }
  | { kind: 'unfollow'; gateway: string }
  | { kind: 'retention'; rules: RetentionRules }
  | { kind: 'drain'; withinMs: number };

/** Jobs thread -> main thread. */
export type FromJobs =
  /** It runs; database and queue may still be away. */
  | { kind: 'ready' }
  /** This many records more are in the queue, in the order in which they were posted: credit for as many new ones. */
  | { kind: 'accepted'; count: number }
  /** No room: these ids were dropped here, and have to be read from the journal again. */
  | { kind: 'refused'; ids: string[] }
  /** Rows the database has per segment of a journal; told when it changes. */
  | { kind: 'settled'; gateway: string; segments: { segment: number; recordsIn: number; capturesIn: number }[] }
  /** Told when it changes. Depths are of jobs, null while the queue is away. */
  | {
      kind: 'state';
      database: 'up' | 'down';
      queue: 'up' | 'down';
      jobsWaiting: number | null;
      jobsFailed: number | null;
    }
  /** After each retention run of this process. */
  | { kind: 'retention'; report: RetentionReport }
  /** Nothing waits any more, or time is up with this many left (they are in the journal). */
  | { kind: 'drained'; left: number };
