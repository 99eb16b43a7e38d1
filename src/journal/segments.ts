import { chmod, mkdir, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UuidList } from '../lib/uuid-list.ts';
import type { Disk } from './disk.ts';
import { OpenSegment } from './open-segment.ts';
import { FILE_HEAD_BYTES, segmentName, segmentNumber } from './segment.ts';

export interface SegmentsOptions {
  folder: string;
  gatewayId: string;
  disk: Disk;
  segmentBytes: number;
  fsync: 'none' | 'interval' | 'always';
  /** All writes of a segment are done and its file is closed. */
  onSealed: (segment: number, opened: number) => void;
  /** The next file is ready: between two turns, `rotate` may be called. */
  onSpare: () => void;
}

interface Entry {
  bytes: number;
  /** Exchanges whose `opened` frame is here. Undefined for a segment of an earlier process, until a replay has read it. */
  opened: UuidList | undefined;
  sealed: boolean;
  settled: boolean;
  removing: boolean;
  /** Exchanges opened here that the journal still knows: their frames may be asked for. */
  held: number;
}

/** What a disk must take besides a file's head before it is trusted again after a failure. */
const PROBE_BYTES = 64 * 1024;

/** Pause before a file that could not be made is tried again. */
const RETRY_MS = 1000;

/** The files of the folder: which one is written, which are whole, which may go. */
export class Segments {
  readonly #options: SegmentsOptions;
  readonly #entries: Map<number, Entry>;
  /** Undefined while no file can be written. */
  current: OpenSegment | undefined;
  /** Made ahead, so that changing over waits for nothing, not even for a disk that stalls. */
  #spare: OpenSegment | undefined;
  #making: Promise<void> | undefined;
  #returning: Promise<void> | undefined;
  readonly #sealing = new Set<Promise<void>>();
  #retry: NodeJS.Timeout | undefined;
  #closed = false;
  #next: number;
  /** The first segment of this process. */
  readonly first: number;
  #wholeBytes = 0;
  sealedCount = 0;
  syncCount = 0;
  removedCount = 0;
  removeFailures = 0;
  /** Files that could not be made, synced or closed. */
  fileFailures = 0;

  private constructor(options: SegmentsOptions, entries: Map<number, Entry>) {
    this.#options = options;
    this.#entries = entries;
    for (const entry of entries.values()) this.#wholeBytes += entry.bytes;
    this.first = Math.max(0, ...entries.keys()) + 1;
    this.#next = this.first;
  }

  /** Takes stock of the folder and begins a new file: one of an earlier process is never written again. */
  static async open(options: SegmentsOptions): Promise<Segments> {
    const entries = new Map<number, Entry>();
    for (const name of await readdir(options.folder)) {
      const number = segmentNumber(name);
      if (number === undefined) continue;
      const { size } = await stat(join(options.folder, name));
      entries.set(number, {
        bytes: size,
        opened: undefined,
        sealed: true,
        settled: false,
        removing: false,
        held: 0,
      });
    }
    const segments = new Segments(options, new Map([...entries].sort(([a], [b]) => a - b)));
    segments.#begin(await segments.#make(0));
    return segments;
  }

