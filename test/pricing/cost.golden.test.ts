import { describe, expect, test } from 'vitest';
import { ask, nanodollars } from './support.ts';

/**
 * Worked by hand from the published prices: dollars per million tokens are nanodollars per thousandth of that, so
 * `tokens x $/M x 1000 = nanodollars`. The sums stand beside each case; docs/money.md tells some of them in words.
 */

describe('failure mode 6: cache tokens are charged once, at their own rate', () => {
  test('OpenAI: cached and written tokens are part of the prompt', () => {
    // gpt-5.6 $4 in, $0.40 read, $5 write, $20 out: 1832 x 4000 + 5120 x 400 + 2048 x 5000 + (60 + 640) x 20000
    const usage = { input_uncached: 1832, cache_read: 5120, cache_write_other: 2048, output: 60, reasoning: 640 };
    expect(
      nanodollars({ flags: ['openai_chat'], modelRequested: 'gpt-5.6', modelServed: 'gpt-5.6-2026-07-09', usage }),
    ).toBe(7_328_000n + 2_048_000n + 10_240_000n + 14_000_000n);
  });

  test('OpenAI before gpt-5.6: a cache write costs what input costs', () => {
    // gpt-5.4 $2.50 in: 1000 x 2500 + 400 x 2500
    const usage = { input_uncached: 1000, cache_write_other: 400 };
    expect(nanodollars({ flags: ['openai_responses'], modelRequested: 'gpt-5.4', usage })).toBe(3_500_000n);
  });

  test('Anthropic: the three input fields add up', () => {
    // claude-opus-4-8 $5 in, $0.50 read, $6.25 and $10 write, $25 out
    const usage = { input_uncached: 21, cache_read: 18_944, cache_write_5m: 1456, cache_write_1h: 2048, output: 6 };
    expect(nanodollars({ flags: ['anthropic_messages'], modelRequested: 'claude-opus-4-8', usage })).toBe(
      105_000n + 9_472_000n + 9_100_000n + 20_480_000n + 150_000n,
    );
  });

  test('Gemini: implicit caching, and audio in the cache at its own rate', () => {
    // gemini-2.5-flash $0.30 in, $0.03 read, $0.10 read of audio, $1 audio, $2.50 out
    const usage = { input_uncached: 400, cache_read: 800, audio_in: 1100, image_in: 258, output: 15 };
    const given = { flags: ['gemini_generate_content'], modelRequested: 'gemini-2.5-flash', usage };
    // 400 x 300 + 800 x 30 + 1100 x 1000 + 258 x 300 + 15 x 2500
    expect(nanodollars(given)).toBe(120_000n + 24_000n + 1_100_000n + 77_400n + 37_500n);
    // 300 x 30 + 500 x 100 in place of 800 x 30
    expect(nanodollars({ ...given, usageDetail: { cache_read_audio: 500 } })).toBe(
      1_358_900n - 24_000n + 9_000n + 50_000n,
    );
    // More audio than was read cannot be.
    expect(nanodollars({ ...given, usageDetail: { cache_read_audio: 9000 } })).toBe(1_358_900n - 24_000n + 80_000n);
  });
});

describe('failure mode 7: reasoning is billed as output, once', () => {
  test('OpenAI and Anthropic: a part of the output', () => {
    // gpt-5 $1.25, $10: 100 x 1250 + (60 + 640) x 10000
    expect(
      nanodollars({
        flags: ['openai_chat'],
        modelRequested: 'gpt-5',
        usage: { input_uncached: 100, output: 60, reasoning: 640 },
      }),
    ).toBe(125_000n + 7_000_000n);
    // claude-sonnet-4-6 $3, $15: 9 x 3000 + (8 + 203) x 15000
    expect(
      nanodollars({
        flags: ['anthropic_messages'],
        modelRequested: 'claude-sonnet-4-6',
        usage: { input_uncached: 9, output: 8, reasoning: 203 },
      }),
    ).toBe(27_000n + 3_165_000n);
  });

  test('Gemini: on top of the candidates', () => {
    // gemini-2.5-pro $1.25, $0.125 read, $10: 1552 x 1250 + 4096 x 125 + (310 + 1466) x 10000
    expect(
      nanodollars({
        flags: ['gemini_generate_content'],
        modelRequested: 'gemini-2.5-pro',
        usage: { input_uncached: 1552, cache_read: 4096, output: 310, reasoning: 1466 },
      }),
    ).toBe(1_940_000n + 512_000n + 17_760_000n);
  });
});

