import { afterAll, beforeAll, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
});
afterAll(() => simulator.close());

const contents = [{ role: 'user', parts: [{ text: 'Tell me about tides.' }] }];

async function ask(verb: string, settings = '', body: object = { contents }, version = 'v1beta') {
  const response = await fetch(`${simulator.url}/${version}/models/gemini-2.5-pro:${verb}`, {
    method: 'POST',
    headers: { 'x-sim': settings, 'x-goog-api-key': 'k' },
    body: JSON.stringify(body),
  });
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
}

/** The worked numbers of Gemini: input 1552 with 418 of them for tools, 4096 cached. */
const WORKED = 'input=1552;tool_prompt=418;cached=4096;output=310;reasoning=1466';
const WORKED_USAGE = {
  promptTokenCount: 5230,
  cachedContentTokenCount: 4096,
  toolUsePromptTokenCount: 418,
  candidatesTokenCount: 310,
  thoughtsTokenCount: 1466,
  totalTokenCount: 7424,
};

test('generateContent in all three versions', async () => {
  for (const version of ['v1beta', 'v1', 'v1alpha']) {
    const { text, type } = await ask('generateContent', WORKED, { contents }, version);
    expect(type).toBe('application/json; charset=UTF-8');
    expect(JSON.parse(text)).toMatchObject({
      candidates: [{ finishReason: 'STOP', index: 0, content: { role: 'model' } }],
      usageMetadata: WORKED_USAGE,
      modelVersion: 'gemini-2.5-pro',
    });
  }
});

test('an SSE stream is cumulative, uses CRLF and has no terminator', async () => {
  const { text, type } = await ask('streamGenerateContent?alt=sse', `${WORKED};events=6`);
  expect(type).toBe('text/event-stream');
  expect(text.endsWith('}\r\n\r\n')).toBe(true);
  const chunks = text
    .trimEnd()
    .split('\r\n\r\n')
    .map((event) => JSON.parse(event.replace(/^data: /, '')) as { usageMetadata: Record<string, number> });
  // A thought and six pieces.
  expect(chunks).toHaveLength(7);
  expect(chunks.at(-1)).toMatchObject({ candidates: [{ finishReason: 'STOP' }], usageMetadata: WORKED_USAGE });
  const grown = chunks.map((chunk) => chunk.usageMetadata['candidatesTokenCount'] ?? 0);
  expect(grown).toEqual([...grown].sort((a, b) => a - b));
  expect(grown[0]).toBe(0);
  for (const chunk of chunks.slice(0, -1)) expect(JSON.stringify(chunk)).not.toContain('finishReason');
});

test('without alt=sse the stream is one JSON array with the same chunks', async () => {
  const sse = await ask('streamGenerateContent?alt=sse', 'events=5');
  const array = await ask('streamGenerateContent', 'events=5');
  const chunks: unknown = JSON.parse(array.text);
  const events = sse.text.trimEnd().split('\r\n\r\n');
  expect(chunks).toEqual(events.map((event) => JSON.parse(event.replace(/^data: /, '')) as unknown));
  expect(JSON.parse((await ask('streamGenerateContent', 'events=1')).text)).toHaveLength(1);
  expect(JSON.parse((await ask('streamGenerateContent', 'events=5;error_after=2')).text)).toMatchObject([
    {},
    {},
    { error: { code: 500, status: 'INTERNAL' } },
  ]);
});

test('the unary text is that of the stream', async () => {
  const textOf = (chunk: unknown): string => {
    const typed = chunk as { candidates: { content: { parts: { text: string }[] } }[] };
    return typed.candidates[0]!.content.parts.map((part) => part.text).join('');
  };
  const whole = JSON.parse((await ask('generateContent')).text) as unknown;
  const chunks = JSON.parse((await ask('streamGenerateContent')).text) as unknown[];
  expect(chunks.map(textOf).join('')).toBe(textOf(whole));
});

test('modalities are split', async () => {
  const { text } = await ask('generateContent', 'input=400;audio_in=1100;image_in=258;image_out=1120;output=15');
  expect(JSON.parse(text)).toMatchObject({
    usageMetadata: {
      promptTokenCount: 1758,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 400 },
        { modality: 'AUDIO', tokenCount: 1100 },
        { modality: 'IMAGE', tokenCount: 258 },
      ],
      candidatesTokenCount: 1135,
      candidatesTokensDetails: [
        { modality: 'TEXT', tokenCount: 15 },
        { modality: 'IMAGE', tokenCount: 1120 },
      ],
    },
  });
});

test('function calls come whole, also in a stream', async () => {
  const declared = {
    name: 'get_weather',
    parameters: { type: 'OBJECT', properties: { city: { type: 'STRING' } }, required: ['city'] },
  };
  const body = {
    contents,
    tools: [{ functionDeclarations: [declared] }],
    toolConfig: { functionCallingConfig: { mode: 'ANY' } },
  };
  const call = { functionCall: { name: 'get_weather', args: { city: 'näkö' } } };
  const whole = await ask('generateContent', '', body);
  expect(JSON.parse(whole.text)).toMatchObject({ candidates: [{ content: { parts: [call] }, finishReason: 'STOP' }] });
  const stream = JSON.parse((await ask('streamGenerateContent', '', body)).text) as unknown[];
  expect(stream.at(-1)).toMatchObject({ candidates: [{ content: { parts: [call] }, finishReason: 'STOP' }] });
});

test('errors carry a number and a status, and the delay in the body', async () => {
  const { status, text } = await ask('generateContent', 'status=429;retry_after=21s');
  expect(status).toBe(429);
  expect(JSON.parse(text)).toMatchObject({
    error: { code: 429, status: 'RESOURCE_EXHAUSTED', details: [{ retryDelay: '21s' }] },
  });
  expect(JSON.parse((await ask('streamGenerateContent', 'status=503')).text)).toMatchObject([
    { error: { code: 503, status: 'UNAVAILABLE' } },
  ]);
});

test('counts, embeddings and model lists', async () => {
  expect(JSON.parse((await ask('countTokens', 'input=3')).text)).toMatchObject({ totalTokens: 3 });
  const content = { parts: [{ text: 'x' }] };
  const single = JSON.parse((await ask('embedContent', '', { content })).text) as unknown;
  expect(single).toMatchObject({ embedding: { values: expect.any(Array) as unknown } });
  expect(single).not.toHaveProperty('usageMetadata');
  const batch = await ask('batchEmbedContents', 'usage=always;input=6', { requests: [{ content }, { content }] });
  expect(JSON.parse(batch.text)).toMatchObject({ embeddings: [{}, {}], usageMetadata: { promptTokenCount: 6 } });
  const listed = await fetch(`${simulator.url}/v1/models?key=k`);
  expect(await listed.json()).toMatchObject({ models: expect.any(Array) as unknown });
});
