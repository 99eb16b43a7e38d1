import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Pool } from 'pg';
import { slowness, stopwatch } from '../support/machine.ts';
import { databaseUrl, startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { startFlow } from './support.ts';
import type { Flow } from './support.ts';

const LOGINS = { a: 'a@example.com', b: 'b@example.com', admin: 'root@example.com' };
/** For each request of B. */
const REQUESTS_OF_A = 50;
const ROUNDS = 2;
const LAG_MS = 5_000;
const LOOK_EVERY_MS = 50;
/** Each of A's prompts is new as a whole: hashed and packed again, which is what a capture costs. */
const PROMPT = Array.from({ length: 60_000 }, (_, word) => (word * 2_654_435_761).toString(36)).join(' ');

let postgres: TestPostgres;
let pool: Pool;
let flow: Flow;

beforeAll(async () => {
  postgres = await startTestPostgres('fairness');
  const database = await postgres.migrated();
  pool = database.pool;
  const grant = (src: string[], ...capabilities: unknown[]) => ({
    src,
    app: { 'tailscale.com/cap/aperture': capabilities },
  });
  flow = await startFlow({
    env: { DATABASE_URL: databaseUrl(database.address) },
    grants: [
      grant([LOGINS.admin], { role: 'admin' }, { models: '**' }, { read_metrics: true }),
      grant([LOGINS.a, LOGINS.b], { role: 'user' }, { models: '**' }),
    ],
    server: { listen: [{ address: '127.0.0.1:0', identity: ['proxy_headers'] }], trusted_proxies: ['127.0.0.1'] },
    headers: { 'tailscale-user-login': LOGINS.admin },
  });
});
afterAll(async () => {
  await flow.close();
  await postgres.stop();
});

async function ask(login: string, content: string): Promise<string> {
  const response = await flow.ask('anthropic', {
    sim: 'output=5',
    body: { messages: [{ role: 'user', content }] },
    headers: { 'tailscale-user-login': login },
  });
  await response.arrayBuffer();
  return response.headers.get('x-aperture-request-id') ?? '';
}

/** Waits until both are in the database; milliseconds. */
async function lagOf(id: string): Promise<number> {
  const watch = stopwatch();
  await until(
    `record and capture of ${id} are stored`,
    async () => {
      const { rowCount } = await pool.query(
        'SELECT FROM aperture.records JOIN aperture.captures USING (id) WHERE id = $1',
        [id],
      );
      return rowCount === 1;
    },
    60_000,
  );
  watch.stop();
  return watch.ms();
}

async function metric(name: string): Promise<number> {
  const headers = { 'tailscale-user-login': LOGINS.admin };
  const text = await (await fetch(`${flow.gateway.url}/metrics`, { headers })).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
}

test(
  'failure mode 48: while one caller asks fifty times as much, another’s record and capture are there within 5 s',
  { timeout: 180_000 },
  async () => {
    const slower = slowness();
    await lagOf(await ask(LOGINS.b, 'the first of the day'));
    const lags: number[] = [];
    const floods: Promise<string[]>[] = [];
    let waiting = 0;
    const looks = setInterval(() => {
      // Of a gateway that is gone there is nothing to be seen: what failed before says so.
      void metric('aperture_captures_waiting').then(
        (now) => (waiting = Math.max(waiting, now)),
        () => undefined,
      );
    }, LOOK_EVERY_MS);
    onTestFinished(() => {
      clearInterval(looks);
    });
    for (let round = 0; round < ROUNDS; round += 1) {
      const numbers = Array.from({ length: REQUESTS_OF_A }, (_, number) => `${round}.${number}`);
      floods.push(Promise.all(numbers.map((number) => ask(LOGINS.a, `${number} ${PROMPT}`))));
      const id = await ask(LOGINS.b, `question ${round}`);
      lags.push(await lagOf(id));
    }
    const askedAtMs = performance.now();
    await Promise.all(floods);
    await until('A is captured too', async () => (await metric('aperture_captures_waiting')) === 0, 60_000);
    const lastMs = performance.now() - askedAtMs;
    console.log(
      `A: ${ROUNDS * REQUESTS_OF_A} requests, up to ${waiting} captures waiting, the last after ${lastMs.toFixed(0)} ms; ` +
        `B's lag: ${lags.map((ms) => ms.toFixed(0)).join(', ')} ms`,
    );
    // Otherwise nothing was in B's way.
    expect(waiting).toBeGreaterThan(10);
    expect(Math.max(...lags)).toBeLessThan(LAG_MS * slower);
  },
);
