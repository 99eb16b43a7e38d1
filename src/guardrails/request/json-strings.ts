import type { Fault } from '../../contract/fault.ts';
import { stringValue } from '../../protocols/json-walk.ts';
import { NO_SEALS, SEALS } from './places.ts';
import type { Holder, Spot } from './places.ts';

/** What the characters of a string are, bit by bit. */
export const WORDS = 1;
/** `.`, `:`, `/`, `+`, `=`, `-`: words with them are still ids. */
export const PUNCTUATION = 2;
export const OTHERS = 4;
export const ESCAPES = 8;
export const NOT_ASCII = 16;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const CHARACTERS = Uint8Array.from({ length: 256 }, (_, c) => {
  if (c >= 0x80) return NOT_ASCII;
  if (c === BACKSLASH) return ESCAPES;
  const letter = String.fromCharCode(c);
  return /\w/.test(letter) ? WORDS : '.:/+=-'.includes(letter) ? PUNCTUATION : OTHERS;
});

/** A string, a key or a long number of a body, before anybody knows what its object says of it. */
export interface Found {
  /** Of a string, with its quotes: half-open byte range. */
  start: number;
  end: number;
  what: 'text' | 'key' | 'number';
  characters: number;
  spot: Spot;
  holder: Holder | undefined;
  /** The key that it is the value of, quotes included; both 0 where none is known. */
  keyStart: number;
  keyEnd: number;
}

/** A body with more is none that anybody means; each costs a hundred bytes while it is judged. */
const FOUND_MAX = 500_000;

/** As the scanner of bodies has it. */
const DEPTH_MAX = 512;

/** A card or a phone number, written as a JSON number. */
const NUMBER_DIGITS = 9;

/** Keys that are remembered, a power of two, and how long they may be. */
const MET_KEYS = 256;
const MET_BYTES = 48;

/** Keys beyond as many of one object are looked up in a set. */
const FEW_KEYS = 8;

/**
 * One pass over valid JSON: all strings with their places, and whether an object has a key twice. On anything else the
 * answer is useless, but the pass ends.
 */
export class JsonStrings {
  readonly found: Found[] = [];
  fault: Fault | undefined;
  readonly #bytes: Buffer;
  readonly #refuseTwins: boolean;
  readonly #met: ({ start: number; end: number; text: string } | undefined)[] = [];
  #at = 0;
  /** The string that ended last has only characters of words and of base64. */
  #isOpaque = false;
  #depth = 0;

