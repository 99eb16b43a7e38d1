import type { Api } from '../../contract/api.ts';
import type { Fault } from '../../contract/fault.ts';
import { failed, ok } from '../../lib/result.ts';
import type { Result } from '../../lib/result.ts';
import { formTexts } from './form-texts.ts';
import { ESCAPES, JsonStrings, NOT_ASCII, OTHERS, PUNCTUATION, WORDS } from './json-strings.ts';
import type { Found } from './json-strings.ts';
import { heldIn, INNER, isSealedType, TOP } from './places.ts';
import type { Holder, Place } from './places.ts';

/** A text of a request that is read. */
export interface BodyText {
  /** Half-open byte range; of a string and a key, with the quotes. */
  start: number;
  end: number;
  /** A number is replaced by a string; a key cannot be replaced. A field's text is its bytes: nothing is escaped. */
  what: 'text' | 'key' | 'number' | 'field';
  place: Place;
  /** Inside a block that a signature covers. */
  signed: boolean;
  /** Each byte is a character: no escapes, nothing beyond ASCII. */
  plain: boolean;
  /** Where the key stands that it is the value of, in data; undefined elsewhere. */
  key: { start: number; end: number } | undefined;
}

/**
 * The texts of a request, in one pass over a body that `scanBody` has seen. A body without bytes has none.
 *
 * @param form the content type of a body that is a multipart form.
 *
 * Errors: `body_duplicate_key` where an object at any depth has a key twice, after unescaping; `body_bad_field` for a
 * body with more texts than are judged.
 */
export function textsOf(api: Api, body: Uint8Array, form?: string): Result<BodyText[], Fault> {
  if (body.byteLength === 0) return ok([]);
  if (form !== undefined) return formTexts(form, body);
  const strings = new JsonStrings(body, true);
  strings.read(TOP);
  if (strings.fault !== undefined) return failed(strings.fault);
  return ok(resolved(api, body, strings.found));
}

/**
 * The texts of a JSON text that stands inside a string of a call or a result; undefined where it is none, or so large or
 * deep that it is read as the text that it is. Twins are no fault here: both are read.
 */
export function innerTexts(place: Place, bytes: Uint8Array, text: string): BodyText[] | undefined {
  if ((place !== 'tool_call' && place !== 'tool_result') || !isJsonContainer(text)) return undefined;
  const strings = new JsonStrings(bytes, false);
  strings.read(INNER[place]);
  if (strings.fault !== undefined) return undefined;
  // No member of data says anything of the others, so the API does not matter.
  return resolved('openai_chat', bytes, strings.found);
}

/** Beyond it, parsing would keep others waiting. */
const INNER_CHARS = 512 * 1024;

function isJsonContainer(text: string): boolean {
  if (text.length > INNER_CHARS || !/^[ \t\r\n]*[[{]/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    // Arguments that the model did not finish, or a text that only begins like JSON.
    return false;
  }
}

function resolved(api: Api, body: Uint8Array, found: readonly Found[]): BodyText[] {
  const texts: BodyText[] = [];
  let last: Holder | undefined;
  let held = heldIn(api, last);
  for (const one of found) {
    if (isPassedOver(body, one)) continue;
    // Texts of one object follow each other.
    if (one.holder !== last) held = heldIn(api, (last = one.holder));
    const { start, end, what, spot, characters, keyStart, keyEnd } = one;
    const place = what === 'key' ? 'other' : spot.place === 'said' ? held.place : spot.place;
    const key = keyEnd > 0 && what !== 'key' ? { start: keyStart, end: keyEnd } : undefined;
    texts.push({ start, end, what, place, signed: held.signed, plain: (characters & NOT_PLAIN) === 0, key });
  }
  return texts;
}

const NOT_PLAIN = ESCAPES | NOT_ASCII;
const WORD_CHARS = 1024;
const ENUM_CHARS = 32;
/** What is shorter may be somebody's number. */
const LEAST_DATA_CHARS = 64;
const DATA_URL = /^data:[\w.+/-]*(?:;[\w.+/=-]+)*;base64,/;

/** A string that is no text (see `Skip`), and looks as such a string does. */
function isPassedOver(body: Uint8Array, { start, end, what, characters, spot, holder }: Found): boolean {
  if (spot.skip === undefined || what !== 'text') return false;
  const chars = end - start - 2;
  const isId = (characters & ~(WORDS | PUNCTUATION)) === 0;
  switch (spot.skip) {
    case 'word':
      return isId && chars <= WORD_CHARS && isLetter(body[start + 1] ?? 0);
    case 'enum':
      return isId && chars <= ENUM_CHARS && isLetter(body[start + 1] ?? 0);
    case 'opaque':
      return isId;
    case 'sealed':
      return isId && isSealedType(holder?.type ?? '');
    case 'base64':
      if (holder?.kind === 'source') return isId && holder.type === 'base64';
      return isId && (spot.place === 'said' || chars >= LEAST_DATA_CHARS);
    case 'data_url': {
      if (chars < LEAST_DATA_CHARS || (characters & (ESCAPES | NOT_ASCII)) !== 0) return false;
      if ((characters & OTHERS) === 0) return !beginsWithScheme(body, start + 1);
      const head = Buffer.from(body.buffer, body.byteOffset + start + 1, Math.min(chars, 256)).toString('latin1');
      const [prefix] = DATA_URL.exec(head) ?? [];
      return prefix !== undefined && isBase64(body, start + 1 + prefix.length, end - 1);
    }
  }
}

function isLetter(c: number): boolean {
  return (c >= 0x41 && c <= 0x5a) || (c >= 0x61 && c <= 0x7a);
}

function beginsWithScheme(body: Uint8Array, at: number): boolean {
  return body.subarray(at, at + 16).includes(0x3a);
}

function isBase64(body: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const c = body[i] ?? 0;
    const isDigit = c >= 0x30 && c <= 0x39;
    if (!isLetter(c) && !isDigit && c !== 0x2b && c !== 0x2f && c !== 0x3d && c !== 0x2d && c !== 0x5f) return false;
  }
  return true;
}
