/** What the simulator writes into each delta when asked for `stamp=1`: microseconds since the epoch. */
const STAMP = Buffer.from('@t');
const STAMP_DIGITS = 16;
const STAMP_BYTES = STAMP.length + STAMP_DIGITS + 1;

const LF = 10;
const CR = 13;

/**
 * Counts the events of an SSE body in any chunking, and finds the stamps in it. An event ends with an empty line; line
 * ends may be LF or CRLF. Blank lines in a row count once.
 */
export class StreamCounter {
  readonly #onStamp: (epochUs: number) => void;
  #emptyLine = true;
  #inEvent = false;
  #tail = Buffer.alloc(0);
  events = 0;

  constructor(onStamp: (epochUs: number) => void) {
    this.#onStamp = onStamp;
  }

  push(bytes: Buffer): void {
    this.#count(bytes);
    this.#findStamps(bytes);
  }

  #count(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      const end = bytes.indexOf(LF, at);
      const stop = end < 0 ? bytes.length : end;
      // All but an empty line's own CR is content.
      if (stop > at && !(stop === at + 1 && bytes[at] === CR)) {
        this.#emptyLine = false;
        this.#inEvent = true;
      }
      if (end < 0) return;
      if (this.#emptyLine && this.#inEvent) {
        this.events += 1;
        this.#inEvent = false;
      }
      this.#emptyLine = true;
      at = end + 1;
    }
  }

  #findStamps(bytes: Buffer): void {
    const all = this.#tail.length === 0 ? bytes : Buffer.concat([this.#tail, bytes]);
    let at = 0;
    let keepFrom = Math.max(0, all.length - STAMP.length + 1);
    for (;;) {
      const found = all.indexOf(STAMP, at);
      if (found < 0) break;
      if (found + STAMP_BYTES > all.length) {
        keepFrom = found;
        break;
      }
      const digits = all.toString('latin1', found + STAMP.length, found + STAMP.length + STAMP_DIGITS);
      if (/^\d{16}$/.test(digits)) this.#onStamp(Number(digits));
      at = found + STAMP.length;
      keepFrom = Math.max(at, all.length - STAMP.length + 1);
    }
    this.#tail = keepFrom >= all.length ? EMPTY : Buffer.from(all.subarray(keepFrom));
  }
}

const EMPTY = Buffer.alloc(0);
