import { describe, expect, test } from 'vitest';
import { anthropicMessages } from '../../src/protocols/anthropic-messages/protocol.ts';
import { gemini, geminiEmbedContent } from '../../src/protocols/gemini/protocol.ts';
import { JsonItems } from '../../src/protocols/json-items.ts';
import { openaiChat } from '../../src/protocols/openai-chat/protocol.ts';
import { openaiEmbeddings } from '../../src/protocols/openai-embeddings/protocol.ts';
import { openaiResponses } from '../../src/protocols/openai-responses/protocol.ts';
import { UNARY_LIMIT_BYTES } from '../../src/protocols/reader.ts';
import { readAnswer, readStream, readUnary, sse } from './read.ts';

const delta = (part: unknown, finish: string | null = null): unknown => ({
  id: 'c1',
  model: 'm',
  choices: [{ index: 0, delta: part, finish_reason: finish }],
});
const tool = (index: number | undefined, id: string | undefined, name: string | undefined, args: string): object => ({
  tool_calls: [
    {
      ...(index === undefined ? {} : { index }),
      ...(id === undefined ? {} : { id }),
      function: { ...(name === undefined ? {} : { name }), arguments: args },
    },
  ],
});

describe('failure mode 19: tool calls come out whole', () => {
  test('chat: fragments by index, interleaved, with text beside them', () => {
    const facts = readStream(openaiChat, [
      delta({ content: 'Let me', ...tool(0, 'a', 'read', '') }),
      delta(tool(1, 'b', 'grep', '{"x"')),
      delta(tool(1, undefined, undefined, ':1')),
      delta(tool(0, undefined, undefined, '{}')),
      delta(tool(1, undefined, undefined, '}')),
      delta({}, 'tool_calls'),
    ]);
    expect(facts.text).toBe('Let me');
    expect(facts.tool_calls).toEqual([
      { id: 'a', name: 'read', arguments: '{}' },
      { id: 'b', name: 'grep', arguments: '{"x":1}' },
    ]);
    expect(facts.stop_reason).toEqual({ raw: 'tool_calls', canonical: 'tool_use' });
  });

  test('chat: servers without an index, and one that gives every call index 0', () => {
    const calls = [
      { id: 'a', name: 'read', arguments: '{"p":1}' },
      { id: 'b', name: 'grep', arguments: '{"q":2}' },
    ];
    for (const index of [undefined, 0]) {
      expect(
        readStream(openaiChat, [
          delta(tool(index, 'a', 'read', '{"p":')),
          delta(tool(index, undefined, undefined, '1}')),
          delta(tool(index, 'b', 'grep', '{"q"')),
          delta(tool(index, 'b', undefined, ':2}')),
        ]).tool_calls,
      ).toEqual(calls);
    }
  });

  test('chat: a name and an id that are repeated with every fragment are one name and one call', () => {
    const facts = readStream(openaiChat, [delta(tool(0, 'a', 'read', '{')), delta(tool(0, 'a', 'read', '}'))]);
    expect(facts.tool_calls).toEqual([{ id: 'a', name: 'read', arguments: '{}' }]);
  });

  test('chat: custom tools and the old function_call', () => {
    const custom = { tool_calls: [{ index: 0, id: 'x', type: 'custom', custom: { name: 'patch', input: '*** ' } }] };
    const more = { tool_calls: [{ index: 0, custom: { input: 'end' } }] };
    expect(readStream(openaiChat, [delta(custom), delta(more)]).tool_calls).toEqual([
      { id: 'x', name: 'patch', arguments: '*** end' },
    ]);
    const old = [
      delta({ function_call: { name: 'f', arguments: '{' } }),
      delta({ function_call: { arguments: '}' } }, 'function_call'),
    ];
    expect(readStream(openaiChat, old)).toMatchObject({
      tool_calls: [{ id: null, name: 'f', arguments: '{}' }],
      stop_reason: { canonical: 'tool_use' },
    });
  });

  test('messages: empty arguments are an empty object, server tools are not calls (failure mode 20)', () => {
    const start = (index: number, content_block: unknown): unknown => ({
      type: 'content_block_start',
      index,
      content_block,
    });
    const input = (index: number, partial_json: string): unknown => ({
      type: 'content_block_delta',
      index,
      delta: { type: 'input_json_delta', partial_json },
    });
    const { facts, rebuilt } = readAnswer(anthropicMessages, {
      chunks: [
        sse([
          { type: 'message_start', message: { id: 'm', role: 'assistant', content: [] } },
          start(0, { type: 'server_tool_use', id: 's', name: 'web_search', input: {} }),
          input(0, '{"query":"x"}'),
          start(1, { type: 'web_search_tool_result', tool_use_id: 's', content: [{ url: 'u' }] }),
          start(2, { type: 'tool_use', id: 't', name: 'now', input: {} }),
          input(2, ''),
          start(3, { type: 'tool_use', id: 'u', name: 'cut', input: {} }),
          input(3, '{"half":'),
        ]),
      ],
    });
    expect(facts.tool_calls).toEqual([
      { id: 't', name: 'now', arguments: '{}' },
      { id: 'u', name: 'cut', arguments: '{"half":' },
    ]);
    expect(rebuilt).toMatchObject({
      content: [
        { type: 'server_tool_use', input: { query: 'x' } },
        { type: 'web_search_tool_result', content: [{ url: 'u' }] },
        { type: 'tool_use', name: 'now', input: {} },
        { type: 'tool_use', name: 'cut', input: {} },
      ],
    });
  });

  test('responses: calls of a stream that was cut are built from their fragments', () => {
    const facts = readStream(
      openaiResponses,
      [
        { type: 'response.created', response: { id: 'r', model: 'm', status: 'in_progress', output: [], usage: null } },
        {
          type: 'response.output_item.added',
          output_index: 0,
          item: { type: 'custom_tool_call', call_id: 'c', name: 'patch', input: '' },
        },
        { type: 'response.custom_tool_call_input.delta', output_index: 0, delta: '*** be' },
        { type: 'response.custom_tool_call_input.delta', output_index: 0, delta: 'gin' },
        {
          type: 'response.output_item.added',
          output_index: 1,
          item: { type: 'function_call', call_id: 'd', name: 'ls', arguments: '' },
        },
        { type: 'response.function_call_arguments.delta', output_index: 1, delta: '{"a"' },
      ],
      { how: 'cut' },
    );
    expect(facts).toMatchObject({
      complete: false,
      terminator: null,
      stop_reason: null,
      response_id: 'r',
      model_served: 'm',
      usage_state: 'absent',
      tool_calls: [
        { id: 'c', name: 'patch', arguments: '*** begin' },
        { id: 'd', name: 'ls', arguments: '{"a"' },
      ],
    });
  });

  test('gemini: calls come whole, with or without an id, and make the stop a tool use', () => {
    const parts = [
      { text: 'hm', thought: true },
      { functionCall: { name: 'now' } },
      { functionCall: { id: 'i', name: 'at', args: { z: 1 } } },
    ];
    const facts = readStream(gemini, [{ candidates: [{ content: { parts }, finishReason: 'STOP' }] }]);
    expect(facts).toMatchObject({
      text: '',
      stop_reason: { raw: 'STOP', canonical: 'tool_use' },
      tool_calls: [
        { id: null, name: 'now', arguments: '{}' },
        { id: 'i', name: 'at', arguments: '{"z":1}' },
      ],
    });
  });
});

