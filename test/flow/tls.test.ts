import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { get } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import OpenAI from 'openai';
import { Agent, fetch as undiciFetch } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../bench/targets.ts';
import { TailscaledDouble } from '../identity/tailscaled-double.ts';
import { makeCertificate, replaceCertificate } from '../support/certificates.ts';
import type { TestCertificate } from '../support/certificates.ts';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import { removeDataDir } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { MODELS, PATHS, bodyOf, startFlow } from './support.ts';
import type { Flow } from './support.ts';

const NODE_NAME = 'ai.tail9da30d.ts.net';

/** A gateway with a plain listener, one with certificate files, and one with the certificate of the node's name. */
const folder = mkdtempSync(join(tmpdir(), 'aperture-test-tls-'));
const files = { certFile: join(folder, 'server.crt'), keyFile: join(folder, 'server.key') };
const dataDir = temporaryFolder();
const tailscaled = new TailscaledDouble();
let first: TestCertificate;
let second: TestCertificate;
let node: TestCertificate;
let flow: Flow;
let port: number;
let nodePort: number;

beforeAll(async () => {
  [first, second, node] = [
    makeCertificate(folder, 'first'),
    makeCertificate(folder, 'second'),
    makeCertificate(folder, 'node'),
  ];
  replaceCertificate(files, first);
  tailscaled.certificates.set(NODE_NAME, node.pair);
  await tailscaled.start();
  // The port of a renewed certificate's socket is that of the first: it must be known before.
  [port, nodePort] = [await freePort(), await freePort()];
  const tls = { cert_file: files.certFile, key_file: files.keyFile };
  flow = await startFlow({
    dataDir,
    env: { APERTURE_LISTEN: '', APERTURE_TAILSCALE_SOCKET: tailscaled.socketPath },
    server: {
      listen: [
        { address: '127.0.0.1:0' },
        { address: `127.0.0.1:${port}`, tls },
        { address: `127.0.0.1:${nodePort}`, tls: 'tailscale' },
      ],
    },
  });
});
afterAll(async () => {
  await flow.close();
  await tailscaled.dispose();
  removeDataDir(dataDir);
  rmSync(folder, { recursive: true, force: true });
});

const trusted = (): string[] => [first.cert, second.cert, node.cert];

/** The name and the version that a handshake ends with, or its error. */
function handshake(to: number, options: ConnectionOptions = {}): Promise<{ name: string; version: string }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: to, host: '127.0.0.1', ca: trusted(), ...options }, () => {
      resolve({ name: String(socket.getPeerCertificate().subject.CN), version: socket.getProtocol() ?? '' });
      socket.destroy();
    });
    socket.on('error', reject);
  });
}

test("Node's own client is answered over TLS 1.2 and later, and over nothing earlier", async () => {
  const status = await new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path: '/api/whoami', ca: trusted() }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
  expect(status).toBe(200);
  expect(await handshake(port)).toEqual({ name: 'first', version: 'TLSv1.3' });
  expect(await handshake(port, { maxVersion: 'TLSv1.2' })).toEqual({ name: 'first', version: 'TLSv1.2' });
  const old: ConnectionOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' };
  await expect(handshake(port, old)).rejects.toThrow(/protocol version/);
});

test('plain HTTP to a TLS listener is dropped', async () => {
  await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
});

test('the openai SDK streams over TLS', async () => {
  const dispatcher = new Agent({ connect: { ca: trusted() } });
  const client = new OpenAI({
    baseURL: `https://127.0.0.1:${port}/v1`,
    apiKey: 'anything',
    maxRetries: 0,
    fetchOptions: { dispatcher },
  });
  const stream = await client.chat.completions.create(
    { model: MODELS.openai, messages: [{ role: 'user', content: 'Say hello' }], stream: true },
    { headers: { 'x-sim': 'text=hello%20over%20TLS;events=5' } },
  );
  let text = '';
  for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
  expect(text).toBe('hello over TLS');
  await dispatcher.close();
});

test.each([false, true])('a large answer (streamed: %s) passes with the same bytes as without TLS', async (stream) => {
  const dispatcher = new Agent({ connect: { ca: trusted() } });
  const options = {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'accept-encoding': 'identity', 'x-sim': 'events=400;bytes=8192' },
    body: JSON.stringify({ ...bodyOf('openai'), stream, stream_options: stream ? { include_usage: true } : undefined }),
  };
  const secure = await undiciFetch(`https://127.0.0.1:${port}${PATHS.openai}`, { ...options, dispatcher });
  const plain = await fetch(flow.gateway.url + PATHS.openai, options);
  const [through, straight] = [await secure.text(), await plain.text()];
  expect(secure.status).toBe(200);
  expect(through.length).toBeGreaterThan(400 * 8192);
  expect(through.replace(/"created":\d+/g, '') === straight.replace(/"created":\d+/g, '')).toBe(true);
  await dispatcher.close();
});

test('a renewed certificate is taken up, and a stream that runs goes on to its end', async () => {
  const dispatcher = new Agent({ connect: { ca: trusted() } });
  const response = await undiciFetch(`https://127.0.0.1:${port}${PATHS.openai}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-sim': 'events=30;pace=200ms' },
    body: JSON.stringify({ ...bodyOf('openai'), stream: true }),
    dispatcher,
  });
  const running = { stream: true };
  const text = response.text().finally(() => (running.stream = false));

  // Half of the pair: found by the gateway or not, the first goes on.
  writeFileSync(files.certFile, second.cert);
  expect(await handshake(port)).toMatchObject({ name: 'first' });
  replaceCertificate(files, second);
  // A connection that waits in the old socket's queue at that instant may be reset (docs/tailscale.md).
  const shown = () => handshake(port).catch(() => undefined);
  await until('the new certificate is shown', async () => (await shown())?.name === 'second');
  expect(running, 'the stream outlives its certificate').toEqual({ stream: true });
  const names = await Promise.all(Array.from({ length: 20 }, () => handshake(port)));
  expect(new Set(names.map(({ name }) => name))).toEqual(new Set(['second']));
  expect((await text).trimEnd()).toMatch(/data: \[DONE\]$/);
  await dispatcher.close();
});

test('a pair that went bad is said, and the good one goes on', async () => {
  writeFileSync(files.keyFile, 'no key');
  await until('the log names the key file', () =>
    flow.gateway.output().includes(`${files.keyFile} holds no private key in PEM`),
  );
  expect(await handshake(port)).toMatchObject({ name: 'second' });
  expect(await (await fetch(`${flow.gateway.url}/readyz`)).text()).toBe('ready\n');
  expect(flow.gateway.output()).not.toContain('PRIVATE KEY');
});

test("a listener with the node's own certificate has it from tailscaled, and keeps it for itself", async () => {
  await until('the listener is up', () => handshake(nodePort, { servername: NODE_NAME }).catch(() => undefined));
  expect(await handshake(nodePort, { servername: NODE_NAME })).toMatchObject({ name: 'node' });
  expect(statSync(join(dataDir, 'tls', `${NODE_NAME}.pem`)).mode & 0o777).toBe(0o600);
});

test('a pair that does not fit ends the start with the listener and both files', async () => {
  const tls = { cert_file: first.certFile, key_file: second.keyFile };
  const start = startGateway({
    env: { APERTURE_LISTEN: '' },
    config: { providers: {}, grants: [], server: { listen: [{ address: `127.0.0.1:${port}`, tls }] } },
  });
  await expect(start).rejects.toThrow(
    `listener 127.0.0.1:${port}: the key ${second.keyFile} does not belong to the certificate ${first.certFile}`,
  );
});
