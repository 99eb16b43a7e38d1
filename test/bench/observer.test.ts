import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { rawPost } from '../../bench/load/client.ts';
import { Observer } from '../../bench/load/observer.ts';
import { startObservedProvider } from '../../bench/targets/observed-provider.ts';

const WAIT_MS = 30;

test('an exchange is seen from both ends, small and large: the ways there and back, and what the provider took', async () => {
  const provider = await startObservedProvider();
  const observer = new Observer(provider.port);
  try {
    for (const bytes of [10, 300_000]) {
      const { thereMs, backMs, wholeMs, said } = await observer.observe(
        rawPost('/v1/chat/completions', 'x'.repeat(bytes), { 'x-wait-ms': WAIT_MS.toString() }),
      );
      expect(thereMs).toBeGreaterThan(0);
      expect(backMs).toBeGreaterThan(0);
      // Timers of Node may be early by a fraction of a millisecond.
      expect(wholeMs - thereMs - backMs).toBeGreaterThan(WAIT_MS - 1);
      expect(said).toBeUndefined();
    }
  } finally {
    observer.close();
    await provider.stop();
  }
});

test('what the gateway says of itself is read from the answer', async () => {
  const server = createServer((socket) => {
    socket.on('data', () => {
      socket.write('HTTP/1.1 200 OK\r\nServer-Timing: gateway;dur=0.250, upstream;dur=20.125\r\n');
      socket.write('content-length: 2\r\nx-observed: 1 2\r\n\r\n{}');
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const observer = new Observer(address === null || typeof address === 'string' ? 0 : address.port);
  try {
    const { said } = await observer.observe(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    expect(said).toEqual({ gatewayMs: 0.25, upstreamMs: 20.125 });
  } finally {
    observer.close();
    server.close();
  }
});
