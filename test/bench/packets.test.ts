import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { exchangesIn, watchPackets } from '../../bench/load/packets.ts';
import { startPlainProvider } from '../../bench/targets/plain-provider.ts';

const THERE_MS = 20;
const PROVIDER_MS = 50;
const BACK_MS = 10;

/** Forwards to a port, takes its time both ways, and says something of itself. */
async function startForwarder(port: number): Promise<{ port: number; stop(): void }> {
  const server = createServer((incoming, outgoing) => {
    incoming.resume().on('end', () => {
      void sleep(THERE_MS).then(() => {
        const headers = { 'x-wait-ms': PROVIDER_MS };
        request({ host: '127.0.0.1', port, method: 'POST', headers }, (answer) => {
          answer.resume().on('end', () => {
            void sleep(BACK_MS).then(() => {
              outgoing.writeHead(200, { 'Server-Timing': 'gateway;dur=30.250, upstream;dur=50.125' }).end('{}');
            });
          });
        }).end();
      });
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  return { port: (server.address() as AddressInfo).port, stop: () => server.close() };
}

// It takes root to watch an interface: where nobody is, there is nothing to be seen, but in CI there is.
test.skipIf(process.getuid?.() !== 0 && process.env['CI'] === undefined)(
  'an exchange is seen by its packets, both ways, small and large, with what was said of it',
  async () => {
    const provider = await startPlainProvider();
    const forwarder = await startForwarder(provider.port);
    try {
      const watch = await watchPackets([forwarder.port, provider.port]);
      for (const bytes of [10, 300_000]) {
        const body = 'x'.repeat(bytes);
        await (await fetch(`http://127.0.0.1:${forwarder.port}/`, { method: 'POST', body })).text();
      }
      const passed = exchangesIn(await watch.end(), forwarder.port, provider.port);
      expect(passed).toHaveLength(2);
      for (const { thereMs, backMs, headMs, said } of passed) {
        // Timers of Node may be early by a fraction of a millisecond.
        expect(thereMs).toBeGreaterThan(THERE_MS - 1);
        expect(backMs).toBeGreaterThan(BACK_MS - 1);
        expect(headMs - thereMs - backMs).toBeGreaterThan(PROVIDER_MS - 1);
        expect(headMs - thereMs - backMs).toBeLessThan(1000);
        expect(said).toEqual({ gatewayMs: 30.25, upstreamMs: 50.125 });
      }
    } finally {
      forwarder.stop();
      await provider.stop();
    }
  },
);
