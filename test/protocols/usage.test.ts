import { describe, expect, test } from 'vitest';
import { anthropicMessages } from '../../src/protocols/anthropic-messages/protocol.ts';
import { gemini } from '../../src/protocols/gemini/protocol.ts';
import { openaiChat } from '../../src/protocols/openai-chat/protocol.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/protocol.ts';
import { nanodollarsOf, usageOf } from '../../src/protocols/tally.ts';
import { counted, readStream, readUnary } from './read.ts';

const chat = (usage: unknown): ReturnType<typeof readUnary> => readUnary(openaiChat, { choices: [], usage });
const messages = (usage: unknown): ReturnType<typeof readUnary> =>
  readUnary(anthropicMessages, { type: 'message', usage });
const responses = (usage: unknown): ReturnType<typeof readUnary> =>
  readUnary(openaiResponses, { status: 'completed', usage });
const generate = (usageMetadata: unknown): ReturnType<typeof readUnary> =>
  readUnary(gemini, { candidates: [], usageMetadata });

describe('failure mode 6: what a total holds, and what stands beside it', () => {
  test('chat: cached and written tokens are part of the prompt', () => {
    const facts = chat({
      prompt_tokens: 9000,
      completion_tokens: 700,
      prompt_tokens_details: { cached_tokens: 5120, cache_write_tokens: 2048 },
      completion_tokens_details: { reasoning_tokens: 640 },
    });
    expect(counted(facts)).toEqual({
      input_uncached: 1832,
      cache_read: 5120,
      cache_write_other: 2048,
      output: 60,
      reasoning: 640,
    });
    expect(facts.usage_flags).toEqual([]);
  });

  test('chat: audio is part of both totals', () => {
    const facts = chat({
      prompt_tokens: 210,
      completion_tokens: 96,
      prompt_tokens_details: { audio_tokens: 180 },
      completion_tokens_details: { audio_tokens: 80 },
    });
    expect(counted(facts)).toEqual({ input_uncached: 30, audio_in: 180, output: 16, audio_out: 80 });
  });

  test('messages: three fields beside each other', () => {
    const facts = messages({
      input_tokens: 21,
      cache_read_input_tokens: 18944,
      cache_creation_input_tokens: 3504,
      cache_creation: { ephemeral_5m_input_tokens: 1456, ephemeral_1h_input_tokens: 2048 },
      output_tokens: 211,
      output_tokens_details: { thinking_tokens: 203 },
    });
    expect(counted(facts)).toEqual({
      input_uncached: 21,
      cache_read: 18944,
      cache_write_5m: 1456,
      cache_write_1h: 2048,
      output: 8,
      reasoning: 203,
    });
  });

  test('gemini: cached inside, tools and thoughts beside', () => {
    const facts = generate({
      promptTokenCount: 5230,
      cachedContentTokenCount: 4096,
      toolUsePromptTokenCount: 418,
      candidatesTokenCount: 310,
      thoughtsTokenCount: 1466,
      totalTokenCount: 7424,
    });
    expect(counted(facts)).toEqual({ input_uncached: 1552, cache_read: 4096, output: 310, reasoning: 1466 });
  });

  test('gemini: audio and images apart, video and documents not', () => {
    const facts = generate({
      promptTokenCount: 2558,
      cachedContentTokenCount: 800,
      candidatesTokenCount: 1135,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 500 },
        { modality: 'VIDEO', tokenCount: 200 },
        { modality: 'IMAGE', tokenCount: 258 },
        { modality: 'AUDIO', tokenCount: 1600 },
      ],
      cacheTokensDetails: [
        { modality: 'TEXT', tokenCount: 300 },
        { modality: 'AUDIO', tokenCount: 500 },
      ],
      candidatesTokensDetails: [
        { modality: 'IMAGE', tokenCount: 1120 },
        { modality: 'TEXT', tokenCount: 15 },
      ],
    });
    expect(counted(facts)).toEqual({
      audio_in: 1100,
      image_in: 258,
      cache_read: 800,
      input_uncached: 400,
      image_out: 1120,
      output: 15,
    });
    expect(facts.usage_detail).toEqual({ cache_read_audio: 500 });
  });

  test('a cache larger than the prompt makes nothing negative, and is flagged', () => {
    const reported = { prompt_tokens: 100, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 16738 } };
    expect(counted(chat(reported))).toEqual({ cache_read: 16738, output: 10 });
    expect(chat(reported).usage_flags).toEqual(['clamped:input_uncached']);
    expect(messages({ input_tokens: -5, output_tokens: 3 }).usage_flags).toEqual(['clamped:input_uncached']);
    expect(counted(generate({ promptTokenCount: 5, cachedContentTokenCount: 9, candidatesTokenCount: 1 }))).toEqual({
      cache_read: 9,
      output: 1,
    });
  });

  test('tokens that are cached and audio are counted once', () => {
    const facts = chat({
      prompt_tokens: 210,
      completion_tokens: 1,
      prompt_tokens_details: { audio_tokens: 180, cached_tokens: 128 },
    });
    expect(counted(facts)).toEqual({ cache_read: 128, audio_in: 82, output: 1 });
    expect(facts.usage_flags).toEqual(['overlap:cache_read']);
  });

  test("a compatible server's second name for its cache hits is not added", () => {
    const hit = {
      prompt_tokens: 1040,
      completion_tokens: 5,
      prompt_cache_hit_tokens: 1024,
      prompt_cache_miss_tokens: 16,
    };
    expect(counted(chat(hit))).toEqual({ input_uncached: 16, cache_read: 1024, output: 5 });
    expect(counted(chat({ ...hit, prompt_tokens_details: { cached_tokens: 1024 } }))).toEqual({
      input_uncached: 16,
      cache_read: 1024,
      output: 5,
    });
  });
});

