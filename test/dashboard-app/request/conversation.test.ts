import { describe, expect, test } from 'vitest';
import { MOST_TURNS } from '../../../src/dashboard/app/pages/request/conversation/model.ts';
import { readExchange } from '../../../src/dashboard/app/pages/request/conversation/read.ts';

const PNG = 'iVBORw0KGgo=';

test('OpenAI Chat: system, tools, a call and its result, an image, and the answer', () => {
  const { asked, answer } = readExchange(
    'openai_chat',
    {
      model: 'm',
      temperature: 0.2,
      messages: [
        { role: 'developer', content: 'Be brief.' },
        { role: 'user', content: 'one' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c1', function: { name: 'Read', arguments: '{"p":1}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'file' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'look' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
            { type: 'image_url', image_url: { url: 'https://elsewhere.example/a.png' } },
          ],
        },
      ],
      tools: [{ type: 'function', function: { name: 'Read', description: 'reads', parameters: { type: 'object' } } }],
    },
    { choices: [{ message: { role: 'assistant', content: 'ok', reasoning_content: 'hm' } }] },
  );
  expect(asked?.system).toEqual([{ role: 'system', name: '', blocks: [{ kind: 'text', text: 'Be brief.' }] }]);
  expect(asked?.tools).toEqual([{ name: 'Read', about: 'reads', schema: '{\n  "type": "object"\n}' }]);
  expect(asked?.settings).toEqual([['temperature', '0.2']]);
  expect(asked?.turns.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'user']);
  expect(asked?.newFrom).toBe(2);
  expect(asked?.turns[1]?.blocks).toEqual([{ kind: 'call', id: 'c1', name: 'Read', input: '{\n  "p": 1\n}' }]);
  expect(asked?.turns[2]?.blocks).toEqual([
    { kind: 'result', id: 'c1', failed: false, blocks: [{ kind: 'text', text: 'file' }] },
  ]);
  expect(asked?.turns[3]?.blocks).toEqual([
    { kind: 'text', text: 'look' },
    { kind: 'media', what: 'image', type: 'image/png', bytes: 8, from: '', image: `data:image/png;base64,${PNG}` },
    { kind: 'media', what: 'image', type: '', bytes: null, from: 'https://elsewhere.example/a.png', image: null },
  ]);
  expect(answer?.turns).toEqual([
    {
      role: 'assistant',
      name: '',
      blocks: [
        { kind: 'thinking', text: 'hm', sealed: false },
        { kind: 'text', text: 'ok' },
      ],
    },
  ]);
});

test('Anthropic: results in the user’s name are the tools’; sealed thinking says that it is', () => {
  const { asked, answer } = readExchange(
    'anthropic_messages',
    {
      system: [{ type: 'text', text: 'sys', cache_control: { type: 'ephemeral' } }],
      messages: [
        { role: 'user', content: 'go' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'Bash', input: { c: 'ls' } }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', is_error: true, content: 'no' }] },
      ],
    },
    {
      content: [
        { type: 'redacted_thinking', data: 'x' },
        { type: 'text', text: 'done' },
      ],
    },
  );
  expect(asked?.turns.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
  expect(asked?.newFrom).toBe(2);
  expect(asked?.turns[2]?.blocks).toEqual([
    { kind: 'result', id: 't', failed: true, blocks: [{ kind: 'text', text: 'no' }] },
  ]);
  expect(answer?.turns[0]?.blocks).toEqual([
    { kind: 'thinking', text: '', sealed: true },
    { kind: 'text', text: 'done' },
  ]);
});

test('OpenAI Responses: items of one side are one turn', () => {
  const { asked, answer } = readExchange(
    'openai_responses',
    {
      instructions: 'sys',
      previous_response_id: 'resp_1',
      input: [
        { role: 'user', content: [{ type: 'input_text', text: 'go' }] },
        { type: 'reasoning', summary: [], encrypted_content: 'x' },
        { type: 'function_call', call_id: 'c', name: 'shell', arguments: '{"a":1}' },
        { type: 'function_call_output', call_id: 'c', output: 'out' },
      ],
    },
    { output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'fine' }] }] },
  );
  expect(asked?.continues).toBe('resp_1');
  expect(asked?.turns.map(({ role, blocks }) => [role, blocks.map(({ kind }) => kind)])).toEqual([
    ['user', ['text']],
    ['assistant', ['thinking', 'call']],
    ['tool', ['result']],
  ]);
  expect(answer?.turns[0]?.blocks).toEqual([{ kind: 'text', text: 'fine' }]);
});

