import { failed, ok } from '../src/lib/result.ts';
import type { Result } from '../src/lib/result.ts';

/**
 * Durations, sizes and money as people write them, read to exact integers. A fault is the end of a sentence that
 * begins with the value, so that whoever reports it decides how much of the value may be shown.
 */

const NANOSECONDS: Record<string, bigint> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n, // U+00B5, micro sign
  μs: 1_000n, // U+03BC, Greek mu: Go reads both
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
};
const DURATION_PART = /(\d+)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h|d)/y;
const NANOSECONDS_PER_MS = 1_000_000n;
/** Beyond eighteen digits nobody means anything, and the arithmetic stays small. */
const MOST_DIGITS = 18;

/** A Go-style duration ("1h30m", "500ms", "0"), with `d` for days besides. Milliseconds; finer ones are refused. */
export function parseDuration(text: string): Result<number, string> {
  const unreadable = failed('is not a duration such as "1h30m", "10s" or "500ms"');
  if (text === '0') return ok(0);
  if (text === '') return unreadable;
  let total = 0n;
  DURATION_PART.lastIndex = 0;
  while (DURATION_PART.lastIndex < text.length) {
    const part = DURATION_PART.exec(text);
    if (part === null) return unreadable;
    const whole = part[1] ?? '';
    const fraction = part[2] ?? '';
    const unit = NANOSECONDS[part[3] ?? ''];
    if (unit === undefined || whole.length > MOST_DIGITS || fraction.length > MOST_DIGITS) return unreadable;
    const scaled = scale(whole, fraction, unit);
    if (scaled === undefined) return failed('is finer than a nanosecond');
    total += scaled;
  }
  if (total % NANOSECONDS_PER_MS !== 0n) return failed('is not a whole number of milliseconds');
  return safeInteger(total / NANOSECONDS_PER_MS);
}

const BYTES: Record<string, bigint> = {
  '': 1n,
  B: 1n,
  KB: 1_000n,
  MB: 1_000_000n,
  GB: 1_000_000_000n,
  TB: 1_000_000_000_000n,
  KiB: 1n << 10n,
  MiB: 1n << 20n,
  GiB: 1n << 30n,
  TiB: 1n << 40n,
};
const SIZE = /^(\d+)(?:\.(\d+))? ?(B|[KMGT]i?B)?$/;

/** A size ("64MiB", "1.5GiB", "500KB", "4096"). Bytes; `KiB` is 1024, `KB` is 1000. */
export function parseSize(text: string): Result<number, string> {
  const unreadable = failed('is not a size such as "64MiB"');
  const match = SIZE.exec(text);
  const whole = match?.[1] ?? '';
  const fraction = match?.[2] ?? '';
  const unit = BYTES[match?.[3] ?? ''];
  if (match === null || unit === undefined) return unreadable;
  if (whole.length > MOST_DIGITS || fraction.length > MOST_DIGITS) return unreadable;
  const bytes = scale(whole, fraction, unit);
  return bytes === undefined ? failed('is not a whole number of bytes') : safeInteger(bytes);
}

const NANODOLLARS_PER_DOLLAR = 1_000_000_000n;
/** What a signed 64-bit column of nanodollars can hold, in whole dollars. */
const MOST_DOLLARS = 9_223_372_036n;
const MONEY = /^\$(\d+)(?:\.(\d{1,9}))?$/;

/** An amount in US dollars ("$1.50"). Nanodollars, exact: nine decimals are all there is. */
export function parseMoney(text: string): Result<bigint, string> {
  const match = MONEY.exec(text);
  const whole = match?.[1] ?? '';
  if (match === null || whole.length > MOST_DIGITS) {
    return failed('is not an amount such as "$1.50" (dollars, at most nine decimals)');
  }
  if (BigInt(whole) >= MOST_DOLLARS) return failed(`is more than $${MOST_DOLLARS.toString()}`);
  const nanodollars = scale(whole, match[2] ?? '', NANODOLLARS_PER_DOLLAR);
  return nanodollars === undefined ? failed('has more than nine decimals') : ok(nanodollars);
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const PERIOD_MS: Record<string, number> = {
  min: MINUTE_MS,
  hour: 60 * MINUTE_MS,
  day: DAY_MS,
  week: 7 * DAY_MS,
  month: 30 * DAY_MS, // Aperture's month (aperture.md, section 5.1)
};

/** What flows back into a bucket: so many nanodollars each `perMs` milliseconds. */
export interface RefillRate {
  nanodollars: bigint;
  perMs: number;
}

/** A refill rate ("$5.00/day"); the periods are min, hour, day, week and month (30 days). */
export function parseRate(text: string): Result<RefillRate, string> {
  const slash = text.indexOf('/');
  const perMs = PERIOD_MS[text.slice(slash + 1)];
  const amount = parseMoney(text.slice(0, Math.max(slash, 0)));
  if (slash < 0 || perMs === undefined || !amount.ok) {
    return failed('is not a rate such as "$5.00/day" (per min, hour, day, week or month)');
  }
  return ok({ nanodollars: amount.value, perMs });
}

/** A number as decimal text without an exponent: prices are multiplied by it exactly. */
export function decimalText(value: number): string {
  const [mantissa = '0', exponentText] = String(value).split('e');
  if (exponentText === undefined) return mantissa;
  const [whole = '0', fraction = ''] = mantissa.split('.');
  const exponent = Number(exponentText);
  return exponent < 0
    ? `0.${'0'.repeat(-exponent - whole.length)}${whole}${fraction}`
    : `${whole}${fraction.padEnd(exponent, '0')}`;
}

/** `whole.fraction` units, or undefined where that is not a whole number. */
function scale(whole: string, fraction: string, unit: bigint): bigint | undefined {
  const denominator = 10n ** BigInt(fraction.length);
  const numerator = BigInt(whole + fraction) * unit;
  return numerator % denominator === 0n ? numerator / denominator : undefined;
}

function safeInteger(value: bigint): Result<number, string> {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? ok(Number(value)) : failed('is too large');
}