describe('failure mode 7: reasoning', () => {
  test('is part of the output at OpenAI and Anthropic, beside it at Google', () => {
    expect(
      counted(responses({ input_tokens: 1, output_tokens: 1204, output_tokens_details: { reasoning_tokens: 1152 } })),
    ).toEqual({ input_uncached: 1, output: 52, reasoning: 1152 });
    expect(counted(messages({ input_tokens: 1, output_tokens: 10 }))).toEqual({ input_uncached: 1, output: 10 });
    expect(counted(generate({ promptTokenCount: 1, thoughtsTokenCount: 91 }))).toEqual({
      input_uncached: 1,
      reasoning: 91,
    });
  });

  test('a deployment whose total says that thoughts are inside the candidates is believed', () => {
    const facts = generate({
      promptTokenCount: 10,
      candidatesTokenCount: 100,
      thoughtsTokenCount: 80,
      totalTokenCount: 110,
    });
    expect(counted(facts)).toEqual({ input_uncached: 10, output: 20, reasoning: 80 });
    expect(facts.usage_flags).toEqual(['thoughts_inside_candidates']);
  });

  test('a compatible server whose total says that reasoning is apart is believed', () => {
    const details = { completion_tokens_details: { reasoning_tokens: 300 } };
    const apart = chat({ prompt_tokens: 10, completion_tokens: 100, total_tokens: 410, ...details });
    expect(counted(apart)).toEqual({ input_uncached: 10, output: 100, reasoning: 300 });
    const inside = chat({ prompt_tokens: 10, completion_tokens: 400, total_tokens: 410, ...details });
    expect(counted(inside)).toEqual({ input_uncached: 10, output: 100, reasoning: 300 });
  });
});

