import OpenAI, { toFile } from 'openai';
import { describe, expect, test } from 'vitest';
import { fixture } from '../../protocols/fixtures.ts';
import { gateway } from './shipped.ts';
import {
  ANSWER,
  READ_FILE,
  TOOL_CALL,
  compared,
  expectBooked,
  nothingPassed,
  recordOf,
  recordingFetch,
} from './through.ts';
import type { Booked, Target, Told } from './through.ts';

/** OpenAI's own SDK as a client: whatever it can ask for comes as from the provider itself, and is booked. */

const MODEL = 'gpt-5-mini';
const AGENT = 'openai-sdk-js';

/** gpt-5-mini costs $0.25, cached $0.025, output $2.00 a million: 250, 25 and 2,000 nanodollars a token. */
const ANSWER_COST = 1200 * 250 + 300 * 25 + 50 * 2000;
const TOOL_COST = 1200 * 250 + 40 * 2000;

const CHAT_TOOLS = [
  {
    type: 'function' as const,
    function: { name: READ_FILE.name, description: READ_FILE.description, parameters: READ_FILE.schema },
  },
];
const RESPONSE_TOOLS = [
  {
    type: 'function' as const,
    name: READ_FILE.name,
    description: READ_FILE.description,
    parameters: READ_FILE.schema,
    strict: true,
  },
];

function clientOf({ origin, fetch, headers }: Target): OpenAI {
  return new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'client-key', fetch, defaultHeaders: headers, maxRetries: 0 });
}

function user(content: string): { role: 'user'; content: string }[] {
  return [{ role: 'user', content }];
}

function toldOfChat(answer: OpenAI.ChatCompletion): Told {
  const message = answer.choices[0]?.message;
  const calls = message?.tool_calls ?? [];
  return {
    text: message?.content ?? '',
    input: answer.usage?.prompt_tokens,
    output: answer.usage?.completion_tokens,
    tools: calls.map((call) => (call.type === 'function' ? call.function.name : call.type)),
  };
}

function toldOfResponse(answer: OpenAI.Responses.Response): Told {
  return {
    text: answer.output_text,
    input: answer.usage?.input_tokens,
    output: answer.usage?.output_tokens,
    tools: answer.output.flatMap((item) => (item.type === 'function_call' ? [item.name] : [])),
  };
}

interface Case {
  sim: string;
  call: (client: OpenAI) => Promise<Told>;
  told: Partial<Told>;
  booked: Omit<Booked, 'agent'>;
}

