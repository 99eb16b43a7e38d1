/**
 * Where a body is cut into pieces that are stored by content. An agent sends its whole conversation with every turn, so
 * a JSON body is cut around the elements of its top-level arrays (`messages`, `input`, `contents`, `tools`, `system`):
 * what was said before is then the same piece again, wherever it stands. Whatever the cuts, the pieces joined are the
 * body, byte for byte; a body that is no JSON object is cut by length alone.
 */

/** A longer piece is cut by length: no value of the database, and no step of a reader, is larger. */
export const PIECE_BYTES = 1024 * 1024;

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** The body's pieces, in order: views on it. None is empty. */
export function piecesOf(body: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let from = 0;
  for (const to of [...elementEnds(body), body.length]) {
    for (; from < to; from = Math.min(to, from + PIECE_BYTES)) {
      pieces.push(body.subarray(from, Math.min(to, from + PIECE_BYTES)));
    }
  }
  return pieces;
}

/**
 * Offsets after the opening bracket of each top-level array, after the comma behind each of its elements, and before its
 * closing bracket. Knows strings and depth and nothing else: on bytes that are no JSON the cuts are arbitrary, and as
 * good as others.
 */
function elementEnds(body: Uint8Array): number[] {
  const ends: number[] = [];
  let depth = 0;
  let inArray = false;
  let at = body.findIndex((byte) => !SPACES.has(byte));
  if (at < 0 || body[at] !== OPEN_BRACE) return ends;
  for (; at < body.length; at += 1) {
    switch (body[at]) {
      case QUOTE:
        at = stringEnd(body, at);
        break;
      case OPEN_BRACE:
      case OPEN_BRACKET:
        depth += 1;
        if (depth === 2 && body[at] === OPEN_BRACKET) {
          inArray = true;
          ends.push(at + 1);
        }
        break;
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        if (depth === 2 && inArray) {
          inArray = false;
          ends.push(at);
        }
        depth -= 1;
        break;
      case COMMA:
        if (depth === 2 && inArray) ends.push(at + 1);
        break;
      default:
        break;
    }
  }
  return ends;
}

/** Offset of the quote that ends the string which begins at `from`; the last byte where none does. */
function stringEnd(body: Uint8Array, from: number): number {
  for (let at = body.indexOf(QUOTE, from + 1); at >= 0; at = body.indexOf(QUOTE, at + 1)) {
    let escapes = 0;
    while (body[at - 1 - escapes] === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return at;
  }
  return body.length;
}
