import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMIN_GRANT, MODELS, PATHS, bodyOf } from '../flow/support.ts';
import { TailscaledDouble } from '../identity/tailscaled-double.ts';
import type { Mode } from '../identity/tailscaled-double.ts';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import type { TestGateway } from '../support/gateway.ts';
import { slowness, stopwatch } from '../support/machine.ts';
import { removeDataDir } from '../support/postgres.ts';
import { PrivateNetwork } from '../support/private-network.ts';
import type { Answer, Host } from '../support/private-network.ts';
import { until } from '../support/until.ts';
import { PATIENCE_MS } from './degraded-world.ts';

/**
 * Row "LocalAPI" of docs/degraded-modes.md: callers on a tailnet of network namespaces, and a double of tailscaled that
 * is slow, gone, or says rubbish while they ask. That whoever is known is denied after five minutes is held by
 * test/identity/tailscale.test.ts, with a clock turned by hand.
 */
const GATEWAY = { host: '100.64.0.1', port: 80 };
const LOOPBACK = { host: '127.0.0.1', port: 8080 };
const KNOWN = ['100.64.0.11', '100.64.0.12', '100.64.0.13'];
const NEWCOMERS = ['100.64.0.21', '100.64.0.22', '100.64.0.23', '100.64.0.24'];
const SIMULATOR_PORT = 8090;

/** tailscaled is waited for this long, and by newcomers alone. */
const LOOKUP_MS = 2_000;
const OUTAGE_MS = 2_500;

const impossible = PrivateNetwork.impossible();

test.runIf(impossible !== undefined)('the LocalAPI tests need a private network', () => {
  console.warn(`not run: no private network can be made here: ${impossible}`);
  expect(process.env['CI'] === undefined ? undefined : impossible, 'in CI they must run').toBeUndefined();
});