describe('failure mode 8: usage in a stream', () => {
  const start = {
    type: 'message_start',
    message: { usage: { input_tokens: 2679, output_tokens: 3, cache_read_input_tokens: 7 } },
  };

  test('each field of a later delta replaces the earlier one, none is added; null and missing change nothing', () => {
    const facts = readStream(anthropicMessages, [
      start,
      { type: 'message_delta', delta: {}, usage: { output_tokens: 40 } },
      {
        type: 'message_delta',
        delta: { stop_reason: 'end_turn' },
        usage: { input_tokens: 10682, output_tokens: 510, cache_read_input_tokens: null },
      },
      { type: 'message_stop' },
    ]);
    expect(counted(facts)).toEqual({ input_uncached: 10682, output: 510, cache_read: 7 });
    expect(facts.usage_state).toBe('final');
  });

  test('cut before its last word, usage is partial; without any it is absent, not zero', () => {
    expect(readStream(anthropicMessages, [start], { how: 'cut' })).toMatchObject({
      usage_state: 'partial',
      complete: false,
    });
    expect(readStream(anthropicMessages, [{ type: 'ping' }])).toMatchObject({ usage: null, usage_state: 'absent' });
    const chunk = (finish: string | null, usage: unknown): unknown => ({
      choices: [{ index: 0, delta: { content: 'x' }, finish_reason: finish }],
      usage,
    });
    const growing = { prompt_tokens: 5, completion_tokens: 1 };
    expect(readStream(openaiChat, [chunk(null, growing)], { how: 'cut' }).usage_state).toBe('partial');
    expect(
      readStream(openaiChat, [chunk(null, growing), chunk('stop', { ...growing, completion_tokens: 2 })]),
    ).toMatchObject({
      usage_state: 'final',
      complete: true,
      terminator: null,
      usage: { output: 2 },
    });
    expect(readStream(openaiChat, [chunk('stop', null), '[DONE]'])).toMatchObject({
      usage: null,
      usage_state: 'absent',
      complete: true,
    });
    expect(readStream(gemini, [{ usageMetadata: { trafficType: 'ON_DEMAND' } }])).toMatchObject({
      usage: null,
      service_tier: 'ON_DEMAND',
    });
  });

  test('events after [DONE] are not read', () => {
    const usage = { prompt_tokens: 5, completion_tokens: 1 };
    const facts = readStream(openaiChat, [
      { choices: [], usage },
      '[DONE]',
      { choices: [], usage: { prompt_tokens: 99, completion_tokens: 99 } },
    ]);
    expect(counted(facts)).toEqual({ input_uncached: 5, output: 1 });
  });

  test('usage in the corner of a compatible server is found', () => {
    const facts = readStream(openaiChat, [
      { choices: [], x_groq: { usage: { prompt_tokens: 3, completion_tokens: 4 } } },
      '[DONE]',
    ]);
    expect(counted(facts)).toEqual({ input_uncached: 3, output: 4 });
  });

  test('the split of cache writes from the start is kept, and what a later total adds to it is 5m', () => {
    const cached = (total: number, more: object = {}): object => ({
      input_tokens: 1,
      output_tokens: 1,
      cache_creation_input_tokens: total,
      ...more,
    });
    const split = { cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 600 } };
    const facts = readStream(anthropicMessages, [
      { type: 'message_start', message: { usage: cached(600, split) } },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: cached(1000) },
    ]);
    expect(counted(facts)).toEqual({ input_uncached: 1, output: 1, cache_write_1h: 600, cache_write_5m: 400 });
    expect(facts.usage_flags).toEqual(['cache_split_mismatch']);
  });
});

describe('failure mode 11: lifetimes of cache writes', () => {
  const writes = (total: number | null, fiveMinutes: number | null, oneHour: number | null): unknown => ({
    input_tokens: 1,
    output_tokens: 1,
    cache_creation_input_tokens: total,
    cache_creation:
      fiveMinutes === null ? null : { ephemeral_5m_input_tokens: fiveMinutes, ephemeral_1h_input_tokens: oneHour },
  });

  test.each([
    ['5m only', writes(64, 64, 0), { cache_write_5m: 64 }],
    ['1h only', writes(64, 0, 64), { cache_write_1h: 64 }],
    ['both', writes(100, 36, 64), { cache_write_5m: 36, cache_write_1h: 64 }],
    ['neither', writes(0, 0, 0), {}],
    ['none reported', writes(null, null, null), {}],
    ['a total without a split is 5m', writes(500, null, null), { cache_write_5m: 500 }],
    ['a split without a total', writes(null, 36, 64), { cache_write_5m: 36, cache_write_1h: 64 }],
    ['a split that says more than the total', writes(50, 36, 64), { cache_write_1h: 50 }],
  ])('%s', (_name, usage, expected) => {
    expect(counted(messages(usage))).toEqual({ input_uncached: 1, output: 1, ...expected });
  });
});

