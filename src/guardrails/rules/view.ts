/** Kinds of characters as the finders see them; bits, so that one look tells a set of them. */
export const DIGIT = 1;
export const UPPER = 2;
export const LOWER = 4;
/** Letters beyond ASCII of scripts that put spaces between words. */
export const LETTER = 8;
export const UNDERSCORE = 16;
export const WORD = DIGIT | UPPER | LOWER | LETTER | UNDERSCORE;
export const ALNUM = DIGIT | UPPER | LOWER;

/** As many invisible characters in a row are looked through; more of them part what stands around them. */
const INVISIBLE_RUN = 4;
/** Stands for an invisible character that is not looked through. */
const PART = 1;
const REMOVED = 0;

/** Of code units: what the finders read instead, and what kind it is. Made once, when a text first needs it. */
interface Tables {
  reads: Uint16Array;
  kinds: Uint8Array;
}

const ASCII_KINDS = Uint8Array.from({ length: 128 }, (_, code) => kindOf(String.fromCharCode(code)));
let tables: Tables | undefined;

function kindOf(char: string): number {
  if (char >= '0' && char <= '9') return DIGIT;
  if (char >= 'A' && char <= 'Z') return UPPER;
  if (char >= 'a' && char <= 'z') return LOWER;
  return char === '_' ? UNDERSCORE : 0;
}

/** What shows nothing: joiners, direction marks, variation selectors, soft hyphens. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u;
const SPACE = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/;
const DASH = /[\u2010-\u2013\u2212\ufe63\uff0d]/;
const FULLWIDTH_FIRST = 0xff01;
const FULLWIDTH_LAST = 0xff5e;
const FULLWIDTH_SHIFT = 0xfee0;

function tablesOf(): Tables {
  if (tables !== undefined) return tables;
  const reads = Uint16Array.from({ length: 65536 }, (_, code) => readAs(code));
  const kinds = Uint8Array.from({ length: 65536 }, (_, code) =>
    code < 128 ? (ASCII_KINDS[code] ?? 0) : wideKind(code),
  );
  tables = { reads, kinds };
  return tables;
}

function readAs(code: number): number {
  if (code < 128) return code;
  if (code >= FULLWIDTH_FIRST && code <= FULLWIDTH_LAST) return code - FULLWIDTH_SHIFT;
  const char = String.fromCharCode(code);
  if (INVISIBLE.test(char)) return REMOVED;
  if (SPACE.test(char)) return 32;
  if (DASH.test(char)) return 45;
  if (char === '\u3002') return 46;
  if (/\p{Nd}/u.test(char)) return 48 + digitOf(code);
  return code;
}

/** Decimal digits stand in runs of ten, from their zero on, which no digit stands right before. */
function digitOf(code: number): number {
  let zero = code;
  while (code - zero < 9 && /\p{Nd}/u.test(String.fromCharCode(zero - 1))) zero -= 1;
  return (code - zero) % 10;
}

function wideKind(code: number): number {
  // Chinese, Japanese, Thai and the like put no space between words: an address may follow a letter of theirs.
  const spaced = code < 0x0e00 || (code >= 0x1e00 && code < 0x2000);
  return spaced && /[\p{L}\p{M}\p{N}]/u.test(String.fromCharCode(code)) ? LETTER : 0;
}

/** The kind of the code unit at `at`; 0 for what parts words, and beyond the ends. */
export function kindAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  if (code < 128) return ASCII_KINDS[code] ?? 0;
  // NaN: beyond an end.
  return code >= 128 ? (tablesOf().kinds[code] ?? 0) : 0;
}

/** Whether a code unit beyond ASCII belongs to a word. */
export function isWide(code: number): boolean {
  return tablesOf().kinds[code] !== 0;
}

/**
 * A text as the finders read it: digits of all scripts as ASCII digits, full width as half width, every dash and space as
 * one, and without invisible characters. Who hides a card number behind a zero-width space has it found as if it were not
 * there, and what is found covers the space.
 */
export interface View {
  text: string;
  /** Of each unit of the view its index in the text, and one more; undefined where they are the same. */
  indices: Uint32Array | undefined;
}

// oxlint-disable-next-line no-control-regex -- ASCII is what this asks for.
const NOT_ASCII = /[^\x00-\x7f]/;

/** `first`: nothing before it is looked at. */
export function viewOf(text: string, first: number): View {
  if (!NOT_ASCII.test(first === 0 ? text : text.slice(first))) return { text, indices: undefined };
  const { reads } = tablesOf();
  const units = new Uint16Array(text.length);
  const indices = new Uint32Array(text.length + 1);
  let count = 0;
  let invisible = 0;
  let end = 0;
  let same = true;
  for (let at = 0; at < text.length; at++) {
    const read = reads[text.charCodeAt(at)] ?? PART;
    if (read === REMOVED && text.charCodeAt(at) !== 0) {
      invisible += 1;
      same = false;
      if (invisible <= INVISIBLE_RUN) continue;
      units[count] = PART;
    } else {
      invisible = 0;
      units[count] = read;
    }
    indices[count] = at;
    end = at + 1;
    count += 1;
  }
  indices[count] = end;
  const view = Buffer.from(units.buffer, 0, count * 2).toString('utf16le');
  return { text: view, indices: same ? undefined : indices };
}

/** The first unit of the view at or after an index of the text. */
export function unitAt(view: View, index: number): number {
  const { indices, text } = view;
  if (indices === undefined) return index;
  let low = 0;
  let high = text.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((indices[middle] ?? 0) < index) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where in the text a unit of the view stands. */
export function indexOf(view: View, unit: number): number {
  return view.indices === undefined ? unit : (view.indices[unit] ?? 0);
}

/** Where in the text what ends before a unit of the view ends. */
export function endOf(view: View, unit: number): number {
  return unit === 0 ? indexOf(view, 0) : indexOf(view, unit - 1) + 1;
}
