import type { Api } from '../contract/api.ts';
import type { Fault } from '../contract/fault.ts';
import type { BodyFields } from '../contract/messages.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { DEPTH_LIMIT, FieldReader, NOTHING } from './field-reader.ts';
import {
  BACKSLASH,
  bytesOf,
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COMMA,
  LOWER_F,
  LOWER_N,
  LOWER_T,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
} from './json-bytes.ts';
import { Utf8Check } from './utf8-check.ts';

// What the scanner waits for. Numbers, because the loop below switches on them for every byte of structure.
const START = 0;
const KEY = 1;
const KEY_OR_END = 2;
const COLON = 3;
const VALUE = 4;
const VALUE_OR_END = 5;
const AFTER_VALUE = 6;
const STRING = 7;
const ESCAPE = 8;
const HEX = 9;
const MINUS = 10;
const ZERO = 11;
const INTEGER = 12;
const POINT = 13;
const FRACTION = 14;
const EXPONENT = 15;
const EXPONENT_SIGN = 16;
const EXPONENT_DIGITS = 17;
const LITERAL = 18;
const DONE = 19;

const OBJECT = 1;
const ARRAY = 2;

// Tables, for calls are inlined only while the compiler's budget lasts, and then cost half the speed.
/** Bytes at which the run of plain characters in a string ends: quote, backslash, control characters. */
const ENDS_RUN = Uint8Array.from({ length: 256 }, (_, c) => (c < 0x20 || c === QUOTE || c === BACKSLASH ? 1 : 0));
const IS_SPACE = bytesOf(' \t\r\n');
const IS_DIGIT = bytesOf('0123456789');
const IS_HEX = bytesOf('0123456789abcdefABCDEF');
const ESCAPABLE = bytesOf('"\\/bfnrt');
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
const NULL = Buffer.from('null');

/**
 * Checks a JSON request body as strictly as RFC 8259 has it, in any chunking, and reads from its top level what
 * routing, money and policy use. Nothing passes that a provider could read in another way than we did: no duplicate of
 * a used key, no second spelling of one, no bytes that are not UTF-8. Holds at most one key or model name; keeps no
 * reference to a chunk. Never throws.
 *
 * Errors: `body_not_json`, `body_duplicate_key`, `body_bad_field`; offsets are bytes of the whole body, and the first
 * fault in byte order is the one reported, whatever the chunking.
 */
export class BodyScanner {
  readonly #fields: FieldReader;
  readonly #utf8 = new Utf8Check();
  #fault: Fault | undefined;
  /** Bytes of earlier chunks. */
  #offset = 0;

  #state = START;
  #depth = 0;
  readonly #containers = new Uint8Array(DEPTH_LIMIT);
  #stringIsKey = false;
  #hexLeft = 0;
  #word: Uint8Array = NULL;
  #wordAt = 0;
  #objectStart = 0;
  #empty = false;

  constructor(api: Api) {
    this.#fields = new FieldReader(api);
  }

  /** What is wrong so far: lets a reader refuse a body before all of it has arrived. */
  get fault(): Fault | undefined {
    return this.#fault;
  }

