import { luhn } from './check-digits.ts';
import { digitsTo, endsAt, followsGroup } from './number-run.ts';
import type { NumberRun } from './number-run.ts';
import { NONE } from './reading.ts';
import type { Reading } from './reading.ts';

/** Prefixes that are issued, first to last of as many digits, and the lengths of numbers that begin so. */
const ISSUERS: [first: number, last: number, lengths: number[]][] = [
  [4, 4, [13, 16, 19]], // Visa
  [51, 55, [16]], // Mastercard
  [2221, 2720, [16]],
  [34, 34, [15]], // American Express
  [37, 37, [15]],
  [300, 305, [14, 16]], // Diners Club
  [309, 309, [14, 16]],
  [36, 36, [14, 16]],
  [38, 39, [14, 16]],
  [6011, 6011, [16, 19]], // Discover
  [644, 659, [16, 19]],
  [3528, 3589, [16, 19]], // JCB
  [62, 62, [16, 17, 18, 19]], // UnionPay
  [81, 82, [16]], // RuPay
  [508, 508, [16]],
  [60, 60, [16]],
  [2200, 2204, [16, 19]], // Mir
  [9792, 9792, [16]], // Troy
  [5018, 5018, [12, 13, 14, 15, 16, 17, 18, 19]], // Maestro
  [5020, 5020, [12, 13, 14, 15, 16, 17, 18, 19]],
  [5038, 5038, [12, 13, 14, 15, 16, 17, 18, 19]],
  [5893, 5893, [12, 13, 14, 15, 16, 17, 18, 19]],
  [6304, 6304, [12, 13, 14, 15, 16, 17, 18, 19]],
  [6759, 6759, [12, 13, 14, 15, 16, 17, 18, 19]],
  [6761, 6763, [12, 13, 14, 15, 16, 17, 18, 19]],
];

/** How cards are written in groups, beside groups of four. */
const GROUPED = new Set(['4 6 5', '4 6 4', '6 13', '6 9', '6 10']);

/** The end of the card number that a run begins with. */
export function card(reading: Reading, run: NumberRun): number {
  if (run.joined) return NONE;
  for (let index = Math.min(run.groups.length, 5) - 1; index >= 0; index--) {
    if (digitsIn(run, index) < LEAST_DIGITS || !endsAt(reading, run, index) || !isGrouped(reading, run, index))
      continue;
    const digits = digitsTo(reading, run, index);
    if (isIssued(digits) && luhn(digits)) return run.groups[index]?.end ?? NONE;
  }
  return NONE;
}

const LEAST_DIGITS = 12;

function digitsIn(run: NumberRun, index: number): number {
  let digits = 0;
  for (let at = 0; at <= index; at++) digits += (run.groups[at]?.end ?? 0) - (run.groups[at]?.start ?? 0);
  return digits;
}

function isGrouped(reading: Reading, run: NumberRun, index: number): boolean {
  const groups = run.groups.slice(0, index + 1);
  if (groups.some(({ separator }, at) => at > 0 && !/^[ .-]$/.test(separator))) return false;
  const lengths = groups.map(({ start, end }) => end - start);
  if (lengths.length === 1) return true;
  // Four groups of a longer row of groups are no card.
  if (followsGroup(reading, groups[0]?.start ?? 0)) return false;
  const fours = lengths.every((length, at) => (at === lengths.length - 1 ? length <= 4 : length === 4));
  return fours || GROUPED.has(lengths.join(' '));
}

function isIssued(digits: readonly number[]): boolean {
  if (digits.length < 12 || digits.length > 19 || digits.every((digit) => digit === digits[0])) return false;
  return ISSUERS.some(([first, last, lengths]) => {
    const prefix = Number(digits.slice(0, String(first).length).join(''));
    return prefix >= first && prefix <= last && lengths.includes(digits.length);
  });
}