const CASES: Record<string, Case> = {
  'chat, unary': {
    sim: ANSWER.sim,
    call: async (client) =>
      toldOfChat(await client.chat.completions.create({ model: MODEL, messages: user('Say hello') })),
    told: ANSWER.told,
    booked: { api: 'openai_chat', stream: false, usage: ANSWER.usage, cost: ANSWER_COST },
  },
  'chat, stream that asks for usage': {
    sim: ANSWER.sim,
    call: async (client) =>
      toldOfChat(
        await client.chat.completions
          .stream({ model: MODEL, messages: user('Say hello'), stream_options: { include_usage: true } })
          .finalChatCompletion(),
      ),
    told: ANSWER.told,
    booked: { api: 'openai_chat', stream: true, usage: ANSWER.usage, cost: ANSWER_COST },
  },
  'chat, stream that does not ask for usage': {
    sim: ANSWER.sim,
    call: async (client) => {
      const stream = await client.chat.completions.create({ model: MODEL, messages: user('Say hello'), stream: true });
      let text = '';
      for await (const chunk of stream) {
        expect(chunk.choices.length, 'no event with empty choices').toBe(1);
        text += chunk.choices[0]?.delta.content ?? '';
      }
      return { text, input: undefined, output: undefined, tools: [] };
    },
    told: { text: ANSWER.told.text, input: undefined },
    booked: {
      api: 'openai_chat',
      stream: true,
      usage: ANSWER.usage,
      cost: ANSWER_COST,
      edits: ['inject_usage', 'drop_usage_event'],
    },
  },
  'chat, stream with two tool calls': {
    sim: `${TOOL_CALL.sim};tools=2`,
    call: async (client) =>
      toldOfChat(
        await client.chat.completions
          .stream({
            model: MODEL,
            messages: user('Read both'),
            tools: CHAT_TOOLS,
            stream_options: { include_usage: true },
          })
          .finalChatCompletion(),
      ),
    told: { ...TOOL_CALL.told, tools: ['read_file', 'read_file'] },
    booked: {
      api: 'openai_chat',
      stream: true,
      usage: TOOL_CALL.usage,
      cost: TOOL_COST,
      tools: ['read_file', 'read_file'],
    },
  },
  'responses, unary': {
    sim: ANSWER.sim,
    call: async (client) => toldOfResponse(await client.responses.create({ model: MODEL, input: 'Say hello' })),
    told: ANSWER.told,
    booked: { api: 'openai_responses', stream: false, usage: ANSWER.usage, cost: ANSWER_COST },
  },
  'responses, stream': {
    sim: ANSWER.sim,
    call: async (client) =>
      toldOfResponse(await client.responses.stream({ model: MODEL, input: 'Say hello' }).finalResponse()),
    told: ANSWER.told,
    booked: { api: 'openai_responses', stream: true, usage: ANSWER.usage, cost: ANSWER_COST },
  },
  'responses, unary with a tool call': {
    sim: TOOL_CALL.sim,
    call: async (client) =>
      toldOfResponse(await client.responses.create({ model: MODEL, input: 'Read it', tools: RESPONSE_TOOLS })),
    told: TOOL_CALL.told,
    booked: {
      api: 'openai_responses',
      stream: false,
      usage: TOOL_CALL.usage,
      cost: TOOL_COST,
      tools: ['read_file'],
    },
  },
  'responses, stream with a tool call': {
    sim: TOOL_CALL.sim,
    call: async (client) =>
      toldOfResponse(
        await client.responses.stream({ model: MODEL, input: 'Read it', tools: RESPONSE_TOOLS }).finalResponse(),
      ),
    told: TOOL_CALL.told,
    booked: {
      api: 'openai_responses',
      stream: true,
      usage: TOOL_CALL.usage,
      cost: TOOL_COST,
      tools: ['read_file'],
    },
  },
};

test.each(Object.entries(CASES))('%s: as from the provider itself, and booked', async (_name, one) => {
  const { told, record } = await compared(gateway, one.sim, (target) => one.call(clientOf(target)));
  expect(told).toMatchObject(one.told);
  expectBooked(record, { ...one.booked, agent: AGENT });
  expect(record).toMatchObject({ model: MODEL, client_version: '7.57.0' });
});

/** text-embedding-3-small costs $0.02 a million: 20 nanodollars a token. */
test.each([
  ['float', 'number'],
  ['base64', 'string'],
  // The SDK asks for base64 then, and gives its caller numbers.
  [undefined, 'number'],
] as const)('embeddings as %s come whole, and are booked', async (format, type) => {
  const { told, record } = await compared(gateway, 'input=5000', async (target) => {
    const answer = await clientOf(target).embeddings.create({
      model: 'text-embedding-3-small',
      input: ['one text', 'another'],
      ...(format === undefined ? {} : { encoding_format: format }),
    });
    return { vectors: answer.data.map(({ embedding }) => embedding), input: answer.usage.prompt_tokens };
  });
  expect(told.input).toBe(5000);
  expect(told.vectors.map((vector) => typeof vector[0])).toEqual([type, type]);
  expectBooked(record, {
    api: 'openai_embeddings',
    agent: AGENT,
    stream: false,
    usage: { input_uncached: 5000 },
    cost: 5000 * 20,
  });
});

