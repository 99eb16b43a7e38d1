import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';

let simulator: Simulator;
let client: Anthropic;

beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
  client = new Anthropic({ apiKey: 'sk-ant-test', baseURL: simulator.url, maxRetries: 0 });
});
afterAll(() => simulator.close());

const ask = {
  model: 'claude-sonnet-4-6',
  max_tokens: 1024,
  messages: [{ role: 'user' as const, content: 'Tell me about tides.' }],
};
const tools = [
  {
    name: 'read_file',
    input_schema: { type: 'object' as const, properties: { path: { type: 'string' } }, required: ['path'] },
  },
];

function steer(settings: string): { headers: Record<string, string> } {
  return { headers: { 'x-sim': settings } };
}

test('a unary answer has the shape, the usage and the headers of the API', async () => {
  const asked = client.messages.create(
    ask,
    steer('input=21;cached=18944;write5m=1456;write1h=2048;output=8;reasoning=203'),
  );
  const { data, response } = await asked.withResponse();
  expect(data.id).toMatch(/^msg_01[A-Za-z0-9]{22}$/);
  expect(data).toMatchObject({
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-4-6',
    stop_reason: 'end_turn',
  });
  expect(data.content.map((block) => block.type)).toEqual(['thinking', 'text']);
  // The worked numbers of Anthropic.
  expect(data.usage).toMatchObject({
    input_tokens: 21,
    cache_read_input_tokens: 18944,
    cache_creation_input_tokens: 3504,
    cache_creation: { ephemeral_5m_input_tokens: 1456, ephemeral_1h_input_tokens: 2048 },
    output_tokens: 211,
    output_tokens_details: { thinking_tokens: 203 },
    service_tier: 'standard',
  });
  expect(response.headers.get('request-id')).toMatch(/^req_011C/);
  expect(response.headers.get('anthropic-ratelimit-requests-limit')).toBe('4000');
});

test('a stream builds the same message as the unary answer', async () => {
  const settings = steer('input=21;cached=7;write=5;output=8;reasoning=9');
  const whole = await client.messages.create(ask, settings);
  const streamed = await client.messages.stream(ask, settings).finalMessage();
  expect(streamed.id).toBe(whole.id);
  expect(streamed.content).toEqual(whole.content);
  expect(streamed.stop_reason).toBe('end_turn');
  expect(streamed.usage).toMatchObject({
    input_tokens: 21,
    cache_read_input_tokens: 7,
    cache_creation_input_tokens: 5,
    output_tokens: 17,
  });
});

test('failure mode 8: what a web search found is in the closing usage only', async () => {
  const stream = client.messages.stream(ask, steer('web_searches=1;input=10682'));
  const seen: (number | null)[] = [];
  stream.on('streamEvent', (event) => {
    if (event.type === 'message_start') seen.push(event.message.usage.input_tokens);
    if (event.type === 'message_delta') seen.push(event.usage.input_tokens);
  });
  const message = await stream.finalMessage();
  expect(seen).toEqual([2671, 10682]);
  expect(message.usage.server_tool_use?.web_search_requests).toBe(1);
  expect(message.content.map((block) => block.type)).toEqual(['server_tool_use', 'web_search_tool_result', 'text']);
});

test('tools are called when the prompt asks for it or the client insists', async () => {
  const whole = await client.messages.create({ ...ask, tools, tool_choice: { type: 'any' } });
  expect(whole.stop_reason).toBe('tool_use');
  const [block] = whole.content;
  expect(block).toMatchObject({ type: 'tool_use', name: 'read_file', input: { path: 'näkö' } });
  const messages = [{ role: 'user' as const, content: 'Use the tool read_file.' }];
  const streamed = await client.messages.stream({ ...ask, messages, tools }, steer('events=2')).finalMessage();
  expect(streamed.content.map((one) => one.type)).toEqual(['text', 'tool_use']);
  expect(streamed.content[1]).toMatchObject({ input: { path: 'näkö' } });
  const after = await client.messages.create({
    ...ask,
    tools,
    messages: [
      ...messages,
      { role: 'assistant', content: streamed.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'x', content: 'use the tool again' }] },
    ],
  });
  expect(after.stop_reason).toBe('end_turn');
});

test('errors are those of the API', async () => {
  const refusal = async (settings: string): Promise<unknown> =>
    client.messages.create(ask, steer(settings)).then(
      () => undefined,
      (error: unknown) => error,
    );
  const busy = await refusal('status=529');
  expect(busy).toMatchObject({ status: 529, error: { type: 'error', error: { type: 'overloaded_error' } } });
  expect(await refusal('status=429;retry_after=2s')).toBeInstanceOf(Anthropic.RateLimitError);
  expect(await refusal('status=413')).toMatchObject({ error: { error: { type: 'request_too_large' } } });
  expect(await refusal('status=400;message=Wörd')).toMatchObject({ error: { error: { message: 'Wörd' } } });
  expect(await refusal('write1h=3;image_in=3')).toMatchObject({ status: 400 });
});

test('failure mode 21: overloaded in the middle of a stream is an error event', async () => {
  const stream = client.messages.stream(ask, steer('error_after=4;error=overloaded_error;message=Overloaded'));
  await expect(stream.finalMessage()).rejects.toThrow('Overloaded');
});

test('what Claude Code needs besides: a probe, a count, a query, a model list, its version header', async () => {
  expect((await fetch(simulator.url, { method: 'HEAD' })).status).toBe(200);
  const counted = await client.messages.countTokens({ model: ask.model, messages: ask.messages }, steer('input=9'));
  expect(counted.input_tokens).toBe(9);
  const headers = { 'content-type': 'application/json', 'x-api-key': 'k', 'anthropic-version': '2023-06-01' };
  const body = JSON.stringify({ ...ask, messages: [{ role: 'user', content: 'Say OK' }] });
  const beta = await fetch(`${simulator.url}/v1/messages?beta=true`, { method: 'POST', headers, body });
  expect(await beta.json()).toMatchObject({ content: [{ type: 'text', text: 'OK' }] });
  const bare = await fetch(`${simulator.url}/v1/messages`, { method: 'POST', body });
  expect(bare.status).toBe(400);
  const page = await client.models.list();
  expect(page.data.map((model) => model.id)).toContain('claude-sonnet-4-6');
  expect(page.data[0]?.type).toBe('model');
});

test('stop reasons are told in the words of the API', async () => {
  const stopped = async (settings: string): Promise<unknown> =>
    (await client.messages.create(ask, steer(settings))).stop_reason;
  expect(await stopped('stop=length')).toBe('max_tokens');
  expect(await stopped('stop=pause')).toBe('pause_turn');
  expect(await stopped('stop=refusal')).toBe('refusal');
});

test('Claude on Vertex has its model in the path and the verb decides the stream', async () => {
  const at = '/v1/projects/p/locations/l/publishers/anthropic/models/claude-sonnet-4-6';
  const body = JSON.stringify({ anthropic_version: 'vertex-2023-10-16', max_tokens: 9, messages: ask.messages });
  const whole = await fetch(`${simulator.url}${at}:rawPredict`, { method: 'POST', body });
  expect(await whole.json()).toMatchObject({ model: 'claude-sonnet-4-6', type: 'message' });
  const stream = await fetch(`${simulator.url}${at}:streamRawPredict`, { method: 'POST', body });
  expect(await stream.text()).toContain('event: message_stop');
});
