import type { JsonObject } from './json.ts';
import { textOf } from './json.ts';

/** What one stream may leave behind in memory: as much as a unary body may be. */
const KEEP_LIMIT_CHARS = 64 * 1024 * 1024;

/** The allowance from which everything that an assembly keeps of a stream is taken. */
export class Keep {
  #leftChars: number;
  /** True once something was left out: texts and the rebuilt body are then not whole. Counts of tokens still are. */
  truncated = false;

  constructor(limitChars = KEEP_LIMIT_CHARS) {
    this.#leftChars = limitChars;
  }

  take(chars: number): boolean {
    if (chars > this.#leftChars) {
      this.truncated = true;
      return false;
    }
    this.#leftChars -= chars;
    return true;
  }

  /** Appends a string piece to a member that is a string, or becomes one. Anything but a string is no piece. */
  append(into: JsonObject, key: string, piece: unknown): void {
    if (typeof piece === 'string' && this.take(piece.length)) into[key] = textOf(into[key]) + piece;
  }

  /** Adds an item to a member that is an array, or becomes one; `chars` is what the item takes. */
  push(into: JsonObject, key: string, item: unknown, chars: number): void {
    if (!this.take(chars)) return;
    const present = into[key];
    if (Array.isArray(present)) present.push(item);
    else into[key] = [item];
  }

  /** Sets a member that comes again and again to its last non-null value. */
  set(into: JsonObject, key: string, value: unknown, chars: number): void {
    if (value === null || value === undefined) return;
    if (value === into[key]) return;
    if (this.take(typeof value === 'number' || typeof value === 'boolean' ? 8 : chars)) into[key] = value;
  }
}
