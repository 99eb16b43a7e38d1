import { mkdtempSync, rmSync } from 'node:fs';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Delivery, NewDelivery } from '../../../src/contract/delivery.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { DELIVERER_DEFAULTS } from '../../../src/sinks/deliverer.ts';
import type { DialTarget } from '../../../src/sinks/dialer.ts';
import type { FromDeliveries } from '../../../src/sinks/messages.ts';
import type { SyslogSettings } from '../../../src/sinks/syslog/syslog.ts';
import type { DatabaseAddress } from '../../../src/store/database.ts';
import { enqueueDeliveries } from '../../../src/store/deliveries.ts';
import { runDeliveries } from '../../../workers/run-deliveries.ts';
import type { Deliveries } from '../../../workers/run-deliveries.ts';
import { makeCertificate } from '../../support/certificates.ts';
import type { TestCertificate } from '../../support/certificates.ts';
import { readCef } from '../../support/cef.ts';
import { startTestPostgres } from '../../support/postgres.ts';
import type { TestPostgres } from '../../support/postgres.ts';
import { startTestRsyslog } from '../../support/rsyslog.ts';
import type { SyslogMessage, TestRsyslog } from '../../support/rsyslog.ts';
import { readElement, startTestSyslog } from '../../support/syslog.ts';
import type { SyslogEvent, TestSyslog } from '../../support/syslog.ts';
import { until } from '../../support/until.ts';
import { hostile, odd, ofRecord, oneOfEach } from '../formats/events.ts';

let postgres: TestPostgres;
let address: DatabaseAddress;
let pool: Pool;
let folder: string;
let server: TestCertificate;
let client: TestCertificate;
const running: Deliveries[] = [];
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aperture-test-syslog-'));
  [server, client] = [makeCertificate(folder, 'server'), makeCertificate(folder, 'client')];
  postgres = await startTestPostgres('syslog');
  ({ address, pool } = await postgres.migrated());
});

beforeEach(async () => {
  await pool.query('TRUNCATE aperture.deliveries, aperture.delivery_destinations');
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((deliveries) => deliveries.close()));
  await Promise.all(closing.splice(0).map((close) => close()));
});

afterAll(async () => {
  await postgres.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** In milliseconds what are seconds and minutes elsewhere. Returns what it says of itself, and how to configure it anew. */
function start(syslog: SyslogSettings[]): { told: FromDeliveries[]; configure: (syslog: SyslogSettings[]) => void } {
  const told: FromDeliveries[] = [];
  const deliveries = runDeliveries({
    data: { database: address },
    clock: systemClock,
    log: silentLog,
    post: (message) => {
      if (message.kind !== 'answer') told.push(message);
    },
    options: {
      sweepMs: 20,
      lookMs: 100,
      waitingMost: 1_000_000,
      deliverer: {
        ...DELIVERER_DEFAULTS,
        leaseMs: 2_000,
        backoff: { fromMs: 20, toMs: 100, random: () => 0.5 },
        fillMs: 20,
      },
    },
  });
  running.push(deliveries);
  const configure = (settings: SyslogSettings[]): void => {
    deliveries.take({
      kind: 'settings',
      settings: { webhooks: [], syslog: settings, allow: ['127.0.0.1'], caFile: undefined },
    });
  };
  configure(syslog);
  return { told, configure };
}

function receiverAt(port: number, change: Partial<SyslogSettings> = {}, tls?: DialTarget['tls']): SyslogSettings {
  return {
    destination: 'syslog.siem',
    target: { host: 'localhost', port, text: `localhost:${port}`, tls, plain: false },
    format: 'json',
    facility: 'local0',
    framing: 'octet_counting',
    messageBytes: 8_192,
    bom: false,
    events: ['request.closed'],
    filter: { logins: [], groups: [], models: [], providers: [], states: [] },
    batch: { most: 100, waitMs: 0 },
    timeoutMs: 5_000,
    ...change,
  };
}

async function receiver(...server: Parameters<typeof startTestSyslog>): Promise<TestSyslog> {
  const one = await startTestSyslog(...server);
  closing.push(() => one.away());
  return one;
}

async function rsyslogd(...tls: Parameters<typeof startTestRsyslog>): Promise<TestRsyslog> {
  const one = await startTestRsyslog(...tls);
  closing.push(() => one.stop());
  return one;
}

async function enqueue(deliveries: Pick<NewDelivery, 'kind' | 'payload'>[]): Promise<void> {
  const named = deliveries.map(({ kind, payload }) => ({ destination: 'syslog.siem', kind, payload }));
  await enqueueDeliveries(pool, named, systemClock.nowMs());
}

async function enqueueNumbers(count: number, from = 1, more: Record<string, unknown> = {}): Promise<void> {
  await enqueue(
    Array.from({ length: count }, (_, index) => {
      return { kind: 'request.closed', payload: JSON.stringify({ n: from + index, ...more }) };
    }),
  );
}

async function count(state: 'delivered' | 'waiting' | 'dead'): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM aperture.deliveries WHERE state = $1',
    [state],
  );
  return rows[0]!.n;
}

