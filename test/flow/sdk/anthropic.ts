import Anthropic from '@anthropic-ai/sdk';
import { expect, test } from 'vitest';
import { gateway } from './shipped.ts';
import { ANSWER, READ_FILE, TOOL_CALL, compared, expectBooked } from './through.ts';
import type { Booked, Target, Told } from './through.ts';

/** Anthropic's own SDK as a client. */

const MODEL = 'claude-haiku-4-5';

/** claude-haiku-4-5 costs $1, read from the cache $0.10, output $5 a million: 1,000, 100 and 5,000 nanodollars a token. */
const ANSWER_COST = 1200 * 1000 + 300 * 100 + 50 * 5000;
const TOOL_COST = 1200 * 1000 + 40 * 5000;

const ASK = { model: MODEL, max_tokens: 500, messages: [{ role: 'user' as const, content: 'Say hello' }] };
const TOOLS = [{ name: READ_FILE.name, description: READ_FILE.description, input_schema: READ_FILE.schema }];

function clientOf({ origin, fetch, headers }: Target): Anthropic {
  return new Anthropic({ baseURL: origin, apiKey: 'client-key', fetch, defaultHeaders: headers, maxRetries: 0 });
}

function toldOf({ content, usage }: Anthropic.Message): Told {
  return {
    text: content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join(''),
    // This API has no sum.
    input: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
    output: usage.output_tokens,
    tools: content.flatMap((block) => (block.type === 'tool_use' ? [block.name] : [])),
  };
}

interface Case {
  sim: string;
  call: (client: Anthropic) => Promise<Anthropic.Message>;
  told: Partial<Told>;
  booked: Pick<Booked, 'stream' | 'usage' | 'cost' | 'tools'>;
}

const CASES: Record<string, Case> = {
  unary: {
    sim: ANSWER.sim,
    call: (client) => client.messages.create(ASK),
    told: ANSWER.told,
    booked: { stream: false, usage: ANSWER.usage, cost: ANSWER_COST },
  },
  stream: {
    sim: ANSWER.sim,
    call: (client) => client.messages.stream(ASK).finalMessage(),
    told: ANSWER.told,
    booked: { stream: true, usage: ANSWER.usage, cost: ANSWER_COST },
  },
  'stream that writes both kinds of cache': {
    sim: 'input=100;write5m=400;write1h=200;output=10',
    call: (client) => client.messages.stream(ASK).finalMessage(),
    told: { input: 700, output: 10 },
    booked: {
      stream: true,
      usage: { input_uncached: 100, cache_write_5m: 400, cache_write_1h: 200, output: 10 },
      // Written for five minutes $1.25, for an hour $2.00 a million.
      cost: 100 * 1000 + 400 * 1250 + 200 * 2000 + 10 * 5000,
    },
  },
  'unary with a tool call': {
    sim: TOOL_CALL.sim,
    call: (client) => client.messages.create({ ...ASK, tools: TOOLS }),
    told: TOOL_CALL.told,
    booked: { stream: false, usage: TOOL_CALL.usage, cost: TOOL_COST, tools: ['read_file'] },
  },
  'stream with a tool call': {
    sim: TOOL_CALL.sim,
    call: (client) => client.messages.stream({ ...ASK, tools: TOOLS }).finalMessage(),
    told: TOOL_CALL.told,
    booked: { stream: true, usage: TOOL_CALL.usage, cost: TOOL_COST, tools: ['read_file'] },
  },
};

test.each(Object.entries(CASES))('%s: as from the provider itself, and booked', async (_name, one) => {
  const { told, record } = await compared(gateway, one.sim, async (target) => toldOf(await one.call(clientOf(target))));
  expect(told).toMatchObject(one.told);
  expectBooked(record, { ...one.booked, api: 'anthropic_messages', agent: 'anthropic-sdk-js' });
  expect(record).toMatchObject({ model: MODEL, client_version: '1.12.0' });
});

test('counting tokens tells the count, and books no usage', async () => {
  const { told, record } = await compared(gateway, 'input=777', (target) =>
    clientOf(target).messages.countTokens({ model: MODEL, messages: ASK.messages }),
  );
  expect(told.input_tokens).toBe(777);
  expect(record).toMatchObject({
    state: 'complete',
    api: 'anthropic_count_tokens',
    usage: null,
    usage_state: 'absent',
    cost_nanodollars: null,
  });
});