test('Gemini, in either case of letters', () => {
  const { asked, answer } = readExchange(
    'gemini_generate_content',
    {
      system_instruction: { parts: [{ text: 'sys' }] },
      contents: [
        { role: 'user', parts: [{ text: 'go' }, { inline_data: { mime_type: 'image/svg+xml', data: PNG } }] },
        { role: 'model', parts: [{ functionCall: { name: 'f', args: { a: 1 } } }] },
        { role: 'user', parts: [{ functionResponse: { name: 'f', response: { ok: true } } }] },
      ],
      tools: [{ functionDeclarations: [{ name: 'f', description: 'd', parameters: {} }] }],
      generationConfig: { temperature: 1 },
    },
    { candidates: [{ content: { role: 'model', parts: [{ text: 'x', thought: true }, { text: 'y' }] } }] },
  );
  // An SVG is a document: it is told, and never drawn.
  expect(asked?.turns[0]?.blocks[1]).toMatchObject({ kind: 'media', type: 'image/svg+xml', image: null });
  expect(asked?.turns.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool']);
  expect(asked?.settings).toEqual([['temperature', '1']]);
  expect(answer?.turns[0]?.blocks.map(({ kind }) => kind)).toEqual(['thinking', 'text']);
});

describe('what is hostile or broken', () => {
  test('a picture is drawn only where its data is nothing else', () => {
    const url = (address: string) => {
      const content = [{ type: 'image_url', image_url: { url: address } }];
      const block = readExchange('openai_chat', { messages: [{ role: 'user', content }] }, null).asked?.turns[0]
        ?.blocks[0];
      return block?.kind === 'media' ? block.image : undefined;
    };
    expect(url('javascript:alert(1)')).toBeNull();
    expect(url('data:text/html;base64,PHNjcmlwdD4=')).toBeNull();
    expect(url('data:image/svg+xml;base64,PHN2Zz4=')).toBeNull();
    expect(url('data:image/png;base64,"><script>')).toBeNull();
    expect(url(`data:image/png;base64,${PNG}`)).toBe(`data:image/png;base64,${PNG}`);
  });

  test('odd shapes are no conversation, and nothing throws', () => {
    for (const api of ['openai_chat', 'openai_responses', 'anthropic_messages', 'gemini_generate_content']) {
      for (const body of [null, undefined, 7, 'x', [], {}, { messages: 7, input: {}, contents: 'x' }]) {
        expect(readExchange(api, body, body)).toEqual({ asked: null, answer: null });
      }
      const odd = {
        messages: [null, 7, { role: 9, content: [null, 7, 'x', { type: {} }] }],
        contents: [{ parts: [null] }],
      };
      expect(() =>
        readExchange(api, odd, { choices: [{ message: 7 }], output: [7], content: {}, candidates: [{}] }),
      ).not.toThrow();
    }
    expect(readExchange('openai_embeddings', { input: 'x' }, {})).toEqual({ asked: null, answer: null });
  });

  test('results within results within results do not pile up', () => {
    let content: unknown = 'x';
    for (let depth = 0; depth < 10_000; depth += 1) content = [{ type: 'tool_result', tool_use_id: 't', content }];
    const { asked } = readExchange('anthropic_messages', { messages: [{ role: 'user', content }] }, null);
    expect(asked?.turns[0]?.blocks[0]).toMatchObject({ kind: 'result', blocks: [{ kind: 'other' }] });
  });

  test('of a million turns the last ones come', () => {
    const messages = Array.from({ length: 100_000 }, (_, at) => ({ role: 'user', content: String(at) }));
    const { asked } = readExchange('openai_chat', { messages }, null);
    expect(asked?.turns).toHaveLength(MOST_TURNS);
    expect(asked?.leftOut).toBe(100_000 - MOST_TURNS);
    expect(asked?.turns.at(-1)?.blocks).toEqual([{ kind: 'text', text: '99999' }]);
  });
});
