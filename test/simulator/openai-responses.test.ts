import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { hear } from './raw.ts';

let simulator: Simulator;
let client: OpenAI;

beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
  client = new OpenAI({ apiKey: 'sk-test', baseURL: `${simulator.url}/v1`, maxRetries: 0 });
});
afterAll(() => simulator.close());

const ask = { model: 'gpt-5.4', input: 'Tell me about tides.' };
const tools = [
  {
    type: 'function' as const,
    name: 'shell',
    strict: false,
    parameters: { type: 'object', properties: { cmd: { type: 'string' } }, required: ['cmd'] },
  },
];

function steer(settings: string): { headers: Record<string, string> } {
  return { headers: { 'x-sim': settings } };
}

test('a unary response has text and exact usage', async () => {
  const response = await client.responses.create(
    ask,
    steer('input=1024;cached=30720;output=82;reasoning=320;web_searches=2'),
  );
  expect(response.id).toMatch(/^resp_[0-9a-f]{48}$/);
  expect(response.status).toBe('completed');
  expect(response.output.map((item) => item.type)).toEqual([
    'reasoning',
    'web_search_call',
    'web_search_call',
    'message',
  ]);
  expect(response.output_text.length).toBeGreaterThan(20);
  expect(response.usage).toMatchObject({
    input_tokens: 31744,
    input_tokens_details: { cached_tokens: 30720, cache_write_tokens: 0 },
    output_tokens: 402,
    output_tokens_details: { reasoning_tokens: 320 },
    total_tokens: 32146,
  });
});

test('a stream ends with the same response, each event numbered', async () => {
  const whole = await client.responses.create(ask, steer('reasoning=5'));
  const stream = client.responses.stream(ask, steer('reasoning=5'));
  const numbers: number[] = [];
  stream.on('event', (event) => numbers.push(event.sequence_number));
  const final = await stream.finalResponse();
  expect(final.output_text).toBe(whole.output_text);
  expect(final.usage).toEqual(whole.usage);
  expect(final.id).toBe(whole.id);
  expect(numbers).toEqual(numbers.map((_, i) => i));
});

test('function calls come in fragments and whole', async () => {
  const stream = client.responses.stream({ ...ask, tools, tool_choice: 'required' }, steer('tool_bytes=300'));
  let fragments = '';
  stream.on('response.function_call_arguments.delta', (event) => (fragments += event.delta));
  const final = await stream.finalResponse();
  const call = final.output.find((item) => item.type === 'function_call');
  expect(call?.name).toBe('shell');
  expect(call?.arguments).toBe(fragments);
  expect(Buffer.byteLength(fragments)).toBe(300);
  const after = await client.responses.create({
    ...ask,
    tools,
    tool_choice: 'required',
    input: [{ type: 'function_call_output', call_id: call?.call_id ?? '', output: 'done' }],
  });
  expect(after.output.map((item) => item.type)).toEqual(['message']);
});

test('length and filter stops are incomplete; a failure is told in the stream', async () => {
  const short = await client.responses.create({ ...ask, max_output_tokens: 3 });
  expect(short.status).toBe('incomplete');
  expect(short.incomplete_details?.reason).toBe('max_output_tokens');
  const failing = await client.responses.create({ ...ask, stream: true }, steer('error_after=5;error=response.failed'));
  const types: string[] = [];
  for await (const event of failing) types.push(event.type);
  expect(types).toHaveLength(6);
  expect(types.at(-1)).toBe('response.failed');
  const broken = await client.responses.create({ ...ask, stream: true }, steer('error_after=5;message=Oops.'));
  await expect(
    (async () => {
      for await (const _ of broken);
    })(),
  ).rejects.toThrow('Oops.');
});

test('a background response is polled until it is done, and counts once', async () => {
  simulator.reset();
  const queued = await client.responses.create({ ...ask, background: true }, steer('polls=2;output=11;input=7'));
  expect(queued.status).toBe('queued');
  expect(queued.usage).toBeNull();
  const statuses = [];
  for (let i = 0; i < 4; i += 1) statuses.push((await client.responses.retrieve(queued.id)).status);
  expect(statuses).toEqual(['in_progress', 'in_progress', 'completed', 'completed']);
  const { totals } = simulator.books();
  expect(totals.usage).toMatchObject({ input_uncached: 7, output: 11 });
  await client.responses.delete(queued.id);
  await expect(client.responses.retrieve(queued.id)).rejects.toMatchObject({ status: 404 });
});

test('a background response is resumed as a stream behind an event, and counts once', async () => {
  simulator.reset();
  const queued = await client.responses.create({ ...ask, background: true }, steer('output=11;input=7'));
  const events = async (after?: number): Promise<{ number: number; type: string }[]> => {
    const query = after === undefined ? {} : { starting_after: after };
    const stream = await client.responses.retrieve(queued.id, { stream: true, ...query });
    const seen = [];
    for await (const event of stream) seen.push({ number: event.sequence_number, type: event.type });
    return seen;
  };
  const all = await events();
  expect(all[0]).toEqual({ number: 0, type: 'response.created' });
  expect(all.at(-1)?.type).toBe('response.completed');
  expect(await events(4)).toEqual(all.slice(5));
  const items = await client.responses.inputItems.list(queued.id);
  expect(items.data).toEqual([]);
  expect(simulator.books().totals.usage).toMatchObject({ input_uncached: 7, output: 11 });
});

test('compaction is billed, counting is not', async () => {
  simulator.reset();
  const compacted = await client.responses.compact(
    { model: 'gpt-5.4', input: 'long history' },
    steer('input=584;cached=60416;output=550;reasoning=900'),
  );
  expect(compacted.object).toBe('response.compaction');
  expect(compacted.usage).toMatchObject({ input_tokens: 61000, output_tokens: 1450 });
  const counted = await client.responses.inputTokens.count(ask, steer('input=8'));
  expect(counted.input_tokens).toBe(8);
  expect(simulator.books().totals.usage).toMatchObject({
    input_uncached: 584,
    cache_read: 60416,
    output: 550,
    reasoning: 900,
  });
});

test('failure mode 31: a WebSocket attempt where there is none is answered 426 at once', async () => {
  const heard = await hear(
    simulator.port,
    'GET /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  expect(heard.bytes.toString()).toMatch(/^HTTP\/1\.1 426 /);
  expect(heard.end).toBe('fin');
});