/** gpt-image-1 costs $5 for text in, $10 for images in and $40 for images out, a million. */
test('an image that is made, and one that is edited, whole and streamed', async () => {
  const usage = { input_uncached: 13, image_out: 272 };
  const cost = 13 * 5_000 + 272 * 40_000;
  const made = await compared(gateway, 'input=13', (target) =>
    clientOf(target).images.generate({ model: 'gpt-image-1', prompt: 'a cat' }),
  );
  expect(made.told).toMatchObject({ usage: { input_tokens: 13, output_tokens: 272 } });
  expectBooked(made.record, { api: 'openai_images', agent: AGENT, stream: false, usage, cost });

  const streamed = await compared(gateway, 'input=13', async (target) => {
    const types: string[] = [];
    const events = await clientOf(target).images.generate({ model: 'gpt-image-1', prompt: 'a cat', stream: true });
    for await (const event of events) types.push(event.type);
    return types;
  });
  expect(streamed.told).toEqual(['image_generation.partial_image', 'image_generation.completed']);
  expectBooked(streamed.record, { api: 'openai_images', agent: AGENT, stream: true, usage, cost });

  const image = await toFile(Buffer.from('PNG'), 'a.png', { type: 'image/png' });
  const edited = await compared(gateway, 'input=13;image_in=320', (target) =>
    clientOf(target).images.edit({ model: 'gpt-image-1', prompt: 'a hat', image }),
  );
  expectBooked(edited.record, {
    api: 'openai_images',
    agent: AGENT,
    stream: false,
    usage: { ...usage, image_in: 320 },
    cost: cost + 320 * 10_000,
  });
});

/** gpt-4o-transcribe costs $2.50 for text in, $6 for audio in and $10 for text out; gpt-4o-mini-tts $0.60 and $12. */
test('a transcription, streamed and not, and speech', async () => {
  const file = await toFile(Buffer.from('RIFF'), 'a.wav', { type: 'audio/wav' });
  const sim = 'text=Good%20morning;input=9;audio_in=42;output=7';
  const booked = {
    api: 'openai_transcriptions' as const,
    agent: AGENT,
    usage: { input_uncached: 9, audio_in: 42, output: 7 },
    cost: 9 * 2_500 + 42 * 6_000 + 7 * 10_000,
  };
  const whole = await compared(gateway, sim, (target) =>
    clientOf(target).audio.transcriptions.create({ model: 'gpt-4o-transcribe', file }),
  );
  expect(whole.told.text).toBe('Good morning');
  expectBooked(whole.record, { ...booked, stream: false });

  const streamed = await compared(gateway, sim, async (target) => {
    let text = '';
    const model = 'gpt-4o-transcribe';
    const events = await clientOf(target).audio.transcriptions.create({ model, file, stream: true });
    for await (const event of events) if (event.type === 'transcript.text.delta') text += event.delta;
    return text;
  });
  expect(streamed.told).toBe('Good morning');
  expectBooked(streamed.record, { ...booked, stream: true });

  const said = { model: 'gpt-4o-mini-tts', voice: 'alloy', input: 'Good morning' };
  const spoken = await compared(gateway, '', async (target) => {
    const answer = await clientOf(target).audio.speech.create(said);
    return Buffer.from(await answer.arrayBuffer()).toString('base64');
  });
  expect(spoken.record).toMatchObject({
    state: 'complete',
    usage: null,
    usage_state: 'absent',
    cost_nanodollars: null,
  });

  const events = await compared(gateway, 'input=14;audio_out=101', async (target) =>
    (await clientOf(target).audio.speech.create({ ...said, stream_format: 'sse' })).text(),
  );
  expectBooked(events.record, {
    api: 'openai_speech',
    agent: AGENT,
    stream: true,
    usage: { input_uncached: 14, audio_out: 101 },
    cost: 14 * 600 + 101 * 12_000,
  });
});