test('failure mode 8: the input of the closing delta, and the search, are charged', () => {
  // claude-sonnet-4-5 $3, $15, $10 a thousand searches: 10682 x 3000 + 164 x 15000 + 1 x 10,000,000
  const given = {
    flags: ['anthropic_messages'],
    modelRequested: 'claude-sonnet-4-5-20250929',
    usage: { input_uncached: 10_682, output: 164 },
  };
  expect(nanodollars({ ...given, serverTools: { web_search: 1, web_fetch: 3 } })).toBe(
    32_046_000n + 2_460_000n + 10_000_000n,
  );
});

describe('failure mode 11: cache writes by lifetime', () => {
  // claude-opus-4-8: $6.25 for five minutes, $10 for an hour.
  test.each([
    ['five minutes', { cache_write_5m: 1000 }, 6_250_000n],
    ['an hour', { cache_write_1h: 1000 }, 10_000_000n],
    ['both', { cache_write_5m: 1000, cache_write_1h: 1000 }, 16_250_000n],
    ['neither', {}, 0n],
    ['a total without a lifetime', { cache_write_other: 1000 }, 6_250_000n],
  ])('%s', (_name, usage, expected) => {
    expect(nanodollars({ basis: 'anthropic', modelRequested: 'claude-opus-4-8', usage })).toBe(expected);
  });
});

describe('failure mode 12: the price depends on how the request was served', () => {
  const usage = { input_uncached: 1000, cache_read: 1000, output: 1000 };
  // gpt-5.4: $2.50, $0.25, $15; batch and flex $1.25, $0.13, $7.50; priority $5, $0.50, $30.
  test.each([
    ['default', 2_500_000n + 250_000n + 15_000_000n],
    ['auto', 2_500_000n + 250_000n + 15_000_000n],
    [null, 2_500_000n + 250_000n + 15_000_000n],
    ['batch', 1_250_000n + 130_000n + 7_500_000n],
    ['flex', 1_250_000n + 130_000n + 7_500_000n],
    ['priority', 5_000_000n + 500_000n + 30_000_000n],
    ['fast', 5_000_000n + 500_000n + 30_000_000n],
  ])('OpenAI service_tier %s', (serviceTier, expected) => {
    expect(nanodollars({ basis: 'openai', modelRequested: 'gpt-5.4', serviceTier, usage })).toBe(expected);
  });

  // vertex gemini-2.5-pro: flex $0.625, $5; priority $2.25, $0.23, $18; a read in flex stays at $0.125.
  test.each([
    ['ON_DEMAND', 1_250_000n + 125_000n + 10_000_000n],
    ['ON_DEMAND_FLEX', 625_000n + 125_000n + 5_000_000n],
    ['ON_DEMAND_PRIORITY', 2_250_000n + 230_000n + 18_000_000n],
  ])('Vertex trafficType %s', (serviceTier, expected) => {
    expect(nanodollars({ basis: 'vertex', modelRequested: 'gemini-2.5-pro', serviceTier, usage })).toBe(expected);
  });

  test('Anthropic batch halves everything, speed fast has its own rates', () => {
    const all = { ...usage, cache_write_5m: 1000, cache_write_1h: 1000 };
    const given = { basis: 'anthropic', modelRequested: 'claude-opus-4-8', usage: all };
    // $5 + $0.50 + $25 + $6.25 + $10 = $46.75 for a thousand times a thousand
    expect(nanodollars({ ...given, serviceTier: 'standard' })).toBe(46_750_000n);
    expect(nanodollars({ ...given, serviceTier: 'batch' })).toBe(23_375_000n);
    // twice everything
    expect(nanodollars({ ...given, usageDetail: { speed: 'fast' } })).toBe(93_500_000n);
    expect(nanodollars({ ...given, usageDetail: { speed: 'standard' } })).toBe(46_750_000n);
  });

  test('a region of Bedrock costs a tenth more than global', () => {
    const opus = (modelRequested: string) => nanodollars({ basis: 'bedrock', modelRequested, usage: { output: 1000 } });
    expect(opus('global.anthropic.claude-opus-4-8')).toBe(25_000_000n);
    expect(opus('us.anthropic.claude-opus-4-8')).toBe(27_500_000n);
  });

  test('a service without rates of its own is charged as standard, and the record says so', () => {
    expect(
      ask({ basis: 'openai', modelRequested: 'gpt-4o', serviceTier: 'flex', usage: { output: 1000 } }),
    ).toMatchObject({
      costNanodollars: 10_000_000n,
      flags: ['rate_missing:flex'],
    });
    expect(
      ask({ basis: 'openai', modelRequested: 'gpt-4o', serviceTier: 'Ludicrous Speed', usage: { output: 1 } }),
    ).toMatchObject({ costNanodollars: 10_000n, flags: ['rate_missing:other'] });
  });

  test('provisioned throughput has no price per token', () => {
    for (const serviceTier of ['PROVISIONED_THROUGHPUT', 'scale']) {
      expect(ask({ basis: 'vertex', modelRequested: 'gemini-2.5-pro', serviceTier, usage })).toEqual({
        known: false,
        reason: 'reserved',
      });
    }
  });
});

