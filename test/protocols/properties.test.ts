import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { USAGE_KINDS } from '../../src/contract/usage.ts';
import { anthropicCountTokens, anthropicMessages } from '../../src/protocols/anthropic-messages/protocol.ts';
import { createDecoder } from '../../src/protocols/decode.ts';
import { gemini, geminiCountTokens, geminiEmbedContent } from '../../src/protocols/gemini/protocol.ts';
import { openaiChat } from '../../src/protocols/openai-chat/protocol.ts';
import { openaiEmbeddings } from '../../src/protocols/openai-embeddings/protocol.ts';
import { openaiResponses, openaiResponsesCompact } from '../../src/protocols/openai-responses/protocol.ts';
import type { ResponseFacts } from '../../src/contract/facts.ts';
import { cases } from '../support/cases.ts';
import { cutAt, fixture, fixtureNames } from './fixtures.ts';
import { readAnswer, readBody, sse } from './read.ts';

const SEED = 20261101;
const protocols = [
  openaiChat,
  openaiEmbeddings,
  openaiResponses,
  openaiResponsesCompact,
  anthropicMessages,
  anthropicCountTokens,
  gemini,
  geminiCountTokens,
  geminiEmbedContent,
];
const protocol = fc.constantFrom(...protocols);
const contentType = fc.constantFrom('text/event-stream', 'application/json', 'application/x-jsonl', 'text/plain', null);
const status = fc.constantFrom(200, 200, 200, 404, 529);
const how = fc.constantFrom('complete' as const, 'cut' as const);

function sound(facts: ResponseFacts): void {
  for (const kind of USAGE_KINDS) {
    const count = facts.usage?.[kind] ?? 0;
    expect(Number.isSafeInteger(count) && count >= 0, `${kind} ${count}`).toBe(true);
  }
  expect(facts.usage === null).toBe(facts.usage_state === 'absent');
  // Facts cross a thread: plain data only.
  structuredClone(facts);
}

/** Words of all the APIs, so that generated events get past the first look at them. */
const key = fc.constantFrom(
  'type',
  'index',
  'output_index',
  'content_index',
  'delta',
  'message',
  'response',
  'item',
  'part',
  'output',
  'content',
  'content_block',
  'usage',
  'usageMetadata',
  'choices',
  'candidates',
  'parts',
  'text',
  'error',
  'tool_calls',
  'function',
  'custom',
  'arguments',
  'name',
  'id',
  'finish_reason',
  'finishReason',
  'stop_reason',
  'status',
  'input_tokens',
  'output_tokens',
  'prompt_tokens',
  'completion_tokens',
  'promptTokenCount',
  'candidatesTokenCount',
  'thoughtsTokenCount',
  'cached_tokens',
  'prompt_tokens_details',
  'input_tokens_details',
  'cache_creation',
  'cache_creation_input_tokens',
  'ephemeral_1h_input_tokens',
  'ephemeral_5m_input_tokens',
  'iterations',
  'server_tool_use',
  'web_search_requests',
  'partial_json',
  'functionCall',
  'promptTokensDetails',
  'modality',
  'tokenCount',
  'logprobs',
  'audio',
  'cost',
  'data',
  'models',
  'details',
  'code',
  'x_groq',
  'tool_usage',
  '__proto__',
  'constructor',
  'completion_tokens_details',
  'reasoning_tokens',
  'output_tokens_details',
  'thinking_tokens',
  'total_tokens',
  'totalTokenCount',
  'audio_tokens',
);
const word = fc.constantFrom(
  'message_start',
  'message_delta',
  'message_stop',
  'content_block_start',
  'content_block_delta',
  'text_delta',
  'input_json_delta',
  'citations_delta',
  'error',
  'response.created',
  'response.completed',
  'response.failed',
  'response.output_item.added',
  'response.content_part.added',
  'response.output_text.delta',
  'tool_use',
  'text',
  'function_call',
  'message',
  'stop',
  'completed',
  'STOP',
  'AUDIO',
  'IMAGE',
  '',
  '__proto__',
  'succeeded',
);
const number = fc.oneof(
  fc.integer({ min: -5, max: 5 }),
  fc.constantFrom(1e300, -1e300, 0.5, 2 ** 53 + 2, 128, 100_000),
);
const { value: event } = fc.letrec((tie) => ({
  leaf: fc.oneof(word, number, fc.constantFrom(null, true, false), fc.string({ maxLength: 4 })),
  object: fc.dictionary(key, tie('value'), { maxKeys: 7 }),
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    tie('leaf'),
    tie('object'),
    fc.array(tie('value'), { maxLength: 4 }),
  ),
}));

