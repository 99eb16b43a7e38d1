import { describe, expect, test } from 'vitest';
import type { History } from '../../src/contract/record.ts';
import { anthropicMessages } from '../../src/protocols/anthropic-messages/protocol.ts';
import { gemini } from '../../src/protocols/gemini/protocol.ts';
import { openaiChat } from '../../src/protocols/openai-chat/protocol.ts';
import { openaiEmbeddings } from '../../src/protocols/openai-embeddings/protocol.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/protocol.ts';
import type { Protocol } from '../../src/protocols/protocol.ts';
import { readBody } from './read.ts';

function historyIn(protocol: Protocol, body: unknown): History {
  const { history } = readBody(protocol, body);
  if (history === null) throw new Error('no conversation');
  return history;
}

/** A conversation of five messages in each API, and the member that holds it. */
const CONVERSATIONS: [string, Protocol, string, Record<string, unknown>[]][] = [
  [
    'chat',
    openaiChat,
    'messages',
    [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: null, tool_calls: [{ id: 'a', function: { name: 'read', arguments: '{"p":1}' } }] },
      { role: 'tool', tool_call_id: 'a', content: 'one' },
      { role: 'assistant', content: 'Done' },
      { role: 'user', content: [{ type: 'text', text: 'Thanks' }] },
    ],
  ],
  [
    'messages',
    anthropicMessages,
    'messages',
    [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'read', input: { p: 1 } }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'one' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'Done' }] },
      { role: 'user', content: 'Thanks' },
    ],
  ],
  [
    'responses',
    openaiResponses,
    'input',
    [
      { role: 'user', content: 'Hi' },
      { type: 'function_call', call_id: 'a', name: 'read', arguments: '{"p":1}' },
      { type: 'function_call_output', call_id: 'a', output: 'one' },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Done' }] },
      { role: 'user', content: 'Thanks' },
    ],
  ],
  [
    'gemini',
    gemini,
    'contents',
    [
      { role: 'user', parts: [{ text: 'Hi' }] },
      { role: 'model', parts: [{ functionCall: { name: 'read', args: { p: 1 } } }] },
      { role: 'user', parts: [{ functionResponse: { name: 'read', response: { output: 'one' } } }] },
      { role: 'model', parts: [{ text: 'Done' }] },
      { role: 'user', parts: [{ text: 'Thanks' }] },
    ],
  ],
];

describe.each(CONVERSATIONS)('%s', (_name, protocol, member, messages) => {
  const read = (of: unknown[]): History => historyIn(protocol, { [member]: of });
  const whole = read(messages);

  test('each beginning of a conversation has its link in all that extend it', () => {
    expect(whole.messages).toBe(5);
    expect(whole.chain).toHaveLength(5);
    for (let count = 1; count <= 5; count += 1) {
      expect(read(messages.slice(0, count))).toEqual({ messages: count, chain: whole.chain.slice(0, count) });
    }
  });

  test('a message that differs changes its own link and all after it', () => {
    const [first, ...rest] = messages;
    for (let at = 1; at < 5; at += 1) {
      const edited = JSON.parse(JSON.stringify(messages[at]).replace(/Done|Thanks|one|read/, 'other')) as unknown;
      const { chain } = read([first, ...rest.slice(0, at - 1), edited, ...rest.slice(at)]);
      expect(chain.slice(0, at)).toEqual(whole.chain.slice(0, at));
      for (let link = at; link < 5; link += 1) expect(chain[link], `link ${link}`).not.toBe(whole.chain[link]);
    }
  });

  test('the order of members and members that are null are not content', () => {
    const turned = messages.map((message) =>
      Object.fromEntries([['name', null], ...Object.entries(message).reverse()]),
    );
    expect(read(turned)).toEqual(whole);
  });

  test('the last 64 beginnings are kept', () => {
    const many = Array.from({ length: 300 }, (_, index) => ({ ...messages[0], turn: index }));
    const { messages: count, chain } = read(many);
    expect([count, chain.length]).toEqual([300, 64]);
    expect(read(many.slice(0, 280)).chain.at(-1)).toBe(chain.at(-21));
    expect(read(many.slice(0, 64)).chain).toHaveLength(64);
  });

  test('what is nested as deep as a body can be is read', () => {
    const text = JSON.stringify({ [member]: [{ role: 'user', content: '@' }] });
    const deep = text.replace('"@"', '['.repeat(100_000) + ']'.repeat(100_000));
    expect(historyIn(protocol, deep).messages).toBe(1);
  });
});