describe('failure mode 21: errors', () => {
  test.each([
    ['OpenAI', { error: { message: 'm', type: 't', param: null, code: 'c' } }, { type: 't', code: 'c', message: 'm' }],
    [
      'Anthropic',
      { type: 'error', error: { type: 'overloaded_error', message: 'm' } },
      { type: 'overloaded_error', code: null, message: 'm' },
    ],
    [
      'Google',
      { error: { code: 429, message: 'm', status: 'RESOURCE_EXHAUSTED' } },
      { type: 'RESOURCE_EXHAUSTED', code: 429, message: 'm' },
    ],
    [
      'Google, in an array',
      [{ error: { code: 500, message: 'm', status: 'INTERNAL' } }],
      { type: 'INTERNAL', code: 500, message: 'm' },
    ],
    ['AWS', { message: 'm' }, { type: null, code: null, message: 'm' }],
    ['AWS, old', { Message: 'm' }, { type: null, code: null, message: 'm' }],
    ['a string', { error: 'm' }, { type: null, code: null, message: 'm' }],
    ['a detail', { detail: 'm' }, { type: null, code: null, message: 'm' }],
    ['nothing known', { odd: true }, { type: null, code: null, message: null }],
    ['no JSON', '<html>502 Bad Gateway</html>', { type: null, code: null, message: null }],
    ['nothing', '', { type: null, code: null, message: null }],
  ])('an error status with the body of %s is read by every API', (_name, body, error) => {
    for (const protocol of [openaiChat, openaiResponses, openaiEmbeddings, anthropicMessages, gemini]) {
      for (const contentType of ['application/json', 'text/html', 'text/event-stream', null]) {
        expect(readUnary(protocol, body, { status: 503, contentType })).toMatchObject({
          error: { where: 'http', ...error },
          stop_reason: { raw: '', canonical: 'error' },
          usage: null,
          usage_state: 'absent',
          complete: true,
          text: '',
        });
      }
    }
    expect(readUnary(openaiChat, '{"error":', { status: 500, how: 'cut' })).toMatchObject({
      error: { where: 'http' },
      complete: false,
    });
  });

  test('an error in a 200 body, and in the middle of a stream, in any of their shapes', () => {
    const error = { error: { message: 'm', type: 't' } };
    for (const protocol of [
      openaiChat,
      openaiResponses,
      openaiEmbeddings,
      anthropicMessages,
      gemini,
      geminiEmbedContent,
    ]) {
      expect(readUnary(protocol, error)).toMatchObject({
        error: { where: 'body', type: 't', message: 'm' },
        stop_reason: { canonical: 'error' },
      });
    }
    for (const protocol of [openaiChat, openaiResponses, anthropicMessages, gemini]) {
      expect(readStream(protocol, [error])).toMatchObject({
        error: { where: 'stream', type: 't', message: 'm' },
        stop_reason: { raw: '', canonical: 'error' },
        complete: false,
        terminator: null,
      });
    }
    const flat = { type: 'error', code: 'server_error', message: 'm', param: null, sequence_number: 3 };
    expect(readStream(openaiResponses, [flat])).toMatchObject({
      error: { where: 'stream', type: null, code: 'server_error', message: 'm' },
    });
    expect(
      readUnary(openaiResponses, { status: 'failed', error: { code: 'server_error', message: 'm' } }),
    ).toMatchObject({
      error: { where: 'body', code: 'server_error' },
      stop_reason: { raw: 'failed', canonical: 'error' },
      complete: true,
    });
  });

  test('a long error message is cut', () => {
    expect(
      readUnary(openaiChat, { error: { message: 'x'.repeat(100_000) } }, { status: 400 }).error?.message,
    ).toHaveLength(4096);
  });
});

