import type { SecretKind } from '../../contract/guardrail.ts';
import { KEY_FORMS } from './key-forms.ts';
import type { KeyForm } from './key-forms.ts';
import { MORE, NONE } from './reading.ts';
import type { Reading } from './reading.ts';
import { ALNUM, DIGIT } from './view.ts';

/** The longest key with a prefix; longer ones are found up to there. */
const KEY_CHARS = 420;

/** Stands for a key, and is none: `ghp_xxxxxxxxxxxx`. */
const FILLED = /x{10}|X{10}|\.{10}|\*{10}/;

/** Keys with a prefix, by its first two characters; the longest prefix first. */
export class KeyFinder {
  readonly #forms: (KeyForm[] | undefined)[] = [];
  /** The same as one look: every word is asked. */
  readonly #begins = new Uint8Array(SLOTS);

  constructor(kinds: readonly SecretKind[]) {
    for (const form of KEY_FORMS) {
      if (!kinds.includes(form.kind)) continue;
      const first = slot(form.prefix, 0);
      this.#forms[first] = [...(this.#forms[first] ?? []), form];
      this.#begins[first] = 1;
    }
  }

  /** Whether a key may begin at `at`: so do few words. */
  mayBegin(reading: Reading, at: number): boolean {
    const first = slot(reading.text, at);
    if (this.#begins[first] !== 1) return false;
    for (const { prefix } of this.#forms[first] ?? []) if (beginsWith(reading, at, prefix) !== NONE) return true;
    return false;
  }

  /** The form and the end of the key that begins at `at`, the beginning of a word. */
  find(reading: Reading, at: number): { end: number; kind: SecretKind } | undefined {
    const { text } = reading;
    for (const { prefix, rest, kind } of this.#forms[slot(text, at)] ?? []) {
      const answer = beginsWith(reading, at, prefix);
      if (answer === NONE) continue;
      if (answer === MORE || isCutOff(reading, answer)) return { end: MORE, kind };
      rest.lastIndex = answer;
      const found = rest.exec(text);
      if (found === null || found[0].length > KEY_CHARS || FILLED.test(found[0])) continue;
      return { end: answer + found[0].length, kind };
    }
    return undefined;
  }
}

/** Of two characters. */
const SLOTS = 128 * 128;

function slot(text: string, at: number): number {
  return ((text.charCodeAt(at) & 127) << 7) | (text.charCodeAt(at + 1) & 127);
}

/** The end of the prefix, `NONE`, or `MORE` where the text ends within it. */
function beginsWith(reading: Reading, at: number, prefix: string): number {
  const { text, end, atEnd } = reading;
  if (text.startsWith(prefix, at)) return at + prefix.length;
  return !atEnd && end - at < prefix.length && prefix.startsWith(text.slice(at)) ? MORE : NONE;
}

/** Whether the text ends within what may be a key: none ends where one of its characters follows. */
function isCutOff(reading: Reading, at: number): boolean {
  if (!reading.wants(at, KEY_CHARS)) return false;
  const limit = Math.min(reading.end, at + KEY_CHARS);
  let to = at;
  while (to < limit && isKeyChar(reading, to)) to += 1;
  return reading.wants(to, 1);
}

function isKeyChar(reading: Reading, at: number): boolean {
  if ((reading.kind(at) & ALNUM) !== 0) return true;
  const code = reading.text.charCodeAt(at);
  // - . / + = _ %
  return code === 45 || code === 46 || code === 47 || code === 43 || code === 61 || code === 95 || code === 37;
}

const BOT_TOKEN = /\d{8,10}:AA[\w-]{33}(?!\w)/y;
/** Behind the number. */
const BOT_CHARS = 36;
const BOT_BEGUN = /^:(?:A|AA[\w-]*)?$/;

/** The end of the token of a Telegram bot that begins at `at`, with the bot's number, which ends at `wordEnd` with a colon. */
export function botToken(reading: Reading, at: number, wordEnd: number): number {
  if (reading.wants(wordEnd, BOT_CHARS) && BOT_BEGUN.test(reading.text.slice(wordEnd))) return MORE;
  BOT_TOKEN.lastIndex = at;
  return BOT_TOKEN.exec(reading.text) === null ? NONE : BOT_TOKEN.lastIndex;
}

const AWS_SECRET_CHARS = 40;
const AWS_WORDS =
  /(?:secret[ _-]?(?:access[ _-]?)?key|secretaccesskey|aws[\w .-]{0,16}(?:secret|key)|aws_sk)\W{0,12}$/i;
/** Of `+` and `/` that such a secret begins with: more is rarer than anything else that is missed. */
const MOST_SIGNS = 3;
const HASH_CHARS = 40;
const HASH_WORDS = /private_key_id\W{1,8}$/i;
const STORAGE_CHARS = 86;
const STORAGE_WORDS =
  /(?:account[ _-]?key|storage[\w .-]{0,16}key|azure[\w .-]{0,24}key|(?:primary|secondary)[ _-]?key|key[12])\W{0,8}$/i;
const SHARED_CHARS = 43;
const SHARED_WORDS = /shared_?access_?key\W{1,4}$/i;
const STORAGE_FORMS = [
  { chars: STORAGE_CHARS, words: STORAGE_WORDS, padding: '==' },
  { chars: SHARED_CHARS, words: SHARED_WORDS, padding: '=' },
];
const CLIENT_SECRET = /[\w~.-]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![A-Za-z0-9_~-])/y;
const CLIENT_SECRET_CHARS = 41;
const SIGNATURE = /sig=(?:[A-Za-z0-9/+]|%2[bBfF]){40,60}(?:%3[dD]|=)/y;
const SIGNATURE_CHARS = 128;

/** The end of the cloud's secret that begins at `at`, of those without a prefix: their length and the words before tell them. */
export function cloudSecret(reading: Reading, at: number): number {
  // One after the other, and without a list of them: this is asked of every word.
  const client = clientSecret(reading, at);
  if (client !== NONE) return client;
  const signed = signature(reading, at);
  if (signed !== NONE) return signed;
  const storage = storageKey(reading, at);
  return storage === NONE ? awsSecret(reading, at) : storage;
}

function isBase64(reading: Reading, at: number): boolean {
  const code = reading.text.charCodeAt(at);
  return (reading.kind(at) & ALNUM) !== 0 || code === 43 || code === 47;
}

function endOfBase64(reading: Reading, at: number, most: number): number {
  const limit = Math.min(reading.end, at + most);
  let to = at;
  while (to < limit && isBase64(reading, to)) to += 1;
  return to;
}

function awsSecret(reading: Reading, at: number): number {
  const chars = AWS_SECRET_CHARS - signsBefore(reading, at);
  if (reading.end - at > chars && (!isBase64(reading, at + chars - 1) || isBase64(reading, at + chars))) return NONE;
  const end = endOfBase64(reading, at, chars + 1);
  if (reading.wants(end, 1) && end - at <= chars) return MORE;
  if (end - at !== chars || reading.text[end] === '=') return NONE;
  const value = reading.text.slice(at, end);
  const before = reading.before(at);
  if (/^[0-9a-f]+$/.test(value)) return value.length === HASH_CHARS && HASH_WORDS.test(before) ? end : NONE;
  return /[A-Z]/.test(value) && /[a-z]/.test(value) && AWS_WORDS.test(before) ? end : NONE;
}

/**
 * How many `+` and `/` stand right before: no word begins with them, but a secret in base64 may. Its words tell where it does; what
 * is found begins behind them.
 */
function signsBefore(reading: Reading, at: number): number {
  let first = at;
  while (first > at - MOST_SIGNS && isSign(reading.text.charCodeAt(first - 1))) first -= 1;
  return at - first;
}

function isSign(code: number): boolean {
  return code === 43 || code === 47;
}

function storageKey(reading: Reading, at: number): number {
  const { text } = reading;
  const known = reading.end - at;
  const signs = signsBefore(reading, at);
  for (const { chars: all, words, padding } of STORAGE_FORMS) {
    const chars = all - signs;
    const total = chars + padding.length;
    if (known >= total && !text.startsWith(padding, at + chars)) continue;
    if (!words.test(reading.before(at))) continue;
    const end = endOfBase64(reading, at, chars + 1);
    if (reading.wants(end, 3) && end - at <= chars) return MORE;
    if (end - at === chars && text.startsWith(padding, end) && text[end + padding.length] !== '=') return at + total;
  }
  return NONE;
}

function clientSecret(reading: Reading, at: number): number {
  const { text } = reading;
  if (reading.end - at > 5 && (text[at + 4] !== 'Q' || text[at + 5] !== '~')) return NONE;
  if (reading.end - at <= 5) return !reading.atEnd && /^[\w~.-]{0,3}(?:\dQ?)?$/.test(text.slice(at)) ? MORE : NONE;
  if ((reading.kind(at + 3) & DIGIT) === 0) return NONE;
  CLIENT_SECRET.lastIndex = at;
  const limit = Math.min(reading.end, at + CLIENT_SECRET_CHARS);
  let to = at;
  while (to < limit && /[\w~.-]/.test(text.charAt(to))) to += 1;
  if (reading.wants(to, 1)) return MORE;
  return CLIENT_SECRET.exec(text) === null ? NONE : CLIENT_SECRET.lastIndex;
}

/** Of a shared access signature's URL. */
function signature(reading: Reading, at: number): number {
  const { text, end, atEnd } = reading;
  if (text.charCodeAt(at) !== 115) return NONE; // s
  if (!text.startsWith('sig=', at)) return !atEnd && end - at < 4 && 'sig='.startsWith(text.slice(at)) ? MORE : NONE;
  const limit = Math.min(end, at + SIGNATURE_CHARS);
  let to = at + 4;
  while (to < limit && (isBase64(reading, to) || text[to] === '%' || text[to] === '=')) to += 1;
  if (reading.wants(to)) return MORE;
  SIGNATURE.lastIndex = at;
  return SIGNATURE.exec(text) === null ? NONE : SIGNATURE.lastIndex;
}