describe('long contexts', () => {
  const sonnet = { basis: 'anthropic', modelRequested: 'claude-sonnet-4-5' };

  test('the whole request is dearer above the limit, and only above it', () => {
    // $3 and $15 up to 200,000 of total input, $6 and $22.50 beyond
    expect(nanodollars({ ...sonnet, usage: { input_uncached: 200_000, output: 1000 } })).toBe(
      600_000_000n + 15_000_000n,
    );
    expect(nanodollars({ ...sonnet, usage: { input_uncached: 200_001, output: 1000 } })).toBe(
      1_200_006_000n + 22_500_000n,
    );
  });

  test('cached input counts towards the limit', () => {
    // 100 x 6000 + 199,901 x 600
    expect(nanodollars({ ...sonnet, usage: { input_uncached: 100, cache_read: 199_901 } })).toBe(
      600_000n + 119_940_600n,
    );
  });

  test('an hour of cache is twice the long input', () => {
    // 300,000 x 12000
    expect(nanodollars({ ...sonnet, usage: { cache_write_1h: 300_000 } })).toBe(3_600_000_000n);
  });

  test('a long batch is half of long, not of short', () => {
    const usage = { input_uncached: 300_000, output: 1000 };
    // gemini-2.5-pro: $1.25 and $10, long $2.50 and $15, batch half: 300,000 x 1250 + 1000 x 7500
    expect(nanodollars({ basis: 'google', modelRequested: 'gemini-2.5-pro', serviceTier: 'batch', usage })).toBe(
      375_000_000n + 7_500_000n,
    );
    // priority is 1.8 times: long $4.50 and $27
    expect(nanodollars({ basis: 'vertex', modelRequested: 'gemini-2.5-pro', serviceTier: 'priority', usage })).toBe(
      1_350_000_000n + 27_000_000n,
    );
  });
});

describe('other kinds', () => {
  test('audio and images at their own rates', () => {
    // gpt-image-1: $5 text, $10 image in, $40 image out: 30 x 5000 + 200 x 10000 + 1056 x 40000
    expect(
      nanodollars({
        basis: 'openai',
        modelRequested: 'gpt-image-1',
        usage: { input_uncached: 30, image_in: 200, image_out: 1056 },
      }),
    ).toBe(150_000n + 2_000_000n + 42_240_000n);
    // gpt-4o-transcribe: $2.50 in, $6 audio, $10 out: 10 x 2500 + 500 x 6000 + 40 x 10000
    expect(
      nanodollars({
        basis: 'openai',
        modelRequested: 'gpt-4o-transcribe',
        usage: { input_uncached: 10, audio_in: 500, output: 40 },
      }),
    ).toBe(25_000n + 3_000_000n + 400_000n);
  });

  test('an embedding has no output, and output without a rate has no price', () => {
    // text-embedding-3-small $0.02: 9 x 20
    const given = { basis: 'openai', modelRequested: 'text-embedding-3-small' };
    expect(nanodollars({ ...given, usage: { input_uncached: 9 } })).toBe(180n);
    expect(ask({ ...given, usage: { input_uncached: 9, output: 1 } })).toEqual({
      known: false,
      reason: 'rate_missing',
    });
  });

  test('searches by the search, or once for the prompt where Google bills so', () => {
    const flash = { basis: 'google', usage: {}, serverTools: { web_search: 3 } };
    expect(nanodollars({ ...flash, modelRequested: 'gemini-2.5-flash' })).toBe(35_000_000n);
    expect(nanodollars({ ...flash, modelRequested: 'gemini-3.5-flash' })).toBe(42_000_000n);
    expect(nanodollars({ basis: 'openai', modelRequested: 'gpt-4o', usage: {}, serverTools: { web_search: 3 } })).toBe(
      30_000_000n,
    );
  });

  test('a tool without a price is named, not forgotten', () => {
    const serverTools = { code_interpreter: 2, web_search: 1, 'Odd Tool!': 1, file_search: 0 };
    expect(
      ask({ basis: 'bedrock', modelRequested: 'anthropic.claude-opus-4-8', usage: {}, serverTools }),
    ).toMatchObject({
      costNanodollars: 0n,
      flags: ['unpriced:code_interpreter', 'unpriced:web_search', 'unpriced:other_tool'],
    });
  });

  test('passes that the totals leave out are billed on top, an advisor at its own rate', () => {
    const usageDetail = {
      extra_iterations: [
        { type: 'compaction', usage: { input_uncached: 1000, output: 100 } },
        { type: 'advisor_message', model: 'claude-opus-4-8', usage: { input_uncached: 1000, output: 100 } },
      ],
    };
    const given = { basis: 'anthropic', modelRequested: 'claude-sonnet-4-6', usage: { output: 1 }, usageDetail };
    // 15,000 + (1000 x 3000 + 100 x 15000) + (1000 x 5000 + 100 x 25000)
    expect(nanodollars(given)).toBe(15_000n + 4_500_000n + 7_500_000n);
    expect(
      ask({
        ...given,
        usageDetail: { extra_iterations: [{ model: 'nobody-knows', usage: { output: 9 } }, 'rubbish'] },
      }),
    ).toMatchObject({ costNanodollars: 15_000n, flags: ['unpriced:extra_iteration'] });
  });
});

