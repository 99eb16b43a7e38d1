import { describe, expect, test } from 'vitest';
import type { RequestFacts, ResponseFacts } from '../../src/contract/facts.ts';
import { FrameReader, encodeFrame } from '../../src/protocols/bedrock/event-stream.ts';
import { bedrockConverse, bedrockCountTokens, bedrockInvoke } from '../../src/protocols/bedrock/protocol.ts';
import { emptyRequestFacts } from '../../src/protocols/facts.ts';
import { objectOf, parseJson } from '../../src/protocols/json.ts';
import type { Protocol } from '../../src/protocols/protocol.ts';
import { damaged, inPieces } from '../support/damage.ts';
import { diceOf } from '../support/dice.ts';
import { fixture } from './fixtures.ts';

/** What the fixtures have no case of. */
const FRAMES = 'application/vnd.amazon.eventstream';

interface Read {
  facts: ResponseFacts;
  rebuilt: unknown;
}

function read(protocol: Protocol, body: Uint8Array, headers: Record<string, string> = {}, status = 200): Read {
  const reader = protocol.openResponse({ status, headers: new Map(Object.entries(headers)) }, emptyRequestFacts());
  reader.push(body);
  return { facts: reader.end('complete'), rebuilt: reader.rebuilt?.() };
}

function whole(protocol: Protocol, body: unknown, headers: Record<string, string> = {}, status = 200): ResponseFacts {
  return read(protocol, Buffer.from(JSON.stringify(body)), headers, status).facts;
}

function frame(type: string, payload: unknown, headers: [string, string][] = []): Uint8Array {
  return encodeFrame(
    [[':message-type', 'event'], [':event-type', type], ...headers],
    Buffer.from(JSON.stringify(payload)),
  );
}

function converse(...events: [string, unknown][]): Read {
  return read(bedrockConverse, Buffer.concat(events.map(([type, payload]) => frame(type, payload))), {
    'content-type': FRAMES,
  });
}

function invoked(...events: unknown[]): Read {
  const frames = events.map((event) =>
    frame('chunk', { bytes: Buffer.from(JSON.stringify(event)).toString('base64'), p: 'ab' }),
  );
  return read(bedrockInvoke, Buffer.concat(frames), { 'content-type': FRAMES });
}

