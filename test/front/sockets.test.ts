import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createNodeSocket } from '../../src/front/node-socket.ts';
import type { Accept, ClientRequest, ClientResponse, FrontSocket } from '../../src/front/socket.ts';
import { createUwsSocket } from '../../src/front/uws.ts';
import { until } from '../support/until.ts';
import { writeOn } from '../support/write-on.ts';

/** What every socket layer promises the front door (`src/front/socket.ts`), over HTTP/1.1. */
const LAYERS: [string, (accept: Accept) => FrontSocket][] = [
  ['uWebSockets.js', (accept) => createUwsSocket(accept, 0)],
  ["Node's own", (accept) => createNodeSocket(accept, 0)],
  ["Node's own, where HTTP/2 is taken as well", (accept) => createNodeSocket(accept, 0, { h2c: true })],
];

/** More than the system buffers between two sockets of one machine. */
const BODY = Buffer.alloc(16 * 1024 * 1024, 'x');
const CHUNK_BYTES = 64 * 1024;

const ANSWERS: Record<string, (response: ClientResponse) => void> = {
  '/small': (response) => {
    response.send(200, [['content-type', 'text/plain']], 'ok');
  },
  '/large': (response) => {
    response.send(200, [], BODY);
  },
  '/sized': (response) => {
    response.head(200, [], BODY.length);
    for (let at = 0; at < BODY.length; at += CHUNK_BYTES) response.write(BODY.subarray(at, at + CHUNK_BYTES));
  },
  '/stream': (response) => {
    response.head(200, [], undefined);
    writeOn(response, BODY);
  },
  '/refused': (response) => {
    response.send(413, [['connection', 'close']], 'too large');
  },
  '/short': (response) => {
    response.head(200, [], 10);
    setImmediate(() => {
      response.write(Buffer.from('half!'));
      response.end();
    });
  },
  '/broken': (response) => {
    response.head(200, [], undefined);
    setImmediate(() => {
      response.write(Buffer.from('the last word'));
      response.reset();
    });
  },
  '/echo': (response) => {
    const chunks: Buffer[] = [];
    response.onData((chunk, last) => {
      chunks.push(Buffer.from(chunk));
      if (last) response.send(200, [], Buffer.concat(chunks));
    });
  },
  '/headers': (response) => {
    const headers: [string, string][] = [
      ['x-twice', 'a'],
      ['x-twice', 'b'],
      ['x-umlaut', 'grün'],
    ];
    response.send(200, headers, '');
  },
  '/reused': (response) => {
    response.head(200, [], undefined);
    const mine = Buffer.from('before');
    response.write(mine);
    mine.fill('!');
    response.end();
  },
  '/waiting': () => undefined,
};

