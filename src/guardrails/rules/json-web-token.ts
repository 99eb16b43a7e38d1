import { WINDOW_CHARS } from '../../contract/guardrail.ts';
import { MORE, NONE } from './reading.ts';
import type { Reading } from './reading.ts';

/** `{"alg":""}` in base64. */
const LEAST_HEADER_CHARS = 14;
const NOT_HERE = { end: NONE, open: false };
/** `{` in base64 with what JSON lets follow: a quotation mark, a blank, a line break (of Unix, of others), a tab. */
const BEGINS = ['eyJ', 'eyA', 'ewo', 'ew0', 'ewk'];
const BEGIN_CHARS = 3;
/** Of the header: an algorithm, a type and the id of a key; some carry a certificate. */
const HEADER_CHARS = 2048;
const LOWER_W = 119;
const LOWER_Y = 121;
const TOKEN = new RegExp(`[A-Za-z0-9_-]{0,${WINDOW_CHARS}}`, 'y');

/**
 * The end of the token that begins at `at`: header and payload are JSON, the signature may be missing; or only the header is, and
 * says that the rest is encrypted. A token that
 * outgrows the window is a match up to there if its header is JSON and its payload begins as JSON does; `open` then says
 * that it goes on.
 */
export function jsonWebToken(reading: Reading, at: number): { end: number; open: boolean } {
  const { text, end, atEnd } = reading;
  const none = NOT_HERE;
  const more = { end: MORE, open: false };
  const second = text.charCodeAt(at + 1);
  if (second !== LOWER_Y && second !== LOWER_W && at + 1 < end) return none;
  if (!beginsAsJson(text, at)) {
    const isOpen = !atEnd && end - at < BEGIN_CHARS && BEGINS.some((each) => each.startsWith(text.slice(at)));
    return isOpen ? more : none;
  }
  // Inside of a longer run of a token's characters none begins: looking there again and again would not end.
  if (text[at - 1] === '-' && !reading.wordEnds(at - 2)) return none;
  const header = endOfPart(text, at);
  if (header - at > HEADER_CHARS || (header < end && header - at < LEAST_HEADER_CHARS)) return none;
  if (header >= end) return atEnd ? none : more;
  if (text[header] !== '.') return none;
  const payload = endOfPart(text, header + 1);
  const tokenEnd = text[payload] === '.' ? endOfPart(text, payload + 1) : payload;
  // The header is judged once more with each piece that comes; the window sees to it that pieces are not too small.
  if (header + 4 < end && !beginsAsJson(text, header + 1)) return encryptedToken(reading, at, header);
  if (header + 4 < end && !isJson(text.slice(at, header))) return none;
  if (tokenEnd - at >= WINDOW_CHARS) return { end: at + WINDOW_CHARS, open: true };
  if (reading.wants(tokenEnd)) return more;
  if (text[payload] !== '.' || !isJson(text.slice(at, header)) || !isJson(text.slice(header + 1, payload))) return none;
  return { end: tokenEnd, open: false };
}

/** Behind the header of an encrypted token: key, initialisation vector, text and tag. */
const ENCRYPTED_PARTS = 4;

function encryptedToken(reading: Reading, at: number, header: number): { end: number; open: boolean } {
  const { text } = reading;
  const fields = jsonOf(text.slice(at, header));
  if (fields === undefined || !('enc' in fields)) return NOT_HERE;
  let to = header;
  for (let part = 0; part < ENCRYPTED_PARTS; part++) {
    if (reading.wants(to)) return { end: MORE, open: false };
    if (text[to] !== '.') return NOT_HERE;
    to = endOfPart(text, to + 1);
    if (to - at >= WINDOW_CHARS) return { end: at + WINDOW_CHARS, open: true };
  }
  return { end: reading.wants(to) ? MORE : to, open: false };
}

/** What is left of a token that outgrew the window. */
export function restOfToken(reading: Reading, at: number): { end: number; open: boolean } {
  const limit = at + WINDOW_CHARS;
  let to = at;
  while (to < Math.min(limit, reading.end) && /[\w.-]/.test(reading.text.charAt(to))) to += 1;
  if (to === limit) return { end: limit, open: true };
  return { end: reading.wants(to) ? MORE : to, open: false };
}

function beginsAsJson(text: string, at: number): boolean {
  return BEGINS.some((each) => text.startsWith(each, at));
}

function endOfPart(text: string, at: number): number {
  TOKEN.lastIndex = at;
  TOKEN.exec(text);
  return TOKEN.lastIndex;
}

function isJson(part: string): boolean {
  return jsonOf(part) !== undefined;
}

function jsonOf(part: string): object | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    // What is no JSON is no token: that is the question, and not an accident.
    return undefined;
  }
}
