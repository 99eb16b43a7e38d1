import { describe, expect, test } from 'vitest';
import type { Api } from '../../../src/contract/api.ts';
import { everyByte } from '../../protocols/chunks.ts';
import { SECRET, guarded, knownPlaceholders, wordRule } from './support.ts';
import type { GuardOptions } from './support.ts';

const PLACEHOLDER = knownPlaceholders().of('word', SECRET);
const JSON_TYPE = 'application/json';

/** A whole response of each API, with the same words wherever it has texts. */
const BODIES: { name: string; api: Api; body: (text: string) => unknown; finds: number }[] = [
  {
    name: 'OpenAI chat',
    api: 'openai_chat',
    finds: 4,
    body: (text) => ({
      id: 'chatcmpl-1',
      choices: [
        {
          index: 0,
          finish_reason: 'tool_calls',
          message: {
            role: 'assistant',
            content: text,
            refusal: text,
            tool_calls: [
              { id: 'a', type: 'function', function: { name: 'send', arguments: JSON.stringify({ to: text }) } },
              { id: 'b', type: 'custom', custom: { name: 'say', input: text } },
            ],
          },
        },
      ],
    }),
  },
  {
    name: 'OpenAI Responses',
    api: 'openai_responses',
    finds: 3,
    body: (text) => ({
      id: 'resp_1',
      object: 'response',
      status: 'completed',
      output: [
        { type: 'reasoning', summary: [{ type: 'summary_text', text }], encrypted_content: 'abcd' },
        { type: 'message', content: [{ type: 'output_text', text, annotations: [] }] },
        { type: 'function_call', name: 'send', call_id: 'c', arguments: JSON.stringify({ to: [text] }) },
      ],
    }),
  },
  {
    name: 'Anthropic messages',
    api: 'anthropic_messages',
    finds: 4,
    body: (text) => ({
      id: 'msg_1',
      type: 'message',
      content: [
        { type: 'text', text, citations: [{ type: 'char_location', cited_text: text }] },
        { type: 'tool_use', id: 't', name: 'send', input: { to: { deep: [text] } } },
        { type: 'web_search_tool_result', content: [{ type: 'web_search_result', title: `${text}!` }] },
      ],
    }),
  },
  {
    name: 'Gemini',
    api: 'gemini_generate_content',
    finds: 4,
    body: (text) => ({
      candidates: [
        {
          index: 0,
          finishReason: 'STOP',
          content: {
            parts: [
              { text, thought: true },
              { text },
              { functionCall: { name: 'send', args: { to: text, [text]: 1 } } },
            ],
          },
        },
      ],
    }),
  },
  {
    name: 'Converse',
    api: 'bedrock_converse',
    finds: 4,
    body: (text) => ({
      output: {
        message: {
          role: 'assistant',
          content: [
            { text },
            { toolUse: { toolUseId: 't', name: 'send', input: { to: { deep: [text] } } } },
            { citationsContent: { content: [{ text }], citations: [{ sourceContent: [{ text: `${text}!` }] }] } },
          ],
        },
      },
      stopReason: 'tool_use',
      usage: { inputTokens: 1, outputTokens: 1, totalTokens: 2 },
    }),
  },
  {
    name: 'Claude on Bedrock',
    api: 'bedrock_model_invoke',
    finds: 2,
    body: (text) => ({
      type: 'message',
      content: [
        { type: 'text', text },
        { type: 'tool_use', id: 't', name: 'send', input: { to: text } },
      ],
    }),
  },
  {
    name: 'Llama on Bedrock',
    api: 'bedrock_model_invoke',
    finds: 1,
    body: (text) => ({ generation: text, prompt_token_count: 1, generation_token_count: 1, stop_reason: 'stop' }),
  },
  {
    name: 'an error',
    api: 'openai_chat',
    finds: 1,
    body: (text) => ({ error: { message: text, type: 'invalid_request_error', param: null, code: null } }),
  },
];