async function lastError(): Promise<string> {
  return until('an attempt has failed', async () => {
    const { rows } = await pool.query<{ error: string }>(
      'SELECT last_error AS error FROM aperture.deliveries WHERE last_error IS NOT NULL ORDER BY sequence LIMIT 1',
    );
    return rows[0]?.error;
  });
}

const numbers = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => from + index);
/** As a receiver that drops what it has. */
const once = (events: readonly SyslogEvent[]): SyslogEvent[] => [
  ...new Map(events.map((one) => [one.id, one])).values(),
];
/** What a receiver ends up with, in the order in which it first came. */
const sequences = (arrived: readonly SyslogEvent[]): number[] => once(arrived).map(({ sequence }) => sequence);
const has = (receiver: TestSyslog, count: number): Promise<boolean> =>
  until(`${count} have arrived`, () => once(receiver.arrived).length >= count, 60_000);
const delivered = (number: number): Promise<boolean> =>
  until(`${number} are delivered`, async () => (await count('delivered')) === number, 60_000);

/** All that one may see in a value: line breaks, quotes, brackets, pairs, and ten kilobytes. */
const NASTY = 'a"b]c\\d\n<13>1 |=\r\n 😀 läß ';
const mixed = (): Delivery[] => [
  ...oneOfEach(),
  ...odd(),
  ...hostile(NASTY),
  ofRecord('request.closed', { user_agent: `${NASTY}${'x'.repeat(10_240)}` }),
];

async function written(rsyslog: TestRsyslog, count: number): Promise<SyslogMessage[]> {
  return until(`rsyslog has written ${count}`, () => {
    const found = rsyslog.messages();
    return found.length >= count ? found : undefined;
  });
}

const rsyslogTls = () => ({
  ...{ certFile: server.certFile, keyFile: server.keyFile, caFile: client.certFile, clientName: 'localhost' },
});
const ourTls = (change: Partial<NonNullable<DialTarget['tls']>> = {}): NonNullable<DialTarget['tls']> => ({
  caFile: server.certFile,
  serverName: undefined,
  client: { certFile: client.certFile, keyFile: client.keyFile },
  ...change,
});

