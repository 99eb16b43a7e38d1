import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';

let simulator: Simulator;
let client: OpenAI;

beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0, expectedKey: 'sk-real' });
  client = new OpenAI({ apiKey: 'sk-real', baseURL: `${simulator.url}/v1`, maxRetries: 0 });
});
afterAll(() => simulator.close());

const messages = [{ role: 'user' as const, content: 'Tell me about tides.' }];
const tools = ['get_weather', 'get_time'].map((name) => ({
  type: 'function' as const,
  function: {
    name,
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' }, unit: { enum: ['c', 'f'] } },
      required: ['city', 'days', 'unit'],
    },
  },
}));
const ARGUMENTS = { city: 'näkö', days: 1, unit: 'c' };

function steer(settings: string): { headers: Record<string, string> } {
  return { headers: { 'x-sim': settings } };
}

test('a unary answer has the shape, the usage and the headers of the API', async () => {
  const asked = client.chat.completions.create(
    { model: 'gpt-5.4', messages },
    steer('input=1832;cached=5120;write=2048;output=60;reasoning=640;served=gpt-5.4-2026-03-05;tier=priority'),
  );
  const { data, response } = await asked.withResponse();
  expect(data.id).toMatch(/^chatcmpl-[A-Za-z0-9]{24}$/);
  expect(data.object).toBe('chat.completion');
  expect(data.model).toBe('gpt-5.4-2026-03-05');
  expect(data.service_tier).toBe('priority');
  expect(data.choices).toHaveLength(1);
  expect(data.choices[0]?.finish_reason).toBe('stop');
  expect(data.choices[0]?.message.content?.length).toBeGreaterThan(20);
  // The worked numbers of OpenAI Chat: 9000 in, 700 out.
  expect(data.usage).toMatchObject({ prompt_tokens: 9000, completion_tokens: 700, total_tokens: 9700 });
  expect(data.usage?.prompt_tokens_details).toMatchObject({ cached_tokens: 5120, cache_write_tokens: 2048 });
  expect(data.usage?.completion_tokens_details).toMatchObject({ reasoning_tokens: 640 });
  expect(response.headers.get('x-request-id')).toMatch(/^req_/);
  expect(response.headers.get('openai-processing-ms')).toBe('12');
  expect(response.headers.get('x-ratelimit-reset-requests')).toBe('6ms');
});

test('a stream says the same text as the unary answer', async () => {
  const whole = await client.chat.completions.create({ model: 'gpt-5.4', messages });
  const stream = await client.chat.completions.create({ model: 'gpt-5.4', messages, stream: true });
  let text = '';
  let finish: string | null = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    finish = chunk.choices[0]?.finish_reason ?? finish;
    expect(chunk.id).toBe(whole.id);
    expect('usage' in chunk).toBe(false);
  }
  expect(text).toBe(whole.choices[0]?.message.content);
  expect(finish).toBe('stop');
});

test('a stream with include_usage has usage null in each chunk and one more chunk without choices', async () => {
  const stream = await client.chat.completions.create(
    { model: 'gpt-5.4', messages, stream: true, stream_options: { include_usage: true } },
    steer('input=19;output=14;events=14'),
  );
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const last = chunks.pop();
  expect(last?.choices).toEqual([]);
  expect(last?.usage).toMatchObject({ prompt_tokens: 19, completion_tokens: 14, total_tokens: 33 });
  // The role, 14 words, the finish reason.
  expect(chunks).toHaveLength(16);
  for (const chunk of chunks) expect(chunk.usage).toBeNull();
});

test('servers that tell usage elsewhere can be played', async () => {
  const usages = async (where: string): Promise<(number | undefined)[]> => {
    const stream = await client.chat.completions.create(
      { model: 'gpt-5.4', messages, stream: true },
      steer(`usage=${where};input=10;output=3;events=3`),
    );
    const seen = [];
    for await (const chunk of stream) seen.push(chunk.usage?.completion_tokens);
    return seen;
  };
  expect(await usages('none')).toEqual([undefined, undefined, undefined, undefined, undefined]);
  expect(await usages('always')).toEqual([undefined, undefined, undefined, undefined, undefined, 3]);
  expect(await usages('finish')).toEqual([undefined, undefined, undefined, undefined, 3]);
  expect(await usages('every')).toEqual([0, 1, 2, 3, 3]);
});