describe('the reader is chosen by the answer, not by the request', () => {
  const body = { id: 'c1', choices: [{ message: { content: 'Hi' }, finish_reason: 'stop' }] };

  test.each([
    ['application/json; charset=utf-8'],
    ['application/problem+json'],
    [null],
    ['text/plain'],
    ['application/octet-stream'],
  ])('JSON as %s', (contentType) => {
    expect(readUnary(openaiChat, `\r\n ${JSON.stringify(body)}`, { contentType })).toMatchObject({
      text: 'Hi',
      complete: true,
    });
  });

  test.each([['text/event-stream'], ['Text/Event-Stream;charset=UTF-8'], [null], ['text/plain']])(
    'events as %s',
    (contentType) => {
      const facts = readStream(openaiChat, [delta({ content: 'Hi' }), delta({}, 'stop'), '[DONE]'], { contentType });
      expect(facts).toMatchObject({ text: 'Hi', complete: true, terminator: '[DONE]' });
    },
  );

  test('a byte order mark before JSON is no error', () => {
    expect(readUnary(openaiChat, `\uFEFF${JSON.stringify(body)}`)).toMatchObject({ text: 'Hi' });
  });

  test('rubbish with a good status is a decode error; cut short it is only incomplete', () => {
    expect(readUnary(openaiChat, '{"id":')).toMatchObject({
      error: { where: 'decode', type: 'invalid_json' },
      complete: false,
    });
    expect(readUnary(openaiChat, '')).toMatchObject({ error: { where: 'decode', type: 'empty_body' } });
    expect(readUnary(openaiChat, '{"id":', { how: 'cut' })).toMatchObject({
      error: null,
      complete: false,
      usage_state: 'absent',
    });
  });

  test('one unreadable event is flagged and the others are read', () => {
    const facts = readStream(openaiChat, [
      delta({ content: 'a' }),
      '{"broken',
      '[1]',
      delta({ content: 'b' }, 'stop'),
      '[DONE]',
    ]);
    expect(facts).toMatchObject({ text: 'ab', complete: true, usage_flags: ['unreadable_event'] });
  });

  test('a body above the limit is not read, and says so', () => {
    const chunk = Buffer.alloc(1024 * 1024, ' ');
    const chunks = Array.from({ length: UNARY_LIMIT_BYTES / chunk.length + 1 }, () => chunk);
    const { facts } = readAnswer(openaiEmbeddings, { contentType: 'application/json', chunks });
    expect(facts).toMatchObject({
      usage: null,
      usage_state: 'absent',
      complete: true,
      error: null,
      usage_flags: ['body_over_limit'],
    });
  });
});

