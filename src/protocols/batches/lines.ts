import { PendingBytes } from '../../lib/pending-bytes.ts';

/**
 * The largest line that is read, as for an event of a stream (`sse.ts`): one answer may hold images. A longer one is passed
 * over, and flagged.
 */
const LINE_LIMIT_BYTES = 64 * 1024 * 1024;

const LF = 0x0a;
/** Of a line that spans chunks. */
const PENDING = { startBytes: 4096, keptBytes: 1024 * 1024 };
const BYTE_ORDER_MARK = '\uFEFF';

/**
 * Bytes of JSON Lines -> the text of each line that is not blank, as soon as it is whole, in any chunking. Works on bytes up
 * to whole lines, so that no character is ever torn. Keeps nothing of a pushed buffer after `push` returns.
 */
export class LineReader {
  readonly #onLine: (text: string) => void;
  readonly #limitBytes: number;
  readonly #pending = new PendingBytes(PENDING);
  #isFirst = true;
  /** The line under way is too long: nothing of it is kept. */
  #passingOver = false;
  #passedOver = 0;

  constructor(onLine: (text: string) => void, limitBytes = LINE_LIMIT_BYTES) {
    this.#onLine = onLine;
    this.#limitBytes = limitBytes;
  }

  /** Lines that were too long to be read. */
  get passedOver(): number {
    return this.#passedOver;
  }

  push(bytes: Uint8Array): void {
    const chunk = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let start = 0;
    for (let feed = chunk.indexOf(LF); feed >= 0; feed = chunk.indexOf(LF, start)) {
      this.#endLine(chunk.subarray(start, feed));
      start = feed + 1;
    }
    this.#keep(chunk.subarray(start));
  }

  /** The body is over: the last line needs no line feed. */
  end(): void {
    this.#endLine(Buffer.alloc(0));
  }

  #keep(part: Buffer): void {
    if (this.#passingOver || part.length === 0) return;
    if (this.#pending.length + part.length > this.#limitBytes) {
      this.#passingOver = true;
      this.#pending.drop();
    } else this.#pending.append(part);
  }

  #endLine(rest: Buffer): void {
    if (this.#pending.length === 0 && !this.#passingOver && rest.length <= this.#limitBytes) {
      this.#line(rest.toString('utf8'));
      return;
    }
    this.#keep(rest);
    if (this.#passingOver) {
      this.#passingOver = false;
      this.#passedOver += 1;
      this.#isFirst = false;
      return;
    }
    const text = this.#pending.view().toString('utf8');
    this.#pending.clear();
    this.#line(text);
  }

  #line(text: string): void {
    const line = this.#isFirst && text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
    this.#isFirst = false;
    if (line.trim() !== '') this.#onLine(line);
  }
}
