import { createServer } from 'node:http';
import type { IncomingHttpHeaders, Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import OpenAI, { toFile } from 'openai';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { zeroUsage } from '../../src/contract/usage.ts';
import { fixture, requestBody } from '../protocols/fixtures.ts';
import { openHouse } from '../support/house.ts';
import type { House } from '../support/house.ts';

const KEY = 'sk-provider-key-0123456789';
const ALICE = 'alice@example.com';
/** May transcribe, and with one model only. */
const BOB = 'bob@example.com';
const RULED = 'ruled@example.com';
const STRICT = 'strict@example.com';
const RULES = [{ name: 'birds' }];

/** What the provider got. */
interface Got {
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

let server: Server;
let house: House;
const got: Got[] = [];
let answer: (response: ServerResponse) => void = () => undefined;

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      got.push({ path: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks) });
      answer(response);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const models = [
    'gpt-image-1',
    'gpt-4o-transcribe',
    'gpt-4o-mini-transcribe',
    'whisper-1',
    'tts-1',
    'gpt-4o-mini-tts',
  ];
  const cap = (src: string, more: object): object => ({ src: [src], app: { 'tailscale.com/cap/aperture': [more] } });
  house = await openHouse({
    providers: {
      openai: {
        baseurl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        apikey: KEY,
        models,
        compatibility: { openai_chat: true },
      },
    },
    quotas: { 'pocket:<user>': { capacity: '$1.00', rate: '$0.00/day', reserve: 'strict' } },
    hooks: { birds: { builtin: { kind: 'words', action: 'redact', words: ['heron'] } } },
    server: {
      trusted_proxies: ['127.0.0.1'],
      listen: [{ address: '127.0.0.1:0', identity: ['proxy_headers'] }],
      limits: { body_bytes: '1MiB' },
    },
    grants: [
      ...[ALICE, BOB, RULED, STRICT].map((login) => cap(login, { role: 'user' })),
      cap(ALICE, { models: '**' }),
      cap(BOB, { models: 'openai/whisper-1' }),
      cap(RULED, { models: '**', send_hooks: RULES }),
      cap(STRICT, { models: '**', quotas: [{ bucket: 'pocket:<user>' }] }),
    ],
  });
});
afterAll(async () => {
  await house.close();
  await new Promise((closed) => server.close(closed));
});

let firstRecord = 0;
beforeEach(() => {
  got.length = 0;
  firstRecord = house.records.length;
});
afterEach(() => house.quiescent());

const respond = (contentType: string, body: string | Buffer, status = 200) => {
  answer = (response) => {
    response.writeHead(status, { 'content-type': contentType });
    response.end(body);
  };
};
const respondAs = (name: string): Buffer => {
  const { expected, response } = fixture(name);
  respond(expected.response.headers['content-type'] ?? '', response);
  return response;
};
const events = (...values: object[]): string => values.map((value) => `data: ${JSON.stringify(value)}\n\n`).join('');

const client = (login = ALICE): OpenAI =>
  new OpenAI({
    baseURL: `${house.urls[0] ?? ''}/v1`,
    apiKey: 'client-key',
    defaultHeaders: { 'tailscale-user-login': login },
    maxRetries: 0,
  });
async function onlyRecord(): Promise<House['records'][number]> {
  await house.quiescent();
  expect(house.records.length - firstRecord).toBe(1);
  const record = house.records.at(-1);
  if (record === undefined) throw new Error('there is one');
  return record;
}

const SOUND = Buffer.from([0x52, 0x49, 0x46, 0x46, 0, 0xff, 0xfe, 0x0d, 0x0a, 0x2d, 0x2d, 0x0d, 0x0a]);
const sound = (): Promise<File> => toFile(SOUND, 'a.wav', { type: 'audio/wav' });
const TYPE = 'multipart/form-data; boundary="b b"';
const field = (name: string, value: string, more = ''): string =>
  `--b b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`;
const form = (...parts: string[]): string => `${parts.join('')}--b b--\r\n`;
const FILE = field('file', 'RIFF\u0000openai/whisper-1', '; filename="a.wav"\r\nContent-Type: audio/wav');

function post(path: string, body: string | Buffer, login = ALICE, contentType = TYPE): Promise<Response> {
  const headers = { 'content-type': contentType, 'tailscale-user-login': login, authorization: 'Bearer client-key' };
  return fetch(`${house.urls[0] ?? ''}${path}`, { method: 'POST', headers, body });
}

