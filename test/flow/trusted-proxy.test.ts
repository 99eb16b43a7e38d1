import { request } from 'node:http';
import type { Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../bench/targets.ts';
import { startGateway } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import type { Answer, Place } from '../support/private-network.ts';
import { startReverseProxy } from '../support/reverse-proxy.ts';

/** The recipe for `tailscale serve`: a listed proxy on this machine, clients told apart by their loopback address. */
const ALICE = '127.0.0.2';
/** A tagged device, or the internet through Funnel: the proxy knows no login. */
const NO_LOGIN = '127.0.0.3';

let gateway: TestGateway;
let proxy: Server;
let direct: Place;
let proxied: Place;

beforeAll(async () => {
  gateway = await startGateway({
    env: { APERTURE_LISTEN: '' },
    config: {
      providers: {},
      grants: [
        {
          src: ['(loopback)', 'root@example.com', 'tag:admin'],
          app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }] },
        },
        { src: ['alice@example.com'], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }] } },
      ],
      server: {
        trusted_proxies: ['127.0.0.1'],
        listen: [{ address: '127.0.0.1:0', identity: ['proxy_headers'] }],
      },
    },
  });
  direct = { host: '127.0.0.1', port: Number(new URL(gateway.url).port) };
  proxied = { host: '127.0.0.1', port: await freePort() };
  proxy = await startReverseProxy({
    at: proxied,
    to: direct,
    logins: { [ALICE]: 'alice@example.com' },
    forwardedFor: true,
  });
});
afterAll(async () => {
  proxy.close();
  await gateway.stop();
});

function whoami(to: Place, from: string, headers: [string, string][] = []): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { ...to, path: '/api/whoami', localAddress: from, agent: false, headers: [['host', 'ai'], ...headers].flat() },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body });
        });
      },
    );
    sent.on('error', reject).end();
  });
}

const SPOOFED: [string, string][] = [
  ['Tailscale-User-Login', 'root@example.com'],
  ['Tailscale-App-Capabilities', '{"tailscale.com/cap/aperture":[{"role":"admin"}]}'],
  ['X-Forwarded-For', '127.0.0.1'],
];

test('whoever comes through the proxy is who the proxy says, whatever they say themselves', async () => {
  for (const headers of [[], SPOOFED]) {
    const answer = await whoami(proxied, ALICE, headers);
    expect(answer.status, answer.body).toBe(200);
    expect(JSON.parse(answer.body)).toMatchObject({
      login: 'alice@example.com',
      role: 'user',
      identity_source: 'proxy_headers',
    });
  }
});

test('whom the proxy gives no login is refused, and never (loopback)', async () => {
  for (const headers of [[], SPOOFED]) {
    expect(await whoami(proxied, NO_LOGIN, headers)).toMatchObject({
      status: 401,
      body: expect.stringContaining('the trusted proxy sent no Tailscale-User-Login'),
    });
  }
});

test('from the address of the proxy, nobody is (loopback), and a word of the grants is no login', async () => {
  for (const headers of [
    [],
    [['Tailscale-User-Login', '(loopback)']],
    [['Tailscale-User-Login', 'tag:admin']],
    [
      ['Tailscale-User-Login', 'alice@example.com'],
      ['Tailscale-User-Login', 'root@example.com'],
    ],
  ] satisfies [string, string][][]) {
    expect(await whoami(direct, '127.0.0.1', headers)).toMatchObject({ status: 401 });
  }
});

test('another loopback address is no proxy: its headers mean nothing, and it is nobody', async () => {
  expect(await whoami(direct, ALICE, SPOOFED)).toMatchObject({
    status: 401,
    body: expect.stringContaining('this listener does not take loopback as an identity'),
  });
});