describe('failure mode 12: what a price depends on is kept', () => {
  test('tier, speed and region', () => {
    expect(
      messages({ input_tokens: 1, output_tokens: 1, service_tier: 'batch', speed: 'fast', inference_geo: 'us' }),
    ).toMatchObject({
      service_tier: 'batch',
      usage_detail: { speed: 'fast', inference_geo: 'us' },
    });
    expect(messages({ input_tokens: 1, output_tokens: 1, inference_geo: 'global' }).usage_detail).toEqual({});
    expect(generate({ promptTokenCount: 1, serviceTier: 'FLEX', trafficType: 'ON_DEMAND' }).service_tier).toBe('FLEX');
  });

  test('passes that are billed on top are listed, those that are counted already are not', () => {
    const facts = messages({
      input_tokens: 100,
      output_tokens: 10,
      iterations: [
        { type: 'message', input_tokens: 100, output_tokens: 10 },
        { type: 'compaction', input_tokens: 9000, output_tokens: 300, cache_read_input_tokens: 50 },
        { type: 'advisor_message', model: 'claude-opus-4-8', input_tokens: 7, output_tokens: 8 },
        { type: 'fallback_message', input_tokens: 100, output_tokens: 10 },
        { type: 'dream', input_tokens: 1, output_tokens: 1 },
      ],
    });
    expect(counted(facts)).toEqual({ input_uncached: 100, output: 10 });
    expect(facts.usage_detail['extra_iterations']).toMatchObject([
      { type: 'compaction', model: null, usage: { input_uncached: 9000, cache_read: 50, output: 300 } },
      { type: 'advisor_message', model: 'claude-opus-4-8', usage: { input_uncached: 7, output: 8 } },
    ]);
    expect(facts.usage_flags).toEqual(['unknown_iteration']);
  });

  test('server tools are counted, not priced', () => {
    expect(
      messages({
        input_tokens: 1,
        output_tokens: 1,
        server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 },
      }).server_tools,
    ).toEqual({ web_search: 2 });
    const call = { type: 'web_search_call' };
    expect(
      readUnary(openaiResponses, { status: 'completed', output: [call, call, { type: 'file_search_call' }] })
        .server_tools,
    ).toEqual({ web_search: 2, file_search: 1 });
    expect(
      readUnary(openaiResponses, {
        status: 'completed',
        output: [call],
        tool_usage: { web_search: { num_requests: 5 } },
      }).server_tools,
    ).toEqual({ web_search: 5 });
    expect(
      readUnary(gemini, { candidates: [{ groundingMetadata: { webSearchQueries: ['a', 'b'] } }] }).server_tools,
    ).toEqual({ web_search: 2 });
  });
});

describe('failure mode 10: what the provider says it charged', () => {
  test.each([
    [0.00014, '140000'],
    [1e-7, '100'],
    [1.5e-9, '2'],
    [2.5e-9, '2'],
    [4.9e-10, '0'],
    [0.1, '100000000'],
    [0.000001234567891234, '1235'],
    [1234.5, '1234500000000'],
    [1e21, '1000000000000000000000000000000'],
    [0, '0'],
  ])('%s dollars are %s nanodollars', (dollars, nanodollars) => {
    expect(nanodollarsOf(dollars)).toBe(nanodollars);
    expect(chat({ prompt_tokens: 1, completion_tokens: 1, cost: dollars }).reported_cost_nanodollars).toBe(nanodollars);
    expect(
      chat({ prompt_tokens: 1, completion_tokens: 1, cost: { total_cost: dollars } }).reported_cost_nanodollars,
    ).toBe(nanodollars);
  });

  test.each([[-1], [Number.NaN], ['1'], [null], [undefined], [{}]])('%s is no amount', (cost) => {
    expect(nanodollarsOf(cost)).toBe(null);
  });
});

test('sizes beyond what a count can be are clamped and flagged', () => {
  const flags: string[] = [];
  expect(usageOf({ output: 1e300, reasoning: -3, cache_read: 2_000_000 }, flags)).toMatchObject({
    output: 10_000_000_000,
    reasoning: 0,
    cache_read: 2_000_000,
  });
  expect(flags).toEqual(['clamped:output', 'clamped:reasoning']);
});

test.each([[null], [{}], [[]], ['x'], [7], [{ prompt_tokens: 'many', input_tokens: null, promptTokenCount: {} }]])(
  'usage that says nothing (%j) is absent, not zero',
  (usage) => {
    for (const facts of [chat(usage), messages(usage), responses(usage), generate(usage)]) {
      expect(facts).toMatchObject({ usage: null, usage_state: 'absent', complete: true });
    }
  },
);
