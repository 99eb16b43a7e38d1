import { isPlace } from './places.ts';
import type { Reading } from './reading.ts';
import { DIGIT, kindAt, LOWER, UNDERSCORE, UPPER } from './view.ts';

/** Finders look no further behind the beginning of such a word; nearer to the end of a text that goes on, they might. */
const AHEAD_CHARS = 128;
/** An AWS secret has one more behind its signs, and nothing else but a key with a prefix is made of letters alone. */
const MOST_CHARS = 36;
/** An Italian codice fiscale may write all its digits as letters. */
const CODICE_CHARS = 16;

const LETTER = 1;
const PLACE = 2;

/** Of characters of ASCII: parts words, `LETTER` of a word, or a `PLACE` that a finder has to be asked of. */
const CLASSES = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  if ((kindAt(char, 0) & (UPPER | LOWER | UNDERSCORE)) !== 0) return LETTER;
  return isPlace(code) ? PLACE : 0;
});

/**
 * How many letters a word has at least that is plain in front of a character: a digit makes it an id, base64 goes on behind `+` and
 * `/`, `fe80:` is a group of an address, `X-1234567-L` an id, and `sig=` a signature.
 */
const LEAST_BEFORE = Uint8Array.from({ length: 128 }, (_, code) => {
  const char = String.fromCharCode(code);
  if ((kindAt(char, 0) & DIGIT) !== 0 || char === '+' || char === '/') return MOST_CHARS + 1;
  if (char === ':') return 5;
  if (char === '=') return 4;
  return char === '-' ? 2 : 1;
});

const LOWER_E = 101;
const LOWER_W = 119;
const LOWER_Y = 121;
const CAPITAL_Q = 81;

/**
 * Passes over plain words and what parts them: a word is plain where its letters and the character behind it tell that no
 * finder begins a match with it, whatever is looked for: no digit, of usual length, and nothing behind it that would make
 * more of it. Most words of a prompt are such, and asking all finders of each is most of their time.
 */
export class PlainWords {
  readonly #reading: Reading;
  /** Up to here what follows a word is known, or that nothing follows. */
  readonly #known: number;
  readonly #mayBegin: (at: number) => boolean;

  /** `mayBegin`: whether a word is to be looked at though it is plain: an address or a key. */
  constructor(reading: Reading, mayBegin: (at: number) => boolean) {
    this.#reading = reading;
    this.#known = reading.atEnd ? reading.end : reading.end - AHEAD_CHARS;
    this.#mayBegin = mayBegin;
  }

  /** The first place from `from` on that is behind no plain word, nor what parts words; at most the text's end. */
  pass(from: number): number {
    const { text } = this.#reading;
    const known = this.#known;
    let at = from;
    while (at < known) {
      let code = text.charCodeAt(at);
      while (CLASSES[code] === 0) code = text.charCodeAt(++at);
      if (CLASSES[code] !== LETTER || at >= known) return at;
      const end = this.#endOfPlain(at);
      if (end === at || this.#mayBegin(at)) return at;
      at = end;
    }
    return at;
  }

  /** The end of the plain word that begins at `at`; `at` itself where it is none. */
  #endOfPlain(at: number): number {
    const { text } = this.#reading;
    const limit = at + MOST_CHARS + 1;
    let to = at + 1;
    let code = text.charCodeAt(to);
    while (to < limit && CLASSES[code] === LETTER) code = text.charCodeAt(++to);
    const chars = to - at;
    // A character of another script may go on with the word; NaN is the text's end.
    if (to === limit || code >= 128 || chars < (LEAST_BEFORE[code] ?? 1) || chars === CODICE_CHARS) return at;
    // `AB 12 34 56 C` is an id; Azure's secrets tell themselves by their fifth character, tokens by `ey` or `ew`.
    if (chars === 2 && (kindAt(text, to + 1) & DIGIT) !== 0) return at;
    if (text.charCodeAt(at + 4) === CAPITAL_Q) return at;
    const second = text.charCodeAt(at + 1);
    return text.charCodeAt(at) === LOWER_E && (second === LOWER_Y || second === LOWER_W) ? at : to;
  }
}