describe.each(BODIES)('a whole body: $name', ({ api, body, finds }) => {
  const text = `Ask "${SECRET}"\nnow`;
  const bytes = Buffer.from(JSON.stringify(body(text), null, 1));
  const guard = (options: GuardOptions) => guarded(api, everyByte(bytes), { contentType: JSON_TYPE, ...options });

  test('is redacted wherever it has text, and nowhere else', () => {
    const { kept, sent, verdicts, sentBytesAfter } = guard({ rules: [wordRule()] });
    expect(sent).toBe(JSON.stringify(body('Ask "[redacted:word]"\nnow'), null, 1));
    expect(kept).toBe(sent);
    expect(verdicts).toMatchObject([{ action: 'redact', counts: { word: finds } }]);
    expect(sentBytesAfter.at(-2)).toBe(0);
  });

  test('is tokenised for the journal only', () => {
    const { kept, sent } = guard({ rules: [wordRule({ action: 'tokenise' })] });
    expect(kept).toBe(JSON.stringify(body(`Ask "${PLACEHOLDER}"\nnow`), null, 1));
    expect(sent).toBe(bytes.toString('utf8'));
  });

  test('has its placeholders replaced', () => {
    const withPlaceholder = Buffer.from(JSON.stringify(body(`Ask ${PLACEHOLDER} now`)));
    const { kept, sent } = guarded(api, [withPlaceholder], {
      contentType: JSON_TYPE,
      rules: [],
      known: [[PLACEHOLDER, 'é"\n']],
    });
    expect(kept).toBe(withPlaceholder.toString('utf8'));
    expect(sent).toBe(JSON.stringify(body('Ask é"\n now')));
  });

  test('is blocked as a whole', () => {
    const { kept, sent, refused } = guard({ rules: [wordRule({ action: 'block' })] });
    expect([kept, sent]).toEqual(['', '']);
    expect(refused).toMatchObject({ code: 'guardrail_blocked', side: 'response' });
  });
});

test('a number in arguments becomes a string where it changes', () => {
  const card = '4111111111111111';
  const rules = [wordRule({ words: [card] })];
  const gemini = `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"pay","args":{"card":${card},"n":1}}}]}}]}`;
  expect(guarded('gemini_generate_content', [Buffer.from(gemini)], { contentType: JSON_TYPE, rules }).sent).toBe(
    gemini.replace(card, '"[redacted:word]"'),
  );
  const chat = JSON.stringify({
    choices: [{ message: { tool_calls: [{ function: { arguments: `{"n": ${card}}` } }] } }],
  });
  expect(guarded('openai_chat', [Buffer.from(chat)], { contentType: JSON_TYPE, rules }).sent).toBe(
    chat.replace(card, '\\"[redacted:word]\\"'),
  );
  const tokenised = guarded('openai_chat', [Buffer.from(chat)], {
    contentType: JSON_TYPE,
    rules: [wordRule({ words: [card], action: 'tokenise' })],
  });
  expect(tokenised.sent).toBe(chat);
  expect(tokenised.kept).not.toContain(card);
});

test('arguments that are no JSON are read as they are', () => {
  for (const text of [
    `to: ${SECRET}`,
    `{to: ${SECRET}}`,
    `{"to": send ${SECRET}`,
    `{"to": "${SECRET}`,
    `12x${SECRET}`,
  ]) {
    const body = JSON.stringify({ choices: [{ message: { tool_calls: [{ function: { arguments: text } }] } }] });
    const { sent } = guarded('openai_chat', [Buffer.from(body)], { contentType: JSON_TYPE });
    expect(sent, text).toBe(body.replace(SECRET, '[redacted:word]'));
  }
});

