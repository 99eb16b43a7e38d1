import { Decompress } from 'fzstd';

/** The largest window that the zstd content coding allows (RFC 9659): it is allocated whole, whatever the body holds. */
const WINDOW_LIMIT_BYTES = 8 * 1024 * 1024;

/** The largest block of the format (RFC 8878, section 3.1.1.2.4). */
const BLOCK_LIMIT_BYTES = 128 * 1024;

/** Magic number, descriptor, window, dictionary id and content size at their longest. */
const HEADER_LIMIT_BYTES = 18;

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;

/** Thrown inside this file and `decode.ts` only; callers of those get a fault. */
export class ZstdInvalid extends Error {}

type At =
  | { in: 'frameHeader' }
  | { in: 'blockHeader' }
  | { in: 'block'; bytesLeft: number; last: boolean }
  | { in: 'checksum'; bytesLeft: number }
  | { in: 'skippable'; bytesLeft: number };

/**
 * Incremental zstd. Walks the frames itself, for three reasons: a frame's window is judged before the decompressor
 * allocates it, each frame gets a fresh decompressor which is told where the frame ends, and the decompressor moves its
 * whole window once a block, so that a body of tiny blocks under a large window costs hours: that product is bounded.
 */
export class ZstdStream {
  readonly #moveLimitBytes: number;
  readonly #emit: (bytes: Uint8Array) => void;
  #at: At = { in: 'frameHeader' };
  /** Bytes of a header that is not whole yet. */
  #header: number[] = [];
  #frame: Decompress | undefined;
  #windowBytes = 0;
  #movedBytes = 0;
  #hasChecksum = false;

  /** `moveLimitBytes`: blocks times window, summed; see above. */
  constructor(moveLimitBytes: number, emit: (bytes: Uint8Array) => void) {
    this.#moveLimitBytes = moveLimitBytes;
    this.#emit = emit;
  }

  /** True where a body may end. */
  get betweenFrames(): boolean {
    return this.#at.in === 'frameHeader' && this.#header.length === 0;
  }

  /** What the decompressor has moved so far: the measure of time spent. */
  get movedBytes(): number {
    return this.#movedBytes;
  }

  /** Throws `ZstdInvalid`. Keeps nothing of `bytes`. */
  push(bytes: Uint8Array): void {
    let at = 0;
    let unsent = 0;
    const send = (end: number, final: boolean): void => {
      if (final || end > unsent) this.#decompress(bytes.slice(unsent, end), final);
      unsent = end;
    };
    while (at < bytes.length) {
      const state = this.#at;
      if (state.in === 'frameHeader' || state.in === 'blockHeader') {
        this.#header.push(bytes[at] ?? 0);
        at += 1;
        if (state.in === 'blockHeader') {
          if (this.#header.length === 3) this.#beginBlock();
        } else if (this.#beginFrame()) {
          unsent = at;
        }
        if (this.#at.in === 'frameHeader') unsent = at;
      } else {
        const step = Math.min(state.bytesLeft, bytes.length - at);
        state.bytesLeft -= step;
        at += step;
        if (state.in === 'skippable') unsent = at;
      }
      if (this.#endPart()) send(at, true);
    }
    if (this.#frame !== undefined) send(bytes.length, false);
  }

  /** Moves on from a part that is whole; true when a frame is over. */
  #endPart(): boolean {
    const state = this.#at;
    if (state.in === 'frameHeader' || state.in === 'blockHeader' || state.bytesLeft > 0) return false;
    if (state.in === 'block' && !state.last) {
      this.#at = { in: 'blockHeader' };
      return false;
    }
    if (state.in === 'block' && this.#hasChecksum) {
      this.#at = { in: 'checksum', bytesLeft: 4 };
      return false;
    }
    this.#at = { in: 'frameHeader' };
    return state.in !== 'skippable';
  }

  /** True when the header is whole and was handed to a new decompressor, or told of a skippable frame. */
  #beginFrame(): boolean {
    const header = Buffer.from(this.#header);
    if (header.length < 5) return false;
    const magic = header.readUInt32LE(0);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      if (header.length < 8) return false;
      this.#header = [];
      this.#at = { in: 'skippable', bytesLeft: header.readUInt32LE(4) };
      return true;
    }
    if (magic !== FRAME_MAGIC) throw new ZstdInvalid('no zstd frame');
    const descriptor = header[4] ?? 0;
    const singleSegment = (descriptor & 0x20) !== 0;
    const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
    const contentSizeBytes = [singleSegment ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
    const wantedBytes = 5 + (singleSegment ? 0 : 1) + dictionaryBytes + contentSizeBytes;
    if (header.length < wantedBytes) return false;
    if (wantedBytes > HEADER_LIMIT_BYTES || (descriptor & 8) !== 0) throw new ZstdInvalid('reserved bit');
    this.#windowBytes = singleSegment
      ? contentSize(header.subarray(wantedBytes - contentSizeBytes))
      : windowSize(header[5] ?? 0);
    if (this.#windowBytes > WINDOW_LIMIT_BYTES) throw new ZstdInvalid('window above 8 MiB');
    this.#hasChecksum = (descriptor & 4) !== 0;
    this.#header = [];
    this.#at = { in: 'blockHeader' };
    this.#frame = new Decompress((bytes) => {
      if (bytes.length > 0) this.#emit(bytes);
    });
    this.#decompress(header, false);
    return true;
  }

  #beginBlock(): void {
    const [a = 0, b = 0, c = 0] = this.#header;
    this.#header = [];
    const word = a | (b << 8) | (c << 16);
    const kind = (word >> 1) & 3;
    const size = word >> 3;
    if (kind === 3 || size > BLOCK_LIMIT_BYTES) throw new ZstdInvalid('bad block');
    this.#movedBytes += this.#windowBytes;
    if (this.#movedBytes > this.#moveLimitBytes) throw new ZstdInvalid('too many small blocks for the window');
    // A block of kind 1 is one byte, to be repeated.
    this.#at = { in: 'block', bytesLeft: kind === 1 ? 1 : size, last: (word & 1) === 1 };
  }

  #decompress(bytes: Uint8Array, final: boolean): void {
    const frame = this.#frame;
    if (final) this.#frame = undefined;
    try {
      frame?.push(bytes, final);
    } catch (error) {
      throw new ZstdInvalid('not decodable', { cause: error });
    }
  }
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function contentSize(field: Buffer): number {
  if (field.length === 8) return Number(field.readBigUInt64LE());
  // A field of two bytes counts from 256.
  return field.readUIntLE(0, field.length) + (field.length === 2 ? 256 : 0);
}
