import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { slowness } from '../support/machine.ts';
import { TEST_SOCKET } from '../support/test-socket.ts';
import { until } from '../support/until.ts';
import { rawZstd } from '../support/zstd.ts';
import { APIS, MODELS, PATHS, bodyOf, errorOf, rawRequest, startFlow } from './support.ts';
import type { Api, Flow, RawAnswer } from './support.ts';

const BODY_LIMIT = 512 * 1024;
const BODY_TIMEOUT_MS = 400;

/** What a client may do wrong, against the real binary: an error in its own shape, one record if it was accepted. */
let flow: Flow;
/** Ids of accepted requests, and how each must be recorded. */
const accepted = new Map<string, string>();
/**
 * More than 100 headers are refused; uWebSockets drops what has somewhat more only when it is idle for 10 s: begun before all
 * else.
 */
let floodDropped: Promise<RawAnswer>;

beforeAll(async () => {
  flow = await startFlow({
    server: {
      limits: { body_bytes: `${BODY_LIMIT / 1024}KiB` },
      timeouts: { body: `${BODY_TIMEOUT_MS}ms` },
    },
  });
  const request = rawRequest(PATHS.openai, JSON.stringify(bodyOf('openai')), floodOf(150));
  floodDropped = flow.raw(request, { withinMs: 25_000 });
});
afterAll(async () => {
  await flow.close();
});
afterEach(async () => {
  const answer = await fetch(`${flow.gateway.url}/readyz`);
  expect(await answer.text(), 'the process lives').toBe('ready\n');
  expect(flow.gateway.output()).not.toMatch(/unhandled|internal error/i);
});

function post(
  api: Api,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(flow.gateway.url + PATHS[api], {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
}

function idOf(response: Response): string {
  return response.headers.get('x-aperture-request-id') ?? '';
}

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text));
const prefix = (api: Api): string => `{"model":"${MODELS[api]}","max_tokens":10,`;
const BROKEN: [string, (api: Api) => Uint8Array<ArrayBuffer>, number, string][] = [
  ['broken JSON', (api) => utf8(`${prefix(api)}"messages":[}`), 400, 'gateway_body_not_json'],
  ['JSON that ends early', (api) => utf8(`${prefix(api)}"messages":[`), 400, 'gateway_body_not_json'],
  ['something after the JSON', (api) => utf8(`${prefix(api)}"messages":[]} x`), 400, 'gateway_body_not_json'],
  ['no JSON at all', () => utf8('model=gpt-5-mini'), 400, 'gateway_body_not_json'],
  ['an array', () => utf8('[]'), 400, 'gateway_body_not_json'],
  ['an empty body', () => utf8(''), 400, 'gateway_body_not_json'],
  [
    'broken JSON too large for the main thread',
    (api) => utf8(`${prefix(api)}"messages":["${'x'.repeat(300 * 1024)}"`),
    400,
    'gateway_body_not_json',
  ],
  [
    'the model twice',
    (api) => utf8(`${prefix(api)}"messages":[],"model":"${MODELS[api]}"}`),
    400,
    'gateway_body_duplicate_key',
  ],
  [
    'the model twice, once escaped',
    (api) => utf8(`${prefix(api)}"messages":[],"\\u006dodel":"other"}`),
    400,
    'gateway_body_duplicate_key',
  ],
  [
    'invalid UTF-8',
    (api) =>
      new Uint8Array(Buffer.concat([utf8(`${prefix(api)}"messages":["`), Buffer.from([0xc3, 0x28]), utf8('"]}')])),
    400,
    'gateway_body_not_json',
  ],
  ['no model', () => utf8('{"messages":[]}'), 400, 'gateway_model_missing'],
  ['a model that is a number', () => utf8('{"model":5,"messages":[]}'), 400, 'gateway_body_bad_field'],
  ['an unknown model', () => utf8('{"model":"nobody-has-it","messages":[]}'), 404, 'gateway_model_unknown'],
  [
    'a model of another API',
    (api) => utf8(`{"model":"${MODELS[api === 'openai' ? 'anthropic' : 'openai']}","messages":[]}`),
    404,
    'gateway_model_other_api',
  ],
];

