import type { Api } from '../../src/contract/api.ts';
import { MODELS, PROVIDER_KEY } from './support.ts';

/** A text API as a client speaks it, streamed or not. */
export interface Wire {
  /** As its records name it. */
  api: Api;
  /** What the simulator serves by default in the tests. */
  model: string;
  path: (model: string, stream: boolean) => string;
  body: (model: string, stream: boolean) => Record<string, unknown>;
}

/** The ways that a text can be asked for: `chat_unasked` streams without asking for usage, so the gateway edits. */
export const WIRE_NAMES = ['chat', 'chat_unasked', 'responses', 'messages', 'gemini', 'gemini_array'] as const;
export type WireName = (typeof WIRE_NAMES)[number];

const PROMPT = 'Tell me a story';
const MESSAGES = [{ role: 'user', content: PROMPT }];
const GEMINI_MODEL = 'gemini-2.5-flash';

export const WIRES: Record<WireName, Wire> = {
  chat: {
    api: 'openai_chat',
    model: MODELS.openai,
    path: () => '/v1/chat/completions',
    body: (model, stream) => ({
      model,
      messages: MESSAGES,
      ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
    }),
  },
  chat_unasked: {
    api: 'openai_chat',
    model: MODELS.openai,
    path: () => '/v1/chat/completions',
    body: (model, stream) => ({ model, messages: MESSAGES, stream }),
  },
  responses: {
    api: 'openai_responses',
    model: MODELS.openai,
    path: () => '/v1/responses',
    body: (model, stream) => ({ model, input: PROMPT, store: false, stream }),
  },
  messages: {
    api: 'anthropic_messages',
    model: MODELS.anthropic,
    path: () => '/v1/messages',
    body: (model, stream) => ({ model, max_tokens: 4096, messages: MESSAGES, stream }),
  },
  gemini: {
    api: 'gemini_generate_content',
    model: GEMINI_MODEL,
    path: (model, stream) => `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: () => GEMINI_BODY,
  },
  gemini_array: {
    api: 'gemini_generate_content',
    model: GEMINI_MODEL,
    path: (model, stream) => `/v1beta/models/${model}:${stream ? 'streamGenerateContent' : 'generateContent'}`,
    body: () => GEMINI_BODY,
  },
};

const GEMINI_BODY = { contents: [{ role: 'user', parts: [{ text: PROMPT }] }] };

/** Without the first, Anthropic refuses; without the second, fetch asks for compression. */
export const WIRE_HEADERS = { 'anthropic-version': '2023-06-01', 'accept-encoding': 'identity' };

/** One provider a maker, each with its own list of prices; they replace the two that a flow has by itself. */
export function textProviders(baseurl: string): Record<string, unknown> {
  return {
    openai: {
      baseurl,
      apikey: PROVIDER_KEY,
      models: ['gpt-5-mini', 'gpt-5', 'gpt-5.6', 'gpt-4o-audio-preview', 'text-embedding-3-small'],
      compatibility: { openai_chat: true, openai_responses: true },
    },
    anthropic: {
      baseurl,
      apikey: PROVIDER_KEY,
      authorization: 'x-api-key',
      models: ['claude-haiku-4-5', 'claude-sonnet-4-5', 'claude-opus-4-8'],
      compatibility: { openai_chat: false, anthropic_messages: true },
    },
    gemini: {
      baseurl,
      apikey: PROVIDER_KEY,
      authorization: 'x-goog-api-key',
      models: ['gemini-2.5-flash', 'gemini-2.5-pro', 'gemini-embedding-001'],
      compatibility: { openai_chat: false, gemini_generate_content: true },
    },
  };
}
