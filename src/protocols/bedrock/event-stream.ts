import { crc32 } from 'node:zlib';
import { PendingBytes } from '../../lib/pending-bytes.ts';

/** One message of an AWS event stream. */
export interface Frame {
  /** Those that are strings, which is all that a reader needs: `:message-type`, `:event-type` and the like. */
  headers: ReadonlyMap<string, string>;
  /** A view, good until the callback returns. */
  payload: Buffer;
}

export const EVENT_STREAM_TYPE = 'application/vnd.amazon.eventstream';

/** Lengths of the whole and of its headers, and the check sum of both. */
const PRELUDE_BYTES = 12;
const CRC_BYTES = 4;
const LEAST_FRAME_BYTES = PRELUDE_BYTES + CRC_BYTES;

/** What AWS's own readers take: a payload of 24 MiB, 128 KiB of headers. */
const MOST_HEADERS_BYTES = 128 * 1024;
export const MOST_FRAME_BYTES = 24 * 1024 * 1024 + MOST_HEADERS_BYTES + LEAST_FRAME_BYTES;

/** Of a frame that spans chunks: most events of a token stream fit. */
const PENDING = { startBytes: 1024, keptBytes: 64 * 1024 };

/**
 * Bytes -> frames, in any chunking. Never throws: what is no frame, by its lengths or a check sum, ends the reading, as
 * nobody can say where the next one would begin. Keeps nothing of a pushed buffer after `push` returns.
 */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  readonly #pending = new PendingBytes(PENDING);
  /** Of the frame under way; 0 until its prelude is whole. */
  #frameBytes = 0;
  #broken = false;

  constructor(onFrame: (frame: Frame) => void) {
    this.#onFrame = onFrame;
  }

  /** Bytes came that are no frame: nothing after them is read. */
  get broken(): boolean {
    return this.#broken;
  }

  /** No frame is under way. */
  get betweenFrames(): boolean {
    return this.#pending.length === 0;
  }

  push(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let at = 0;
    while (at < chunk.length && !this.broken) {
      const frameEnd = this.#pending.length === 0 ? this.#wholeFrame(chunk, at) : undefined;
      at = frameEnd ?? this.#goOn(chunk, at);
    }
    if (this.broken) this.#pending.drop();
  }

  /** A frame that stands whole in the chunk is read where it stands; undefined where it goes on in the next. */
  #wholeFrame(chunk: Buffer, at: number): number | undefined {
    if (chunk.length - at < PRELUDE_BYTES) return undefined;
    const frameBytes = this.#lengthOf(chunk.subarray(at, at + PRELUDE_BYTES));
    // Nothing behind it is read.
    if (frameBytes === undefined) return chunk.length;
    if (chunk.length - at < frameBytes) return undefined;
    this.#read(chunk.subarray(at, at + frameBytes));
    return at + frameBytes;
  }

  /** Adds to the frame under way, and reads it once it is whole. Returns where its bytes in the chunk end. */
  #goOn(chunk: Buffer, at: number): number {
    const wanted = this.#frameBytes === 0 ? PRELUDE_BYTES : this.#frameBytes;
    const end = Math.min(chunk.length, at + wanted - this.#pending.length);
    this.#pending.append(chunk.subarray(at, end));
    if (this.#pending.length < wanted) return end;
    if (this.#frameBytes === 0) {
      this.#frameBytes = this.#lengthOf(this.#pending.view()) ?? 0;
      return end;
    }
    this.#read(this.#pending.view());
    this.#pending.clear();
    this.#frameBytes = 0;
    return end;
  }

  #lengthOf(prelude: Buffer): number | undefined {
    const length = frameLength(prelude);
    if (length === undefined) this.#broken = true;
    return length;
  }

  #read(frame: Buffer): void {
    const body = frame.subarray(0, frame.length - CRC_BYTES);
    const headersEnd = PRELUDE_BYTES + frame.readUInt32BE(4);
    const headers =
      crc32(body) === frame.readUInt32BE(body.length)
        ? headersIn(frame.subarray(PRELUDE_BYTES, headersEnd))
        : undefined;
    if (headers === undefined) this.#broken = true;
    else this.#onFrame({ headers, payload: body.subarray(headersEnd) });
  }
}

