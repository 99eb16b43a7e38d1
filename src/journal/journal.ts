import type { Fault } from '../contract/fault.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { Charged } from '../contract/quota.ts';
import { assert, failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { uuidBytes } from '../lib/uuid7.ts';
import { Bounds } from './bounds.ts';
import { Condition } from './condition.ts';
import { systemDisk } from './disk.ts';
import type { Disk } from './disk.ts';
import { lockFolder, systemLockWorld } from './lock.ts';
import type { FolderLock } from './lock.ts';
import type { JournalOptions, JournalState, JournalStats } from './options.ts';
import type { Extent } from './places.ts';
import { Releases } from './releases.ts';
import type { Release } from './releases.ts';
import { kindCode, PAYLOAD_LIMIT_BYTES } from './segment.ts';
import type { FrameKind, Payloads } from './segment.ts';
import { makeFolder, Segments } from './segments.ts';
import { gather, storedFrames } from './stored.ts';
import type { StoredExchange } from './stored.ts';
import { Tracked } from './tracked.ts';
import { Turns } from './turns.ts';
import { Writer } from './writer.ts';

/** A body of this size is written off the main thread: less costs less than the way there and back. */
const LARGE_BODY_BYTES = 64 * 1024;

/** A full journal must be able to let go of a file, so one file is never most of it. */
const LEAST_SEGMENTS = 8;

const SYNC_INTERVAL_MS = 1000;

/**
 * The log on disk that every exchange passes before its bytes reach a client. One writer per folder; lives on the main
 * thread. Frames that are appended within one turn of the event loop are written together at its end, large bodies aside.
 *
 * An exchange begins with an `opened` frame and ends with a `closed` one, after which it may be `charged`; it can be read back
 * until `forget`.
 */
export class Journal {
  readonly #gatewayId: string;
  readonly #lock: FolderLock;
  readonly #segments: Segments;
  readonly #writer: Writer;
  readonly #releases: Releases;
  readonly #condition: Condition;
  readonly #bounds: Bounds;
  readonly #turns: Turns;
  readonly #exchanges = new Map<ExchangeId, Tracked>();
  readonly #syncTimer: NodeJS.Timeout | undefined;
  #closing = false;
  readonly #counts = { bodyFramesDropped: 0, bodyBytesDropped: 0, refused: 0 };

  private constructor(options: JournalOptions, disk: Disk, lock: FolderLock, segments: Segments) {
    const { gatewayId, clock, fsync, mode, stallAfterMs } = options;
    this.#gatewayId = gatewayId;
    this.#lock = lock;
    this.#segments = segments;
    const writer = new Writer(disk, clock, fsync === 'always');
    const releases = new Releases(mode === 'strict');
    const onState = (state: JournalState, why: string): void => {
      options.onState(state, why);
      releases.setStrict(state === 'strict');
    };
    const condition = new Condition({ mode, stallAfterMs, segments, writer, onState });
    this.#writer = writer;
    this.#releases = releases;
    this.#condition = condition;
    this.#bounds = new Bounds(options, segments, writer, condition);
    this.#turns = new Turns({ clock, disk, fsync, segments, writer, releases, condition });
    if (fsync === 'interval') {
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
          if (made.journal !== undefined) made.journal.#turns.schedule();
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
    return this.#condition.state;
  }

  /** Whether one more exchange may begin. */
  admit(): Result<void, Fault> {
    const fault: Fault | undefined = this.#closing ? { code: 'draining' } : this.#bounds.refusal;
    if (fault === undefined) return ok(undefined);
    this.#counts.refused += 1;
    return failed(fault);
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
    if (isBody && this.#bounds.mustDrop) {
      this.#drop(tracked, bytes.length);
      return;
    }
    if (isBody && bytes.length >= LARGE_BODY_BYTES) this.#turns.addAside(tracked, kindCode(kind), bytes);
    else this.#turns.add(tracked, kindCode(kind), bytes, kind === 'opened');
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
    if (this.#releases.add(this.#known(exchange), release)) this.#turns.schedule();
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
    this.#turns.commit();
    const { segment, sequence } = tracked;
    const extents = await tracked.written(this.#turns.lastJob);
    const pathOf = (number: number): string => this.#segments.pathOf(number);
    const { opened, closed, missingFrames } = await gather(pathOf, extents, exchange, sequence - 1);
    if (opened === undefined) return undefined;
    const gateway = this.#gatewayId;
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
    return tracked === undefined ? undefined : tracked.written(this.#turns.lastJob);
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
    this.#bounds.reconfigure(slice);
    this.#condition.reconfigure(slice.mode);
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
      stalls: this.#condition.stalls,
      failures: this.#condition.failures,
      ...this.#turns.counts,
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
    this.#turns.end();
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
    this.#condition.unwatch();
    return finished;
  }

  #track(id: ExchangeId): Tracked {
    assert(!this.#exchanges.has(id), 'an exchange is opened once');
    const tracked = new Tracked(uuidBytes(id));
    this.#exchanges.set(id, tracked);
    return tracked;
  }

  #known(id: ExchangeId): Tracked {
    const tracked = this.#exchanges.get(id);
    if (tracked === undefined) throw new Error(`the journal does not know the exchange ${id}`);
    return tracked;
  }

  #drop(tracked: Tracked, bytes: number): void {
    tracked.sequence += 1; // the hole in the numbers tells a reader
    tracked.missing += 1;
    this.#counts.bodyFramesDropped += 1;
    this.#counts.bodyBytesDropped += bytes;
  }

  #noteCharged(idBytes: Buffer, charged: Charged): void {
    const payload = Buffer.from(JSON.stringify(charged));
    assert(payload.length <= PAYLOAD_LIMIT_BYTES, 'what is noted of an exchange fits into one frame');
    this.#turns.addNote(idBytes, kindCode('charged'), payload);
  }

  #syncNow(): void {
    const segment = this.#segments.current;
    if (segment === undefined || !segment.unsynced || segment.syncing) return;
    segment.durable().catch((error: unknown) => {
      this.#condition.failed(segment, error);
    });
  }
}
