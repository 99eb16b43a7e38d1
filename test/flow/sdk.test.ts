import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import type { RecordRow, TestGateway } from '../support/gateway.ts';
import { until } from '../support/until.ts';

/** The official SDKs as clients; each call is made through the gateway and directly, and must yield the same bytes. */
let gateway: TestGateway;

beforeAll(async () => {
  gateway = await startGateway();
});
afterAll(async () => {
  await gateway.stop();
});

interface Seen {
  bytes: Buffer[];
  ids: string[];
}

/** A fetch that keeps every byte of the response bodies that pass through it. */
function recordingFetch(seen: Seen): typeof fetch {
  return async (input, init) => {
    const response = await fetch(input, init);
    seen.ids.push(response.headers.get('x-aperture-request-id') ?? '');
    const body = response.body?.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          seen.bytes.push(Buffer.from(chunk));
          controller.enqueue(chunk);
        },
      }),
    );
    return new Response(body, { status: response.status, headers: response.headers });
  };
}

const TOOLS = [
  {
    name: 'read_file',
    description: 'Reads a file',
    parameters: { type: 'object', properties: { path: { type: 'string' } }, required: ['path'] },
  },
];

const openaiCalls: [string, (client: OpenAI) => Promise<{ usage: unknown; tools: number }>][] = [
  [
    'unary',
    async (client) => {
      const answer = await client.chat.completions.create({
        model: 'gpt-5-mini',
        messages: [{ role: 'user', content: 'Say hello' }],
      });
      return { usage: answer.usage, tools: answer.choices[0]?.message.tool_calls?.length ?? 0 };
    },
  ],
  [
    'stream with usage',
    async (client) => {
      const stream = await client.chat.completions.create({
        model: 'gpt-5-mini',
        messages: [{ role: 'user', content: 'Say hello again' }],
        stream: true,
        stream_options: { include_usage: true },
      });
      let usage: unknown;
      for await (const chunk of stream) usage = chunk.usage ?? usage;
      return { usage, tools: 0 };
    },
  ],
  [
    'stream that did not ask for usage',
    async (client) => {
      const stream = await client.chat.completions.create({
        model: 'gpt-5-mini',
        messages: [{ role: 'user', content: 'Say hello, please' }],
        stream: true,
      });
      for await (const chunk of stream) expect(chunk.choices.length, 'no event with empty choices').toBe(1);
      return { usage: undefined, tools: 0 };
    },
  ],
  [
    'stream with tools',
    async (client) => {
      const stream = client.chat.completions.stream({
        model: 'gpt-5-mini',
        messages: [{ role: 'user', content: 'Use the tool [[sim: tools=2]]' }],
        tools: TOOLS.map((tool) => ({ type: 'function' as const, function: tool })),
        stream_options: { include_usage: true },
      });
      const final = await stream.finalChatCompletion();
      return { usage: final.usage, tools: final.choices[0]?.message.tool_calls?.length ?? 0 };
    },
  ],
];

const anthropicCalls: [string, (client: Anthropic) => Promise<{ usage: unknown; tools: number }>][] = [
  [
    'unary',
    async (client) => {
      const answer = await client.messages.create({
        model: 'claude-haiku-4-5',
        max_tokens: 500,
        messages: [{ role: 'user', content: 'Say hello' }],
      });
      return { usage: answer.usage, tools: 0 };
    },
  ],
  [
    'stream with tools',
    async (client) => {
      const stream = client.messages.stream({
        model: 'claude-haiku-4-5',
        max_tokens: 500,
        messages: [{ role: 'user', content: 'Use the tool [[sim: tools=1]]' }],
        tools: TOOLS.map(({ name, description, parameters }) => ({
          name,
          description,
          input_schema: { ...parameters, type: 'object' as const },
        })),
      });
      const final = await stream.finalMessage();
      return { usage: final.usage, tools: final.content.filter((block) => block.type === 'tool_use').length };
    },
  ],
];

describe('openai', () => {
  test.each(openaiCalls)('%s: the same bytes as a direct call, and a record', async (name, call) => {
    const through: Seen = { bytes: [], ids: [] };
    const direct: Seen = { bytes: [], ids: [] };
    const client = (baseURL: string, seen: Seen): OpenAI =>
      new OpenAI({ baseURL: `${baseURL}/v1`, apiKey: 'client-key', fetch: recordingFetch(seen), maxRetries: 0 });
    const seen = await call(client(gateway.url, through));
    await call(client(gateway.simulatorUrl, direct));
    expect(Buffer.concat(through.bytes).equals(Buffer.concat(direct.bytes))).toBe(true);
    expect(Buffer.concat(through.bytes).length).toBeGreaterThan(100);
    const record = await recordOf(through.ids[0] ?? '');
    expect(record).toMatchObject({
      state: 'complete',
      usage_state: 'final',
      api: 'openai_chat',
      agent: 'openai-sdk-js',
    });
    if (seen.usage !== undefined) {
      const usage = seen.usage as { prompt_tokens: number; completion_tokens: number };
      expect(record.usage).toMatchObject({ input_uncached: usage.prompt_tokens });
      expect((record.usage?.output ?? 0) + (record.usage?.reasoning ?? 0)).toBe(usage.completion_tokens);
    }
    // gpt-5-mini: $0.25 and $2.00 a million tokens, so 250 and 2,000 nanodollars a token.
    const usage = record.usage;
    expect(record.cost_nanodollars).toBe(
      String((usage?.input_uncached ?? 0) * 250 + ((usage?.output ?? 0) + (usage?.reasoning ?? 0)) * 2000),
    );
    expect(record.tool_calls.length).toBe(seen.tools);
    expect(record.stream).toBe(name !== 'unary');
    expect(record.edits.map(({ kind }) => kind)).toEqual(
      name === 'stream that did not ask for usage' ? ['inject_usage', 'drop_usage_event'] : [],
    );
  });
});

describe('@anthropic-ai/sdk', () => {
  test.each(anthropicCalls)('%s: the same bytes as a direct call, and a record', async (_name, call) => {
    const through: Seen = { bytes: [], ids: [] };
    const direct: Seen = { bytes: [], ids: [] };
    const client = (baseURL: string, seen: Seen): Anthropic =>
      new Anthropic({ baseURL, apiKey: 'client-key', fetch: recordingFetch(seen), maxRetries: 0 });
    const seen = await call(client(gateway.url, through));
    await call(client(gateway.simulatorUrl, direct));
    expect(Buffer.concat(through.bytes).equals(Buffer.concat(direct.bytes))).toBe(true);
    const record = await recordOf(through.ids[0] ?? '');
    const usage = seen.usage as { input_tokens: number; output_tokens: number };
    expect(record).toMatchObject({ state: 'complete', usage_state: 'final', api: 'anthropic_messages' });
    expect(record.usage?.input_uncached).toBe(usage.input_tokens);
    expect((record.usage?.output ?? 0) + (record.usage?.reasoning ?? 0)).toBe(usage.output_tokens);
    // claude-haiku-4-5: $1 and $5 a million tokens.
    expect(record.cost_nanodollars).toBe(String(usage.input_tokens * 1000 + usage.output_tokens * 5000));
    expect(record.tool_calls.length).toBe(seen.tools);
  });
});

async function recordOf(id: string): Promise<RecordRow> {
  return until(`${id} is recorded`, async () => (await gateway.records(0)).find((record) => record.id === id));
}
