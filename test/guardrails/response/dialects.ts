import type { Api } from '../../../src/contract/api.ts';
import type { ResponseFacts } from '../../../src/contract/facts.ts';
import { protocolFor } from '../../../src/protocols/registry.ts';
import { readAnswer } from '../../protocols/read.ts';

/** How one API tells a text, and the arguments of a call, in pieces. */
export interface Dialect {
  name: string;
  api: Api;
  contentType: string;
  text: (pieces: string[]) => Buffer;
  /** Undefined where calls come whole. */
  call: ((pieces: string[]) => Buffer) | undefined;
}

/** What the API's own reader makes of the bytes. */
export function read(dialect: Pick<Dialect, 'api' | 'contentType'>, body: string): ResponseFacts {
  const { api, contentType } = dialect;
  return readAnswer(protocolFor(api), { contentType, chunks: [Buffer.from(body)] }).facts;
}

export function sse(values: unknown[], named = false): string {
  return values
    .map((value) => {
      const type = typeof value === 'object' && value !== null && 'type' in value ? String(value.type) : '';
      const data = typeof value === 'string' ? value : JSON.stringify(value);
      return `${named ? `event: ${type}\n` : ''}data: ${data}\n\n`;
    })
    .join('');
}

// ---- OpenAI chat

const chunk = (delta: unknown, finish: string | null = null, index = 0): unknown => ({
  id: 'chatcmpl-1',
  object: 'chat.completion.chunk',
  created: 1_764_000_000,
  model: 'gpt-5-mini',
  choices: [{ index, delta, finish_reason: finish }],
});

const chat: Dialect = {
  name: 'OpenAI chat',
  api: 'openai_chat',
  contentType: 'text/event-stream; charset=utf-8',
  text: (pieces) =>
    Buffer.from(
      sse([
        chunk({ role: 'assistant', content: '' }),
        ...pieces.map((content) => chunk({ content })),
        chunk({}, 'stop'),
        { id: 'chatcmpl-1', choices: [], usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 } },
        '[DONE]',
      ]),
    ),
  call: (pieces) =>
    Buffer.from(
      sse([
        chunk({
          role: 'assistant',
          tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'send', arguments: '' } }],
        }),
        ...pieces.map((text) => chunk({ tool_calls: [{ index: 0, function: { arguments: text } }] })),
        chunk({}, 'tool_calls'),
        '[DONE]',
      ]),
    ),
};

// ---- OpenAI Responses

const response = (status: string, output: unknown[]): unknown => ({
  id: 'resp_1',
  object: 'response',
  status,
  model: 'gpt-5-mini',
  instructions: 'Answer in one line.',
  output,
  usage: status === 'completed' ? { input_tokens: 5, output_tokens: 7, total_tokens: 12 } : null,
});

function responses(item: (text: string) => unknown, deltas: (pieces: string[]) => object[], pieces: string[]): Buffer {
  const text = pieces.join('');
  const events = [
    { type: 'response.created', response: response('in_progress', []) },
    { type: 'response.output_item.added', output_index: 0, item: item('') },
    ...deltas(pieces),
    { type: 'response.output_item.done', output_index: 0, item: item(text) },
    { type: 'response.completed', response: response('completed', [item(text)]) },
  ];
  return Buffer.from(
    sse(
      events.map((event, at) => ({ ...event, sequence_number: at })),
      true,
    ),
  );
}

const message = (text: string): unknown => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  status: 'completed',
  content: text === '' ? [] : [{ type: 'output_text', text, annotations: [] }],
});
const functionCall = (text: string): unknown => ({
  id: 'fc_1',
  type: 'function_call',
  call_id: 'call_1',
  name: 'send',
  arguments: text,
  status: 'completed',
});
const at = { item_id: 'msg_1', output_index: 0, content_index: 0 };

