import { describe, expect, test } from 'vitest';
import type { Api } from '../../../src/contract/api.ts';
import type { ParameterBounds, PromptSize } from '../../../src/contract/guardrail.ts';
import { judgeParameters } from '../../../src/guardrails/rules/parameters.ts';
import { judgePromptSize } from '../../../src/guardrails/rules/prompt-size.ts';
import { bodyOf, bytesOf } from './support.ts';

const COMMON = { sides: ['request' as const], shadow: false, message: '', statusCode: 403, action: 'block' as const };

function broken(bounds: ParameterBounds['bounds'], api: Api, body: unknown): string[] {
  return judgeParameters({ ...COMMON, kind: 'parameters', bounds }, api, bodyOf(body)).map(({ kind }) => kind);
}

describe('the limit of the output', () => {
  const max = { max_output_tokens: { max: 100 } };
  test.each<[Api, unknown, boolean]>([
    ['openai_chat', { max_tokens: 100 }, false],
    ['openai_chat', { max_tokens: 101 }, true],
    ['openai_chat', { max_completion_tokens: 101 }, true],
    ['openai_chat', { max_completion_tokens: 5, max_tokens: 101 }, true],
    ['openai_chat', { messages: [] }, true],
    ['openai_chat', { max_tokens: null }, true],
    ['openai_chat', { max_tokens: -1 }, true],
    ['openai_chat', { max_tokens: '7' }, true],
    ['openai_responses', { max_output_tokens: 100 }, false],
    ['openai_responses', { max_output_tokens: 101 }, true],
    ['openai_responses', { max_tokens: 5 }, true],
    ['anthropic_messages', { max_tokens: 99 }, false],
    ['anthropic_messages', { max_tokens: 1e3 }, true],
    ['gemini_generate_content', { generationConfig: { maxOutputTokens: 100 } }, false],
    ['gemini_generate_content', { generation_config: { max_output_tokens: 101 } }, true],
    ['bedrock_converse', { inferenceConfig: { maxTokens: 100 } }, false],
    ['bedrock_converse', { inferenceConfig: { maxTokens: 101 } }, true],
    ['bedrock_converse', {}, true],
    ['bedrock_model_invoke', { max_gen_len: 100 }, false],
    ['bedrock_model_invoke', { max_gen_len: 100, max_tokens: 101 }, true],
    ['gemini_generate_content', { contents: [] }, true],
    ['openai_embeddings', { input: 'a' }, false],
    ['anthropic_count_tokens', { messages: [] }, false],
    ['gemini_count_tokens', { contents: [] }, false],
  ])('%s %j', (api, body, isBroken) => {
    expect(broken(max, api, body)).toEqual(isBroken ? ['max_output_tokens'] : []);
  });

  test('an absent one breaks no other bound', () => {
    expect(broken({ max_output_tokens: { min: 5 } }, 'openai_chat', {})).toEqual([]);
    expect(broken({ max_output_tokens: { min: 5 } }, 'openai_chat', { max_tokens: 4 })).toEqual(['max_output_tokens']);
    expect(broken({ max_output_tokens: { forbidden: true } }, 'openai_chat', {})).toEqual([]);
    expect(broken({ max_output_tokens: { forbidden: true } }, 'openai_chat', { max_tokens: 4 })).toHaveLength(1);
    expect(broken({ max_output_tokens: { oneOf: [4] } }, 'openai_chat', { max_tokens: 4 })).toEqual([]);
    expect(broken({ max_output_tokens: { oneOf: [4] } }, 'openai_chat', { max_tokens: 5 })).toHaveLength(1);
  });
});

describe('other parameters', () => {
  test.each<[string, ParameterBounds['bounds'][string], unknown, boolean]>([
    ['temperature', { max: 1 }, { temperature: 1 }, false],
    ['temperature', { max: 1 }, { temperature: 1.01 }, true],
    ['temperature', { max: 1 }, {}, false],
    ['temperature', { max: 1 }, { temperature: null }, false],
    ['temperature', { max: 1 }, { temperature: '0.5' }, true],
    ['temperature', { max: 1 }, { Temperature: 2 }, true],
    ['top_k', { min: 2 }, { top_k: 1 }, true],
    ['generationConfig.topK', { max: 5 }, { generation_config: { top_k: 6 } }, true],
    ['generationConfig.topK', { max: 5 }, { generationConfig: { topK: 5, x: { topK: 9 } } }, false],
    ['reasoning.effort', { oneOf: ['low', 'medium'] }, { reasoning: { effort: 'high' } }, true],
    ['reasoning.effort', { oneOf: ['low', 'medium'] }, { reasoning: { effort: 'low' } }, false],
    ['store', { oneOf: [false] }, { store: true }, true],
    ['logit_bias', { forbidden: true }, { logit_bias: { '50256': -100 } }, true],
    ['logit_bias', { forbidden: true }, { logit_bias: null }, false],
    ['tools.cache', { forbidden: true }, { tools: [{}, { cache: 1 }] }, true],
  ])('%s within %j: %j', (name, bound, body, isBroken) => {
    expect(broken({ [name]: bound }, 'openai_chat', body)).toEqual(isBroken ? [name] : []);
  });
});

test('a number beyond all numbers is out of bounds', () => {
  const bounds: ParameterBounds['bounds'] = { temperature: { max: 1 } };
  const body = bytesOf('{"temperature":1e400}');
  expect(judgeParameters({ ...COMMON, kind: 'parameters', bounds }, 'openai_chat', body)).toHaveLength(1);
});

describe('the size of a prompt', () => {
  const size = (more: Partial<PromptSize>, api: Api, body: Uint8Array): string[] =>
    judgePromptSize(
      { ...COMMON, kind: 'prompt_size', maxBytes: undefined, maxMessages: undefined, ...more },
      api,
      body,
    ).map(({ kind }) => kind);

  test('in bytes of the body, to the byte', () => {
    const body = bodyOf({ messages: [{ role: 'user', content: 'é' }] });
    expect(size({ maxBytes: body.byteLength }, 'openai_chat', body)).toEqual([]);
    expect(size({ maxBytes: body.byteLength - 1 }, 'openai_chat', body)).toEqual(['max_bytes']);
  });

  test.each<[Api, unknown, number]>([
    ['openai_chat', { messages: [{}, {}, {}] }, 3],
    ['openai_responses', { input: 'text' }, 1],
    ['openai_responses', { input: [{}, {}] }, 2],
    ['anthropic_messages', { messages: [{ content: [{}, {}] }], system: 'x' }, 1],
    ['gemini_generate_content', { contents: [{}, {}] }, 2],
    ['gemini_count_tokens', { generate_content_request: { contents: [{}, {}] } }, 2],
    ['gemini_embed_content', { requests: [{ content: {} }, { content: {} }] }, 2],
    ['openai_embeddings', { input: ['a', 'b', 'c'] }, 3],
  ])('in messages: %s %j', (api, body, count) => {
    expect(size({ maxMessages: count }, api, bodyOf(body))).toEqual([]);
    expect(size({ maxMessages: count - 1 }, api, bodyOf(body))).toEqual(['max_messages']);
  });
});
