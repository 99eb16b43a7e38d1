import { describe, expect, test } from 'vitest';
import type { Api } from '../../../src/contract/api.ts';
import type { TextDetector } from '../../../src/guardrails/detector.ts';
import { apply, bodyOf, bytesOf, wordDetector } from './support.ts';

const WORD = 'tangerine';

/** One body for each API with the word in a place of its own, and what has to stand there then. */
const PLACES: [api: Api, what: string, body: string][] = [
  ['openai_chat', 'a message', '{ "model":"m","messages":[{"role":"user","content":"a @ b"}] , "n":1.0e0}'],
  [
    'openai_chat',
    'arguments',
    '{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{\\"a\\": \\"x @\\"}"}}]}]}',
  ],
  ['openai_chat', 'a tool', '{"tools":[{"type":"function","function":{"name":"f","description":"is @"}}]}'],
  ['openai_chat', 'an unknown member', '{"what":{"is":["\\u2603 @"]},"model":"m"}'],
  ['openai_responses', 'the input', '{"model":"m","input":"@"}'],
  [
    'openai_responses',
    'a result',
    '{"input":[{"type":"function_call_output","call_id":"c","output":"\\ttab @ \\ud83d\\ude00"}]}',
  ],
  ['openai_responses_compact', 'an item', '{"input":[{"role":"user","content":[{"type":"input_text","text":"@"}]}]}'],
  ['openai_embeddings', 'an input', '{"input":["a","é@ü"],"model":"m"}'],
  [
    'anthropic_messages',
    'the system prompt',
    '{"system":[{"type":"text","text":"@\\/","cache_control":{"type":"ephemeral"}}],"max_tokens":1}',
  ],
  [
    'anthropic_messages',
    'a call',
    '{"messages":[{"role":"assistant","content":[{"type":"tool_use","input":{"q":["@"]}}]}]}',
  ],
  [
    'anthropic_count_tokens',
    'a result',
    '{"messages":[{"role":"user","content":[{"type":"tool_result","content":"@"}]}]}',
  ],
  ['gemini_generate_content', 'a part', '{"contents":[{"parts":[{"text":"😀@😀"}]}]}'],
  [
    'gemini_count_tokens',
    'a call',
    '{"generateContentRequest":{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"a":"@"}}}]}]}}',
  ],
  ['gemini_embed_content', 'a content', '{"requests":[{"content":{"parts":[{"text":"@"}]}}]}'],
];

test.each(PLACES)('%s: what is found in %s is replaced there, and no other byte changes', async (api, _, template) => {
  const body = bytesOf(template.replace('@', WORD));
  const redacted = await apply(api, body, [WORD], 'redact');
  expect(redacted.text).toBe(template.replace('@', '[redacted:word]'));
  expect(redacted.verdict.counts).toEqual({ word: 1 });
  const tokenised = await apply(api, body, [WORD], 'tokenise');
  const [[placeholder, value] = ['', '']] = tokenised.placeholders;
  expect(placeholder).toMatch(/^WORD_[0-9a-f]{16}$/);
  expect(value).toBe(WORD);
  expect(tokenised.text).toBe(template.replace('@', placeholder));
  expect((await apply(api, body, [WORD], 'block')).blocked).toBe(true);
});

test('without a find, the body is the same and the verdict says what was read', async () => {
  const body = bodyOf({ messages: [{ role: 'user', content: 'hello there' }] });
  const { splices, verdict, blocked } = await apply('openai_chat', body, [WORD], 'redact');
  expect({ splices, blocked }).toEqual({ splices: [], blocked: false });
  expect(verdict).toMatchObject({ action: 'allow', scanned: ['user'], scanned_chars: 11, counts: {} });
});