describe('stop reasons', () => {
  const chat = (finish: string, refusal: string | null = null): unknown =>
    readUnary(openaiChat, { choices: [{ message: { refusal }, finish_reason: finish }] }).stop_reason;
  const messages = (stop_reason: string): unknown => readUnary(anthropicMessages, { stop_reason }).stop_reason;
  const generate = (finishReason: string): unknown => readUnary(gemini, { candidates: [{ finishReason }] }).stop_reason;
  const responses = (status: string, reason: string | null = null): unknown =>
    readUnary(openaiResponses, { status, incomplete_details: { reason } }).stop_reason;

  test('as the table of the wire formats says', () => {
    const stops: [unknown, string, string | null][] = [
      [chat('stop'), 'stop', 'stop'],
      [chat('stop', 'no'), 'stop', 'refusal'],
      [chat('length'), 'length', 'length'],
      [chat('tool_calls'), 'tool_calls', 'tool_use'],
      [chat('content_filter'), 'content_filter', 'content_filter'],
      [messages('end_turn'), 'end_turn', 'stop'],
      [messages('stop_sequence'), 'stop_sequence', 'stop'],
      [messages('max_tokens'), 'max_tokens', 'length'],
      [messages('model_context_window_exceeded'), 'model_context_window_exceeded', 'length'],
      [messages('tool_use'), 'tool_use', 'tool_use'],
      [messages('refusal'), 'refusal', 'refusal'],
      [messages('pause_turn'), 'pause_turn', 'pause'],
      [generate('STOP'), 'STOP', 'stop'],
      [generate('MAX_TOKENS'), 'MAX_TOKENS', 'length'],
      [generate('SPII'), 'SPII', 'content_filter'],
      [generate('IMAGE_SAFETY'), 'IMAGE_SAFETY', 'content_filter'],
      [generate('CONTINUATION'), 'CONTINUATION', 'pause'],
      [generate('OTHER'), 'OTHER', 'error'],
      [responses('completed'), 'completed', 'stop'],
      [responses('cancelled'), 'cancelled', 'cancelled'],
      [responses('failed'), 'failed', 'error'],
      [responses('incomplete', 'content_filter'), 'incomplete:content_filter', 'content_filter'],
    ];
    for (const [stop, raw, canonical] of stops) expect(stop).toEqual({ raw, canonical });
  });

  test('an unknown one is kept as it is and is no error, also a name that every object has', () => {
    for (const raw of ['brand_new', 'constructor', '__proto__', 'toString']) {
      for (const stop of [chat(raw), messages(raw), generate(raw), responses(raw)])
        expect(stop).toEqual({ raw, canonical: null });
    }
    expect(responses('incomplete', 'constructor')).toEqual({ raw: 'incomplete:constructor', canonical: null });
  });
});

