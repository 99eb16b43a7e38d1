import type { Fault } from '../contract/fault.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { openStage } from './decode-stages.ts';
import type { Coding, Emit, Stage } from './decode-stages.ts';
import { decodeOnce } from './decode-whole.ts';

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
    this.#stages = codings.map(openStage);
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
