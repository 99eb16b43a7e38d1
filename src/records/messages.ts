import type { Told } from '../contract/delivery.ts';
import type { RetentionReport, RetentionRules } from '../contract/retention.ts';

/** Main thread -> jobs thread. Records are posted in batches. */
export type ToJobs =
  | { kind: 'records'; records: RecordText[] }
  /** Which of these the database does not have. Answered by exactly one `looked`. */
  | { kind: 'look'; look: number; ids: BookIds }
  /** Tell the watermarks of a journal whose process is gone, too, from a segment on; and no longer. */
  | { kind: 'follow'; gateway: string; fromSegment: number }
  | { kind: 'unfollow'; gateway: string }
  | { kind: 'settings'; settings: JobsSettings }
  | { kind: 'drain'; withinMs: number };

/** A record on its way to the database: written as JSON once, by who made it. */
export interface RecordText {
  id: string;
  login: string;
  /** An `ExchangeRecord`. */
  json: string;
}

/** What of the config the jobs thread goes by. */
export interface JobsSettings {
  retention: RetentionRules;
  /** Destinations that are told what records cause. */
  told: readonly Told[];
}

/** Ids of exchanges: those whose records, and those whose captures are meant. */
export interface BookIds {
  records: string[];
  captures: string[];
}

/** What the jobs thread last saw. */
export interface JobsState {
  database: 'up' | 'down';
  queue: 'up' | 'down';
  /** Jobs that wait, are being processed, or have failed and wait a while. Null: not known. */
  jobs: QueueDepth | null;
  deadLetters: number | null;
}
export interface QueueDepth {
  waiting: number;
  /** Those of them that have failed. */
  delayed: number;
}

/** Jobs thread -> main thread. */
export type FromJobs =
  /** It runs; database and queue may still be away. */
  | { kind: 'ready' }
  /** These are in the queue: credit for as many new ones. */
  | { kind: 'accepted'; ids: string[] }
  /** No room: these ids were dropped here, and have to be read from the journal again. */
  | { kind: 'refused'; ids: string[] }
  /** Rows the database has per segment of a journal; told when it changes. */
  | { kind: 'settled'; gateway: string; segments: { segment: number; recordsIn: number; capturesIn: number }[] }
  /** Null where the database did not answer. */
  | { kind: 'looked'; look: number; missing: BookIds | null }
  /** Told when it changes. */
  | { kind: 'state'; state: JobsState }
  /** After each retention run of this process. */
  | { kind: 'retention'; report: RetentionReport }
  /** Nothing waits any more, or time is up with this many left (they are in the journal). */
  | { kind: 'drained'; left: number };