test('tools are called when the prompt asks for it, streamed or not', async () => {
  const asking = [{ role: 'user' as const, content: 'Please use the tool get_time now.' }];
  const whole = await client.chat.completions.create({ model: 'gpt-5.4', messages: asking, tools });
  const call = whole.choices[0]?.message.tool_calls?.[0];
  expect(whole.choices[0]?.finish_reason).toBe('tool_calls');
  expect(whole.choices[0]?.message.content).toBeNull();
  expect(call?.type === 'function' ? call.function.name : '').toBe('get_time');
  expect(call?.type === 'function' ? JSON.parse(call.function.arguments) : {}).toEqual(ARGUMENTS);

  const runner = client.chat.completions.stream({ model: 'gpt-5.4', messages: asking, tools });
  const final = await runner.finalChatCompletion();
  const streamed = final.choices[0]?.message.tool_calls?.[0];
  expect(streamed).toMatchObject({ id: call?.id });
  expect(streamed?.type === 'function' ? JSON.parse(streamed.function.arguments) : {}).toEqual(ARGUMENTS);
});

test('several calls, forced calls, large arguments, and text again after a result', async () => {
  const two = await client.chat.completions.create(
    { model: 'gpt-5.4', messages, tools },
    steer('tools=2;tool_bytes=5000;events=3'),
  );
  const calls = two.choices[0]?.message.tool_calls ?? [];
  expect(calls.map((call) => (call.type === 'function' ? call.function.name : ''))).toEqual([
    'get_weather',
    'get_time',
  ]);
  for (const call of calls) {
    expect(Buffer.byteLength(call.type === 'function' ? call.function.arguments : '')).toBe(5000);
  }
  expect(two.choices[0]?.message.content).not.toBeNull();

  const forced = await client.chat.completions.create({ model: 'gpt-5.4', messages, tools, tool_choice: 'required' });
  expect(forced.choices[0]?.finish_reason).toBe('tool_calls');
  const id = forced.choices[0]?.message.tool_calls?.[0]?.id ?? '';
  const after = await client.chat.completions.create({
    model: 'gpt-5.4',
    tools,
    tool_choice: 'required',
    messages: [...messages, forced.choices[0]!.message, { role: 'tool', tool_call_id: id, content: '12 °C' }],
  });
  expect(after.choices[0]?.finish_reason).toBe('stop');
});

test('the SDK runs a tool to its end', async () => {
  const seen: unknown[] = [];
  const runner = client.chat.completions.runTools({
    model: 'gpt-5.4',
    messages: [{ role: 'user', content: 'Call the tool get_weather, please.' }],
    tools: [
      {
        type: 'function',
        function: {
          name: 'get_weather',
          description: 'Weather of a city',
          parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
          parse: (text: string): unknown => JSON.parse(text),
          function: (given: unknown): string => {
            seen.push(given);
            return 'sunny';
          },
        },
      },
    ],
  });
  expect((await runner.finalContent())?.length).toBeGreaterThan(0);
  expect(seen).toEqual([{ city: 'näkö' }]);
});

test('several choices, a refusal, a length stop, structured output', async () => {
  const many = await client.chat.completions.create({ model: 'gpt-5.4', messages, n: 3 });
  expect(many.choices.map((choice) => choice.index)).toEqual([0, 1, 2]);
  const refused = await client.chat.completions.create({ model: 'gpt-5.4', messages }, steer('stop=refusal;text=No.'));
  expect(refused.choices[0]?.message).toMatchObject({ content: null, refusal: 'No.' });
  expect(refused.choices[0]?.finish_reason).toBe('stop');
  const short = await client.chat.completions.create({ model: 'gpt-5.4', messages, max_completion_tokens: 2 });
  expect(short.choices[0]?.finish_reason).toBe('length');
  expect(short.usage?.completion_tokens).toBe(2);
  const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] };
  const shaped = await client.chat.completions.create({
    model: 'gpt-5.4',
    messages,
    response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } },
  });
  expect(shaped.choices[0]?.message.content).toBe('{"ok":true}');
});

