import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { EgressRequest } from '../../src/contract/egress.ts';
import { egressFaultText } from '../../src/contract/egress.ts';
import { assert } from '../../src/lib/result.ts';
import { createEgress, EGRESS_DEFAULTS } from '../../src/sinks/egress.ts';
import type { Egress, EgressOptions, EgressSettings } from '../../src/sinks/egress.ts';
import { readTarget } from '../../src/sinks/target.ts';
import { makeCertificate } from '../support/certificates.ts';
import { slowness, stopwatch } from '../support/machine.ts';
import { until } from '../support/until.ts';

const closing: (() => unknown)[] = [];

const closeAll = async (): Promise<void> => {
  for (const close of closing.splice(0)) await close();
};
afterEach(closeAll);

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

interface Receiver {
  port: number;
  seen: { host: string | undefined; url: string | undefined; address: string | undefined }[];
}

/** A real receiver; counts what reaches it. */
async function receiver(answer: Answer, address = '127.0.0.1', port = 0): Promise<Receiver> {
  return listening(createServer(), answer, address, port);
}

async function listening(server: Server, answer: Answer, address: string, port: number): Promise<Receiver> {
  const seen: Receiver['seen'] = [];
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    seen.push({ host: request.headers.host, url: request.url, address: request.socket.localAddress });
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(port, address, resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, seen };
}

const LOOPBACK: EgressSettings = { allow: ['127.0.0.1'], ca: undefined };
const OK: Answer = (_request, response) => response.end('ok');

function client(settings: EgressSettings, options: Partial<EgressOptions> = {}): Egress {
  const egress = createEgress(settings, { ...EGRESS_DEFAULTS, ...options });
  closing.push(() => egress.close());
  return egress;
}

function to(url: string, change: Partial<EgressRequest> & { plainHttp?: boolean } = {}): EgressRequest {
  const { plainHttp = false, ...rest } = change;
  const target = readTarget(url, plainHttp);
  assert(target.ok, url);
  return {
    destination: 'webhooks.siem',
    target: target.value,
    method: 'POST',
    headers: [['content-type', 'application/json']],
    body: '{}',
    totalMs: 5_000,
    firstByteMs: 5_000,
    answerBytes: 1024,
    ...rest,
  };
}

/** Names of the test's own: each asks anew. */
function names(answers: Record<string, string[] | (() => string[])>): {
  resolve: EgressOptions['resolve'];
  asked: string[];
} {
  const asked: string[] = [];
  return {
    asked,
    resolve: (name) => {
      asked.push(name);
      const answer = answers[name];
      if (answer === undefined) return Promise.reject(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }));
      return Promise.resolve(typeof answer === 'function' ? answer() : answer);
    },
  };
}

