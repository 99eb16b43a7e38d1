import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http2';
import { connect } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createNodeSocket } from '../../src/front/node-socket.ts';
import type { ClientRequest, ClientResponse, FrontSocket } from '../../src/front/socket.ts';
import { until } from '../support/until.ts';
import { writeOn } from '../support/write-on.ts';

/** HTTP/2 in the clear, as Node's own client speaks it. */
const BODY = Buffer.alloc(8 * 1024 * 1024, 'x');
const CHUNK_BYTES = 64 * 1024;
/** Of a body that is not read, this much is taken (`docs/architecture.md`, "Bounds"). */
const WINDOW_BYTES = 1024 * 1024;

let socket: FrontSocket;
let port: number;
let client: ClientHttp2Session;
let requests: ClientRequest[];
let gone: string[];
let waiting: Map<string, ClientResponse>;

const ANSWERS: Record<string, (response: ClientResponse) => void> = {
  '/small': (response) => {
    const headers: [string, string][] = [
      ['x-twice', 'a'],
      ['x-twice', 'b'],
      ['x-umlaut', 'grün'],
      ['connection', 'keep-alive'],
      ['transfer-encoding', 'chunked'],
      ['x bad', 'name'],
      ['x-bad', 'va\nlue'],
    ];
    response.send(200, headers, 'ok');
  },
  '/sized': (response) => {
    response.head(200, [], BODY.length);
    for (let at = 0; at < BODY.length; at += CHUNK_BYTES) response.write(BODY.subarray(at, at + CHUNK_BYTES));
  },
  '/stream': (response) => {
    response.head(200, [['content-type', 'text/event-stream']], undefined);
    writeOn(response, BODY);
  },
  '/refused': (response) => {
    response.send(413, [['connection', 'close']], 'too large');
  },
  '/broken': (response) => {
    response.head(200, [], undefined);
    response.write(Buffer.from('the last word'));
    response.reset();
  },
  '/short': (response) => {
    response.head(200, [], 10);
    response.write(Buffer.from('half!'));
    response.end();
  },
  '/echo': (response) => {
    const chunks: Uint8Array[] = [];
    response.onData((chunk, last) => {
      chunks.push(chunk);
      if (last) response.send(200, [], Buffer.concat(chunks));
    });
  },
  '/odd': (response) => {
    response.send(799, [], '');
  },
  '/head-alone': (response) => {
    response.head(200, [], undefined);
  },
};

beforeEach(async () => {
  requests = [];
  gone = [];
  waiting = new Map();
  socket = createNodeSocket(
    (request, response) => {
      requests.push(request);
      response.onGone(() => gone.push(request.path));
      waiting.set(request.path, response);
      ANSWERS[request.path]?.(response);
    },
    0,
    { h2c: true },
  );
  port = await socket.listen('127.0.0.1', 0);
  client = connectHttp2(`http://127.0.0.1:${port}`);
  client.on('error', () => undefined);
});
afterEach(() => {
  client.destroy();
  socket.close();
});

interface Answer {
  headers: IncomingHttpHeaders;
  body: Buffer;
  code: number | undefined;
}

function ask(path: string, headers: OutgoingHttpHeaders = {}, body?: Buffer): ClientHttp2Stream {
  const stream = client.request(
    { ':path': path, ...headers },
    { endStream: body === undefined && headers[':method'] === undefined },
  );
  stream.on('error', () => undefined);
  if (body !== undefined) stream.end(body);
  return stream;
}

async function answerOf(stream: ClientHttp2Stream): Promise<Answer> {
  let headers: IncomingHttpHeaders = {};
  const chunks: Buffer[] = [];
  stream.on('response', (received) => (headers = received));
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => stream.on('close', resolve));
  return { headers, body: Buffer.concat(chunks), code: stream.rstCode };
}

