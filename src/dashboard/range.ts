import type { Clock } from '../lib/clock.ts';
import { BadParameter } from './parameters.ts';
import type { Parameters } from './parameters.ts';

const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** Milliseconds since the epoch: from inclusive, to exclusive. */
export interface Range {
  fromMs: number;
  toMs: number;
}

/** The time that was asked for; the last 24 hours, unless asked otherwise. */
export function askedRange(given: Parameters<'from' | 'to'>, clock: Clock): Range {
  const toMs = given.time('to') ?? clock.nowMs();
  const fromMs = given.time('from') ?? toMs - DAY_MS;
  if (fromMs >= toMs) throw new BadParameter('from', 'must be before to');
  return { fromMs, toMs };
}

/** The same, widened to whole hours. */
export function wholeHours(given: Parameters<'from' | 'to'>, clock: Clock): Range {
  const { fromMs, toMs } = askedRange(given, clock);
  return { fromMs: Math.floor(fromMs / HOUR_MS) * HOUR_MS, toMs: Math.ceil(toMs / HOUR_MS) * HOUR_MS };
}

/** Whole days that end with the one that has begun; `otherwise` so many of them, and never more than `most`. */
export function wholeDays(
  given: Parameters<'from' | 'to'>,
  clock: Clock,
  { otherwise, most }: { otherwise: number; most: number },
): Range {
  const toMs = Math.ceil((given.time('to') ?? clock.nowMs()) / DAY_MS) * DAY_MS;
  const askedFrom = given.time('from') ?? toMs - otherwise * DAY_MS;
  const fromMs = Math.floor(askedFrom / DAY_MS) * DAY_MS;
  if (fromMs >= toMs) throw new BadParameter('from', 'must be before to');
  if (toMs - fromMs > most * DAY_MS) throw new BadParameter('from', `must be at most ${most} days before to`);
  return { fromMs, toMs };
}

/** A range as it was used. */
export function told({ fromMs, toMs }: Range): { from: string; to: string } {
  return { from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString() };
}
