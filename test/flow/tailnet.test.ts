import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { TailscaledDouble } from '../identity/tailscaled-double.ts';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { removeDataDir } from '../support/postgres.ts';
import { PrivateNetwork } from '../support/private-network.ts';
import type { Answer, Host, Place, RequestOrder } from '../support/private-network.ts';
import { until } from '../support/until.ts';
import { ADMIN_GRANT, MODELS, PATHS, bodyOf } from './support.ts';

/**
 * Real hosts with tailnet addresses, in network namespaces of their own: the gateway's host `hub`, `one` and `two`. What
 * tailscaled would say stands in a double on its Unix socket.
 */
const GATEWAY = '100.64.0.1';
const NEXT_GATEWAY = '100.64.0.2';
const GATEWAY6 = 'fd7a:115c:a1e0::1';
const ALICE = '100.64.0.11';
const ALICE6 = 'fd7a:115c:a1e0::11';
const BOB = '100.64.0.12';
const CI = '100.64.0.13';
const API_PROD = '100.64.0.14';
const CAROL = '100.64.0.15';
const FOREIGN_TAG = '100.64.0.16';
const STRANGER = '100.64.0.17';
const NEWCOMERS = ['100.64.0.18', '100.64.0.19', '100.64.0.20', '100.64.0.21'];

const TAILNET: Place = { host: GATEWAY, port: 80 };
const LOOPBACK: Place = { host: '127.0.0.1', port: 8080 };
const SIMULATOR_PORT = 8090;

const WhoAmI = z.object({
  login: z.string(),
  node_id: z.string(),
  tags: z.array(z.string()),
  identity_source: z.string(),
});
const capabilities = (...values: object[]): object => ({ 'tailscale.com/cap/aperture': values });

const impossible = PrivateNetwork.impossible();

test.runIf(impossible !== undefined)('the tailnet tests need a private network', () => {
  console.warn(`not run: the tailnet tests, as no private network can be made here: ${impossible}`);
  expect(process.env['CI'] === undefined ? undefined : impossible, 'in CI they must run').toBeUndefined();
});

