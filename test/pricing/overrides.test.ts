import { describe, expect, test } from 'vitest';
import type { PriceOverride } from '../../src/contract/price.ts';
import { costOf } from '../../src/pricing/cost.ts';
import { withOverrides } from '../../src/pricing/overrides.ts';
import { parsePriceTable } from '../../src/pricing/table.ts';
import { question, table } from './support.ts';
import type { Ask } from './support.ts';

function cost(overrides: PriceOverride[], ask: Ask) {
  const own = withOverrides(table, overrides);
  if (!own.ok) throw new Error(JSON.stringify(own.fault));
  return costOf(question(ask), own.value);
}

describe('prices of the operator', () => {
  const usage = { input_uncached: 1000, cache_read: 1000, output: 1000 };

  test('go before the table, name their version, and hold for their basis only', () => {
    const mine: PriceOverride[] = [{ basis: 'openai', model: 'gpt-5.4', per_million: { input: '$1.5', output: '7' } }];
    const priced = cost(mine, { basis: 'openai', modelRequested: 'gpt-5.4', usage });
    // A read costs what input costs: nothing is inherited from the table's entry.
    expect(priced).toMatchObject({
      costNanodollars: 1_500_000n + 1_500_000n + 7_000_000n,
      costBasis: 'openai/gpt-5.4',
    });
    expect(priced).toHaveProperty('priceVersion', expect.stringMatching(/^2026-09-28-[0-9a-f]{12}\+[0-9a-f]{8}$/));
    expect(cost(mine, { basis: 'azure', modelRequested: 'gpt-5.4', usage })).toMatchObject({
      costNanodollars: 2_500_000n + 250_000n + 15_000_000n,
    });
  });

  test('may start from a model of the table', () => {
    const mine = [
      { basis: 'anthropic', model: 'claude-opus-4-8', like: 'claude-opus-4-8', per_million: { output: '20' } },
    ];
    expect(cost(mine, { basis: 'anthropic', modelRequested: 'claude-opus-4-8', usage })).toMatchObject({
      costNanodollars: 5_000_000n + 500_000n + 20_000_000n,
    });
  });

  test('give a self-hosted model a price, or none at all', () => {
    const mine = [{ basis: 'openai', model: 'qwen3-coder-30b', per_million: { input: '$0', output: '$0.02' } }];
    expect(cost(mine, { flags: ['openai_chat'], modelRequested: 'lab/qwen3-coder-30b', usage })).toMatchObject({
      costNanodollars: 20_000n,
      costBasis: 'openai/qwen3-coder-30b',
    });
  });

  test('that say nothing costs anything hold for answers without usage, and no other price does', () => {
    const price = (input: string): PriceOverride[] => [
      { basis: 'openai', model: 'omni-moderation-latest', per_million: { input } },
    ];
    const ask = { basis: 'openai', modelRequested: 'omni-moderation-latest', usage: null };
    expect(cost(price('$0'), ask)).toMatchObject({
      known: true,
      costNanodollars: 0n,
      costBasis: 'openai/omni-moderation-latest',
    });
    expect(cost(price('$0.01'), ask)).toEqual({ known: false, reason: 'no_usage' });
    expect(cost([], ask)).toEqual({ known: false, reason: 'no_usage' });
  });

  test('have tiers, services and searches too', () => {
    const mine: PriceOverride[] = [
      {
        basis: 'openai',
        model: 'gpt-9',
        per_million: { input: '1', output: '3' },
        tiers: [{ above_input_tokens: 1000, per_million: { input: '2' } }],
        batch: { input: '0.3' },
        web_search: '$0.005',
      },
    ];
    const ask = { basis: 'openai', modelRequested: 'gpt-9' };
    expect(cost(mine, { ...ask, usage: { input_uncached: 1000 }, serverTools: { web_search: 2 } })).toMatchObject({
      costNanodollars: 1_000_000n + 10_000_000n,
    });
    expect(cost(mine, { ...ask, usage: { input_uncached: 1001 } })).toMatchObject({ costNanodollars: 2_002_000n });
    // 0.3 x 2 / 1
    expect(cost(mine, { ...ask, usage: { input_uncached: 1001 }, serviceTier: 'batch' })).toMatchObject({
      costNanodollars: 600_600n,
    });
  });

  test('are refused with every problem', () => {
    const result = withOverrides(table, [
      { basis: 'moon', model: 'a', per_million: { input: '1' } },
      { basis: 'openai', model: 'b', per_million: { output: '1' } },
      { basis: 'openai', model: 'c', like: 'no-such', per_million: { input: '-1', output: '1.1234567' } },
      { basis: 'openai', model: 'b', per_million: { input: '1' }, web_search: '1 cent' },
      {
        basis: 'openai',
        model: 'd',
        per_million: { input: '1' },
        tiers: [{ above_input_tokens: 1, per_million: { input: '$' } }],
        batch: { output: 'half' },
      },
    ]);
    const noPrice = (decimals: number): string => `is not a price in dollars with at most ${decimals} decimals`;
    expect(result).toEqual({
      ok: false,
      fault: [
        { path: [0, 'basis'], message: expect.stringContaining('is not a cost basis; there are anthropic, openai') },
        { path: [1, 'per_million'], message: 'has no input: every price needs that rate' },
        { path: [2, 'like'], message: 'is not in the price table' },
        { path: [2, 'per_million', 'input'], message: noPrice(6) },
        { path: [2, 'per_million', 'output'], message: noPrice(6) },
        { path: [3, 'model'], message: 'has a price for this basis already' },
        { path: [3, 'web_search'], message: noPrice(12) },
        { path: [4, 'tiers', 0, 'per_million', 'input'], message: noPrice(6) },
        { path: [4, 'batch', 'output'], message: noPrice(6) },
      ],
    });
  });
});

test('a table that is none is refused, with the place', () => {
  expect(parsePriceTable('{')).toMatchObject({ ok: false });
  expect(
    parsePriceTable('{"version": "1", "providers": {"openai": {"m": {"mode": "chat", "rates": {"input": 0.5}}}}}'),
  ).toMatchObject({
    ok: false,
    fault: expect.arrayContaining([expect.stringContaining('providers.openai.m.rates.input')]),
  });
});