describe('a Converse stream', () => {
  const DELTA = 'contentBlockDelta';
  const END: [string, unknown][] = [
    ['messageStop', { stopReason: 'tool_use', p: 'abc' }],
    ['metadata', { usage: { inputTokens: 5, outputTokens: 7, totalTokens: 12 }, metrics: { latencyMs: 1 }, p: 'a' }],
  ];

  test('reasoning, text and calls in pieces are put together as the API has them in one piece', () => {
    const { facts, rebuilt } = converse(
      ['messageStart', { role: 'assistant' }],
      [DELTA, { contentBlockIndex: 0, delta: { reasoningContent: { text: 'hm ' } } }],
      [DELTA, { contentBlockIndex: 0, delta: { reasoningContent: { text: 'hm' } } }],
      [DELTA, { contentBlockIndex: 0, delta: { reasoningContent: { signature: 'c2ln' } } }],
      [DELTA, { contentBlockIndex: 1, delta: { text: 'I ' } }],
      [DELTA, { contentBlockIndex: 1, delta: { text: 'look' } }],
      ['contentBlockStart', { contentBlockIndex: 2, start: { toolUse: { toolUseId: 'tooluse_1', name: 'look' } } }],
      [DELTA, { contentBlockIndex: 2, delta: { toolUse: { input: '{"at": ' } } }],
      [DELTA, { contentBlockIndex: 2, delta: { toolUse: { input: '"it"}' } } }],
      ['contentBlockStop', { contentBlockIndex: 2 }],
      ['contentBlockStart', { contentBlockIndex: 3, start: { toolUse: { toolUseId: 'tooluse_2', name: 'wait' } } }],
      ...END,
    );
    expect(facts).toMatchObject({
      text: 'I look',
      tool_calls: [
        { id: 'tooluse_1', name: 'look', arguments: '{"at": "it"}' },
        { id: 'tooluse_2', name: 'wait', arguments: '{}' },
      ],
      stop_reason: { raw: 'tool_use', canonical: 'tool_use' },
      usage_state: 'final',
      complete: true,
      error: null,
    });
    expect(rebuilt).toEqual({
      output: {
        message: {
          role: 'assistant',
          content: [
            { reasoningContent: { reasoningText: { text: 'hm hm', signature: 'c2ln' } } },
            { text: 'I look' },
            { toolUse: { toolUseId: 'tooluse_1', name: 'look', input: { at: 'it' } } },
            { toolUse: { toolUseId: 'tooluse_2', name: 'wait' } },
          ],
        },
      },
      stopReason: 'tool_use',
      usage: { inputTokens: 5, outputTokens: 7, totalTokens: 12 },
      metrics: { latencyMs: 1 },
    });
  });

  test('trap 8: without its last events it is not complete', () => {
    const begun: [string, unknown] = [DELTA, { contentBlockIndex: 0, delta: { text: 'Half' } }];
    expect(converse(begun).facts).toMatchObject({ complete: false, usage: null, usage_state: 'absent', text: 'Half' });
    expect(converse(begun, ...END.slice(0, 1)).facts).toMatchObject({ complete: false, usage: null });
  });

  test('bad bytes behind good frames are flagged, and what was read stays', () => {
    const bytes = Buffer.concat([frame(DELTA, { contentBlockIndex: 0, delta: { text: 'Half' } }), Buffer.alloc(64, 1)]);
    const { facts } = read(bedrockConverse, bytes, { 'content-type': FRAMES });
    expect(facts).toMatchObject({ text: 'Half', complete: false, usage_flags: ['broken_frame'] });
  });

  test('a frame of the kind "error" has its words in headers', () => {
    const bytes = encodeFrame(
      [
        [':message-type', 'error'],
        [':error-code', 'InternalFailure'],
        [':error-message', 'It broke.'],
      ],
      new Uint8Array(0),
    );
    expect(read(bedrockConverse, bytes, { 'content-type': FRAMES }).facts).toMatchObject({
      error: { where: 'stream', type: 'InternalFailure', code: null, message: 'It broke.' },
      complete: false,
    });
  });
});

