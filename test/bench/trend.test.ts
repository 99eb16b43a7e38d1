import { expect, test } from 'vitest';
import { trendOf } from '../../bench/load/trend.ts';
import { Dice } from '../support/dice.ts';

function seconds(count: number, at: (second: number) => number): number[] {
  return Array.from({ length: count }, (_, second) => at(second));
}

test('a straight line is found without any error', () => {
  const { slope, error, blocks } = trendOf(
    seconds(120, (second) => 500 + 3 * second),
    10,
  );
  expect(slope).toBeCloseTo(3, 9);
  expect(error).toBeCloseTo(0, 9);
  expect(blocks).toBe(12);
});

test('the error is that of the textbook', () => {
  // Means 1, 3, 2, 5: slope 1.1, residuals -0.1, 0.8, -1.3, 0.6; sqrt(2.7 / 2 / 5) = 0.519615.
  const { slope, error } = trendOf([1, 3, 2, 5], 1);
  expect(slope).toBeCloseTo(1.1, 9);
  expect(error).toBeCloseTo(0.519615, 6);
});

/** A process whose memory wanders about 400 MB, and forgets what it held with a half-life of some seconds. */
function wandering(seed: number, growthPerSecond: number): number[] {
  const dice = new Dice(seed);
  let off = 0;
  return seconds(540, (second) => {
    off = 0.85 * off + (dice.fraction() - 0.5) * 10;
    return 400 + off + growthPerSecond * second;
  });
}

const SEEDS = Array.from({ length: 200 }, (_, seed) => seed);

function rising(growthPerSecond: number): number {
  return SEEDS.filter((seed) => {
    const { slope, error } = trendOf(wandering(seed, growthPerSecond), 45);
    return Math.abs(slope) > 2 * error;
  }).length;
}

test('memory that only wanders is rarely said to rise, and a leak of 2 MB a minute is always found', () => {
  // Two errors of ten degrees of freedom are passed by chance in one case of fourteen.
  expect(rising(0)).toBeLessThan(30);
  expect(rising(2 / 60)).toBe(SEEDS.length);
});
