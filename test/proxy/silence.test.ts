import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { createUpstreams } from '../../src/proxy/upstream.ts';
import { until } from '../support/until.ts';

const SEVEN_MINUTES_MS = 420_000;

afterEach(() => {
  vi.useRealTimers();
});

test.each([
  ['before its head', ''],
  ['within its body', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n'],
])('failure mode 25: a provider that is silent for seven minutes %s meets no timer but ours', async (_when, first) => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.once('data', () => {
      socket.write(first);
      sockets.push(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = address === null || typeof address === 'string' ? 0 : address.port;
  const told: string[] = [];
  const upstreams = createUpstreams({ connectTimeoutMs: 1000 });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
  upstreams.call(
    { origin: `http://127.0.0.1:${port}`, path: '/', method: 'POST', headers: [], body: Buffer.from('{}') },
    {
      head: (status) => told.push(`head ${status}`),
      data: (chunk) => told.push(`data ${chunk.byteLength}`),
      end: () => told.push('end'),
      failed: ({ why }) => told.push(`failed: ${why}`),
    },
  );
  const expected = first === '' ? [] : ['head 200', 'data 1'];
  while (sockets.length === 0 || told.length < expected.length) await turn();
  for (let waited = 0; waited < SEVEN_MINUTES_MS; waited += 1000) {
    vi.advanceTimersByTime(1000);
    await turn();
  }
  expect(told).toEqual(expected);

  vi.useRealTimers();
  for (const socket of sockets) socket.destroy();
  await until('the end is told', () => told.length > expected.length);
  await upstreams.close();
  await new Promise((resolve) => server.close(resolve));
});

/** Of the loop: sockets are real. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