const openaiResponses: Dialect = {
  name: 'OpenAI Responses',
  api: 'openai_responses',
  contentType: 'text/event-stream',
  text: (pieces) =>
    responses(
      message,
      () => [
        { type: 'response.content_part.added', ...at, part: { type: 'output_text', text: '', annotations: [] } },
        ...pieces.map((delta) => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] })),
        { type: 'response.output_text.done', ...at, text: pieces.join(''), logprobs: [] },
        { type: 'response.content_part.done', ...at, part: { type: 'output_text', text: pieces.join('') } },
      ],
      pieces,
    ),
  call: (pieces) =>
    responses(
      functionCall,
      () => [
        ...pieces.map((delta) => ({
          type: 'response.function_call_arguments.delta',
          item_id: 'fc_1',
          output_index: 0,
          delta,
        })),
        { type: 'response.function_call_arguments.done', item_id: 'fc_1', output_index: 0, arguments: pieces.join('') },
      ],
      pieces,
    ),
};

// ---- Anthropic

function messages(block: unknown, deltas: unknown[], stop: string): Buffer {
  return Buffer.from(
    sse(
      [
        {
          type: 'message_start',
          message: {
            id: 'msg_1',
            type: 'message',
            role: 'assistant',
            model: 'claude-haiku-4-5',
            content: [],
            stop_reason: null,
            stop_sequence: null,
            usage: { input_tokens: 5, output_tokens: 1 },
          },
        },
        { type: 'content_block_start', index: 0, content_block: block },
        { type: 'ping' },
        ...deltas.map((delta) => ({ type: 'content_block_delta', index: 0, delta })),
        { type: 'content_block_stop', index: 0 },
        { type: 'message_delta', delta: { stop_reason: stop, stop_sequence: null }, usage: { output_tokens: 7 } },
        { type: 'message_stop' },
      ],
      true,
    ),
  );
}

const anthropic: Dialect = {
  name: 'Anthropic messages',
  api: 'anthropic_messages',
  contentType: 'text/event-stream; charset=utf-8',
  text: (pieces) =>
    messages(
      { type: 'text', text: '' },
      pieces.map((text) => ({ type: 'text_delta', text })),
      'end_turn',
    ),
  call: (pieces) =>
    messages(
      { type: 'tool_use', id: 'toolu_1', name: 'send', input: {} },
      pieces.map((piece) => ({ type: 'input_json_delta', partial_json: piece })),
      'tool_use',
    ),
};

// ---- Gemini

const generated = (text: string, last: boolean): unknown => ({
  candidates: [{ content: { parts: [{ text }], role: 'model' }, index: 0, ...(last ? { finishReason: 'STOP' } : {}) }],
  usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 7, totalTokenCount: 12 },
  modelVersion: 'gemini-2.5-flash',
  responseId: 'r1',
});
const chunks = (pieces: string[]): unknown[] => pieces.map((text, i) => generated(text, i === pieces.length - 1));

const geminiEvents: Dialect = {
  name: 'Gemini events',
  api: 'gemini_generate_content',
  contentType: 'text/event-stream',
  text: (pieces) =>
    Buffer.from(
      chunks(pieces)
        .map((value) => `data: ${JSON.stringify(value)}\r\n\r\n`)
        .join(''),
    ),
  call: undefined,
};

const geminiArray: Dialect = {
  name: 'Gemini array',
  api: 'gemini_generate_content',
  contentType: 'application/json; charset=UTF-8',
  text: (pieces) =>
    Buffer.from(
      `[${chunks(pieces)
        .map((value) => JSON.stringify(value, null, 2))
        .join('\n,\r\n')}\n]\n`,
    ),
  call: undefined,
};

// ---- OpenAI's older completions

const textChunk = (text: string, finish: string | null = null): unknown => ({
  id: 'cmpl-1',
  object: 'text_completion',
  created: 1_764_000_000,
  model: 'gpt-3.5-turbo-instruct',
  choices: [{ text, index: 0, logprobs: null, finish_reason: finish }],
});

const completions: Dialect = {
  name: 'OpenAI completions',
  api: 'openai_text_completions',
  contentType: 'text/event-stream',
  text: (pieces) =>
    Buffer.from(
      sse([
        ...pieces.map((text) => textChunk(text)),
        textChunk('', 'stop'),
        { id: 'cmpl-1', choices: [], usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 } },
        '[DONE]',
      ]),
    ),
  call: undefined,
};

export const DIALECTS = [chat, openaiResponses, anthropic, geminiEvents, geminiArray, completions];
