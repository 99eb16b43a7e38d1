import fc from 'fast-check';
import { expect, test } from 'vitest';
import { USAGE_KINDS } from '../../src/contract/usage.ts';
import { nanodollars, table } from './support.ts';
import { disagreements } from './oracle.ts';

test('failure mode 13: a hundred thousand random costs, and their sum, equal exact decimal arithmetic', () => {
  expect(disagreements(100_000, 20_260_928)).toEqual([]);
});

const usages = fc.record(Object.fromEntries(USAGE_KINDS.map((kind) => [kind, fc.integer({ min: 0, max: 3_000_000 })])));

test('failure mode 6: no kind of token is free, none is charged twice: one more costs its own rate and no more', () => {
  // Rates of claude-opus-4-8, which has no long context price: dollars a million.
  const dollars: Record<string, number> = {
    input_uncached: 5,
    cache_read: 0.5,
    cache_write_5m: 6.25,
    cache_write_1h: 10,
    cache_write_other: 6.25,
    output: 25,
    reasoning: 25,
    audio_in: 5,
    image_in: 5,
    audio_out: 25,
    image_out: 25,
  };
  const opus = { basis: 'anthropic', modelRequested: 'claude-opus-4-8' };
  fc.assert(
    fc.property(
      usages,
      fc.constantFrom(...USAGE_KINDS),
      fc.integer({ min: 1, max: 1000 }),
      (usage, kind, thousands) => {
        // By thousands, so that every sum is a whole number of nanodollars plus the same rest.
        const rounded = Object.fromEntries(Object.entries(usage).map(([name, tokens]) => [name, tokens * 1000]));
        const more = { ...rounded, [kind]: (rounded[kind] ?? 0) + thousands * 1000 };
        const difference = nanodollars({ ...opus, usage: more }) - nanodollars({ ...opus, usage: rounded });
        expect(difference).toBe(BigInt(Math.round((dollars[kind] ?? 0) * 1_000_000)) * BigInt(thousands));
      },
    ),
  );
});

test('the cost of two answers is the cost of one with both usages, up to one rounding', () => {
  const opus = { basis: 'anthropic', modelRequested: 'claude-opus-4-8' };
  fc.assert(
    fc.property(usages, usages, (a, b) => {
      const both = Object.fromEntries(USAGE_KINDS.map((kind) => [kind, (a[kind] ?? 0) + (b[kind] ?? 0)]));
      const apart = nanodollars({ ...opus, usage: a }) + nanodollars({ ...opus, usage: b });
      const difference = nanodollars({ ...opus, usage: both }) - apart;
      expect(difference >= -1n && difference <= 1n).toBe(true);
    }),
  );
});

test('failure mode 1: no priced model costs nothing when it read or wrote tokens', () => {
  const basisOf = { openai: 'openai', anthropic: 'anthropic', gemini: 'google', vertex: 'vertex', bedrock: 'bedrock' };
  for (const [provider, models] of table.providers) {
    for (const model of models.keys()) {
      const given = { basis: basisOf[provider], modelRequested: model };
      expect(
        nanodollars({ ...given, usage: { input_uncached: 1_000_000, cache_read: 1_000_000 } }),
        model,
      ).toBeGreaterThan(0n);
    }
  }
});
