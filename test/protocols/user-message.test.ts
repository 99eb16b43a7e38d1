import { describe, expect, test } from 'vitest';
import type { Api } from '../../src/contract/api.ts';
import { userMessageOf } from '../../src/protocols/user-message.ts';
import { fixture, fixtureNames } from './fixtures.ts';

describe('the newest message of a user', () => {
  test.each<[Api, unknown, string]>([
    [
      'openai_chat',
      {
        messages: [
          { role: 'user', content: 'first' },
          { role: 'assistant', content: 'x' },
          { role: 'user', content: 'last' },
        ],
      },
      'last',
    ],
    [
      'openai_chat',
      {
        messages: [
          { role: 'user', content: 'asked' },
          { role: 'assistant', tool_calls: [] },
          { role: 'tool', content: 'result' },
        ],
      },
      'asked',
    ],
    [
      'openai_chat',
      {
        messages: [
          { role: 'user', content: [{ type: 'text', text: 'a' }, { type: 'image_url' }, { type: 'text', text: 'b' }] },
        ],
      },
      'a\nb',
    ],
    ['openai_responses', { input: 'only' }, 'only'],
    [
      'openai_responses',
      {
        input: [
          { role: 'user', content: 'first' },
          { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'last' }] },
          { type: 'function_call_output', output: 'x' },
        ],
      },
      'last',
    ],
    ['openai_responses_compact', { input: [{ role: 'user', content: 'said' }] }, 'said'],
    [
      'anthropic_messages',
      {
        messages: [
          { role: 'user', content: 'asked' },
          { role: 'assistant', content: 'x' },
          { role: 'user', content: [{ type: 'tool_result', content: 'result' }] },
        ],
      },
      'asked',
    ],
    [
      'anthropic_messages',
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'tool_result', content: 'r' },
              { type: 'text', text: 'and this' },
            ],
          },
        ],
      },
      'and this',
    ],
    [
      'gemini_generate_content',
      {
        contents: [
          { role: 'user', parts: [{ text: 'asked' }] },
          { role: 'model', parts: [{ text: 'x' }] },
          { role: 'user', parts: [{ functionResponse: {} }] },
        ],
      },
      'asked',
    ],
    ['gemini_generate_content', { contents: [{ parts: [{ text: 'no role' }] }] }, 'no role'],
    [
      'gemini_count_tokens',
      { generateContentRequest: { contents: [{ role: 'user', parts: [{ text: 'inner' }] }] } },
      'inner',
    ],
    [
      'gemini_embed_content',
      { requests: [{ content: { parts: [{ text: 'one' }] } }, { content: { parts: [{ text: 'two' }] } }] },
      'two',
    ],
    ['openai_embeddings', { input: ['one', 'two'] }, 'two'],
    ['openai_embeddings', { input: [1, 2] }, ''],
    ['openai_text_completions', { prompt: 'one' }, 'one'],
    ['openai_text_completions', { prompt: ['one', 'two'] }, 'two'],
    ['openai_text_completions', { prompt: [1, 2] }, ''],
    ['openai_moderations', { input: ['one', 'two'] }, 'two'],
    [
      'openai_moderations',
      {
        input: [
          { type: 'text', text: 'one' },
          { type: 'image_url', image_url: {} },
        ],
      },
      'one',
    ],
    ['rerank', { query: 'which', documents: ['a'] }, 'which'],
  ])('%s %j', (api, body, message) => {
    expect(userMessageOf(api, body)).toBe(message);
  });

  test.each([undefined, null, 'text', [], {}, { messages: 'x' }, { messages: [null, 1], contents: [[]], input: {} }])(
    'is empty where there is none: %j',
    (body) => {
      for (const api of ['openai_chat', 'openai_responses', 'anthropic_messages', 'gemini_generate_content'] as const) {
        expect(userMessageOf(api, body)).toBe('');
      }
    },
  );

  test('in the fixtures, where the last message is the user’s', () => {
    const names = fixtureNames().filter(
      (name) => name.startsWith('openai-chat/') || name.startsWith('anthropic-messages/'),
    );
    let seen = 0;
    for (const name of names) {
      const body = fixture(name).request.body;
      const last = typeof body === 'object' && body !== null && 'messages' in body ? body.messages : [];
      const message: unknown = Array.isArray(last) ? last.at(-1) : undefined;
      if (typeof message !== 'object' || message === null || !('content' in message)) continue;
      if (typeof message.content !== 'string') continue;
      seen += 1;
      expect(userMessageOf(name.startsWith('openai') ? 'openai_chat' : 'anthropic_messages', body)).toBe(
        message.content,
      );
    }
    expect(seen).toBeGreaterThan(20);
  });
});
