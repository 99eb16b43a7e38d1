import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import pg from 'pg';
import { expect } from 'vitest';
import { percentile } from '../../bench/load/samples.ts';
import { startProvider } from '../../bench/targets.ts';
import type { Target } from '../../bench/targets.ts';
import { ADMIN_GRANT } from '../flow/support.ts';
import { textProviders } from '../flow/wires.ts';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import type { GatewayOptions, RecordRow, TestGateway } from '../support/gateway.ts';
import { slowness } from '../support/machine.ts';
import { databaseUrl, removeDataDir, startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { startTestRedis } from '../support/redis.ts';
import type { TestRedis } from '../support/redis.ts';
import { Relay } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { bodyOf, readInParallel } from './bodies.ts';
import { steadyLoad, toldOutput } from './steady-load.ts';
import type { Asked, SteadyLoad } from './steady-load.ts';

/** A condition is waited for this long: among other tests, on a busy machine, a start alone takes tens of seconds. */
export const PATIENCE_MS = 60_000;

export interface WorldOptions {
  /** Jobs wait on a Redis, and not in the database. */
  redis?: boolean;
  /** False: the gateway asks the database past `database`, whose relay is this process's work, where the gateway's own is measured. */
  relay?: boolean;
  server?: Record<string, unknown>;
  exporters?: Record<string, unknown>;
  env?: Record<string, string>;
  dataDir?: string;
  /** A server of the test's own, which outlives this world. */
  postgres?: TestPostgres;
}

/** One gateway with a real database and queue behind relays, and a provider in a process of its own. */
export interface World {
  provider: Target;
  postgres: TestPostgres;
  /** Between the gateway and the database. */
  database: Relay;
  redis: TestRedis | undefined;
  /** Between the gateway and Redis. */
  queue: Relay | undefined;
  gateway: TestGateway;
  dataDir: string;
  /** Ends the gateway, kindly or with `SIGKILL`, and starts it again on the same data. */
  restart(how: 'stop' | 'kill', between?: () => Promise<void>): Promise<void>;
  metric(name: string): Promise<number>;
  /** `/readyz`: status and text. */
  readiness(): Promise<string>;
  close(): Promise<void>;
}

export async function openWorld(name: string, options: WorldOptions = {}): Promise<World> {
  const undo: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const one of undo.splice(0).reverse()) await one();
  };
  try {
    const provider = await startProvider();
    undo.push(() => provider.stop());
    const postgres = options.postgres ?? (await startTestPostgres(name));
    undo.push(() => (options.postgres === undefined ? postgres.stop() : undefined));
    const databaseName = name.replaceAll('-', '_');
    const address = await ownedDatabase(postgres, databaseName);
    const database = await Relay.to({ path: `${address.host}/.s.PGSQL.${address.port}` });
    undo.push(() => database.close());
    const redis = options.redis === true ? await startTestRedis() : undefined;
    undo.push(() => redis?.stop());
    const queue = redis === undefined ? undefined : await Relay.to({ path: redis.url });
    undo.push(() => queue?.close());
    const dataDir = options.dataDir ?? temporaryFolder();
    undo.push(() => {
      if (options.dataDir === undefined) removeDataDir(dataDir);
    });
    const env = {
      DATABASE_URL:
        options.relay === false
          ? databaseUrl({ ...address, user: OWNER, password: OWNER, database: databaseName })
          : `postgresql://${OWNER}:${OWNER}@127.0.0.1:${database.port}/${databaseName}`,
      ...(queue === undefined ? {} : { REDIS_URL: `redis://127.0.0.1:${queue.port}` }),
      ...options.env,
    };
    const start = (): Promise<TestGateway> => startGateway(gatewayOf(provider, dataDir, env, options));
    const world: World = {
      provider,
      postgres,
      database,
      redis,
      queue,
      dataDir,
      gateway: await start(),
      restart: async (how, between) => {
        await (how === 'kill' ? world.gateway.kill() : world.gateway.stop());
        await between?.();
        world.gateway = await start();
      },
      metric: async (metric) => metricOf(await textOf(world.gateway, '/metrics'), metric),
      readiness: () => textOf(world.gateway, '/readyz'),
      close,
    };
    undo.push(() => world.gateway.stop());
    // A cold process is slow for a second: what is measured later is none.
    await steadyLoad(portOf(world.gateway), { name: 'warm-up', perSecond: 60, seconds: 1.5 }).done;
    return world;
  } catch (error) {
    await close();
    throw error;
  }
}

/** A role, and its password: no superuser, so that a permission can be lost. */
export const OWNER = 'gateway';

async function ownedDatabase({ embedded }: TestPostgres, name: string): Promise<{ host: string; port: number }> {
  await asSuperuser(embedded, 'postgres', async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [OWNER]);
    if (rowCount === 0) await client.query(`CREATE ROLE ${OWNER} LOGIN PASSWORD '${OWNER}'`);
    await client.query(`CREATE DATABASE ${name} OWNER ${OWNER}`);
  });
  if ('url' in embedded.address) throw new Error('the embedded server has a socket');
  return embedded.address;
}

