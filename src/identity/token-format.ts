import { hash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';

/** What every token begins with, and nothing else that we know of: secret scanners and we tell one at a glance. */
export const TOKEN_PREFIX = 'apt_';

/** RFC 4648's, in lower case: an id can be read out and typed. */
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** 80 bits: ids are drawn in many processes, and none may meet another. */
const ID_CHARACTERS = 16;
/** 43 · log2(62) = 256.03 bits. */
const SECRET_CHARACTERS = 43;
/** 62^6 holds 32 bits. */
const CHECK_CHARACTERS = 6;

const WHOLE = /^apt_([a-z2-7]{16})_[0-9A-Za-z]{49}$/;

/** The beginning of a token within any text: enough of one that nothing else looks so. */
export const TOKEN_INSIDE = /apt_[a-z2-7]{16}_/;

/**
 * A new token's text: `apt_` id `_` secret check, 70 characters that a double click selects whole.
 *
 * - id: 16 characters of base32, 80 random bits. Not secret: it is in records, and finds the token's entry.
 * - secret: 43 characters of base62, 256 random bits.
 * - check: the CRC-32 of all before it, 6 characters of base62. It tells a typo from a forgery, and a scanner a token from
 *   a text that happens to look so; it protects nothing.
 */
export function newTokenText(): { id: string; text: string } {
  const id = randomText(BASE32, ID_CHARACTERS);
  const unchecked = `${TOKEN_PREFIX}${id}_${randomText(BASE62, SECRET_CHARACTERS)}`;
  return { id, text: unchecked + checkOf(unchecked) };
}

/** The id in a token's text; fails where it was mistyped or cut. Says nothing about whether the token is any good. */
export function readTokenText(text: string): Result<string, 'malformed'> {
  const id = WHOLE.exec(text)?.[1];
  const unchecked = text.slice(0, -CHECK_CHARACTERS);
  return id !== undefined && text === unchecked + checkOf(unchecked) ? ok(id) : failed('malformed');
}

/**
 * SHA-256 of the whole text, hex. A plain, fast hash is right here, unlike for passwords: nobody can guess 256 random
 * bits, however cheap a guess is, and every request pays for it.
 */
export function tokenHash(text: string): string {
  return hash('sha256', text);
}

function randomText(alphabet: string, characters: number): string {
  let text = '';
  for (let i = 0; i < characters; i += 1) text += alphabet[randomInt(alphabet.length)] ?? '';
  return text;
}

function checkOf(text: string): string {
  let rest = crc32(text);
  let check = '';
  for (let i = 0; i < CHECK_CHARACTERS; i += 1) {
    check = (BASE62[rest % 62] ?? '') + check;
    rest = Math.floor(rest / 62);
  }
  return check;
}