describe.each(APIS)('%s', (api) => {
  test.each(BROKEN)('%s is refused in the shape of the API, and recorded', async (_what, body, status, code) => {
    const response = await post(api, body(api));
    const text = await response.text();
    expect({ status: response.status, code: errorOf(api, text).code }, text).toEqual({ status, code });
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    accepted.set(idOf(response), 'denied');
    expect((await flow.record(idOf(response))).request_bytes).toBe(body(api).byteLength);
  });

  test('a prompt too large for the main thread is answered, and its size recorded', async () => {
    const body = utf8(
      JSON.stringify({ ...bodyOf(api), messages: [{ role: 'user', content: 'x'.repeat(400 * 1024) }] }),
    );
    const response = await post(api, body, { 'x-sim': 'output=7' });
    expect(response.status, await response.text()).toBe(200);
    accepted.set(idOf(response), 'complete');
    const record = await flow.record(idOf(response));
    expect(record).toMatchObject({ state: 'complete', request_bytes: body.byteLength });
  });

  test('an unsupported content-encoding is refused by name', async () => {
    const response = await post(api, utf8(JSON.stringify(bodyOf(api))), { 'content-encoding': 'snappy' });
    const text = await response.text();
    expect({ status: response.status, code: errorOf(api, text).code }).toEqual({
      status: 415,
      code: 'gateway_body_encoding_unsupported',
    });
    expect(errorOf(api, text).message).toContain('snappy');
    accepted.set(idOf(response), 'denied');
  });

  test('a body that is not what its content-encoding says is refused', async () => {
    const response = await post(api, utf8(JSON.stringify(bodyOf(api))), { 'content-encoding': 'gzip' });
    expect(response.status).toBe(400);
    expect(errorOf(api, await response.text()).code).toBe('gateway_body_encoding_invalid');
    accepted.set(idOf(response), 'denied');
  });

  test('failure mode 32: a compressed bomb is refused at the limit, which it names', async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(64 * 1024 * 1024, ' ')));
    expect(bomb.byteLength).toBeLessThan(BODY_LIMIT);
    const response = await post(api, bomb, { 'content-encoding': 'gzip' });
    const { code, message } = errorOf(api, await response.text());
    expect({ status: response.status, code }).toEqual({ status: 413, code: 'gateway_body_too_large' });
    expect(message).toContain(`${BODY_LIMIT} bytes after decompression`);
    accepted.set(idOf(response), 'denied');
  });

  test.each([
    ['gzip', (body: string) => gzipSync(body)],
    ['br', (body: string) => brotliCompressSync(body)],
    ['zstd', (body: string) => rawZstd(body)],
  ] as const)('a %s-compressed request is answered', async (encoding, compress) => {
    const body = new Uint8Array(compress(JSON.stringify(bodyOf(api))));
    const response = await post(api, body, { 'content-encoding': encoding, 'x-sim': 'output=7' });
    expect(response.status, await response.text()).toBe(200);
    accepted.set(idOf(response), 'complete');
  });

  test('failure mode 32: an oversized body is refused by its declared length, before it is read', async () => {
    const head = rawRequest(PATHS[api], '', { 'content-length': String(BODY_LIMIT + 1) });
    const answer = await flow.raw(head);
    const { code, message } = errorOf(api, answer.body);
    expect({ status: answer.status, code }).toEqual({ status: 413, code: 'gateway_body_too_large' });
    expect(message).toContain(`this gateway's limit of ${BODY_LIMIT} bytes`);
  });

  test('failure mode 32: an oversized chunked body is refused when it passes the limit', async () => {
    const head = rawRequest(PATHS[api], '', { 'transfer-encoding': 'chunked', 'content-length': '' }).replace(
      'content-length: \r\n',
      '',
    );
    const chunk = `${(64 * 1024).toString(16)}\r\n${' '.repeat(64 * 1024)}\r\n`;
    const answer = await flow.raw(head + chunk.repeat(9));
    expect({ status: answer.status, code: errorOf(api, answer.body).code }).toEqual({
      status: 413,
      code: 'gateway_body_too_large',
    });
  });

  test('a slow-loris body is refused in time', async () => {
    const began = performance.now();
    const withinMs = (BODY_TIMEOUT_MS + 2_000) * slowness();
    const socket = await flow.socket();
    let text = '';
    socket.on('data', (bytes) => (text += bytes.toString()));
    socket.write(rawRequest(PATHS[api], '', { 'content-length': '1000' }));
    const drip = setInterval(() => socket.write(' '), 50);
    try {
      await until('the answer has come', () => text.includes('gateway_'), withinMs);
    } finally {
      clearInterval(drip);
      socket.destroy();
    }
    expect(text).toMatch(/^HTTP\/1.1 408 /);
    expect(errorOf(api, text.slice(text.indexOf('\r\n\r\n') + 4)).code).toBe('gateway_body_timeout');
    expect(performance.now() - began).toBeGreaterThanOrEqual(BODY_TIMEOUT_MS - 5);
  });

  test('a half-sent body, then FIN: nothing reaches a provider', async () => {
    const before = flow.simulator.books().totals.requests;
    const answer = await flow.raw(rawRequest(PATHS[api], '{"model":', { 'content-length': '1000' }), { fin: true });
    expect(answer).toMatchObject({ closed: true });
    expect(flow.simulator.books().totals.requests).toBe(before);
  });

  test('the wrong method is told the right one', async () => {
    const response = await fetch(flow.gateway.url + PATHS[api], { method: 'GET' });
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe('POST');
    expect(errorOf(api, await response.text()).code).toBe('gateway_method_not_allowed');
  });

  test.each([
    ['a foreign Host', { host: 'rebound.example.com' }, 'gateway_host_refused'],
    ['no Host worth the name', { host: 'a b' }, 'gateway_host_refused'],
    ['the Origin of another site', { origin: 'https://evil.example' }, 'gateway_cross_site_refused'],
    ['an opaque Origin', { origin: 'null' }, 'gateway_cross_site_refused'],
    ['a cross-site fetch', { 'sec-fetch-site': 'cross-site' }, 'gateway_cross_site_refused'],
  ] as const)('%s is refused', async (_what, head, code) => {
    const answer = await flow.raw(rawRequest(PATHS[api], JSON.stringify(bodyOf(api)), head));
    expect({ status: answer.status, code: errorOf(api, answer.body).code }).toEqual({ status: 403, code });
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control-'))).toEqual([]);
  });

  test.each([
    ['rubbish instead of an answer', 'junk=200', 502, 'gateway_upstream_invalid'],
    ['a connection closed instead of an answer', 'cut_at=head', 502, 'gateway_upstream_broken'],
    ['a connection reset instead of an answer', 'cut_at=head;cut=rst', 502, 'gateway_upstream_broken'],
  ])('%s from a provider is a clear error', async (_what, sim, status, code) => {
    const response = await flow.ask(api, { sim });
    expect({ status: response.status, code: errorOf(api, await response.text()).code }).toEqual({ status, code });
    accepted.set(idOf(response), 'error');
  });

  test.each([
    ['rubbish within a stream', 'junk_after=2;events=5', true],
    ['a body shorter than declared', 'content_length=+9', false],
  ])('%s from a provider breaks the answer for the client too', async (_what, sim, stream) => {
    const response = await flow.ask(api, { sim, stream });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
    accepted.set(idOf(response), 'error');
  });

  test.each([
    ['an event that is not JSON', 'bad_json', true],
    ['an HTML page with status 503', 'status=503;html', false],
  ])('%s from a provider passes as it is', async (_what, sim, stream) => {
    // Asked for, so that the gateway edits nothing.
    const options = api === 'openai' && stream ? { stream_options: { include_usage: true } } : {};
    const response = await flow.ask(api, { sim, stream, body: options, headers: { 'accept-encoding': 'identity' } });
    const direct = await fetch(flow.simulator.url + PATHS[api], {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-sim': sim, ...VERSION },
      body: JSON.stringify({ ...bodyOf(api), stream, ...options }),
    });
    expect(response.status).toBe(direct.status);
    const [through, straight] = [await response.text(), await direct.text()];
    expect(through.replaceAll(VARYING, '')).toBe(straight.replaceAll(VARYING, ''));
    accepted.set(idOf(response), stream ? 'complete' : 'error');
  });
});