test.each([
  ['octet counting', 'json', 'octet_counting', false],
  ['line breaks', 'cef', 'newline', false],
  ['TLS, where it knows us by our certificate', 'ecs', 'octet_counting', true],
] as const)('a real rsyslog has every event in its sequence, over %s', async (_, format, framing, tls) => {
  const rsyslog = await rsyslogd(tls ? rsyslogTls() : undefined);
  start([receiverAt(rsyslog.port, { format, framing, batch: { most: 8, waitMs: 0 } }, tls ? ourTls() : undefined)]);
  const deliveries = mixed();
  await enqueue(deliveries);
  await delivered(deliveries.length);
  const messages = await written(rsyslog, deliveries.length);
  expect(messages).toHaveLength(deliveries.length);
  const elements = messages.map(({ structured }) => readElement(structured).parameters);
  expect(elements.map(({ sequence }) => Number(sequence))).toEqual(numbers(deliveries.length));
  expect(new Set(elements.map(({ id }) => id)).size).toBe(deliveries.length);
  for (const [index, { kind }] of deliveries.entries()) {
    expect(elements[index]).toMatchObject({ kind });
    expect(messages[index]).toMatchObject({ host: 'aperture-gateway', app: 'aperture-gateway', messageId: kind });
  }
  expect(messages[0]!.priority).toBe('local0.info');
  const [request] = messages.slice(-5);
  const text = request!.text.trimStart();
  if (format === 'cef') expect(readCef(text).extension['suser']).toBe(NASTY.replace('\r\n', '\n'));
  else if (format === 'ecs') expect(JSON.parse(text)).toMatchObject({ user: { name: NASTY } });
  else expect(JSON.parse(text)).toMatchObject({ data: { login: NASTY } });
});

test('a receiver that closes after each message, hangs, is gone for a while and comes back has everything, in sequence', async () => {
  const siem = await receiver();
  // What it has read beyond the first it throws away.
  siem.took = (_event, socket) => {
    socket.end();
    return false;
  };
  start([receiverAt(siem.port, { timeoutMs: 500, batch: { most: 10, waitMs: 0 } })]);
  await enqueueNumbers(12);
  await has(siem, 12);

  // Takes what the system has room for, and reads nothing of it.
  siem.took = () => true;
  siem.connected = () => undefined;
  for (const socket of siem.connections.splice(0)) socket.destroy();
  await enqueueNumbers(5, 13);
  await until('something was written to it', async () => (await count('delivered')) > 12);

  await siem.away();
  await enqueueNumbers(5, 18);
  await until('it is away', async () => {
    const { rows } = await pool.query(`SELECT FROM aperture.deliveries WHERE last_error LIKE '%ECONNREFUSED%'`);
    return rows.length > 0;
  });
  siem.connected = (socket) => socket.resume();
  await siem.back();
  await delivered(22);
  expect(sequences(siem.arrived)).toEqual(numbers(22));
});

test('what a receiver has not read when it dies is sent again, though it counted as delivered', async () => {
  const siem = await receiver();
  siem.connected = () => undefined;
  const { told } = start([receiverAt(siem.port)]);
  await enqueueNumbers(7);
  await delivered(7);
  expect(siem.arrived).toEqual([]);
  siem.connected = (socket) => socket.resume();
  // With bytes that nobody has read, this is a reset.
  for (const socket of siem.connections) socket.destroy();
  await has(siem, 7);
  expect(siem.arrived.map(({ sequence }) => sequence)).toEqual(numbers(7));
  await delivered(7);
  await until('it is told', () =>
    told.some((message) => message.kind === 'state' && message.destinations[0]?.takenBack === 7),
  );
});

test('a receiver that resets everything gets nothing a third time', async () => {
  const siem = await receiver();
  siem.connected = () => undefined;
  start([receiverAt(siem.port)]);
  await enqueueNumbers(1);
  for (const attempts of [1, 2]) {
    await until(`attempt ${attempts} counts as taken`, async () => {
      const { rows } = await pool.query(`SELECT FROM aperture.deliveries WHERE state = 'delivered' AND attempts = $1`, [
        attempts,
      ]);
      return rows.length === 1;
    });
    for (const socket of siem.connections) socket.destroy();
  }
  siem.connected = (socket) => socket.resume();
  await enqueueNumbers(1, 2);
  await has(siem, 1);
  await delivered(2);
  expect(siem.arrived.map(({ sequence }) => sequence)).toEqual([2]);
});

