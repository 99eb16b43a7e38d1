import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { BrotliOptions, ZlibOptions } from 'node:zlib';
import { hasZlibHeader } from './decode-stages.ts';
import type { Coding } from './decode-stages.ts';
import { pushed, ZSTD_WHOLE_MOVE_BYTES } from './decode-zstd.ts';
import { ZstdInvalid, ZstdStream } from './zstd.ts';

const gunzip = promisify<Uint8Array, ZlibOptions, Buffer>(zlib.gunzip);
const inflate = promisify<Uint8Array, ZlibOptions, Buffer>(zlib.inflate);
const inflateRaw = promisify<Uint8Array, ZlibOptions, Buffer>(zlib.inflateRaw);
const brotliDecompress = promisify<Uint8Array, BrotliOptions, Buffer>(zlib.brotliDecompress);

/** Undoes one coding of a whole body. */
export async function decodeOnce(
  coding: Coding,
  bytes: Uint8Array,
  limitBytes: number,
): Promise<Uint8Array | 'invalid' | 'too_large'> {
  if (coding === 'zstd') return unzstd(bytes, limitBytes);
  const options = { maxOutputLength: limitBytes };
  try {
    switch (coding) {
      case 'gzip':
        return await gunzip(bytes, options);
      case 'br':
        return await brotliDecompress(bytes, options);
      case 'deflate':
        return await (hasZlibHeader(bytes[0] ?? 0, bytes[1] ?? 0) ? inflate : inflateRaw)(bytes, options);
    }
  } catch (error) {
    const tooLarge = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    return tooLarge ? 'too_large' : 'invalid';
  }
}

async function unzstd(bytes: Uint8Array, limitBytes: number): Promise<Uint8Array | 'invalid' | 'too_large'> {
  const parts: Uint8Array[] = [];
  let total = 0;
  const stream = new ZstdStream(ZSTD_WHOLE_MOVE_BYTES, (part) => {
    total += part.length;
    if (total > limitBytes) throw new ZstdInvalid('no more is wanted');
    parts.push(part);
  });
  const valid = await pushed(stream, bytes);
  if (total > limitBytes) return 'too_large';
  if (!valid) return 'invalid';
  return stream.betweenFrames ? Buffer.concat(parts) : 'invalid';
}
