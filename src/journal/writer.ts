import type { Clock } from '../lib/clock.ts';
import { writeAll } from './disk.ts';
import type { Disk } from './disk.ts';
import type { OpenSegment } from './open-segment.ts';

/** A write off the main thread, at a place that was reserved before. */
export interface WriteJob {
  /** Counts up with every job of a journal. */
  number: number;
  segment: OpenSegment;
  position: number;
  bytes: number;
  /** What to write, piece after piece from `position` on; asked for as the disk takes it. None: only wait for a sync. */
  pieces: Iterable<Uint8Array[]>;
  /** Told once. */
  done(failure: Error | undefined): void;
}

/** Writes at once. libuv has four threads for files and DNS together; a disk gains nothing from more. */
const WRITES_AT_ONCE = 2;

/** The queue of writes that the main thread does not wait for. */
export class Writer {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #syncEach: boolean;
  readonly #waiting: WriteJob[] = [];
  /** Jobs not yet done, oldest first, with the time they came. */
  readonly #open = new Map<WriteJob, number>();
  #writing = 0;
  #idle: (() => void)[] = [];
  pendingBytes = 0;

  constructor(disk: Disk, clock: Clock, syncEach: boolean) {
    this.#disk = disk;
    this.#clock = clock;
    this.#syncEach = syncEach;
  }

  get pendingJobs(): number {
    return this.#open.size;
  }

  /** How long the oldest job has been waiting. */
  get oldestMs(): number {
    for (const sinceMs of this.#open.values()) return this.#clock.nowMs() - sinceMs;
    return 0;
  }

  offer(job: WriteJob): void {
    job.segment.jobs += 1;
    this.pendingBytes += job.bytes;
    this.#open.set(job, this.#clock.nowMs());
    this.#waiting.push(job);
    this.#next();
  }

  /** Resolves when nothing is waiting. */
  idle(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#idle.push(resolve);
    });
  }

  #next(): void {
    while (this.#writing < WRITES_AT_ONCE) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      this.#writing += 1;
      void this.#run(job);
    }
  }

  async #run(job: WriteJob): Promise<void> {
    let failure: Error | undefined;
    try {
      await this.#write(job);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    this.#writing -= 1;
    this.#next();
    // A job that waits for its sync holds no place: those behind it share the next one.
    if (failure === undefined && this.#syncEach) {
      await job.segment.durable().catch((error: unknown) => {
        failure = error instanceof Error ? error : new Error(String(error));
      });
    }
    job.segment.jobs -= 1;
    this.pendingBytes -= job.bytes;
    this.#open.delete(job);
    job.done(failure);
    if (this.#open.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  async #write(job: WriteJob): Promise<void> {
    let at = job.position;
    for (const buffers of job.pieces) {
      if (job.segment.failure !== undefined) throw job.segment.failure;
      await writeAll(this.#disk, job.segment.file, buffers, at);
      for (const buffer of buffers) at += buffer.length;
    }
  }
}
