import Anthropic, { toFile } from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { startKeeper } from './keeper.ts';
import type { Keeper } from './keeper.ts';

const KEY = 'sk-of-the-provider';
const ALICE = 'alice@example.com';

let keeper: Keeper;
let gateway: TestGateway;

beforeAll(async () => {
  keeper = await startKeeper(KEY);
  gateway = await startGateway({
    headers: { 'tailscale-user-login': ALICE },
    config: {
      providers: {
        only: {
          baseurl: keeper.url,
          apikey: KEY,
          models: ['m-1'],
          compatibility: { openai_responses: true, anthropic_messages: true, gemini_generate_content: true },
        },
      },
      server: { trusted_proxies: ['127.0.0.1'], listen: [{ address: '127.0.0.1:0', identity: ['proxy_headers'] }] },
      grants: [{ src: ['*'], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: '**' }] } }],
    },
  });
}, 120_000);
afterAll(async () => {
  await gateway.stop();
  await keeper.close();
});

const login = { 'Tailscale-User-Login': ALICE };

test('the OpenAI SDK: files, batches, conversations, containers', async () => {
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'mine', maxRetries: 0, defaultHeaders: login });
  const line = { custom_id: '1', method: 'POST', url: '/v1/responses', body: { model: 'm-1', input: 'x' } };
  const file = await client.files.create({
    purpose: 'batch',
    file: await OpenAI.toFile(Buffer.from(JSON.stringify(line)), 'in.jsonl'),
  });
  expect(await (await client.files.content(file.id)).text()).toContain('"custom_id"');
  const batch = await client.batches.create({
    input_file_id: file.id,
    endpoint: '/v1/responses',
    completion_window: '24h',
  });
  const done = await client.batches.retrieve(batch.id);
  expect(done.status).toBe('completed');
  expect(await (await client.files.content(done.output_file_id ?? '')).text()).toContain('custom_id');
  expect((await client.batches.list()).data.map(({ id }) => id)).toEqual([batch.id]);
  expect((await client.files.list()).data.map(({ id }) => id)).toEqual([file.id, done.output_file_id]);
  const conversation = await client.conversations.create({});
  expect((await client.conversations.retrieve(conversation.id)).id).toBe(conversation.id);
  const answer = await client.responses.create({ model: 'm-1', input: 'x', conversation: conversation.id });
  expect(answer.id).toBe('resp_1');
  const container = await client.containers.create({ name: 'c', file_ids: [file.id] });
  expect((await client.containers.retrieve(container.id)).id).toBe(container.id);
  expect((await client.files.delete(file.id)).deleted).toBe(true);
  await expect(client.files.retrieve(file.id)).rejects.toMatchObject({ status: 404, code: 'gateway_not_found' });
});

test('the Anthropic SDK: files, and batches with their results by the gateway’s own address', async () => {
  const client = new Anthropic({ baseURL: gateway.url, apiKey: 'mine', maxRetries: 0, defaultHeaders: login });
  const file = await client.beta.files.upload({
    file: await toFile(Buffer.from('x'), 'f.txt', { type: 'text/plain' }),
  });
  expect((await client.beta.files.retrieveMetadata(file.id)).id).toBe(file.id);
  expect(await (await client.beta.files.download(file.id)).text()).toBe('content');
  const batch = await client.messages.batches.create({
    requests: [{ custom_id: '1', params: { model: 'm-1', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] } }],
  });
  expect(batch.results_url).toBe(`${gateway.url}/v1/messages/batches/${batch.id}/results`);
  const results: string[] = [];
  for await (const { custom_id } of await client.messages.batches.results(batch.id)) results.push(custom_id);
  expect(results).toEqual(['1']);
  expect(keeper.seen.at(-1)).toMatchObject({ headers: { authorization: `Bearer ${KEY}` } });
  expect((await client.messages.batches.list()).data.map(({ id }) => id)).toEqual([batch.id]);
  expect((await client.beta.files.list()).data.map(({ id }) => id)).toEqual([file.id]);
  await client.beta.files.delete(file.id);
  await expect(client.beta.files.retrieveMetadata(file.id)).rejects.toMatchObject({ status: 404 });
});

test('the Google SDK: files by a resumable upload through the gateway, caches, batches', async () => {
  const client = new GoogleGenAI({
    apiKey: 'mine',
    httpOptions: { baseUrl: gateway.url, headers: login },
  });
  const before = keeper.seen.length;
  const file = await client.files.upload({ file: new Blob(['text']), config: { mimeType: 'text/plain' } });
  const name = file.name ?? '';
  const uploads = keeper.seen.slice(before).map(({ url, headers }) => [url, headers['x-goog-upload-command']]);
  expect(uploads[0]?.[1]).toBe('start');
  expect(uploads[1]?.[0]).toMatch(/^\/upload\/v1(?:beta)?\/files\?upload_id=up-\d+&upload_protocol=resumable$/);
  expect((await client.files.get({ name })).uri).toBe(file.uri);
  const said = await client.models.generateContent({
    model: 'm-1',
    contents: [{ role: 'user', parts: [{ fileData: { fileUri: file.uri ?? '', mimeType: 'text/plain' } }] }],
  });
  expect(said.candidates).toEqual([]);
  const cache = await client.caches.create({ model: 'm-1', config: { contents: 'long' } });
  expect((await client.caches.get({ name: cache.name ?? '' })).name).toBe(cache.name);
  const batch = await client.batches.create({ model: 'm-1', src: [{ contents: [{ parts: [{ text: 'x' }] }] }] });
  expect((await client.batches.get({ name: batch.name ?? '' })).name).toBe(batch.name);
  const names: string[] = [];
  for await (const each of await client.files.list()) names.push(each.name ?? '');
  expect(names).toEqual([name]);
  await client.caches.delete({ name: cache.name ?? '' });
  await expect(client.caches.get({ name: cache.name ?? '' })).rejects.toMatchObject({ status: 404 });
  await client.files.delete({ name });
});
