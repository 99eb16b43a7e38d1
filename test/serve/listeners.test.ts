import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readAddress } from '../../config/address.ts';
import type { Listener, ListenerTls } from '../../config/slices.ts';
import { createLocalApi } from '../../src/identity/tailscale.ts';
import type { LocalApi } from '../../src/identity/tailscale.ts';
import { silentLog } from '../../src/lib/log.ts';
import { Listeners } from '../../src/serve/listeners.ts';
import { NodeCertificate } from '../../src/serve/node-certificate.ts';
import { TailscaledDouble } from '../identity/tailscaled-double.ts';
import { HandClock } from '../support/hand-clock.ts';
import { createTestSocket } from '../support/test-socket.ts';

/** Of RFC 5737: no machine has it, so nobody can listen on it. */
const NOT_OURS = '192.0.2.1';

let tailscaled: TailscaledDouble;
let localApi: LocalApi;
let folder: string;
let listeners: Listeners;

beforeEach(async () => {
  tailscaled = new TailscaledDouble();
  await tailscaled.start();
  localApi = createLocalApi({ socketPath: tailscaled.socketPath });
  folder = mkdtempSync(join(tmpdir(), 'aperture-test-tls-'));
});
afterEach(async () => {
  listeners.close();
  await localApi.close();
  await tailscaled.dispose();
  rmSync(folder, { recursive: true, force: true });
});

function open(...addresses: (string | [string, ListenerTls])[]): Listeners {
  listeners = new Listeners({
    listeners: addresses.map((entry) => (typeof entry === 'string' ? listener(entry) : listener(...entry))),
    socket: (index, keyPair) =>
      createTestSocket((_request, response) => response.send(200, [], String(index)), index, keyPair),
    localApi,
    certificate: new NodeCertificate({ localApi, folder, clock: new HandClock() }),
    log: silentLog,
  });
  return listeners;
}

function listener(text: string, tls?: ListenerTls): Listener {
  const address = readAddress(text);
  if (!address.ok) throw new Error(address.fault);
  return { address: address.value, identity: ['loopback'], trustedProxies: [], tls, h2c: false };
}

test('each listener answers as itself', async () => {
  await open('127.0.0.1:0', '[::1]:0').start();
  const urls = listeners.urls();
  expect(urls.map((url) => new URL(url).hostname)).toEqual(['127.0.0.1', '[::1]']);
  expect(await Promise.all(urls.map(async (url) => (await fetch(url)).text()))).toEqual(['0', '1']);
});

test('of the addresses of a node, those that can be are listened on', async () => {
  tailscaled.self.addresses = [NOT_OURS, '127.0.0.1'];
  await open('tailscale:0').start();
  expect(listeners.urls().map((url) => new URL(url).hostname)).toEqual(['127.0.0.1']);
  expect(listeners.away()).toEqual({});
});

test('where none of them can be, that is said by name, and the other listeners serve', async () => {
  tailscaled.self.addresses = [NOT_OURS];
  await open('127.0.0.1:0', 'tailscale:80').start();
  expect(listeners.urls()).toHaveLength(1);
  expect(listeners.away()).toEqual({
    'listener tailscale:80': `cannot listen on ${NOT_OURS}:80: the address is taken or not ours`,
  });
});

test('tailscaled without a network interface is told what to use instead', async () => {
  tailscaled.self.tun = false;
  await open('tailscale:80').start();
  expect(listeners.away()['listener tailscale:80']).toContain('use "tailscale serve"');
});

test('without a certificate of the node nothing listens, least of all in the clear', async () => {
  tailscaled.self.addresses = ['127.0.0.1'];
  await open(['tailscale:0', { kind: 'tailscale' }]).start();
  expect(listeners.urls()).toEqual([]);
  expect(listeners.away()['listener tailscale:0']).toContain('there is no certificate of ai.tail9da30d.ts.net yet');
});

test('an address that is not ours, or a certificate that is missing, ends the start', async () => {
  await expect(open(`${NOT_OURS}:80`).start()).rejects.toThrow(`listener ${NOT_OURS}:80: cannot listen on`);
  const certFile = join(folder, 'missing.crt');
  await expect(open(['127.0.0.1:0', { kind: 'files', certFile, keyFile: certFile }]).start()).rejects.toThrow(
    `listener 127.0.0.1:0: the certificate ${certFile} cannot be read (ENOENT)`,
  );
});