describe('a destination', () => {
  test('that is allowed is reached by its name, at the address that was judged', async () => {
    const { port, seen } = await receiver((request, response) => {
      response.setHeader('X-Told', 'twice');
      response.statusCode = 202;
      request.pipe(response);
    });
    const { resolve, asked } = names({ 'hooks.internal': ['127.0.0.1'] });
    const answer = await client(LOOPBACK, { resolve }).send(
      to(`http://hooks.internal:${port}/in?key=1`, { body: '{"a":1}' }),
    );
    assert(answer.ok, 'it answers');
    expect(answer.value.status).toBe(202);
    expect(Buffer.from(answer.value.body).toString()).toBe('{"a":1}');
    expect(answer.value.headers).toContainEqual(['x-told', 'twice']);
    expect(seen).toEqual([{ host: `hooks.internal:${port}`, url: '/in?key=1', address: '127.0.0.1' }]);
    expect(asked).toEqual(['hooks.internal']);
  });

  /** What somebody may write into a URL to mean this machine: the URL's own parser makes addresses of some. */
  test.each([
    'http://127.0.0.1:PORT/',
    'http://localhost:PORT/',
    'http://0.0.0.0:PORT/',
    'http://127.1:PORT/',
    'http://0x7f000001:PORT/',
    'http://2130706433:PORT/',
    'http://017700000001:PORT/',
    'http://[::]:PORT/',
    'http://[::1]:PORT/',
    'http://[::ffff:127.0.0.1]:PORT/',
    'http://[::ffff:7f00:1]:PORT/',
    'http://①②⑦.⓪.⓪.①:PORT/',
  ])('%s reaches nothing by default', async (url) => {
    const { port, seen } = await receiver(OK, '::');
    const answer = await client({ allow: [], ca: undefined }).send(to(url.replace('PORT', String(port))));
    expect(answer).toMatchObject({ ok: false, fault: { code: 'address_refused' } });
    expect(seen).toEqual([]);
  });

  test.each([
    ['cloud metadata', ['169.254.169.254']],
    ['mapped loopback', ['::ffff:127.0.0.1']],
    ['6to4', ['2002:7f00:1::']],
    ['NAT64', ['64:ff9b::7f00:1']],
    ['a link-local address with a zone', ['fe80::1%lo']],
    ['two private addresses', ['10.1.2.3', 'fd00::1']],
  ])('whose name leads to %s is refused', async (_what, addresses) => {
    const { resolve } = names({ 'evil.example': addresses });
    const answer = await client({ allow: [], ca: undefined }, { resolve }).send(to('https://evil.example/'));
    expect(answer).toEqual({
      ok: false,
      fault: { code: 'address_refused', host: 'evil.example', address: addresses[0] },
    });
  });

  test('of several addresses is reached at those that are allowed alone', async () => {
    const { port, seen } = await receiver(OK);
    const { resolve } = names({ 'mixed.example': ['127.0.0.2', '169.254.169.254', '127.0.0.1'] });
    const answer = await client(LOOPBACK, { resolve }).send(to(`http://mixed.example:${port}/`));
    expect(answer).toMatchObject({ ok: true, value: { status: 200 } });
    expect(seen).toHaveLength(1);
  });

  test('that rebinds its name is judged at each connection, and looked up once for it', async () => {
    const closes: Answer = (_request, response) => void response.setHeader('connection', 'close').end('ok');
    const good = await receiver(closes);
    const inner = await receiver(closes, '127.0.0.2', good.port);
    const turns = [['127.0.0.1'], ['127.0.0.2'], ['127.0.0.1']];
    const { resolve, asked } = names({ 'rebind.example': () => turns.shift() ?? ['127.0.0.2'] });
    const egress = client(LOOPBACK, { resolve });
    const request = to(`http://rebind.example:${good.port}/`);
    expect(await egress.send(request)).toMatchObject({ ok: true });
    expect(await egress.send(request)).toMatchObject({
      ok: false,
      fault: { code: 'address_refused', address: '127.0.0.2' },
    });
    expect(await egress.send(request)).toMatchObject({ ok: true });
    expect(asked).toHaveLength(3);
    expect(good.seen).toHaveLength(2);
    expect(inner.seen).toEqual([]);
  });

  test('at a public address is not spoken to in plain http, unless the config says so', async () => {
    const { resolve } = names({ 'siem.example': ['192.0.2.1'], 'public.example': ['8.8.8.8'] });
    const egress = client(LOOPBACK, { resolve });
    expect(await egress.send(to('http://public.example/'))).toEqual({
      ok: false,
      fault: { code: 'plain_http', host: 'public.example', address: '8.8.8.8' },
    });
    expect(await egress.send(to('http://8.8.8.8/'))).toMatchObject({ ok: false, fault: { code: 'plain_http' } });
    // The word for plain http is none for addresses.
    expect(await egress.send(to('http://siem.example/', { plainHttp: true }))).toMatchObject({
      ok: false,
      fault: { code: 'address_refused' },
    });
  });

  test('that is not allowed any more is refused from then on', async () => {
    const { port } = await receiver(OK);
    const egress = client(LOOPBACK);
    const request = to(`http://127.0.0.1:${port}/`);
    expect(await egress.send(request)).toMatchObject({ ok: true });
    egress.reconfigure({ allow: [], ca: undefined });
    expect(await egress.send(request)).toMatchObject({ ok: false, fault: { code: 'address_refused' } });
  });
});