describe('which model, which price', () => {
  const usage = { input_uncached: 1_000_000 };

  test('the model that answered is charged, not the one that was asked for', () => {
    expect(ask({ basis: 'openai', modelRequested: 'gpt-5.4', modelServed: 'gpt-5.5', usage })).toMatchObject({
      costBasis: 'openai/gpt-5.5',
    });
  });

  test('an answer that names no model is charged as what was asked for', () => {
    expect(ask({ basis: 'openai', modelRequested: 'gpt-5.4', usage })).toMatchObject({ costBasis: 'openai/gpt-5.4' });
    expect(ask({ basis: 'openai', modelRequested: 'gpt-5.4', modelServed: '', usage })).toMatchObject({
      costBasis: 'openai/gpt-5.4',
    });
    expect(
      ask({
        basis: 'vertex',
        modelRequested: 'claude-3-5-haiku@20241022',
        modelServed: 'claude-3-5-haiku-20241022',
        usage,
      }),
    ).toMatchObject({ costBasis: 'vertex/claude-3-5-haiku@20241022' });
  });

  test('an unknown price is unknown, whatever was asked for, and never zero', () => {
    expect(ask({ basis: 'openai', modelRequested: 'gpt-5.4', modelServed: 'llama-at-home', usage })).toEqual({
      known: false,
      reason: 'model_unknown',
    });
    expect(ask({ flags: ['bedrock_converse'], modelRequested: 'us.anthropic.claude-opus-4-8', usage })).toEqual({
      known: false,
      reason: 'no_cost_basis',
    });
    expect(ask({ basis: 'openai', modelRequested: 'gpt-5.4', usage: null })).toEqual({
      known: false,
      reason: 'no_usage',
    });
  });

  test('a provider of two dialects charges each model by its maker', () => {
    const flags = ['openai_chat', 'anthropic_messages'];
    expect(ask({ flags, modelRequested: 'gpt-5.4', usage })).toMatchObject({ costBasis: 'openai/gpt-5.4' });
    expect(ask({ flags, modelRequested: 'claude-opus-5', usage })).toMatchObject({
      costBasis: 'anthropic/claude-opus-5',
    });
  });

  test('the first rule of model_cost_map that matches decides, and adjusts', () => {
    const map = [
      { match: 'claude-opus-9-*', as: 'claude-opus-4-6', adjustment: '1' },
      { match: '*-preview*', as: 'claude-sonnet-4-5', adjustment: '1.1' },
      { match: '*', as: 'claude-opus-4-6', adjustment: '2' },
    ];
    const given = { basis: 'anthropic', map, usage: { input_uncached: 1000 } };
    expect(nanodollars({ ...given, modelRequested: 'claude-opus-9-20270101' })).toBe(5_000_000n);
    expect(nanodollars({ ...given, modelRequested: 'claude-9-preview-3' })).toBe(3_300_000n);
    expect(nanodollars({ ...given, modelRequested: 'anything' })).toBe(10_000_000n);
    // `*` stops at a slash, as in Go.
    expect(ask({ ...given, modelRequested: 'any/thing' })).toEqual({ known: false, reason: 'model_unknown' });
  });

  test('a rule for a deployment holds for the model behind it, a rule for one model not for another', () => {
    const deployment = { basis: 'azure', modelRequested: 'our-gpt', modelServed: 'gpt-4o-2024-08-06', usage };
    const discount = [{ match: 'our-*', as: 'gpt-4o', adjustment: '0.8' }];
    expect(nanodollars({ ...deployment, map: discount })).toBe(2_000_000_000n);
    const fallback = { basis: 'anthropic', modelRequested: 'claude-opus-4-8', modelServed: 'claude-sonnet-4-6', usage };
    const opusOnly = [{ match: 'claude-opus-*', as: 'claude-opus-4-8', adjustment: '0.9' }];
    expect(nanodollars({ ...fallback, map: opusOnly })).toBe(3_000_000_000n);
  });

  test('a map may name a model of another list, for servers that have none', () => {
    const map = [{ match: 'qwen*', as: 'claude-haiku-4-5', adjustment: '0.5' }];
    const given = { flags: ['openai_chat'], modelRequested: 'qwen3-coder', usage };
    expect(ask({ ...given, map })).toMatchObject({
      costNanodollars: 500_000_000n,
      costBasis: 'anthropic/claude-haiku-4-5',
    });
    expect(ask({ ...given, map, flags: [] })).toMatchObject({ costBasis: 'anthropic/claude-haiku-4-5' });
    expect(ask({ ...given, map: [{ match: 'qwen*', as: 'vertex/claude-haiku-4-5', adjustment: '1' }] })).toMatchObject({
      costBasis: 'vertex/claude-haiku-4-5',
    });
    expect(ask({ ...given, map: [{ match: 'qwen*', as: 'nothing', adjustment: '1' }] })).toEqual({
      known: false,
      reason: 'mapped_model_unknown',
    });
    expect(ask({ ...given, map: [{ match: 'qwen*', as: 'gpt-5.4', adjustment: '-1' }] })).toEqual({
      known: false,
      reason: 'bad_adjustment',
    });
  });

  test('failure mode 10: what a reseller says it charged is what the record says', () => {
    const given = { modelRequested: 'anthropic/claude-sonnet-4.5', usage, reportedCostNanodollars: '1234567' };
    expect(ask({ ...given, basis: 'openrouter' })).toEqual({
      known: true,
      costNanodollars: 1_234_567n,
      costBasis: 'reported/anthropic/claude-sonnet-4.5',
      priceVersion: 'reported',
      flags: [],
    });
    expect(ask({ ...given, basis: 'openrouter', reportedCostNanodollars: null })).toMatchObject({
      costNanodollars: 3_000_000_000n + 3_000_000_000n,
      costBasis: 'openrouter/claude-sonnet-4-5',
    });
    // Not a reseller: the list counts; without a list, the provider's own word is better than none.
    expect(ask({ ...given, basis: 'anthropic', modelRequested: 'claude-opus-5' })).toMatchObject({
      costBasis: 'anthropic/claude-opus-5',
    });
    expect(ask({ ...given, flags: ['openai_chat'], modelRequested: 'local' })).toMatchObject({
      costBasis: 'reported/local',
    });
    expect(ask({ ...given, flags: ['openai_chat'], modelRequested: 'local', reportedCostNanodollars: '-5' })).toEqual({
      known: false,
      reason: 'model_unknown',
    });
  });
});

