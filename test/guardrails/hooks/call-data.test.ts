import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CallFacts } from '../../../src/contract/guardrail.ts';
import { SEND_FIELDS } from '../../../src/contract/guardrail.ts';
import { zeroUsage } from '../../../src/contract/usage.ts';
import { dollarsOf, usageOf } from '../../../src/contract/aperture-words.ts';
import { callData } from '../../../src/guardrails/hooks/call-data.ts';
import type { CallParts } from '../../../src/guardrails/hooks/call-data.ts';
import { postFactsOf, postHooksOf } from '../../../src/guardrails/hooks/post-hooks.ts';
import { readOpened } from '../../../src/journal/notes.ts';
import { newId, sampleOpened } from '../../journal/support.ts';
import { aRecord } from '../../support/records.ts';

const FACTS: CallFacts = {
  login: 'a@example.com',
  nodeId: 'n1',
  tailnet: 'example.com',
  userAgent: 'ua',
  path: '/v1/chat/completions',
  model: 'm',
  provider: 'p',
  requestId: 'r',
  sessionId: '',
  grants: { 'example.com/cap/x': [1] },
  quotas: { q: { current: 1, capacity: 2, rate: '$1.00/day' } },
};

function parts(change: Partial<CallParts> = {}): CallParts {
  return {
    send: SEND_FIELDS,
    facts: FACTS,
    cost: undefined,
    requestBody: undefined,
    userMessage: () => '',
    post: { toolCalls: [], responseBody: undefined, rawResponses: [] },
    ...change,
  };
}

const told = (change: Partial<CallParts>): Record<string, unknown> =>
  JSON.parse(callData(parts(change)).toString()) as Record<string, unknown>;

describe('money', () => {
  test.each([
    ['34200000', 0.0342],
    ['1', 1e-9],
    ['0', 0],
    ['1000000000', 1],
    ['12345678901', 12.345678901],
    ['9007199254740993000000001', 2 ** 53 + 2],
  ])('%s nanodollars', (nanodollars, dollars) => {
    expect(dollarsOf(nanodollars)).toBe(dollars);
  });

  test('is the number nearest to the amount: up to a million dollars, nine places bring it back', () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 15n), (nanodollars) => {
        expect(BigInt(dollarsOf(String(nanodollars)).toFixed(9).replace('.', ''))).toBe(nanodollars);
      }),
    );
  });

  test('stands with its basis and usage where it is asked for and known', () => {
    const cost = {
      nanodollars: '34200000',
      basis: 'anthropic/claude-sonnet-4-6',
      usage: { ...zeroUsage(), input_uncached: 1500, output: 700, reasoning: 100, cache_read: 200 },
      serverTools: {},
    };
    expect(told({ cost })['metadata']).toMatchObject({
      estimated_cost: {
        dollars: 0.0342,
        cost_basis: 'anthropic/claude-sonnet-4-6',
        usage: { input_tokens: 1500, output_tokens: 800, cached_tokens: 200, reasoning_tokens: 100 },
      },
    });
    expect(told({ cost, send: ['tools'] })['metadata']).not.toHaveProperty('estimated_cost');
    expect(told({})['metadata']).not.toHaveProperty('estimated_cost');
  });
});

test('our kinds of tokens under the documented names', () => {
  const usage = {
    input_uncached: 1,
    cache_read: 2,
    cache_write_5m: 4,
    cache_write_1h: 8,
    cache_write_other: 16,
    output: 32,
    reasoning: 64,
    audio_in: 128,
    image_in: 256,
    audio_out: 512,
    image_out: 1024,
  };
  expect(usageOf(usage, { web_search: 3, code_execution: 9 })).toEqual({
    input_tokens: 1 + 128 + 256,
    output_tokens: 32 + 64 + 512 + 1024,
    cached_tokens: 2,
    cache_creation_input_tokens: 4 + 8 + 16,
    cache_creation_5m_input_tokens: 4,
    cache_creation_1h_input_tokens: 8,
    reasoning_tokens: 64,
    image_input_tokens: 256,
    image_output_tokens: 1024,
    web_search_count: 3,
  });
  expect(usageOf(zeroUsage(), {})).toEqual({});
});

