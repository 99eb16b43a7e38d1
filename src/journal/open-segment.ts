import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { writeAll } from './disk.ts';
import type { Disk } from './disk.ts';
import { encodeSegmentHead, FILE_HEAD_BYTES } from './segment.ts';

/** A segment that is being written: its file, and how far it is taken. */
export class OpenSegment {
  readonly number: number;
  readonly path: string;
  readonly file: FileHandle;
  readonly marker: Buffer;
  readonly #disk: Disk;
  /** The next free byte. Places before it are taken, though perhaps not yet written. */
  position = FILE_HEAD_BYTES;
  /** Writes that are under way or waiting. */
  jobs = 0;
  /** All is written, and the file is being closed. */
  finished = false;
  /** Set when a write failed: nothing more is written here. */
  failure: Error | undefined;
  /** Told of every sync that begins. */
  onSync: () => void = () => undefined;
  #syncing: Promise<void> | undefined;
  #nextSync: Promise<void> | undefined;
  #syncedTo = 0;

  private constructor(disk: Disk, number: number, path: string, file: FileHandle, marker: Buffer) {
    this.#disk = disk;
    this.number = number;
    this.path = path;
    this.file = file;
    this.marker = marker;
  }

  /** Makes the file and writes its head. With `probeBytes` the disk must also take that much more, for a moment. */
  static async create(
    disk: Disk,
    path: string,
    head: { gateway: string; segment: number },
    probeBytes: number,
  ): Promise<OpenSegment> {
    const file = await disk.create(path);
    try {
      const marker = randomBytes(8);
      await writeAll(disk, file, [encodeSegmentHead({ ...head, marker })], 0);
      if (probeBytes > 0) {
        await writeAll(disk, file, [Buffer.alloc(probeBytes)], FILE_HEAD_BYTES);
        await file.truncate(FILE_HEAD_BYTES);
      }
      return new OpenSegment(disk, head.segment, path, file, marker);
    } catch (error) {
      await file.close();
      await disk.remove(path);
      throw error;
    }
  }

  /** Takes the next `bytes` of the file; returns where they begin. */
  reserve(bytes: number): number {
    const at = this.position;
    this.position += bytes;
    return at;
  }

  get unsynced(): boolean {
    return this.position > this.#syncedTo;
  }

  get syncing(): boolean {
    return this.#syncing !== undefined;
  }

  /** Resolves when all that was written before the call would survive a power cut. Callers that wait share one sync. */
  durable(): Promise<void> {
    if (this.#syncing === undefined) return this.#sync();
    // The sync under way may have begun before the caller's write: the next one counts.
    this.#nextSync ??= this.#syncing
      .catch(() => undefined) // told to those who waited for it
      .then(() => {
        this.#nextSync = undefined;
        return this.#sync();
      });
    return this.#nextSync;
  }

  #sync(): Promise<void> {
    const to = this.position;
    this.onSync();
    this.#syncing = this.#disk
      .sync(this.file)
      .then(() => {
        this.#syncedTo = to;
      })
      .finally(() => {
        this.#syncing = undefined;
      });
    return this.#syncing;
  }
}
