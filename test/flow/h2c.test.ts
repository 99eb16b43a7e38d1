import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../support/gateway.ts';
import { slowness } from '../support/machine.ts';
import { removeDataDir } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { MODELS, PATHS, bodyOf, errorOf, newTag, startFlow } from './support.ts';
import type { Flow } from './support.ts';

/** The real binary with `server.socket: node`, and an address that takes HTTP/2 in the clear. */
const dataDir = temporaryFolder();
let flow: Flow;
let url: string;
let client: ClientHttp2Session;

beforeAll(async () => {
  flow = await startFlow({ dataDir, server: { socket: 'node', listen_h2c: [{ address: '127.0.0.1:0' }] } });
  url = flow.gateway.urls[1] ?? '';
  client = connect(url);
});
afterAll(async () => {
  client.destroy();
  await flow.close();
  removeDataDir(dataDir);
});

function ask(sim: string, tag: string, stream = true): ClientHttp2Stream {
  const asked = client.request({
    ':method': 'POST',
    ':path': PATHS.openai,
    'content-type': 'application/json',
    'accept-encoding': 'identity',
    'user-agent': tag,
    'x-sim': `tag=${tag};${sim}`,
  });
  const options = stream ? { stream_options: { include_usage: true } } : {};
  asked.end(JSON.stringify({ ...bodyOf('openai'), stream, ...options }));
  return asked;
}

async function answerOf(stream: ClientHttp2Stream): Promise<{ headers: IncomingHttpHeaders; text: string }> {
  const chunks: Buffer[] = [];
  let headers: IncomingHttpHeaders = {};
  stream.on('response', (received) => (headers = received));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', () => undefined);
  await new Promise((resolve) => stream.on('close', resolve));
  return { headers, text: Buffer.concat(chunks).toString() };
}

test('a stream over HTTP/2 has the bytes that the provider sent, and a record like any other', async () => {
  const tag = newTag();
  const { headers, text } = await answerOf(ask('events=9;output=45', tag));
  expect(headers).toMatchObject({ ':status': 200, 'content-type': expect.stringMatching(/^text\/event-stream/) });
  expect(createHash('sha256').update(text).digest('hex')).toBe((await flow.ended(tag)).sha256);
  expect(await flow.recordOf(tag)).toMatchObject({ state: 'complete', model: MODELS.openai, usage: { output: 45 } });
});

test('hundreds of requests share a connection', async () => {
  const answers = await Promise.all(Array.from({ length: 300 }, () => answerOf(ask('output=3', newTag(), false))));
  expect(new Set(answers.map(({ headers }) => headers[':status']))).toEqual(new Set([200]));
});

test('our own error is in the shape of the API', async () => {
  const { headers, text } = await answerOf(client.request({ ':path': PATHS.openai }));
  expect([headers[':status'], headers['allow'], errorOf('openai', text).code]).toEqual([
    405,
    'POST',
    'gateway_method_not_allowed',
  ]);
});

test('a client that resets its request aborts the provider within 100 ms', async () => {
  const tag = newTag();
  const stream = ask('events=1000;pace=20ms', tag);
  stream.on('error', () => undefined);
  await once(stream, 'data');
  const beganAtMs = Date.now();
  stream.close(constants.NGHTTP2_CANCEL);
  const entry = await flow.ended(tag);
  expect((entry.ended_at_ms ?? Infinity) - beganAtMs).toBeLessThan(100 * slowness());
  expect(await flow.recordOf(tag)).toMatchObject({ state: 'aborted' });
});

test("a broken stream of the provider's has no clean end", async () => {
  const stream = ask('cut_at=700;cut=rst;events=20', newTag());
  await answerOf(stream);
  expect(stream.rstCode).toBe(constants.NGHTTP2_INTERNAL_ERROR);
});

test('who speaks HTTP/1.1 to the same address is answered in it', async () => {
  expect(await (await fetch(`${url}/healthz`)).text()).toBe(await (await fetch(`${flow.gateway.url}/healthz`)).text());
  const { stdout } = await promisify(execFile)('curl', ['-sS', '-i', `${url}/readyz`]);
  expect(stdout).toMatch(/^HTTP\/1.1 200 OK\r\n.*ready\n$/s);
  const over2 = await promisify(execFile)('curl', ['-sS', '-i', '--http2-prior-knowledge', `${url}/readyz`]);
  expect(over2.stdout).toMatch(/^HTTP\/2 200 .*ready\n$/s);
});

test('no binary of a third party is in the process', async () => {
  const BINARY = /uws_\w+\.node/;
  expect(readFileSync(`/proc/${flow.gateway.pid}/maps`, 'utf8')).not.toMatch(BINARY);
  // What it would look like.
  await import('uWebSockets.js');
  expect(readFileSync('/proc/self/maps', 'utf8')).toMatch(BINARY);
});

test('a gateway that leaves says so, and ends what is under way first', async () => {
  const tag = newTag();
  const stream = ask('events=10;pace=50ms', tag);
  await once(stream, 'data');
  const told = once(client, 'goaway');
  const answering = answerOf(stream);
  process.kill(flow.gateway.pid, 'SIGTERM');
  expect((await told)[0]).toBe(constants.NGHTTP2_NO_ERROR);
  expect((await answering).text).toMatch(/data: \[DONE\]\n\n$/);
  if (!client.closed) await once(client, 'close');
  // A second signal would cut what the first let end.
  await until('the process has ended', () => !isAlive(flow.gateway.pid));
  expect(await flow.gateway.stop()).toBe(0);
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false; // There is no such process.
  }
}