describe('an answer', () => {
  test('that redirects is told and not followed', async () => {
    const inner = await receiver(OK);
    const { port } = await receiver((_request, response) => {
      response.writeHead(307, { location: `http://127.0.0.1:${inner.port}/` }).end();
    });
    const answer = await client(LOOPBACK).send(
      to(`http://127.0.0.1:${port}/`, { headers: [['authorization', 'Bearer s']] }),
    );
    expect(answer).toMatchObject({ ok: true, value: { status: 307 } });
    expect(inner.seen).toEqual([]);
  });

  test('without end is cut at its bound, and its connection closed', async () => {
    let closed = false;
    const { port } = await receiver((_request, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(16_384, 'x'))) continue;
      };
      response.on('drain', more).on('close', () => (closed = true));
      more();
    });
    const answer = await client(LOOPBACK).send(to(`http://127.0.0.1:${port}/`, { answerBytes: 1_000 }));
    assert(answer.ok, 'it answers');
    expect(answer.value).toMatchObject({ status: 200, cut: true });
    expect(answer.value.body).toHaveLength(1_000);
    await until('the connection is closed', () => closed);
  });

  test.each([
    ['never begins', 'first_byte', (): void => undefined],
    ['never ends', 'total', (response: ServerResponse): void => void response.write('begun')],
    [
      'trickles',
      'total',
      (response: ServerResponse): void => {
        const timer: NodeJS.Timeout = setInterval((): void => void response.write('.'), 20);
        response.on('close', (): void => clearInterval(timer));
      },
    ],
  ] as const)('that %s ends at its deadline (%s)', async (_what, phase, answer) => {
    let closed = false;
    const { port } = await receiver((_request, response) => {
      response.on('close', () => (closed = true));
      answer(response);
    });
    const egress = client(LOOPBACK);
    const watch = stopwatch();
    const outcome = await egress.send(to(`http://127.0.0.1:${port}/`, { totalMs: 400, firstByteMs: 200 }));
    expect(outcome).toMatchObject({ ok: false, fault: { code: 'timeout', phase } });
    expect(watch.ms()).toBeLessThan(1_500 * slowness());
    watch.stop();
    await until('the connection is closed', () => closed);
    expect(egress.running).toBe(0);
  });

  test.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['a head without end', `HTTP/1.1 200 OK\r\n${'x-more: '.padEnd(1000, 'y')}\r\n`.repeat(64)],
    ['nothing', ''],
    ['half a body', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf'],
  ])('that is %s is a fault', async (_what, bytes) => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => socket.end(bytes));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(() => void server.close());
    const outcome = await client(LOOPBACK).send(to(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`));
    expect(outcome).toMatchObject({ ok: false, fault: { code: 'broken' } });
  });
});

test('a name that is never resolved, and one that nobody has, are faults in time', async () => {
  const nobody = names({}).resolve;
  const resolve = (name: string): Promise<string[]> =>
    name === 'hangs.example' ? new Promise(() => undefined) : nobody(name);
  const egress = client(LOOPBACK, { resolve, connectMs: 300 });
  expect(await egress.send(to('https://nobody.example/'))).toEqual({
    ok: false,
    fault: { code: 'unresolved', host: 'nobody.example', why: 'ENOTFOUND' },
  });
  expect(await egress.send(to('https://hangs.example/', { totalMs: 400 }))).toMatchObject({
    ok: false,
    fault: { code: 'timeout' },
  });
});

test('a port where nobody listens is unreachable', async () => {
  const { port } = await receiver(OK);
  await closeAll();
  const outcome = await client(LOOPBACK).send(to(`http://127.0.0.1:${port}/`));
  expect(outcome).toMatchObject({ ok: false, fault: { code: 'unreachable' } });
});

test('a destination has a bound of its own, and others do not feel it', async () => {
  const hanging = await receiver(() => undefined);
  const other = await receiver(OK);
  const egress = client(LOOPBACK, { perDestination: 2 });
  const stuck = to(`http://127.0.0.1:${hanging.port}/`, { totalMs: 1_000, firstByteMs: 1_000 });
  const running = [egress.send(stuck), egress.send(stuck)];
  expect(await egress.send(stuck)).toEqual({
    ok: false,
    fault: { code: 'busy', destination: 'webhooks.siem', limit: 2 },
  });
  const free = to(`http://127.0.0.1:${other.port}/`, { destination: 'webhooks.other' });
  expect(await egress.send(free)).toMatchObject({ ok: true });
  expect(egress.running).toBe(2);
  await Promise.all(running);
  expect(egress.running).toBe(0);
});

