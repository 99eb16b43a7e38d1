import { describe, expect, test } from 'vitest';
import { everyByte } from '../../protocols/chunks.ts';
import { read, sse } from './dialects.ts';
import { SECRET, guarded, splits, toolRule, wordRule } from './support.ts';

const delta = (value: unknown, index = 0, finish: string | null = null): unknown => ({
  choices: [{ index, delta: value, finish_reason: finish }],
});
const chat = (...values: unknown[]): Buffer => Buffer.from(sse([...values, '[DONE]']));

describe('texts that take turns', () => {
  test('choices are read apart', () => {
    const [a, b] = ['alice@exa', 'mple.com'];
    const body = chat(
      delta({ content: a }),
      delta({ content: b }, 1),
      delta({ content: b }),
      delta({ content: a }, 1),
      delta({}, 0, 'stop'),
      delta({}, 1, 'stop'),
    );
    const { sent, verdicts } = guarded('openai_chat', [body]);
    expect(sent).toBe(
      body
        .toString('utf8')
        .replace(a, '[redacted:word]')
        .replace(`"index":0,"delta":{"content":"${b}"}`, '"index":0,"delta":{"content":""}'),
    );
    expect(verdicts).toMatchObject([{ counts: { word: 1 } }]);
  });

  test('a call in between does not hide what follows', () => {
    const call = delta({ tool_calls: [{ index: 0, id: 'c', function: { name: 'f', arguments: '{}' } }] });
    const body = chat(delta({ content: 'alice@exa' }), call, delta({ content: 'mple.com' }), delta({}, 0, 'stop'));
    expect(
      read({ api: 'openai_chat', contentType: 'text/event-stream' }, guarded('openai_chat', [body]).sent),
    ).toMatchObject({
      text: '[redacted:word]',
      tool_calls: [{ id: 'c', name: 'f', arguments: '{}' }],
    });
  });

  test('reasoning that stops before its last word is judged holds the answer up for a sentence at most', () => {
    const words = Array.from({ length: 40 }, (_, i) => delta({ content: `sentence number ${i}, ` }));
    const body = chat(delta({ reasoning_content: 'so: alice' }), ...words);
    const { sent, sentBytesAfter } = guarded('openai_chat', everyByte(body));
    expect(sent).toBe(body.toString('utf8'));
    // About 256 characters of text are 13 events.
    const half = Math.floor(body.length / 2);
    expect(sentBytesAfter[half]).toBeGreaterThan(half / 2);
  });

  test('two calls at once', () => {
    const call = (index: number, text: string): unknown =>
      delta({ tool_calls: [{ index, function: { arguments: text } }] });
    const body = chat(
      delta({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f', arguments: '{"x":"alice@' } }] }),
      delta({ tool_calls: [{ index: 1, id: 'b', function: { name: 'g', arguments: '{"y":"al' } }] }),
      call(0, 'example.com"}'),
      call(1, 'ice@example.com"}'),
      delta({}, 0, 'tool_calls'),
    );
    const facts = read({ api: 'openai_chat', contentType: 'text/event-stream' }, guarded('openai_chat', [body]).sent);
    expect(facts.tool_calls.map((each) => each.arguments)).toEqual([
      '{"x":"[redacted:word]"}',
      '{"y":"[redacted:word]"}',
    ]);
  });

  test('Gemini gives every call the same index', () => {
    const call = (id: string): unknown =>
      delta({ tool_calls: [{ index: 0, id, function: { name: 'f', arguments: JSON.stringify({ to: SECRET }) } }] });
    const { sent } = guarded('openai_chat', [chat(call('a'), call('b'), delta({}, 0, 'tool_calls'))]);
    const facts = read({ api: 'openai_chat', contentType: 'text/event-stream' }, sent);
    expect(facts.tool_calls.map((each) => each.arguments)).toEqual([
      '{"to":"[redacted:word]"}',
      '{"to":"[redacted:word]"}',
    ]);
  });
});

describe('several rules', () => {
  test('where finds overlap, all that they cover goes', () => {
    const rules = [wordRule({ name: 'a', words: ['bcd'] }), wordRule({ name: 'b', words: ['cdefg'] })];
    for (const [one, two] of splits('abcdefgh')) {
      const { sent, verdicts } = guarded('openai_chat', [chat(delta({ content: one }), delta({ content: two }))], {
        rules,
      });
      expect(read({ api: 'openai_chat', contentType: 'text/event-stream' }, sent).text).toBe('a[redacted:word]h');
      expect(verdicts.map(({ counts }) => counts)).toEqual([{ word: 1 }, { word: 1 }]);
    }
  });

  test('a block is a block, whatever another rule makes of it', () => {
    const rules = [wordRule({ name: 'a' }), wordRule({ name: 'b', action: 'block', words: [`${SECRET} now`] })];
    for (const [one, two] of splits(`${SECRET} now`)) {
      const { sent, refused } = guarded('openai_chat', [chat(delta({ content: one }), delta({ content: two }))], {
        rules,
      });
      expect(refused).toMatchObject({ rule: 'b' });
      expect(sent).not.toContain('alice');
    }
  });

  test('what one rule redacts, another does not give back', () => {
    const rules = [wordRule({ name: 'a', action: 'tokenise' }), wordRule({ name: 'b', words: ['example.com now'] })];
    const { sent, kept } = guarded('openai_chat', [chat(delta({ content: `to ${SECRET} now` }))], { rules });
    expect(sent).not.toContain('example');
    expect(kept).toBe(sent);
  });
});

describe('server-sent events of any make', () => {
  const event = (text: string): string => `{"choices":[{"delta":{"content":"${text}"}}]}`;

  test.each([
    ['CRLF', `data: ${event('alice@')}\r\n\r\ndata:${event('example.com')}\r\n\r\n`],
    ['CR', `data: ${event('alice@')}\r\rdata: ${event('example.com')}\r\r`],
    ['a byte order mark', `\uFEFFdata: ${event('alice@')}\n\ndata: ${event('example.com')}\n\n`],
    [
      'an event name, an id',
      `event: x\nid: 1\ndata: ${event('alice@')}\n\ndata: ${event('example.com')}\nretry: 5\n\n`,
    ],
    ['comments', `: PROCESSING this\n\ndata: ${event('alice@')}\n\n: again that\n\ndata: ${event('example.com')}\n\n`],
  ])('%s', (_, body) => {
    const expected = body.replace('alice@', '[redacted:word]').replace('example.com', '');
    expect(guarded('openai_chat', everyByte(Buffer.from(body))).sent).toBe(expected);
    expect(guarded('openai_chat', [Buffer.from(body)]).sent).toBe(expected);
  });

  test('data over several lines', () => {
    const body = `data: {"choices":\ndata: [{"delta":\ndata:{"content":"to ${SECRET}"}}]}\n\n`;
    expect(guarded('openai_chat', [Buffer.from(body)]).sent).toBe(body.replace(SECRET, '[redacted:word]'));
  });

  test('comments and fields that nobody knows carry nothing', () => {
    const body = `: mail ${SECRET}\nevent: ${SECRET}\nfoo: ${SECRET}\n${SECRET}\ndata: {}\n\n`;
    const { sent } = guarded('openai_chat', [Buffer.from(body)]);
    expect(sent).toBe(body.replaceAll(SECRET, '[redacted:word]'));
  });

  test('escapes and the other half of a surrogate pair do not matter', () => {
    const body = `data: ${event('\\u0061lice\\u0040exam')}\n\ndata: ${event('ple.com \\ud83d')}\n\ndata: ${event('\\ude00 é')}\n\n`;
    const { sent } = guarded('openai_chat', [Buffer.from(body)]);
    expect(sent).toBe(
      `data: ${event('[redacted:word]')}\n\ndata: ${event(' \\ud83d')}\n\ndata: ${event('\\ude00 é')}\n\n`,
    );
  });
});

describe('what we do not know', () => {
  test('events and members of any name', () => {
    const events = [
      { type: 'response.new_thing', note: `see ${SECRET}`, deep: [{ more: { still: SECRET } }] },
      { type: 'x', id: SECRET, name: `a ${SECRET}`, data: SECRET, signatures: [SECRET] },
    ];
    const { sent } = guarded('openai_responses', [Buffer.from(sse(events))]);
    expect(sent).toBe(sse(events).replaceAll(SECRET, '[redacted:word]'));
  });

  test('deltas of any name, in pieces', () => {
    const chunks = [
      delta({ thought_text: 'see ali' }),
      delta({ thought_text: 'ce@' }),
      delta({ thought_text: 'example.com' }),
    ];
    expect(guarded('openai_chat', [chat(...chunks)]).sent).toBe(
      chat(
        delta({ thought_text: 'see [redacted:word]' }),
        delta({ thought_text: '' }),
        delta({ thought_text: '' }),
      ).toString(),
    );
    const event = (more: string): unknown => ({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'new_delta', more },
    });
    expect(guarded('anthropic_messages', [Buffer.from(sse([event('al'), event('ice@example.com')]))]).sent).toBe(
      sse([event('[redacted:word]'), event('')]),
    );
  });

  test('ids, words of the protocol, signatures and base64 stay', () => {
    const base64 = Buffer.from(`${SECRET} `.repeat(40)).toString('base64');
    const words = ['stop', 'chatcmpl-1', 'gpt-5-mini', base64.slice(8, 24)];
    const event = {
      id: 'chatcmpl-1',
      model: 'gpt-5-mini',
      choices: [{ delta: {}, finish_reason: 'stop' }],
      signature: base64,
      data: base64,
    };
    const rules = [wordRule({ words })];
    expect(guarded('openai_chat', [Buffer.from(sse([event]))], { rules }).sent).toBe(sse([event]));
  });

  test('a text that comes with every event is read once', () => {
    const event = { choices: [{ delta: {} }], note: `about ${SECRET}` };
    const { sent, verdicts } = guarded('openai_chat', [Buffer.from(sse([event, event, event]))]);
    expect(sent).not.toContain(SECRET);
    expect(verdicts).toMatchObject([{ counts: { word: 1 } }]);
  });
});

describe('odds of tokens', () => {
  test('say what the text says', () => {
    const token = (text: string): unknown => ({
      token: text,
      logprob: -0.1,
      bytes: [...Buffer.from(text)],
      top_logprobs: [{ token: text, logprob: -0.1, bytes: [...Buffer.from(text)] }],
    });
    const event = (text: string): unknown => ({
      choices: [{ index: 0, delta: { content: text }, logprobs: { content: [token(text)] } }],
    });
    const { sent, verdicts } = guarded('openai_chat', [chat(event('to '), event('alice@'), event('example.com'))]);
    expect(sent).toContain(JSON.stringify(event('to ')));
    expect(sent).not.toContain('alice');
    expect(sent).not.toContain('example');
    expect(sent).not.toContain(JSON.stringify([...Buffer.from('example.com')]));
    expect(verdicts).toMatchObject([{ counts: { word: 1 }, scanned_chars: 'to '.length + SECRET.length }]);
  });
});

describe('odds of tokens in the older completions', () => {
  const event = (text: string): unknown => ({
    id: 'cmpl-1',
    choices: [
      {
        text,
        index: 0,
        logprobs: {
          tokens: [text],
          token_logprobs: [-0.1],
          top_logprobs: [{ [text]: -0.1, other: -3 }],
          text_offset: [0],
        },
        finish_reason: null,
      },
    ],
  });

  test('say what the text says, also as keys', () => {
    const bytes = Buffer.from(sse([event('to '), event('alice@'), event('example.com'), '[DONE]']));
    const { sent, verdicts } = guarded('openai_text_completions', [bytes]);
    expect(sent).toContain(JSON.stringify(event('to ')));
    expect(sent).toContain('[redacted:word]');
    expect(sent).not.toMatch(/alice|example/);
    expect(verdicts).toMatchObject([
      { counts: { word: 1 }, scanned: ['assistant'], scanned_chars: 'to '.length + SECRET.length },
    ]);
  });

  test('a word that stands in a key alone is found there', () => {
    const odds = { tokens: ['a'], top_logprobs: [{ a: -1, [SECRET]: -2 }] };
    const body = JSON.stringify({ choices: [{ text: 'a', index: 0, logprobs: odds, finish_reason: 'stop' }] });
    const { sent } = guarded('openai_text_completions', [Buffer.from(body)], { contentType: 'application/json' });
    expect(sent).toBe(body.replace(SECRET, '[redacted:word]'));
  });
});

describe('reasoning', () => {
  const thinking = [
    { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'mail to alice@' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'example.com' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'EqQBCg==' } },
    { type: 'content_block_stop', index: 0 },
    { type: 'message_stop' },
  ];
  const body = Buffer.from(sse(thinking, true));

  test('that is signed stays as it is, and is not read', () => {
    const rules = [wordRule({ failPolicy: 'fail_closed' }), wordRule({ name: 'b', action: 'block' })];
    const known: [string, string][] = [[SECRET, 'a value']];
    const { sent, refused, verdicts } = guarded('anthropic_messages', [body], { rules, known });
    expect([sent, refused]).toEqual([body.toString('utf8'), undefined]);
    expect(verdicts).toMatchObject([{ scanned_chars: 0 }, { scanned_chars: 0 }]);
  });

  test('is read where a rule says so', () => {
    const flag = guarded('anthropic_messages', [body], { rules: [wordRule({ action: 'flag', thinking: true })] });
    expect(flag.sent).toBe(body.toString('utf8'));
    expect(flag.verdicts).toMatchObject([{ action: 'flag', counts: { word: 1 }, scanned: ['thinking'] }]);
    const block = guarded('anthropic_messages', [body], { rules: [wordRule({ action: 'block', thinking: true })] });
    expect(block.refused).toMatchObject({ code: 'guardrail_blocked' });
    expect(block.sent).not.toContain('alice');
  });

  test('that nobody signed is text to a rule that replaces', () => {
    const events = chat(delta({ reasoning_content: 'mail alice@' }), delta({ reasoning_content: 'example.com' }));
    const { sent, verdicts } = guarded('openai_chat', [events]);
    expect(sent).toContain('mail [redacted:word]');
    expect(verdicts).toMatchObject([{ scanned: ['thinking'] }]);
    const block = guarded('openai_chat', [events], { rules: [wordRule({ action: 'block' })] });
    expect(block.refused).toBeUndefined();
  });

  test('whole messages keep their signed blocks too', () => {
    const message = {
      type: 'message',
      content: [
        { type: 'thinking', thinking: `mail ${SECRET}`, signature: 'EqQBCg==' },
        { type: 'redacted_thinking', data: 'EqQBCg==' },
        { type: 'text', text: SECRET },
      ],
    };
    const { sent } = guarded('anthropic_messages', [Buffer.from(JSON.stringify(message))], {
      contentType: 'application/json',
    });
    expect(JSON.parse(sent)).toEqual({
      ...message,
      content: [...message.content.slice(0, 2), { type: 'text', text: '[redacted:word]' }],
    });
  });

  test("Gemini's signed parts stay, the rest of a match goes; values for its calls are put back", () => {
    const part = (value: object): object => ({ candidates: [{ index: 0, content: { parts: [value] } }] });
    const events = [
      part({ text: 'to alice@' }),
      part({ text: 'example.com', thoughtSignature: 'AbCd' }),
      part({ functionCall: { name: 'f', args: { to: 'NAME_00112233445566aa' } }, thoughtSignature: 'EfGh' }),
    ];
    const known: [string, string][] = [['NAME_00112233445566aa', 'Zoë']];
    const body = sse(events);
    const { sent, verdicts } = guarded('gemini_generate_content', [Buffer.from(body)], { known });
    expect(sent).toBe(body.replace('alice@', '[redacted:word]').replace('NAME_00112233445566aa', 'Zoë'));
    expect(verdicts).toMatchObject([{ untouched: 1, counts: { word: 1 } }]);
    const rules = [wordRule({ failPolicy: 'fail_closed' })];
    const strict = guarded('gemini_generate_content', [Buffer.from(body)], { rules });
    expect(strict.refused).toMatchObject({ code: 'guardrail_unavailable' });
    expect(strict.sent).not.toContain('example.com');
  });
});

describe("the request's own words in a response", () => {
  const created = (instructions: string): string =>
    sse([
      { type: 'response.created', response: { object: 'response', instructions, output: [], text: { format: {} } } },
    ]);

  test('are nothing to a rule, and have their values back', () => {
    const { refused, sent, kept } = guarded(
      'openai_responses',
      [Buffer.from(created(`never say ${SECRET} to NAME_00112233445566aa`))],
      {
        rules: [wordRule({ action: 'block' })],
        known: [['NAME_00112233445566aa', 'Zoë']],
      },
    );
    expect(refused).toBeUndefined();
    expect(sent).toBe(created(`never say ${SECRET} to Zoë`));
    expect(kept).toContain('NAME_00112233445566aa');
  });

  test('in nothing but a response', () => {
    const body = sse([{ type: 'response.new', response: { instructions: SECRET, text: SECRET }, text: SECRET }]);
    expect(guarded('openai_responses', [Buffer.from(body)]).sent).not.toContain(SECRET);
  });
});

describe('a policy on tools', () => {
  const judge = (_: unknown, call: { name: string; arguments: string }): string | undefined =>
    call.name === 'delete_all' || call.arguments.includes('rm -rf') ? 'not allowed' : undefined;
  const call = (name: string, pieces: string[], index = 0): unknown[] => [
    delta({ tool_calls: [{ index, id: `c${index}`, function: { name, arguments: '' } }] }),
    ...pieces.map((text) => delta({ tool_calls: [{ index, function: { arguments: text } }] })),
  ];
  const rules = [toolRule()];

  test('holds a call until it is whole, and lets it go', () => {
    const body = chat(delta({ content: 'ok' }), ...call('ls', ['{"a":', '1}']), delta({}, 0, 'tool_calls'));
    const seen: string[] = [];
    const { sent, sentBytesAfter, verdicts } = guarded('openai_chat', everyByte(body), {
      rules,
      judge: (_, { name, arguments: text }) => {
        seen.push(`${name} ${text}`);
        return undefined;
      },
    });
    expect(seen).toEqual(['ls {"a":1}']);
    expect(sent).toBe(body.toString('utf8'));
    const firstOfCall = body.indexOf('data: ', body.indexOf('"ok"'));
    expect(sentBytesAfter[body.indexOf('"tool_calls"}') - 1]).toBe(firstOfCall);
    expect(verdicts).toMatchObject([{ action: 'allow', scanned: ['tool_call'], scanned_chars: 7 }]);
  });

  test('refuses the response with it, and nothing of the call goes out', () => {
    for (const [name, text] of [
      ['delete_all', '{}'],
      ['run_shell', '{"c":"rm -rf /"}'],
    ] as const) {
      const body = chat(
        delta({ content: 'ok' }),
        ...call('ls', ['{}']),
        ...call(name, [text], 1),
        delta({}, 0, 'tool_calls'),
      );
      const { sent, refused, verdicts } = guarded('openai_chat', everyByte(body), { rules, judge });
      expect(refused).toEqual({
        code: 'guardrail_blocked',
        rule: 'tools',
        side: 'response',
        status: 400,
        message: 'no such tool here',
      });
      expect(sent).toContain('ok');
      expect(sent).not.toContain(name);
      expect(verdicts).toMatchObject([{ action: 'block', counts: { [name]: 1 } }]);
    }
  });

  test('only notes it where it may not refuse', () => {
    const body = chat(...call('delete_all', ['{}']), delta({}, 0, 'tool_calls'));
    for (const rule of [toolRule({ action: 'flag' }), toolRule({ shadow: true })]) {
      const { sent, refused, verdicts } = guarded('openai_chat', everyByte(body), { rules: [rule], judge });
      expect([sent, refused]).toEqual([body.toString('utf8'), undefined]);
      expect(verdicts).toMatchObject([{ counts: { delete_all: 1 } }]);
    }
  });

  test('judges what the client gets', () => {
    const body = chat(...call('sh', ['{"c":"rm NAME_0011', '2233445566aa"}']), delta({}, 0, 'tool_calls'));
    const { refused } = guarded('openai_chat', [body], { rules, judge, known: [['NAME_00112233445566aa', '-rf']] });
    expect(refused).toMatchObject({ code: 'guardrail_blocked' });
  });

  test('in every API, streamed or not', () => {
    const item = { type: 'function_call', name: 'delete_all', call_id: 'c', arguments: '{}' };
    const block = { type: 'tool_use', id: 't', name: 'delete_all', input: {} };
    const parts = [{ functionCall: { name: 'delete_all', args: {} } }];
    const cases = [
      [
        'openai_responses',
        sse([
          { type: 'response.output_item.added', output_index: 0, item: { ...item, arguments: '' } },
          { type: 'response.output_item.done', output_index: 0, item },
        ]),
      ],
      ['openai_responses', JSON.stringify({ object: 'response', output: [item] })],
      [
        'anthropic_messages',
        sse([
          { type: 'content_block_start', index: 0, content_block: block },
          { type: 'content_block_stop', index: 0 },
        ]),
      ],
      ['anthropic_messages', JSON.stringify({ type: 'message', content: [block] })],
      ['gemini_generate_content', sse([{ candidates: [{ content: { parts } }] }])],
      ['gemini_generate_content', JSON.stringify({ candidates: [{ content: { parts } }] })],
      [
        'openai_chat',
        JSON.stringify({
          choices: [{ message: { tool_calls: [{ function: { name: 'delete_all', arguments: '{}' } }] } }],
        }),
      ],
      [
        'openai_chat',
        JSON.stringify({ choices: [{ message: { function_call: { name: 'delete_all', arguments: '{}' } } }] }),
      ],
    ] as const;
    for (const [api, body] of cases) {
      const contentType = body.startsWith('data') ? 'text/event-stream' : 'application/json';
      const { sent, refused } = guarded(api, [Buffer.from(body)], { contentType, rules, judge });
      expect(refused, `${api} ${body}`).toMatchObject({ code: 'guardrail_blocked', rule: 'tools' });
      expect(sent).toBe('');
    }
  });

  test('a call that was cut off is not judged, and its events stay behind', () => {
    const body = chat(delta({ content: 'ok' })).subarray(0, -'data: [DONE]\n\n'.length);
    const cut = Buffer.concat([body, Buffer.from(sse(call('ls', ['{"a":'])))]);
    const { sent, refused } = guarded('openai_chat', [cut], { rules, judge, how: 'cut' });
    expect([sent, refused]).toEqual([body.toString('utf8'), undefined]);
  });
});