describe('failure mode 1: streamed and unstreamed, the same answer gives the same facts', () => {
  const usage = { prompt_tokens: 9, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 5 } };
  const head = { id: 'c1', created: 1, model: 'm-1', service_tier: 'flex', system_fingerprint: 'f' };

  test('chat', () => {
    const whole = {
      ...head,
      object: 'chat.completion',
      choices: [
        { index: 0, message: { role: 'assistant', content: 'ab', reasoning_content: 'why' }, finish_reason: 'stop' },
        {
          index: 1,
          message: {
            role: 'assistant',
            content: null,
            tool_calls: [{ id: 't', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }],
          },
          finish_reason: 'tool_calls',
        },
      ],
      usage,
    };
    const chunk = (index: number, part: unknown, finish_reason: string | null = null): unknown => ({
      ...head,
      object: 'chat.completion.chunk',
      choices: [{ index, delta: part, finish_reason }],
      usage: null,
      obfuscation: 'zz',
    });
    const { facts, rebuilt } = readAnswer(openaiChat, {
      chunks: [
        sse([
          chunk(0, { role: 'assistant', content: '' }),
          chunk(1, {
            role: 'assistant',
            content: null,
            tool_calls: [{ index: 0, id: 't', type: 'function', function: { name: 'f', arguments: '' } }],
          }),
          chunk(0, { reasoning_content: 'why' }),
          chunk(0, { content: 'a' }),
          chunk(1, { tool_calls: [{ index: 0, function: { arguments: '{"x":1}' } }] }),
          chunk(0, { content: 'b' }, 'stop'),
          chunk(1, {}, 'tool_calls'),
          { ...head, choices: [], usage },
          '[DONE]',
        ]),
      ],
    });
    expect(rebuilt).toEqual(whole);
    expect({ ...facts, terminator: null }).toEqual(readUnary(openaiChat, whole));
  });

  test('messages', () => {
    const whole = {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'c-1',
      content: [
        { type: 'thinking', thinking: 'hm so', signature: 'sig' },
        { type: 'text', text: 'ab', citations: [{ url: 'u' }] },
        { type: 'tool_use', id: 't', name: 'f', input: { x: 1 } },
      ],
      stop_reason: 'tool_use',
      stop_sequence: null,
      usage: {
        input_tokens: 3,
        cache_read_input_tokens: 5,
        cache_creation_input_tokens: 2,
        output_tokens: 9,
        service_tier: 'standard',
      },
    };
    const at = (index: number, part: unknown): unknown => ({ type: 'content_block_delta', index, delta: part });
    const { facts, rebuilt } = readAnswer(anthropicMessages, {
      chunks: [
        sse([
          {
            type: 'message_start',
            message: { ...whole, content: [], stop_reason: null, usage: { ...whole.usage, output_tokens: 1 } },
          },
          { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '', signature: '' } },
          at(0, { type: 'thinking_delta', thinking: 'hm' }),
          at(0, { type: 'thinking_delta', thinking: ' so' }),
          at(0, { type: 'signature_delta', signature: 'sig' }),
          { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
          at(1, { type: 'text_delta', text: 'a' }),
          at(1, { type: 'citations_delta', citation: { url: 'u' } }),
          at(1, { type: 'text_delta', text: 'b' }),
          { type: 'content_block_start', index: 2, content_block: { type: 'tool_use', id: 't', name: 'f', input: {} } },
          at(2, { type: 'input_json_delta', partial_json: '{"x"' }),
          at(2, { type: 'input_json_delta', partial_json: ':1}' }),
          {
            type: 'message_delta',
            delta: { stop_reason: 'tool_use', stop_sequence: null },
            usage: { output_tokens: 9 },
          },
          { type: 'message_stop' },
        ]),
      ],
    });
    expect(rebuilt).toEqual(whole);
    expect({ ...facts, terminator: null }).toEqual(readUnary(anthropicMessages, whole));
  });

  test('responses: the terminal event is the response', () => {
    const whole = {
      id: 'r',
      object: 'response',
      status: 'completed',
      model: 'm',
      output: [{ type: 'message', content: [{ type: 'output_text', text: 'x' }] }],
      usage: { input_tokens: 4, output_tokens: 2 },
    };
    const { facts, rebuilt } = readAnswer(openaiResponses, {
      chunks: [
        sse([
          { type: 'response.created', response: { ...whole, status: 'in_progress', output: [], usage: null } },
          { type: 'response.completed', response: whole },
        ]),
      ],
    });
    expect(rebuilt).toEqual(whole);
    expect({ ...facts, terminator: null }).toEqual(readUnary(openaiResponses, whole));
  });

  test('gemini, as events and as an array', () => {
    const usageMetadata = { promptTokenCount: 4, candidatesTokenCount: 3, thoughtsTokenCount: 2, totalTokenCount: 9 };
    const whole = {
      candidates: [
        {
          content: {
            parts: [
              { text: 'hm', thought: true },
              { text: 'ab' },
              { functionCall: { name: 'f', args: {} }, thoughtSignature: 's' },
            ],
            role: 'model',
          },
          finishReason: 'STOP',
          index: 0,
        },
      ],
      usageMetadata,
      modelVersion: 'g-1',
      responseId: 'x',
    };
    const chunk = (parts: unknown[], more: object = {}): object => ({
      candidates: [{ content: { parts, role: 'model' }, index: 0, ...more }],
      modelVersion: 'g-1',
      responseId: 'x',
    });
    const chunks = [
      {
        ...chunk([{ text: 'hm', thought: true }]),
        usageMetadata: { promptTokenCount: 4, thoughtsTokenCount: 2, totalTokenCount: 6 },
      },
      chunk([{ text: 'a' }]),
      chunk([{ text: 'b' }]),
      {
        ...chunk([{ functionCall: { name: 'f', args: {} }, thoughtSignature: 's' }], { finishReason: 'STOP' }),
        usageMetadata: { ...usageMetadata, promptTokenCount: null },
      },
    ];
    const unary = readUnary(gemini, whole);
    for (const answer of [
      { chunks: [sse(chunks)] },
      {
        contentType: 'application/json',
        chunks: [Buffer.from(`[${chunks.map((each) => JSON.stringify(each, null, 1)).join('\n,\r\n')}\n]`)],
      },
    ]) {
      const { facts, rebuilt } = readAnswer(gemini, answer);
      expect(rebuilt).toEqual(whole);
      expect(facts).toEqual(unary);
    }
  });
});

