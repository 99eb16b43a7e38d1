import { expect, test } from 'vitest';
import { outlookOf, refillSpoken, spoken, standingsOf } from '../../../src/dashboard/app/pages/overview/forecast.ts';
import type { Bucket } from '../../../src/dashboard/app/api/shapes.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const DOLLAR = 1_000_000_000n;

function bucket(name: string, balance: bigint, perDay = 0n, capacity = 10n * DOLLAR): Bucket {
  return {
    bucket: name,
    capacity_nanodollars: String(capacity),
    rate: { nanodollars: String(perDay), per_ms: DAY_MS },
    balance_nanodollars: String(balance),
    held_nanodollars: '0',
    updated_at: null,
  };
}

test('a bucket that loses four dollars a day, and has two, is empty in half a day', () => {
  // Five are spent and one flows back.
  expect(outlookOf(bucket('a', 2n * DOLLAR, DOLLAR), 5n * DOLLAR)).toEqual({ is: 'empties', inMs: 12 * HOUR_MS });
  expect(outlookOf(bucket('a', 2n * DOLLAR, 5n * DOLLAR), 5n * DOLLAR)).toEqual({ is: 'holds' });
  expect(outlookOf(bucket('a', 0n, 5n * DOLLAR), 0n)).toEqual({ is: 'empty' });
  expect(outlookOf(bucket('a', -1n), 5n * DOLLAR)).toEqual({ is: 'empty' });
  expect(outlookOf(bucket('a', 1n), 0n)).toEqual({ is: 'unused' });
  expect(outlookOf(bucket('a', 1n), undefined)).toEqual({ is: 'unknown' });
});

test('the worst comes first: empty, then soonest empty, then those with the least left', () => {
  const spend = {
    truncated: false,
    items: [
      { bucket: 'soon', time: '2026-11-28T10:00:00Z', nanodollars: String(3n * DOLLAR) },
      { bucket: 'soon', time: '2026-11-28T11:00:00Z', nanodollars: String(3n * DOLLAR) },
      { bucket: 'later', time: '2026-11-28T11:00:00Z', nanodollars: String(DOLLAR) },
    ],
  };
  const buckets = [
    bucket('full', 10n * DOLLAR),
    bucket('later', 9n * DOLLAR),
    bucket('low', DOLLAR),
    bucket('soon', 6n * DOLLAR),
    bucket('gone', 0n),
  ];
  const standings = standingsOf(buckets, spend);
  expect(standings.map((each) => each.bucket.bucket)).toEqual(['gone', 'soon', 'later', 'low', 'full']);
  expect(standings.map(({ spent }) => spent)).toEqual([0n, 6n * DOLLAR, DOLLAR, 0n, 0n]);
  expect(standings.map(({ left }) => left)).toEqual([0, 0.6, 0.9, 0.1, 1]);
});

test('a list of what was spent that was cut, or did not come, forecasts nothing', () => {
  for (const spend of [undefined, { truncated: true, items: [] }]) {
    expect(standingsOf([bucket('a', DOLLAR)], spend)).toMatchObject([{ spent: undefined, outlook: { is: 'unknown' } }]);
  }
});

test('a forecast is said roughly', () => {
  const inMs = (ms: number) => spoken({ is: 'empties', inMs: ms }).text;
  expect(inMs(3.7 * HOUR_MS)).toBe('empty in 3 h');
  expect(inMs(90 * 60_000)).toBe('empty in 1 h 30 min');
  expect(inMs(20)).toBe('empty in 1 min');
  expect(inMs(5.2 * DAY_MS)).toBe('empty in 5 d');
  expect(inMs(90 * DAY_MS)).toBe('lasts over 30 d');
  expect(spoken({ is: 'empties', inMs: HOUR_MS }).tone).toBe('bad');
  expect(spoken({ is: 'empties', inMs: 3 * DAY_MS }).tone).toBe('warn');
});

test('a refill is said in the words of the config', () => {
  const rate = (nanodollars: string, per_ms: number) =>
    refillSpoken({ ...bucket('a', 1n), rate: { nanodollars, per_ms } });
  expect(rate('5000000000', DAY_MS)).toBe('$5.00 a day flows back');
  expect(rate('200000000000', 30 * DAY_MS)).toBe('$200.00 a month flows back');
  expect(rate('1000000000', 2 * HOUR_MS)).toBe('$1.00 each 2 h flows back');
  expect(rate('0', DAY_MS)).toBe('nothing flows back');
});