test('images.generate: the fixture, its usage and what it cost', async () => {
  const sent = respondAs('openai-media/images-generate');
  const made = await client().images.generate({ model: 'gpt-image-1', prompt: 'a cat', size: '1024x1024' });
  expect(made).toMatchObject({ data: [{ b64_json: 'iVBORw0KGgo=' }], usage: { output_tokens: 272 } });
  expect(got).toMatchObject([{ path: '/v1/images/generations', headers: { authorization: `Bearer ${KEY}` } }]);
  expect(await onlyRecord()).toMatchObject({
    api: 'openai_images',
    model: 'gpt-image-1',
    state: 'complete',
    stream: false,
    stop_reason: 'stop',
    usage: { ...zeroUsage(), input_uncached: 13, image_out: 272 },
    usage_state: 'final',
    // 13 at $5 a million, 272 at $40.
    cost_nanodollars: String(13 * 5_000 + 272 * 40_000),
    response_bytes: sent.length,
  });
});

test('images.generate as a stream', async () => {
  const usage = {
    total_tokens: 285,
    input_tokens: 13,
    output_tokens: 272,
    input_tokens_details: { text_tokens: 13, image_tokens: 0 },
  };
  respond(
    'text/event-stream',
    events(
      { type: 'image_generation.partial_image', b64_json: 'AAAA', partial_image_index: 0 },
      { type: 'image_generation.completed', b64_json: 'iVBORw0KGgo=', usage },
    ),
  );
  const stream = await client().images.generate({
    model: 'gpt-image-1',
    prompt: 'a cat',
    stream: true,
    partial_images: 1,
  });
  const types: string[] = [];
  for await (const event of stream) types.push(event.type);
  expect(types).toEqual(['image_generation.partial_image', 'image_generation.completed']);
  expect(await onlyRecord()).toMatchObject({
    stream: true,
    state: 'complete',
    usage: { ...zeroUsage(), input_uncached: 13, image_out: 272 },
    cost_nanodollars: String(13 * 5_000 + 272 * 40_000),
  });
});

test('images.edit with a file: the model is a field, and its provider is taken off it', async () => {
  const usage = {
    total_tokens: 500,
    input_tokens: 400,
    output_tokens: 100,
    input_tokens_details: { text_tokens: 80, image_tokens: 320 },
  };
  respond('application/json', JSON.stringify({ created: 1, data: [{ b64_json: 'AAAA' }], usage }));
  await client().images.edit({
    model: 'openai/gpt-image-1',
    prompt: 'a hat for openai/gpt-image-1',
    image: [await toFile(SOUND, 'a.png', { type: 'image/png' }), await toFile(SOUND, 'b.png', { type: 'image/png' })],
  });
  const [request] = got;
  if (request === undefined) throw new Error('the provider was asked');
  expect(request.headers['content-length']).toBe(String(request.body.length));
  const sent = request.body.toString('latin1');
  expect(sent.match(/name="model"\r\n\r\n[^\r]*\r\n/g)).toEqual(['name="model"\r\n\r\ngpt-image-1\r\n']);
  expect(sent).toContain('name="prompt"\r\n\r\na hat for openai/gpt-image-1\r\n');
  expect(sent.split(`\r\n\r\n${SOUND.toString('latin1')}\r\n--`)).toHaveLength(3);
  expect(await onlyRecord()).toMatchObject({
    api: 'openai_images',
    model: 'openai/gpt-image-1',
    edits: [{ kind: 'model_name', side: 'request', detail: 'openai/gpt-image-1 -> gpt-image-1' }],
    usage: { ...zeroUsage(), input_uncached: 80, image_in: 320, image_out: 100 },
    // $5, $10 and $40 a million.
    cost_nanodollars: String(80 * 5_000 + 320 * 10_000 + 100 * 40_000),
  });
});

test('audio.transcriptions.create: the fixtures, whole and streamed', async () => {
  respondAs('openai-media/transcription-tokens');
  const whole = await client().audio.transcriptions.create({ model: 'gpt-4o-transcribe', file: await sound() });
  expect(whole.text).toBe('Good morning.');
  expect(await onlyRecord()).toMatchObject({
    api: 'openai_transcriptions',
    model: 'gpt-4o-transcribe',
    usage: { ...zeroUsage(), input_uncached: 9, audio_in: 42, output: 7 },
    // $2.50, $6 and $10 a million.
    cost_nanodollars: String(9 * 2_500 + 42 * 6_000 + 7 * 10_000),
  });

  firstRecord = house.records.length;
  respondAs('openai-media/transcription-stream');
  const stream = await client().audio.transcriptions.create({
    model: 'gpt-4o-mini-transcribe',
    file: await sound(),
    stream: true,
  });
  let text = '';
  for await (const event of stream) if (event.type === 'transcript.text.delta') text += event.delta;
  expect(text).toBe('Over here');
  expect(await onlyRecord()).toMatchObject({
    model: 'gpt-4o-mini-transcribe',
    stream: true,
    state: 'complete',
    usage: { ...zeroUsage(), audio_in: 29, output: 4 },
    // $3 and $5 a million.
    cost_nanodollars: String(29 * 3_000 + 4 * 5_000),
  });
});