describe('bodies of other types', () => {
  test('a text is one text', () => {
    const { sent } = guarded('openai_chat', everyByte(Buffer.from(`to ${SECRET}, é\n`)), { contentType: 'text/plain' });
    expect(sent).toBe('to [redacted:word], é\n');
  });

  test('a stream is read as one, whatever its type says', () => {
    const body = `data: {"choices":[{"delta":{"content":"alice@exam"}}]}\n\ndata: {"choices":[{"delta":{"content":"ple.com"}}]}\n\n`;
    for (const contentType of ['text/plain', 'application/json', '', 'application/octet-stream']) {
      const { sent } = guarded('openai_chat', everyByte(Buffer.from(body)), { contentType });
      expect(sent, contentType).toBe(body.replace('alice@exam', '[redacted:word]').replace('ple.com', ''));
    }
  });

  test('lines of JSON are read one by one', () => {
    const line = (text: string): string =>
      JSON.stringify({
        custom_id: 'a',
        result: { type: 'succeeded', message: { type: 'message', content: [{ type: 'text', text }] } },
      });
    const body = `${line(SECRET)}\n${line('b')}\n${line(SECRET)}`;
    const { sent } = guarded('anthropic_messages', [Buffer.from(body)], { contentType: 'application/x-jsonl' });
    expect(sent).toBe(body.replaceAll(SECRET, '[redacted:word]'));
  });

  const audio = Buffer.from([0xff, 0xfb, 0x90, 0x00, 0x61]);

  test('what is no text passes, and the verdict says that it was not read', () => {
    const { sentBytesAfter, refused, verdicts } = guarded('openai_chat', [audio], { contentType: 'audio/mpeg' });
    expect(refused).toBeUndefined();
    expect(sentBytesAfter.at(-1)).toBe(audio.length);
    expect(verdicts).toMatchObject([{ action: 'error', scanned_chars: 0 }]);
    expect(verdicts[0]?.error).toContain('audio/mpeg');
  });

  test('unless the rule must see all', () => {
    const rules = [wordRule(), wordRule({ name: 'strict', failPolicy: 'fail_closed' })];
    const { sent, refused } = guarded('openai_chat', [audio], { contentType: 'audio/mpeg', rules });
    expect(sent).toBe('');
    expect(refused).toMatchObject({ code: 'guardrail_unavailable', rule: 'strict' });
  });

  test('numbers have no text', () => {
    const body = JSON.stringify({ data: [{ embedding: [1, 2] }], model: SECRET });
    const { sent, verdicts } = guarded('openai_embeddings', [Buffer.from(body)], {
      contentType: JSON_TYPE,
      rules: [wordRule({ action: 'block', failPolicy: 'fail_closed' })],
    });
    expect(sent).toBe(body);
    expect(verdicts).toMatchObject([{ action: 'allow', scanned_chars: 0, error: null }]);
  });

  test('an empty body is empty', () => {
    for (const contentType of ['application/json', '', 'audio/mpeg', 'text/event-stream']) {
      const rules = [wordRule({ failPolicy: 'fail_closed' })];
      const { sent, refused } = guarded('openai_chat', [], { contentType, rules });
      expect([sent, refused]).toEqual(['', undefined]);
    }
  });
});

describe('what is broken', () => {
  const good = 'data: {"choices":[{"delta":{"content":"hello"}}]}\n\n';
  const bad = 'data: {"choices":[{"delta":{"content":"hel\n\n';

  test('passes where the rule lets it, and the verdict says so', () => {
    const { sent, refused, verdicts } = guarded('openai_chat', [Buffer.from(good + bad + good)]);
    expect([sent, refused]).toEqual([good + bad + good, undefined]);
    expect(verdicts).toMatchObject([{ action: 'error', error: 'an event is no JSON' }]);
  });

  test('ends the stream where the rule must see all, after what came before', () => {
    const rules = [wordRule({ failPolicy: 'fail_closed' })];
    const { sent, refused } = guarded('openai_chat', [Buffer.from(good + bad + good)], { rules });
    expect(sent).toBe(good);
    expect(refused).toMatchObject({ code: 'guardrail_unavailable', rule: 'no-mail' });
  });

  test('carries nothing past the rules, as far as it can be read', () => {
    const body = `data: {"choices":[{"delta":{"content":"${SECRET}\n\n`;
    expect(guarded('openai_chat', [Buffer.from(body)]).sent).not.toContain(SECRET);
    const unary = `{"choices":[{"message":{"content":"${SECRET}`;
    const { sent } = guarded('openai_chat', [Buffer.from(unary)], { contentType: JSON_TYPE, how: 'cut' });
    expect(sent).toBe(unary.replace(SECRET, '[redacted:word]'));
  });

  test('an event that was cut off is left out, one that lacks its blank line is not', () => {
    const lacking = 'data: {"choices":[{"delta":{"content":"alice@home"}}]}';
    expect(guarded('openai_chat', [Buffer.from(good + bad.trim())], { how: 'cut' }).sent).toBe(good);
    expect(guarded('openai_chat', [Buffer.from(good + lacking)], { how: 'cut' }).sent).toBe(good + lacking);
    expect(guarded('openai_chat', [Buffer.from(good + lacking)]).sent).toBe(good + lacking);
  });

  test('an array of Gemini that is none', () => {
    const body = '[{"candidates":[]}\n,\r\n12]';
    const { sent, verdicts } = guarded('gemini_generate_content', everyByte(Buffer.from(body)), {
      contentType: JSON_TYPE,
    });
    expect(sent).toBe(body);
    expect(verdicts).toMatchObject([{ action: 'error' }]);
    const rules = [wordRule({ failPolicy: 'fail_closed' })];
    const strict = guarded('gemini_generate_content', [Buffer.from(body)], { contentType: JSON_TYPE, rules });
    expect(strict.refused).toMatchObject({ code: 'guardrail_unavailable' });
  });
});