describe('older completions', () => {
  const PROMPTS = { model: MODEL, prompt: ['A', 'B'], max_tokens: 16 };
  const USAGE = { input_uncached: 9, output: 6 };

  async function told(target: Target, options: OpenAI.ChatCompletionStreamOptions | undefined) {
    const stream = await clientOf(target).completions.create({
      ...PROMPTS,
      stream: true,
      ...(options === undefined ? {} : { stream_options: options }),
    });
    const texts: string[] = [];
    let usage: OpenAI.CompletionUsage | undefined;
    for await (const { choices, usage: counted } of stream) {
      for (const { index, text } of choices) texts[index] = (texts[index] ?? '') + text;
      usage = counted ?? usage;
    }
    return { texts, total: usage?.total_tokens };
  }

  test('unary, with two answers', async () => {
    const { told: answer, record } = await compared(gateway, 'fixture=openai-completions/unary-two-answers', (target) =>
      clientOf(target).completions.create({ model: MODEL, prompt: 'Once upon a time', n: 2, max_tokens: 8 }),
    );
    expect(answer.choices.map(({ text }) => text)).toEqual([', in a small village', ' there was a fox.']);
    expect(record).toMatchObject({
      state: 'complete',
      api: 'openai_text_completions',
      agent: AGENT,
      stream: false,
      usage: { input_uncached: 4, output: 13 },
      // gpt-3.5-turbo-instruct, which answered, costs $1.50 and $2.00 a million.
      cost_nanodollars: String(4 * 1500 + 13 * 2000),
      usage_state: 'final',
      stop_reason: 'length',
      edits: [],
    });
  });

  test('stream, asked for usage', async () => {
    const { told: answer, record } = await compared(gateway, 'fixture=openai-completions/stream-usage', (target) =>
      told(target, { include_usage: true }),
    );
    expect(answer).toEqual({ texts: ['é € 𝛑', ' one two'], total: 15 });
    expect(record).toMatchObject({ stream: true, usage: USAGE, usage_state: 'final', edits: [] });
  });

  test('stream, not asked for usage: it is asked for, booked, and taken out again', async () => {
    const passed = nothingPassed();
    const headers = { 'x-sim': 'fixture=openai-completions/stream-usage' };
    const answer = await told({ origin: gateway.url, fetch: recordingFetch(passed), headers }, undefined);
    expect(answer).toEqual({ texts: ['é € 𝛑', ' one two'], total: undefined });
    // To the byte what a provider sends that was not asked.
    expect(Buffer.concat(passed.bytes)).toEqual(fixture('openai-completions/stream-no-usage').response);
    const record = await recordOf(gateway, passed.ids[0] ?? '');
    expect(record).toMatchObject({ stream: true, usage: USAGE, usage_state: 'final' });
    expect(record.edits.map(({ kind }) => kind)).toEqual(['inject_usage', 'drop_usage_event']);
  });
});

test('a moderation comes as it is, and books no usage', async () => {
  const { told, record } = await compared(gateway, 'fixture=openai-media/moderation-no-usage', (target) =>
    clientOf(target).moderations.create({ model: MODEL, input: 'hello' }),
  );
  expect(told.results[0]?.flagged).toBe(false);
  expect(record).toMatchObject({
    state: 'complete',
    api: 'openai_moderations',
    usage: null,
    usage_state: 'absent',
    cost_nanodollars: null,
    edits: [],
  });
});

test('counting input tokens tells the count, and books no usage', async () => {
  const { told, record } = await compared(gateway, 'input=777', (target) =>
    clientOf(target).responses.inputTokens.count({ model: MODEL, input: 'Say hello' }),
  );
  expect(told.input_tokens).toBe(777);
  expect(record).toMatchObject({
    state: 'complete',
    api: 'openai_responses_input_tokens',
    usage: null,
    usage_state: 'absent',
    cost_nanodollars: null,
  });
});
