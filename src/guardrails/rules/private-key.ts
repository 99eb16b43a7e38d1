import { WINDOW_CHARS } from '../../contract/guardrail.ts';
import { MORE, NONE } from './reading.ts';
import type { Reading } from './reading.ts';

const BEGINS = ['-----BEGIN ', '---- BEGIN '];
/** The first line, with the longest label. */
const LINE_CHARS = 72;
const FIRST_LINE = /-{4,5} ?BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)? ?-{4,5}/y;
const IN_FIRST_LINE = /^[A-Z0-9 -]*$/;
const LAST_LINE = /-{4,5} ?END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)? ?-{4,5}/g;
const NOT_HERE = { end: NONE, open: false };
/** A line of a key, or what is left of it; not `xxxxxxxxxxxxxxxx` in its place. */
const MATERIAL = /(?!x{16}|X{16})[A-Za-z0-9+/=]{16,}/g;
/** As much may stand between two lines of a key, or before the first: headers, quotes, indentation. */
const GAP_CHARS = 200;

/**
 * The end of the private key that begins at `at`, with a dash: its last line, or where no more of a key follows, as it was
 * cut off. One that outgrows the window is a match up to there; `open` then says that it goes on.
 */
export function privateKey(reading: Reading, at: number): { end: number; open: boolean } {
  const { text, end, atEnd } = reading;
  if (text.charCodeAt(at + 1) !== 45 && (atEnd || at + 1 < end)) return NOT_HERE;
  if (!BEGINS.some((begin) => text.startsWith(begin, at) || (!atEnd && begin.startsWith(text.slice(at, at + 11))))) {
    return NOT_HERE;
  }
  FIRST_LINE.lastIndex = at;
  const found = FIRST_LINE.exec(text);
  if (found === null) {
    const isOpen = !atEnd && end - at < LINE_CHARS && IN_FIRST_LINE.test(text.slice(at));
    return isOpen ? { end: MORE, open: false } : NOT_HERE;
  }
  return endOfKey(reading, at, at + found[0].length);
}

/** What is left of a key that outgrew the window. */
export function restOfKey(reading: Reading, at: number): { end: number; open: boolean } {
  const { end, open } = endOfKey(reading, at, at);
  return { end: end === NONE ? at : end, open };
}

function endOfKey(reading: Reading, at: number, bodyAt: number): { end: number; open: boolean } {
  const { text } = reading;
  const limit = at + WINDOW_CHARS;
  const body = text.slice(bodyAt, limit);
  const last = lastLineOf(body);
  // Another key begins: this one was cut off, and nothing behind that is read again for it.
  const again = body.indexOf('-----BEGIN ');
  if (again >= 0 && (last === null || again < last.index)) {
    const { materialEnd } = endOfMaterial(body.slice(0, again));
    return { end: materialEnd === 0 ? NONE : bodyAt + materialEnd, open: false };
  }
  const before = last === null ? body : body.slice(0, last.index);
  const { materialEnd, gapped } = endOfMaterial(before);
  if (gapped) return { end: materialEnd === 0 ? NONE : bodyAt + materialEnd, open: false };
  if (last !== null) {
    const lastEnd = bodyAt + last.end;
    if (reading.wants(lastEnd)) return { end: MORE, open: false };
    return { end: materialEnd === 0 && bodyAt > at ? NONE : lastEnd, open: false };
  }
  if (text.length >= limit) return { end: limit, open: true };
  if (!reading.atEnd) return { end: MORE, open: false };
  return { end: materialEnd === 0 ? NONE : bodyAt + materialEnd, open: false };
}

function lastLineOf(body: string): { index: number; end: number } | null {
  const dashes = body.indexOf('---- END ');
  const usual = body.indexOf('-----END ');
  if (dashes < 0 && usual < 0) return null;
  LAST_LINE.lastIndex = 0;
  const found = LAST_LINE.exec(body);
  return found === null ? null : { index: found.index, end: LAST_LINE.lastIndex };
}

/** Where the last line of a key ends, 0 without one; `gapped`: too much of something else follows. */
function endOfMaterial(body: string): { materialEnd: number; gapped: boolean } {
  let materialEnd = 0;
  MATERIAL.lastIndex = 0;
  for (let found = MATERIAL.exec(body); found !== null; found = MATERIAL.exec(body)) {
    if (found.index - materialEnd > GAP_CHARS) return { materialEnd: withTail(body, materialEnd), gapped: true };
    materialEnd = MATERIAL.lastIndex;
  }
  const gapped = body.length - materialEnd > GAP_CHARS;
  return { materialEnd: withTail(body, materialEnd), gapped };
}

/** The last line may be short: it is one if it stands alone in the next line. */
function withTail(body: string, end: number): number {
  if (end === 0) return 0;
  const tail = /^(?:\\r|\\n|[\s"'+,\\])*(?:\n|\\n)[\s"'+,\\]*([A-Za-z0-9+/=]{1,15})(?=\s*$|\n|\\n|["'])/.exec(
    body.slice(end, end + 64),
  );
  return tail === null ? end : end + tail[0].length;
}
