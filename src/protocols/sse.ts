import { PendingBytes } from '../lib/pending-bytes.ts';

/** One dispatched event. `id` and `retry` steer reconnecting clients and are of no use to a reader of copies. */
export interface SseEvent {
  /** Of the `event:` line; empty where there is none. */
  name: string;
  /** The `data:` lines, joined with LF. */
  data: string;
}

/**
 * A base64 image or a big tool call is one line of tens of MiB, and a terminal event repeats a whole answer. Twice the
 * largest response body that providers document (32 MiB) leaves room; beyond it the reader gives up.
 */
const SSE_EVENT_LIMIT_BYTES = 64 * 1024 * 1024;

const LF = 0x0a;
const CR = 0x0d;
const COLON = 0x3a;
const SPACE = 0x20;

/** Of a line that spans chunks: most events of a token stream fit. */
const PENDING = { startBytes: 1024, keptBytes: 64 * 1024 };

/**
 * Bytes -> events, in any chunking, by the rules of the HTML standard, with one addition: what is pending at the end of
 * the body is flushed, since a complete `data` line without its blank line is worth reading. Works on bytes up to whole
 * lines, so that no character and no CR LF pair is ever torn. Keeps nothing of a pushed buffer after `push` returns.
 */
export class SseReader {
  readonly #onEvent: (event: SseEvent) => void;
  readonly #limitBytes: number;
  /** The line under way, where it began in an earlier chunk. */
  readonly #pending = new PendingBytes(PENDING);
  /** The last chunk ended in CR: an LF at the start of the next belongs to it. */
  #afterCr = false;
  #firstLine = true;
  #name = '';
  #data: string[] = [];
  #dataBytes = 0;
  #gaveUp = false;

  constructor(onEvent: (event: SseEvent) => void, limitBytes = SSE_EVENT_LIMIT_BYTES) {
    this.#onEvent = onEvent;
    this.#limitBytes = limitBytes;
  }

  /** True once an event exceeded the limit: nothing after it is read. */
  get gaveUp(): boolean {
    return this.#gaveUp;
  }

  push(bytes: Uint8Array): void {
    if (this.#gaveUp || bytes.length === 0) return;
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let start = this.#afterCr && chunk[0] === LF ? 1 : 0;
    this.#afterCr = false;
    // Each line end is searched for once per chunk and kind; -1 means not searched yet.
    let nextLf = -1;
    let nextCr = -1;
    while (start < chunk.length) {
      if (nextLf < start) nextLf = indexOrEnd(chunk, LF, start);
      if (nextCr < start) nextCr = indexOrEnd(chunk, CR, start);
      const end = Math.min(nextLf, nextCr);
      if (end === chunk.length) {
        this.#keep(chunk.subarray(start));
        return;
      }
      this.#endLine(chunk.subarray(start, end));
      if (this.gaveUp) return;
      start = end + 1;
      if (end === nextCr) {
        if (start === chunk.length) this.#afterCr = true;
        else if (chunk[start] === LF) start += 1;
      }
    }
  }

  /** The body is over: reads what is pending. */
  end(): void {
    if (this.#gaveUp) return;
    if (this.#pending.length > 0) this.#endLine(Buffer.alloc(0));
    this.#dispatch();
  }

  #keep(part: Buffer): void {
    if (this.#pending.length + part.length + this.#dataBytes > this.#limitBytes) this.#giveUp();
    else this.#pending.append(part);
  }

  #endLine(rest: Buffer): void {
    // The same sum as in #keep, so that the limit falls on the same event whatever the chunks.
    if (this.#pending.length + rest.length + this.#dataBytes > this.#limitBytes) {
      this.#giveUp();
      return;
    }
    if (this.#pending.length === 0) {
      this.#line(rest);
      return;
    }
    this.#keep(rest);
    const line = this.#pending.view();
    this.#pending.clear();
    this.#line(line);
  }

  #line(whole: Buffer): void {
    const line = this.#firstLine ? withoutBom(whole) : whole;
    this.#firstLine = false;
    if (line.length === 0) {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(COLON);
    if (colon === 0) return;
    const field = line.toString('latin1', 0, colon === -1 ? line.length : Math.min(colon, LONGEST_FIELD_BYTES));
    if (field !== 'data' && field !== 'event') return;
    let valueStart = colon === -1 ? line.length : colon + 1;
    if (line[valueStart] === SPACE) valueStart += 1;
    if (field === 'event') {
      this.#name = line.toString('utf8', valueStart);
      return;
    }
    this.#dataBytes += line.length;
    this.#data.push(line.toString('utf8', valueStart));
  }

  #dispatch(): void {
    const name = this.#name;
    const data = this.#data;
    this.#name = '';
    if (data.length === 0) return;
    this.#data = [];
    this.#dataBytes = 0;
    this.#onEvent({ name, data: data.length === 1 ? (data[0] ?? '') : data.join('\n') });
  }

  #giveUp(): void {
    this.#gaveUp = true;
    this.#pending.drop();
    this.#data = [];
  }
}

/** `event` is the longest field name that we read; one byte more tells it from a longer name. */
const LONGEST_FIELD_BYTES = 6;

function indexOrEnd(chunk: Buffer, byte: number, from: number): number {
  const at = chunk.indexOf(byte, from);
  return at === -1 ? chunk.length : at;
}

function withoutBom(line: Buffer): Buffer {
  return line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? line.subarray(3) : line;
}
