import { MORE, NONE } from './reading.ts';
import type { Reading } from './reading.ts';
import { ALNUM, DIGIT, LETTER, LOWER, UPPER, WORD } from './view.ts';

/** RFC 5321, 4.5.3.1. */
const LOCAL_CHARS = 64;
const DOMAIN_CHARS = 253;
/** What the last label of a domain never is, but the end of a file's name often: `icon@2x.png`. */
const FILE_ENDINGS = new Set(
  'png jpg jpeg gif svg webp bmp ico tiff pdf css scss js jsx mjs cjs tsx json html htm xml yml yaml txt log exe dll ts jar gz tgz whl woff ttf otf heic avif tif wav webm csv'.split(
    ' ',
  ),
);
/** Of these schemes what stands before the `@` is a person, elsewhere it opens a door: `https://user:password@host/`. */
const USER_INFO = /(?<!mailto|sips?|xmpp|acct):\/\/[^\s/?#@"'<>]*$/i;

/** The end of the address that begins at `at`, the beginning of a word. `nextAt`: the next `@` or `%40`. */
export function email(reading: Reading, at: number): number {
  const localEnd = endOfLocal(reading, at);
  if (localEnd - at > LOCAL_CHARS) return NONE;
  const signEnd = endOfSign(reading, localEnd);
  if (signEnd <= 0) return signEnd;
  const end = endOfDomain(reading, signEnd);
  if (end <= 0 || !isAddress(reading, at, localEnd, end)) return end === MORE ? MORE : NONE;
  return end;
}

/** May say one character more than an address can have there. */
function endOfLocal(reading: Reading, at: number): number {
  let to = at;
  const limit = Math.min(reading.end, at + LOCAL_CHARS + 1);
  while (to < limit && (reading.kind(to) & WORD) !== 0) to += 1;
  while (to < limit && joinsLocal(reading, to)) {
    to += 1;
    while (to < limit && (reading.kind(to) & WORD) !== 0) to += 1;
  }
  return to;
}

function joinsLocal(reading: Reading, at: number): boolean {
  switch (reading.text.charCodeAt(at)) {
    case 43: // +
    case 45: // -
      return true;
    case 46: // . ends a sentence where two stand together
      return reading.text.charCodeAt(at + 1) !== 46 && reading.text.charCodeAt(at - 1) !== 46;
    case 39: // ' in a name, as O'Brien; not the end of a string, nor its beginning: f'...'
    case 0x2019:
      return (
        (reading.kind(at - 1) & WORD) !== 0 &&
        (reading.kind(at + 1) & WORD) !== 0 &&
        !/\b[bfru]$/i.test(reading.text.slice(Math.max(0, at - 2), at))
      );
    default:
      return false;
  }
}

/** After the `@`, which URLs write as `%40`. */
function endOfSign(reading: Reading, at: number): number {
  const { text, end } = reading;
  if (at >= end) return reading.atEnd ? NONE : MORE;
  // What comes next decides whether it belongs to the local part.
  if (at + 1 >= end && !reading.atEnd && (text[at] === '.' || text[at] === "'" || text[at] === '\u2019')) return MORE;
  if (text[at] === '@') return at + 1;
  if (text[at] !== '%') return NONE;
  if (text.startsWith('%40', at)) return at + 3;
  return !reading.atEnd && '%40'.startsWith(text.slice(at)) ? MORE : NONE;
}

const LABEL = ALNUM | LETTER;

function inLabel(reading: Reading, at: number): boolean {
  const code = reading.text.charCodeAt(at);
  // Domains may be written in any script: 例子.中国.
  return (
    code === 45 ||
    (reading.kind(at) & LABEL) !== 0 ||
    (code >= 0x0e00 && code < 0xfe00 && isWide(reading.text.charAt(at)))
  );
}

function isWide(char: string): boolean {
  return /[\p{L}\p{M}]/u.test(char);
}

/** The end of the longest domain from `at` on; labels that cannot be its last are left out. */
function endOfDomain(reading: Reading, at: number): number {
  const { text } = reading;
  const limit = Math.min(reading.end, at + DOMAIN_CHARS);
  let end = NONE;
  let from = at;
  for (;;) {
    let to = from;
    while (to < limit && inLabel(reading, to)) to += 1;
    if (to >= reading.end && !reading.atEnd) return MORE;
    if (to === from || text[from] === '-') break;
    if (from > at) end = endOfTop(text, from, to) || end;
    if (text[to] !== '.') break;
    if (to + 1 >= reading.end && !reading.atEnd) return MORE;
    from = to + 1;
  }
  return end;
}

const TOP_ASCII = /^(?:xn--[a-z0-9-]{2,59}|[a-z]{2,24}(?![a-z0-9]))/i;
const TOP_OTHER = /^[^\x21-\x7f]{2,24}/;

/** The end of a last label: `com` of `com-and`, and of `com谢谢`. */
function endOfTop(text: string, from: number, to: number): number {
  const label = text.slice(from, to);
  const top = (TOP_ASCII.exec(label) ?? TOP_OTHER.exec(label))?.[0];
  return top === undefined || FILE_ENDINGS.has(top.toLowerCase()) ? NONE : from + top.length;
}

function isAddress(reading: Reading, at: number, localEnd: number, end: number): boolean {
  const { text } = reading;
  if ((reading.kind(at) & (DIGIT | LOWER | UPPER | LETTER | WORD)) === 0) return false;
  // git@github.com:owner/repository
  if (localEnd - at === 3 && text.startsWith('git', at) && text[end] === ':') return false;
  return !USER_INFO.test(reading.before(at));
}
