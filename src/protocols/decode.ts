import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import type { BrotliOptions, ZlibOptions } from 'node:zlib';
import type { Transform } from 'node:stream';
import type { Fault } from '../contract/fault.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { ZstdInvalid, ZstdStream } from './zstd.ts';

export type DecodeFault = Extract<
  Fault,
  { code: 'body_encoding_unsupported' | 'body_encoding_invalid' | 'body_too_large' }
>;

/** Undoes a content-encoding piece by piece; each push flushes, as events end inside compressed blocks. */
export interface Decoder {
  /**
   * Undefined when the decoded bytes were delivered before this returned (identity); else a promise that resolves when
   * they were. Pushes are served in order, also if nobody waits; who wants a bound on what is under way waits. `bytes`
   * must stay untouched until then. After a fault pushes do nothing.
   */
  push(bytes: Uint8Array): Promise<void> | undefined;
  /** The body is over; resolves when all was delivered. A body cut short is no fault here: HTTP knows better. */
  end(): Promise<Result<{ bytes: number }, DecodeFault>>;
}

type Coding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** Nobody sends more than two; each stage costs memory. */
const CHAIN_LIMIT = 3;

/**
 * What a stream may unpack to: so much whatever it takes, and so much for each byte that came. gzip reaches 1,032 to one;
 * brotli makes five million events of fifty bytes, which is seconds of an inspector's time.
 */
const FREE_BYTES = 16 * 1024 * 1024;
const DECODED_PER_BYTE = 1_100;

/** The header's text in a fault: enough to recognise it. */
const FAULT_TEXT_CHARS = 64;

/**
 * zstd's blocks times window (see `zstd.ts`). A whole body of 64 MiB in full blocks under the largest window moves 4 GiB,
 * and high levels split blocks further; 64 GiB take about a second. A stream of 100,000 flushed events under the usual
 * 2 MiB window moves 200 GiB, on an inspector's time.
 */
const ZSTD_WHOLE_MOVE_BYTES = 64 * 1024 ** 3;
const ZSTD_STREAM_MOVE_BYTES = 256 * 1024 ** 3;

/**
 * zstd is decoded on the calling thread. Others have their turn after so much input, or so much moved, whichever comes
 * first (each about 10 ms); slices are small, as a hostile one is all tiny blocks.
 */
const ZSTD_SLICE_BYTES = 512;
const ZSTD_TURN_BYTES = 64 * 1024;
const ZSTD_TURN_MOVED_BYTES = 512 * 1024 * 1024;

/**
 * A decoder for a `content-encoding` header: gzip, deflate (zlib or raw), br, zstd, identity, and lists of them.
 * gzip, deflate and br run in zlib's thread pool, so output arrives after `push` returned, in order.
 *
 * `limitBytes` bounds what comes out of each stage, and so does what came in: beyond it nothing more is delivered and `end`
 * says `body_too_large`.
 */
export function createDecoder(
  contentEncoding: string | undefined,
  options: { limitBytes: number; onBytes: (bytes: Uint8Array) => void },
): Result<Decoder, DecodeFault> {
  const codings = codingsOf(contentEncoding);
  if (!codings.ok) return codings;
  return ok(new StagedDecoder(contentEncoding ?? '', codings.value, options.limitBytes, options.onBytes));
}

/**
 * Decodes a whole body, at most `limitBytes` at any stage. Strict: a body cut short is `body_encoding_invalid`. An empty
 * body is taken as it is.
 */
export async function decodeWhole(
  contentEncoding: string | undefined,
  bytes: Uint8Array,
  limitBytes: number,
): Promise<Result<Uint8Array, DecodeFault>> {
  const codings = codingsOf(contentEncoding);
  if (!codings.ok) return codings;
  let body = bytes;
  if (body.length === 0) return ok(body);
  for (const coding of codings.value) {
    const outcome = await decodeOnce(coding, body, limitBytes);
    if (outcome === 'invalid') return failed(invalid(contentEncoding ?? ''));
    if (outcome === 'too_large') return failed({ code: 'body_too_large', limitBytes, decoded: true });
    body = outcome;
  }
  return ok(body);
}

/** In the order in which they are undone: the header lists them as they were applied. */
function codingsOf(contentEncoding: string | undefined): Result<Coding[], DecodeFault> {
  const codings: Coding[] = [];
  for (const word of (contentEncoding ?? '').split(',')) {
    const name = word.trim().toLowerCase();
    if (name === '' || name === 'identity') continue;
    const coding = name === 'x-gzip' ? 'gzip' : name;
    const known = coding === 'gzip' || coding === 'deflate' || coding === 'br' || coding === 'zstd';
    if (!known || codings.length === CHAIN_LIMIT) {
      return failed({ code: 'body_encoding_unsupported', encoding: shortened(contentEncoding ?? '') });
    }
    codings.unshift(coding);
  }
  return ok(codings);
}

