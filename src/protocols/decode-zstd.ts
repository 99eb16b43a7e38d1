import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { ZstdInvalid } from './zstd.ts';
import type { ZstdStream } from './zstd.ts';

/**
 * zstd's blocks times window (see `zstd.ts`). A whole body of 64 MiB in full blocks under the largest window moves 4 GiB,
 * and high levels split blocks further; 64 GiB take about a second. A stream of 100,000 flushed events under the usual
 * 2 MiB window moves 200 GiB, on an inspector's time.
 */
export const ZSTD_WHOLE_MOVE_BYTES = 64 * 1024 ** 3;
export const ZSTD_STREAM_MOVE_BYTES = 256 * 1024 ** 3;

/**
 * zstd is decoded on the calling thread. Others have their turn after so much input, or so much moved, whichever comes
 * first (each about 10 ms); slices are small, as a hostile one is all tiny blocks.
 */
const ZSTD_SLICE_BYTES = 512;
const ZSTD_TURN_BYTES = 64 * 1024;
const ZSTD_TURN_MOVED_BYTES = 512 * 1024 * 1024;

/** False when the bytes are not valid, or no more is wanted. */
export async function pushed(stream: ZstdStream, bytes: Uint8Array): Promise<boolean> {
  try {
    let turnAt = ZSTD_TURN_BYTES;
    let turnMovedBytes = stream.movedBytes + ZSTD_TURN_MOVED_BYTES;
    for (let at = 0; at < bytes.length; at += ZSTD_SLICE_BYTES) {
      if (at >= turnAt || stream.movedBytes > turnMovedBytes) {
        await turnOfTheLoop();
        turnAt = at + ZSTD_TURN_BYTES;
        turnMovedBytes = stream.movedBytes + ZSTD_TURN_MOVED_BYTES;
      }
      stream.push(bytes.subarray(at, at + ZSTD_SLICE_BYTES));
    }
    return true;
  } catch (error) {
    if (error instanceof ZstdInvalid) return false;
    throw error;
  }
}
