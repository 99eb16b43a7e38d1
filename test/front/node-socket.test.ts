import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { readKeyPair } from '../../src/front/key-pair.ts';
import type { KeyPair } from '../../src/front/key-pair.ts';
import { createNodeSocket } from '../../src/front/node-socket.ts';
import type { ClientRequest, ClientResponse, ClientWebSocket, FrontSocket } from '../../src/front/socket.ts';
import { makeCertificate, replaceCertificate } from '../support/certificates.ts';
import type { TestCertificate } from '../support/certificates.ts';
import { until } from '../support/until.ts';

/** What Node's own socket layer does beside the promises that all layers make (`sockets.test.ts`). */
const IDLE_MS = 300;
const MOST_MESSAGE_BYTES = 1000;
const MANY_HEADERS = Array.from({ length: 101 }, (_, at) => `x-${at}: y\r\n`).join('');
const WEBSOCKET =
  'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n';

let socket: FrontSocket;
let port: number;
let client: Socket;
let requests: ClientRequest[];
let answer: (request: ClientRequest, response: ClientResponse) => void;

beforeEach(async () => {
  requests = [];
  answer = (request, response) => {
    response.send(200, [], request.path);
  };
  socket = createNodeSocket(
    (request, response) => {
      requests.push(request);
      answer(request, response);
    },
    0,
    { idleMs: IDLE_MS },
  );
  port = await socket.listen('127.0.0.1', 0);
  client = connect(port, '127.0.0.1');
  client.on('error', () => undefined);
  await once(client, 'connect');
});
afterEach(() => {
  client.destroy();
  socket.close();
});

async function toTheEnd(request: string): Promise<string> {
  let text = '';
  client.on('data', (chunk: Buffer) => (text += chunk.toString()));
  client.write(request);
  if (!client.closed) await once(client, 'close');
  return text;
}

