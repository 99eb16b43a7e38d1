import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { PATHS, bodyOf, rawRequest, startFlow } from '../flow/support.ts';
import type { Flow } from '../flow/support.ts';

/** What the fuzz test found, each by its name, from a provider that writes what it is told. */
let flow: Flow;
let provider: Server;
/** Answers the next request; the head's end was read. */
let answer: (socket: Socket) => void = () => undefined;

const IDLE_MS = 500;

beforeAll(async () => {
  provider = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      if (bytes.includes('\r\n\r\n')) answer(socket);
    });
  });
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  const address = provider.address();
  const port = address === null || typeof address === 'string' ? 0 : address.port;
  flow = await startFlow({
    providers: { openai: { baseurl: `http://127.0.0.1:${port}`, apikey: 'sk-test', models: ['gpt-5-mini'] } },
    server: { timeouts: { idle: `${IDLE_MS}ms` } },
  });
});
afterAll(async () => {
  await flow.close();
  await new Promise((resolve) => provider.close(resolve));
});
afterEach(async () => {
  const alive = await fetch(`${flow.gateway.url}/readyz`).catch(() => undefined);
  expect(alive?.status, flow.gateway.output().slice(-3000)).toBe(200);
});

/** With its usage asked for: the gateway edits nothing. */
function ask(): string {
  const body = { ...bodyOf('openai'), stream: true, stream_options: { include_usage: true } };
  return rawRequest(PATHS.openai, JSON.stringify(body));
}

const HEAD = 'HTTP/1.1 200 OK\r\n';

test('failure mode 27: a large answer on a connection that closes, come faster than it leaves, kills nobody', async () => {
  const kib = Buffer.alloc(1024, 'x');
  for (let size = 200; size < 500; size += 5) {
    const body = Buffer.concat(Array.from({ length: size }, () => kib));
    answer = (socket) => {
      socket.write(`${HEAD}content-type: application/json\r\nconnection: close\r\n\r\n`);
      socket.end(body);
    };
    const response = await fetch(flow.gateway.url + PATHS.openai, {
      method: 'POST',
      body: JSON.stringify(bodyOf('openai')),
    });
    expect((await response.arrayBuffer()).byteLength).toBe(body.length);
  }
});

test('failure mode 27: a connection that breaks while its answer waits for a slow client kills nobody', async () => {
  const much = Buffer.alloc(8 * 1024 * 1024, 'x');
  for (const how of ['fin', 'rst'] as const) {
    answer = (socket) => {
      socket.write(`${HEAD}content-type: application/json\r\nconnection: close\r\n\r\n`);
      socket.write(much);
      setTimeout(() => (how === 'rst' ? socket.resetAndDestroy() : socket.destroy()), 100);
    };
    const client = await flow.socket();
    client.pause();
    client.write(ask());
    const gone = new Promise((resolve) => client.once('end', resolve).once('close', resolve));
    setTimeout(() => client.resume(), 250);
    await gone;
    client.destroy();
  }
});

test('a stream that says how long it is, and stalls, is not made whole by our own words', async () => {
  answer = (socket) => {
    socket.write(`${HEAD}content-type: text/event-stream\r\ncontent-length: 60\r\n\r\ndata: {"x":1}\n\n`);
  };
  const got = await flow.raw(ask(), { enough: () => false });
  expect(got.closed).toBe(true);
  expect(got.body).toBe('data: {"x":1}\n\n');
});

test('a compressed stream that stalls gets no plain words of ours', async () => {
  const half = gzipSync('data: {"x":1}\n\n').subarray(0, 20);
  answer = (socket) => {
    socket.write(
      `${HEAD}content-type: text/event-stream\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    socket.write('14\r\n');
    socket.write(half);
    socket.write('\r\n');
  };
  const got = await flow.raw(ask(), { enough: () => false });
  expect(got.closed).toBe(true);
  expect(got.body.trimEnd()).toBe(`14\r\n${half.toString('latin1')}`.trimEnd());
});

test('counts and costs beyond all reason keep their record', async () => {
  const odd = '{"prompt_tokens":9007199254740991,"completion_tokens":1e300,"cost":1e15}';
  answer = (socket) => {
    const body = `{"model":"gpt-5-mini","choices":[],"usage":${odd}}`;
    socket.write(`${HEAD}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  };
  const response = await flow.ask('openai');
  await response.arrayBuffer();
  const record = await flow.record(response.headers.get('x-aperture-request-id') ?? '');
  expect(record.usage).toMatchObject({ input_uncached: 10_000_000_000, output: 10_000_000_000 });
  expect(record.usage_flags).toContain('clamped:output');
});

test('nothing is left of any request', async () => {
  await flow.quiescent();
});
