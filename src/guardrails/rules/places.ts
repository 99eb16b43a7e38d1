import { MORE } from './reading.ts';
import type { Reading } from './reading.ts';
import { isWide, kindAt, WORD } from './view.ts';

const SPACE = 32;
const PERCENT = 37;
const OPENING = 40;
const PLUS = 43;
const DASH = 45;
const COLON = 58;
const BACKSLASH = 92;

/** Marks that something may begin with, each as its finder wants it; other characters part words and no more. */
const MARKS = new Set([OPENING, PLUS, DASH, COLON]);

/**
 * The next place from `from` on where something may begin: the beginning of a word, or a mark; the end of the text if there
 * is none. Stops before an escape that the text cuts off: that place is one where what follows decides.
 */
export function nextPlace(reading: Reading, from: number): number {
  const { text, end } = reading;
  let at = from;
  while (at < end) {
    const code = text.charCodeAt(at);
    if (code !== SPACE && isPlace(code)) {
      if (code !== BACKSLASH && code !== PERCENT) return at;
      const escapeEnd = endOfEscape(reading, at);
      if (escapeEnd === MORE) return at;
      at = escapeEnd;
    } else at += 1;
  }
  return end;
}

/** Words, marks and what begins an escape. */
const PLACES = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  return (kindAt(char, 0) & WORD) !== 0 || MARKS.has(code) || code === BACKSLASH || code === PERCENT ? 1 : 0;
});

/** Whether something may begin with a code unit. */
export function isPlace(code: number): boolean {
  return code < 128 ? PLACES[code] === 1 : isWide(code);
}

/** Whether the text ends within an escape that begins at `at`. */
export function isCutEscape(reading: Reading, at: number): boolean {
  const code = reading.text.charCodeAt(at);
  return (code === BACKSLASH || code === PERCENT) && endOfEscape(reading, at) === MORE;
}

/** `\n` in a string of code and `%20` in a URL part words as what they stand for does. */
const ESCAPE = /\\[nrt]|\\u[0-9a-f]{4}|%[0-9a-f]{2}/iy;
const BEGUN = /^(?:\\(?:u[0-9a-f]{0,3})?|%[0-9a-f]?)$/i;

function endOfEscape(reading: Reading, at: number): number {
  const { text, end, atEnd } = reading;
  if (!atEnd && end - at < 6 && BEGUN.test(text.slice(at))) return MORE;
  ESCAPE.lastIndex = at;
  return ESCAPE.exec(text) === null ? at + 1 : ESCAPE.lastIndex;
}

/** Whether `at` is in the middle of a word: one that was judged up to there, as it is longer than any that counts. */
export function isInWord(reading: Reading, at: number): boolean {
  if (at === 0 || reading.wordEnds(at - 1) || reading.wordEnds(at)) return false;
  return !/(?:\\[nrt]|\\u[0-9a-f]{4}|%[0-9a-f]{2})$/i.test(reading.text.slice(Math.max(0, at - 6), at));
}

/** Where the next `@` or `%40` stands; asked for ever later places, it reads the text once. */
export class NextSign {
  readonly #text: string;
  #at = -1;
  #escaped = -1;

  constructor(text: string) {
    this.#text = text;
  }

  from(at: number): number {
    if (this.#at < at) this.#at = next(this.#text, '@', at);
    if (this.#escaped < at) this.#escaped = next(this.#text, '%40', at);
    return Math.min(this.#at, this.#escaped);
  }
}

function next(text: string, sign: string, at: number): number {
  const found = text.indexOf(sign, at);
  return found < 0 ? Infinity : found;
}