test('a client that sets no headers steers by its prompt or its model name', async () => {
  const byPrompt = await client.chat.completions.create({
    model: 'gpt-5.4',
    messages: [{ role: 'user', content: 'Hello [[sim: output=77 input=5 text=forbidden%20w%C3%B6rd]]' }],
  });
  expect(byPrompt.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 77 });
  expect(byPrompt.choices[0]?.message.content).toBe('forbidden wörd');
  const byModel = await client.chat.completions.create({ model: 'gpt-5.4-sim:{tokens=9;input=4}', messages });
  expect(byModel.model).toBe('gpt-5.4');
  expect(byModel.usage).toMatchObject({ prompt_tokens: 4, completion_tokens: 9 });
});

test('a prompt that asks for OK gets OK; echo repeats the prompt', async () => {
  const ok = await client.chat.completions.create({
    model: 'gpt-5.4',
    messages: [{ role: 'user', content: 'Reply with exactly "OK".' }],
  });
  expect(ok.choices[0]?.message.content).toBe('OK');
  const said = 'näkö "quoted" \\ 🌊\nnext line';
  const echoed = client.chat.completions.stream(
    { model: 'gpt-5.4', messages: [{ role: 'user', content: said }] },
    steer('echo;bytes=3'),
  );
  expect((await echoed.finalChatCompletion()).choices[0]?.message.content).toBe(said);
});

test('errors are those of the API, by class, code and header', async () => {
  const refusal = async (settings: string): Promise<unknown> =>
    client.chat.completions.create({ model: 'gpt-5.4', messages }, steer(settings)).then(
      () => undefined,
      (error: unknown) => error,
    );
  const limited = await refusal('status=429;retry_after=3s');
  expect(limited).toBeInstanceOf(OpenAI.RateLimitError);
  if (limited instanceof OpenAI.RateLimitError) {
    expect(limited.code).toBe('rate_limit_exceeded');
    expect(limited.headers.get('retry-after')).toBe('3');
    expect(limited.headers.get('retry-after-ms')).toBe('3000');
  }
  const quota = await refusal('status=429;error=insufficient_quota;message=Spent.');
  expect(quota).toMatchObject({ code: 'insufficient_quota', type: 'insufficient_quota', message: '429 Spent.' });
  expect(await refusal('status=401')).toBeInstanceOf(OpenAI.AuthenticationError);
  expect(await refusal('status=404')).toMatchObject({ code: 'model_not_found' });
  expect(await refusal('status=500')).toBeInstanceOf(OpenAI.InternalServerError);
  expect(await refusal('nonsense=1')).toMatchObject({ status: 400 });
  expect(await refusal('write1h=5')).toMatchObject({ status: 400 });
});

test('failure mode 21: an error in the middle of a 200 stream reaches the SDK as one', async () => {
  const stream = await client.chat.completions.create(
    { model: 'gpt-5.4', messages, stream: true },
    steer('error_after=3;message=Oops.'),
  );
  let events = 0;
  await expect(
    (async () => {
      for await (const _ of stream) events += 1;
    })(),
  ).rejects.toThrow('Oops.');
  expect(events).toBe(3);
});

test('the model list is that of the caller', async () => {
  const listed = await client.models.list();
  expect(listed.data.map((model) => model.id)).toContain('gpt-5.4');
  expect((await client.models.retrieve('gpt-4.1')).object).toBe('model');
});

test('embeddings come as floats or base64 and cost input alone', async () => {
  const input = ['one text', 'another one'];
  const model = 'text-embedding-3-small';
  const floats = await client.embeddings.create({ model, input, encoding_format: 'float' }, steer('input=3'));
  expect(floats.data).toHaveLength(2);
  expect(floats.usage).toEqual({ prompt_tokens: 3, total_tokens: 3 });
  // The SDK asks for base64 by itself and decodes it.
  const packed = await client.embeddings.create({ model, input }, steer('input=3'));
  packed.data[0]!.embedding.forEach((value, i) => {
    expect(value).toBeCloseTo(floats.data[0]!.embedding[i]!, 5);
  });
});
