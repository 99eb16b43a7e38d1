import { gzipSync } from 'node:zlib';
import { GoogleGenAI } from '@google/genai';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { rawZstd } from '../../support/zstd.ts';
import { gateway } from './shipped.ts';
import { nothingPassed, recordOf, recordingFetch } from './through.ts';
import type { Passed } from './through.ts';

/** What clients do beside the plain case: other paths, providers named with the model, compressed requests. */
let passed: Passed;

const MESSAGES = [{ role: 'user' as const, content: 'say OK' }];

function openai(base: string): OpenAI {
  passed = nothingPassed();
  return new OpenAI({ baseURL: gateway.url + base, apiKey: '-', fetch: recordingFetch(passed), maxRetries: 0 });
}

test('chat completions without /v1, for providers whose base URL has a version of its own', async () => {
  const answer = await openai('').chat.completions.create({ model: 'gpt-5-mini', messages: MESSAGES });
  expect(answer.choices[0]?.message.content).toBe('OK');
  expect(await recordOf(gateway, passed.ids[0] ?? '')).toMatchObject({
    path: '/chat/completions',
    api: 'openai_chat',
    state: 'complete',
    edits: [],
  });
});

test('responses below /codex, as Codex has them on a ChatGPT plan', async () => {
  const stream = openai('/codex').responses.stream({ model: 'gpt-5-codex', input: 'say OK' });
  expect((await stream.finalResponse()).output_text).toBe('OK');
  expect(await recordOf(gateway, passed.ids[0] ?? '')).toMatchObject({
    path: '/codex/responses',
    api: 'openai_responses',
    state: 'complete',
    stream: true,
  });
});

describe('provider/model', () => {
  test('with openai', async () => {
    const { chat } = openai('/v1');
    const answer = await chat.completions.create({ model: 'sim-openai/gpt-5-mini', messages: MESSAGES });
    expect(answer).toMatchObject({ model: 'gpt-5-mini' });
    await expectNamed('sim-openai', 'gpt-5-mini');
  });

  test('with @anthropic-ai/sdk', async () => {
    passed = nothingPassed();
    const client = new Anthropic({ baseURL: gateway.url, apiKey: '-', fetch: recordingFetch(passed), maxRetries: 0 });
    const model = 'sim-anthropic/claude-haiku-4-5';
    const answer = await client.messages.create({ model, max_tokens: 50, messages: MESSAGES });
    expect(answer).toMatchObject({ model: 'claude-haiku-4-5' });
    await expectNamed('sim-anthropic', 'claude-haiku-4-5');
  });

  test('with @google/genai', async () => {
    passed = nothingPassed();
    const httpOptions = { baseUrl: gateway.url, fetch: recordingFetch(passed) };
    const client = new GoogleGenAI({ apiKey: '-', httpOptions });
    const model = 'sim-google/gemini-2.5-flash';
    const answer = await client.models.generateContent({ model, contents: 'say OK' });
    expect(answer).toMatchObject({ modelVersion: 'gemini-2.5-flash' });
    await expectNamed('sim-google', 'gemini-2.5-flash');
  });

  async function expectNamed(provider: string, model: string): Promise<void> {
    const record = await recordOf(gateway, passed.ids[0] ?? '');
    expect(record).toMatchObject({ model: `${provider}/${model}`, model_served: model, provider, state: 'complete' });
    expect(record.edits).toEqual([{ kind: 'model_name', side: 'request', detail: `${provider}/${model} -> ${model}` }]);
    expect(record.cost_nanodollars, 'priced by its bare name').toMatch(/^[1-9]\d*$/);
  }
});

test.each([
  ['gzip', (body: string) => gzipSync(body)],
  ['zstd', (body: string) => rawZstd(body)],
] as const)(
  'a request that the client compressed with %s is routed, and goes on as it came',
  async (encoding, compress) => {
    passed = nothingPassed();
    const recording = recordingFetch(passed);
    const client = new OpenAI({
      baseURL: `${gateway.url}/v1`,
      apiKey: '-',
      maxRetries: 0,
      fetch: (url, init) => {
        const text = init?.body;
        if (typeof text !== 'string') throw new Error('the SDK sends its JSON as a text');
        const headers = new Headers(init?.headers);
        headers.set('content-encoding', encoding);
        return recording(url, { ...init, headers, body: new Uint8Array(compress(text)) });
      },
    });
    const answer = await client.responses.create({ model: 'gpt-5-mini', input: 'say OK' });
    expect(answer.output_text).toBe('OK');
    expect(await recordOf(gateway, passed.ids[0] ?? '')).toMatchObject({ state: 'complete', edits: [] });
  },
);
