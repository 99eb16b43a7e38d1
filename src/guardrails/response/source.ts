import { joined } from '../../lib/joined.ts';

/**
 * Bytes of a body -> its events, in any chunking. All bytes come out again, in order: what stands between events
 * belongs to one of them. Binary event streams will be one more.
 */
export interface Source {
  push(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[];
  /** Bytes of the event that is not whole, given away. */
  rest(): Uint8Array<ArrayBuffer>;
  /** So many bytes wait for an event's end. */
  readonly heldBytes: number;
}

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** What all sources do: keep what has no end yet, and cut where `ends` says. */
abstract class Cutter implements Source {
  #parts: Uint8Array<ArrayBuffer>[] = [];
  #heldBytes = 0;

  get heldBytes(): number {
    return this.#heldBytes;
  }

  push(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
    const events: Uint8Array<ArrayBuffer>[] = [];
    let from = 0;
    for (const to of this.ends(bytes)) {
      events.push(this.#take(bytes.subarray(from, to)));
      from = to;
    }
    if (from < bytes.length) {
      this.#parts.push(bytes.subarray(from));
      this.#heldBytes += bytes.length - from;
    }
    return events;
  }

  rest(): Uint8Array<ArrayBuffer> {
    return this.#take(new Uint8Array(0));
  }

  /** Where events end in these bytes. */
  protected abstract ends(bytes: Uint8Array): number[];

  #take(last: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (this.#parts.length === 0) return last;
    const whole = joined([...this.#parts, last]);
    this.#parts = [];
    this.#heldBytes = 0;
    return whole;
  }
}

/** Blocks of server-sent events, with the blank line that ends each. */
export class BlockSource extends Cutter {
  #lineIsEmpty = true;
  #afterCr = false;

  protected ends(bytes: Uint8Array): number[] {
    const ends: number[] = [];
    // Each kind of line end is searched for once: a line may be megabytes long.
    let nextLf = -1;
    let nextCr = -1;
    for (let i = 0; i < bytes.length; i++) {
      if (bytes[i] !== LF && bytes[i] !== CR) {
        this.#lineIsEmpty = false;
        this.#afterCr = false;
        if (nextLf < i) nextLf = indexOrEnd(bytes, LF, i);
        if (nextCr < i) nextCr = indexOrEnd(bytes, CR, i);
        i = Math.min(nextLf, nextCr) - 1;
        continue;
      }
      const c = bytes[i];
      // The line ended at its CR; where that was a blank line, this LF begins the next block, and says nothing there.
      const secondHalf = c === LF && this.#afterCr;
      this.#afterCr = c === CR;
      if (secondHalf) {
        if (ends.at(-1) === i) ends[ends.length - 1] = i + 1;
      } else if (!this.#lineIsEmpty) this.#lineIsEmpty = true;
      else ends.push(i + 1);
    }
    return ends;
  }
}

export function indexOrEnd(bytes: Uint8Array, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from);
  return at === -1 ? bytes.length : at;
}

/** Lines, each with its end. */
export class LineSource extends Cutter {
  protected ends(bytes: Uint8Array): number[] {
    const ends: number[] = [];
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, at + 1)) ends.push(at + 1);
    return ends;
  }
}

/** Elements of one JSON array, each with what stands before it; what closes the array comes by itself. */
export class ElementSource extends Cutter {
  #at: 'before' | 'inside' | 'after' | 'broken' = 'before';
  #depth = 0;
  #inString = false;
  #escaped = false;

  /** It was no array of objects: what came since is no event. */
  get broken(): boolean {
    return this.#at === 'broken';
  }

  protected ends(bytes: Uint8Array): number[] {
    const ends: number[] = [];
    for (let i = 0; i < bytes.length; i++) {
      const c = bytes[i] ?? 0;
      if (this.#depth === 0) {
        this.#between(c);
        if (this.#at === 'after') ends.push(i + 1);
      } else if (this.#inElement(c)) ends.push(i + 1);
    }
    return ends;
  }

  #between(c: number): void {
    if (c === 0x20 || c === LF || c === CR || c === 0x09) return;
    if (this.#at === 'before' && c === OPEN_BRACKET) this.#at = 'inside';
    // A byte order mark.
    else if (this.#at === 'before' && c >= 0xbb) return;
    else if (this.#at === 'inside' && (c === OPEN_BRACE || c === OPEN_BRACKET)) this.#depth = 1;
    else if (this.#at === 'inside' && c === CLOSE_BRACKET) this.#at = 'after';
    else if (this.#at !== 'inside' || c !== COMMA) this.#at = 'broken';
  }

  /** True at its last byte. */
  #inElement(c: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (c === BACKSLASH) this.#escaped = true;
      else if (c === QUOTE) this.#inString = false;
      return false;
    }
    if (c === QUOTE) this.#inString = true;
    else if (c === OPEN_BRACE || c === OPEN_BRACKET) this.#depth += 1;
    else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) this.#depth -= 1;
    return this.#depth === 0;
  }
}

/** The body is one event, and ends with itself. */
export class WholeSource extends Cutter {
  protected ends(): number[] {
    return [];
  }
}
