import type { Clock } from '../lib/clock.ts';
import type { Disk } from './disk.ts';
import type { FolderLock } from './lock.ts';

/**
 * `strict`: a release waits for the disk. `behind`: it does not, by configuration or because the disk stalls. `failed`:
 * nothing can be written, and the journal tries again once a second.
 */
export type JournalState = 'strict' | 'behind' | 'failed';

export interface JournalOptions {
  folder: string;
  /** At most 64 bytes. The same for all segments of a folder: numbers are unique within it. */
  gatewayId: string;
  mode: 'strict' | 'behind';
  fsync: 'none' | 'interval' | 'always';
  /** A file changes over to the next at the end of the turn in which it reaches this size. */
  segmentBytes: number;
  /** Bound of all files together. */
  maxBytes: number;
  /** `refuse`: no exchange begins that the journal could not hold. `drop_bodies`: it keeps all but the bodies, counted. */
  whenFull: 'refuse' | 'drop_bodies';
  /** Bodies that may wait in memory for a disk that lags. */
  bufferBytes: number;
  /** A write that takes longer than this turns `strict` into `behind` until the disk has caught up. */
  stallAfterMs: number;
  clock: Clock;
  /** Told when all of a segment is written; `opened` exchanges have their `opened` frame in it. */
  onSegmentSealed: (segment: number, opened: number) => void;
  onState: (state: JournalState, why: string) => void;
  /** Of the folder, where whoever chose it has locked it already; given back with the journal. */
  lock?: FolderLock;
  disk?: Disk;
}

export const JOURNAL_DEFAULTS = {
  segmentBytes: 64 * 1024 * 1024,
  bufferBytes: 64 * 1024 * 1024,
  stallAfterMs: 1000,
} as const;

export interface JournalStats {
  state: JournalState;
  /** Exchanges that were opened and not yet forgotten. */
  exchanges: number;
  segments: number;
  bytesOnDisk: number;
  pendingBytes: number;
  pendingJobs: number;
  oldestPendingMs: number;
  releasesHeld: number;
  frames: number;
  bytes: number;
  /** Writes on the main thread, and off it. */
  writesNow: number;
  writesAside: number;
  slowWrites: number;
  /** Times that the disk was asked to make what was written survive a power cut. */
  syncs: number;
  stalls: number;
  failures: number;
  framesLost: number;
  bytesLost: number;
  bodyFramesDropped: number;
  bodyBytesDropped: number;
  refused: number;
  segmentsSealed: number;
  segmentsRemoved: number;
  removeFailures: number;
  fileFailures: number;
}
