import { PendingBytes } from '../lib/pending-bytes.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = new Set([0x5b, 0x7b]);
const CLOSE = new Set([0x5d, 0x7d]);

/** As for an event of a stream (`sse.ts`): one item may hold an image. */
export const ITEM_LIMIT_BYTES = 64 * 1024 * 1024;

const PENDING = { startBytes: 4096, keptBytes: 256 * 1024 };

/**
 * One object or array after another, each from its opening bracket to its last. Counts brackets outside of strings only, as
 * texts are full of them. What was kept is a copy.
 */
export class JsonItem {
  readonly #limitBytes: number;
  readonly #pending = new PendingBytes(PENDING);
  #depth = 0;
  #inString = false;
  #escaped = false;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** One is under way. */
  get isOpen(): boolean {
    return this.#depth > 0;
  }

  /** Its opening bracket came. */
  open(): void {
    this.#depth = 1;
  }

  /** Reads a byte that follows; true when it was the item's last. */
  read(byte: number): boolean {
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

  /** Keeps bytes of the item; false, and nothing more is kept of it, where it is longer than one may be. */
  keep(part: Uint8Array): boolean {
    if (this.#pending.length + part.length > this.#limitBytes) return false;
    this.#pending.append(part);
    return true;
  }

  /** The text of what was kept, which is then let go. */
  take(): string {
    const text = this.#pending.view().toString('utf8');
    this.#pending.clear();
    return text;
  }

  /** Nothing of it is wanted any more. */
  drop(): void {
    this.#depth = 0;
    this.#pending.drop();
  }
}
