import type { Fault } from '../contract/fault.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { Charged } from '../contract/quota.ts';
import type { Clock } from '../lib/clock.ts';
import { assert, failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { uuidBytes } from '../lib/uuid7.ts';
import { Batch, framedBytes, framesOf, pieceCount } from './batch.ts';
import { systemDisk, writeAllNow } from './disk.ts';
import type { Disk } from './disk.ts';
import { lockFolder, systemLockWorld } from './lock.ts';
import type { FolderLock } from './lock.ts';
import type { OpenSegment } from './open-segment.ts';
import { Places } from './places.ts';
import type { Extent } from './places.ts';
import { Releases } from './releases.ts';
import type { Release, Waiter } from './releases.ts';
import { FRAME_HEADER_BYTES, kindCode, PAYLOAD_LIMIT_BYTES } from './segment.ts';
import type { FrameKind, Payloads } from './segment.ts';
import { makeFolder, Segments } from './segments.ts';
import { Gathering, storedFrames } from './stored.ts';
import type { StoredExchange } from './stored.ts';
import { readExtents } from './scan.ts';
import { Writer } from './writer.ts';
import type { WriteJob } from './writer.ts';

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

/** A body of this size is written off the main thread: less costs less than the way there and back. */
const LARGE_BODY_BYTES = 64 * 1024;

/** A turn's frames are written on the main thread up to this size: fresh pages take 2.4 us per KiB. */
const WRITE_NOW_BYTES = 128 * 1024;

/**
 * A write on the main thread that takes this long sends the next ones aside, for a second; and again for as long as one
 * of that size takes as much there, so that a slow disk holds up the main thread once.
 */
const SLOW_WRITE_MS = 50;
const WRITE_ASIDE_MS = 1000;

/** A full journal must be able to let go of a file, so one file is never most of it. */
const LEAST_SEGMENTS = 8;

const STALL_CHECK_MS = 100;
const SYNC_INTERVAL_MS = 1000;

/** The part of `maxBytes` up to which everything is taken; what lies above is for exchanges that have begun. */
const FULL_FROM = 0.9;

interface Tracked extends Waiter {
  idBytes: Buffer;
  sequence: number;
  places: Places;
  /** Where the `opened` frame is; 0 when it is in no segment. */
  segment: number;
  /** Somebody was told the segment: it must go on counting this exchange. */
  segmentTold: boolean;
  /** The last turn that has a frame of this exchange. */
  turn: Turn | undefined;
  closed: boolean;
  /** Kept here too: what was charged must not be charged again because the disk failed. */
  charged: Charged | undefined;
  /** Readers that wait for what is under way. */
  readers: { afterJob: number; resolve: () => void }[];
}

/** Frames that stand together in the file, and whose they are. */
interface Turn {
  segment: OpenSegment;
  position: number;
  exchanges: Tracked[];
  /** Those among them whose `opened` frame this is. */
  opened: Tracked[];
}

/**
 * The log on disk that every exchange passes before its bytes reach a client. One writer per folder; lives on the main
 * thread. Frames that are appended within one turn of the event loop are written together at its end, large bodies aside.
 *
 * An exchange begins with an `opened` frame and ends with a `closed` one, after which it may be `charged`; it can be read back
 * until `forget`.
 */
export class Journal {
  #options: JournalOptions;
  readonly #disk: Disk;
  readonly #lock: FolderLock;
  readonly #segments: Segments;
  readonly #writer: Writer;
  readonly #releases: Releases;
  readonly #exchanges = new Map<ExchangeId, Tracked>();
  readonly #batch = new Batch();
  /** What the batch holds; undefined while it is empty. */
  #turn: Turn | undefined;
  #turnScheduled = false;
  #lastJob = 0;
  #asideUntilMs = 0;
  #condition: 'well' | 'stalled' | 'failed' = 'well';
  #why = '';
  #stallWatch: NodeJS.Timeout | undefined;
  readonly #syncTimer: NodeJS.Timeout | undefined;
  #closing = false;
  readonly #counts = {
    frames: 0,
    bytes: 0,
    writesNow: 0,
    writesAside: 0,
    slowWrites: 0,
    stalls: 0,
    failures: 0,
    framesLost: 0,
    bytesLost: 0,
    bodyFramesDropped: 0,
    bodyBytesDropped: 0,
    refused: 0,
  };

  private constructor(options: JournalOptions, disk: Disk, lock: FolderLock, segments: Segments) {
    this.#options = options;
    this.#disk = disk;
    this.#lock = lock;
    this.#segments = segments;
    this.#writer = new Writer(disk, options.clock, options.fsync === 'always');
    this.#releases = new Releases(options.mode === 'strict');
    if (options.fsync === 'interval') {
      this.#syncTimer = setInterval(() => {
        this.#syncNow();
      }, SYNC_INTERVAL_MS);
      this.#syncTimer.unref();
    }
  }

  /** Takes the folder, or throws when it is in use or cannot be written. */
  static async open(options: JournalOptions): Promise<Journal> {
    const disk = options.disk ?? systemDisk;
    await makeFolder(options.folder);
    const lock = options.lock ?? (await lockFolder(options.folder, await systemLockWorld()));
    try {
      // The first spare file may be ready before the journal is; it is then taken at the end of a turn.
      const made: { journal?: Journal } = {};
      const segments = await Segments.open({
        ...options,
        disk,
        segmentBytes: Math.min(options.segmentBytes, Math.ceil(options.maxBytes / LEAST_SEGMENTS)),
        onSealed: options.onSegmentSealed,
        // A journal that is full has no turns in which it could change over, and would stay full.
        onSpare: () => {
          if (made.journal !== undefined) made.journal.#scheduleTurn();
        },
      });
      made.journal = new Journal(options, disk, lock, segments);
      return made.journal;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  get state(): JournalState {
    if (this.#condition === 'failed') return 'failed';
    return this.#condition === 'stalled' ? 'behind' : this.#options.mode;
  }

  /** Whether one more exchange may begin. */
  admit(): Result<void, Fault> {
    const fault = this.#refusal();
    if (fault === undefined) return ok(undefined);
    this.#counts.refused += 1;
    return failed(fault);
  }

  #refusal(): Fault | undefined {
    const { whenFull, maxBytes, bufferBytes } = this.#options;
    if (this.#closing) return { code: 'draining' };
    if (this.#condition === 'failed' && whenFull === 'refuse') return { code: 'journal_failed', why: this.#why };
    const fullAt = whenFull === 'refuse' ? maxBytes * FULL_FROM : maxBytes;
    if (this.#segments.bytes >= fullAt) return { code: 'journal_full', limitBytes: maxBytes };
    const mayDrop = whenFull === 'drop_bodies' && this.state !== 'strict';
    if (this.#writer.pendingBytes > bufferBytes && !mayDrop) {
      return { code: 'overloaded', what: 'journal', limit: bufferBytes };
    }
    return undefined;
  }

  /**
   * Adds a frame, to be written at the end of this turn of the event loop. `opened` comes first, once; nothing follows
   * `closed` but what the exchange is charged, once. Bytes above 4 KiB are kept until they are written: they must not
   * change. (A socket's chunk never does.)
   */
  append<K extends FrameKind>(exchange: ExchangeId, kind: K, payload: Payloads[K]): void;
  append(exchange: ExchangeId, ...frame: { [K in FrameKind]: [kind: K, payload: Payloads[K]] }[FrameKind]): void {
    const [kind, payload] = frame;
    const tracked = kind === 'opened' ? this.#track(exchange) : this.#known(exchange);
    if (kind === 'charged') {
      assert(tracked.closed, 'an exchange is charged after its end');
      assert(tracked.charged === undefined, 'an exchange is charged once');
      tracked.charged = payload;
      this.#noteCharged(tracked.idBytes, payload);
      return;
    }
    assert(!tracked.closed, 'nothing follows the closed frame of an exchange but what it is charged');
    if (kind === 'closed') tracked.closed = true;
    const isBody = kind === 'request' || kind === 'response';
    const bytes = payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload));
    if (isBody && bytes.length === 0) return;
    assert(isBody || bytes.length <= PAYLOAD_LIMIT_BYTES, 'what is noted of an exchange fits into one frame');
    if (isBody && this.#mustDrop()) {
      this.#drop(tracked, bytes.length);
      return;
    }
    if (isBody && bytes.length >= LARGE_BODY_BYTES) this.#appendAside(tracked, kindCode(kind), bytes);
    else this.#appendToTurn(tracked, kindCode(kind), bytes, kind === 'opened');
  }

  /**
   * What an exchange of an earlier process is charged by this one. Its own frames stand in files that nobody writes any
   * more: a replay of this folder brings both together, and of another one tells it as a stray.
   */
  chargeEarlier(exchange: ExchangeId, charged: Charged): void {
    assert(!this.#exchanges.has(exchange), 'an exchange of this process is charged among its own frames');
    this.#noteCharged(uuidBytes(exchange), charged);
  }

  /**
   * Runs `release` once all that this exchange has appended so far is written; in order per exchange. In `behind` mode
   * that is at once. It learns which: `unwritten` also says that frames of this exchange were lost or dropped.
   */
  barrier(exchange: ExchangeId, release: Release): void {
    if (this.#releases.add(this.#known(exchange), release)) this.#scheduleTurn();
  }

  /** The segment that holds the exchange's `opened` frame, for its record; 0 when it is in none. */
  segmentOf(exchange: ExchangeId): number {
    const tracked = this.#known(exchange);
    tracked.segmentTold = true;
    return tracked.segment;
  }

  /**
   * Reads an exchange of this process back, as far as it has come. Undefined when it is not known (any more) or its
   * `opened` frame was lost.
   */
  async readExchange(exchange: ExchangeId): Promise<StoredExchange | undefined> {
    const tracked = this.#exchanges.get(exchange);
    if (tracked === undefined) return undefined;
    this.#commit();
    const { segment, sequence } = tracked;
    const extents = await this.#written(tracked);
    const pathOf = (number: number): string => this.#segments.pathOf(number);
    const gathering = new Gathering();
    for await (const frames of readExtents(pathOf, extents, new Set([exchange]))) {
      for (const { kind, sequence, payload } of frames) gathering.add(kind, sequence, payload);
    }
    gathering.missed(sequence - 1);
    const { opened, closed, missingFrames } = gathering;
    if (opened === undefined) return undefined;
    const { gatewayId: gateway } = this.#options;
    const frames = () => storedFrames(pathOf, extents, exchange);
    return { opened, gateway, segment, closed, charged: tracked.charged, missingFrames, extents, frames };
  }

  /**
   * Where the frames of an exchange stand, once they are written: for whoever reads them from the files, which stay until
   * the segment of its `opened` frame is settled, also after `forget`. To be asked in a later turn than the last `append`:
   * asking does not hurry the turn's write, as it would once for every exchange.
   */
  async extentsOf(exchange: ExchangeId): Promise<readonly Extent[] | undefined> {
    const tracked = this.#exchanges.get(exchange);
    return tracked === undefined ? undefined : this.#written(tracked);
  }

  /** Resolves when all that is under way of an exchange is on disk; with where it stands. */
  async #written(tracked: Tracked): Promise<Extent[]> {
    const extents = tracked.places.extents();
    if (tracked.jobs.length > 0) {
      await new Promise<void>((resolve) => tracked.readers.push({ afterJob: this.#lastJob, resolve }));
    }
    return extents;
  }

  /** The exchange's record was handed on: it is not read back any more. */
  forget(exchange: ExchangeId): void {
    const tracked = this.#exchanges.get(exchange);
    if (tracked === undefined) return;
    this.#exchanges.delete(exchange);
    this.#segments.forgot(tracked.segment);
  }

  /** The first segment of this process: a replay reads those before it. */
  get firstSegment(): number {
    return this.#segments.first;
  }

  /** Segments of earlier processes that are still in the folder. */
  get oldSegments(): number[] {
    return this.#segments.old;
  }

  /** How many exchanges have their `opened` frame in a segment; undefined when it is gone or not yet counted. */
  openedIn(segment: number): number | undefined {
    return this.#segments.openedIn(segment);
  }

  /** Those that they are, in the order in which they were opened: from one place to before another. */
  idsIn(segment: number, from: number, to: number): ExchangeId[] {
    return this.#segments.idsIn(segment, from, to).map((id) => id as ExchangeId);
  }

  /** The segment that takes frames now; undefined while none can be written. */
  get currentSegment(): number | undefined {
    return this.#segments.current?.number;
  }

  /** Whether an exchange of this process is still held: its record was not yet handed on. */
  holds(exchange: ExchangeId): boolean {
    return this.#exchanges.has(exchange);
  }

  /** Its `opened` frame turns out not to be in the segment's file: nothing can be made of it, and nobody waits for it. */
  leaveOut(segment: number, exchange: ExchangeId): void {
    this.#segments.unopened(segment, uuidBytes(exchange));
  }

  /** A replay has read a segment of an earlier process. */
  adoptSegment(segment: number, opened: Iterable<ExchangeId>): void {
    this.#segments.adopt(segment, opened);
  }

  /** All records of exchanges that were opened in this segment are safe elsewhere: it goes when those before it go. */
  segmentSettled(segment: number): void {
    this.#segments.settled(segment);
  }

  /** Renames a damaged segment of an earlier process to `….bad`, so that it is kept and in nobody's way. */
  setSegmentAside(segment: number): Promise<void> {
    return this.#segments.setAside(segment);
  }

  /** Takes new settings; the others need a new process. */
  reconfigure(slice: Pick<JournalOptions, 'mode' | 'maxBytes' | 'whenFull'>): void {
    this.#changeState('configured', () => {
      this.#options = { ...this.#options, ...slice };
    });
  }

  stats(): JournalStats {
    return {
      state: this.state,
      exchanges: this.#exchanges.size,
      segments: this.#segments.count,
      bytesOnDisk: this.#segments.bytes,
      pendingBytes: this.#writer.pendingBytes,
      pendingJobs: this.#writer.pendingJobs,
      oldestPendingMs: this.#writer.oldestMs,
      releasesHeld: this.#releases.heldBack,
      ...this.#counts,
      syncs: this.#segments.syncCount,
      segmentsSealed: this.#segments.sealedCount,
      segmentsRemoved: this.#segments.removedCount,
      removeFailures: this.#segments.removeFailures,
      fileFailures: this.#segments.fileFailures,
    };
  }

  /**
   * Writes what is left, and gives the folder back. False when the disk did not finish in time: then the folder stays
   * locked, and the process should end.
   */
  async close(withinMs: number): Promise<boolean> {
    this.#closing = true;
    this.#endTurn();
    clearInterval(this.#syncTimer);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, withinMs, false);
    });
    const done = this.#writer.idle().then(async () => {
      await this.#segments.close();
      await this.#lock.release();
      return true;
    });
    const finished = await Promise.race([done, late]);
    clearTimeout(timer);
    clearInterval(this.#stallWatch);
    return finished;
  }

  #track(id: ExchangeId): Tracked {
    assert(!this.#exchanges.has(id), 'an exchange is opened once');
    const tracked: Tracked = {
      idBytes: uuidBytes(id),
      sequence: 0,
      places: new Places(),
      segment: 0,
      segmentTold: false,
      turn: undefined,
      closed: false,
      charged: undefined,
      readers: [],
      jobs: [],
      held: [],
      queued: 0,
      missing: 0,
    };
    this.#exchanges.set(id, tracked);
    return tracked;
  }

  #known(id: ExchangeId): Tracked {
    const tracked = this.#exchanges.get(id);
    if (tracked === undefined) throw new Error(`the journal does not know the exchange ${id}`);
    return tracked;
  }

  #mustDrop(): boolean {
    const { whenFull, maxBytes, bufferBytes } = this.#options;
    if (this.#segments.bytes >= (whenFull === 'drop_bodies' ? maxBytes * FULL_FROM : maxBytes)) return true;
    return this.state !== 'strict' && this.#writer.pendingBytes > bufferBytes;
  }

  #drop(tracked: Tracked, bytes: number): void {
    tracked.sequence += 1; // the hole in the numbers tells a reader
    tracked.missing += 1;
    this.#counts.bodyFramesDropped += 1;
    this.#counts.bodyBytesDropped += bytes;
  }

  #appendToTurn(tracked: Tracked, code: number, payload: Uint8Array, opens: boolean): void {
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
  #noteCharged(idBytes: Buffer, charged: Charged): void {
    const payload = Buffer.from(JSON.stringify(charged));
    assert(payload.length <= PAYLOAD_LIMIT_BYTES, 'what is noted of an exchange fits into one frame');
    if (this.#place(idBytes, kindCode('charged'), 0, payload) !== undefined) return;
    this.#lose([], [], 1, FRAME_HEADER_BYTES + payload.length);
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
    if (this.#turn !== undefined && this.#turn.segment !== segment) this.#commit();
    const position = segment.reserve(FRAME_HEADER_BYTES + payload.length);
    const turn = (this.#turn ??= { segment, position, exchanges: [], opened: [] });
    this.#batch.add(segment.marker, code, idBytes, sequence, payload);
    this.#scheduleTurn();
    return { turn, position };
  }

  #appendAside(tracked: Tracked, code: number, payload: Uint8Array): void {
    this.#commit(); // what stands before it in the file
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
    this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    // After all sockets that were ready have been read: one write for all of them.
    setImmediate(() => {
      this.#endTurn();
    });
  }

  #endTurn(): void {
    this.#turnScheduled = false;
    this.#commit();
    this.#segments.rotate();
    this.#releases.endTurn(this.#lastJob);
  }

  /** Writes the frames gathered so far, here and now where that is quick. */
  #commit(): void {
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
    const startMs = this.#options.clock.nowMs();
    if (bytes > WRITE_NOW_BYTES || this.#condition !== 'well' || startMs < this.#asideUntilMs) {
      this.#batch.clear(false);
      this.#writeAside(turn, [buffers], frames, bytes);
      return;
    }
    try {
      writeAllNow(this.#disk, turn.segment.file, buffers, turn.position);
    } catch (error) {
      this.#batch.clear(true);
      this.#lose(turn.exchanges, turn.opened, frames, bytes);
      this.#fail(turn.segment, error);
      return;
    }
    this.#batch.clear(true);
    this.#counts.writesNow += 1;
    if (this.#options.fsync === 'always') this.#writeAside(turn, [], frames, bytes);
    else this.#countWritten(frames, bytes);
    const endMs = this.#options.clock.nowMs();
    if (endMs - startMs < SLOW_WRITE_MS) return;
    this.#counts.slowWrites += 1;
    this.#asideUntilMs = endMs + WRITE_ASIDE_MS;
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
        const nowMs = this.#options.clock.nowMs();
        // With a sync in it, the time tells nothing of the write.
        const small = bytes <= WRITE_NOW_BYTES && this.#options.fsync !== 'always';
        if (small && nowMs - sinceMs >= SLOW_WRITE_MS) this.#asideUntilMs = nowMs + WRITE_ASIDE_MS;
      },
    };
    const sinceMs = this.#options.clock.nowMs();
    for (const tracked of exchanges) tracked.jobs.push(job);
    this.#counts.writesAside += 1;
    this.#writer.offer(job);
    this.#stallWatch ??= setInterval(() => {
      this.#watchStall();
    }, STALL_CHECK_MS);
  }

  #jobDone(job: WriteJob, turn: Turn, frames: number, failure: Error | undefined): void {
    if (failure === undefined) this.#countWritten(frames, job.bytes);
    else this.#lose(turn.exchanges, turn.opened, frames, job.bytes);
    for (const tracked of turn.exchanges) {
      tracked.jobs.splice(tracked.jobs.indexOf(job), 1);
      tracked.readers = tracked.readers.filter(({ afterJob, resolve }) => {
        const waits = tracked.jobs.some(({ number }) => number <= afterJob);
        if (!waits) resolve();
        return waits;
      });
    }
    if (failure !== undefined) this.#fail(turn.segment, failure);
    for (const tracked of turn.exchanges) this.#releases.advance(tracked);
    this.#segments.finish(turn.segment);
    if (this.#writer.pendingJobs === 0) this.#caughtUp();
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

  #fail(segment: OpenSegment, error: unknown): void {
    this.#counts.failures += 1;
    const wasCurrent = segment === this.#segments.current;
    const failure = error instanceof Error ? error : new Error(String(error));
    this.#segments.abandon(segment, failure, () => {
      this.#setCondition('well', 'the disk takes writes again');
    });
    if (wasCurrent) this.#setCondition('failed', systemCode(failure));
  }

  #watchStall(): void {
    if (this.#condition !== 'well' || this.#writer.oldestMs < this.#options.stallAfterMs) return;
    this.#counts.stalls += 1;
    this.#setCondition('stalled', `a write takes more than ${this.#options.stallAfterMs} ms`);
  }

  #caughtUp(): void {
    clearInterval(this.#stallWatch);
    this.#stallWatch = undefined;
    if (this.#condition === 'stalled') this.#setCondition('well', 'the disk has caught up');
  }

  #setCondition(condition: 'well' | 'stalled' | 'failed', why: string): void {
    this.#changeState(why, () => {
      this.#condition = condition;
      this.#why = why;
    });
  }

  #changeState(why: string, change: () => void): void {
    const before = this.state;
    change();
    const after = this.state;
    if (before === after) return;
    this.#options.onState(after, why);
    this.#releases.setStrict(after === 'strict');
  }

  #syncNow(): void {
    const segment = this.#segments.current;
    if (segment === undefined || !segment.unsynced || segment.syncing) return;
    segment.durable().catch((error: unknown) => {
      this.#fail(segment, error);
    });
  }
}

/** Such as `ENOSPC`: a client may read it, a path it may not. */
function systemCode(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
