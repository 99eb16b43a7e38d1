import { describe, expect, test } from 'vitest';
import { anthropicCountTokens, anthropicMessages } from '../../src/protocols/anthropic-messages/protocol.ts';
import { gemini, geminiCountTokens, geminiEmbedContent } from '../../src/protocols/gemini/protocol.ts';
import { openaiChat } from '../../src/protocols/openai-chat/protocol.ts';
import { openaiEmbeddings } from '../../src/protocols/openai-embeddings/protocol.ts';
import {
  openaiResponses,
  openaiResponsesCompact,
  openaiResponsesInputTokens,
  openaiResponsesSide,
  openaiResponsesStored,
} from '../../src/protocols/openai-responses/protocol.ts';
import { readBody } from './read.ts';

const all = [
  openaiChat,
  openaiEmbeddings,
  openaiResponses,
  openaiResponsesCompact,
  openaiResponsesInputTokens,
  openaiResponsesStored,
  openaiResponsesSide,
  anthropicMessages,
  anthropicCountTokens,
  gemini,
  geminiCountTokens,
  geminiEmbedContent,
];

test('each API has its own name, and only what counts is not billed', () => {
  expect(new Set(all.map((protocol) => protocol.api)).size).toBe(all.length);
  const unbilled = all.filter((protocol) => !protocol.billable).map((protocol) => protocol.api);
  expect(unbilled.sort()).toEqual([
    'anthropic_count_tokens',
    'gemini_count_tokens',
    'openai_responses_input_tokens',
    'openai_responses_side',
  ]);
  expect(all.filter(({ billable }) => billable === 'late').map(({ api }) => api)).toEqual(['openai_responses_stored']);
});

describe('sessions', () => {
  const uuid = '01a20725-0000-7000-8000-000000000001';

  test.each([
    ['x-claude-code-session-id'],
    ['session-id'],
    ['thread-id'],
    ['session_id'],
    ['conversation_id'],
    ['x-session-id'],
    ['x-session-affinity'],
  ])('the header %s is read by every API', (name) => {
    for (const protocol of all) expect(readBody(protocol, {}, { headers: { [name]: uuid } }).client_session).toBe(uuid);
  });

  test("the client's own header goes before general ones and before the body", () => {
    const headers = { 'x-session-id': 'general', 'session-id': 'codex', 'x-claude-code-session-id': 'claude' };
    expect(
      readBody(anthropicMessages, { metadata: { user_id: '{"session_id":"body"}' } }, { headers }).client_session,
    ).toBe('claude');
    expect(
      readBody(openaiResponses, { prompt_cache_key: 'body' }, { headers: { 'session-id': 'codex' } }).client_session,
    ).toBe('codex');
  });

  test("Codex' turn metadata names the session where no header does", () => {
    const headers = { 'x-codex-turn-metadata': '{"session_id":"s","thread_id":"t"}' };
    expect(readBody(openaiResponses, {}, { headers }).client_session).toBe('s');
    expect(readBody(openaiResponses, {}, { headers: { 'x-codex-turn-metadata': '{broken' } }).client_session).toBe(
      null,
    );
  });

  test.each([
    [JSON.stringify({ device_id: 'd', account_uuid: '', session_id: uuid }), uuid],
    [`user_abc_account_${uuid.replace('1', '2')}_session_${uuid}`, uuid],
    ['u-77', null],
    ['{broken', null],
    ['{"session_id":7}', null],
    ['user_x_session_', null],
  ])('metadata.user_id %s', (userId, session) => {
    expect(readBody(anthropicMessages, { metadata: { user_id: userId } }).client_session).toBe(session);
  });

  test('what the bodies of OpenAI say', () => {
    expect(readBody(openaiResponses, { conversation: 'conv_1', prompt_cache_key: 'k' }).client_session).toBe('conv_1');
    expect(readBody(openaiResponses, { conversation: { id: 'conv_2' } }).client_session).toBe('conv_2');
    expect(readBody(openaiChat, { prompt_cache_key: 'k', user: 'u', safety_identifier: 's' }).client_session).toBe('k');
    expect(readBody(openaiChat, { user: 'u', safety_identifier: 's' }).client_session).toBe(null);
    expect(readBody(openaiResponses, { previous_response_id: 'resp_1' }).previous_response).toBe('resp_1');
  });

  test('parents and agents', () => {
    expect(
      readBody(openaiResponses, {}, { headers: { 'x-codex-parent-thread-id': 'p', 'x-openai-subagent': 'review' } }),
    ).toMatchObject({ parent_session: 'p', agent_id: 'review' });
    expect(
      readBody(
        anthropicMessages,
        {},
        { headers: { 'x-claude-code-agent-id': 'a', 'x-claude-code-parent-agent-id': 'p' } },
      ),
    ).toMatchObject({ parent_session: 'p', agent_id: 'a' });
  });

  test('a request id or a trace id is no session, nor is a value that is too long', () => {
    const headers = {
      'x-request-id': 'r',
      'x-client-request-id': 'c',
      traceparent: '00-1-2-01',
      'session-id': 'x'.repeat(257),
      'x-session-id': ' ',
    };
    expect(readBody(openaiChat, {}, { headers }).client_session).toBe(null);
  });
});

