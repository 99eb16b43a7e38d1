import type { Clock } from '../lib/clock.ts';
import { Batch, framedBytes, framesOf, pieceCount } from './batch.ts';
import type { Condition } from './condition.ts';
import { writeAllNow } from './disk.ts';
import type { Disk } from './disk.ts';
import type { JournalOptions, JournalStats } from './options.ts';
import type { Releases } from './releases.ts';
import { FRAME_HEADER_BYTES } from './segment.ts';
import type { Segments } from './segments.ts';
import type { Tracked, Turn } from './tracked.ts';
import type { WriteJob, Writer } from './writer.ts';

export interface TurnsParts {
  clock: Clock;
  disk: Disk;
  fsync: JournalOptions['fsync'];
  segments: Segments;
  writer: Writer;
  releases: Releases;
  condition: Condition;
}

type TurnCounts = Pick<
  JournalStats,
  'frames' | 'bytes' | 'writesNow' | 'writesAside' | 'slowWrites' | 'framesLost' | 'bytesLost'
>;

/** A turn's frames are written on the main thread up to this size: fresh pages take 2.4 us per KiB. */
const WRITE_NOW_BYTES = 128 * 1024;

/**
 * A write on the main thread that takes this long sends the next ones aside, for a second; and again for as long as one
 * of that size takes as much there, so that a slow disk holds up the main thread once.
 */
const SLOW_WRITE_MS = 50;
const WRITE_ASIDE_MS = 1000;

