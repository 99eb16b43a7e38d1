import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, jsonSchema, streamText, tool } from 'ai';
import type { LanguageModel, LanguageModelUsage, ToolSet } from 'ai';
import { describe, expect, test } from 'vitest';
import type { Api } from '../../../src/contract/api.ts';
import { gateway } from './shipped.ts';
import { ANSWER, READ_FILE, TOOL_CALL, compared, expectBooked } from './through.ts';
import type { Target, Told } from './through.ts';

/** The AI SDK as a client, with each of its providers that a gateway like this meets. */

interface Provider {
  api: Api;
  model: (target: Target) => LanguageModel;
  answerCost: number;
  toolCost: number;
  /** False: a stream does not ask for usage, so that the gateway does. */
  asksForUsage: boolean;
}

/** Nanodollars a token as in the tests of the vendors' own SDKs. */
const OPENAI_COSTS = { answerCost: 1200 * 250 + 300 * 25 + 50 * 2000, toolCost: 1200 * 250 + 40 * 2000 };

const PROVIDERS: Record<string, Provider> = {
  '@ai-sdk/openai, responses': {
    api: 'openai_responses',
    model: (target) => createOpenAI(settings(target, '/v1'))('gpt-5-mini'),
    ...OPENAI_COSTS,
    asksForUsage: true,
  },
  '@ai-sdk/openai, chat': {
    api: 'openai_chat',
    model: (target) => createOpenAI(settings(target, '/v1')).chat('gpt-5-mini'),
    ...OPENAI_COSTS,
    asksForUsage: true,
  },
  '@ai-sdk/openai-compatible': {
    api: 'openai_chat',
    model: (target) => createOpenAICompatible({ name: 'aperture', ...settings(target, '/v1') })('gpt-5-mini'),
    ...OPENAI_COSTS,
    asksForUsage: false,
  },
  '@ai-sdk/anthropic': {
    api: 'anthropic_messages',
    model: (target) => createAnthropic(settings(target, '/v1'))('claude-haiku-4-5'),
    answerCost: 1200 * 1000 + 300 * 100 + 50 * 5000,
    toolCost: 1200 * 1000 + 40 * 5000,
    asksForUsage: true,
  },
  '@ai-sdk/google': {
    api: 'gemini_generate_content',
    model: (target) => createGoogleGenerativeAI(settings(target, '/v1beta'))('gemini-2.5-flash'),
    answerCost: 1200 * 300 + 300 * 30 + 50 * 2500,
    toolCost: 1200 * 300 + 40 * 2500,
    asksForUsage: true,
  },
};

interface Settings {
  baseURL: string;
  apiKey: string;
  fetch: typeof fetch;
  headers: Record<string, string>;
}

function settings({ origin, fetch, headers }: Target, version: string): Settings {
  return { baseURL: origin + version, apiKey: 'client-key', fetch, headers };
}

const TOOLS: ToolSet = {
  [READ_FILE.name]: tool({ description: READ_FILE.description, inputSchema: jsonSchema(READ_FILE.schema) }),
};

function toldOf(text: string, usage: LanguageModelUsage, calls: readonly { toolName: string }[]): Told {
  return { text, input: usage.inputTokens, output: usage.outputTokens, tools: calls.map(({ toolName }) => toolName) };
}

async function generated(model: LanguageModel, tools?: ToolSet): Promise<Told> {
  const more = tools === undefined ? {} : { tools };
  const { text, usage, toolCalls } = await generateText({ model, prompt: 'Say hello', maxRetries: 0, ...more });
  return toldOf(text, usage, toolCalls);
}

async function streamed(model: LanguageModel, tools?: ToolSet): Promise<Told> {
  const more = tools === undefined ? {} : { tools };
  const result = streamText({ model, prompt: 'Say hello', maxRetries: 0, ...more });
  return toldOf(await result.text, await result.usage, await result.toolCalls);
}

describe.each(Object.entries(PROVIDERS))('%s', (_name, provider) => {
  const { api, model, answerCost, toolCost, asksForUsage } = provider;
  const untold = asksForUsage ? {} : { input: undefined, output: undefined };
  const edits = asksForUsage ? [] : ['inject_usage', 'drop_usage_event'];

  test('generateText: as from the provider itself, and booked', async () => {
    const { told, record } = await compared(gateway, ANSWER.sim, (target) => generated(model(target)));
    expect(told).toEqual(ANSWER.told);
    expectBooked(record, { api, agent: 'ai-sdk', stream: false, usage: ANSWER.usage, cost: answerCost });
  });

  test('streamText: as from the provider itself, and booked', async () => {
    const { told, record } = await compared(gateway, ANSWER.sim, (target) => streamed(model(target)));
    expect(told).toEqual({ ...ANSWER.told, ...untold });
    expectBooked(record, { api, agent: 'ai-sdk', stream: true, usage: ANSWER.usage, cost: answerCost, edits });
  });

  test('generateText with a tool call: as from the provider itself, and booked', async () => {
    const { told, record } = await compared(gateway, TOOL_CALL.sim, (target) => generated(model(target), TOOLS));
    expect(told).toMatchObject(TOOL_CALL.told);
    const { usage } = TOOL_CALL;
    expectBooked(record, { api, agent: 'ai-sdk', stream: false, usage, cost: toolCost, tools: ['read_file'] });
  });

  test('streamText with a tool call: as from the provider itself, and booked', async () => {
    const { told, record } = await compared(gateway, TOOL_CALL.sim, (target) => streamed(model(target), TOOLS));
    expect(told).toMatchObject({ ...TOOL_CALL.told, ...untold });
    const { usage } = TOOL_CALL;
    expectBooked(record, { api, agent: 'ai-sdk', stream: true, usage, cost: toolCost, tools: ['read_file'], edits });
  });
});
