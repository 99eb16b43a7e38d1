import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  brotliCompressSync,
  brotliDecompressSync,
  constants,
  createBrotliCompress,
  createDeflate,
  createGzip,
  deflateSync,
  gunzipSync,
  gzipSync,
  inflateSync,
} from 'node:zlib';
import type { BrotliCompress, Deflate, Gzip } from 'node:zlib';
import { decompress as decompressZstd } from 'fzstd';

export type Encoding = 'gzip' | 'deflate' | 'br';

/** The best brotli takes milliseconds per event; servers use a middle one too. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };

export function encodeWhole(encoding: Encoding, bytes: Uint8Array): Uint8Array {
  switch (encoding) {
    case 'gzip':
      return gzipSync(bytes);
    case 'deflate':
      return deflateSync(bytes);
    case 'br':
      return brotliCompressSync(bytes, BROTLI);
  }
}

/** Encodes a stream so that each event can be read as soon as it arrives. */
export class StreamEncoder {
  readonly #transform: Gzip | Deflate | BrotliCompress;
  readonly #flush: number;
  #ready: Buffer[] = [];

  constructor(encoding: Encoding) {
    this.#transform =
      encoding === 'gzip' ? createGzip() : encoding === 'deflate' ? createDeflate() : createBrotliCompress(BROTLI);
    this.#flush = encoding === 'br' ? constants.BROTLI_OPERATION_FLUSH : constants.Z_SYNC_FLUSH;
    this.#transform.on('data', (bytes: Buffer) => this.#ready.push(bytes));
  }

  async encode(bytes: Uint8Array): Promise<Uint8Array> {
    this.#transform.write(bytes);
    await new Promise<void>((resolve) => {
      this.#transform.flush(this.#flush, resolve);
    });
    // What was flushed is emitted a tick later.
    await nextTurn();
    return this.#taken();
  }

  async end(): Promise<Uint8Array> {
    const ended = once(this.#transform, 'end');
    this.#transform.end();
    await ended;
    return this.#taken();
  }

  #taken(): Uint8Array {
    const taken = Buffer.concat(this.#ready);
    this.#ready = [];
    return taken;
  }
}

/** Undefined: not a coding we know, or not what it says. `most` bounds the decoded size in bytes. */
export function decodeRequest(encoding: string | undefined, bytes: Buffer, most: number): Buffer | undefined {
  const bound = { maxOutputLength: most };
  try {
    switch (encoding) {
      case undefined:
      case 'identity':
        return bytes;
      case 'gzip':
        return gunzipSync(bytes, bound);
      case 'deflate':
        return inflateSync(bytes, bound);
      case 'br':
        return brotliDecompressSync(bytes, bound);
      case 'zstd':
        return Buffer.from(decompressZstd(bytes));
      default:
        return undefined;
    }
  } catch {
    return undefined; // The client's bytes are at fault; it is told so with a 400.
  }
}
