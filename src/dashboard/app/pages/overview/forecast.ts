import * as z from 'zod/mini';
import { Nanodollars } from '../../api/shapes.ts';
import type { Bucket } from '../../api/shapes.ts';
import { duration, money } from '../../design/format.ts';

/** `GET /api/quota-spend`. */
export const QuotaSpend = z.looseObject({
  items: z.array(z.looseObject({ bucket: z.string(), time: z.string(), nanodollars: Nanodollars })),
  truncated: z.boolean(),
});
export type QuotaSpend = z.infer<typeof QuotaSpend>;

/** What becomes of a bucket if the next day is like the last 24 hours. */
export type Outlook =
  | { is: 'empty' }
  | { is: 'empties'; inMs: number }
  | { is: 'holds' }
  | { is: 'unused' }
  | { is: 'unknown' };

export interface Standing {
  bucket: Bucket;
  /** In the last 24 hours; undefined: not known. */
  spent: bigint | undefined;
  outlook: Outlook;
  /** Of its capacity, from 0 to 1. */
  left: number;
}

const DAY_MS = 86_400_000;

export function outlookOf(bucket: Bucket, spent: bigint | undefined): Outlook {
  const balance = BigInt(bucket.balance_nanodollars);
  if (balance <= 0n) return { is: 'empty' };
  if (spent === undefined) return { is: 'unknown' };
  if (spent === 0n) return { is: 'unused' };
  const drain = spent - refillOf(bucket, DAY_MS);
  if (drain <= 0n) return { is: 'holds' };
  return { is: 'empties', inMs: Number((balance * BigInt(DAY_MS)) / drain) };
}

/** What flows back in so long. */
function refillOf({ rate }: Bucket, ms: number): bigint {
  return rate.per_ms <= 0 ? 0n : (BigInt(rate.nanodollars) * BigInt(ms)) / BigInt(Math.round(rate.per_ms));
}

/** The worst first: empty, then what is so soonest, then those with the least of their capacity. */
export function standingsOf(buckets: readonly Bucket[], spend: QuotaSpend | undefined): Standing[] {
  const spent = new Map<string, bigint>();
  for (const { bucket, nanodollars } of spend?.items ?? [])
    spent.set(bucket, (spent.get(bucket) ?? 0n) + BigInt(nanodollars));
  // A list that was cut says nothing about what it lacks.
  const otherwise = spend === undefined || spend.truncated ? undefined : 0n;
  return buckets
    .map((bucket) => {
      const charged = spend?.truncated === true ? undefined : (spent.get(bucket.bucket) ?? otherwise);
      return { bucket, spent: charged, outlook: outlookOf(bucket, charged), left: shareLeft(bucket) };
    })
    .sort((one, other) => soonness(one.outlook) - soonness(other.outlook) || one.left - other.left);
}

function soonness(outlook: Outlook): number {
  if (outlook.is === 'empty') return 0;
  return outlook.is === 'empties' ? outlook.inMs + 1 : Number.MAX_SAFE_INTEGER;
}

function shareLeft({ balance_nanodollars, capacity_nanodollars }: Bucket): number {
  const [balance, capacity] = [Number(balance_nanodollars), Number(capacity_nanodollars)];
  return capacity <= 0 ? 0 : Math.min(1, Math.max(0, balance / capacity));
}

/** In words, and how much it matters. */
export function spoken(outlook: Outlook): { text: string; tone: 'bad' | 'warn' | 'neutral' | 'good'; why: string } {
  const pace = 'if it goes on as in the last 24 hours';
  switch (outlook.is) {
    case 'empty':
      return { text: 'empty', tone: 'bad', why: 'Nothing is left: requests charged to it are refused' };
    case 'empties': {
      const text = outlook.inMs > 30 * DAY_MS ? 'lasts over 30 d' : `empty in ${roughly(outlook.inMs)}`;
      return { text, tone: outlook.inMs < DAY_MS ? 'bad' : outlook.inMs < 7 * DAY_MS ? 'warn' : 'neutral', why: pace };
    }
    case 'holds':
      return { text: 'holds', tone: 'good', why: `More flows back than is spent, ${pace}` };
    case 'unused':
      return { text: 'not in use', tone: 'neutral', why: 'Nothing was spent in the last 24 hours' };
    case 'unknown':
      return { text: 'pace unknown', tone: 'neutral', why: 'What was spent in the last 24 hours is not known' };
  }
}

/** `3 h`, `2 d`: a forecast has no minutes but in its last hour. */
function roughly(ms: number): string {
  const unit = [DAY_MS, 3_600_000, 60_000].find((size) => ms >= 2 * size) ?? 60_000;
  return duration(Math.max(unit, Math.floor(ms / unit) * unit));
}

const PERIODS: [number, string][] = [
  [60_000, 'a minute'],
  [3_600_000, 'an hour'],
  [DAY_MS, 'a day'],
  [7 * DAY_MS, 'a week'],
  [30 * DAY_MS, 'a month'],
];

/** `$5.00 a day flows back`. */
export function refillSpoken({ rate }: Bucket): string {
  if (rate.nanodollars === '0' || rate.per_ms <= 0) return 'nothing flows back';
  const period = PERIODS.find(([ms]) => ms === rate.per_ms)?.[1] ?? `each ${duration(rate.per_ms)}`;
  return `${money(rate.nanodollars)} ${period} flows back`;
}