/** A connection past the relay, as whoever may do everything. */
export async function asSuperuser<T>(
  { address }: TestPostgres['embedded'],
  database: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({ ...address, database });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function gatewayOf(
  provider: Target,
  dataDir: string,
  env: Record<string, string>,
  { server, exporters }: WorldOptions,
): GatewayOptions {
  const providers = textProviders(`http://127.0.0.1:${provider.port}`);
  const sections = { ...(server === undefined ? {} : { server }), ...(exporters === undefined ? {} : { exporters }) };
  return { dataDir, env, config: { providers, grants: [ADMIN_GRANT], ...sections } };
}

export function portOf({ url }: TestGateway): number {
  return Number(new URL(url).port);
}

async function textOf(gateway: TestGateway, path: string): Promise<string> {
  const response = await fetch(gateway.url + path);
  return `${response.status} ${await response.text()}`;
}

function metricOf(text: string, name: string): number {
  const value = new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1];
  if (value === undefined) throw new Error(`${name} is missing`);
  return Number(value);
}

/** What happens while clients ask. Times in milliseconds. */
export interface Outage {
  load: SteadyLoad;
  /** Clients ask this long before anything breaks. */
  beforeMs: number;
  begin(): Promise<void> | void;
  /** The outage lasts until this resolves: what an operator sees meanwhile. */
  during(): Promise<void>;
  end(): Promise<void> | void;
  /** Set where it is the configured answer that requests are refused: there is then nothing to compare. */
  refuses?: boolean;
}

export interface Through {
  asked: readonly Asked[];
  /** Answered before anything broke. */
  before: readonly Asked[];
  /** Due in the outage. */
  within: readonly Asked[];
  statuses: Record<string, number>;
  failures: Record<string, number>;
}

/** Asked of the provider directly, all the time: what the machine itself does to everybody. */
const DIRECT_PER_SECOND = 10;

/**
 * Applies the load, and breaks and mends the world meanwhile. Whatever breaks, the process's memory stays bounded, and
 * who is answered is answered as soon as before.
 */
export async function throughOutage(world: World, outage: Outage): Promise<Through> {
  const { gateway, provider } = world;
  const load = steadyLoad(portOf(gateway), outage.load);
  const direct = steadyLoad(provider.port, { ...outage.load, perSecond: DIRECT_PER_SECOND });
  const memory = watchMemory(gateway.pid);
  try {
    await pause(outage.beforeMs);
    const beforeMiB = memory.most();
    const beganAtMs = nowMs();
    await outage.begin();
    await outage.during();
    await outage.end();
    const endedAtMs = nowMs();
    const [{ statuses, failures }] = await Promise.all([load.done, direct.done]);
    const grownMiB = memory.most() - beforeMiB;
    const isBefore = ({ dueAtMs, latencyMs }: Asked): boolean => dueAtMs > 0 && dueAtMs + latencyMs < beganAtMs;
    const isWithin = ({ dueAtMs }: Asked): boolean => dueAtMs >= beganAtMs && dueAtMs < endedAtMs;
    const before = load.asked.filter(isBefore);
    const within = load.asked.filter(isWithin);
    console.log(
      `${outage.load.name}: ${((endedAtMs - beganAtMs) / 1000).toFixed(1)} s of outage, ${load.asked.length} requests, ` +
        `${within.length} within; memory ${beforeMiB.toFixed(0)} MiB, and ${grownMiB.toFixed(0)} more at most`,
    );
    expect(within.length, 'requests within the outage').toBeGreaterThan(30);
    expect(grownMiB, 'memory').toBeLessThan(MEMORY_GROWTH_MIB);
    if (outage.refuses !== true) {
      expectPrompt({
        before,
        within,
        directBefore: direct.asked.filter(isBefore),
        directWithin: direct.asked.filter(isWithin),
      });
    }
    return { asked: load.asked, before, within, statuses, failures };
  } finally {
    memory.stop();
  }
}

/**
 * What an outage may cost in memory, whatever is away: the bounds of what waits (docs/architecture.md), and what a heap
 * does as it warms up.
 */
export const MEMORY_GROWTH_MIB = 250;

/** What an outage may add for a client: a factor, and milliseconds for the chance of the scheduler. */
const SLOWER = 2;
const ADDED_MEDIAN_MS = 25;
const ADDED_P95_MS = 250;
/** Processes that want a processor, for each there is. Beyond it, times tell of other programs and are not compared. */
export const TOO_BUSY = 4;

interface Compared {
  before: readonly Asked[];
  within: readonly Asked[];
  directBefore: readonly Asked[];
  directWithin: readonly Asked[];
}

/**
 * Clients notice nothing: neither unary answers nor streams take longer than before, in the same run. Where the machine
 * got slower meanwhile, as direct calls of the provider tell, so may they.
 */