describe('what clients change between turns without saying anything else', () => {
  test('messages: cache markers, a text as a string or as a part, thoughts', () => {
    const first = historyIn(anthropicMessages, { messages: [{ role: 'user', content: 'Hi' }] });
    const marked = { type: 'text', text: 'Hi', cache_control: { type: 'ephemeral' } };
    expect(historyIn(anthropicMessages, { messages: [{ role: 'user', content: [marked] }] })).toEqual(first);
    const call = { type: 'tool_use', id: 't', name: 'Read', input: {} };
    const thought = { type: 'thinking', thinking: 'Hm', signature: 'abc' };
    const answers = [
      [call],
      [thought, call],
      [
        { ...thought, signature: 'def' },
        { ...call, cache_control: {} },
      ],
    ];
    const links = answers.map(
      (content) => historyIn(anthropicMessages, { messages: [{ role: 'assistant', content }] }).chain[0],
    );
    expect(new Set(links).size).toBe(1);
  });

  test('messages: the system prompt and the line that names the release', () => {
    const messages = [{ role: 'user', content: 'Hi' }];
    const system = [{ type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1.330; cc_entrypoint=cli;' }];
    expect(historyIn(anthropicMessages, { system, messages })).toEqual(historyIn(anthropicMessages, { messages }));
  });

  test('chat: the system prompt, thoughts sent back or not', () => {
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Yes' },
    ];
    const more = [{ role: 'system', content: 'S' }, messages[0], { ...messages[1], reasoning_content: 'Hm' }];
    expect(historyIn(openaiChat, { messages: more })).toEqual(historyIn(openaiChat, { messages }));
  });

  test('responses: reasoning items, ids and states that the server gave, a text as the whole input', () => {
    const said = historyIn(openaiResponses, { input: 'Hi' });
    const message = { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Hi' }] };
    expect(historyIn(openaiResponses, { input: [message] })).toEqual(said);
    const input = [
      message,
      { type: 'reasoning', id: 'rs_1', encrypted_content: 'x', summary: [] },
      { ...message, id: 'msg_1', status: 'completed', role: 'assistant' },
    ];
    const without = [message, { ...message, role: 'assistant' }];
    expect(historyIn(openaiResponses, { input })).toEqual(historyIn(openaiResponses, { input: without }));
  });

  test('gemini: thoughts and their signatures', () => {
    const call = { functionCall: { name: 'read', args: {} } };
    const signed = { ...call, thoughtSignature: 'abc' };
    const parts = [{ text: 'Hm', thought: true }, signed];
    expect(historyIn(gemini, { contents: [{ role: 'model', parts }] })).toEqual(
      historyIn(gemini, { contents: [{ role: 'model', parts: [call] }] }),
    );
  });
});

test('strings do not run into one another', () => {
  const links = [
    [
      { role: 'user', content: [{ type: 'text', text: 'a' }] },
      { role: 'user', content: [{ type: 'text', text: 'b' }] },
    ],
    [{ role: 'user', content: 'ab' }],
    [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
    ],
    [{ role: 'user', content: ['a', 'b'] }],
    [{ role: 'userc', ontent: 'ab' }],
  ].map((messages) => historyIn(openaiChat, { messages }).chain.at(-1));
  expect(new Set(links).size).toBe(5);
});

test('references to stored items are told apart by their ids', () => {
  const of = (id: string): History => historyIn(openaiResponses, { input: [{ type: 'item_reference', id }] });
  expect(of('a')).not.toEqual(of('b'));
});

test('a system message within a conversation is a part of it, and not of the system prompt', () => {
  const messages = [
    { role: 'system', content: 'S' },
    { role: 'user', content: 'Hi' },
    { role: 'system', content: 'Reminder' },
  ];
  const facts = readBody(openaiChat, { messages });
  expect(facts.system_text).toBe('S');
  expect(facts.history?.messages).toBe(2);
});

test.each([
  ['embeddings', openaiEmbeddings, { input: 'Hi' }],
  ['no body', openaiChat, ''],
  ['no messages', anthropicMessages, { messages: [] }],
  ['rubbish', gemini, { contents: 'x' }],
])('%s: no conversation, no history', (_name, protocol, body) => {
  expect(readBody(protocol, body).history).toBeNull();
});
