import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { createUpstreams } from '../../src/proxy/upstream.ts';
import { until } from '../support/until.ts';

const SEVEN_MINUTES_MS = 420_000;

afterEach(() => {
  vi.useRealTimers();
});

// One test for both: undici has one clock of its own for a process, which a second turn of ours would not reach.
test('failure mode 25: silence of seven minutes, before a head and within a body, meets no timer but ours', async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    socket.once('data', (bytes) => {
      if (bytes.includes('/body')) socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n');
      sockets.push(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = address === null || typeof address === 'string' ? 0 : address.port;
  const upstreams = createUpstreams({ connectTimeoutMs: 1000 });
  const told: string[] = [];
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
  for (const path of ['/head', '/body']) {
    upstreams.call(
      { origin: `http://127.0.0.1:${port}`, path, method: 'POST', headers: [], body: Buffer.from('{}') },
      {
        leaving: () => undefined,
        head: (status) => told.push(`${path}: head ${status}`),
        data: (chunk) => told.push(`${path}: data ${chunk.byteLength}`),
        end: () => told.push(`${path}: end`),
        failed: ({ why }) => told.push(`${path}: failed: ${why}`),
      },
    );
  }
  while (sockets.length < 2 || told.length < 2) await turn();
  for (let waited = 0; waited < SEVEN_MINUTES_MS; waited += 1000) {
    vi.advanceTimersByTime(1000);
    await turn();
  }
  expect(told).toEqual(['/body: head 200', '/body: data 1']);

  vi.useRealTimers();
  for (const socket of sockets) socket.destroy();
  await until('both ends are told', () => told.length === 4);
  await upstreams.close();
  await new Promise((resolve) => server.close(resolve));
});

/** Of the loop: sockets are real. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
