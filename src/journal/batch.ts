import { crc32 } from 'node:zlib';
import { BODY_PIECE_BYTES, FRAME_HEADER_BYTES, writeFrameHeader } from './segment.ts';

/**
 * Payloads up to this size are copied next to their header: one long buffer is written faster than many short ones
 * (32 frames of 200 bytes: 6.5 us copied, 10.4 us as 64 buffers; bench/micro/journal.bench.ts).
 */
const COPY_UP_TO_BYTES = 4096;

const SLAB_BYTES = 256 * 1024;

/** The frames of one turn of the event loop, which stand one after another in the file. */
export class Batch {
  #slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** What of the slab is already among the buffers, and what is taken. */
  #sliced = 0;
  #used = 0;
  #buffers: Uint8Array[] = [];
  bytes = 0;
  frames = 0;

  /** Adds a frame. A payload above 4 KiB is kept, not copied: it must not change until it is written. */
  add(marker: Buffer, code: number, exchange: Buffer, sequence: number, payload: Uint8Array): void {
    const copied = payload.length <= COPY_UP_TO_BYTES;
    const room = FRAME_HEADER_BYTES + (copied ? payload.length : 0);
    if (this.#used + room > this.#slab.length) this.#newSlab();
    writeFrameHeader(this.#slab, this.#used, marker, code, exchange, sequence, payload.length, crc32(payload));
    if (copied) this.#slab.set(payload, this.#used + FRAME_HEADER_BYTES);
    this.#used += room;
    if (!copied) {
      this.#slice();
      this.#buffers.push(payload);
    }
    this.bytes += FRAME_HEADER_BYTES + payload.length;
    this.frames += 1;
  }

  /** All that was added, to be written at once; call `clear` next. */
  take(): Uint8Array[] {
    this.#slice();
    return this.#buffers;
  }

  /** `reuse`: what was taken is written, so its memory may serve again. */
  clear(reuse: boolean): void {
    this.#buffers = [];
    this.bytes = 0;
    this.frames = 0;
    if (!reuse) this.#newSlab();
    this.#used = 0;
    this.#sliced = 0;
  }

  #slice(): void {
    if (this.#used > this.#sliced) this.#buffers.push(this.#slab.subarray(this.#sliced, this.#used));
    this.#sliced = this.#used;
  }

  #newSlab(): void {
    this.#slice();
    this.#slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    this.#used = 0;
    this.#sliced = 0;
  }
}

/** Bytes that a large body takes in the file. */
export function framedBytes(payloadBytes: number): number {
  return payloadBytes + pieceCount(payloadBytes) * FRAME_HEADER_BYTES;
}

export function pieceCount(payloadBytes: number): number {
  return Math.ceil(payloadBytes / BODY_PIECE_BYTES);
}

/** The frames of one large body, made when the disk is ready for them: a check sum takes its time. */
export function* framesOf(
  marker: Buffer,
  code: number,
  exchange: Buffer,
  firstSequence: number,
  payload: Uint8Array,
): Generator<Uint8Array[]> {
  let sequence = firstSequence;
  for (let at = 0; at < payload.length; at += BODY_PIECE_BYTES) {
    const piece = payload.subarray(at, at + BODY_PIECE_BYTES);
    const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
    writeFrameHeader(header, 0, marker, code, exchange, sequence++, piece.length, crc32(piece));
    yield [header, piece];
  }
}