  /** `refuseTwins`: a key that stands twice in one object is a fault. */
  constructor(bytes: Uint8Array, refuseTwins: boolean) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#refuseTwins = refuseTwins;
  }

  read(spot: Spot): void {
    this.#value(spot, undefined, 0, 0);
  }

  #value(spot: Spot, holder: Holder | undefined, keyStart: number, keyEnd: number): void {
    switch (this.#skipSpace()) {
      case QUOTE: {
        const start = this.#at;
        const characters = this.#string();
        this.#add('text', start, characters, spot, holder, keyStart, keyEnd);
        return;
      }
      case 0x7b:
        if (this.#deeper()) this.#object(spot, holder);
        this.#depth -= 1;
        return;
      case 0x5b:
        if (this.#deeper()) this.#array(spot, holder, keyStart, keyEnd);
        this.#depth -= 1;
        return;
      default:
        return this.#scalar(spot, holder, keyStart, keyEnd);
    }
  }

  #deeper(): boolean {
    this.#depth += 1;
    if (this.#depth <= DEPTH_MAX) return true;
    this.fault ??= { code: 'body_not_json', why: `more than ${DEPTH_MAX} levels`, atByte: this.#at };
    return false;
  }

  #array(spot: Spot, holder: Holder | undefined, keyStart: number, keyEnd: number): void {
    this.#at += 1;
    while (this.fault === undefined && this.#at < this.#bytes.length) {
      const c = this.#skipSpace();
      if (c === 0x5d || c === 0x2c) {
        this.#at += 1;
        if (c === 0x5d) return;
      } else this.#value(spot, holder, keyStart, keyEnd);
    }
  }

  #object(spot: Spot, outer: Holder | undefined): void {
    const holder = spot.holder === undefined ? outer : newHolder(spot.holder, outer);
    const keys = new Keys();
    this.#at += 1;
    while (this.fault === undefined && this.#at < this.#bytes.length) {
      const c = this.#skipSpace();
      if (c === QUOTE) this.#member(spot, holder, keys);
      else {
        this.#at += 1;
        if (c === 0x7d) return;
      }
    }
  }

  #member(spot: Spot, holder: Holder | undefined, keys: Keys): void {
    const start = this.#at;
    const characters = this.#string();
    const end = this.#at;
    const key = this.#keyText(start, end, characters);
    if (!keys.add(key) && this.#refuseTwins) {
      this.fault = { code: 'body_duplicate_key', key, atByte: start };
      return;
    }
    if (spot.data === true) this.#add('key', start, characters, spot, holder, 0, 0, end);
    // The colon.
    this.#skipSpace();
    this.#at += 1;
    const inner = spot.members?.get(key) ?? spot.rest ?? spot;
    this.#skipSpace();
    const valueStart = this.#at;
    this.#value(inner, holder, inner.data === true ? start : 0, inner.data === true ? end : 0);
    if (spot.holder !== undefined && holder !== undefined) this.#note(holder, key, valueStart);
  }

  /** What a member says of the texts of its object. */
  #note(holder: Holder, key: string, valueStart: number): void {
    const isText = this.#bytes[valueStart] === QUOTE;
    if (key === 'thought') holder.thought = this.#bytes[valueStart] === 0x74;
    if (!isText || this.#at - valueStart <= 2) return;
    if (key === 'id') holder.hasId = true;
    else if (key === 'role' || key === 'type') holder[key] = this.#short(valueStart);
    // What is no signature by its looks seals nothing: anybody could write it there to have the block left alone.
    else if (SEALS.has(key) && this.#isOpaque && !NO_SEALS.has(this.#short(valueStart))) holder.seal = key;
  }

  /** The text of the string that ends here; cut where it is longer than any word that means something. */
  #short(start: number): string {
    if (this.#at - start > 256) return '';
    return stringValue(this.#bytes.subarray(start, this.#at)) ?? '';
  }

  /** Most keys of a body are the same few: one that was met before is not made again. */
  #keyText(start: number, end: number, characters: number): string {
    const bytes = this.#bytes;
    if ((characters & (ESCAPES | NOT_ASCII)) !== 0) return stringValue(bytes.subarray(start, end)) ?? '';
    if (end - start > MET_BYTES) return bytes.toString('latin1', start + 1, end - 1);
    let hash = 0;
    for (let i = start + 1; i < end; i++) hash = (Math.imul(hash, 31) + (bytes[i] ?? 0)) | 0;
    const met = this.#met[hash & (MET_KEYS - 1)];
    if (met !== undefined && met.end - met.start === end - start) {
      let i = 0;
      while (i < end - start && bytes[met.start + i] === bytes[start + i]) i += 1;
      if (i === end - start) return met.text;
    }
    const text = bytes.toString('latin1', start + 1, end - 1);
    this.#met[hash & (MET_KEYS - 1)] = { start, end, text };
    return text;
  }

  #scalar(spot: Spot, holder: Holder | undefined, keyStart: number, keyEnd: number): void {
    const start = this.#at;
    let i = start;
    for (; i < this.#bytes.length; i++) {
      const c = this.#bytes[i] ?? 0;
      if (c <= 0x20 || c === 0x2c || c === 0x5d || c === 0x7d) break;
    }
    // Never stands still, whatever the bytes are.
    this.#at = Math.max(i, start + 1);
    if (spot.data === true && i - start >= NUMBER_DIGITS) {
      this.#add('number', start, WORDS, spot, holder, keyStart, keyEnd);
    }
  }

  /** Goes past the string that begins here, and says what its characters are. */
  #string(): number {
    const bytes = this.#bytes;
    const length = bytes.length;
    let characters = 0;
    let i = this.#at + 1;
    while (i < length) {
      const c = bytes[i] ?? 0;
      if (c === QUOTE) break;
      characters |= CHARACTERS[c] ?? 0;
      i += c === BACKSLASH ? 2 : 1;
    }
    this.#at = Math.min(i + 1, length);
    this.#isOpaque = (characters & ~(WORDS | PUNCTUATION)) === 0;
    return characters;
  }

  #add(
    what: Found['what'],
    start: number,
    characters: number,
    spot: Spot,
    holder: Holder | undefined,
    keyStart: number,
    keyEnd: number,
    end = this.#at,
  ): void {
    if (end - start <= 2) return;
    if (this.found.length === FOUND_MAX) {
      this.fault ??= { code: 'body_bad_field', field: '(body)', why: `holds more than ${FOUND_MAX} texts` };
      return;
    }
    this.found.push({ start, end, what, characters, spot, holder, keyStart, keyEnd });
  }

  /** The byte that comes next, white space aside. */
  #skipSpace(): number {
    let c = this.#bytes[this.#at] ?? 0;
    while (c === 0x20 || c === 0x0a || c === 0x0d || c === 0x09) c = this.#bytes[++this.#at] ?? 0;
    return c;
  }
}

function newHolder(kind: Holder['kind'], outer: Holder | undefined): Holder {
  return { kind, outer, role: '', type: '', seal: '', hasId: false, thought: false };
}

/** The keys of one object. Most have few, and a set for each object costs more than the rest of the pass. */
class Keys {
  readonly #few: string[] = [];
  #many: Set<string> | undefined;

  /** False where the key is there already. */
  add(key: string): boolean {
    if (this.#many !== undefined) {
      const before = this.#many.size;
      return this.#many.add(key).size > before;
    }
    if (this.#few.includes(key)) return false;
    this.#few.push(key);
    if (this.#few.length > FEW_KEYS) this.#many = new Set(this.#few);
    return true;
  }
}
