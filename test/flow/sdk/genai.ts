import { GoogleGenAI } from '@google/genai';
import type { GenerateContentResponse } from '@google/genai';
import { describe, expect, test } from 'vitest';
import { gateway } from './shipped.ts';
import { ANSWER, READ_FILE, TOOL_CALL, compared, expectBooked } from './through.ts';
import type { Booked, Target, Told } from './through.ts';

/** Google's own SDK as a client, under each version that it and its predecessors call. */

const MODEL = 'gemini-2.5-flash';
const AGENT = 'google-genai-sdk';

/** gemini-2.5-flash costs $0.30, cached $0.03, output $2.50 a million: 300, 30 and 2,500 nanodollars a token. */
const ANSWER_COST = 1200 * 300 + 300 * 30 + 50 * 2500;
const TOOL_COST = 1200 * 300 + 40 * 2500;

const ASK = { model: MODEL, contents: 'Say hello' };
const WITH_TOOL = {
  ...ASK,
  config: {
    tools: [
      {
        functionDeclarations: [
          { name: READ_FILE.name, description: READ_FILE.description, parametersJsonSchema: READ_FILE.schema },
        ],
      },
    ],
  },
};

function clientOf({ origin, fetch, headers }: Target, apiVersion: string | undefined): GoogleGenAI {
  const version = apiVersion === undefined ? {} : { apiVersion };
  return new GoogleGenAI({ apiKey: 'client-key', httpOptions: { baseUrl: origin, fetch, headers, ...version } });
}

/** Of all chunks of a stream, or of the one answer. Counts grow from chunk to chunk: the last one holds. */
async function toldOf(
  answers: Iterable<GenerateContentResponse> | AsyncIterable<GenerateContentResponse>,
): Promise<Told> {
  const told: Told = { text: '', input: undefined, output: undefined, tools: [] };
  for await (const answer of answers) {
    const parts = answer.candidates?.[0]?.content?.parts ?? [];
    for (const { text, thought, functionCall } of parts) {
      if (thought !== true) told.text += text ?? '';
      if (functionCall !== undefined) told.tools.push(functionCall.name ?? '');
    }
    const usage = answer.usageMetadata;
    told.input = usage?.promptTokenCount;
    told.output = (usage?.candidatesTokenCount ?? 0) + (usage?.thoughtsTokenCount ?? 0);
  }
  return told;
}

interface Case {
  sim: string;
  call: (client: GoogleGenAI) => Promise<Told>;
  told: Partial<Told>;
  booked: Pick<Booked, 'stream' | 'usage' | 'cost' | 'tools'>;
}

const CASES: Record<string, Case> = {
  generateContent: {
    sim: ANSWER.sim,
    call: async (client) => toldOf([await client.models.generateContent(ASK)]),
    told: ANSWER.told,
    booked: { stream: false, usage: ANSWER.usage, cost: ANSWER_COST },
  },
  generateContentStream: {
    sim: ANSWER.sim,
    call: async (client) => toldOf(await client.models.generateContentStream(ASK)),
    told: ANSWER.told,
    booked: { stream: true, usage: ANSWER.usage, cost: ANSWER_COST },
  },
  'generateContent with a tool call': {
    sim: TOOL_CALL.sim,
    call: async (client) => toldOf([await client.models.generateContent(WITH_TOOL)]),
    told: TOOL_CALL.told,
    booked: { stream: false, usage: TOOL_CALL.usage, cost: TOOL_COST, tools: ['read_file'] },
  },
  'generateContentStream with a tool call': {
    sim: TOOL_CALL.sim,
    call: async (client) => toldOf(await client.models.generateContentStream(WITH_TOOL)),
    told: TOOL_CALL.told,
    booked: { stream: true, usage: TOOL_CALL.usage, cost: TOOL_COST, tools: ['read_file'] },
  },
};

/** Without a version the SDK calls `v1` from its release 3 on; before, and in most tools, it is `v1beta`. */
describe.each([
  [undefined, 'v1'],
  ['v1beta', 'v1beta'],
  ['v1alpha', 'v1alpha'],
])('asked for version %s', (asked, version) => {
  test.each(Object.entries(CASES))('%s: as from the provider itself, and booked', async (_name, one) => {
    const { told, record } = await compared(gateway, one.sim, (target) => one.call(clientOf(target, asked)));
    expect(told).toMatchObject(one.told);
    expectBooked(record, { ...one.booked, api: 'gemini_generate_content', agent: AGENT });
    expect(record.path).toMatch(new RegExp(`^/${version}/models/${MODEL}:`));
    expect(record).toMatchObject({ model: MODEL, client_version: '3.3.0' });
  });

  test('countTokens tells the count, and books no usage', async () => {
    const { told, record } = await compared(
      gateway,
      'input=777',
      async (target) => (await clientOf(target, asked).models.countTokens(ASK)).totalTokens,
    );
    expect(told).toBe(777);
    expect(record).toMatchObject({
      state: 'complete',
      api: 'gemini_count_tokens',
      path: `/${version}/models/${MODEL}:countTokens`,
      usage: null,
      usage_state: 'absent',
      cost_nanodollars: null,
    });
  });

  /** gemini-embedding-001 costs $0.15 a million: 150 nanodollars a token. */
  test.each([
    ['one text', 'one text', 1],
    ['several texts', ['one text', 'another', 'and a third'], 3],
  ])('embedContent of %s is booked', async (_name, contents, vectors) => {
    const { told, record } = await compared(
      gateway,
      'input=5000;usage=always',
      async (target) =>
        (await clientOf(target, asked).models.embedContent({ model: 'gemini-embedding-001', contents })).embeddings,
    );
    expect(told).toHaveLength(vectors);
    expectBooked(record, {
      api: 'gemini_embed_content',
      agent: AGENT,
      stream: false,
      usage: { input_uncached: 5000 },
      cost: 5000 * 150,
    });
  });
});

test('embedContent of a model that tells no usage is not booked as free', async () => {
  const { record } = await compared(gateway, '', async (target) => {
    const asked = { model: 'gemini-embedding-001', contents: 'twelve chars' };
    return (await clientOf(target, undefined).models.embedContent(asked)).embeddings;
  });
  expect(record).toMatchObject({
    state: 'complete',
    api: 'gemini_embed_content',
    usage: null,
    usage_state: 'absent',
    cost_nanodollars: null,
  });
});