test.each([
  [
    'escaped in the body',
    '{"messages":[{"role":"user","content":"a t\\u0061ngerin\\u0065 b"}]}',
    '{"messages":[{"role":"user","content":"a [redacted:word] b"}]}',
  ],
  [
    'escaped inside the arguments, which are JSON in a string',
    '{"input":[{"type":"function_call","arguments":"{\\"a\\": \\"\\\\n\\\\u0074angerin\\\\u0065\\\\n\\"}"}]}',
    '{"input":[{"type":"function_call","arguments":"{\\"a\\": \\"\\\\n[redacted:word]\\\\n\\"}"}]}',
  ],
  [
    'escaped twice: inside the arguments and around them',
    '{"input":[{"type":"function_call","arguments":"{\\u0022a\\u0022:\\u0022\\u005cu0074angerine\\u0022}"}]}',
    '{"input":[{"type":"function_call","arguments":"{\\u0022a\\u0022:\\u0022[redacted:word]\\u0022}"}]}',
  ],
  [
    'in JSON in a string in JSON in a string',
    JSON.stringify({
      input: [{ type: 'function_call', arguments: JSON.stringify({ cmd: JSON.stringify({ q: 'é tangerine "' }) }) }],
    }),
    JSON.stringify({
      input: [
        { type: 'function_call', arguments: JSON.stringify({ cmd: JSON.stringify({ q: 'é [redacted:word] "' }) }) },
      ],
    }),
  ],
  [
    'in arguments that are cut off, and no JSON',
    JSON.stringify({ input: [{ type: 'function_call', arguments: '{"a":"tangerine' }] }),
    JSON.stringify({ input: [{ type: 'function_call', arguments: '{"a":"[redacted:word]' }] }),
  ],
])('a value %s is found and replaced', async (_, before, after) => {
  const { text } = await apply('openai_responses', bytesOf(before), [WORD], 'redact');
  expect(text).toBe(after);
});

test('an escape before a value in arguments is not taken for a part of it', async () => {
  // As it stands there it reads `\ntangerine`: a rule for "ntangerine" must not see it, and one for the word must.
  const before = JSON.stringify({
    input: [{ type: 'function_call', arguments: JSON.stringify({ a: '\ntangerine' }) }],
  });
  expect((await apply('openai_responses', bytesOf(before), ['ntangerine'], 'redact')).splices).toEqual([]);
  const { text } = await apply('openai_responses', bytesOf(before), [WORD], 'redact');
  expect(JSON.parse(String(JSON.parse(text).input[0].arguments))).toEqual({ a: '\n[redacted:word]' });
});

test('a number in data is found, and becomes a string', async () => {
  const before =
    '{"messages":[{"role":"assistant","content":[{"type":"tool_use","input":{"card": 4111111111111111 , "n":7}}]}]}';
  const { text } = await apply('anthropic_messages', bytesOf(before), ['4111111111111111'], 'redact');
  expect(text).toBe(before.replace('4111111111111111', '"[redacted:word]"'));
  const args = JSON.stringify({
    messages: [{ role: 'assistant', tool_calls: [{ function: { arguments: '{"n":4111111111111111}' } }] }],
  });
  const inner = await apply('openai_chat', bytesOf(args), ['4111111111111111'], 'redact');
  expect(JSON.parse(String(JSON.parse(inner.text).messages[0].tool_calls[0].function.arguments))).toEqual({
    n: '[redacted:word]',
  });
});

describe('a find in a key', () => {
  const body = bodyOf({ messages: [{ role: 'assistant', content: [{ type: 'tool_use', input: { tangerine: 1 } }] }] });

  test('blocks where it should be replaced, and says why', async () => {
    for (const action of ['redact', 'tokenise'] as const) {
      const { blocked, splices, error } = await apply('anthropic_messages', body, [WORD], action);
      expect({ blocked, splices }).toEqual({ blocked: true, splices: [] });
      expect(error).toContain('key');
    }
  });

  test('in arguments too, and is only counted by a rule that flags or is in shadow', async () => {
    const chat = bodyOf({
      messages: [{ role: 'assistant', tool_calls: [{ function: { arguments: '{"tangerine":1}' } }] }],
    });
    expect((await apply('openai_chat', chat, [WORD], 'redact')).blocked).toBe(true);
    for (const more of [{ action: 'flag' as const }, { action: 'redact' as const, shadow: true }]) {
      const { blocked, error, verdict } = await apply('openai_chat', chat, [WORD], more.action, more);
      expect({ blocked, error, counts: verdict.counts }).toEqual({ blocked: false, error: null, counts: { word: 1 } });
    }
  });
});

