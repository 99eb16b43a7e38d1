/**
 * Globs over `provider/model` (aperture.md, section 4.4): `*` stands for any characters within one segment, `**` as a
 * whole segment for any number of segments, none included. Everything else is itself. No regular expressions: each
 * star tries only the leftmost place, so the work is bounded by pattern × text, whatever an operator writes.
 */
export interface Glob {
  readonly pattern: string;
  /** Takes a text that was split at its slashes. */
  matches(segments: readonly string[]): boolean;
}

/** One segment of a pattern. */
type Part =
  | { kind: 'any segments' }
  | { kind: 'exactly'; text: string }
  | { kind: 'starred'; head: string; middle: string[]; tail: string; shortest: number };

export function compileGlob(pattern: string): Glob {
  const parts = pattern.split('/').map(partOf);
  const only = parts[0];
  if (parts.length === 1 && only?.kind === 'any segments') return { pattern, matches: () => true };
  return { pattern, matches: (segments) => matchParts(parts, segments) };
}

function partOf(text: string): Part {
  if (text === '**') return { kind: 'any segments' };
  const pieces = text.split('*');
  const [head = '', ...rest] = pieces;
  const tail = rest.pop();
  if (tail === undefined) return { kind: 'exactly', text };
  // Two stars side by side inside a segment say no more than one.
  const middle = rest.filter((piece) => piece !== '');
  return { kind: 'starred', head, middle, tail, shortest: text.length - (pieces.length - 1) };
}

function matchParts(parts: readonly Part[], segments: readonly string[]): boolean {
  let part = 0;
  let segment = 0;
  // Where to go on when the parts after the last `**` did not fit here: one segment further, and never before it.
  let retryPart = -1;
  let retrySegment = 0;
  while (segment < segments.length) {
    const current = parts[part];
    if (current?.kind === 'any segments') {
      part += 1;
      retryPart = part;
      retrySegment = segment;
    } else if (current !== undefined && fits(current, segments[segment] ?? '')) {
      part += 1;
      segment += 1;
    } else if (retryPart >= 0) {
      retrySegment += 1;
      segment = retrySegment;
      part = retryPart;
    } else {
      return false;
    }
  }
  while (parts[part]?.kind === 'any segments') part += 1;
  return part === parts.length;
}

function fits(part: Exclude<Part, { kind: 'any segments' }>, text: string): boolean {
  if (part.kind === 'exactly') return part.text === text;
  if (text.length < part.shortest || !text.startsWith(part.head) || !text.endsWith(part.tail)) return false;
  const end = text.length - part.tail.length;
  let at = part.head.length;
  for (const piece of part.middle) {
    const found = text.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}
