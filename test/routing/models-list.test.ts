import { expect, test } from 'vitest';
import { z } from 'zod';
import { compileRouting, visibleModels } from '../../src/routing/plan.ts';
import { anthropicModels, geminiModels, openaiModels } from '../../src/routing/models-list.ts';
import type { MetadataLookup } from '../../src/routing/models-list.ts';
import { provider } from './providers.ts';

const AnthropicPage = z.object({ data: z.array(z.object({ id: z.string() })), has_more: z.boolean() });
const GeminiPage = z.object({ models: z.array(z.object({ name: z.string() })), nextPageToken: z.string().optional() });

const anthropic = provider('anthropic', ['claude-sonnet-4-6'], {
  name: 'Anthropic',
  compatibility: ['anthropic_messages'],
  authMode: 'passthrough',
});
const known: MetadataLookup = (_, model) =>
  model === 'claude-sonnet-4-6'
    ? {
        displayName: 'Claude Sonnet 4.6',
        createdAtMs: Date.UTC(2026, 1, 17),
        contextWindowTokens: 200_000,
        maxOutputTokens: 64_000,
        pricing: { input: '0.00000300', output: '0.00001500', web_search: undefined },
      }
    : undefined;

function listOf(count: number) {
  const names = Array.from({ length: count }, (_, at) => `m${at}`);
  return visibleModels(compileRouting([provider('p', names)]), () => ['g']);
}

test("the OpenAI list has Aperture's members, and leaves out what is unknown", () => {
  const table = compileRouting([anthropic, provider('lab', ['qwen3'], { description: 'a box' })]);
  const models = visibleModels(table, () => ['g']);
  expect(openaiModels(models, known)).toEqual({
    object: 'list',
    data: [
      {
        id: 'claude-sonnet-4-6',
        object: 'model',
        created: 1_771_286_400,
        owned_by: 'anthropic',
        metadata: { provider: { id: 'anthropic', name: 'Anthropic', description: '', requires_client_auth: true } },
        supported_endpoints: ['/v1/messages'],
        pricing: { input: '0.00000300', output: '0.00001500' },
        context_window_tokens: 200_000,
        max_output_tokens: 64_000,
      },
      {
        id: 'qwen3',
        object: 'model',
        created: 0,
        owned_by: 'lab',
        metadata: { provider: { id: 'lab', name: 'lab', description: 'a box', requires_client_auth: false } },
        supported_endpoints: ['/v1/chat/completions'],
      },
    ],
  });
});

test('a model that is none for texts stands where it is to be had', () => {
  const models = visibleModels(compileRouting([provider('openai', ['gpt-image-1'])]), () => ['g']);
  const list = openaiModels(models, () => ({ endpoints: ['/v1/images/generations'] }));
  expect(list).toMatchObject({ data: [{ id: 'gpt-image-1', supported_endpoints: ['/v1/images/generations'] }] });
});

test('the Anthropic list has the documented shape', () => {
  const models = visibleModels(compileRouting([anthropic]), () => ['g']);
  expect(anthropicModels(models, known, 'limit=1000')).toEqual({
    ok: true,
    value: {
      data: [
        {
          type: 'model',
          id: 'claude-sonnet-4-6',
          display_name: 'Claude Sonnet 4.6',
          created_at: '2026-02-17T00:00:00Z',
        },
      ],
      has_more: false,
      first_id: 'claude-sonnet-4-6',
      last_id: 'claude-sonnet-4-6',
    },
  });
});

function anthropicPage(count: number, query: string) {
  const page = anthropicModels(listOf(count), () => undefined, query);
  if (!page.ok) return page.fault.code;
  const { data, has_more } = AnthropicPage.parse(page.value);
  return { ids: data.map((model) => model.id).join(' '), has_more };
}

test('the Anthropic list pages forwards and backwards', () => {
  expect(anthropicPage(5, 'limit=2')).toEqual({ ids: 'm0 m1', has_more: true });
  expect(anthropicPage(5, 'limit=2&after_id=m1')).toEqual({ ids: 'm2 m3', has_more: true });
  expect(anthropicPage(5, 'limit=2&after_id=m3')).toEqual({ ids: 'm4', has_more: false });
  expect(anthropicPage(5, 'limit=2&before_id=m3')).toEqual({ ids: 'm1 m2', has_more: true });
  expect(anthropicPage(5, 'limit=3&before_id=m2')).toEqual({ ids: 'm0 m1', has_more: false });
  expect(anthropicPage(25, 'beta=true')).toMatchObject({ has_more: true });
  expect(anthropicPage(0, '')).toEqual({ ids: '', has_more: false });
});

test.each(['limit=0', 'limit=1001', 'limit=x', 'limit=', 'after_id=nobody', 'before_id=nobody'])(
  'the Anthropic list refuses %s',
  (query) => {
    expect(anthropicPage(5, query)).toBe('bad_parameter');
  },
);

test('the Gemini list pages by token until the end', () => {
  const seen: string[] = [];
  let query = 'pageSize=2';
  for (let pages = 0; pages < 10; pages += 1) {
    const page = geminiModels(listOf(5), () => undefined, query);
    if (!page.ok) throw new Error(page.fault.code);
    const { models, nextPageToken } = GeminiPage.parse(page.value);
    seen.push(models.map((model) => model.name).join(' '));
    if (nextPageToken === undefined) break;
    query = `pageSize=2&pageToken=${nextPageToken}`;
  }
  expect(seen).toEqual(['models/m0 models/m1', 'models/m2 models/m3', 'models/m4']);
});

test('the Gemini list has the documented shape', () => {
  const table = compileRouting([
    provider('google', ['gemini-2.5-pro'], { compatibility: ['gemini_generate_content'] }),
  ]);
  const info: MetadataLookup = () => ({
    displayName: 'Gemini 2.5 Pro',
    contextWindowTokens: 1_048_576,
    maxOutputTokens: 65_536,
  });
  expect(
    geminiModels(
      visibleModels(table, () => ['g']),
      info,
      'pageSize=50',
    ),
  ).toEqual({
    ok: true,
    value: {
      models: [
        {
          name: 'models/gemini-2.5-pro',
          displayName: 'Gemini 2.5 Pro',
          inputTokenLimit: 1_048_576,
          outputTokenLimit: 65_536,
          supportedGenerationMethods: ['generateContent', 'countTokens'],
        },
      ],
    },
  });
});

test.each(['pageSize=-1', 'pageSize=x', 'pageToken=bm9ib2R5'])('the Gemini list refuses %s', (query) => {
  expect(geminiModels(listOf(3), () => undefined, query)).toMatchObject({
    ok: false,
    fault: { code: 'bad_parameter' },
  });
});
