import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLocalApi } from '../../src/identity/tailscale.ts';
import type { LocalApi } from '../../src/identity/tailscale.ts';
import { NodeCertificate } from '../../src/serve/node-certificate.ts';
import { TailscaledDouble } from '../identity/tailscaled-double.ts';
import { makeCertificate } from '../support/certificates.ts';
import { HandClock } from '../support/hand-clock.ts';

const NAME = 'ai.tail9da30d.ts.net';
const HOUR_MS = 3_600_000;

let tailscaled: TailscaledDouble;
let api: LocalApi;
let clock: HandClock;
let folder: string;

beforeEach(async () => {
  tailscaled = new TailscaledDouble();
  await tailscaled.start();
  api = createLocalApi({ socketPath: tailscaled.socketPath, timeoutMs: 300 });
  clock = new HandClock();
  folder = mkdtempSync(join(tmpdir(), 'aperture-test-tls-'));
});

afterEach(async () => {
  await api.close();
  await tailscaled.dispose();
  rmSync(folder, { recursive: true, force: true });
});

function start(): NodeCertificate {
  return new NodeCertificate({ localApi: api, folder: join(folder, 'tls'), clock });
}

/** Waits until there is a certificate with these bytes. */
async function holds(certificate: NodeCertificate, pem: string): Promise<void> {
  await vi.waitFor(async () => {
    const current = await certificate.current(NAME);
    expect(current.ok && readFileSync(current.value.certFile, 'utf8')).toBe(pem);
  });
}

test('a certificate is fetched, and kept where nobody else reads it', async () => {
  const { pair } = makeCertificate(folder, 'first');
  tailscaled.certificates.set(NAME, pair);
  const certificate = start();
  expect(await certificate.current(NAME)).toEqual({
    ok: false,
    fault: `there is no certificate of ${NAME} yet: tailscaled has been asked for it`,
  });
  await holds(certificate, pair);
  expect(statSync(join(folder, 'tls')).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, 'tls', `${NAME}.pem`)).mode & 0o777).toBe(0o600);
});

test('it is asked for again each hour, so that a renewal by tailscaled is seen', async () => {
  const [first, second] = [makeCertificate(folder, 'first'), makeCertificate(folder, 'second')];
  tailscaled.certificates.set(NAME, first.pair);
  const certificate = start();
  await holds(certificate, first.pair);
  tailscaled.certificates.set(NAME, second.pair);
  clock.advance(HOUR_MS - 1_000);
  await holds(certificate, first.pair);
  clock.advance(1_000);
  await holds(certificate, second.pair);
});

test('with tailscaled away, a start uses what was kept', async () => {
  const { pair } = makeCertificate(folder, 'first');
  tailscaled.certificates.set(NAME, pair);
  await holds(start(), pair);
  await tailscaled.stop();
  const current = await start().current(NAME);
  expect(current).toMatchObject({ ok: true });
});

test('why there is none is told, and a refusal is not repeated at once', async () => {
  const certificate = start();
  await vi.waitFor(async () => {
    expect(await certificate.current(NAME)).toEqual({
      ok: false,
      fault: `there is no certificate of ${NAME} yet: tailscaled says: your Tailscale account does not support getting TLS certs`,
    });
  });
  const { pair } = makeCertificate(folder, 'late');
  tailscaled.certificates.set(NAME, pair);
  clock.advance(HOUR_MS / 6 - 1_000);
  expect(await certificate.current(NAME)).toMatchObject({ ok: false });
  clock.advance(1_000);
  await holds(certificate, pair);
});

test('rubbish in place of a certificate leaves the one that is there', async () => {
  const { pair } = makeCertificate(folder, 'first');
  tailscaled.certificates.set(NAME, pair);
  const certificate = start();
  await holds(certificate, pair);
  tailscaled.certificates.set(NAME, '-----BEGIN CERTIFICATE-----\nrubbish');
  clock.advance(HOUR_MS);
  await certificate.current(NAME);
  await holds(certificate, pair);
});
