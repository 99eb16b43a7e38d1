import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTo } from 'node:net';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { packageRoot } from '../../src/lib/package-root.ts';
import { openHouse } from '../support/house.ts';
import type { House } from '../support/house.ts';
import { until } from '../support/until.ts';
import { connectClient, startSocketProvider, transcript } from './socket-provider.ts';
import type { Client, SocketProvider } from './socket-provider.ts';

const KEY = 'sk-provider-key-0123456789';
const MODEL = 'gpt-realtime';
const ALICE = 'alice@example.com';
const POOR = 'poor@example.com';
const RULED = 'ruled@example.com';
const SESSION = '{"type":"session.created","event_id":"event_0","session":{"type":"realtime","model":"gpt-realtime"}}';

let provider: SocketProvider;
let house: House;
beforeAll(async () => {
  provider = await startSocketProvider();
  house = await openHouse({
    providers: {
      openai: {
        baseurl: provider.url,
        apikey: KEY,
        models: [MODEL, 'gpt-4o-transcribe'],
        compatibility: { openai_responses: true },
      },
    },
    // What a turn costs is told when it is over: the first is paid with the last.
    quotas: { 'pocket:<user>': { capacity: '$0.30', rate: '$0.00/day' } },
    hooks: { birds: { builtin: { kind: 'words', action: 'block', words: ['heron'] } } },
    server: {
      limits: { body_bytes: '64KiB' },
      trusted_proxies: ['127.0.0.1'],
      listen: [{ address: '127.0.0.1:0', identity: ['proxy_headers'] }],
    },
    grants: [
      { src: [ALICE, RULED, POOR], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }] } },
      { src: [ALICE], app: { 'tailscale.com/cap/aperture': [{ models: '**' }] } },
      { src: [POOR], app: { 'tailscale.com/cap/aperture': [{ models: '**', quotas: [{ bucket: 'pocket:<user>' }] }] } },
      { src: [RULED], app: { 'tailscale.com/cap/aperture': [{ models: '**', send_hooks: [{ name: 'birds' }] }] } },
    ],
  });
});
afterAll(async () => {
  await house.close();
  await provider.close();
});

const clients: Client[] = [];
async function connect(login = ALICE, query = `model=${MODEL}`, protocols: string[] = []): Promise<Client> {
  const url = `${house.urls[0] ?? ''}/v1/realtime?${query}`;
  const client = await connectClient(url, { 'tailscale-user-login': login }, protocols);
  clients.push(client);
  return client;
}

let firstSocket = 0;
let firstRecord = 0;
beforeEach(() => {
  firstSocket = provider.sockets.length;
  firstRecord = house.records.length;
  provider.refuse = undefined;
  provider.answer = () => undefined;
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate();
  await house.quiescent();
  await until('no socket is left', () => house.clientSockets.size === 0);
});

async function records(count: number): Promise<House['records']> {
  await until(`${count} records are there`, () => house.records.length - firstRecord >= count);
  // They are settled in any order.
  return house.records.slice(firstRecord).sort((a, b) => (a.response_id ?? '').localeCompare(b.response_id ?? ''));
}

function done(id: string, output = 20): string {
  const usage = {
    total_tokens: 10 + output,
    input_tokens: 10,
    output_tokens: output,
    input_token_details: { text_tokens: 10, audio_tokens: 0, cached_tokens: 0 },
    output_token_details: { text_tokens: 0, audio_tokens: output },
  };
  const response = { object: 'realtime.response', id, status: 'completed', status_details: null, output: [], usage };
  return JSON.stringify({ type: 'response.done', event_id: 'event_9', response });
}

function created(id: string): string {
  return JSON.stringify({
    type: 'response.created',
    event_id: 'event_8',
    response: { id, status: 'in_progress', usage: null },
  });
}