test('a transcript that is no JSON, and one by the second: no usage, and no cost that is known', async () => {
  respond('text/plain; charset=utf-8', 'WEBVTT\n\n00:00 --> 00:01\nHi\n');
  const vtt = await post(
    '/v1/audio/translations',
    form(FILE, field('model', 'whisper-1'), field('response_format', 'vtt')),
  );
  expect(await vtt.text()).toBe('WEBVTT\n\n00:00 --> 00:01\nHi\n');
  expect(await onlyRecord()).toMatchObject({
    state: 'complete',
    usage: null,
    usage_state: 'absent',
    cost_nanodollars: null,
  });

  firstRecord = house.records.length;
  respond('application/json', JSON.stringify({ text: 'Hi', usage: { type: 'duration', seconds: 9.5 } }));
  await client().audio.transcriptions.create({ model: 'whisper-1', file: await sound() });
  expect(await onlyRecord()).toMatchObject({
    usage: null,
    usage_state: 'absent',
    usage_detail: { seconds: 9.5 },
    cost_nanodollars: null,
  });
});

test('audio.speech.create: sound byte for byte, or events with usage', async () => {
  const mp3 = Buffer.from(Array.from({ length: 4096 }, (_, at) => (at * 31) % 256));
  respond('audio/mpeg', mp3);
  const spoken = await client().audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'Good morning.' });
  expect(Buffer.from(await spoken.arrayBuffer()).equals(mp3)).toBe(true);
  expect(await onlyRecord()).toMatchObject({
    api: 'openai_speech',
    state: 'complete',
    stream: false,
    usage: null,
    usage_state: 'absent',
    cost_nanodollars: null,
    response_bytes: mp3.length,
  });

  firstRecord = house.records.length;
  const usage = { input_tokens: 14, output_tokens: 101, total_tokens: 115 };
  const sse = events({ type: 'speech.audio.delta', audio: 'AAAA' }, { type: 'speech.audio.done', usage });
  respond('text/event-stream', sse);
  const streamed = await client().audio.speech.create({
    model: 'gpt-4o-mini-tts',
    voice: 'alloy',
    input: 'Good morning.',
    stream_format: 'sse',
  });
  expect(await streamed.text()).toBe(sse);
  expect(await onlyRecord()).toMatchObject({
    stream: true,
    usage: { ...zeroUsage(), input_uncached: 14, audio_out: 101 },
    // $0.60 and $12 a million.
    cost_nanodollars: String(14 * 600 + 101 * 12_000),
  });
});