test('an unknown path is refused', async () => {
  for (const path of ['/v1/nothing', '/v2/chat/completions', '/%2e%2e/etc/passwd', '//v1/messages/']) {
    const answer = await flow.raw(rawRequest(path, '{}'));
    expect(answer.status, path).toBe(404);
    expect(answer.body).toContain('gateway_path_unknown');
  }
});

test('a flood of headers is refused, or dropped with its connection', async () => {
  const refused = await flow.raw(rawRequest(PATHS.openai, JSON.stringify(bodyOf('openai')), floodOf(300)), TO_THE_END);
  expect(refused).toMatchObject({ status: 431, closed: true });
  expect((await floodDropped).status).toBe(TEST_SOCKET === 'uws' ? 0 : 431);
});

test('a huge header ends with its connection', async () => {
  const answer = await flow.raw(
    rawRequest(PATHS.openai, JSON.stringify(bodyOf('openai')), { 'x-huge': 'y'.repeat(1024 * 1024) }),
    TO_THE_END,
  );
  expect(answer.status === 0 || answer.status >= 400, answer.text).toBe(true);
  expect(answer.closed).toBe(true);
});

test('a head that never ends holds up nobody', async () => {
  const sockets = await Promise.all(Array.from({ length: 50 }, () => flow.socket()));
  for (const socket of sockets) socket.write(`POST ${PATHS.openai} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: `);
  const response = await flow.ask('openai', { sim: 'output=3' });
  expect(response.status, await response.text()).toBe(200);
  accepted.set(idOf(response), 'complete');
  for (const socket of sockets) socket.destroy();
});

test.each(['\0\0\0\0\r\n\r\n', 'GET\r\n\r\n', 'POST /v1/messages HTTP/9.9\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00'])(
  'what is not HTTP (%j) is refused or dropped',
  async (bytes) => {
    const answer = await flow.raw(Buffer.from(bytes, 'latin1'), { fin: true });
    expect(answer.status === 0 || answer.status >= 400, answer.text).toBe(true);
  },
);

test('every accepted request has exactly one record, and nothing else has', async () => {
  const records = await flow.gateway.records(accepted.size);
  const recorded = records.map(({ id, state }) => [id, state] as const).sort();
  expect(recorded).toEqual([...accepted].sort());
  for (const record of records.filter(({ state }) => state === 'denied')) {
    expect(record.denied_by).toMatch(/^gateway_/);
    expect(record.attempts).toEqual([]);
  }
});

test('nothing is left of any request', async () => {
  await flow.quiescent();
});

const TO_THE_END = { enough: () => false };

/** Without it, Anthropic refuses. */
const VERSION = { 'anthropic-version': '2023-06-01', 'accept-encoding': 'identity' };

/** What differs between two calls. */
const VARYING = /"created":\d+/g;

function floodOf(headers: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: headers }, (_, i) => [`x-flood-${i}`, 'y']));
}
