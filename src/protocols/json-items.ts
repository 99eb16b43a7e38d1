import { ITEM_LIMIT_BYTES, JsonItem } from './json-item.ts';

const COMMA = 0x2c;
const OPEN = new Set([0x5b, 0x7b]);
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const SPACE = new Set([0x09, 0x0a, 0x0d, 0x20]);

/**
 * Bytes of one JSON array -> the text of each of its objects and arrays, as soon as it is whole, in any chunking. Keeps
 * nothing of a pushed buffer after `push` returns.
 */
export class JsonItems {
  readonly #onItem: (text: string) => void;
  readonly #item: JsonItem;
  #at: 'before' | 'inside' | 'after' | 'stopped' = 'before';
  #readable = true;

  constructor(onItem: (text: string) => void, limitBytes = ITEM_LIMIT_BYTES) {
    this.#onItem = onItem;
    this.#item = new JsonItem(limitBytes);
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
      if (!this.#item.isOpen) {
        this.#between(byte);
        if (this.#at === 'stopped') return;
        itemStart = i;
      } else if (this.#item.read(byte)) {
        if (!this.#keep(bytes.subarray(itemStart, i + 1))) return;
        this.#onItem(this.#item.take());
      }
    }
    if (this.#item.isOpen) this.#keep(bytes.subarray(itemStart));
  }

  #between(byte: number): void {
    if (SPACE.has(byte)) return;
    if (this.#at === 'before' && byte === OPEN_ARRAY) this.#at = 'inside';
    else if (this.#at === 'inside' && OPEN.has(byte)) this.#item.open();
    else if (this.#at === 'inside' && byte === CLOSE_ARRAY) this.#at = 'after';
    else if (this.#at !== 'inside' || byte !== COMMA) this.#stop();
  }

  #keep(part: Uint8Array): boolean {
    const isKept = this.#item.keep(part);
    if (!isKept) this.#stop();
    return isKept;
  }

  #stop(): void {
    this.#at = 'stopped';
    this.#readable = false;
    this.#item.drop();
  }
}