test('the fixture: bytes both ways, and a record for each of its turns', async () => {
  const lines = transcript('openai-realtime/two-responses');
  const said = lines.filter(({ dir }) => dir === 'server').map(({ text }) => text);
  const asked = lines.filter(({ dir }) => dir === 'client').map(({ text }) => text);
  const expected = JSON.parse(
    readFileSync(join(packageRoot(), 'test/fixtures/openai-realtime/two-responses.expected.json'), 'utf8'),
  ) as { turns: { kind: string; response_id?: string; stop_reason?: { raw: string }; usage: unknown }[] };
  provider.answer = (upstream) => {
    upstream.say(...said.slice(1));
  };
  const client = await connect();
  const upstream = await provider.socket(firstSocket);
  upstream.say(said[0] ?? '');
  await client.messages(1);
  for (const text of asked) client.send(text);
  expect(await client.messages(said.length)).toEqual(said);
  expect(upstream.got).toEqual(asked);
  expect(upstream.request.url).toBe('/v1/realtime?model=gpt-realtime');
  expect(upstream.request.headers.authorization).toBe(`Bearer ${KEY}`);

  const found = await records(3);
  const turns = expected.turns.map(({ response_id = null, stop_reason, usage }) => {
    return { response_id, stop_reason: stop_reason?.raw ?? null, usage };
  });
  expect(found.map(({ response_id, stop_reason, usage }) => ({ response_id, stop_reason, usage }))).toEqual(
    turns.sort((a, b) => (a.response_id ?? '').localeCompare(b.response_id ?? '')),
  );
  expect(found.map(({ model, api, state, usage_state }) => [model, api, state, usage_state])).toEqual([
    ['', 'openai_realtime', 'complete', 'final'],
    [MODEL, 'openai_realtime', 'complete', 'final'],
    [MODEL, 'openai_realtime', 'complete', 'final'],
  ]);
});

test('a transcription is charged as the model that the session names for it', async () => {
  const client = await connect();
  const upstream = await provider.socket(firstSocket);
  upstream.say(
    '{"type":"session.updated","session":{"type":"realtime","audio":{"input":{"transcription":{"model":"gpt-4o-transcribe"}}}}}',
    '{"type":"conversation.item.input_audio_transcription.completed","transcript":"hi","usage":{"type":"tokens","input_tokens":18,"output_tokens":4,"input_token_details":{"audio_tokens":18}}}',
  );
  await client.messages(2);
  expect(await records(1)).toMatchObject([{ model: 'gpt-4o-transcribe', usage: { audio_in: 18, output: 4 } }]);
});

test('binary messages pass as they are', async () => {
  const client = await connect();
  const upstream = await provider.socket(firstSocket);
  provider.answer = (to) => {
    to.socket.send(Buffer.from([9, 8, 7]), { binary: true });
    to.say(created('resp_b'), done('resp_b'));
  };
  client.socket.send(Buffer.from([1, 2, 3]), { binary: true });
  expect((await client.messages(3))[0]).toBe(`binary:${Buffer.from([9, 8, 7]).toString('base64')}`);
  expect(upstream.got).toEqual([`binary:${Buffer.from([1, 2, 3]).toString('base64')}`]);
  expect(await records(1)).toMatchObject([{ response_id: 'resp_b', state: 'complete' }]);
});

test('a browser: its subprotocol is answered, and its key goes nowhere', async () => {
  const client = await connect(ALICE, `model=${MODEL}`, [
    'realtime',
    'openai-insecure-api-key.sk-of-the-browser-0123456789',
  ]);
  expect(client.socket.protocol).toBe('realtime');
  const upstream = await provider.socket(firstSocket);
  expect(upstream.request.headers['sec-websocket-protocol']).toBe('realtime');
  expect(upstream.request.headers.authorization).toBe(`Bearer ${KEY}`);
  client.send('{"type":"response.create"}');
  upstream.say(created('resp_k'), done('resp_k'));
  await records(1);
  const everything = [
    JSON.stringify(upstream.request.headers),
    JSON.stringify(house.records),
    house.logged.join(),
  ].join();
  expect(everything).not.toContain('sk-of-the-browser');
});

test.for([
  ['no model', '', 400, 'gateway_model_missing'],
  ['two models', `model=${MODEL}&model=gpt-5`, 400, 'gateway_bad_parameter'],
  ['an unknown model', 'model=gpt-9', 404, 'gateway_model_unknown'],
  ['a call', `model=${MODEL}&call_id=rtc_1`, 400, 'gateway_bad_parameter'],
] as const)('%s: refused before there is a socket', async ([, query, status, code]) => {
  const { refused } = await connect(ALICE, query);
  expect(refused?.status).toBe(status);
  expect(refused?.body).toContain(code);
  expect(provider.sockets.length).toBe(firstSocket);
});