describe('failure mode 27: no bytes of a provider throw', () => {
  test('random bytes', () => {
    fc.assert(
      fc.property(
        protocol,
        status,
        contentType,
        how,
        fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 6 }),
        (p, code, type, end, chunks) => {
          sound(readAnswer(p, { status: code, contentType: type, how: end, chunks }).facts);
        },
      ),
      { seed: SEED, numRuns: cases(3000) },
    );
  });

  test('random events in the words of the APIs, as events, an array and a body; in any split', () => {
    fc.assert(
      fc.property(
        protocol,
        status,
        how,
        fc.array(event, { maxLength: 8 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        (p, code, end, events, cuts) => {
          const bodies: [string, Buffer][] = [
            ['text/event-stream', sse(events)],
            ['application/json', Buffer.from(JSON.stringify(events))],
            ['application/json', Buffer.from(JSON.stringify(events[0] ?? {}))],
            ['application/x-jsonl', Buffer.from(events.map((each) => JSON.stringify(each)).join('\n'))],
          ];
          for (const [type, body] of bodies) {
            const answer = { status: code, contentType: type, how: end };
            const whole = readAnswer(p, { ...answer, chunks: [body] });
            sound(whole.facts);
            const at = cuts.map((cut) => cut % (body.length + 1));
            expect(readAnswer(p, { ...answer, chunks: cutAt(body, at) })).toEqual(whole);
          }
        },
      ),
      { seed: SEED, numRuns: cases(1500) },
    );
    expect(Object.getPrototypeOf({})).toBe(Object.prototype);
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test('fixtures with bytes changed, lost and doubled', () => {
    const whole = fixtureNames()
      .map(fixture)
      .filter(
        (each) => each.response.length < 8192 && each.expected.response.headers['content-encoding'] === undefined,
      );
    fc.assert(
      fc.property(
        protocol,
        fc.constantFrom(...whole),
        how,
        fc.array(fc.tuple(fc.nat(), fc.nat(255), fc.nat(2)), { minLength: 1, maxLength: 8 }),
        (p, each, end, damages) => {
          let bytes: Buffer = Buffer.from(each.response);
          for (const [where, byte, kind] of damages) {
            const at = where % bytes.length;
            if (kind === 0) bytes[at] = byte;
            else if (kind === 1) bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + byte)]);
            else bytes = Buffer.concat([bytes.subarray(0, at + byte), bytes.subarray(at)]);
            if (bytes.length === 0) return;
          }
          const contentType = each.expected.response.headers['content-type'] ?? null;
          sound(readAnswer(p, { contentType, how: end, chunks: [bytes] }).facts);
        },
      ),
      { seed: SEED, numRuns: cases(3000) },
    );
  });

  test('rubbish for decoders', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('gzip', 'deflate', 'br', 'zstd', 'gzip, br'),
        fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 5 }),
        fc.boolean(),
        async (encoding, chunks, magic) => {
          const made = createDecoder(encoding, { limitBytes: 1024 * 1024, onBytes: () => undefined });
          if (!made.ok) throw new Error('not made');
          if (magic) void made.value.push(Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd]));
          for (const chunk of chunks) void made.value.push(chunk);
          const outcome = await made.value.end();
          expect(outcome.ok || outcome.fault.code === 'body_encoding_invalid').toBe(true);
        },
      ),
      { seed: SEED, numRuns: cases(400) },
    );
  });
});

test('no request body throws', () => {
  fc.assert(
    fc.property(
      protocol,
      event,
      fc.dictionary(fc.constantFrom('session-id', 'x-codex-turn-metadata', 'x-session-id'), fc.string()),
      fc.string(),
      (p, body, headers, path) => {
        structuredClone(
          readBody(
            p,
            { messages: body, input: body, contents: body, system: body, metadata: body, instructions: body },
            { headers, path, query: path },
          ),
        );
      },
    ),
    { seed: SEED, numRuns: cases(1000) },
  );
});