  /** Segments of earlier processes that are still here. */
  get old(): number[] {
    return [...this.#entries.keys()].filter((number) => number < this.first);
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Bytes of all files, counting what is reserved as written. */
  get bytes(): number {
    return this.#wholeBytes + (this.current?.position ?? 0) + (this.#spare === undefined ? 0 : FILE_HEAD_BYTES);
  }

  openedIn(segment: number): number | undefined {
    return this.#entries.get(segment)?.opened?.count;
  }

  /** Ids of exchanges that were opened in a segment, in order, from one place to before another. */
  idsIn(segment: number, from: number, to: number): string[] {
    return this.#entries.get(segment)?.opened?.slice(from, to) ?? [];
  }

  pathOf(segment: number): string {
    return join(this.#options.folder, segmentName(segment));
  }

  /** An exchange was opened in the current segment. */
  opened(exchange: Uint8Array): number {
    if (this.current === undefined) return 0;
    const entry = this.#entries.get(this.current.number);
    if (entry === undefined) return 0;
    entry.held += 1;
    entry.opened?.add(exchange);
    return this.current.number;
  }

  /** Its `opened` frame was lost: the segment does not hold it after all. */
  unopened(segment: number, exchange: Uint8Array): void {
    this.#entries.get(segment)?.opened?.remove(exchange);
  }

  /** The journal no longer knows an exchange that was opened in this segment. */
  forgot(segment: number): void {
    const entry = this.#entries.get(segment);
    if (entry === undefined) return;
    entry.held -= 1;
    this.#removePrefix();
  }

  /** A replay has read a segment of an earlier process. */
  adopt(segment: number, opened: Iterable<string>): void {
    const entry = this.#entries.get(segment);
    if (entry !== undefined && segment < this.first) entry.opened = UuidList.of(opened);
  }

  /** All records of exchanges opened in this segment are safe elsewhere. */
  settled(segment: number): void {
    const entry = this.#entries.get(segment);
    if (entry === undefined) return;
    entry.settled = true;
    this.#removePrefix();
  }

  /** Keeps a damaged file for its owner to look at, out of the journal's way. */
  async setAside(segment: number): Promise<void> {
    const entry = this.#entries.get(segment);
    if (entry === undefined || segment >= this.first) return;
    await rename(this.pathOf(segment), `${this.pathOf(segment)}.bad`);
    this.#entries.delete(segment);
    this.#wholeBytes -= entry.bytes;
    this.#removePrefix();
  }

  /** Changes over when the current file is large enough and the next is ready. */
  rotate(): void {
    if (this.current === undefined || this.#spare === undefined) return;
    if (this.current.position < this.#options.segmentBytes) return;
    const full = this.current;
    const spare = this.#spare;
    this.#spare = undefined;
    this.#begin(spare);
    this.#wholeBytes += full.position;
    this.finish(full);
  }

  /** Stops writing to the current file after a failure. `onBack` is called when another one takes its place. */
  abandon(segment: OpenSegment, failure: Error, onBack: () => void): void {
    segment.failure ??= failure;
    if (segment !== this.current) return;
    this.current = undefined;
    this.#wholeBytes += segment.position;
    this.finish(segment);
    this.#returning = this.#comeBack(onBack);
  }

  /** Seals a segment that is no longer current once its last write is done. */
  finish(segment: OpenSegment): void {
    if (segment === this.current || segment.jobs > 0 || segment.finished) return;
    segment.finished = true;
    const sealing = this.#seal(segment).finally(() => this.#sealing.delete(sealing));
    this.#sealing.add(sealing);
  }

  /** Waits for the files, and closes them. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await Promise.all([this.#making, this.#returning, ...this.#sealing]);
    const { current } = this;
    const spare = this.#spare;
    this.current = undefined;
    this.#spare = undefined;
    if (current !== undefined) {
      if (this.#options.fsync !== 'none') await current.durable();
      await current.file.close();
    }
    if (spare !== undefined) {
      await spare.file.close();
      await this.#options.disk.remove(spare.path);
    }
  }

  async #make(probeBytes: number): Promise<OpenSegment> {
    const { disk, folder, gatewayId, fsync } = this.#options;
    const number = this.#next++;
    const made = await OpenSegment.create(
      disk,
      this.pathOf(number),
      { gateway: gatewayId, segment: number },
      probeBytes,
    );
    made.onSync = () => {
      this.syncCount += 1;
    };
    if (fsync !== 'none') await disk.syncFolder(folder);
    return made;
  }

  #begin(segment: OpenSegment): void {
    this.current = segment;
    this.#entries.set(segment.number, {
      bytes: 0,
      opened: new UuidList(),
      sealed: false,
      settled: false,
      removing: false,
      held: 0,
    });
    this.#makeSpare();
  }

  #makeSpare(): void {
    if (this.#closed || this.#making !== undefined) return;
    this.#making = this.#make(0)
      .then((made) => {
        this.#spare = made;
        this.#options.onSpare();
      })
      .catch(() => {
        this.fileFailures += 1;
        this.#again(() => {
          this.#makeSpare();
        });
      })
      .finally(() => {
        this.#making = undefined;
      });
  }

  async #comeBack(onBack: () => void): Promise<void> {
    await this.#making;
    const spare = this.#spare;
    this.#spare = undefined;
    if (this.#closed) return;
    try {
      if (spare !== undefined) {
        // It was made before the disk failed: it proves nothing, and a smaller number than the next must not live on.
        await spare.file.close();
        await this.#options.disk.remove(spare.path);
      }
      const made = await this.#make(PROBE_BYTES);
      if (this.#isClosed()) {
        await made.file.close();
        return;
      }
      this.#begin(made);
      onBack();
    } catch {
      this.fileFailures += 1;
      this.#again(() => {
        this.#returning = this.#comeBack(onBack);
      });
    }
  }

  #isClosed(): boolean {
    return this.#closed;
  }

  #again(what: () => void): void {
    if (this.#closed) return;
    this.#retry = setTimeout(what, RETRY_MS);
    this.#retry.unref();
  }

  async #seal(segment: OpenSegment): Promise<void> {
    const entry = this.#entries.get(segment.number);
    try {
      if (this.#options.fsync !== 'none' && segment.failure === undefined) await segment.durable();
      await segment.file.close();
    } catch {
      this.fileFailures += 1;
    }
    if (entry === undefined || entry.sealed) return;
    entry.sealed = true;
    entry.bytes = segment.position;
    this.sealedCount += 1;
    this.#options.onSealed(segment.number, entry.opened?.count ?? 0);
    this.#removePrefix();
  }

  /**
   * Files go from the lowest number on and without a hole: an exchange that began in one may end in the next. The last
   * one stays whatever happens, so that numbers never begin again.
   */
  #removePrefix(): void {
    const last = [...this.#entries.keys()].at(-1);
    for (const [number, entry] of this.#entries) {
      if (!entry.sealed || !entry.settled || entry.held > 0 || number === last) return;
      if (entry.removing) continue;
      entry.removing = true;
      this.#options.disk.remove(this.pathOf(number)).then(
        () => {
          this.#entries.delete(number);
          this.#wholeBytes -= entry.bytes;
          this.removedCount += 1;
        },
        () => {
          entry.removing = false; // tried again with the next segment that may go
          this.removeFailures += 1;
        },
      );
    }
  }
}

/** Makes the folder, for its owner only. */
export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
}