test('a rule on the model: refused, as rules cannot judge sound', async () => {
  const { refused } = await connect(RULED);
  expect(refused?.status).toBe(403);
  expect(refused?.body).toContain('birds');
  expect(provider.sockets.length).toBe(firstSocket);
});

test("what the provider refuses is answered as it said it, with the provider's status", async () => {
  provider.refuse = { status: 429, body: '{"error":{"message":"Slow down"}}' };
  expect((await connect()).refused).toEqual(provider.refuse);
  expect(house.records.length).toBe(firstRecord);
});

test('another model is not chosen within a session, and none that is not granted', async () => {
  const client = await connect();
  const upstream = await provider.socket(firstSocket);
  client.send('{"type":"session.update","session":{"model":"gpt-4o-transcribe"}}');
  expect(await client.until('error')).toMatchObject({ error: { code: 'gateway_frame_refused' } });
  client.send('{"type":"session.update","session":{"audio":{"input":{"transcription":{"model":"whisper-9/x"}}}}}');
  client.send('{"type":"response.create","response":{"model":"openai/not-ours"}}');
  client.send('{"type":"session.update","type":"x"}');
  const same = '{"type":"session.update","session":{"model":"gpt-realtime"}}';
  client.send(same);
  await until('the last one came', () => upstream.got.length > 0);
  expect(upstream.got.at(-1)).toBe(same);
  expect(upstream.got.join()).not.toContain('gpt-4o-transcribe');
  expect(upstream.got.join()).not.toContain('"type":"x"');
});

test('an empty budget ends the session before the next turn', async () => {
  const client = await connect(POOR);
  const upstream = await provider.socket(firstSocket);
  client.send('{"type":"response.create"}');
  await until('it came', () => upstream.got.length === 1);
  upstream.say(created('resp_1'), done('resp_1', 100_000));
  const [record] = await records(1);
  client.send('{"type":"response.create"}');
  expect(await client.until('error')).toMatchObject({ status: 429, error: { code: 'insufficient_quota' } });
  expect((await client.ended()).code).toBe(1008);
  expect(upstream.got.length).toBe(1);
  expect(record).toMatchObject({ state: 'complete', usage: { audio_out: 100_000 } });
  expect((await connect(POOR)).refused?.status).toBe(429);
});

test('closing either side closes the other with its code, and the turn under way keeps its books', async () => {
  const first = await connect();
  const one = await provider.socket(firstSocket);
  first.send('{"type":"response.create"}');
  one.say(created('resp_cut'));
  await first.until('response.created');
  first.socket.close(4001, 'mine');
  expect(await until('it is closed', () => one.closed)).toEqual({ code: 4001, reason: 'mine' });

  const second = await connect();
  const two = await provider.socket(firstSocket + 1);
  second.send('{"type":"response.create"}');
  two.say(created('resp_broken'));
  await second.until('response.created');
  two.socket.close(1009, 'too big');
  expect(await second.ended()).toEqual({ code: 1009, reason: 'too big' });
  expect(await records(2)).toMatchObject([
    { state: 'error', response_id: 'resp_broken', usage: null, usage_state: 'absent' },
    { state: 'aborted', response_id: 'resp_cut', usage: null, usage_state: 'absent' },
  ]);
});

test("OpenAI's own client", async () => {
  provider.answer = (upstream) => {
    upstream.say(created('resp_sdk'), done('resp_sdk'));
  };
  const sdk = new OpenAIRealtimeWS(
    {
      model: MODEL,
      options: {
        headers: { 'tailscale-user-login': ALICE },
        // It speaks TLS alone; the address stays, the connection is ours.
        createConnection: () => connectTo(Number(new URL(house.urls[0] ?? '').port), '127.0.0.1'),
      },
    },
    new OpenAI({ apiKey: 'client-key', baseURL: `${house.urls[0] ?? ''}/v1` }),
  );
  const ids: (string | undefined)[] = [];
  sdk.on('response.done', ({ response }) => ids.push(response.id));
  sdk.on('session.created', () => {
    sdk.send({ type: 'response.create' });
  });
  (await provider.socket(firstSocket)).say(SESSION);
  await until('the answer is there', () => ids.length === 1);
  expect(ids).toEqual(['resp_sdk']);
  sdk.close();
  expect(await records(1)).toMatchObject([{ response_id: 'resp_sdk', state: 'complete' }]);
});