/**
 * Brings frames to the file: gives each its place, writes those of one turn of the event loop together at its end, large
 * bodies aside, and lets go what waited for them. What cannot be written is lost, and counted.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #disk: Disk;
  readonly #fsync: JournalOptions['fsync'];
  readonly #segments: Segments;
  readonly #writer: Writer;
  readonly #releases: Releases;
  readonly #condition: Condition;
  readonly #batch = new Batch();
  /** What the batch holds; undefined while it is empty. */
  #turn: Turn | undefined;
  #scheduled = false;
  #lastJob = 0;
  #asideUntilMs = 0;
  readonly #counts: TurnCounts = {
    frames: 0,
    bytes: 0,
    writesNow: 0,
    writesAside: 0,
    slowWrites: 0,
    framesLost: 0,
    bytesLost: 0,
  };

  constructor({ clock, disk, fsync, segments, writer, releases, condition }: TurnsParts) {
    this.#clock = clock;
    this.#disk = disk;
    this.#fsync = fsync;
    this.#segments = segments;
    this.#writer = writer;
    this.#releases = releases;
    this.#condition = condition;
  }

  /** Number of the newest write off the main thread. */
  get lastJob(): number {
    return this.#lastJob;
  }

  get counts(): Readonly<TurnCounts> {
    return this.#counts;
  }

  /** Adds a frame of an exchange to the turn's. */
  add(tracked: Tracked, code: number, payload: Uint8Array, opens: boolean): void {
    const placed = this.#place(tracked.idBytes, code, tracked.sequence++, payload);
    const bytes = FRAME_HEADER_BYTES + payload.length;
    if (placed === undefined) {
      this.#lose([tracked], [], 1, bytes);
      return;
    }
    const { turn, position } = placed;
    tracked.places.add(turn.segment.number, position, bytes);
    if (tracked.turn !== turn) {
      tracked.turn = turn;
      turn.exchanges.push(tracked);
    }
    if (opens) {
      tracked.segment = this.#segments.opened(tracked.idBytes);
      turn.opened.push(tracked);
    }
  }

  /** Among the frames of the turn, and none of the exchange's own: who reads those neither waits for it nor misses it. */
  addNote(idBytes: Buffer, code: number, payload: Uint8Array): void {
    if (this.#place(idBytes, code, 0, payload) !== undefined) return;
    this.#lose([], [], 1, FRAME_HEADER_BYTES + payload.length);
  }

  /** Adds a large body, which is written off the main thread. */
  addAside(tracked: Tracked, code: number, payload: Uint8Array): void {
    this.commit(); // what stands before it in the file
    const frames = pieceCount(payload.length);
    const bytes = framedBytes(payload.length);
    const sequence = tracked.sequence;
    tracked.sequence += frames;
    const segment = this.#segments.current;
    if (segment === undefined) {
      this.#lose([tracked], [], frames, bytes);
      return;
    }
    const position = segment.reserve(bytes);
    tracked.places.add(segment.number, position, bytes);
    const pieces = framesOf(segment.marker, code, tracked.idBytes, sequence, payload);
    this.#writeAside({ segment, position, exchanges: [tracked], opened: [] }, pieces, frames, bytes);
    this.schedule();
  }

  /** Ends the turn once the event loop's is over. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // After all sockets that were ready have been read: one write for all of them.
    setImmediate(() => {
      this.end();
    });
  }

  /** Writes what the turn holds, changes over to the next file where it is time, and looks at the turn's releases. */
  end(): void {
    this.#scheduled = false;
    this.commit();
    this.#segments.rotate();
    this.#releases.endTurn(this.#lastJob);
  }

  /** Writes the frames gathered so far, here and now where that is quick. */
  commit(): void {
    const turn = this.#turn;
    if (turn === undefined) return;
    this.#turn = undefined;
    const { bytes, frames } = this.#batch;
    const buffers = this.#batch.take();
    if (turn.segment.failure !== undefined) {
      this.#batch.clear(true);
      this.#lose(turn.exchanges, turn.opened, frames, bytes);
      return;
    }
    const startMs = this.#clock.nowMs();
    if (bytes > WRITE_NOW_BYTES || !this.#condition.isWell || startMs < this.#asideUntilMs) {
      this.#batch.clear(false);
      this.#writeAside(turn, [buffers], frames, bytes);
      return;
    }
    try {
      writeAllNow(this.#disk, turn.segment.file, buffers, turn.position);
    } catch (error) {
      this.#batch.clear(true);
      this.#lose(turn.exchanges, turn.opened, frames, bytes);
      this.#condition.failed(turn.segment, error);
      return;
    }
    this.#batch.clear(true);
    this.#counts.writesNow += 1;
    if (this.#fsync === 'always') this.#writeAside(turn, [], frames, bytes);
    else this.#countWritten(frames, bytes);
    const endMs = this.#clock.nowMs();
    if (endMs - startMs < SLOW_WRITE_MS) return;
    this.#counts.slowWrites += 1;
    this.#asideUntilMs = endMs + WRITE_ASIDE_MS;
  }

  /** Adds a frame to the turn's; undefined while there is no file to write to. */
  #place(
    idBytes: Buffer,
    code: number,
    sequence: number,
    payload: Uint8Array,
  ): { turn: Turn; position: number } | undefined {
    const segment = this.#segments.current;
    if (segment === undefined) return undefined;
    // After a failure in mid-turn the rest of the turn goes to another file.
    if (this.#turn !== undefined && this.#turn.segment !== segment) this.commit();
    const position = segment.reserve(FRAME_HEADER_BYTES + payload.length);
    const turn = (this.#turn ??= { segment, position, exchanges: [], opened: [] });
    this.#batch.add(segment.marker, code, idBytes, sequence, payload);
    this.schedule();
    return { turn, position };
  }

  #writeAside(turn: Turn, pieces: Iterable<Uint8Array[]>, frames: number, bytes: number): void {
    const { segment, position, exchanges } = turn;
    const job: WriteJob = {
      number: ++this.#lastJob,
      segment,
      position,
      bytes,
      pieces,
      done: (failure) => {
        this.#jobDone(job, turn, frames, failure);
        const nowMs = this.#clock.nowMs();
        // With a sync in it, the time tells nothing of the write.
        const small = bytes <= WRITE_NOW_BYTES && this.#fsync !== 'always';
        if (small && nowMs - sinceMs >= SLOW_WRITE_MS) this.#asideUntilMs = nowMs + WRITE_ASIDE_MS;
      },
    };
    const sinceMs = this.#clock.nowMs();
    for (const tracked of exchanges) tracked.jobs.push(job);
    this.#counts.writesAside += 1;
    this.#writer.offer(job);
    this.#condition.watch();
  }

  #jobDone(job: WriteJob, turn: Turn, frames: number, failure: Error | undefined): void {
    if (failure === undefined) this.#countWritten(frames, job.bytes);
    else this.#lose(turn.exchanges, turn.opened, frames, job.bytes);
    for (const tracked of turn.exchanges) tracked.jobDone(job);
    if (failure !== undefined) this.#condition.failed(turn.segment, failure);
    for (const tracked of turn.exchanges) this.#releases.advance(tracked);
    this.#segments.finish(turn.segment);
    if (this.#writer.pendingJobs === 0) this.#condition.caughtUp();
  }

  #countWritten(frames: number, bytes: number): void {
    this.#counts.frames += frames;
    this.#counts.bytes += bytes;
  }

  #lose(exchanges: readonly Tracked[], opened: readonly Tracked[], frames: number, bytes: number): void {
    this.#counts.framesLost += frames;
    this.#counts.bytesLost += bytes;
    for (const tracked of exchanges) tracked.missing += 1;
    for (const tracked of opened) {
      // Whoever was told the segment puts it into a record, so it must go on counting this exchange.
      if (tracked.segmentTold) continue;
      this.#segments.unopened(tracked.segment, tracked.idBytes);
      this.#segments.forgot(tracked.segment);
      tracked.segment = 0;
    }
  }
}
