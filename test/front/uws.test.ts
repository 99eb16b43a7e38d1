import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ClientResponse, FrontSocket } from '../../src/front/socket.ts';
import { createUwsSocket } from '../../src/front/uws.ts';
import { until } from '../support/until.ts';

/** More than the system buffers between two sockets of one machine. */
const BODY = Buffer.alloc(16 * 1024 * 1024, 'x');
const CHUNK_BYTES = 64 * 1024;

let socket: FrontSocket;
let port: number;
let client: Socket;

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
    writeOn(response, 0);
  },
  '/refused': (response) => {
    response.send(413, [['connection', 'close']], 'too large');
  },
};

/** As exchanges do: nothing more while the client is slow. */
function writeOn(response: ClientResponse, from: number): void {
  let at = from;
  let taken = true;
  while (taken && at < BODY.length) {
    taken = response.write(BODY.subarray(at, at + CHUNK_BYTES));
    at += CHUNK_BYTES;
  }
  if (at >= BODY.length) response.end();
  else {
    response.onDrain(() => {
      writeOn(response, at);
    });
  }
}

beforeEach(async () => {
  socket = createUwsSocket((request, response) => ANSWERS[request.path]?.(response), 0);
  port = await socket.listen('127.0.0.1', 0);
  client = connect(port, '127.0.0.1');
  await once(client, 'connect');
});
afterEach(() => {
  client.destroy();
  socket.close();
});

/** All that comes until it has come to its end. */
async function answer(path: string, ends: (bytes: Buffer) => boolean): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let over = false;
  client.on('data', (chunk) => {
    chunks.push(chunk);
    over = ends(chunk);
  });
  client.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
  await until('the answer is whole', () => over);
  client.removeAllListeners('data');
  return Buffer.concat(chunks);
}

const headOf = (bytes: Buffer): string => bytes.subarray(0, bytes.indexOf('\r\n\r\n')).toString().toLowerCase();
const timesIn = (text: string, part: string): number => text.split(part).length - 1;

test.each([
  ['/large', (chunk: Buffer) => chunk.at(-1) === 120],
  ['/sized', (chunk: Buffer) => chunk.at(-1) === 120],
  ['/stream', (chunk: Buffer) => chunk.subarray(-5).toString() === '0\r\n\r\n'],
])('a request is open until the client has taken all of %s', async (path, ends) => {
  client.pause();
  client.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
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
  client.write('GET /stream HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
  await until('the request has come', () => socket.open === 1);
  client.destroy();
  await until('it is over', () => socket.open === 0);
});

test('a dismissed client is told once, in every kind of answer, and is answered again on the same connection', async () => {
  const before = await answer('/small', (chunk) => chunk.toString().endsWith('ok'));
  expect(headOf(before)).not.toContain('connection:');
  socket.dismiss();
  const small = await answer('/small', (chunk) => chunk.toString().endsWith('ok'));
  const stream = await answer('/stream', (chunk) => chunk.subarray(-5).toString() === '0\r\n\r\n');
  const sized = await answer('/sized', () => true);
  for (const bytes of [small, stream, sized]) expect(timesIn(headOf(bytes), 'connection: close')).toBe(1);
});

test('what ends a connection by itself says so once, dismissed or not', async () => {
  socket.dismiss();
  const refused = await answer('/refused', (chunk) => chunk.toString().endsWith('too large'));
  expect(timesIn(headOf(refused), 'connection: close')).toBe(1);
  if (!client.closed) await once(client, 'close');
});

test('a WebSocket: messages both ways, goodbyes with their code, 1009 for what is too long, and no request stays open', async () => {
  const told: string[] = [];
  const upgrading = createUwsSocket(
    (_, response) => {
      const peer = response.upgrade(
        { protocol: 'one', headers: [['x-own', 'yes']], maxMessageBytes: 10 },
        {
          message: (bytes, binary) => {
            told.push(`${binary ? 'binary' : 'text'} ${Buffer.from(bytes).toString()}`);
            peer?.send(bytes, binary);
            if (bytes.byteLength === 3) peer?.close(4000, 'ü'.repeat(100));
          },
          drained: () => undefined,
          closed: (code, reason) => told.push(`closed ${code} ${reason}`),
        },
      );
      if (peer === undefined) response.send(426, [], 'no');
    },
    0,
    undefined,
    10,
  );
  const at = await upgrading.listen('127.0.0.1', 0);
  const open = async (): Promise<WebSocket> => {
    const ws = new WebSocket(`ws://127.0.0.1:${at}/any`, ['one']);
    await once(ws, 'open');
    return ws;
  };
  const first = await open();
  expect(first.protocol).toBe('one');
  expect(upgrading.open).toBe(0);
  const heard: string[] = [];
  first.on('message', (data: Buffer, binary) => heard.push(`${binary ? 'binary' : 'text'} ${data.toString()}`));
  first.send('hello');
  first.send(Buffer.from([65]), { binary: true });
  first.send('bye');
  const [code, reason] = (await once(first, 'close')) as [number, Buffer];
  expect(heard).toEqual(['text hello', 'binary A', 'text bye']);
  expect([code, reason.toString()]).toEqual([4000, 'ü'.repeat(61)]);

  const second = await open();
  second.send('longer than that');
  expect((await once(second, 'close'))[0]).toBe(1009);
  const third = await open();
  third.close(4001, 'mine');
  await until('all goodbyes were told', () => told.filter((text) => text.startsWith('closed')).length === 3);
  expect(told.at(-1)).toBe('closed 4001 mine');
  const plain = await fetch(`http://127.0.0.1:${at}/any`);
  expect(plain.status).toBe(426);
  upgrading.close();
});
