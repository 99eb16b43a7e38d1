import { createHmac } from 'node:crypto';
import type { TextDetector, TextMatch } from './detector.ts';

/** Hex digits of the hash: 64 bits, so that two values of one login do not meet. */
const HASH_DIGITS = 16;

/** What every placeholder ends with: `EMAIL_3f9a1c2b7d8e4f60` is a word to every tokeniser, identifier and URL. */
const ENDING = /_[0-9a-f]{16}/g;
const ENDING_CHARS = 1 + HASH_DIGITS;
const HEX = /^[0-9a-f]*$/;

/**
 * What stands in for values of one login: a keyed hash, so that the same value has the same placeholder in every turn and
 * every process, and nobody can guess a value from it. Remembers what it was made from, to put it back.
 */
export class Placeholders {
  readonly #key: Uint8Array;
  readonly #login: string;
  readonly #values: Map<string, string>;
  /** Of the placeholders: `EMAIL`; longer ones first. */
  #prefixes: string[] = [];

  constructor(key: Uint8Array, login: string, known: Iterable<[string, string]> = []) {
    this.#key = key;
    this.#login = login;
    this.#values = new Map(known);
    for (const placeholder of this.#values.keys()) this.#learn(placeholder.slice(0, -ENDING_CHARS));
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
    this.#learn(prefix);
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

  #learn(prefix: string): void {
    if (this.#prefixes.includes(prefix)) return;
    this.#prefixes = [...this.#prefixes, prefix].sort((one, other) => other.length - one.length);
  }

  /**
   * Finds the placeholders whose values are known, wherever they stand, inside of a longer word too: nothing else is written
   * so by chance, and a model puts them into names and plurals.
   */
  detector(): TextDetector {
    return {
      find: (text, from, atEnd) => {
        const matches: TextMatch[] = [];
        ENDING.lastIndex = from;
        for (let found = ENDING.exec(text); found !== null; found = ENDING.exec(text)) {
          const end = found.index + ENDING_CHARS;
          const start = this.#startOf(text, found.index, end);
          if (start !== undefined && start >= from) matches.push({ start, end, kind: 'placeholder' });
        }
        return { matches, settled: atEnd ? text.length : Math.max(from, this.#begun(text)) };
      },
    };
  }

  #startOf(text: string, prefixEnd: number, end: number): number | undefined {
    const prefix = this.#prefixes.find(
      (one) => text.endsWith(one, prefixEnd) && this.#values.has(text.slice(prefixEnd - one.length, end)),
    );
    return prefix === undefined ? undefined : prefixEnd - prefix.length;
  }

  /** Where a placeholder begins that the text ends within. */
  #begun(text: string): number {
    return Math.min(text.length, ...this.#prefixes.map((prefix) => begunWith(text, prefix)));
  }
}

/** The longest end of the text that a placeholder of this prefix may begin with. */
function begunWith(text: string, prefix: string): number {
  const head = `${prefix}_`;
  const first = Math.max(0, text.length - head.length - HASH_DIGITS + 1);
  for (let at = text.indexOf(head.charAt(0), first); at >= 0; at = text.indexOf(head.charAt(0), at + 1)) {
    const rest = text.slice(at);
    if (head.startsWith(rest) || (rest.startsWith(head) && HEX.test(rest.slice(head.length)))) return at;
  }
  return text.length;
}
