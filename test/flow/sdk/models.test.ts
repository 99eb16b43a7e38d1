import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGateway } from '../../support/gateway.ts';
import type { TestGateway } from '../../support/gateway.ts';

/** `/v1/models` is one path for three vendors' SDKs: each must be told its own models, in its own shape. */
let gateway: TestGateway;

beforeAll(async () => {
  const baseurl = 'http://127.0.0.1:${APERTURE_SIMULATOR_PORT}';
  const capabilities = [{ role: 'user' }, { models: '*/gpt-*' }, { models: 'claude/*' }, { models: 'gemini/*' }];
  gateway = await startGateway({
    config: {
      providers: {
        gpt: { baseurl, models: ['gpt-5-mini', 'secret'], compatibility: { openai_chat: true } },
        claude: {
          baseurl,
          models: ['claude-haiku-4-5', 'claude-sonnet-4-5', 'claude-opus-4-5'],
          compatibility: { openai_chat: false, anthropic_messages: true },
        },
        gemini: {
          baseurl,
          models: ['gemini-2.5-flash', 'gemini-2.5-pro', 'gemini-2.5-flash-lite'],
          compatibility: { openai_chat: false, gemini_generate_content: true },
        },
      },
      grants: [{ src: ['(loopback)'], app: { 'tailscale.com/cap/aperture': capabilities } }],
    },
  });
});
afterAll(async () => {
  await gateway.stop();
});

async function idsOf<T>(page: AsyncIterable<T>, idOf: (model: T) => string | undefined): Promise<string[]> {
  const ids: string[] = [];
  for await (const model of page) ids.push(idOf(model) ?? '');
  return ids.sort();
}

const CLAUDE = ['claude-haiku-4-5', 'claude-opus-4-5', 'claude-sonnet-4-5'];
const GEMINI = ['gemini-2.5-flash', 'gemini-2.5-flash-lite', 'gemini-2.5-pro'];

describe('openai', () => {
  const models = (): OpenAI.Models => new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: '-' }).models;

  test('lists every model that the caller may use, and no other', async () => {
    const ids = await idsOf(models().list(), ({ id }) => id);
    expect(ids).toEqual([...CLAUDE, ...GEMINI, 'gpt-5-mini']);
  });

  test('retrieves one by its name', async () => {
    expect(await models().retrieve('gpt-5-mini')).toMatchObject({ id: 'gpt-5-mini', object: 'model', owned_by: 'gpt' });
  });

  test.each(['secret', 'no-such-model'])('does not find %s', async (id) => {
    await expect(models().retrieve(id)).rejects.toThrow(OpenAI.NotFoundError);
  });
});

describe('@anthropic-ai/sdk', () => {
  const models = (): Anthropic.Models => new Anthropic({ baseURL: gateway.url, apiKey: '-' }).models;

  test('lists the models that speak its API, over several pages', async () => {
    const page = await models().list({ limit: 2 });
    expect(page).toMatchObject({ has_more: true });
    expect(page.data).toHaveLength(2);
    expect(await idsOf(page, ({ id }) => id)).toEqual(CLAUDE);
  });

  test('retrieves one by its name', async () => {
    expect(await models().retrieve('claude-haiku-4-5')).toMatchObject({ id: 'claude-haiku-4-5', type: 'model' });
  });

  test.each(['secret', 'no-such-model'])('does not find %s', async (id) => {
    await expect(models().retrieve(id)).rejects.toThrow(Anthropic.NotFoundError);
  });
});

describe.each(['v1', 'v1beta', 'v1alpha'])('@google/genai with version %s', (apiVersion) => {
  const models = (): GoogleGenAI['models'] =>
    new GoogleGenAI({ apiKey: '-', httpOptions: { baseUrl: gateway.url, apiVersion } }).models;

  test('lists the models that speak its API, over several pages', async () => {
    const page = await models().list({ config: { pageSize: 2 } });
    expect(page.pageLength).toBe(2);
    expect(page.hasNextPage()).toBe(true);
    expect(await idsOf(page, ({ name }) => name)).toEqual(GEMINI.map((id) => `models/${id}`));
  });

  test('gets one by its name', async () => {
    expect(await models().get({ model: 'gemini-2.5-pro' })).toMatchObject({ name: 'models/gemini-2.5-pro' });
  });

  test.each(['secret', 'no-such-model'])('does not find %s', async (model) => {
    await expect(models().get({ model })).rejects.toMatchObject({ name: 'ApiError', status: 404 });
  });
});

/** Clients of older releases, and of other languages, differ in the header that carries the key. */
test.each([
  ['no header at all', {}, '', 'data'],
  ['a bearer token', { authorization: 'Bearer x' }, '', 'data'],
  ["Anthropic's version", { 'anthropic-version': '2023-06-01', authorization: 'Bearer x' }, '', 'has_more'],
  ["Google's key", { 'x-goog-api-key': 'x' }, '', 'models'],
  ["Google's key in the query", {}, '?key=x', 'models'],
  ["Google's client", { 'x-goog-api-client': 'gl-python/3.12', authorization: 'Bearer x' }, '', 'models'],
])('by %s the list of /v1/models is told apart', async (_what, headers, query, member) => {
  const list = await fetch(`${gateway.url}/v1/models${query}`, { headers: { ...headers } });
  expect(list.status).toBe(200);
  expect(await list.json()).toHaveProperty(member);
});
