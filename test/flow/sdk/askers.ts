import Anthropic from '@anthropic-ai/sdk';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { ApiError, GoogleGenAI } from '@google/genai';
import { APICallError, StreamProviderError, generateText, streamText } from 'ai';
import type { LanguageModel } from 'ai';
import OpenAI from 'openai';
import type { Dialect } from '../../../src/contract/api.ts';

/** One question, as any SDK can ask it. */
export interface Question {
  origin: string;
  model: string;
  prompt: string;
  stream: boolean;
  headers?: Record<string, string>;
}

/** What a program, or its user, sees of an error that an SDK throws. */
export interface Shown {
  error: string;
  status: number | undefined;
  /** The message and, where the SDK keeps it elsewhere, the body: a program finds our code in it. */
  text: string;
}

export interface Asker {
  dialect: Dialect;
  /** A model of a provider that speaks the dialect. */
  model: string;
  /** Resolves once the answer is whole; rejects with the SDK's own error. No retries. */
  ask(question: Question): Promise<void>;
  /** Class of the error for a status. */
  errorFor: Record<number, string>;
  /** Class of the error for an error event in a stream. */
  errorInStream: string;
}

/** What an SDK's own error shows. Throws where it is none of them. */
export function shown(error: unknown): Shown {
  if (error instanceof OpenAI.APIError) {
    return { error: error.constructor.name, status: error.status, text: `${error.message} ${error.code ?? ''}` };
  }
  if (error instanceof Anthropic.APIError || error instanceof ApiError) {
    return { error: error.constructor.name, status: error.status, text: error.message };
  }
  if (APICallError.isInstance(error)) {
    return { error: error.name, status: error.statusCode, text: `${error.message} ${error.responseBody ?? ''}` };
  }
  if (StreamProviderError.isInstance(error)) {
    return { error: error.name, status: error.statusCode, text: error.message };
  }
  throw new Error('not an error of an SDK', { cause: error });
}

const KEY = 'client-key';

async function taken(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _event of stream);
}

function openai({ origin, headers }: Question): OpenAI {
  return new OpenAI({ baseURL: `${origin}/v1`, apiKey: KEY, defaultHeaders: headers, maxRetries: 0 });
}

async function askChat(question: Question): Promise<void> {
  const { model, prompt, stream } = question;
  const body = { model, messages: [{ role: 'user' as const, content: prompt }] };
  const { completions } = openai(question).chat;
  if (stream) await taken(await completions.create({ ...body, stream: true }));
  else await completions.create(body);
}

async function askResponses(question: Question): Promise<void> {
  const { model, prompt, stream } = question;
  const { responses } = openai(question);
  if (stream) await taken(await responses.create({ model, input: prompt, stream: true }));
  else await responses.create({ model, input: prompt });
}

async function askMessages({ origin, headers, model, prompt, stream }: Question): Promise<void> {
  const client = new Anthropic({ baseURL: origin, apiKey: KEY, defaultHeaders: headers, maxRetries: 0 });
  const body = { model, max_tokens: 500, messages: [{ role: 'user' as const, content: prompt }] };
  if (stream) await client.messages.stream(body).finalMessage();
  else await client.messages.create(body);
}

async function askGoogle({ origin, headers, model, prompt, stream }: Question): Promise<void> {
  const more = headers === undefined ? {} : { headers };
  const { models } = new GoogleGenAI({ apiKey: KEY, httpOptions: { baseUrl: origin, ...more } });
  const body = { model, contents: prompt };
  if (stream) await taken(await models.generateContentStream(body));
  else await models.generateContent(body);
}

interface Settings {
  baseURL: string;
  apiKey: string;
  headers: Record<string, string>;
}

function askerOfAiSdk(modelOf: (settings: Settings, model: string) => LanguageModel, version: string) {
  return async ({ origin, headers = {}, model, prompt, stream }: Question): Promise<void> => {
    const ask = { model: modelOf({ baseURL: origin + version, apiKey: KEY, headers }, model), prompt, maxRetries: 0 };
    if (!stream) {
      await generateText(ask);
      return;
    }
    // An error ends the stream; the SDK's promises then only say that there was no output.
    for await (const part of streamText({ ...ask, onError: () => undefined }).stream) {
      if (part.type === 'error') throw part.error;
    }
  };
}

const OPENAI_ERRORS = {
  403: 'PermissionDeniedError',
  404: 'NotFoundError',
  413: 'APIError',
  503: 'InternalServerError',
};
const ANTHROPIC_ERRORS = {
  403: 'PermissionDeniedError',
  404: 'NotFoundError',
  413: 'ContentTooLargeError',
  503: 'ServiceUnavailableError',
};
/** Google's SDK has one class. */
const GOOGLE_ERRORS = { 403: 'ApiError', 404: 'ApiError', 413: 'ApiError', 503: 'ApiError' };
/** So has the AI SDK. */
const AI_SDK_ERRORS = {
  403: 'AI_APICallError',
  404: 'AI_APICallError',
  413: 'AI_APICallError',
  503: 'AI_APICallError',
};

export const ASKERS: Record<string, Asker> = {
  'openai, chat': {
    dialect: 'openai',
    model: 'gpt-5-mini',
    ask: askChat,
    errorFor: OPENAI_ERRORS,
    errorInStream: 'APIError',
  },
  'openai, responses': {
    dialect: 'openai_responses',
    model: 'gpt-5-mini',
    ask: askResponses,
    errorFor: OPENAI_ERRORS,
    errorInStream: 'APIError',
  },
  '@anthropic-ai/sdk': {
    dialect: 'anthropic',
    model: 'claude-haiku-4-5',
    ask: askMessages,
    errorFor: ANTHROPIC_ERRORS,
    errorInStream: 'APIError',
  },
  '@google/genai': {
    dialect: 'google',
    model: 'gemini-2.5-flash',
    ask: askGoogle,
    errorFor: GOOGLE_ERRORS,
    errorInStream: 'ApiError',
  },
  '@ai-sdk/openai, responses': {
    dialect: 'openai_responses',
    model: 'gpt-5-mini',
    ask: askerOfAiSdk((settings, model) => createOpenAI(settings)(model), '/v1'),
    errorFor: AI_SDK_ERRORS,
    errorInStream: 'AI_StreamProviderError',
  },
  '@ai-sdk/openai, chat': {
    dialect: 'openai',
    model: 'gpt-5-mini',
    ask: askerOfAiSdk((settings, model) => createOpenAI(settings).chat(model), '/v1'),
    errorFor: AI_SDK_ERRORS,
    errorInStream: 'AI_StreamProviderError',
  },
  '@ai-sdk/openai-compatible': {
    dialect: 'openai',
    model: 'gpt-5-mini',
    ask: askerOfAiSdk((settings, model) => createOpenAICompatible({ name: 'aperture', ...settings })(model), '/v1'),
    errorFor: AI_SDK_ERRORS,
    errorInStream: 'AI_StreamProviderError',
  },
  '@ai-sdk/anthropic': {
    dialect: 'anthropic',
    model: 'claude-haiku-4-5',
    ask: askerOfAiSdk((settings, model) => createAnthropic(settings)(model), '/v1'),
    errorFor: AI_SDK_ERRORS,
    errorInStream: 'AI_StreamProviderError',
  },
  '@ai-sdk/google': {
    dialect: 'google',
    model: 'gemini-2.5-flash',
    ask: askerOfAiSdk((settings, model) => createGoogleGenerativeAI(settings)(model), '/v1beta'),
    errorFor: AI_SDK_ERRORS,
    errorInStream: 'AI_StreamProviderError',
  },
};