test('a request is told as HTTP/1.1 would tell it', async () => {
  const { headers, body } = await answerOf(
    ask('/small?a=%2F&b=?', { 'x-one': '1', 'x-umlaut': Buffer.from('grün').toString('latin1') }),
  );
  expect(headers[':status']).toBe(200);
  expect(body.toString()).toBe('ok');
  expect(requests[0]).toMatchObject({ method: 'GET', path: '/small', query: 'a=%2F&b=?', remoteAddress: '127.0.0.1' });
  expect(requests[0]?.headers).toEqual([
    ['host', `127.0.0.1:${port}`],
    ['x-one', '1'],
    ['x-umlaut', 'grün'],
  ]);
});

test('headers of an answer are those that HTTP/2 has', async () => {
  const { headers } = await answerOf(ask('/small'));
  expect(headers).toMatchObject({ ':status': 200, 'content-length': '2', 'x-twice': 'a, b' });
  expect(Buffer.from(String(headers['x-umlaut']), 'latin1').toString()).toBe('grün');
  for (const name of ['connection', 'transfer-encoding', 'keep-alive', 'x bad', 'x-bad'])
    expect(headers).not.toHaveProperty([name]);
});

test('a status that HTTP/2 has not is a bad gateway', async () => {
  expect((await answerOf(ask('/odd'))).headers[':status']).toBe(502);
});

test.each(['/stream', '/sized'])('all of %s passes, and a slow client is waited for', async (path) => {
  const stream = ask(path);
  stream.pause();
  await until('the request has come', () => socket.open === 1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(socket.open).toBe(1);
  const answering = answerOf(stream);
  stream.resume();
  const { body, code } = await answering;
  expect(body.equals(BODY)).toBe(true);
  expect(code).toBe(constants.NGHTTP2_NO_ERROR);
  await until('it is over', () => socket.open === 0);
});

test('a head leaves before its body is there', async () => {
  const stream = ask('/head-alone');
  const [headers] = await once(stream, 'response');
  expect(headers[':status']).toBe(200);
  stream.close();
});

test('a HEAD has the length of an answer and no body', async () => {
  const stream = ask('/small', { ':method': 'HEAD' });
  stream.end();
  const { headers, body } = await answerOf(stream);
  expect([headers['content-length'], body.length]).toEqual(['2', 0]);
});

test('a large body comes whole', async () => {
  const { body } = await answerOf(ask('/echo', { ':method': 'POST' }, BODY));
  expect(body.equals(BODY)).toBe(true);
});

test('a body that nobody reads is held off', async () => {
  const stream = ask('/waiting', { ':method': 'POST' });
  let sent = 0;
  const send = (): void => {
    stream.write(BODY.subarray(0, CHUNK_BYTES), () => {
      sent += CHUNK_BYTES;
      if (sent < BODY.length) send();
      else stream.end();
    });
  };
  send();
  // Of what its windows let out, nothing comes back.
  await until('it is held off', () => sent >= WINDOW_BYTES - CHUNK_BYTES && stream.writableLength > 0);
  // Another request of the same connection is not.
  expect((await answerOf(ask('/small'))).body.toString()).toBe('ok');
  expect(sent).toBeLessThanOrEqual(2 * WINDOW_BYTES);
  let taken = 0;
  waiting.get('/waiting')?.onData((chunk, last) => {
    taken += chunk.byteLength;
    if (last) waiting.get('/waiting')?.send(200, [], String(taken));
  });
  expect((await answerOf(stream)).body.toString()).toBe(String(BODY.length));
});

test('many requests share a connection', async () => {
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, at) => answerOf(ask('/echo', { ':method': 'POST' }, Buffer.from(String(at))))),
  );
  expect(answers.map(({ body }) => body.toString())).toEqual(Array.from({ length: 200 }, (_, at) => String(at)));
  expect(socket.open).toBe(0);
});

test('a client that resets one request has left it, and no other', async () => {
  const left = ask('/left');
  const stays = ask('/stays');
  await until('both have come', () => requests.length === 2);
  left.close(constants.NGHTTP2_CANCEL);
  await until('it is gone', () => gone.length > 0);
  expect([gone, socket.open]).toEqual([['/left'], 1]);
  const answering = answerOf(stays);
  waiting.get('/stays')?.send(200, [], 'here');
  expect((await answering).body.toString()).toBe('here');
});

