import { createHmac } from 'node:crypto';
import type { TextDetector, TextMatch } from './detector.ts';

/** Hex digits of the hash: 64 bits, so that two values of one login do not meet. */
const HASH_DIGITS = 16;

/** A word to every tokeniser, identifier and URL; `EMAIL_3f9a1c2b7d8e4f60`. */
const PLACEHOLDER = /[A-Z][A-Z_]{0,31}_[0-9a-f]{16}(?![0-9a-zA-Z_])/g;
/** What may become one with more text behind it. */
const BEGINNING = /(?:[A-Z][A-Z_]{0,31}(?:_[0-9a-f]{0,16})?)$/;

/**
 * What stands in for values of one login: a keyed hash, so that the same value has the same placeholder in every turn and
 * every process, and nobody can guess a value from it. Remembers what it was made from, to put it back.
 */
export class Placeholders {
  readonly #key: Uint8Array;
  readonly #login: string;
  readonly #values: Map<string, string>;

  constructor(key: Uint8Array, login: string, known: Iterable<[string, string]> = []) {
    this.#key = key;
    this.#login = login;
    this.#values = new Map(known);
  }

  /** `kind` as detectors name it. */
  of(kind: string, value: string): string {
    const hash = createHmac('sha256', this.#key)
      .update(JSON.stringify([this.#login, kind, value]))
      .digest('hex');
    const prefix =
      kind
        .toUpperCase()
        .replace(/[^A-Z]+/g, '_')
        .replace(/^_+|_+$/g, '')
        .slice(0, 32) || 'VALUE';
    const placeholder = `${prefix}_${hash.slice(0, HASH_DIGITS)}`;
    this.#values.set(placeholder, value);
    return placeholder;
  }

  valueOf(placeholder: string): string | undefined {
    return this.#values.get(placeholder);
  }

  get size(): number {
    return this.#values.size;
  }

  entries(): [string, string][] {
    return [...this.#values];
  }

  /** Finds the placeholders whose values are known. */
  detector(): TextDetector {
    return {
      find: (text, from, atEnd) => {
        const matches: TextMatch[] = [];
        let settled = text.length;
        if (!atEnd) {
          const begun = BEGINNING.exec(text.slice(Math.max(from, text.length - PLACEHOLDER_CHARS)));
          // A match that ends with the text may be the beginning of a longer word.
          if (begun !== null) settled = text.length - begun[0].length;
        }
        PLACEHOLDER.lastIndex = from;
        for (let found = PLACEHOLDER.exec(text); found !== null; found = PLACEHOLDER.exec(text)) {
          const end = found.index + found[0].length;
          if (end > settled) break;
          if (this.#values.has(found[0])) matches.push({ start: found.index, end, kind: 'placeholder' });
        }
        return { matches, settled };
      },
    };
  }
}

/** Prefix, `_` and hash. */
const PLACEHOLDER_CHARS = 32 + 1 + HASH_DIGITS;