describe.runIf(impossible === undefined)('on a tailnet', () => {
  /** What was made, undone backwards: also what a failure in the middle left. */
  const undo: (() => unknown)[] = [];
  let tailscaled: TailscaledDouble;
  let network: PrivateNetwork;
  let gateway: TestGateway;
  let one: Host;
  let two: Host;
  let hub: Host;

  beforeAll(async () => {
    tailscaled = new TailscaledDouble();
    undo.push(() => tailscaled.dispose());
    const dataDir = temporaryFolder();
    undo.push(() => {
      removeDataDir(dataDir);
    });
    network = await PrivateNetwork.create([GATEWAY, GATEWAY6, NEXT_GATEWAY], {
      one: [ALICE, ALICE6],
      two: [BOB, CI, API_PROD, CAROL, FOREIGN_TAG, STRANGER, ...NEWCOMERS],
    });
    undo.push(() => network.remove());
    [hub, one, two] = [network.host('hub'), network.host('one'), network.host('two')];
    const alice = { stableId: 'nAlice', name: 'alice-laptop', login: 'alice@example.com' };
    const nodes = {
      [GATEWAY]: { stableId: 'nGateway', name: 'ai', tags: ['tag:gateway'] },
      [ALICE]: alice,
      [ALICE6]: alice,
      [BOB]: {
        stableId: 'nBob',
        name: 'bob-desktop',
        login: 'bob@example.com',
        capMap: { 'tailscale.com/cap/aperture': [{ models: `openai/${MODELS.openai}` }] },
      },
      [CI]: { stableId: 'nCi', name: 'ci', tags: ['tag:runner', 'tag:ci'] },
      [API_PROD]: { stableId: 'nApi', name: 'api', tags: ['tag:prod', 'tag:api'] },
      [CAROL]: { stableId: 'nCarol', name: 'carol', login: 'carol@other.example', shareeNode: true },
      [FOREIGN_TAG]: { stableId: 'nForeign', name: 'theirs', tags: ['tag:ci'], shareeNode: true },
      ...Object.fromEntries(
        NEWCOMERS.map((address, n) => [address, { stableId: `n${n}`, name: `new${n}`, login: `new${n}@example.com` }]),
      ),
    };
    for (const [address, node] of Object.entries(nodes)) tailscaled.nodes.set(address, node);
    gateway = await startGateway({
      within: network.onHub,
      dataDir,
      simulatorPort: SIMULATOR_PORT,
      env: { APERTURE_LISTEN: '', APERTURE_TAILSCALE_SOCKET: tailscaled.socketPath },
      config: {
        providers: { openai: { baseurl: `http://127.0.0.1:${SIMULATOR_PORT}`, models: [MODELS.openai] } },
        grants: [
          ADMIN_GRANT,
          // Whoever has an identity is a user; models are another matter.
          { src: ['*'], app: capabilities({ role: 'user' }) },
          { src: ['tag:ci'], app: capabilities({ models: '**' }) },
          { src: ['tag:api,tag:prod'], app: capabilities({ models: '**' }) },
          { src: ['carol@other.example'], app: capabilities({ models: '**' }) },
        ],
        server: {
          listen: [{ address: `${LOOPBACK.host}:${LOOPBACK.port}` }, { address: 'tailscale:80' }],
        },
      },
    });
    undo.push(() => gateway.stop());
  });
  afterAll(async () => {
    for (const one of undo.reverse()) await one();
  });

  async function whoami(
    host: Host,
    options: Partial<RequestOrder> = {},
    to = TAILNET,
  ): Promise<z.infer<typeof WhoAmI>> {
    const answer = await host.ask(to, '/api/whoami', options);
    expect(answer.status, answer.body).toBe(200);
    return WhoAmI.parse(JSON.parse(answer.body));
  }

  function model(host: Host, options: Partial<RequestOrder> = {}, to = TAILNET): Promise<Answer> {
    return host.ask(to, PATHS.openai, modelRequest(options));
  }

  async function readiness(): Promise<string> {
    return (await hub.ask(LOOPBACK, '/readyz')).body;
  }

  test('tailscaled away at start: the other listeners serve, readiness names it, and it is taken up when it comes', async () => {
    const waits = 'listener tailscale:80: tailscaled does not answer (ENOENT)\n';
    expect(gateway.output()).toContain(`waiting: ${waits}`);
    // Its notes come after it: a machine that stalls gets one on the age of what the database said.
    expect(await hub.ask(LOOPBACK, '/readyz')).toMatchObject({ status: 503, body: expect.stringContaining(waits) });
    expect((await whoami(hub, {}, LOOPBACK)).login).toBe('(loopback)');
    await expect(one.ask(TAILNET, '/healthz')).rejects.toThrow('ECONNREFUSED');

    tailscaled.self.backendState = 'NeedsLogin';
    await tailscaled.start();
    await until('its state is told', async () => (await readiness()).includes('is not running here: NeedsLogin'));
    await expect(one.ask(TAILNET, '/healthz')).rejects.toThrow('ECONNREFUSED');

    tailscaled.self.backendState = 'Running';
    await until('the gateway is ready', async () => (await readiness()) === 'ready\n');
    expect((await one.ask(TAILNET, '/healthz')).status).toBe(200);
  });

  test("it listens on the node's own addresses and on no other", async () => {
    expect((await one.ask({ host: GATEWAY6, port: 80 }, '/healthz')).status).toBe(200);
    await expect(one.ask({ host: NEXT_GATEWAY, port: 80 }, '/healthz')).rejects.toThrow('ECONNREFUSED');
    await expect(hub.ask({ host: '127.0.0.1', port: 80 }, '/healthz')).rejects.toThrow('ECONNREFUSED');
  });

  test('each host is its own user, by every address of its device', async () => {
    const alice = { login: 'alice@example.com', node_id: 'nAlice', tags: [], identity_source: 'tailscale' };
    expect(await whoami(one)).toEqual(alice);
    expect(await whoami(one, {}, { host: GATEWAY6, port: 80 })).toEqual(alice);
    expect(await whoami(two, { from: BOB })).toMatchObject({ login: 'bob@example.com', node_id: 'nBob' });
    expect(await whoami(two, { from: CI })).toMatchObject({
      login: 'tag:ci,tag:runner',
      tags: ['tag:ci', 'tag:runner'],
    });
    expect(await whoami(two, { from: CAROL })).toMatchObject({ login: 'carol@other.example', node_id: 'nCarol' });
  });

  test.each(['ai', 'ai.tail9da30d.ts.net', 'ai.tail9da30d.ts.net:80', GATEWAY, `[${GATEWAY6}]`])(
    'it answers to the name %s',
    async (host) => {
      expect((await whoami(one, { headers: [['Host', host]] })).login).toBe('alice@example.com');
    },
  );

  test('no combination of headers makes somebody else of a host', async () => {
    const spoofed: [string, string][] = [
      ['Tailscale-User-Login', 'root@example.com'],
      ['tailscale-user-login', '(loopback)'],
      ['Tailscale-User-Name', 'Root'],
      ['Tailscale-App-Capabilities', '{"tailscale.com/cap/aperture":[{"role":"admin"},{"models":"**"}]}'],
      ['X-Forwarded-For', '127.0.0.1'],
      ['X-Forwarded-For', BOB],
      ['X-Real-IP', '127.0.0.1'],
      ['Forwarded', 'for=127.0.0.1;host=localhost'],
      ['X-Forwarded-Host', 'localhost'],
      ['X-Forwarded-User', 'root@example.com'],
      ['X-Webauth-User', 'root@example.com'],
      ['Remote-User', 'root'],
      ['Authorization', 'Bearer sk-anything'],
      ['X-Api-Key', 'anything'],
      ['Cookie', 'login=root@example.com'],
      ['Via', '1.1 localhost'],
    ];
    const hosts = fc.constantFrom('localhost', '127.0.0.1', '[::1]', 'ai', '100.64.0.12');
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray(spoofed), hosts, async (headers, host) => {
        const sent: Partial<RequestOrder> = { headers: [['Host', host], ...headers] };
        expect(await whoami(one, sent)).toMatchObject({ login: 'alice@example.com', node_id: 'nAlice', tags: [] });
        expect((await one.ask(TAILNET, '/metrics', sent)).status).toBe(403);
        expect((await model(one, sent)).status).toBe(404);
      }),
      { numRuns: 60, examples: [[spoofed, '127.0.0.1']] },
    );
  });

  test('a capability of the policy file gives its bearer a model, and nobody else', async () => {
    expect((await model(two, { from: BOB })).status).toBe(200);
    expect(await model(one)).toMatchObject({
      status: 404,
      body: expect.stringContaining('you have no grant for it'),
    });
  });

  test('a grant matches one of several tags, and all of them joined', async () => {
    expect((await model(two, { from: CI })).status).toBe(200);
    expect((await model(two, { from: API_PROD })).status).toBe(200);
  });

  test("another tailnet's users are judged by their own login, and its tags are not ours", async () => {
    expect((await model(two, { from: CAROL })).status).toBe(200);
    expect(await model(two, { from: FOREIGN_TAG })).toMatchObject({
      status: 401,
      body: expect.stringContaining('a tagged device of another tailnet has no identity here'),
    });
  });

  test('an address that the tailnet does not know is nobody', async () => {
    expect(await two.ask(TAILNET, '/api/whoami', { from: STRANGER })).toMatchObject({
      status: 401,
      body: expect.stringContaining('the tailnet knows no such address'),
    });
  });

  test('the records name who it was', async () => {
    const Records = z.object({ items: z.array(z.looseObject({ login: z.string(), state: z.string() })) });
    const logins = await until(
      'the records are listed',
      async () => {
        const { body } = await hub.ask(LOOPBACK, '/api/requests?limit=1000');
        const complete = Records.parse(JSON.parse(body)).items.filter(({ state }) => state === 'complete');
        return complete.length >= 4 ? complete.map(({ login }) => login).sort() : undefined;
      },
      30_000,
    );
    expect(logins).toEqual(['bob@example.com', 'carol@other.example', 'tag:api,tag:prod', 'tag:ci,tag:runner']);
  });

  describe("a reverse proxy on the gateway's host", () => {
    test('that says it forwards is not (loopback), whoever is behind it', async () => {
      const at = { host: GATEWAY, port: 9001 };
      await hub.proxy({ at, to: LOOPBACK, logins: {}, forwardedFor: true });
      for (const headers of [[], [['Tailscale-User-Login', '(loopback)']]] satisfies [string, string][][]) {
        expect(await one.ask(at, '/api/whoami', { headers })).toMatchObject({
          status: 401,
          body: expect.stringContaining('a proxy that server.trusted_proxies does not list has forwarded it'),
        });
      }
    });

    test("that goes by the tailnet address is the gateway's own node", async () => {
      const at = { host: GATEWAY, port: 9002 };
      await hub.proxy({ at, to: TAILNET, logins: {}, forwardedFor: false });
      expect(await whoami(one, {}, at)).toMatchObject({ login: 'tag:gateway', identity_source: 'tailscale' });
    });
  });

  describe('with tailscaled in trouble', () => {
    test('that hangs: who is known goes on at once, who is new waits shortly and is told', async () => {
      tailscaled.mode = 'hang';
      const newcomer = two.ask(TAILNET, '/api/whoami', { from: NEWCOMERS[0] ?? '' });
      const state = { waiting: true };
      void newcomer.then(() => (state.waiting = false));
      const took: number[] = [];
      while (state.waiting) {
        const began = performance.now();
        expect((await whoami(one)).login).toBe('alice@example.com');
        took.push(performance.now() - began);
      }
      expect(took.length).toBeGreaterThan(10);
      // A look-up is given up after two seconds: nobody known has waited for it.
      expect(Math.max(...took)).toBeLessThan(1_500);
      expect(await newcomer).toMatchObject({
        status: 401,
        body: expect.stringContaining('tailscaled on the gateway does not answer'),
      });
      await until('readiness names it', async () => (await readiness()).includes('tailscaled does not answer'));
      expect((await hub.ask(LOOPBACK, '/metrics')).body).toMatch(/^aperture_whois_failures_total [1-9]/m);
    });

    test.each([
      ['says rubbish', 'junk', NEWCOMERS[1]],
      ['answers nobody', 'forbidden', NEWCOMERS[2]],
    ] as const)('that %s: who is known goes on, who is new is told', async (_, mode, from) => {
      tailscaled.mode = mode;
      expect((await model(two, { from: BOB })).status).toBe(200);
      expect(await two.ask(TAILNET, '/api/whoami', { from: from ?? '' })).toMatchObject({
        status: 401,
        body: expect.stringContaining('tailscaled on the gateway does not answer'),
      });
    });

    test('that dies in a stream: the stream ends well, and all is as before once it is back', async () => {
      tailscaled.mode = 'answer';
      const stream = await two.begin(TAILNET, PATHS.openai, modelRequest({ from: BOB }, 'events=10;pace=50ms'));
      await tailscaled.stop();
      expect((await whoami(one)).login).toBe('alice@example.com');
      expect((await two.ask(TAILNET, '/api/whoami', { from: NEWCOMERS[3] ?? '' })).status).toBe(401);
      expect((await stream.answer).body.trimEnd()).toMatch(/data: \[DONE\]$/);
      await tailscaled.start();
      await until('the newcomer is known', async () => {
        return (await two.ask(TAILNET, '/api/whoami', { from: NEWCOMERS[3] ?? '' })).status === 200;
      });
      await until('the gateway is ready', async () => (await readiness()) === 'ready\n');
    });
  });

  test("the node's address changes: the new one answers, the old one is left, and what runs there ends well", async () => {
    const running = { stream: true };
    const stream = await two.begin(TAILNET, PATHS.openai, modelRequest({ from: BOB }, 'events=30;pace=200ms'));
    void stream.answer.then(() => (running.stream = false));
    tailscaled.self.addresses = [NEXT_GATEWAY, GATEWAY6];
    const next = { host: NEXT_GATEWAY, port: 80 };
    await until('the new address answers', () =>
      one.ask(next, '/healthz').then(
        ({ status }) => status === 200,
        () => false,
      ),
    );
    await until('the old address is left', () =>
      one.ask(TAILNET, '/healthz').then(
        () => false,
        () => true,
      ),
    );
    expect(running, 'the stream outlives its address').toEqual({ stream: true });
    expect((await whoami(one, {}, next)).login).toBe('alice@example.com');
    const { status, body } = await stream.answer;
    expect(status).toBe(200);
    expect(body.trimEnd()).toMatch(/data: \[DONE\]$/);
  });

  test('a drain leaves no address open, and ends well', async () => {
    expect(await gateway.stop()).toBe(0);
    await expect(one.ask({ host: NEXT_GATEWAY, port: 80 }, '/healthz')).rejects.toThrow('ECONNREFUSED');
  });
});

/** A request to a model, streamed where the simulator is told how. */
function modelRequest(options: Partial<RequestOrder>, sim?: string): Partial<RequestOrder> {
  const body = JSON.stringify({ ...bodyOf('openai'), stream: sim !== undefined });
  return {
    ...options,
    method: 'POST',
    body,
    headers: [
      ['content-type', 'application/json'],
      ['content-length', String(Buffer.byteLength(body))],
      ...(sim === undefined ? [] : [['x-sim', sim] satisfies [string, string]]),
      ...(options.headers ?? []),
    ],
  };
}