test('half a nanodollar goes to the even side, after adjustment, once', () => {
  // gpt-5-nano: $0.05 in, i.e. 50,000 picodollars a token. x 0.01 = 500 picodollars a token: n tokens are n/2 nanodollars.
  const map = [{ match: '*', as: 'gpt-5-nano', adjustment: '0.01' }];
  const half = (tokens: number) =>
    nanodollars({ basis: 'openai', modelRequested: 'x', map, usage: { input_uncached: tokens } });
  expect([1, 2, 3, 4, 5, 6, 7].map(half)).toEqual([0n, 1n, 2n, 2n, 2n, 3n, 4n]);
});

test('more than a million dollars is no cost, whoever says so, and cannot spoil the sums', () => {
  const unknown = { known: false, reason: 'out_of_range' };
  const haiku = { basis: 'anthropic', modelRequested: 'claude-haiku-4-5' };
  // $10 for a thousand searches: a hundred million of them are a million dollars.
  const usage = { input_uncached: 0 };
  expect(nanodollars({ ...haiku, usage, serverTools: { web_search: 100_000_000 } })).toBe(1_000_000_000_000_000n);
  expect(ask({ ...haiku, usage, serverTools: { web_search: 100_000_001 } })).toEqual(unknown);
  const reported = { basis: 'openrouter', modelRequested: 'x/y', usage };
  expect(ask({ ...reported, reportedCostNanodollars: '1000000000000001' })).toEqual(unknown);
  expect(ask({ ...reported, reportedCostNanodollars: '1' + '0'.repeat(23) })).toEqual(unknown);
});
