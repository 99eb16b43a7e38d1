import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { egressFaultText } from '../../src/contract/egress.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createDialer, DIALER_DEFAULTS } from '../../src/sinks/dialer.ts';
import type { DialTarget } from '../../src/sinks/dialer.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** A port of loopback, and how many have connected to it. */
async function listening(): Promise<{ port: number; connections: () => number }> {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.on('error', () => undefined);
    closing.push(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, connections: () => connections };
}

const TLS: DialTarget['tls'] = { caFile: undefined, serverName: undefined, client: undefined };

/** What comes of it, in words; names are those of the test. */
async function dialed(
  target: Partial<DialTarget>,
  allow: string[],
  names: Record<string, string[]> = {},
): Promise<string> {
  const resolve = (name: string): Promise<string[]> => Promise.resolve(names[name] ?? []);
  const dialer = createDialer({ allow, ca: undefined }, systemClock, { ...DIALER_DEFAULTS, connectMs: 500, resolve });
  const whole = { host: 'siem.example', port: 1, text: 'siem.example:1', tls: undefined, plain: false, ...target };
  const answer = await dialer.dial(whole);
  if (!answer.ok) return egressFaultText(answer.fault);
  answer.value.socket.destroy();
  return 'connected';
}

test.each([
  ['127.0.0.1', {}],
  ['10.0.0.7', {}],
  ['169.254.169.254', { tls: TLS }],
  ['::ffff:127.0.0.1', { plain: true }],
] as const)('%s is not connected to unless it is allowed, as an address or behind a name', async (address, change) => {
  const said = new RegExp(`is at ${address}, which is not a public address`);
  expect(await dialed({ host: address, ...change }, [])).toMatch(said);
  expect(await dialed(change, [], { 'siem.example': [address] })).toMatch(said);
});

test('of a name with several addresses, those that are allowed are connected to and no others', async () => {
  const { port, connections } = await listening();
  const names = { 'siem.example': ['169.254.169.254', '127.0.0.1'] };
  expect(await dialed({ port }, ['127.0.0.1'], names)).toBe('connected');
  expect(connections()).toBe(1);
});

test('without TLS a public address is not connected to, unless that is meant', async () => {
  const names = { 'siem.example': ['192.0.2.1'], 'public.example': ['8.8.8.8'] };
  expect(await dialed({ host: 'public.example' }, [], names)).toMatch(
    /8\.8\.8\.8, and a connection without TLS is not allowed/,
  );
  expect(await dialed({ host: '8.8.8.8' }, [])).toMatch(/a connection without TLS is not allowed/);
});

test('who takes a connection and then says nothing of TLS is given up in time', async () => {
  const { port } = await listening();
  expect(await dialed({ host: '127.0.0.1', port, tls: TLS }, ['127.0.0.1'])).toMatch(/within 500 ms \(connect\)/);
});

test('a name that nobody has is told as such', async () => {
  expect(await dialed({}, [])).toMatch(/siem\.example was not resolved/);
});