describe('what the fallback session is made of', () => {
  test('chat', () => {
    const facts = readBody(openaiChat, {
      model: 'm',
      stream: true,
      messages: [
        { role: 'system', content: 'Be short.' },
        { role: 'developer', content: [{ type: 'text', text: 'Be kind.' }] },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Hi' },
            { type: 'image_url', image_url: { url: 'x' } },
          ],
        },
        { role: 'user', content: 'later' },
      ],
    });
    expect(facts).toMatchObject({
      model: 'm',
      stream: true,
      system_text: 'Be short.\nBe kind.',
      first_user_text: 'Hi',
    });
  });

  test('messages, without the line in which Claude Code names its release', () => {
    const facts = readBody(anthropicMessages, {
      system: [
        { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.330; cc_entrypoint=cli;' },
        { type: 'text', text: 'Be short.' },
      ],
      messages: [{ role: 'user', content: 'Hi' }],
    });
    expect(facts).toMatchObject({ system_text: 'Be short.', first_user_text: 'Hi', stream: false });
  });

  test('responses', () => {
    expect(readBody(openaiResponses, { instructions: 'I', input: 'Hi' })).toMatchObject({
      system_text: 'I',
      first_user_text: 'Hi',
    });
    const input = [
      { role: 'developer', content: 'D' },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] },
    ];
    expect(readBody(openaiResponses, { instructions: 'I', input })).toMatchObject({
      system_text: 'I\nD',
      first_user_text: 'Hi',
    });
  });

  test('gemini', () => {
    const facts = readBody(gemini, {
      systemInstruction: { parts: [{ text: 'S' }] },
      contents: [{ parts: [{ text: 'Hi' }, { text: 'you' }] }],
    });
    expect(facts).toMatchObject({ system_text: 'S', first_user_text: 'Hi\nyou' });
  });

  test('huge texts are cut: the hash needs no more', () => {
    const facts = readBody(anthropicMessages, {
      system: 'x'.repeat(1_000_000),
      messages: [{ role: 'user', content: 'y'.repeat(1_000_000) }],
    });
    expect([facts.system_text.length, facts.first_user_text.length]).toEqual([16384, 16384]);
  });
});

describe("Gemini's path", () => {
  test.each([
    ['/v1beta/models/gemini-2.5-pro:streamGenerateContent', 'gemini-2.5-pro', true],
    ['/v1beta/models/gemini-2.5-pro%3AgenerateContent', 'gemini-2.5-pro', false],
    ['/v1/tunedModels/mine:generateContent', 'tunedModels/mine', false],
    ['/v1/projects/p/locations/eu/publishers/google/models/gemini-3:generateContent', 'gemini-3', false],
    ['/v1beta/models/a%2Fb%20c:generateContent', 'a/b c', false],
    ['/v1beta/models/%E0%A4%A:generateContent', '%E0%A4%A', false],
    ['/v1beta/models', null, false],
  ])('%s', (path, model, stream) => {
    expect(readBody(gemini, {}, { path })).toMatchObject({ model, stream });
  });
});

