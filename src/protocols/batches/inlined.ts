import { ITEM_LIMIT_BYTES, JsonItem } from '../json-item.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
const OPEN = new Set([OPEN_BRACE, OPEN_BRACKET]);
const CLOSE_BRACKET = 0x5d;
const CLOSE = new Set([CLOSE_BRACKET, 0x7d]);
const SPACE = new Set([0x09, 0x0a, 0x0d, 0x20]);

/** The list of answers, in the spellings of Google's servers. */
const LISTS = new Set(['inlinedResponses', 'inlined_responses']);
/** Names and values that are of use are shorter. */
const TOKEN_CHARS = 64;
/** The list stands three or four deep; what nests deeper outside of it is no batch. */
const DEPTH_MAX = 64;

/** An open object or array outside of the items. */
interface Level {
  isArray: boolean;
  /** The member that it is the value of; empty within an array. */
  key: string;
}

/** A scalar beside the items: `done`, `state`, an error's code. */
export type OnValue = (path: readonly string[], token: string) => void;

/**
 * Bytes of a batch of Gemini's, as one JSON object -> the text of each answer in it as soon as it is whole, in any chunking.
 * Answers stand at one or two places, which repeat one another: those of the first place that has some are told. Keeps
 * nothing of a pushed buffer after `push` returns.
 */
export class InlinedReader {
  readonly #onItem: (text: string) => void;
  readonly #onValue: OnValue;
  readonly #item: JsonItem;
  readonly #levels: Level[] = [];
  #at: 'before' | 'inside' | 'after' | 'stopped' = 'before';
  #inString = false;
  #escaped = false;
  /** The string or scalar under way, outside of items; its beginning. */
  #token = '';
  #isScalar = false;
  /** The member whose value comes next. */
  #key = '';
  #isKeyDue = false;
  #isTold = false;
  #place: string | undefined;
  #isTooLong = false;
  #passedOver = 0;

  constructor(onItem: (text: string) => void, onValue: OnValue, limitBytes = ITEM_LIMIT_BYTES) {
    this.#onItem = onItem;
    this.#onValue = onValue;
    this.#item = new JsonItem(limitBytes);
  }

  /** The object's closing brace came, and all before it was JSON as far as can be told from its brackets. */
  get whole(): boolean {
    return this.#at === 'after';
  }

  /** Items that were too long to be read. */
  get passedOver(): number {
    return this.#passedOver;
  }

  push(bytes: Uint8Array): void {
    let itemStart = 0;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] ?? 0;
      if (this.#item.isOpen) {
        if (!this.#item.read(byte)) continue;
        this.#keep(bytes.subarray(itemStart, i + 1));
        this.#endItem();
      } else {
        this.#outside(byte);
        if (this.#at === 'stopped') return;
        // Where this byte opened an item, it is its first.
        itemStart = i;
      }
    }
    if (this.#item.isOpen) this.#keep(bytes.subarray(itemStart));
  }

  #outside(byte: number): void {
    if (this.#inString) {
      this.#inText(byte);
      return;
    }
    if (this.#isScalar && (SPACE.has(byte) || byte === COMMA || CLOSE.has(byte))) this.#endValue();
    if (SPACE.has(byte)) return;
    if (this.#at === 'before' ? byte !== OPEN_BRACE : this.#at === 'after') {
      this.#at = 'stopped';
      return;
    }
    if (byte === QUOTE) {
      this.#inString = true;
      this.#token = '';
    } else if (OPEN.has(byte)) this.#open(byte);
    else if (CLOSE.has(byte)) this.#close(byte);
    else if (byte === COMMA) this.#isKeyDue = this.#levels.at(-1)?.isArray === false;
    else if (byte === COLON) this.#isKeyDue = false;
    else this.#scalar(byte);
  }

  #inText(byte: number): void {
    if (!this.#escaped && byte === QUOTE) {
      this.#inString = false;
      if (this.#isKeyDue) this.#key = this.#token;
      else this.#endValue();
      return;
    }
    this.#escaped = !this.#escaped && byte === BACKSLASH;
    // What is of use has no escapes, and no letters beyond ASCII.
    if (this.#token.length < TOKEN_CHARS) this.#token += String.fromCharCode(byte);
  }

  #scalar(byte: number): void {
    if (!this.#isScalar) this.#token = '';
    this.#isScalar = true;
    if (this.#token.length < TOKEN_CHARS) this.#token += String.fromCharCode(byte);
  }

  #endValue(): void {
    this.#isScalar = false;
    this.#onValue([...this.#levels.slice(1).map(({ key }) => key), this.#key], this.#token);
  }

  #open(byte: number): void {
    const isArray = byte === OPEN_BRACKET;
    const list = this.#levels.at(-1);
    if (byte === OPEN_BRACE && list?.isArray === true && LISTS.has(list.key)) {
      const place = this.#levels[1]?.key ?? '';
      this.#isTold = (this.#place ?? place) === place;
      if (this.#isTold) this.#place = place;
      this.#item.open();
      return;
    }
    if (this.#levels.length === DEPTH_MAX) {
      this.#at = 'stopped';
      return;
    }
    this.#at = 'inside';
    this.#levels.push({ isArray, key: list?.isArray === true ? '' : this.#key });
    this.#isKeyDue = !isArray;
    this.#key = '';
  }

  #close(byte: number): void {
    const level = this.#levels.pop();
    if (level === undefined || level.isArray !== (byte === CLOSE_BRACKET)) this.#at = 'stopped';
    else if (this.#levels.length === 0) this.#at = 'after';
    this.#isKeyDue = false;
  }

  #keep(part: Uint8Array): void {
    if (this.#isTold && !this.#isTooLong) this.#isTooLong = !this.#item.keep(part);
  }

  #endItem(): void {
    const text = this.#item.take();
    if (this.#isTooLong) this.#passedOver += 1;
    else if (this.#isTold) this.#onItem(text);
    this.#isTooLong = false;
  }
}