test('a client that is cut has left all of its requests', async () => {
  ask('/a');
  ask('/b');
  await until('both have come', () => requests.length === 2);
  client.destroy();
  await until('both are gone', () => gone.length === 2);
  expect(socket.open).toBe(0);
});

test.each(['/broken', '/short'])(
  'the answer of %s has no clean end, and loses none of what was written',
  async (path) => {
    const { body, code } = await answerOf(ask(path));
    expect(body.toString()).toBe(path === '/broken' ? 'the last word' : 'half!');
    expect(code).toBe(constants.NGHTTP2_INTERNAL_ERROR);
    expect((await answerOf(ask('/small'))).body.toString()).toBe('ok');
  },
);

test('a refused body is told so and not read', async () => {
  const stream = ask('/refused', { ':method': 'POST' });
  stream.write(BODY.subarray(0, CHUNK_BYTES));
  const { headers, body } = await answerOf(stream);
  expect([headers[':status'], body.toString()]).toEqual([413, 'too large']);
  expect((await answerOf(ask('/small'))).body.toString()).toBe('ok');
});

test('dismissed, a client is told to come with another connection, and what it has asked is answered', async () => {
  const first = answerOf(ask('/first'));
  await until('it has come', () => waiting.has('/first'));
  const told = once(client, 'goaway');
  socket.dismiss();
  expect((await told)[0]).toBe(constants.NGHTTP2_NO_ERROR);
  waiting.get('/first')?.send(200, [], 'answered');
  expect((await first).body.toString()).toBe('answered');
  if (!client.closed) await once(client, 'close');
  // A new connection gets its first answer.
  client = connectHttp2(`http://127.0.0.1:${port}`);
  const toldAgain = once(client, 'goaway');
  expect((await answerOf(ask('/small'))).body.toString()).toBe('ok');
  await toldAgain;
});

test('who opens and resets without end is closed, and nobody else is', async () => {
  const other = connectHttp2(`http://127.0.0.1:${port}`);
  other.on('error', () => undefined);
  for (let at = 0; at < 5000 && !client.destroyed; at++) {
    const stream = ask('/waiting');
    stream.close(constants.NGHTTP2_CANCEL);
    if (at % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await until('the connection is closed', () => client.destroyed);
  await until('nothing is left', () => socket.open === 0);
  client = other;
  expect((await answerOf(ask('/small'))).body.toString()).toBe('ok');
});

test('more requests than a connection may have wait for their turn', async () => {
  const asked = Array.from({ length: 300 }, (_, at) => answerOf(ask(`/waiting/${at}`)));
  await until('the first have come', () => requests.length === 250);
  await new Promise((resolve) => setImmediate(resolve));
  expect(socket.open).toBe(250);
  for (let answered = 0; answered < 300; answered++) {
    await until('the next has come', () => requests.length > answered);
    waiting.get(`/waiting/${answered}`)?.send(200, [], 'ok');
  }
  expect((await Promise.all(asked)).every(({ body }) => body.toString() === 'ok')).toBe(true);
});

test.each([
  ['at once', 24],
  ['in pieces', 1],
])('HTTP/1.1 and HTTP/2 are told apart by their first bytes, come they %s', async (_how, bytes) => {
  const text = `GET /small HTTP/1.1\r\nhost: a\r\n\r\n`;
  expect(await inPieces(Buffer.from(text), bytes)).toContain('HTTP/1.1 200 OK');
  const frames = Buffer.concat([
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
  ]);
  // A SETTINGS frame of its own is the first of a server: type 4, at its fourth byte.
  expect((await inPieces(frames, bytes)).charCodeAt(3)).toBe(4);
});

/** The first bytes that come back. */
async function inPieces(bytes: Buffer, pieceBytes: number): Promise<string> {
  const raw = connect({ port, host: '127.0.0.1', noDelay: true });
  const first = once(raw, 'data');
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    raw.write(bytes.subarray(at, at + pieceBytes));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const [chunk] = await first;
  raw.destroy();
  return (chunk as Buffer).toString('latin1');
}
