import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { ExchangeId } from '../contract/ids.ts';
import type { Extent } from './places.ts';
import { decodeSegmentHead, FILE_HEAD_BYTES, scanWindow } from './segment.ts';
import type { FrameKind, Scanned, SegmentHead } from './segment.ts';

/** One frame of an exchange, as it is read back. */
export interface RawFrame {
  exchange: ExchangeId;
  kind: FrameKind;
  /** Counts up from 0 with every frame of the exchange; a hole is a frame that was lost or dropped. */
  sequence: number;
  /** Bytes of a body, or JSON: `notes.ts` reads it. A view that stays valid. */
  payload: Buffer;
}

/**
 * Read at once, and scanned without a pause: a thousand small frames, about 2 ms. A gateway replays while it serves. A
 * window that is smaller than the frame in it grows until it fits.
 */
const WINDOW_BYTES = 256 * 1024;

/** What stands at the end of a file and is no whole frame. */
export interface Torn {
  what: 'torn';
  offset: number;
  bytes: number;
}

/** `empty`: made, and nothing ever written. `unreadable`: damaged beyond use. */
export async function readSegmentHead(file: FileHandle): Promise<SegmentHead | 'empty' | 'unreadable'> {
  const bytes = await readRange(file, 0, FILE_HEAD_BYTES);
  const head = decodeSegmentHead(bytes);
  if (head !== undefined) return head;
  // A process that is killed between making a file and writing its head leaves it empty or, on some file systems, zeros.
  return bytes.every((byte) => byte === 0) ? 'empty' : 'unreadable';
}

/** All frames between two offsets, or those of `wanted`, a window at a time. Neighbouring skips are told as one. */
export async function* scanRange(
  file: FileHandle,
  marker: Buffer,
  from: number,
  to: number,
  wanted?: ReadonlySet<ExchangeId>,
): AsyncGenerator<(Scanned | Torn)[]> {
  let at = from;
  let windowBytes = WINDOW_BYTES;
  let skip: { offset: number; bytes: number } | undefined;
  while (at < to) {
    const end = Math.min(to, at + windowBytes);
    const window = await readRange(file, at, end);
    // A write that failed may have left less than its place, and a part of a frame.
    const last = end === to || window.length < end - at;
    const found: (Scanned | Torn)[] = [];
    const scan = scanWindow(window, at, marker, last, wanted);
    let step = scan.next();
    for (; step.done !== true; step = scan.next()) {
      const scanned = step.value;
      if (scanned.what === 'skipped') {
        skip ??= { offset: scanned.offset, bytes: 0 };
        skip.bytes += scanned.bytes;
        continue;
      }
      if (skip !== undefined) found.push({ what: 'skipped', ...skip });
      skip = undefined;
      found.push(scanned);
    }
    if (last && skip !== undefined) found.push({ what: 'torn', ...skip });
    yield found;
    if (last) return;
    windowBytes = step.value === 0 ? windowBytes * 2 : WINDOW_BYTES;
    at += step.value;
  }
}

/**
 * The frames of some exchanges, in the order of their extents, a window at a time. `pathOf` names a segment's file. Frames
 * that cannot be read are left out; their sequence numbers tell.
 *
 * @throws Error when a file cannot be opened or is none of ours.
 */
export async function* readExtents(
  pathOf: (segment: number) => string,
  extents: readonly Extent[],
  wanted: ReadonlySet<ExchangeId>,
): AsyncGenerator<RawFrame[]> {
  let current: { segment: number; file: FileHandle; marker: Buffer } | undefined;
  try {
    for (const extent of extents) {
      if (current?.segment !== extent.segment) {
        await current?.file.close();
        current = undefined;
        const file = await open(pathOf(extent.segment), 'r');
        current = { segment: extent.segment, file, marker: Buffer.alloc(0) };
        const head = await readSegmentHead(file);
        if (typeof head === 'string') throw new Error(`journal segment ${extent.segment} is ${head}`);
        current.marker = head.marker;
      }
      const to = extent.offset + extent.bytes;
      for await (const found of scanRange(current.file, current.marker, extent.offset, to, wanted)) {
        yield found.flatMap((scanned) => {
          if (scanned.what !== 'frame') return [];
          const { exchange, kind, sequence } = scanned.header;
          return [{ exchange, kind, sequence, payload: scanned.payload }];
        });
      }
    }
  } finally {
    await current?.file.close();
  }
}

/** Fewer bytes than asked for only at the end of the file. */
async function readRange(file: FileHandle, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(to - from);
  let read = 0;
  while (read < bytes.length) {
    const { bytesRead } = await file.read(bytes, read, bytes.length - read, from + read);
    if (bytesRead === 0) break;
    read += bytesRead;
  }
  return bytes.subarray(0, read);
}