/** Length of the frame that begins with these 12 bytes; undefined where they begin none. */
function frameLength(prelude: Buffer): number | undefined {
  const length = prelude.readUInt32BE(0);
  const headersBytes = prelude.readUInt32BE(4);
  if (length > MOST_FRAME_BYTES || headersBytes > MOST_HEADERS_BYTES) return undefined;
  if (length < LEAST_FRAME_BYTES + headersBytes) return undefined;
  return crc32(prelude.subarray(0, 8)) === prelude.readUInt32BE(8) ? length : undefined;
}

const STRING = 7;
/** Bytes of a value by its type: booleans, numbers, a time, a UUID; those of -1 say their own length. */
const VALUE_BYTES: readonly number[] = [0, 0, 1, 2, 4, 8, -1, -1, 8, 16];

/** Undefined where they are not what their lengths say. */
function headersIn(bytes: Buffer): Map<string, string> | undefined {
  const headers = new Map<string, string>();
  let at = 0;
  while (at < bytes.length) {
    const nameEnd = at + 1 + (bytes[at] ?? 0);
    const type = bytes[nameEnd] ?? -1;
    const fixed = VALUE_BYTES[type];
    if (fixed === undefined) return undefined;
    const start = fixed === -1 ? nameEnd + 3 : nameEnd + 1;
    if (start > bytes.length) return undefined;
    const end = start + (fixed === -1 ? bytes.readUInt16BE(nameEnd + 1) : fixed);
    if (end > bytes.length) return undefined;
    if (type === STRING) headers.set(bytes.toString('utf8', at + 1, nameEnd), bytes.toString('utf8', start, end));
    at = end;
  }
  return headers;
}

/** One frame with string headers. */
export function encodeFrame(headers: readonly (readonly [string, string])[], payload: Uint8Array): Uint8Array {
  const head = Buffer.concat(headers.map(([name, value]) => encodedHeader(name, value)));
  const frame = Buffer.alloc(LEAST_FRAME_BYTES + head.length + payload.length);
  frame.writeUInt32BE(frame.length, 0);
  frame.writeUInt32BE(head.length, 4);
  frame.writeUInt32BE(crc32(frame.subarray(0, 8)), 8);
  head.copy(frame, PRELUDE_BYTES);
  frame.set(payload, PRELUDE_BYTES + head.length);
  frame.writeUInt32BE(crc32(frame.subarray(0, frame.length - CRC_BYTES)), frame.length - CRC_BYTES);
  return frame;
}

function encodedHeader(name: string, value: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(value));
  return Buffer.concat([
    Buffer.of(Buffer.byteLength(name)),
    Buffer.from(name),
    Buffer.of(STRING),
    length,
    Buffer.from(value),
  ]);
}

/**
 * Follows a stream of frames by their lengths alone, so that whoever has to end it knows whether a frame of ours can
 * stand behind what was sent: within another one it would be that one's bytes. Costs a few additions a chunk.
 */
export class FrameCursor {
  readonly #prelude = Buffer.alloc(PRELUDE_BYTES);
  #preludeBytes = 0;
  /** Bytes of the frame under way that have not come, behind its prelude. */
  #leftBytes = 0;
  #lost = false;

  get betweenFrames(): boolean {
    return !this.#lost && this.#preludeBytes === 0 && this.#leftBytes === 0;
  }

  push(bytes: Uint8Array): void {
    let at = 0;
    while (at < bytes.length && !this.#lost) {
      if (this.#leftBytes > 0) {
        const step = Math.min(this.#leftBytes, bytes.length - at);
        this.#leftBytes -= step;
        at += step;
      } else at = this.#takePrelude(bytes, at);
    }
  }

  #takePrelude(bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + PRELUDE_BYTES - this.#preludeBytes);
    this.#prelude.set(bytes.subarray(at, end), this.#preludeBytes);
    this.#preludeBytes += end - at;
    if (this.#preludeBytes < PRELUDE_BYTES) return end;
    this.#preludeBytes = 0;
    const length = frameLength(this.#prelude);
    if (length === undefined) this.#lost = true;
    else this.#leftBytes = length - PRELUDE_BYTES;
    return end;
  }
}
