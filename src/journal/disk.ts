import { constants, writevSync } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';

/** What the journal asks of a disk. Tests hand in one that stalls, fills up or fails. */
export interface Disk {
  /** Makes a new file, 0600, for writing; fails when there is one. */
  create(path: string): Promise<FileHandle>;
  /** On the caller's time; may write less than asked. */
  writeNow(file: FileHandle, buffers: readonly Uint8Array[], position: number): number;
  /** Off the main thread; may write less than asked. */
  write(file: FileHandle, buffers: readonly Uint8Array[], position: number): Promise<number>;
  /** Resolves when the file's data would survive a power cut. */
  sync(file: FileHandle): Promise<void>;
  /** The same for the names in a folder. */
  syncFolder(path: string): Promise<void>;
  remove(path: string): Promise<void>;
}

export const systemDisk: Disk = {
  create: (path) => open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600),
  writeNow: (file, buffers, position) => writevSync(file.fd, buffers, position),
  write: async (file, buffers, position) => (await file.writev(buffers, position)).bytesWritten,
  sync: (file) => file.datasync(),
  syncFolder: async (path) => {
    const folder = await open(path, constants.O_RDONLY);
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  },
  remove: (path) => unlink(path),
};

/** Returns when all is written. Throws what the system says, `ENOSPC` included. */
export function writeAllNow(disk: Disk, file: FileHandle, buffers: readonly Uint8Array[], position: number): void {
  let rest = buffers;
  let at = position;
  let left = byteLength(buffers);
  while (left > 0) {
    const written = disk.writeNow(file, rest, at);
    if (written === 0) throw new Error(NO_PROGRESS);
    left -= written;
    if (left === 0) return;
    at += written;
    rest = without(rest, written);
  }
}

/** The same off the main thread. The buffers must not change until it is done. */
export async function writeAll(
  disk: Disk,
  file: FileHandle,
  buffers: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let rest = buffers;
  let at = position;
  let left = byteLength(buffers);
  while (left > 0) {
    const written = await disk.write(file, rest, at);
    if (written === 0) throw new Error(NO_PROGRESS);
    left -= written;
    if (left === 0) return;
    at += written;
    rest = without(rest, written);
  }
}

const NO_PROGRESS = 'the disk takes no bytes and gives no reason';

function byteLength(buffers: readonly Uint8Array[]): number {
  return buffers.reduce((sum, buffer) => sum + buffer.length, 0);
}

/** `buffers` without their first `bytes`. */
function without(buffers: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let skip = bytes;
  const rest: Uint8Array[] = [];
  for (const buffer of buffers) {
    if (skip >= buffer.length) skip -= buffer.length;
    else {
      rest.push(skip === 0 ? buffer : buffer.subarray(skip));
      skip = 0;
    }
  }
  return rest;
}