test('tool calls keep their digits; arguments that are none are an empty object, and broken ones text', () => {
  const toolCalls = [
    { name: 'Bash', arguments: '{"n":12345678901234567890}' },
    { name: 'none', arguments: '' },
    { name: 'cut "short"', arguments: '{"a":' },
  ];
  const data = callData(parts({ post: { toolCalls, responseBody: undefined, rawResponses: [] } })).toString();
  expect(data).toContain('{"name":"Bash","params":{"n":12345678901234567890}}');
  expect((JSON.parse(data) as Record<string, unknown>)['tool_calls']).toEqual([
    { name: 'Bash', params: { n: Number('12345678901234567890') } },
    { name: 'none', params: {} },
    { name: 'cut "short"', params: '{"a":' },
  ]);
});

test('a byte order mark before the request does not come to stand within', () => {
  expect(told({ requestBody: Buffer.from('\uFEFF{"a":1}') })['request_body']).toEqual({ a: 1 });
});

describe('hooks that are told afterwards', () => {
  const wired = [
    { name: 'audit', events: ['pre_request' as const, 'entire_request' as const], send: ['grants' as const] },
    { name: 'oso', events: ['tool_call_entire_request' as const], send: ['quotas' as const] },
    { name: 'guard', events: ['pre_request' as const], send: ['request_body' as const] },
    { name: 'gone', events: ['entire_request' as const], send: [] },
  ];

  test('are those that there are, with what they ask for', () => {
    expect(postHooksOf(wired, FACTS, (name) => name !== 'gone')).toEqual([
      {
        name: 'audit',
        events: ['entire_request'],
        send: ['grants'],
        tailnet: 'example.com',
        grants: FACTS.grants,
        quotas: null,
      },
      {
        name: 'oso',
        events: ['tool_call_entire_request'],
        send: ['quotas'],
        tailnet: 'example.com',
        grants: null,
        quotas: FACTS.quotas,
      },
    ]);
  });

  test('grants that fit no frame of the journal are not told, and of many hooks not to all', () => {
    const granted = (chars: number): unknown[] => {
      const grants = { 'example.com/cap/x': ['x'.repeat(chars)] };
      const many = ['a', 'b', 'c'].map((name) => ({
        name,
        events: ['entire_request' as const],
        send: ['grants' as const],
      }));
      return postHooksOf(many, { ...FACTS, grants }, () => true).map((hook) => hook.grants !== null);
    };
    expect(granted(100)).toEqual([true, true, true]);
    expect(granted(30_000)).toEqual([true, true, false]);
    expect(granted(100_000)).toEqual([false, false, false]);
  });

  test('come back from the journal; frames of older builds have none, and what a newer one wrote is no loss', () => {
    const hooks = postHooksOf(wired, FACTS, () => true);
    const opened = { ...sampleOpened(newId()), hooks };
    const read = (value: unknown): unknown => readOpened(Buffer.from(JSON.stringify(value)));
    expect(read(opened)).toEqual(opened);
    const { hooks: _, ...older } = opened;
    expect(read(older)).toEqual({ ...older, hooks: [] });
    const newer = { ...older, hooks: [{ ...hooks[0], send: ['what_is_to_come'] }] };
    expect(read(newer)).toEqual({ ...older, hooks: [] });
  });

  test('get tool calls from the record where it has them whole, and else from the response', () => {
    const call = (text: string, bytes = Buffer.byteLength(text)) => ({ id: 'c', name: 'Bash', arguments: text, bytes });
    const calls = (...tool_calls: ReturnType<typeof call>[]) => postFactsOf(aRecord({ tool_calls })).tool_calls;
    expect(calls(call('{"a":"é"}'))).toEqual([{ name: 'Bash', arguments: '{"a":"é"}' }]);
    expect(calls()).toEqual([]);
    expect(calls(call('{"a":"é"}', 90_000))).toBeNull();
    expect(calls(call('{}'), call(`"${'x'.repeat(5000)}"`))).toBeNull();
    expect(postFactsOf(aRecord({ tool_calls: [call('{}')], usage_flags: ['tool_calls:200'] })).tool_calls).toBeNull();
  });
});
