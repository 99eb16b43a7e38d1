const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const SPACE = new Set([0x09, 0x0a, 0x0d, 0x20]);

/** As for an event of a stream (`sse.ts`): one item may hold an image. */
export const ITEM_LIMIT_BYTES = 64 * 1024 * 1024;

const PENDING_START_BYTES = 4096;

/**
 * Bytes of one JSON array -> the text of each of its objects and arrays, as soon as it is whole, in any chunking. Counts
 * brackets outside of strings only, as texts are full of them. Keeps nothing of a pushed buffer after `push` returns.
 */
export class JsonItems {
  readonly #onItem: (text: string) => void;
  readonly #limitBytes: number;
  #at: 'before' | 'inside' | 'after' | 'stopped' = 'before';
  /** Open brackets of the item under way. */
  #depth = 0;
  #inString = false;
  #escaped = false;
  #pending = Buffer.alloc(0);
  #pendingBytes = 0;
  #readable = true;

  constructor(onItem: (text: string) => void, limitBytes = ITEM_LIMIT_BYTES) {
    this.#onItem = onItem;
    this.#limitBytes = limitBytes;
  }

  /** The closing bracket of the array came. */
  get whole(): boolean {
    return this.#at === 'after';
  }

  /** False once something stood there that no array of objects has, or an item exceeded the limit: reading stopped. */
  get readable(): boolean {
    return this.#readable;
  }

  push(bytes: Uint8Array): void {
    let itemStart = 0;
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] ?? 0;
      if (this.#depth === 0) {
        this.#between(byte);
        if (this.#at === 'stopped') return;
        itemStart = i;
      } else if (this.#inItem(byte)) {
        this.#keep(bytes.subarray(itemStart, i + 1));
        if (!this.#readable) return;
        this.#endItem();
      }
    }
    if (this.#depth > 0) this.#keep(bytes.subarray(itemStart));
  }

  #between(byte: number): void {
    if (SPACE.has(byte)) return;
    if (this.#at === 'before' && byte === OPEN_ARRAY) this.#at = 'inside';
    else if (this.#at === 'inside' && OPEN.has(byte)) this.#depth = 1;
    else if (this.#at === 'inside' && byte === CLOSE_ARRAY) this.#at = 'after';
    else if (this.#at !== 'inside' || byte !== COMMA) this.#stop();
  }

  /** Reads a byte of an item; true when it was its last. */
  #inItem(byte: number): boolean {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#inString = false;
      return false;
    }
    if (byte === QUOTE) this.#inString = true;
    else if (OPEN.has(byte)) this.#depth += 1;
    else if (CLOSE.has(byte)) this.#depth -= 1;
    return this.#depth === 0;
  }

  #keep(part: Uint8Array): void {
    const needed = this.#pendingBytes + part.length;
    if (needed > this.#limitBytes) {
      this.#stop();
      return;
    }
    if (needed > this.#pending.length) {
      const grown = Buffer.allocUnsafe(Math.max(PENDING_START_BYTES, needed, this.#pending.length * 2));
      this.#pending.copy(grown, 0, 0, this.#pendingBytes);
      this.#pending = grown;
    }
    this.#pending.set(part, this.#pendingBytes);
    this.#pendingBytes = needed;
  }

  #endItem(): void {
    const text = this.#pending.toString('utf8', 0, this.#pendingBytes);
    this.#pendingBytes = 0;
    if (this.#pending.length > PENDING_START_BYTES * 64) this.#pending = Buffer.alloc(0);
    this.#onItem(text);
  }

  #stop(): void {
    this.#at = 'stopped';
    this.#readable = false;
    this.#depth = 0;
    this.#pending = Buffer.alloc(0);
    this.#pendingBytes = 0;
  }
}