describe('the array of a Gemini stream', () => {
  const items = (text: string, limitBytes?: number): { found: string[]; whole: boolean; readable: boolean } => {
    const found: string[] = [];
    const reader = new JsonItems((item) => found.push(item), limitBytes);
    for (const byte of Buffer.from(text)) reader.push(Uint8Array.of(byte));
    const atOnce: string[] = [];
    const second = new JsonItems((item) => atOnce.push(item), limitBytes);
    second.push(Buffer.from(text));
    expect([atOnce, second.whole, second.readable]).toEqual([found, reader.whole, reader.readable]);
    return { found, whole: reader.whole, readable: reader.readable };
  };

  test('brackets, quotes and backslashes in texts are texts', () => {
    const tricky = JSON.stringify({ text: '"]}, {[\\" \\\\', deep: [[{ a: '}' }]], ü: '\u2028' });
    expect(items(`\n[${tricky}\r\n,\r\n{}\n]\n`)).toEqual({ found: [tricky, '{}'], whole: true, readable: true });
  });

  test('cut short it is not whole; what is no array of objects is not readable', () => {
    expect(items('[{"a":1},{"b"')).toEqual({ found: ['{"a":1}'], whole: false, readable: true });
    expect(items('[')).toEqual({ found: [], whole: false, readable: true });
    expect(items('[1,{"a":1}]')).toEqual({ found: [], whole: false, readable: false });
    expect(items('[{"a":1}] and more')).toMatchObject({ found: ['{"a":1}'], readable: false });
  });

  test('an item beyond the limit ends the reading', () => {
    expect(items('[{"a":1},{"b":"0123456789"},{"c":1}]', 10)).toEqual({
      found: ['{"a":1}'],
      whole: false,
      readable: false,
    });
  });

  test('an error closes the array; one without its end is incomplete', () => {
    const json = { contentType: 'application/json' };
    const first = '{"candidates":[{"content":{"parts":[{"text":"x"}]}}],"usageMetadata":{"promptTokenCount":3}}';
    const read = (text: string): unknown => readAnswer(gemini, { ...json, chunks: [Buffer.from(text)] }).facts;
    expect(read(`[${first},{"error":{"code":500,"status":"INTERNAL","message":"m"}}]`)).toMatchObject({
      error: { where: 'stream', code: 500 },
      usage_state: 'partial',
      complete: false,
      text: 'x',
    });
    expect(read(`[${first}`)).toMatchObject({ error: null, usage_state: 'partial', complete: false, text: 'x' });
  });
});

test('a stream beyond what is kept still gives its numbers, and says that its text is not whole', () => {
  const piece = 'x'.repeat(8 * 1024 * 1024);
  const usage = { prompt_tokens: 1, completion_tokens: 2 };
  function* chunks(): Generator<Uint8Array> {
    for (let i = 0; i < 9; i++) yield sse([delta({ content: piece })]);
    yield sse([delta({}, 'stop'), { choices: [], usage }, '[DONE]']);
  }
  const { facts } = readAnswer(openaiChat, { chunks: chunks() });
  expect(facts).toMatchObject({
    usage: { input_uncached: 1, output: 2 },
    usage_state: 'final',
    complete: true,
    usage_flags: ['kept_truncated'],
  });
  expect(facts.text.length).toBeLessThanOrEqual(64 * 1024 * 1024);
});