test('proxies of the environment are not used', async () => {
  const proxy = await receiver(OK);
  const { port, seen } = await receiver(OK);
  const names = ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY'];
  for (const name of names) process.env[name] = name === 'NODE_USE_ENV_PROXY' ? '1' : `http://127.0.0.1:${proxy.port}`;
  try {
    expect(await client(LOOPBACK).send(to(`http://127.0.0.1:${port}/`))).toMatchObject({ ok: true });
  } finally {
    for (const name of names) Reflect.deleteProperty(process.env, name);
  }
  expect(seen).toHaveLength(1);
  expect(proxy.seen).toEqual([]);
});

test('a certificate is verified against the name, by the authorities of the system and of the config', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'aperture-test-egress-'));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));
  const made = makeCertificate(folder, 'receiver');
  const server = createTlsServer({ cert: made.cert, key: readFileSync(made.keyFile) });
  const { port, seen } = await listening(server, OK, '127.0.0.1', 0);
  const { resolve } = names({ localhost: ['127.0.0.1'], 'other.example': ['127.0.0.1'] });
  const trusting = client({ ...LOOPBACK, ca: made.cert }, { resolve });
  expect(await trusting.send(to(`https://localhost:${port}/`))).toMatchObject({ ok: true, value: { status: 200 } });
  expect(await trusting.send(to(`https://127.0.0.1:${port}/`))).toMatchObject({ ok: true });
  const reached = seen.length;
  // Pinned to the right address, and still not the name that was asked for.
  expect(await trusting.send(to(`https://other.example:${port}/`))).toMatchObject({
    ok: false,
    fault: { code: 'unreachable' },
  });
  expect(await client(LOOPBACK, { resolve }).send(to(`https://localhost:${port}/`))).toMatchObject({
    ok: false,
    fault: { code: 'unreachable' },
  });
  expect(seen).toHaveLength(reached);
});

test('failure mode 35: no fault tells the path, the query or a header', async () => {
  const { port } = await receiver((request) => request.socket.destroy());
  const { resolve } = names({
    'inner.example': ['10.0.0.1'],
    'broken.example': ['127.0.0.1'],
    'plain.example': ['8.8.8.8'],
  });
  const egress = client(LOOPBACK, { resolve });
  const secrets = { headers: [['authorization', 'Bearer canary-header']] as const };
  const faults = await Promise.all(
    ['https://inner.example', `http://broken.example:${port}`, 'http://plain.example', 'https://nobody.example'].map(
      async (origin) => egress.send(to(`${origin}/canary-path?token=canary-query`, secrets)),
    ),
  );
  for (const outcome of faults) {
    assert(!outcome.ok, 'all fail');
    expect(egressFaultText(outcome.fault) + JSON.stringify(outcome.fault)).not.toContain('canary');
  }
  expect(faults.map((outcome) => !outcome.ok && outcome.fault.code)).toEqual([
    'address_refused',
    'broken',
    'plain_http',
    'unresolved',
  ]);
});

test.each([
  'ftp://a.example/',
  'https://user:pass@a.example/',
  'https://a.example/#part',
  'a.example',
  '//a.example',
  '',
])('the URL %j is no destination', (url) => {
  expect(readTarget(url, false).ok).toBe(false);
});

test('a request that nobody waits for any more is broken off, also before it was sent', async () => {
  let isOver = false;
  const { port, seen } = await receiver((request) => request.socket.on('close', () => (isOver = true)));
  const egress = client(LOOPBACK);
  const leaving = new AbortController();
  const stuck = to(`http://127.0.0.1:${port}/`, { signal: leaving.signal, totalMs: 60_000, firstByteMs: 60_000 });
  const running = egress.send(stuck);
  await until('it is asked', () => seen.length === 1);
  leaving.abort();
  expect(await running).toEqual({ ok: false, fault: { code: 'given_up', host: `127.0.0.1:${port}` } });
  await until('its connection is closed', () => isOver);
  expect(await egress.send(stuck)).toMatchObject({ ok: false, fault: { code: 'given_up' } });
  expect([seen.length, egress.running]).toEqual([1, 0]);
});
