import type { Reading } from './reading.ts';
import { ALNUM, DIGIT, WORD } from './view.ts';

/** The longest number that anything here looks for, with separators: a card of 19 digits and an id of 15 in single groups. */
const RUN_CHARS = 48;
const GROUPS = 10;

/** No id, card or phone number has fewer. */
export const LEAST_DIGITS = 7;

/**
 * Digits from `at` on, as far as a number could go: up to something that none of them has, or two letters. Counts no further than it
 * has to; most numbers in a text are short, and this is all that is asked of them.
 */
export function digitsAhead(reading: Reading, at: number): number {
  const limit = Math.min(reading.end, at + RUN_CHARS);
  let digits = 0;
  let letters = 0;
  for (let to = at; to < limit && digits < LEAST_DIGITS; to++) {
    const kind = reading.kind(to);
    if ((kind & DIGIT) !== 0) {
      digits += 1;
      letters = 0;
    } else if ((kind & WORD) !== 0) {
      letters += 1;
      if (letters > 1) return digits;
    } else if (!isMark(reading.text.charCodeAt(to))) return digits;
  }
  // The text ends first: it may become any number.
  return reading.wants(limit) ? LEAST_DIGITS : digits;
}

/** What stands between digits, in numbers of any kind. */
function isMark(code: number): boolean {
  return code === 32 || (code >= 40 && code <= 47 && code !== 42 && code !== 44);
}

/** A group of a number: digits, or the letter that some ids have. */
export interface Group {
  start: number;
  end: number;
  /** The character before it; empty for the first. */
  separator: string;
}

/**
 * Digits, and separators between them, from the beginning of a word on: what a card, an id or a phone number would be.
 * Groups of digits are parted by one space, dash, dot or slash; a letter among digits is a group of its own.
 */
export interface NumberRun {
  groups: Group[];
  /** Behind the last group. */
  end: number;
  /** It is part of something longer: `A-1234`, `1.2345`, `ab/1234` are not where a number begins. */
  joined: boolean;
}

/** Undefined: what follows decides. */
export function numberRun(reading: Reading, at: number): NumberRun | undefined {
  const groups: Group[] = [];
  let to = at;
  let separator = '';
  while (groups.length < GROUPS && to - at < RUN_CHARS) {
    const kind = reading.kind(to);
    let end = to + 1;
    if ((kind & DIGIT) !== 0) end = reading.runEnd(to, DIGIT, RUN_CHARS);
    else if ((kind & ALNUM) === 0) break;
    groups.push({ start: to, end, separator });
    to = end;
    if ((reading.kind(to) & WORD) !== 0) {
      separator = '';
      continue;
    }
    const next = afterSeparator(reading, to);
    if (next === to) break;
    separator = reading.text.charAt(to);
    to = next;
  }
  const end = groups.at(-1)?.end ?? at;
  // A separator and what stands behind it decide whether the number goes on.
  if (reading.wants(to, 2)) return undefined;
  return { groups, end, joined: isJoined(reading, at) };
}

/** Behind one separator that a digit follows, or a dash that a letter or digit follows; else `at`. */
function afterSeparator(reading: Reading, at: number): number {
  const next = reading.kind(at + 1);
  switch (reading.text.charCodeAt(at)) {
    case 32: // space
    case 46: // .
    case 47: // /
      return (next & DIGIT) !== 0 ? at + 1 : at;
    case 43: // +, between a birthday long ago and its number
    case 45: // -
      return (next & ALNUM) !== 0 ? at + 1 : at;
    default:
      return at;
  }
}

function isJoined(reading: Reading, at: number): boolean {
  const before = reading.kind(at - 2);
  switch (reading.text.charCodeAt(at - 1)) {
    case 45: // -
    case 46: // .
      return (before & WORD) !== 0;
    case 47: // /, of a path only where a digit stands before
      return (before & DIGIT) !== 0;
    default:
      return false;
  }
}

/** Whether a number may end behind group `index`: neither inside of a word nor of something longer. */
export function endsAt(reading: Reading, run: NumberRun, index: number): boolean {
  const group = run.groups[index];
  if (group === undefined) return false;
  const kind = reading.kind(group.end);
  if ((kind & WORD) !== 0) return false;
  const next = reading.kind(group.end + 1);
  switch (reading.text.charCodeAt(group.end)) {
    case 45: // -
      return (next & ALNUM) === 0;
    case 46: // .
    case 47: // /
      return (next & DIGIT) === 0;
    default:
      return true;
  }
}

/** The digits of the groups up to `index`. */
export function digitsTo(reading: Reading, run: NumberRun, index: number): number[] {
  const digits: number[] = [];
  for (const { start, end } of run.groups.slice(0, index + 1)) {
    for (let at = start; at < end; at++) {
      if ((reading.kind(at) & DIGIT) !== 0) digits.push(reading.text.charCodeAt(at) - 48);
    }
  }
  return digits;
}

/** `3-2-4` for 123-45-6789, `6A3A` for 010190A123B, up to group `index`. */
export function shapeTo(reading: Reading, run: NumberRun, index: number): string {
  let shape = '';
  for (const { start, end, separator } of run.groups.slice(0, index + 1)) {
    shape += separator + ((reading.kind(start) & DIGIT) !== 0 ? String(end - start) : 'A');
  }
  return shape;
}

/** Whether a longer number in groups of four stands before: `1234` before `5678 9012 3456`. */
export function followsGroup(reading: Reading, at: number): boolean {
  return reading.text.charCodeAt(at - 1) === 32 && /(?:^|[^\w:./-])\d{4} $/.test(reading.before(at));
}