  push(chunk: Uint8Array): void {
    if (this.#fault !== undefined) return;
    const read = this.#scan(chunk);
    const bad = this.#utf8.push(read === chunk.length ? chunk : chunk.subarray(0, read));
    if (bad !== undefined) this.#fault = { code: 'body_not_json', why: 'a sequence that is not UTF-8', atByte: bad };
    this.#offset += chunk.length;
    this.#fields.offset = this.#offset;
  }

  end(): Result<BodyFields, Fault> {
    if (this.#fault !== undefined) return failed(this.#fault);
    const unfinished = this.#utf8.end();
    if (unfinished !== undefined) return failed(notJson('a sequence that is not UTF-8', unfinished));
    if (this.#state === START) return failed(notJson('the body is empty', this.#offset));
    if (this.#state !== DONE) return failed(notJson('the body ends early', this.#offset));
    return ok({ objectStart: this.#objectStart, empty: this.#empty, ...this.#fields.fields });
  }

  /**
   * Reads one chunk; returns how many bytes of it are in order. One loop over locals: a method call per byte makes
   * bodies of small values three times as slow (bench/micro/body-scan.bench.ts).
   */
  #scan(chunk: Uint8Array): number {
    const containers = this.#containers;
    const fields = this.#fields;
    const length = chunk.length;
    let state = this.#state;
    let depth = this.#depth;
    let i = 0;
    while (i < length) {
      let c = chunk[i] ?? 0;
      switch (state) {
        case STRING: {
          while (ENDS_RUN[c] === 0 && ++i < length) c = chunk[i] ?? 0;
          if (i >= length) break;
          if (c === QUOTE) {
            i += 1;
            state = this.#stringIsKey ? COLON : AFTER_VALUE;
            if (fields.keeping !== NOTHING && !fields.stringEnds(chunk, i)) return this.#refused(i);
            if (depth === 1 && state === AFTER_VALUE) fields.valueEnds(i);
          } else if (c === BACKSLASH) {
            i += 1;
            state = ESCAPE;
          } else {
            return this.#refuse('a control character in a string', i);
          }
          break;
        }
        case ESCAPE: {
          if (c === 0x75) {
            this.#hexLeft = 4;
            state = HEX;
          } else if (ESCAPABLE[c] === 1) state = STRING;
          else return this.#refuse('an unknown escape', i);
          i += 1;
          break;
        }
        case HEX: {
          if (IS_HEX[c] === 0) return this.#refuse('an unknown escape', i);
          i += 1;
          if (--this.#hexLeft === 0) state = STRING;
          break;
        }
        case AFTER_VALUE: {
          i += 1;
          if (c === COMMA) state = containers[depth - 1] === OBJECT ? KEY : VALUE;
          else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) {
            if (containers[depth - 1] !== (c === CLOSE_BRACE ? OBJECT : ARRAY)) {
              return this.#refuse('the wrong closing bracket', i - 1);
            }
            depth -= 1;
            state = depth === 0 ? DONE : AFTER_VALUE;
            if (depth === 1) fields.valueEnds(i);
          } else if (IS_SPACE[c] === 0)
            return this.#refuse('neither a comma nor a closing bracket after a value', i - 1);
          break;
        }
        case KEY:
        case KEY_OR_END: {
          if (c === QUOTE) {
            this.#stringIsKey = true;
            state = STRING;
            if (depth <= fields.interest) fields.keyStarts(depth, chunk, i);
          } else if (c === CLOSE_BRACE && state === KEY_OR_END) {
            if (depth === 1) this.#empty = true;
            depth -= 1;
            state = depth === 0 ? DONE : AFTER_VALUE;
            if (depth === 1) fields.valueEnds(i + 1);
          } else if (IS_SPACE[c] === 0) return this.#refuse('no key where one belongs', i);
          i += 1;
          break;
        }
        case COLON: {
          if (c === 0x3a) state = VALUE;
          else if (IS_SPACE[c] === 0) return this.#refuse('no colon after a key', i);
          i += 1;
          break;
        }
        case VALUE:
        case VALUE_OR_END: {
          if (IS_SPACE[c] === 1) {
            i += 1;
            break;
          }
          if (c === CLOSE_BRACKET && state === VALUE_OR_END) {
            depth -= 1;
            state = AFTER_VALUE;
            if (depth === 1) fields.valueEnds(i + 1);
            i += 1;
            break;
          }
          if (depth <= fields.interest && !fields.valueStarts(depth, c, i)) return this.#refused(i);
          i += 1;
          if (c === QUOTE) {
            this.#stringIsKey = false;
            state = STRING;
          } else if (c === OPEN_BRACE || c === OPEN_BRACKET) {
            if (depth === DEPTH_LIMIT) return this.#refuse(`more than ${DEPTH_LIMIT} levels`, i - 1);
            containers[depth] = c === OPEN_BRACE ? OBJECT : ARRAY;
            depth += 1;
            state = c === OPEN_BRACE ? KEY_OR_END : VALUE_OR_END;
          } else if (c === 0x30) state = ZERO;
          else if (IS_DIGIT[c] === 1) state = INTEGER;
          else if (c === 0x2d) state = MINUS;
          else if (c === LOWER_T || c === LOWER_F || c === LOWER_N) {
            this.#word = c === LOWER_T ? TRUE : c === LOWER_F ? FALSE : NULL;
            this.#wordAt = 1;
            state = LITERAL;
          } else return this.#refuse('no value where one belongs', i - 1);
          break;
        }
        case MINUS: {
          if (c === 0x30) state = ZERO;
          else if (IS_DIGIT[c] === 1) state = INTEGER;
          else return this.#refuse('not a number', i);
          i += 1;
          break;
        }
        case POINT:
        case EXPONENT_SIGN: {
          if (IS_DIGIT[c] === 0) return this.#refuse('not a number', i);
          state = state === POINT ? FRACTION : EXPONENT_DIGITS;
          i += 1;
          break;
        }
        case EXPONENT: {
          if (IS_DIGIT[c] === 1) state = EXPONENT_DIGITS;
          else if (c === 0x2b || c === 0x2d) state = EXPONENT_SIGN;
          else return this.#refuse('not a number', i);
          i += 1;
          break;
        }
        case ZERO:
        case INTEGER:
        case FRACTION:
        case EXPONENT_DIGITS: {
          if (IS_DIGIT[c] === 1 && state !== ZERO) i += 1;
          else if (c === 0x2e && (state === ZERO || state === INTEGER)) {
            state = POINT;
            i += 1;
          } else if ((c === 0x65 || c === 0x45) && state !== EXPONENT_DIGITS) {
            state = EXPONENT;
            i += 1;
          } else {
            // The number ended before this byte, which is looked at again.
            state = AFTER_VALUE;
            if (depth === 1) fields.valueEnds(i);
          }
          break;
        }
        case LITERAL: {
          if (c !== this.#word[this.#wordAt]) return this.#refuse('no value where one belongs', i);
          i += 1;
          this.#wordAt += 1;
          if (this.#wordAt === this.#word.length) {
            state = AFTER_VALUE;
            if (depth === 1) fields.valueEnds(i);
          }
          break;
        }
        case START: {
          if (c === OPEN_BRACE) {
            containers[0] = OBJECT;
            depth = 1;
            state = KEY_OR_END;
            this.#objectStart = this.#offset + i + 1;
          } else if (c === 0xef) return this.#refuse('a byte order mark, or no value', i);
          else if (IS_SPACE[c] === 0) return this.#refuse('the top level is not an object', i);
          i += 1;
          break;
        }
        default: {
          if (IS_SPACE[c] === 0) return this.#refuse('bytes after the end', i);
          i += 1;
        }
      }
    }
    this.#state = state;
    this.#depth = depth;
    if (fields.keeping !== NOTHING) fields.chunkEnds(chunk);
    return length;
  }

  /** By the reader of fields, which said why. */
  #refused(at: number): number {
    this.#fault = this.#fields.fault;
    return at;
  }

  #refuse(why: string, at: number): number {
    this.#fault = notJson(why, this.#offset + at);
    return at;
  }
}

function notJson(why: string, atByte: number): Fault {
  return { code: 'body_not_json', why, atByte };
}
