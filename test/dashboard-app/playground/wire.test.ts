import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Dialect } from '../../../src/contract/api.ts';
import { answerTo } from '../../../src/contract/fault.ts';
import type { Fault } from '../../../src/contract/fault.ts';
import type { RuleId } from '../../../src/contract/ids.ts';
import { anthropicMessages } from '../../../src/dashboard/app/pages/playground/wire/anthropic.ts';
import { EventCutter } from '../../../src/dashboard/app/pages/playground/wire/events.ts';
import { gemini } from '../../../src/dashboard/app/pages/playground/wire/gemini.ts';
import { openAiChat } from '../../../src/dashboard/app/pages/playground/wire/openai-chat.ts';
import { openAiResponses } from '../../../src/dashboard/app/pages/playground/wire/openai-responses.ts';
import { faultOfAnswer } from '../../../src/dashboard/app/pages/playground/wire/wire.ts';
import type { Piece, Wire } from '../../../src/dashboard/app/pages/playground/wire/wire.ts';
import { faultEvent, shapeFault } from '../../../src/protocols/fault-shapes.ts';
import { fixture, fixtureNames } from '../../protocols/fixtures.ts';

const WIRES: Record<string, Wire> = {
  'openai-chat': openAiChat,
  'openai-responses': openAiResponses,
  'anthropic-messages': anthropicMessages,
  gemini,
};

function piecesOf(wire: Wire, stream: string, sizes: readonly number[] = [stream.length]): Piece[] {
  const events = new EventCutter();
  const pieces: Piece[] = [];
  let from = 0;
  for (let at = 0; from < stream.length; at += 1) {
    const size = sizes[at % sizes.length] ?? 1;
    for (const data of events.take(stream.slice(from, from + size))) pieces.push(...wire.read(parsed(data)));
    from += size;
  }
  return pieces;
}

function parsed(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    return undefined;
  }
}

const textOf = (pieces: readonly Piece[]): string =>
  pieces.map((piece) => (piece.kind === 'text' ? piece.text : '')).join('');

/** The fixtures tell refusals apart; here they are what was said. */
const REFUSALS: Record<string, string> = { 'openai-responses/stream-refusal': "I'm sorry, I can’t do that." };

const streams = fixtureNames()
  .filter((name) => (name.split('/')[0] ?? '') in WIRES)
  .map(fixture)
  .filter(
    ({ expected: { response_file, text } }) => response_file.endsWith('.sse') && text?.startsWith('sha256:') === false,
  );

describe('streams as providers send them', () => {
  test('there are some of each API', () => {
    expect(new Set(streams.map(({ name }) => name.split('/')[0]))).toEqual(new Set(Object.keys(WIRES)));
  });
  test.each(streams.map((each) => [each.name, each] as const))('%s: the text, however it is cut', (name, each) => {
    const wire = WIRES[name.split('/')[0] ?? ''] ?? openAiChat;
    const stream = each.response.toString('utf8');
    expect(textOf(piecesOf(wire, stream))).toBe((each.expected.text ?? '') + (REFUSALS[name] ?? ''));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }), (sizes) => {
        expect(piecesOf(wire, stream, sizes)).toEqual(piecesOf(wire, stream));
      }),
      { numRuns: 20 },
    );
  });
});

const FAULTS: readonly Fault[] = [
  { code: 'model_unknown', model: 'gpt-9' },
  { code: 'quota_exceeded', status: 429, buckets: ['daily:ada'], why: 'empty', retryAfterSeconds: 60 },
  {
    code: 'guardrail_blocked',
    rule: 'projects' as RuleId,
    side: 'request',
    status: 403,
    message: 'Project names must not leave',
  },
];

describe('the gateway’s own faults are known as such, in every API’s shape', () => {
  const dialects: readonly [Dialect, Wire][] = [
    ['openai', openAiChat],
    ['openai_responses', openAiResponses],
    ['anthropic', anthropicMessages],
    ['google', gemini],
  ];
  for (const fault of FAULTS) {
    const message = answerTo(fault).message.replace(/^gateway: /, '');
    test.each(dialects)(`${fault.code} in %s, as an answer and within a stream`, (dialect, wire) => {
      const { status, body } = shapeFault(dialect, fault, 'id');
      const said = faultOfAnswer(status, body);
      expect([said.by, said.message]).toEqual(['gateway', message]);
      const pieces = piecesOf(wire, String(faultEvent(dialect, fault, 'id')));
      expect(pieces).toEqual([{ kind: 'fault', fault: said }]);
    });
  }
});

test('a provider’s error is its own; what is no error in JSON is shown by its beginning', () => {
  expect(faultOfAnswer(429, '{"error":{"message":"slow down","type":"rate_limit_error","code":null}}')).toEqual({
    by: 'provider',
    code: 'rate_limit_error',
    message: 'slow down',
  });
  expect(faultOfAnswer(502, '<h1>Bad gateway</h1>').message).toBe('<h1>Bad gateway</h1>');
  expect(faultOfAnswer(503, '').message).toBe('It answered 503.');
  // As our own API says it.
  expect(faultOfAnswer(403, '{"error":"gateway: access denied: no role granted"}')).toEqual({
    by: 'gateway',
    code: '',
    message: 'access denied: no role granted',
  });
});

test('a question in each API: the system prompt, turns, and only the settings that were set', () => {
  const question = {
    model: 'm',
    system: 'Be brief.',
    said: [
      { by: 'user', text: 'a' },
      { by: 'model', text: 'b' },
      { by: 'user', text: 'c' },
    ] as const,
    temperature: 0,
    mostTokens: undefined,
  };
  const sent = (wire: Wire, isOpenAi = false): unknown => JSON.parse(JSON.stringify(wire.body(question, isOpenAi)));
  expect(sent(openAiChat)).toEqual({
    model: 'm',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'a' },
      { role: 'assistant', content: 'b' },
      { role: 'user', content: 'c' },
    ],
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  });
  expect(sent(anthropicMessages)).toMatchObject({ system: 'Be brief.', max_tokens: 4096, temperature: 0 });
  expect(sent(openAiResponses)).toMatchObject({ instructions: 'Be brief.', store: false, input: [{}, {}, {}] });
  expect(sent(gemini)).toMatchObject({
    contents: [
      { role: 'user', parts: [{ text: 'a' }] },
      { role: 'model', parts: [{ text: 'b' }] },
      { role: 'user', parts: [{ text: 'c' }] },
    ],
    systemInstruction: { parts: [{ text: 'Be brief.' }] },
  });
  const limited = { ...question, mostTokens: 7 };
  expect(openAiChat.body(limited, true)).toMatchObject({ max_completion_tokens: 7 });
  expect(openAiChat.body(limited, false)).toMatchObject({ max_tokens: 7 });
});
