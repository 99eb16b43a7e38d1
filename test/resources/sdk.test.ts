import Anthropic, { toFile } from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import type { RecordRow, TestGateway } from '../support/gateway.ts';
import { until } from '../support/until.ts';
import { OPENAI_RESULTS, startKeeper } from './keeper.ts';
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
          models: ['m-1', 'm-2'],
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

/** Once so many reads of these results are in the books: what of them is booked. */
async function booked(batch: string, reads: number): Promise<RecordRow[]> {
  const rows = await until(
    `${reads} reads of ${batch} are listed`,
    async () => {
      const all = await Promise.all((await gateway.records(0)).map(({ id }) => gateway.json(`/api/requests/${id}`)));
      const about = (all as RecordRow[]).filter(({ usage_detail: { batch: of } }) =>
        JSON.stringify(of ?? '').includes(batch),
      );
      return about.filter(({ usage }) => usage === null).length === reads && about;
    },
    60_000,
  );
  return rows.filter(({ usage }) => usage !== null);
}

interface ByModel {
  model: string;
  requests: number;
  usage: Record<string, number>;
  cost_nanodollars: string;
}

async function used(model: string): Promise<ByModel | undefined> {
  const report = (await gateway.json('/api/usage?group=model')) as { items: ByModel[] };
  return report.items.find((item) => item.model === model);
}

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
  const output = done.output_file_id ?? '';
  // Every line of the results, but not their end: nobody can know that there is no other.
  const leaving = new AbortController();
  const stalled = await fetch(`${gateway.url}/v1/files/${output}/content?stalls`, {
    headers: login,
    signal: leaving.signal,
  });
  await stalled.body?.getReader().read();
  leaving.abort();
  for (let read = 0; read < 2; read += 1) {
    expect(Buffer.from(await (await client.files.content(output)).arrayBuffer())).toEqual(OPENAI_RESULTS);
  }
  // In parts it comes whole, as a part could not be counted.
  const part = await client.files.content(output, { headers: { range: 'bytes=5-9', 'if-range': '"x"' } });
  expect(Buffer.from(await part.arrayBuffer())).toEqual(OPENAI_RESULTS);
  expect(Object.keys(keeper.seen.at(-1)?.headers ?? {})).not.toContain('range');
  expect((await client.batches.list()).data.map(({ id }) => id)).toEqual([batch.id]);
  expect((await client.files.list()).data.map(({ id }) => id)).toEqual([file.id, done.output_file_id]);
  const conversation = await client.conversations.create({});
  expect((await client.conversations.retrieve(conversation.id)).id).toBe(conversation.id);
  const answer = await client.responses.create({ model: 'm-1', input: 'x', conversation: conversation.id });
  expect(answer.id).toBe('resp_1');
  const container = await client.containers.create({ name: 'c', file_ids: [file.id] });
  expect((await client.containers.retrieve(container.id)).id).toBe(container.id);
  expect((await client.files.delete(file.id)).deleted).toBe(true);
  // By the gateway's word, or by the provider's where the database knows of the file and not yet of its end.
  await expect(client.files.retrieve(file.id)).rejects.toMatchObject({ status: 404 });
  expect(await booked(batch.id, 3)).toMatchObject([
    {
      ...{ login: ALICE, provider: 'only', api: 'openai_batches', model: 'm-1', service_tier: 'batch' },
      ...{ model_served: 'gpt-5-mini-2025-08-07', usage_state: 'final', cost_nanodollars: '65000' },
      usage: { input_uncached: 40, output: 60 },
      usage_detail: { batch: { id: batch.id, of: 'file', results: output, lines: 3, failed: 1, lines_of_model: 2 } },
    },
  ]);
  const left = (await gateway.records(0)).filter(({ state }) => state === 'aborted');
  expect(left).toMatchObject([{ api: 'openai_files', usage: null }]);
  expect(await gateway.json(`/api/requests/${left[0]?.id ?? ''}`)).not.toHaveProperty('batch');
  const edits = (await gateway.records(0)).flatMap((record) => record.edits);
  expect(edits.filter(({ kind }) => kind === 'whole_results')).toMatchObject([{ side: 'request' }]);
  expect(await used('m-1')).toMatchObject({ usage: { input_uncached: 40, output: 60 }, cost_nanodollars: '65000' });
});

test('the Anthropic SDK: files, and batches with their results by the gateway’s own address', async () => {
  const client = new Anthropic({ baseURL: gateway.url, apiKey: 'mine', maxRetries: 0, defaultHeaders: login });
  const file = await client.beta.files.upload({
    file: await toFile(Buffer.from('x'), 'f.txt', { type: 'text/plain' }),
  });
  expect((await client.beta.files.retrieveMetadata(file.id)).id).toBe(file.id);
  expect(await (await client.beta.files.download(file.id)).text()).toBe('content');
  const batch = await client.messages.batches.create({
    requests: ['m-1', 'm-2'].map((model, at) => ({
      custom_id: String(at),
      params: { model, max_tokens: 1, messages: [{ role: 'user', content: 'x' }] },
    })),
  });
  expect(batch.results_url).toBe(`${gateway.url}/v1/messages/batches/${batch.id}/results`);
  for (let read = 0; read < 2; read += 1) {
    const results: string[] = [];
    for await (const { custom_id } of await client.messages.batches.results(batch.id)) results.push(custom_id);
    expect(results).toEqual(['1', '2', '3']);
  }
  expect(keeper.seen.at(-1)).toMatchObject({ headers: { authorization: `Bearer ${KEY}` } });
  // Of two models: what answered names the sums.
  const sums = await booked(batch.id, 2);
  expect(sums.sort((a, b) => a.model.localeCompare(b.model))).toMatchObject([
    { api: 'anthropic_batches', model: 'claude-haiku-4-5', cost_nanodollars: '11000', usage: { output: 4 } },
    { api: 'anthropic_batches', model: 'claude-sonnet-4-6', cost_nanodollars: '165000', usage: { output: 20 } },
  ]);
  expect(await used('claude-sonnet-4-6')).toMatchObject({ requests: 1, cost_nanodollars: '165000' });
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
  const states: (string | undefined)[] = [];
  for (let poll = 0; poll < 3; poll += 1) {
    const polled = await client.batches.get({ name: batch.name ?? '' });
    expect(polled.name).toBe(batch.name);
    states.push(polled.state);
  }
  expect(states).toEqual(['JOB_STATE_RUNNING', 'JOB_STATE_SUCCEEDED', 'JOB_STATE_SUCCEEDED']);
  // The first poll told of no results.
  expect(await booked((batch.name ?? '').replace('batches/', ''), 2)).toMatchObject([
    {
      ...{ api: 'gemini_batches', model: 'm-1', model_served: 'gemini-2.5-pro', cost_nanodollars: '15000' },
      usage: { input_uncached: 8, output: 2 },
      usage_detail: { batch: { of: 'batch', lines: 2, failed: 1 } },
    },
  ]);
  const names: string[] = [];
  for await (const each of await client.files.list()) names.push(each.name ?? '');
  expect(names).toEqual([name]);
  await client.caches.delete({ name: cache.name ?? '' });
  await expect(client.caches.get({ name: cache.name ?? '' })).rejects.toMatchObject({ status: 404 });
  await client.files.delete({ name });
});