describe.runIf(impossible === undefined)('with tailscaled in trouble', () => {
  const undo: (() => unknown)[] = [];
  let tailscaled: TailscaledDouble;
  let gateway: TestGateway;
  let hub: Host;
  let callers: Host;

  beforeAll(async () => {
    tailscaled = new TailscaledDouble();
    undo.push(() => tailscaled.dispose());
    await tailscaled.start();
    for (const address of [...KNOWN, ...NEWCOMERS]) {
      const name = `host-${address.split('.').at(-1) ?? ''}`;
      tailscaled.nodes.set(address, { stableId: name, name, login: `${name}@example.com` });
    }
    const network = await PrivateNetwork.create([GATEWAY.host], { callers: [...KNOWN, ...NEWCOMERS] });
    undo.push(() => network.remove());
    [hub, callers] = [network.host('hub'), network.host('callers')];
    const dataDir = temporaryFolder();
    undo.push(() => {
      removeDataDir(dataDir);
    });
    gateway = await startGateway({
      within: network.onHub,
      dataDir,
      simulatorPort: SIMULATOR_PORT,
      env: { APERTURE_LISTEN: '', APERTURE_TAILSCALE_SOCKET: tailscaled.socketPath },
      config: {
        providers: { openai: { baseurl: `http://127.0.0.1:${SIMULATOR_PORT}`, models: [MODELS.openai] } },
        grants: [
          ADMIN_GRANT,
          { src: ['*'], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: '**' }] } },
        ],
        server: { listen: [{ address: `${LOOPBACK.host}:${LOOPBACK.port}` }, { address: 'tailscale:80' }] },
      },
    });
    undo.push(() => gateway.stop());
    await until('it listens on the tailnet', async () => (await readiness()) === 'ready\n', PATIENCE_MS);
    for (const from of KNOWN) expect((await ask(from, 'x')).status).toBe(200);
  }, 3 * PATIENCE_MS);
  afterAll(async () => {
    for (const one of undo.reverse()) await one();
  });

  async function readiness(): Promise<string> {
    return (await hub.ask(LOOPBACK, '/readyz')).body;
  }

  function ask(from: string, mark: string, stream = false): Promise<Answer> {
    return callers.ask(GATEWAY, PATHS.openai, {
      method: 'POST',
      from,
      headers: [
        ['content-type', 'application/json'],
        ['user-agent', mark],
        ['x-sim', `output=7;events=8${stream ? ';pace=40ms' : ''}`],
      ],
      body: JSON.stringify({
        ...bodyOf('openai'),
        stream,
        ...(stream ? { stream_options: { include_usage: true } } : {}),
      }),
    });
  }

  /** Known callers ask one after the other, each, until told to stop; every answer must be whole. */
  async function goOn(name: string, stop: { now: boolean }): Promise<{ marks: string[]; mostMs: number }> {
    const marks: string[] = [];
    const watch = stopwatch();
    let mostMs = 0;
    const caller = async (from: string): Promise<void> => {
      for (let n = 0; !stop.now; n++) {
        const mark = `${name}-${from}-${n}`;
        const stream = n % 2 === 0;
        const beganAtMs = watch.ms();
        const answer = await ask(from, mark, stream);
        mostMs = Math.max(mostMs, watch.ms() - beganAtMs);
        marks.push(mark);
        expect(answer.status, answer.body).toBe(200);
        expect(answer.body).toContain('"completion_tokens":7');
        if (stream) expect(answer.body.trimEnd()).toMatch(/data: \[DONE\]$/);
      }
    };
    await Promise.all(KNOWN.map(caller));
    watch.stop();
    return { marks, mostMs };
  }

  async function expectBooks(marks: readonly string[]): Promise<void> {
    await until(
      'each has its record',
      async () => {
        const { body } = await hub.ask(LOOPBACK, '/api/requests?limit=1000');
        const { items } = JSON.parse(body) as {
          items: { user_agent: string; state: string; usage: { output: number } }[];
        };
        const own = items.filter(({ user_agent }) => marks.includes(user_agent));
        expect(new Set(own.map(({ user_agent }) => user_agent)).size, 'none twice').toBe(own.length);
        return (
          own.length === marks.length && own.every(({ state, usage }) => state === 'complete' && usage.output === 7)
        );
      },
      30_000,
    );
  }

  test.each<[string, Mode | 'gone', string]>([
    ['slow', 'hang', NEWCOMERS[0] ?? ''],
    ['down', 'gone', NEWCOMERS[1] ?? ''],
    ['corrupt', 'junk', NEWCOMERS[2] ?? ''],
    ['corrupt in another way', 'other-shape', NEWCOMERS[3] ?? ''],
  ])(
    'LocalAPI %s: who is known notices nothing, who is new is told soon, and is let in afterwards',
    async (name, mode, newcomer) => {
      const stop = { now: false };
      const going = goOn(name, stop);
      if (mode === 'gone') await tailscaled.stop();
      else tailscaled.mode = mode;
      const untilMs = performance.now() + OUTAGE_MS;
      const watch = stopwatch();
      expect(await ask(newcomer, 'newcomer')).toMatchObject({
        status: 401,
        body: expect.stringContaining('tailscaled on the gateway does not answer') as string,
      });
      expect(watch.ms()).toBeLessThan((LOOKUP_MS + 2_000) * slowness());
      watch.stop();
      await until(
        'readiness names it',
        async () => /^listener tailscale:80: .*tailscaled/.test(await readiness()),
        PATIENCE_MS,
      );
      expect((await hub.ask(LOOPBACK, '/metrics')).body).toMatch(/^aperture_whois_failures_total [1-9]/m);
      await until('the outage is over', () => performance.now() > untilMs, PATIENCE_MS);
      if (mode === 'gone') await tailscaled.start();
      else tailscaled.mode = 'answer';
      await until('the newcomer is let in', async () => (await ask(newcomer, 'newcomer')).status === 200, PATIENCE_MS);
      await until('it is ready', async () => (await readiness()) === 'ready\n', PATIENCE_MS);
      stop.now = true;
      const { marks, mostMs } = await going;
      console.log(`LocalAPI ${name}: ${marks.length} answers for who is known, ${mostMs.toFixed(0)} ms at most`);
      // A look-up that is given up takes two seconds: nobody known has waited for one.
      expect(mostMs).toBeLessThan(LOOKUP_MS);
      await expectBooks(marks);
    },
    60_000,
  );
});
