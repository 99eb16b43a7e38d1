import { describe, expect, test } from 'vitest';
import type { Api } from '../../../src/contract/api.ts';
import { decoded, fixture, fixtureNames, randomCuts, seeded } from '../../protocols/fixtures.ts';
import { guarded, wordRule } from './support.ts';

const APIS: [RegExp, Api][] = [
  [/^openai-chat\/|^sse-nasty\//, 'openai_chat'],
  [/^openai-responses\/input-tokens/, 'openai_responses_input_tokens'],
  [/^openai-responses\//, 'openai_responses'],
  [/^anthropic-messages\//, 'anthropic_messages'],
  [/^vertex-anthropic\//, 'google_raw_predict'],
  [/^gemini\//, 'gemini_generate_content'],
  [/^bedrock\/(?:converse-unary|error)/, 'bedrock_converse'],
  [/^bedrock\/invoke-unary|^embeddings\/bedrock/, 'bedrock_model_invoke'],
  [/^embeddings\/openai/, 'openai_embeddings'],
  [/^openai-media\/images/, 'openai_images'],
  [/^openai-media\/transcription/, 'openai_transcriptions'],
  [/^openai-completions\//, 'openai_text_completions'],
  [/^openai-media\/moderation/, 'openai_moderations'],
  [/^rerank\//, 'rerank'],
  [/^embeddings\/gemini/, 'gemini_embed_content'],
];

const cases = fixtureNames().flatMap((name) => {
  const api = APIS.find(([pattern]) => pattern.test(name))?.[1];
  return api === undefined ? [] : [{ name, api }];
});

test('the fixtures of every API are tried', () => {
  expect(cases.length).toBeGreaterThan(60);
});

describe.each(cases)('$name', ({ name, api }) => {
  test('without a find every byte comes out as it was, in any chunks', async () => {
    const { expected, response } = fixture(name);
    const headers = new Map(Object.entries(expected.response.headers));
    const bytes = Buffer.concat(await decoded(headers.get('content-encoding'), [response]));
    const random = seeded(11);
    const rules = [
      wordRule({ words: ['not in any of them'], failPolicy: 'fail_closed' }),
      wordRule({ name: 'reasoning', action: 'block', thinking: true, words: ['nor this'] }),
    ];
    for (const chunks of [[bytes], randomCuts(bytes, random), randomCuts(bytes, random)]) {
      const guard = guarded(api, chunks, {
        rules,
        contentType: headers.get('content-type'),
        known: [['NAME_00112233445566aa', 'nobody']],
        status: expected.response.status,
      });
      expect(guard.refused).toBeUndefined();
      expect(Buffer.from(guard.sent).equals(bytes)).toBe(true);
      expect(guard.kept).toBe(guard.sent);
      expect(guard.verdicts.map(({ action, error }) => [action, error])).toEqual([
        ['allow', null],
        ['allow', null],
      ]);
    }
  });
});