describe.each(LAYERS)('%s', (_name, create) => {
  let socket: FrontSocket;
  let port: number;
  let client: Socket;
  let requests: ClientRequest[];
  let gone: string[];

  beforeEach(async () => {
    requests = [];
    gone = [];
    socket = create((request, response) => {
      requests.push(request);
      response.onGone(() => gone.push(request.path));
      ANSWERS[request.path]?.(response);
    });
    port = await socket.listen('127.0.0.1', 0);
    client = connect(port, '127.0.0.1');
    client.on('error', () => undefined);
    await once(client, 'connect');
  });
  afterEach(() => {
    client.destroy();
    socket.close();
  });

  const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${headers}\r\n`;

  /** All that comes until it has come to its end. */
  async function answer(request: string, ends: (bytes: Buffer) => boolean): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let over = false;
    client.on('data', (chunk) => {
      chunks.push(chunk);
      over = ends(chunk);
    });
    client.write(request);
    await until('the answer is whole', () => over);
    client.removeAllListeners('data');
    return Buffer.concat(chunks);
  }

  /** All that comes until the connection is closed. */
  async function toTheEnd(request: string | Buffer): Promise<string> {
    const chunks: Buffer[] = [];
    client.on('data', (chunk) => chunks.push(chunk));
    client.write(request);
    if (!client.closed) await once(client, 'close');
    return Buffer.concat(chunks).toString();
  }

  const endsWith = (text: string) => (chunk: Buffer) => chunk.subarray(-text.length).toString() === text;

  test.each([
    ['/large', (chunk: Buffer) => chunk.at(-1) === 120],
    ['/sized', (chunk: Buffer) => chunk.at(-1) === 120],
    ['/stream', endsWith('0\r\n\r\n')],
  ])('a request is open until the client has taken all of %s', async (path, ends) => {
    client.pause();
    client.write(get(path));
    await until('the request has come', () => socket.open === 1);
    socket.stopListening();
    await new Promise((resolve) => setImmediate(resolve));
    expect(socket.open).toBe(1);
    let bytes = 0;
    let last: Buffer = Buffer.alloc(0);
    client.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      last = chunk;
    });
    client.resume();
    await until('it is over', () => socket.open === 0);
    socket.close();
    await until('all of it has come', () => bytes > BODY.length && ends(last));
  });

  test('a request whose client has left is open no more', async () => {
    client.pause();
    client.write(get('/stream'));
    await until('the request has come', () => socket.open === 1);
    client.destroy();
    await until('it is over', () => socket.open === 0);
    expect(gone).toEqual(['/stream']);
  });

  test('a client that half closes has left', async () => {
    client.end(get('/waiting'));
    await until('the request is gone', () => gone.length === 1);
    expect(socket.open).toBe(0);
    if (!client.closed) await once(client, 'close');
  });

  test('a dismissed client is told once, in every kind of answer, and is answered again on the same connection', async () => {
    const before = await answer(get('/small'), endsWith('ok'));
    expect(headOf(before)).not.toContain('connection: close');
    socket.dismiss();
    const small = await answer(get('/small'), endsWith('ok'));
    const stream = await answer(get('/stream'), endsWith('0\r\n\r\n'));
    const sized = await answer(get('/sized'), () => true);
    for (const bytes of [small, stream, sized]) expect(timesIn(headOf(bytes), 'connection: close')).toBe(1);
  });

  test('what ends a connection by itself says so once, dismissed or not', async () => {
    socket.dismiss();
    const refused = await answer(get('/refused'), endsWith('too large'));
    expect(timesIn(headOf(refused), 'connection: close')).toBe(1);
    if (!client.closed) await once(client, 'close');
  });

  test('a request is told as it came', async () => {
    const head = 'x-one: 1\r\nX-Twice: a\r\nx-twice: b\r\nx-empty:\r\nx-umlaut: grün\r\n';
    await answer(get('/small?a=%2F&b=?', head), endsWith('ok'));
    expect(requests[0]).toMatchObject({
      method: 'GET',
      path: '/small',
      query: 'a=%2F&b=?',
      remoteAddress: '127.0.0.1',
    });
    expect(requests[0]?.headers).toEqual([
      ['host', '127.0.0.1'],
      ['x-one', '1'],
      ['x-twice', 'a'],
      ['x-twice', 'b'],
      ['x-empty', ''],
      ['x-umlaut', 'grün'],
    ]);
    expect([requests[0]?.header('x-twice'), requests[0]?.header('x-none')]).toEqual(['a', undefined]);
  });

  test('headers of an answer leave as they are, doubles too', async () => {
    const bytes = await answer(get('/headers', 'connection: close\r\n'), endsWith('\r\n\r\n'));
    expect(bytes.toString()).toContain('x-twice: a\r\nx-twice: b\r\nx-umlaut: grün\r\n');
    expect(headOf(bytes)).toContain('\r\ncontent-length: 0');
  });

  test('a body comes whole, and once, however it is sent', async () => {
    const sized = 'POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nbody';
    expect((await answer(sized, endsWith('body'))).toString()).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    const chunked =
      'POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n';
    expect((await answer(chunked, endsWith('body'))).toString()).toMatch(/^HTTP\/1.1 200 OK\r\n/);
    const large = await answer(
      `POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n${'y'.repeat(299_999)}z`,
      endsWith('z'),
    );
    expect(large.subarray(large.indexOf('\r\n\r\n') + 4).length).toBe(300_000);
  });

  test('a client that expects to be told before it sends its body is told', async () => {
    client.write('POST /echo HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n');
    const [bytes] = await once(client, 'data');
    expect(String(bytes)).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\n/);
    expect((await answer('body', endsWith('body'))).toString()).toContain('HTTP/1.1 200 OK\r\n');
  });

  test('bytes that were handed in are their owner’s again', async () => {
    const bytes = await answer(get('/reused'), endsWith('0\r\n\r\n'));
    expect(bytes.toString()).toContain('before');
  });

  test('a HEAD has the length of an answer and no body', async () => {
    const bytes = await answer('HEAD /small HTTP/1.1\r\nhost: a\r\n\r\n', endsWith('\r\n\r\n'));
    expect(headOf(bytes)).toContain('content-length: 2');
  });

  test('an answer that is shorter than it said ends with its connection', async () => {
    expect(await toTheEnd(get('/short'))).toMatch(/content-length: 10\r\n.*half!$/is);
  });

  test('a reset leaves the answer without an end, and loses none of it', async () => {
    const text = await toTheEnd(get('/broken'));
    expect(text).toContain('the last word');
    expect(text).not.toContain('\r\n0\r\n');
  });

  test.each(['\0\0\0\0\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00'])(
    'what is not HTTP (%j) reaches nobody, and ends with its connection',
    async (bytes) => {
      const text = await toTheEnd(Buffer.from(`${bytes}\r\n\r\n`, 'latin1'));
      expect(text).toMatch(/^(|HTTP\/1.1 (?!2).*)$/s);
      expect(requests).toEqual([]);
    },
  );

  test('it listens again after it had stopped, and connections that are open live on', async () => {
    socket.stopListening();
    const again = await socket.listen('127.0.0.1', 0);
    expect((await answer(get('/small'), endsWith('ok'))).toString()).toContain('200 OK');
    expect(await (await fetch(`http://127.0.0.1:${again}/small`, { headers: { connection: 'close' } })).text()).toBe(
      'ok',
    );
  });

  test('an address that is not ours is said by name', async () => {
    await expect(create(() => undefined).listen('192.0.2.1', 80)).rejects.toThrow('cannot listen on 192.0.2.1:80');
  });
});

const headOf = (bytes: Buffer): string => bytes.subarray(0, bytes.indexOf('\r\n\r\n')).toString().toLowerCase();
const timesIn = (text: string, part: string): number => text.split(part).length - 1;
