import { isIPv6 } from 'node:net';
import { MORE, NONE } from './reading.ts';
import type { Reading } from './reading.ts';
import { DIGIT, LETTER, LOWER, UPPER, WORD } from './view.ts';

const V4 = /(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)){3}/y;
/** Four numbers and three dots. */
const V4_CHARS = 15;
/** What numbers with dots follow that are no addresses; the last but four is a line of a Gemfile.lock. */
const VERSION =
  /(?:(?:\b|_|[a-z](?=version))(?:v|ver|version|versions|rel|release|build|firmware|fw|revision|rev|section|sections|sec|chapter|clause|paragraph|figure|fig|table|appendix|oid|step|driver|sdk|agent|patch)(?:s?\s+(?:is|to|of|number|no))?[\s.:="'>`(-]{0,4}|[~^]|(?:[=<>~!]=|~>)\s?|\n {4,}[a-z][\w-]{0,40} \(|§\s?|[a-z]\/|[a-z]-)$/i;

/** The end of the IPv4 address that begins at `at`. */
export function ipv4(reading: Reading, at: number): number {
  const { text } = reading;
  const limit = Math.min(reading.end, at + V4_CHARS);
  let to = at;
  while (to < limit && ((reading.kind(to) & DIGIT) !== 0 || (text[to] === '.' && to > at))) to += 1;
  if (reading.wants(to, 2)) return MORE;
  V4.lastIndex = at;
  const found = V4.exec(text);
  if (found === null) return NONE;
  const end = at + found[0].length;
  if (!endsV4(reading, end) || isDotted(text, at, reading) || VERSION.test(reading.before(at))) return NONE;
  return end;
}

function endsV4(reading: Reading, end: number): boolean {
  if (!reading.wordEnds(end)) return false;
  const next = reading.kind(end + 1);
  switch (reading.text[end]) {
    case '.': // 1.2.3.4.5; a host name as 1.2.3.4.example.com is one of an address
      return (next & DIGIT) === 0;
    case '-': // 1.2.3.4-beta
      return (next & (UPPER | LOWER | LETTER)) === 0;
    case '+': // 1.2.3.4+build
      return (next & WORD) === 0;
    default:
      return true;
  }
}

function isDotted(text: string, at: number, reading: Reading): boolean {
  return text[at - 1] === '.' && (reading.kind(at - 2) & WORD) !== 0;
}

/** Eight groups, or six and an IPv4 address, and the name of an interface. */
const V6_CHARS = 46;
const HEX = /[0-9a-f]/i;
/** With the `%`, and the character behind. */
const ZONE_CHARS = 18;
const IN_ZONE = /[a-z0-9._-]/i;
const ZONE = /%[a-z0-9._-]{1,16}/iy;

/** The end of the IPv6 address that begins at `at`, with a group or `::`. */
export function ipv6(reading: Reading, at: number): number {
  const { text } = reading;
  const limit = Math.min(reading.end, at + V6_CHARS);
  let to = at;
  let colons = 0;
  while (to < limit && inV6(text, to)) {
    if (text[to] === ':') colons += 1;
    to += 1;
  }
  if (reading.wants(to, 1)) return MORE;
  if (colons < 2 || to - at >= V6_CHARS || continues(reading, at)) return NONE;
  const end = to - (/(?:(?<!:):|\.)+$/.exec(text.slice(at, to))?.[0].length ?? 0);
  if (!isV6(text.slice(at, end)) || isSlice(reading, at)) return NONE;
  if (!reading.wordEnds(end)) return NONE;
  return withZone(reading, end);
}

function inV6(text: string, at: number): boolean {
  const char = text[at] ?? '';
  return char === ':' || char === '.' || HEX.test(char);
}

/** Groups before it belong to it, or it to them. */
function continues(reading: Reading, at: number): boolean {
  const before = reading.text[at - 1];
  if (before === '.') return (reading.kind(at - 2) & WORD) !== 0;
  if (before !== ':') return reading.text[at] === ':' && !reading.wordEnds(at - 1);
  return reading.text[at] === ':' || /(?:^|[^0-9a-z])[0-9a-f]{1,4}:$/i.test(reading.before(at));
}

function isV6(text: string): boolean {
  if (!isIPv6(text)) return false;
  // a::b is a name in code, 00:11:22:33:44:55:66:77 the number of a network card.
  return /\d/.test(text) && !/^[0-9a-f]{2}(?::[0-9a-f]{2}){7}$/i.test(text);
}

/** `list[::2]`, `table[:, ::2]`. */
function isSlice(reading: Reading, at: number): boolean {
  if (reading.text[at] !== ':' && !/^\d{1,4}::/.test(reading.text.slice(at, at + 6))) return false;
  return /[\w\])]\[[^\]\n]*$/.test(reading.before(at));
}

function withZone(reading: Reading, end: number): number {
  if (reading.text[end] !== '%') return end;
  let to = end + 1;
  while (to < end + ZONE_CHARS && IN_ZONE.test(reading.text.charAt(to))) to += 1;
  if (reading.wants(to)) return MORE;
  ZONE.lastIndex = end;
  return end + (ZONE.exec(reading.text)?.[0].length ?? 0);
}