test('requests about a stored response are a session of their own, unless a header names one', () => {
  const path = '/v1/responses/resp_1/input_items';
  for (const protocol of [openaiResponsesStored, openaiResponsesSide]) {
    expect(readBody(protocol, '', { path }).client_session).toBe('resp_1');
    expect(readBody(protocol, '', { path, headers: { 'x-session-id': 's' } }).client_session).toBe('s');
  }
});

describe('results of tool calls', () => {
  test('chat: those after the last answer', () => {
    const messages = [
      { role: 'assistant', tool_calls: [{ id: 'old' }] },
      { role: 'tool', tool_call_id: 'old', content: 'x' },
      { role: 'assistant', tool_calls: [{ id: 'a' }, { id: 'b' }] },
      { role: 'tool', tool_call_id: 'a', content: 'né' },
      { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'z' }] },
    ];
    expect(readBody(openaiChat, { messages }).tool_results).toEqual([
      { id: 'a', bytes: 3, is_error: false },
      { id: 'b', bytes: '[{"type":"text","text":"z"}]'.length, is_error: false },
    ]);
  });

  test('messages: with their errors', () => {
    const messages = [
      { role: 'assistant', content: [{ type: 'tool_use', id: 't' }] },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 't', is_error: true, content: 'no' },
          { type: 'tool_result', tool_use_id: 'u' },
          { type: 'text', text: 'go on' },
        ],
      },
    ];
    expect(readBody(anthropicMessages, { messages }).tool_results).toEqual([
      { id: 't', bytes: 2, is_error: true },
      { id: 'u', bytes: 0, is_error: false },
    ]);
  });

  test('responses: parallel calls whose results stand between them', () => {
    const input = [
      { type: 'reasoning' },
      { type: 'function_call', call_id: 'old' },
      { type: 'function_call_output', call_id: 'old', output: 'x' },
      { type: 'reasoning' },
      { type: 'function_call', call_id: 'a' },
      { type: 'function_call_output', call_id: 'a', output: 'xy' },
      { type: 'custom_tool_call', call_id: 'b' },
      { type: 'custom_tool_call_output', call_id: 'b', output: 'xyz' },
    ];
    expect(readBody(openaiResponses, { input }).tool_results).toEqual([
      { id: 'a', bytes: 2, is_error: false },
      { id: 'b', bytes: 3, is_error: false },
    ]);
  });

  test('gemini: by id where there is one', () => {
    const contents = [
      { role: 'model', parts: [{ functionCall: { name: 'f' } }] },
      {
        role: 'user',
        parts: [
          { functionResponse: { name: 'f', response: { output: 1 } } },
          { functionResponse: { id: 'i', name: 'g', response: { error: 'no' } } },
        ],
      },
    ];
    expect(readBody(gemini, { contents }).tool_results).toEqual([
      { id: 'f', bytes: 12, is_error: false },
      { id: 'i', bytes: 14, is_error: true },
    ]);
  });

  test('their number is bounded', () => {
    const messages = Array.from({ length: 1000 }, (_, i) => ({ role: 'tool', tool_call_id: String(i), content: '' }));
    expect(readBody(openaiChat, { messages }).tool_results).toHaveLength(256);
  });
});

test.each([
  [''],
  ['{"model":'],
  ['[]'],
  ['null'],
  ['7'],
  ['{"model":7,"messages":{},"input":7,"contents":"x","system":7,"metadata":[]}'],
  ['{"messages":[null,7,{"role":"user"}],"input":[null,{"role":"user","content":[null,7]}]}'],
])('a body that is odd (%s) throws nothing', (body) => {
  for (const protocol of all) {
    expect(readBody(protocol, body)).toMatchObject({
      model: null,
      stream: false,
      client_session: null,
      tool_results: [],
    });
  }
});
