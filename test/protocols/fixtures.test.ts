import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { anthropicCountTokens, anthropicMessages } from '../../src/protocols/anthropic-messages/protocol.ts';
import { bedrockConverse, bedrockInvoke } from '../../src/protocols/bedrock/protocol.ts';
import { gemini, geminiCountTokens, geminiEmbedContent } from '../../src/protocols/gemini/protocol.ts';
import { openaiTextCompletions } from '../../src/protocols/openai-completions/protocol.ts';
import { openaiChat } from '../../src/protocols/openai-chat/protocol.ts';
import { openaiEmbeddings } from '../../src/protocols/openai-embeddings/protocol.ts';
import { openaiImages, openaiTranscriptions } from '../../src/protocols/openai-media/protocol.ts';
import { openaiModerations } from '../../src/protocols/openai-moderations/protocol.ts';
import {
  openaiResponses,
  openaiResponsesCompact,
  openaiResponsesInputTokens,
} from '../../src/protocols/openai-responses/protocol.ts';
import type { Protocol } from '../../src/protocols/protocol.ts';
import { rerank } from '../../src/protocols/rerank/protocol.ts';
import { vertexRawPredict } from '../../src/protocols/vertex/protocol.ts';
import { cases } from '../support/cases.ts';
import {
  cutAt,
  decoded,
  expectedWords,
  factsOf,
  fixture,
  fixtureNames,
  inExpectedWords,
  randomCuts,
  requestFacts,
  seeded,
  strides,
} from './fixtures.ts';
import type { Fixture } from './fixtures.ts';

/** Folders and cases without a reader yet, and why. A case that is neither here nor read fails the suite. */
const NOT_COVERED: Record<string, string> = {
  'gemini-interactions': 'the Interactions API has no reader yet',
  'openai-media/models-list': 'the gateway makes this list itself',
  'openai-realtime': 'WebSocket transcripts have no reader yet',
  'openai-responses-ws': 'WebSocket transcripts have no reader yet',
};

function protocolFor({ name, request }: Fixture): Protocol {
  const path = request.path.split('?')[0] ?? '';
  if (name.startsWith('gemini/') || path.includes(':embedContent')) {
    if (path.endsWith(':countTokens')) return geminiCountTokens;
    return path.endsWith('mbedContent') ? geminiEmbedContent : gemini;
  }
  if (path.endsWith('RawPredict')) return vertexRawPredict;
  const protocol = BY_PATH[path];
  if (protocol !== undefined) return protocol;
  if (path.startsWith('/model/')) return path.includes('/converse') ? bedrockConverse : bedrockInvoke;
  if (name.startsWith('anthropic-messages/')) return anthropicMessages;
  if (path.endsWith('/chat/completions')) return openaiChat;
  throw new Error(`no protocol for ${name} (${path})`);
}

const BY_PATH: Record<string, Protocol> = {
  '/v1/chat/completions': openaiChat,
  '/v1/completions': openaiTextCompletions,
  '/v1/embeddings': openaiEmbeddings,
  '/v1/images/generations': openaiImages,
  '/v1/audio/transcriptions': openaiTranscriptions,
  '/v1/messages': anthropicMessages,
  '/v1/messages/count_tokens': anthropicCountTokens,
  '/v1/moderations': openaiModerations,
  '/v1/rerank': rerank,
  '/v2/rerank': rerank,
  '/v1/responses': openaiResponses,
  '/v1/responses/compact': openaiResponsesCompact,
  '/v1/responses/input_tokens': openaiResponsesInputTokens,
};

const isCovered = (name: string): boolean =>
  !Object.hasOwn(NOT_COVERED, name) && !Object.hasOwn(NOT_COVERED, name.split('/')[0] ?? '');

const covered = fixtureNames().filter(isCovered);

/** Beyond it, single cuts at every offset would be quadratic work; strides have a boundary at every offset as well. */
const SINGLE_CUTS_UP_TO_BYTES = cases(16 * 1024);

test('the suite reads what it says it reads', () => {
  expect(covered.length).toBe(92);
  for (const name of Object.keys(NOT_COVERED)) expect(fixtureNames().some((each) => each.startsWith(name))).toBe(true);
});

describe.each(covered)('%s', (name) => {
  const each = fixture(name);
  const { expected, response } = each;
  const protocol = protocolFor(each);
  const request = requestFacts(protocol, each);
  const encoding = expected.response.headers['content-encoding'];
  const wanted = expectedWords(expected);

  async function read(chunks: Uint8Array[]): Promise<Record<string, unknown>> {
    const plain = encoding === undefined ? chunks : await decoded(encoding, chunks);
    return inExpectedWords(factsOf(protocol, each, request, plain), request, expected);
  }

  test('whole: every fact as expected', async () => {
    expect(createHash('sha256').update(response).digest('hex')).toBe(expected.response_sha256);
    const facts = await read([response]);
    if (Array.isArray(wanted['results'])) {
      // The fixture names part of each line's facts.
      expect(facts).toMatchObject(wanted);
    } else expect(facts).toEqual(wanted);
  });

  test('failure modes 17 and 18: a cut at every byte, single bytes and random cuts change nothing', async () => {
    const whole = JSON.stringify(await read([response]));
    const check = async (chunks: Uint8Array[], cut: string): Promise<void> => {
      const facts = JSON.stringify(await read(chunks));
      if (facts !== whole) expect(JSON.parse(facts), cut).toEqual(JSON.parse(whole));
    };
    if (response.length <= SINGLE_CUTS_UP_TO_BYTES) {
      for (let at = 0; at <= response.length; at++) await check(cutAt(response, [at]), `cut at ${at}`);
    } else {
      for (let first = 0; first < 61; first++) await check(strides(response, 61, first), `strides of 61 from ${first}`);
    }
    await check(strides(response, 1, 1), 'single bytes');
    await check(cutAt(response, expected.split_offsets ?? []), 'the offsets of the fixture');
    const random = seeded(20261101);
    for (let run = 0; run < 20; run++) await check(randomCuts(response, random), `random cuts, run ${run}`);
  });

  test('failure mode 28: cut short anywhere, it is read without a throw and nothing is negative', () => {
    if (encoding !== undefined) return;
    const random = seeded(7);
    for (let run = 0; run < 200; run++) {
      const end = Math.floor(random() * response.length);
      const facts = factsOf(protocol, each, request, [response.subarray(0, end)], 'cut');
      for (const count of Object.values(facts.usage ?? {})) expect(count).toBeGreaterThanOrEqual(0);
      if (facts.usage !== null && expected.usage === null) throw new Error(`usage from nothing, cut at ${end}`);
    }
  });
});