describe('whole answers of InvokeModel', () => {
  test.each<[string, unknown, Partial<ResponseFacts>]>([
    [
      'Titan',
      { inputTextTokenCount: 4, results: [{ tokenCount: 6, outputText: 'Hello.', completionReason: 'FINISH' }] },
      { text: 'Hello.', stop_reason: { raw: 'FINISH', canonical: 'stop' } },
    ],
    [
      'older Claude',
      { completion: ' Hello.', stop_reason: 'max_tokens' },
      { text: ' Hello.', stop_reason: { raw: 'max_tokens', canonical: 'length' } },
    ],
    [
      'Mistral',
      { outputs: [{ text: 'Hello.', stop_reason: 'stop' }] },
      { text: 'Hello.', stop_reason: { raw: 'stop', canonical: 'stop' } },
    ],
    [
      "OpenAI's form",
      {
        model: 'gpt-oss',
        choices: [{ index: 0, message: { role: 'assistant', content: 'Hello.' }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 4, completion_tokens: 6 },
      },
      { text: 'Hello.', model_served: 'gpt-oss', stop_reason: { raw: 'stop', canonical: 'stop' } },
    ],
    [
      'Nova',
      {
        output: { message: { role: 'assistant', content: [{ text: 'Hello.' }] } },
        stopReason: 'end_turn',
        usage: { inputTokens: 4, outputTokens: 6, cacheReadInputTokenCount: 0, cacheWriteInputTokenCount: 0 },
      },
      { text: 'Hello.', stop_reason: { raw: 'end_turn', canonical: 'stop' } },
    ],
    ['another', { said: 'Hello.' }, { text: '', stop_reason: null }],
  ])('%s; counted by AWS where the body does not', (_, body, facts) => {
    const counts = { 'x-amzn-bedrock-input-token-count': '4', 'x-amzn-bedrock-output-token-count': '6' };
    expect(whole(bedrockInvoke, body, counts)).toMatchObject({
      ...facts,
      usage: { input_uncached: 4, output: 6, cache_read: 0 },
      usage_state: 'final',
      complete: true,
    });
  });

  test('failure mode: nobody counted, which is not zero', () => {
    const facts = whole(bedrockInvoke, { outputs: [{ text: 'x' }] }, { 'x-amzn-bedrock-input-token-count': '-1' });
    expect(facts).toMatchObject({ usage: null, usage_state: 'absent' });
  });
});

describe('streams of InvokeModel', () => {
  const METRICS = {
    'amazon-bedrock-invocationMetrics': {
      inputTokenCount: 9,
      outputTokenCount: 3,
      cacheReadInputTokenCount: 2,
      invocationLatency: 1,
    },
  };

  test('Llama: text in pieces, counts as last told', () => {
    const { facts, rebuilt } = invoked(
      { generation: 'Hel', prompt_token_count: 7, generation_token_count: 1, stop_reason: null },
      { generation: 'lo.', prompt_token_count: null, generation_token_count: 2, stop_reason: null },
      { generation: '', prompt_token_count: null, generation_token_count: 3, stop_reason: 'stop', ...METRICS },
    );
    expect(facts).toMatchObject({
      text: 'Hello.',
      usage: { input_uncached: 7, output: 3 },
      usage_state: 'final',
      stop_reason: { raw: 'stop', canonical: 'stop' },
      complete: true,
    });
    expect(rebuilt).toMatchObject({ generation: 'Hello.', generation_token_count: 3 });
  });

  test("trap 4: AWS's own counts stand in where the vendor has none, and never beside them", () => {
    const mistral = invoked(
      { outputs: [{ text: 'Hi.', stop_reason: null }] },
      { outputs: [{ text: '', stop_reason: 'stop' }], ...METRICS },
    );
    expect(mistral.facts).toMatchObject({
      text: 'Hi.',
      usage: { input_uncached: 9, output: 3, cache_read: 2 },
      usage_state: 'final',
    });
    const chat = { choices: [{ index: 0, delta: { content: 'Hi.' }, finish_reason: 'stop' }] };
    expect(
      invoked(chat, { choices: [], usage: { prompt_tokens: 4, completion_tokens: 6 }, ...METRICS }).facts,
    ).toMatchObject({
      text: 'Hi.',
      usage: { input_uncached: 4, output: 6, cache_read: 0 },
    });
  });

  test('a chunk that holds no JSON is flagged, and the rest is read', () => {
    const bytes = Buffer.concat([
      frame('chunk', { bytes: '!' }),
      frame('chunk', { bytes: Buffer.from('{"generation":"a"}').toString('base64') }),
    ]);
    const { facts } = read(bedrockInvoke, bytes, { 'content-type': FRAMES });
    expect(facts).toMatchObject({ text: 'a', usage_flags: ['unreadable_event'], complete: false });
  });
});

test.each([
  [{ 'x-amzn-errortype': 'ValidationException' }, { message: 'Bad.' }, 'ValidationException', 'Bad.'],
  [{}, { __type: 'com.amazon.coral#ValidationException', Message: 'Bad.' }, 'ValidationException', 'Bad.'],
  [{}, { Message: null }, null, null],
])('errors are named by header or body: %j %j', (headers, body, type, message) => {
  const { error } = whole(bedrockConverse, body, headers, 400);
  expect(error).toEqual({ where: 'http', type, code: null, message });
});

test('a count is no usage', () => {
  const facts = whole(bedrockCountTokens, { inputTokens: 77 });
  expect(facts).toMatchObject({ usage: null, usage_detail: { counted_input_tokens: 77 }, complete: true });
});

describe('requests', () => {
  function facts(protocol: Protocol, path: string, body: unknown, headers: [string, string][] = []): RequestFacts {
    const bytes = Buffer.from(JSON.stringify(body));
    return protocol.readRequest({ method: 'POST', path, query: '', headers: new Map(headers), body: bytes });
  }
  const PATH = '/bedrock/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse-stream';
  const user = (...content: unknown[]): unknown => ({ role: 'user', content });
  const HI = user({ text: 'hi' });
  const USE = { role: 'assistant', content: [{ toolUse: { toolUseId: 't1', name: 'f', input: {} } }] };
  const RESULT = { toolResult: { toolUseId: 't1', content: [{ text: 'no' }], status: 'error' } };

  test('Converse: model and stream of the path, system, first words, results', () => {
    const body = { system: [{ text: 'be' }, { text: 'brief' }], messages: [HI, USE, user(RESULT)] };
    expect(facts(bedrockConverse, PATH, body, [['session-id', 's-1']])).toMatchObject({
      model: 'arn:aws:bedrock:us-east-1:1:inference-profile/x',
      stream: true,
      client_session: 's-1',
      system_text: 'be\nbrief',
      first_user_text: 'hi',
      history: { messages: 3 },
      tool_results: [{ id: 't1', bytes: Buffer.byteLength('[{"text":"no"}]'), is_error: true }],
    });
  });

  test('a cache marker that moves and a thought that is left out change no history', () => {
    const marker = { cachePoint: { type: 'default' } };
    const thought = { reasoningContent: { reasoningText: { text: 'hm', signature: 'c2ln' } } };
    const history = (messages: unknown[]): unknown => facts(bedrockConverse, PATH, { messages }).history;
    const plain = history([HI, USE, user(RESULT)]);
    expect(plain).not.toBeNull();
    expect(history([HI, { ...USE, content: [thought, ...USE.content] }, user(RESULT, marker)])).toEqual(plain);
    expect(history([HI, USE, user({ ...RESULT, more: 1 })])).not.toEqual(plain);
  });

  test.each<[string, unknown, string, number | undefined]>([
    ['Claude', { anthropic_version: 'bedrock-2023-05-31', messages: [{ role: 'user', content: 'hi' }] }, 'hi', 1],
    ['Nova', { schemaVersion: 'messages-v1', messages: [HI] }, 'hi', 1],
    ["OpenAI's form", { messages: [{ role: 'user', content: 'hi' }] }, 'hi', 1],
    ['Llama', { prompt: 'hi' }, 'hi', undefined],
    ['Titan', { inputText: 'hi' }, 'hi', undefined],
    ['texts to embed', { texts: ['a', 'b'] }, 'a\nb', undefined],
  ])('InvokeModel of %s', (_, body, text, messages) => {
    const read = facts(bedrockInvoke, '/model/m%3A0/invoke', body);
    expect(read).toMatchObject({ model: 'm:0', stream: false, first_user_text: text });
    expect(read.history?.messages).toBe(messages);
  });
});

/** The readers' fuzz breaks check sums first: here the frames are sound, and what they hold is not. */
test.each([
  ['bedrock/converse-stream', bedrockConverse],
  ['bedrock/invoke-stream-anthropic', bedrockInvoke],
  ['bedrock/invoke-stream-nova', bedrockInvoke],
])('failure mode 27: damaged events in sound frames, %s: no throw, and the same in any chunking', (name, protocol) => {
  const payloads: [string, Buffer][] = [];
  const frames = new FrameReader(({ headers, payload }) => {
    const { bytes } = objectOf(parseJson(payload.toString()));
    const event = typeof bytes === 'string' ? Buffer.from(bytes, 'base64') : Buffer.from(payload);
    payloads.push([headers.get(':event-type') ?? '', event]);
  });
  frames.push(fixture(name).response);
  expect(payloads.length).toBeGreaterThan(5);
  for (let run = 0; run < 300; run++) {
    const dice = diceOf(20261129, run);
    const stream = payloads.map(([type, event]) => {
      const broken = dice.chance(0.4) ? damaged(event, dice) : event;
      const payload = protocol === bedrockInvoke ? JSON.stringify({ bytes: broken.toString('base64') }) : broken;
      return encodeFrame(
        [
          [':message-type', dice.chance(0.05) ? 'exception' : 'event'],
          [':event-type', type],
        ],
        Buffer.from(payload),
      );
    });
    const bytes = Buffer.concat(stream);
    const factsIn = (pieces: readonly Uint8Array[]): string => {
      const head = { status: 200, headers: new Map([['content-type', FRAMES]]) };
      const reader = protocol.openResponse(head, emptyRequestFacts());
      for (const piece of pieces) reader.push(piece);
      return JSON.stringify([reader.end('complete'), reader.rebuilt?.()]);
    };
    expect(factsIn(inPieces(bytes, dice)), `run ${run}`).toBe(factsIn([bytes]));
  }
});
