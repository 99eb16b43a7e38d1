import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sharesOf, splitCost } from '../../src/pricing/split.ts';
import type { Metered } from '../../src/pricing/split.ts';

const rational = fc.record({ n: fc.bigInt(0n, 10n ** 15n), d: fc.bigInt(1n, 1000n) });

test('shares add up to the total, and each is within one of its part', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 10n ** 18n), fc.array(rational, { minLength: 1, maxLength: 12 }), (total, weights) => {
      fc.pre(weights.some(({ n }) => n > 0n));
      const shares = sharesOf(total, weights);
      expect(shares.reduce((sum, share) => sum + share, 0n)).toBe(total);
      const common = weights.reduce((all, { d }) => all * d, 1n);
      const whole = weights.map(({ n, d }) => n * (common / d));
      const sum = whole.reduce((all, each) => all + each, 0n);
      shares.forEach((share, at) => {
        const off = share * sum - total * (whole[at] ?? 0n);
        expect(off < 0n ? -off : off).toBeLessThan(sum);
      });
    }),
  );
});

test('what is left by rounding goes to those that lost most by it', () => {
  const weights = [1n, 1n, 4n].map((n) => ({ n, d: 1n }));
  expect(sharesOf(10n, weights)).toEqual([2n, 2n, 6n]);
  expect(sharesOf(11n, weights)).toEqual([2n, 2n, 7n]);
  expect(sharesOf(0n, weights)).toEqual([0n, 0n, 0n]);
});

const metered = (...parts: [billed: bigint, rate: bigint | undefined][]): Metered[] =>
  parts.map(([billed, rate]) => ({
    meter: 'output',
    consumed: billed,
    billed,
    rate: rate === undefined ? undefined : { n: rate, d: 1n },
  }));
const ONE = { n: 1n, d: 1n };

test('a cost is by the rates as long as only rounding lies between', () => {
  // Three exchanges of one token at 500 picodollars each were rounded to 0: together a nanodollar and a half.
  expect(splitCost(0n, 3, metered([3n, 500n]), ONE)).toEqual({ shares: [0n], isByRates: true });
  expect(splitCost(0n, 2, metered([3n, 500n]), ONE)?.isByRates).toBe(false);
  expect(splitCost(9n, 3, metered([3n, 2500n]), ONE)?.isByRates).toBe(true);
  expect(splitCost(10n, 3, metered([3n, 2500n]), ONE)?.isByRates).toBe(false);
  // Half price.
  expect(splitCost(500n, 1, metered([1n, 1_000_000n]), { n: 1n, d: 2n })).toEqual({ shares: [500n], isByRates: true });
});

test('without a rate, or where nothing that was used costs anything, it is not split', () => {
  expect(splitCost(5n, 1, metered([1n, 1000n], [1n, undefined]), ONE)).toBeUndefined();
  expect(splitCost(5n, 1, metered([1n, 0n]), ONE)).toBeUndefined();
  expect(splitCost(0n, 1, metered([1n, 0n]), ONE)).toEqual({ shares: [0n], isByRates: true });
});
