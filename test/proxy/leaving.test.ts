import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createUpstreams } from '../../src/proxy/upstream.ts';
import type { UpstreamEvents } from '../../src/proxy/upstream.ts';
import { until } from '../support/until.ts';

const upstreams = createUpstreams({ connectTimeoutMs: 1000 });
const servers: Server[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** A provider that answers each request with `answer`, or with nothing. */
async function provider(answer: string | undefined): Promise<number> {
  const server = createServer((socket) => {
    socket.on('data', () => {
      if (answer !== undefined) socket.write(answer);
    });
    socket.on('error', () => socket.destroy());
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return address === null || typeof address === 'string' ? 0 : address.port;
}

function noting(told: string[]): UpstreamEvents {
  return {
    leaving: () => told.push('leaving'),
    head: () => told.push('head'),
    data: () => undefined,
    end: () => told.push('end'),
    failed: () => told.push('failed'),
  };
}

function asked(origin: string): Parameters<typeof upstreams.call>[0] {
  return { origin, path: '/', method: 'POST', headers: [], body: Buffer.from('{}') };
}

test('a request that needs a connection is leaving as that is begun: a handshake is not our time', async () => {
  const told: string[] = [];
  const call = upstreams.call(asked(`https://127.0.0.1:${await provider(undefined)}`), noting(told));
  expect(told).toEqual(['leaving']);
  call.abort();
});

test('a request on a connection that was there is leaving when it is written, once', async () => {
  const origin = `http://127.0.0.1:${await provider('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}')}`;
  const first: string[] = [];
  upstreams.call(asked(origin), noting(first));
  await until('it was answered', () => first.includes('end'));
  const second: string[] = [];
  upstreams.call(asked(origin), noting(second));
  expect(second).toEqual([]);
  await until('it was answered', () => second.includes('end'));
  expect([first, second]).toEqual([
    ['leaving', 'head', 'end'],
    ['leaving', 'head', 'end'],
  ]);
  await upstreams.close();
});