function invalid(contentEncoding: string): DecodeFault {
  return { code: 'body_encoding_invalid', encoding: shortened(contentEncoding) };
}

function shortened(text: string): string {
  return text.slice(0, FAULT_TEXT_CHARS);
}

/** RFC 1950 asks for a zlib header, some servers send the bare stream; the header's own check bits tell. */
function hasZlibHeader(first: number, second: number): boolean {
  return (first & 0x0f) === 8 && ((first << 8) | second) % 31 === 0;
}

// ---- piece by piece

/** False from `emit`: no more is wanted. */
type Emit = (bytes: Uint8Array) => boolean;

interface Stage {
  /** Resolves when all output of `bytes` was emitted; false when they are not valid. */
  write(bytes: Uint8Array, emit: Emit): Promise<boolean>;
  finish(emit: Emit): Promise<boolean>;
  close(): void;
}

class StagedDecoder implements Decoder {
  readonly #contentEncoding: string;
  readonly #stages: Stage[];
  readonly #producedBytes: number[];
  readonly #limitBytes: number;
  readonly #onBytes: (bytes: Uint8Array) => void;
  #takenBytes = 0;
  #deliveredBytes = 0;
  #fault: DecodeFault | undefined;
  #tail = Promise.resolve();

  constructor(contentEncoding: string, codings: Coding[], limitBytes: number, onBytes: (bytes: Uint8Array) => void) {
    this.#contentEncoding = contentEncoding;
    this.#stages = codings.map((coding) => (coding === 'zstd' ? new ZstdStage() : new ZlibStage(coding)));
    this.#producedBytes = codings.map(() => 0);
    this.#limitBytes = limitBytes;
    this.#onBytes = onBytes;
  }

  push(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#stages.length === 0) {
      this.#deliver(bytes);
      return undefined;
    }
    this.#tail = this.#tail.then(() => {
      this.#takenBytes += bytes.length;
      return this.#through(0, bytes);
    });
    return this.#tail;
  }

  async end(): Promise<Result<{ bytes: number }, DecodeFault>> {
    await this.#tail;
    for (let i = 0; i < this.#stages.length; i++) await this.#through(i, undefined);
    for (const stage of this.#stages) stage.close();
    return this.#fault === undefined ? ok({ bytes: this.#deliveredBytes }) : failed(this.#fault);
  }

  /** Puts `bytes` through the stages from `index` on; undefined ends that stage. */
  async #through(index: number, bytes: Uint8Array | undefined): Promise<void> {
    const stage = this.#stages[index];
    if (this.#fault !== undefined) return;
    if (stage === undefined) {
      if (bytes !== undefined) this.#deliver(bytes);
      return;
    }
    const last = index === this.#stages.length - 1;
    const between: Uint8Array[] = [];
    const emit: Emit = (out) => {
      const produced = (this.#producedBytes[index] ?? 0) + out.length;
      this.#producedBytes[index] = produced;
      if (produced > this.#mayProduce()) this.#tooLarge(this.#mayProduce());
      else if (last) this.#deliver(out);
      else between.push(out);
      return this.#fault === undefined;
    };
    const valid = await (bytes === undefined ? stage.finish(emit) : stage.write(bytes, emit));
    if (!valid) this.#fault ??= invalid(this.#contentEncoding);
    for (const part of between) await this.#through(index + 1, part);
  }

  #deliver(bytes: Uint8Array): void {
    if (this.#fault !== undefined) return;
    this.#deliveredBytes += bytes.length;
    if (this.#deliveredBytes > this.#limitBytes) this.#tooLarge(this.#limitBytes);
    else this.#onBytes(bytes);
  }

  #mayProduce(): number {
    return Math.min(this.#limitBytes, FREE_BYTES + DECODED_PER_BYTE * this.#takenBytes);
  }

  #tooLarge(limitBytes: number): void {
    this.#fault ??= { code: 'body_too_large', limitBytes, decoded: this.#stages.length > 0 };
  }
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

/** False when the bytes are not valid, or no more is wanted. */
async function pushed(stream: ZstdStream, bytes: Uint8Array): Promise<boolean> {
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

// ---- whole

const gunzip = promisify<Uint8Array, ZlibOptions, Buffer>(zlib.gunzip);
const inflate = promisify<Uint8Array, ZlibOptions, Buffer>(zlib.inflate);
const inflateRaw = promisify<Uint8Array, ZlibOptions, Buffer>(zlib.inflateRaw);
const brotliDecompress = promisify<Uint8Array, BrotliOptions, Buffer>(zlib.brotliDecompress);

async function decodeOnce(
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