test('one connection serves until the receiver closes it, which is no failure, and what it had just read comes once more', async () => {
  const siem = await receiver();
  const { configure } = start([receiverAt(siem.port)]);
  await enqueueNumbers(3);
  await delivered(3);
  await enqueueNumbers(3, 4);
  await delivered(6);
  // What has nothing to do with it is changed.
  configure([receiverAt(siem.port)]);
  await enqueueNumbers(3, 7);
  await delivered(9);
  expect(siem.connections).toHaveLength(1);
  const [first] = siem.connections;
  const gone = new Promise((resolve) => first!.once('close', resolve));
  first!.end();
  await gone;
  await until('it came once more', () => siem.arrived.length === 18);
  await enqueueNumbers(3, 10);
  await has(siem, 12);
  await delivered(12);
  expect(siem.arrived.map(({ sequence }) => sequence)).toEqual([...numbers(9), ...numbers(12)]);
  expect(siem.connections).toHaveLength(2);
  const { rows } = await pool.query<{ failures: number }>('SELECT failures FROM aperture.delivery_destinations');
  expect(rows).toEqual([{ failures: 0 }]);
});

test('a receiver that stops reading holds up its own events, and has all of them once it reads again', async () => {
  const siem = await receiver();
  siem.connected = () => undefined;
  start([receiverAt(siem.port, { timeoutMs: 300, messageBytes: 128 * 1024, batch: { most: 20, waitMs: 0 } })]);
  // More than the systems at both ends have room for.
  await enqueueNumbers(140, 1, { text: 'x'.repeat(60_000) });
  await until('it takes nothing more', async () => {
    const { rows } = await pool.query(`SELECT FROM aperture.deliveries WHERE last_error LIKE '%took nothing more%'`);
    return rows.length > 0;
  });
  expect(await count('waiting')).toBeGreaterThan(0);
  siem.connected = (socket) => socket.resume();
  for (const socket of siem.connections) socket.resume();
  await has(siem, 140);
  await delivered(140);
  expect(
    once(siem.arrived)
      .map(({ sequence }) => sequence)
      .toSorted((a, b) => a - b),
  ).toEqual(numbers(140));
});

const REFUSALS: [what: string, tls: () => DialTarget['tls'], error: RegExp][] = [
  ['a certificate of an authority that nobody named', () => ourTls({ caFile: undefined }), /self-signed certificate/],
  ['a certificate of another name', () => ourTls({ serverName: 'siem.example' }), /altnames.*siem\.example/],
  ['a file that is not there', () => ourTls({ caFile: '/nowhere/ca.pem' }), /ENOENT.*\/nowhere\/ca\.pem/],
  ['no certificate of ours', () => ourTls({ client: undefined }), /certificate required|ECONNRESET|EPIPE/i],
  ['no TLS', () => undefined, /the receiver closed it/],
];

test.each(REFUSALS)('with %s nothing is delivered, and dead letters say why', async (_, tls, error) => {
  const siem = await receiver(
    createTlsServer({ key: keyOf(server), cert: server.cert, ca: client.cert, requestCert: true }),
    'secureConnection',
  );
  start([receiverAt(siem.port, {}, tls())]);
  await enqueueNumbers(2);
  expect(await lastError()).toMatch(error);
  await pool.query(`UPDATE aperture.deliveries SET expires_at = now() - interval '1 second'`);
  await until('they are dead letters', async () => (await count('dead')) === 2);
  expect(await lastError()).toMatch(/^not delivered within 3 days; .*localhost:/);
  expect(siem.arrived).toEqual([]);
});

test('something else than a syslog receiver, that answers and closes, has taken nothing', async () => {
  const web = createTcpServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  closing.push(
    () =>
      new Promise(
        (resolve) =>
          void web.close(() => {
            resolve();
          }),
      ),
  );
  const bound = web.address();
  start([receiverAt(typeof bound === 'object' && bound !== null ? bound.port : 0)]);
  await enqueueNumbers(1);
  expect(await lastError()).toMatch(/answered and closed/);
  expect(await count('delivered')).toBe(0);
});

function keyOf({ pair, cert }: TestCertificate): string {
  return pair.slice(0, pair.length - cert.length);
}