test.each(['flag', 'redact', 'tokenise', 'block'] as const)(
  'in shadow, %s changes and refuses nothing',
  async (action) => {
    const body = bodyOf({ messages: [{ role: 'user', content: WORD }] });
    const outcome = await apply('openai_chat', body, [WORD], action, { shadow: true });
    expect(outcome).toMatchObject({ splices: [], blocked: false, placeholders: [] });
    expect(outcome.verdict).toMatchObject({ action, shadow: true, counts: { word: 1 } });
  },
);

describe('a signed block', () => {
  const body = bodyOf({
    contents: [
      { role: 'model', parts: [{ functionCall: { name: 'f', args: { q: `a ${WORD}` } }, thoughtSignature: 'CikB' }] },
      { role: 'user', parts: [{ text: WORD }] },
    ],
  });

  test('stays as it is, and what stays is counted', async () => {
    const { text, verdict } = await apply('gemini_generate_content', body, [WORD], 'redact');
    expect(JSON.parse(text)).toEqual({
      contents: [
        { role: 'model', parts: [{ functionCall: { name: 'f', args: { q: `a ${WORD}` } }, thoughtSignature: 'CikB' }] },
        { role: 'user', parts: [{ text: '[redacted:word]' }] },
      ],
    });
    expect(verdict).toMatchObject({ untouched: 1, counts: { word: 2 } });
  });

  test('is no way around a rule that blocks', async () => {
    const signedOnly = bodyOf({ contents: [JSON.parse(Buffer.from(body).toString('utf8')).contents[0]] });
    expect((await apply('gemini_generate_content', signedOnly, [WORD], 'block')).blocked).toBe(true);
  });
});

test('reasoning is read only by a rule that says so', async () => {
  const body = bodyOf({
    messages: [{ role: 'assistant', content: [{ type: 'thinking', thinking: WORD, signature: 'Eqq=' }] }],
  });
  const without = await apply('anthropic_messages', body, [WORD], 'block');
  expect(without.blocked).toBe(false);
  expect(without.verdict.scanned).toEqual([]);
  const asked = await apply('anthropic_messages', body, [WORD], 'block', { thinking: true });
  expect(asked.blocked).toBe(true);
  expect(asked.verdict.scanned).toEqual(['thinking']);
});

test('the key of a value in data is context for it', async () => {
  const seen: string[] = [];
  const detector: TextDetector = {
    find: (text, from) => {
      seen.push(`${text.slice(0, from)}|${text.slice(from)}`);
      return { matches: [], settled: text.length };
    },
  };
  const input = { taxId: '123456789', list_of: ['abc'] };
  const body = bodyOf({ messages: [{ role: 'assistant', content: [{ type: 'tool_use', input }] }] });
  await apply('anthropic_messages', body, [], 'flag', { detector });
  expect(seen).toEqual(['|taxId', 'tax Id taxId: |123456789', '|list_of', 'list of list_of: |abc']);
});

test('a long text is read in pieces, and finds across their borders are whole', async () => {
  const pieces: number[] = [];
  const words = wordDetector([WORD]);
  const detector: TextDetector = {
    find: (text, from, atEnd) => {
      pieces.push(text.length);
      return words.find(text, from, atEnd);
    },
  };
  // Borders fall into the words, as their distance is no divisor of any piece.
  const long = `${WORD}é`.repeat(40_000);
  const body = bodyOf({ messages: [{ role: 'user', content: long }] });
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 0);
  const { text, verdict } = await apply('openai_chat', body, [], 'redact', { detector });
  clearInterval(timer);
  expect(JSON.parse(text).messages[0].content).toBe('[redacted:word]é'.repeat(40_000));
  expect(verdict.counts).toEqual({ word: 40_000 });
  expect(verdict.scanned_chars).toBe(long.length);
  expect(Math.max(...pieces)).toBeLessThan(40_000);
  expect(turns, 'others have their turn meanwhile').toBeGreaterThan(0);
});
