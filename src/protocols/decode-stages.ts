import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import type { BrotliOptions, ZlibOptions } from 'node:zlib';
import { pushed, ZSTD_STREAM_MOVE_BYTES } from './decode-zstd.ts';
import { ZstdInvalid, ZstdStream } from './zstd.ts';

export type Coding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** False from `emit`: no more is wanted. */
export type Emit = (bytes: Uint8Array) => boolean;

/** One coding that is undone piece by piece. */
export interface Stage {
  /** Resolves when all output of `bytes` was emitted; false when they are not valid. */
  write(bytes: Uint8Array, emit: Emit): Promise<boolean>;
  finish(emit: Emit): Promise<boolean>;
  close(): void;
}

export function openStage(coding: Coding): Stage {
  return coding === 'zstd' ? new ZstdStage() : new ZlibStage(coding);
}

/** With a sync flush at the end, a stream cut short is no error. */
const ZLIB_LENIENT: ZlibOptions = { finishFlush: zlib.constants.Z_SYNC_FLUSH };
const BROTLI_LENIENT: BrotliOptions = { finishFlush: zlib.constants.BROTLI_OPERATION_FLUSH };

class ZlibStage implements Stage {
  readonly #coding: 'gzip' | 'deflate' | 'br';
  #stream: Transform | undefined;
  /** The first byte of a deflate body whose second has not come. */
  #held: Uint8Array | undefined;
  #emit: Emit = () => false;
  #settle: () => void = () => undefined;
  #over = false;
  #invalid = false;

  constructor(coding: 'gzip' | 'deflate' | 'br') {
    this.#coding = coding;
  }

  async write(bytes: Uint8Array, emit: Emit): Promise<boolean> {
    const input = this.#held === undefined ? bytes : Buffer.concat([this.#held, bytes]);
    const stream = this.#stream ?? this.#open(input);
    if (stream === undefined || this.#over) return !this.#invalid;
    this.#held = undefined;
    this.#emit = emit;
    await new Promise<void>((settle) => {
      this.#settle = settle;
      stream.write(input, () => {
        settle();
      });
    });
    return !this.#invalid;
  }

  async finish(emit: Emit): Promise<boolean> {
    const stream = this.#stream;
    if (stream === undefined || this.#over) return !this.#invalid;
    this.#emit = emit;
    await new Promise<void>((settle) => {
      this.#settle = settle;
      stream.end();
    });
    return !this.#invalid;
  }

  close(): void {
    this.#stream?.destroy();
  }

  #open(input: Uint8Array): Transform | undefined {
    if (this.#coding === 'deflate' && input.length < 2) {
      this.#held = input.length === 0 ? undefined : input.slice();
      return undefined;
    }
    const stream = openZlib(this.#coding, input);
    this.#stream = stream;
    const finish = (): void => {
      this.#over = true;
      this.#settle();
    };
    stream.on('data', (out: Buffer) => {
      if (!this.#emit(out)) stream.destroy();
    });
    // zlib leaves a write unanswered when bytes follow the end of the stream; `end` comes instead.
    stream.on('end', finish);
    stream.on('close', finish);
    stream.on('error', () => {
      this.#invalid = true;
      finish();
    });
    return stream;
  }
}

function openZlib(coding: 'gzip' | 'deflate' | 'br', input: Uint8Array): Transform {
  switch (coding) {
    case 'gzip':
      return zlib.createGunzip(ZLIB_LENIENT);
    case 'br':
      return zlib.createBrotliDecompress(BROTLI_LENIENT);
    case 'deflate':
      return hasZlibHeader(input[0] ?? 0, input[1] ?? 0)
        ? zlib.createInflate(ZLIB_LENIENT)
        : zlib.createInflateRaw(ZLIB_LENIENT);
  }
}

class ZstdStage implements Stage {
  #emit: Emit = () => false;
  readonly #stream = new ZstdStream(ZSTD_STREAM_MOVE_BYTES, (bytes) => {
    if (!this.#emit(bytes)) throw new ZstdInvalid('no more is wanted');
  });
  #invalid = false;

  async write(bytes: Uint8Array, emit: Emit): Promise<boolean> {
    this.#emit = emit;
    if (!this.#invalid) this.#invalid = !(await pushed(this.#stream, bytes));
    return !this.#invalid;
  }

  finish(): Promise<boolean> {
    return Promise.resolve(!this.#invalid);
  }

  close(): void {
    this.#invalid = true;
  }
}

/** RFC 1950 asks for a zlib header, some servers send the bare stream; the header's own check bits tell. */
export function hasZlibHeader(first: number, second: number): boolean {
  return (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0;
}