test('a form goes out as it came, and is read in whatever pieces it comes', async () => {
  const { request } = fixture('openai-media/transcription-tokens');
  const body = requestBody(request);
  respondAs('openai-media/transcription-tokens');
  const url = new URL(house.urls[0] ?? '');
  const socket = connect(Number(url.port), url.hostname);
  socket.setNoDelay(true);
  const head = [
    'POST /v1/audio/transcriptions HTTP/1.1',
    `host: ${url.host}`,
    `tailscale-user-login: ${ALICE}`,
    `content-type: ${request.headers['content-type'] ?? ''}`,
    'transfer-encoding: chunked',
    'connection: close',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n`);
  for (const byte of body) socket.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.of(byte), Buffer.from('\r\n')]));
  socket.write('0\r\n\r\n');
  let said = '';
  for await (const chunk of socket) said += String(chunk);
  expect(said).toMatch(/^HTTP\/1\.1 200 /);
  expect(said).toContain('"Good morning."');
  expect(got[0]?.body.equals(body)).toBe(true);
  expect(await onlyRecord()).toMatchObject({ model: 'gpt-4o-transcribe', edits: [], request_bytes: body.length });
});

test('only the name’s bytes change, also behind the file, with a quoted boundary', async () => {
  respond('application/json', '{"text":"Hi"}');
  const body = form(FILE, field('language', 'de'), field('model', 'openai/whisper-1'));
  expect((await post('/v1/audio/transcriptions', body)).status).toBe(200);
  expect(got[0]?.body.toString()).toBe(form(FILE, field('language', 'de'), field('model', 'whisper-1')));
  expect(got[0]?.headers).toMatchObject({ 'content-type': TYPE, 'content-length': String(got[0]?.body.length) });
  await house.quiescent();
});

test('a large form is read on another thread, to the same end', async () => {
  respond('application/json', '{"text":"Hi"}');
  const body = form(field('file', 'x'.repeat(600_000), '; filename="a.wav"'), field('model', 'openai/whisper-1'));
  expect((await post('/v1/audio/transcriptions', body)).status).toBe(200);
  expect(got[0]?.body.length).toBe(body.length - 'openai/'.length);
  expect(await onlyRecord()).toMatchObject({ model: 'openai/whisper-1', request_bytes: body.length });
});

test('a form beyond the limit of bodies is refused', async () => {
  const body = form(field('file', 'x'.repeat(1024 * 1024), '; filename="a.wav"'), field('model', 'whisper-1'));
  expect((await post('/v1/audio/transcriptions', body)).status).toBe(413);
  expect(got).toEqual([]);
});

test('a caller gets the models of the grants, named by a field as by JSON', async () => {
  respond('application/json', '{"text":"Hi"}');
  await expect(
    client(BOB).audio.transcriptions.create({ model: 'gpt-4o-transcribe', file: await sound() }),
  ).rejects.toMatchObject({ status: 404 });
  expect(await onlyRecord()).toMatchObject({
    login: BOB,
    state: 'denied',
    model: 'gpt-4o-transcribe',
    denied_by: 'gateway_model_unknown',
  });
  expect(got).toEqual([]);
  expect(await client(BOB).audio.transcriptions.create({ model: 'whisper-1', file: await sound() })).toEqual({
    text: 'Hi',
  });
});

test.each([
  [
    'two models',
    form(FILE, field('model', 'whisper-1'), field('model', 'gpt-4o-transcribe')),
    'gateway_body_bad_field',
  ],
  [
    'a model as a list',
    form(FILE, field('model', 'whisper-1'), field('model[]', 'gpt-4o-transcribe')),
    'gateway_body_bad_field',
  ],
  [
    'a boundary of half a line',
    form(
      FILE,
      field('x', '1\n--b b\nContent-Disposition: form-data; name="model"\n\ngpt-4o-transcribe'),
      field('model', 'whisper-1'),
    ),
    'gateway_body_bad_field',
  ],
  ['no model', form(FILE), 'gateway_model_missing'],
  ['no end', FILE + field('model', 'whisper-1'), 'gateway_body_bad_field'],
])('%s: refused, and nothing is sent', async (_, body, code) => {
  const response = await post('/v1/audio/transcriptions', body, BOB);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { code, type: 'invalid_request_error' } });
  expect(got).toEqual([]);
  expect(await onlyRecord()).toMatchObject({ state: 'denied', denied_by: code });
});

test('JSON that is a form of another sort at the same time is refused', async () => {
  const body = '{"model":"whisper-1","x":"&model=gpt-4o-transcribe&url=https://x&"}';
  const response = await post('/v1/audio/transcriptions', body, BOB, 'application/x-www-form-urlencoded');
  expect(await response.json()).toMatchObject({ error: { code: 'gateway_body_bad_field' } });
  expect(got).toEqual([]);
});

test('rules read the fields of a form, and the transcript', async () => {
  respond('application/json', '{"text":"A heron."}');
  const response = await post(
    '/v1/audio/transcriptions',
    form(field('prompt', 'the heron'), FILE, field('model', 'openai/whisper-1')),
    RULED,
  );
  expect(await response.json()).toEqual({ text: 'A [redacted:word].' });
  expect(got[0]?.body.toString()).toBe(form(field('prompt', 'the [redacted:word]'), FILE, field('model', 'whisper-1')));
  expect((await onlyRecord()).edits.map(({ kind }) => kind)).toEqual(['rule', 'model_name', 'rule']);
});

test('rules read the prompt of an image; what is spoken no rule can read, and it is refused before it costs', async () => {
  respondAs('openai-media/images-generate');
  await client(RULED).images.generate({ model: 'gpt-image-1', prompt: 'a heron' });
  expect(JSON.parse(got[0]?.body.toString() ?? '')).toMatchObject({ prompt: 'a [redacted:word]' });
  got.length = 0;
  await expect(
    client(RULED).audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'hello' }),
  ).rejects.toMatchObject({ status: 400, code: 'gateway_unguarded' });
  expect(got).toEqual([]);
});

test('a budget that must not be overspent lets in nothing that has no bound', async () => {
  respondAs('openai-media/images-generate');
  for (const path of ['/v1/images/generations', '/v1/audio/speech']) {
    const model = path.endsWith('speech') ? 'tts-1' : 'gpt-image-1';
    const response = await post(path, JSON.stringify({ model, prompt: 'a', input: 'a' }), STRICT, 'application/json');
    expect(await response.json()).toMatchObject({ error: { code: 'insufficient_quota' } });
  }
  const response = await post('/v1/audio/transcriptions', form(FILE, field('model', 'gpt-4o-transcribe')), STRICT);
  expect(await response.json()).toMatchObject({ error: { code: 'insufficient_quota' } });
  expect(got).toEqual([]);
});