function expectPrompt({ before, within, directBefore, directWithin }: Compared): void {
  const busy = (loadavg()[0] ?? 0) / availableParallelism();
  if (busy > TOO_BUSY) console.warn(`not compared: ${busy.toFixed(1)} processes want each processor`);
  const slower = slowness();
  for (const stream of [false, true]) {
    const was = latencies(before, stream);
    const is = latencies(within, stream);
    const machine = {
      median: Math.max(1, latencies(directWithin, stream).median / latencies(directBefore, stream).median),
      p95: Math.max(1, latencies(directWithin, stream).p95 / latencies(directBefore, stream).p95),
    };
    console.log(
      `${stream ? 'streams' : 'unary'}: before p50 ${was.median.toFixed(1)}, p95 ${was.p95.toFixed(1)} ms (n=${was.count}); ` +
        `within p50 ${is.median.toFixed(1)}, p95 ${is.p95.toFixed(1)} ms (n=${is.count}); ` +
        `the machine by ${machine.median.toFixed(2)}, ${machine.p95.toFixed(2)}`,
    );
    if (busy > TOO_BUSY) continue;
    expect(Math.min(was.count, is.count), 'requests to compare').toBeGreaterThan(10);
    expect(is.median).toBeLessThan(was.median * machine.median * SLOWER + ADDED_MEDIAN_MS * slower);
    expect(is.p95).toBeLessThan(was.p95 * machine.p95 * SLOWER + ADDED_P95_MS * slower);
  }
}

/** Of those that were answered well: a refusal is quick. */
function latencies(asked: readonly Asked[], stream: boolean): { count: number; median: number; p95: number } {
  const answered = asked.filter((one) => one.stream === stream && one.status === 200);
  const sorted = Float64Array.from(answered, ({ latencyMs }) => latencyMs).sort();
  return { count: sorted.length, median: percentile(sorted, 0.5), p95: percentile(sorted, 0.95) };
}

export function expectUnnoticed({ asked, statuses, failures }: Through): void {
  expect({ statuses, failures }).toEqual({ statuses: { 200: asked.length }, failures: {} });
}

export interface BooksOptions {
  withinMs?: number;
  /** Whose bodies are to be read back byte for byte; the default is all. */
  captured?: (asked: Asked) => boolean;
}

/**
 * Every request that was asked has one record, with the usage that its client was told, and both of its bodies can be
 * read back byte for byte.
 */
export async function expectBooks(
  { gateway }: World,
  asked: readonly Asked[],
  { withinMs = PATIENCE_MS, captured = () => true }: BooksOptions = {},
): Promise<void> {
  const sent = new Set(asked.map(({ mark }) => mark));
  const answered = asked.filter(({ status }) => status === 200);
  let records: RecordRow[] = [];
  await until(
    `${answered.length} records are there`,
    async () => {
      const all = await gateway.records(0);
      records = all.filter(({ user_agent }) => sent.has(user_agent));
      const marks = new Set(records.map(({ user_agent }) => user_agent));
      return answered.every(({ mark }) => marks.has(mark));
    },
    withinMs,
  ).catch((error: unknown) => {
    throw new Error(`of ${answered.length} there are ${records.length}`, { cause: error });
  });
  expect(new Set(records.map(({ id }) => id)).size, 'no id twice').toBe(records.length);
  expect(records.length, 'no exchange twice').toBe(answered.length);
  const byMark = new Map(records.map((record) => [record.user_agent, record]));
  const wrong = answered.flatMap(({ mark, received }) => {
    const record = byMark.get(mark);
    const usage = record?.usage ?? undefined;
    const output = usage === undefined ? Number.NaN : usage.output + usage.reasoning;
    const right = record?.state === 'complete' && record.usage_state === 'final' && output === toldOutput(received);
    return right
      ? []
      : [{ mark, state: record?.state, usage: record?.usage_state, output, told: toldOutput(received) }];
  });
  expect(wrong).toEqual([]);
  await readInParallel(answered.filter(captured), async ({ mark, body, received }) => {
    const id = byMark.get(mark)?.id ?? '';
    expect(await bodyOf(gateway, id, 'request', withinMs), `request of ${mark}`).toBe(body);
    expect(await bodyOf(gateway, id, 'response', withinMs), `response of ${mark}`).toBe(received);
  });
}

const MEMORY_EVERY_MS = 200;

/** The largest resident set since the last call of `most`. */
function watchMemory(pid: number): { most(): number; stop(): void } {
  let most = 0;
  const look = (): void => {
    most = Math.max(most, residentMiB(pid));
  };
  const timer = setInterval(look, MEMORY_EVERY_MS);
  const take = (): number => {
    look();
    const taken = most;
    most = 0;
    return taken;
  };
  return {
    most: take,
    stop: () => {
      clearInterval(timer);
    },
  };
}

function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