test('what is not HTTP is told so in plain JSON', async () => {
  const text = await toTheEnd('GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n');
  const [head = '', body = ''] = text.split('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
  expect(head).toMatch(/content-type: application\/json/);
  expect(JSON.parse(body)).toEqual({ error: expect.any(String), code: 'gateway_bad_request' });
});

test.each([
  ['more than 100 headers', MANY_HEADERS],
  ['more than 100 headers and an upgrade', `connection: upgrade\r\nupgrade: h2c\r\n${MANY_HEADERS}`],
  ['a head above all that can be set', `x-huge: ${'y'.repeat(3 * 1024 * 1024)}\r\n`],
])('%s are refused', async (_what, headers) => {
  const text = await toTheEnd(`GET / HTTP/1.1\r\nhost: a\r\n${headers}\r\n`);
  expect(text).toMatch(/^HTTP\/1.1 431 /);
  expect(text).toContain('"code":"gateway_headers_too_large"');
  expect(requests).toEqual([]);
});

test.each([
  ['silent', ''],
  ['that drips a head', 'GET / HTTP/1.1\r\nhost: '],
  ['that had its answer', 'GET / HTTP/1.1\r\nhost: a\r\n\r\n'],
])('a connection %s is closed after a while', async (_what, bytes) => {
  await toTheEnd(bytes);
});

test('a request that waits for its answer is not idle', async () => {
  const waiting: ClientResponse[] = [];
  answer = (_request, response) => waiting.push(response);
  client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  const other = connect(port, '127.0.0.1');
  await once(other, 'close');
  expect(client.closed).toBe(false);
  waiting[0]?.send(200, [], 'late');
  const [bytes] = await once(client, 'data');
  expect(String(bytes)).toContain('late');
});

test('a request that comes before the one before it is answered ends the connection', async () => {
  const gone: string[] = [];
  answer = (request, response) => {
    response.onGone(() => gone.push(request.path));
  };
  await toTheEnd('GET /a HTTP/1.1\r\nhost: a\r\n\r\nGET /b HTTP/1.1\r\nhost: a\r\n\r\n');
  expect(requests.map(({ path }) => path)).toEqual(['/a']);
  await until('it is gone', () => gone.length === 1);
});

test('a client that is refused while it sends has its answer, and not a reset', async () => {
  answer = (_request, response) => {
    response.send(413, [['connection', 'close']], 'too large');
  };
  const text = await toTheEnd(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5000000\r\n\r\n${'x'.repeat(5_000_000)}`);
  expect(text).toMatch(/^HTTP\/1.1 413 .*too large$/s);
  expect(client.errored).toBeNull();
});

test('a refused body is not asked for', async () => {
  answer = (_request, response) => {
    response.send(413, [['connection', 'close']], 'too large');
  };
  const head = 'POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n';
  expect(await toTheEnd(head)).toMatch(/^HTTP\/1.1 413 /);
});

test('a body that comes with a wish for another protocol is read, and the connection goes on', async () => {
  answer = (_request, response) => {
    const chunks: Uint8Array[] = [];
    response.onData((chunk, last) => {
      chunks.push(chunk);
      if (last) response.send(200, [], Buffer.concat(chunks));
    });
  };
  let text = '';
  client.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const upgrade = 'connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n';
  client.write(`POST /one HTTP/1.1\r\nhost: a\r\n${upgrade}content-length: 5\r\n\r\nfi`);
  await new Promise((resolve) => setImmediate(resolve));
  client.write('rst');
  await until('the first is answered', () => text.endsWith('first'));
  client.write('POST /two HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nsecond');
  await until('the second is answered', () => text.endsWith('second'));
  expect(requests.map(({ path }) => path)).toEqual(['/one', '/two']);
});

test('a port that is taken is said by name, and what it would take to share it', async () => {
  // Without SO_REUSEPORT, so that nobody can share it.
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const { port: taken } = other.address() as AddressInfo;
  const second = createNodeSocket(() => undefined, 0);
  await expect(second.listen('127.0.0.1', taken)).rejects.toThrow(
    new RegExp(`cannot listen on 127.0.0.1:${taken}: .*EADDRINUSE.*Node 22.12`),
  );
  other.close();
});

test('a renewed certificate is shown from then on, and connections that are open live on', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aperture-test-tls-'));
  const [first, second] = [makeCertificate(folder, 'first'), makeCertificate(folder, 'second')];
  const files = { certFile: join(folder, 'server.crt'), keyFile: join(folder, 'server.key') };
  const pairOf = async (certificate: TestCertificate): Promise<KeyPair> => {
    replaceCertificate(files, certificate);
    const pair = await readKeyPair(files.certFile, files.keyFile);
    if (!pair.ok) throw new Error(pair.fault);
    return pair.value;
  };
  const secure = createNodeSocket((_request, response) => response.send(200, [], 'ok'), 0, {
    keyPair: await pairOf(first),
  });
  const securePort = await secure.listen('127.0.0.1', 0);
  const open = async (): Promise<TLSSocket> => {
    const opened = connectTls({ port: securePort, host: '127.0.0.1', ca: [first.cert, second.cert] });
    await once(opened, 'secureConnect');
    return opened;
  };
  const old = await open();
  expect(secure.renew(await pairOf(second))).toBe(true);
  const renewed = await open();
  expect([old, renewed].map((each) => each.getPeerCertificate().subject.CN)).toEqual(['first', 'second']);
  old.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  expect(String((await once(old, 'data'))[0])).toContain('200 OK');
  secure.close();
  for (const each of [old, renewed]) if (!each.closed) await once(each, 'close');
  rmSync(folder, { recursive: true, force: true });
});

describe('WebSocket', () => {
  interface Told {
    messages: string[];
    drained: number;
    closed: [number, string][];
  }
  let told: Told;
  let ours: ClientWebSocket | undefined;
  let theirs: WebSocket;

  beforeEach(() => {
    told = { messages: [], drained: 0, closed: [] };
    answer = (_request, response) => {
      // As identity may: later.
      setImmediate(() => {
        const options = {
          protocol: 'two',
          headers: [['x-own', 'yes']] as [string, string][],
          maxMessageBytes: MOST_MESSAGE_BYTES,
        };
        ours = response.upgrade(options, {
          message: (bytes, binary) =>
            told.messages.push(`${binary ? 'binary' : 'text'} ${Buffer.from(bytes).toString()}`),
          drained: () => (told.drained += 1),
          closed: (code, reason) => told.closed.push([code, reason]),
        });
      });
    };
  });

  async function open(): Promise<ClientWebSocket> {
    theirs = new WebSocket(`ws://127.0.0.1:${port}/socket?q`, ['one', 'two']);
    const head = once(theirs, 'upgrade');
    await once(theirs, 'open');
    expect(theirs.protocol).toBe('two');
    expect(String((await head)[0].headers['x-own'])).toBe('yes');
    if (ours === undefined) throw new Error('it was not accepted');
    return ours;
  }

  test('messages pass both ways, as text and as bytes, and it may be silent', async () => {
    const socket = await open();
    expect(requests[0]).toMatchObject({ method: 'GET', path: '/socket', query: 'q' });
    const got: string[] = [];
    theirs.on('message', (data: Buffer, binary: boolean) =>
      got.push(`${binary ? 'binary' : 'text'} ${data.toString()}`),
    );
    await once(connect(port, '127.0.0.1').resume(), 'close');
    theirs.send('hello');
    theirs.send(Buffer.from('bytes'));
    await until('both are here', () => told.messages.length === 2);
    expect(told.messages).toEqual(['text hello', 'binary bytes']);
    const mine = Buffer.from('kept');
    socket.send(mine, true);
    mine.fill('!');
    socket.send('grün', false);
    await until('both are there', () => got.length === 2);
    expect(got).toEqual(['binary kept', 'text grün']);
    expect(told.drained).toBeGreaterThan(0);
    expect(socket.unsentBytes).toBe(0);
  });

  test.each([
    [1000, 'bye', 1000, 'bye'],
    [4001, 'x'.repeat(200), 4001, 'x'.repeat(123)],
    [1005, '', 1005, ''],
    [1015, 'not to be sent', 1011, 'not to be sent'],
    [1006, '', 1006, ''],
  ])('closed by us with %i, the client hears it', async (code, reason, theirCode, theirReason) => {
    const socket = await open();
    socket.close(code, reason);
    const [heardCode, heardReason] = await once(theirs, 'close');
    expect([heardCode, String(heardReason)]).toEqual([theirCode, theirReason]);
    await until('we hear it', () => told.closed.length === 1);
    socket.send('nobody', false);
    socket.close(1000, '');
    expect(told.closed).toHaveLength(1);
  });

  test('closed by the client, we hear how', async () => {
    await open();
    theirs.close(3001, 'enough');
    await until('we hear it', () => told.closed.length > 0);
    expect(told.closed).toEqual([[3001, 'enough']]);
  });

  test('cut by the client, it is 1006', async () => {
    await open();
    theirs.terminate();
    await until('we hear it', () => told.closed.length > 0);
    expect(told.closed).toEqual([[1006, '']]);
  });

  test('a message that is too long closes it with 1009', async () => {
    await open();
    theirs.send('x'.repeat(MOST_MESSAGE_BYTES + 1));
    expect((await once(theirs, 'close'))[0]).toBe(1009);
    await until('we hear it', () => told.closed.length > 0);
    expect(told).toMatchObject({ messages: [], closed: [[1009, '']] });
  });

  test('a client that does not answer a goodbye is cut', async () => {
    const socket = await open();
    theirs.pause();
    socket.close(1000, '');
    await until('we hear it', () => told.closed.length > 0);
    theirs.terminate();
  });

  test('one that is refused has an ordinary answer, and its connection ends', async () => {
    answer = (_request, response) => {
      response.send(426, [['content-type', 'text/plain']], 'not here');
    };
    const text = await toTheEnd(`GET / HTTP/1.1\r\nhost: a\r\n${WEBSOCKET}\r\n`);
    expect(text).toMatch(/^HTTP\/1.1 426 .*connection: close\r\n.*not here$/is);
    await until('it is over', () => socket.open === 0);
  });

  test('one that asks badly is none', async () => {
    answer = (_request, response) => {
      const upgraded = response.upgrade({ protocol: undefined, headers: [], maxMessageBytes: 1 }, NO_EVENTS);
      response.send(400, [], upgraded === undefined ? 'none' : 'one');
    };
    const text = await toTheEnd('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
    expect(text).toMatch(/^HTTP\/1.1 400 .*none$/s);
  });

  test('a client that leaves before it is judged is gone', async () => {
    const waiting: ClientResponse[] = [];
    const gone: number[] = [];
    answer = (_request, response) => {
      waiting.push(response);
      response.onGone(() => gone.push(1));
    };
    theirs = new WebSocket(`ws://127.0.0.1:${port}/`);
    theirs.on('error', () => undefined);
    await until('it waits', () => waiting.length === 1);
    theirs.terminate();
    await until('it is gone', () => gone.length === 1);
    expect(waiting[0]?.upgrade({ protocol: undefined, headers: [], maxMessageBytes: 1 }, NO_EVENTS)).toBeUndefined();
  });

  test('what a client sends before it is accepted comes once it is', async () => {
    const accept = answer;
    let judge = (): void => undefined;
    answer = (request, response) => {
      judge = () => accept(request, response);
    };
    // Masked by nothing: of 900 bytes, binary. More of them than wait unread.
    const frame = Buffer.concat([Buffer.from([0x82, 0xfe, 900 >> 8, 900 & 0xff, 0, 0, 0, 0]), Buffer.alloc(900, 'x')]);
    client.write(`GET / HTTP/1.1\r\nhost: a\r\n${WEBSOCKET}\r\n`);
    client.write(Buffer.concat(Array.from({ length: 200 }, () => frame)));
    await until('it has come', () => requests.length === 1);
    await new Promise((resolve) => setImmediate(resolve));
    judge();
    await until('all of them are here', () => told.messages.length === 200);
    expect(told.messages[199]).toBe(`binary ${'x'.repeat(900)}`);
  });

  test('closing the socket layer cuts it', async () => {
    await open();
    socket.close();
    expect((await once(theirs, 'close'))[0]).toBe(1006);
    await until('we hear it', () => told.closed.length > 0);
  });
});

const NO_EVENTS = { message: () => undefined, drained: () => undefined, closed: () => undefined };
