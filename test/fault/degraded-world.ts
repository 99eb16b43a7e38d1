import { readFileSync } from 'node:fs';
import pg from 'pg';
import { expect } from 'vitest';
import { summarize } from '../../bench/load/samples.ts';
import { startProvider } from '../../bench/targets.ts';
import type { Target } from '../../bench/targets.ts';
import { ADMIN_GRANT } from '../flow/support.ts';
import { textProviders } from '../flow/wires.ts';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import type { GatewayOptions, RecordRow, TestGateway } from '../support/gateway.ts';
import { removeDataDir, startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { startTestRedis } from '../support/redis.ts';
import type { TestRedis } from '../support/redis.ts';
import { Relay } from '../support/relay.ts';
import { until } from '../support/until.ts';
import { steadyLoad, toldOutput } from './steady-load.ts';
import type { Asked, SteadyLoad } from './steady-load.ts';

export interface WorldOptions {
  /** Jobs wait on a Redis, and not in the database. */
  redis?: boolean;
  server?: Record<string, unknown>;
  env?: Record<string, string>;
  dataDir?: string;
}

/** One gateway with a real database and queue behind relays, and a provider in a process of its own. */
export interface World {
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
    const postgres = await startTestPostgres(name);
    undo.push(() => postgres.stop());
    const address = await ownedDatabase(postgres);
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
      DATABASE_URL: `postgresql://${OWNER}:${OWNER}@127.0.0.1:${database.port}/${OWNER}`,
      ...(queue === undefined ? {} : { REDIS_URL: `redis://127.0.0.1:${queue.port}` }),
      ...options.env,
    };
    const start = (): Promise<TestGateway> => startGateway(gatewayOf(provider, dataDir, env, options));
    const world: World = {
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

/** Role, its password, and its database: no superuser, so that a permission can be lost. */
export const OWNER = 'gateway';

async function ownedDatabase({ embedded }: TestPostgres): Promise<{ host: string; port: number }> {
  await asSuperuser(embedded, 'postgres', async (client) => {
    await client.query(`CREATE ROLE ${OWNER} LOGIN PASSWORD '${OWNER}'`);
    await client.query(`CREATE DATABASE ${OWNER} OWNER ${OWNER}`);
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
  { server }: WorldOptions,
): GatewayOptions {
  const providers = textProviders(`http://127.0.0.1:${provider.port}`);
  return { dataDir, env, config: { providers, grants: [ADMIN_GRANT], ...(server === undefined ? {} : { server }) } };
}

function portOf({ url }: TestGateway): number {
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
}

export interface Through {
  asked: readonly Asked[];
  /** Answered in the outage, or due in it. */
  within: readonly Asked[];
  statuses: Record<string, number>;
  failures: Record<string, number>;
  /** Of the gateway's process. */
  memory: { beforeMiB: number; mostMiB: number };
}

/** Applies the load, and breaks and mends the world meanwhile. */
export async function throughOutage(world: World, outage: Outage): Promise<Through> {
  const { gateway } = world;
  const load = steadyLoad(portOf(gateway), outage.load);
  const memory = watchMemory(gateway.pid);
  try {
    await pause(outage.beforeMs);
    const beforeMiB = memory.most();
    const beganAtMs = nowMs();
    await outage.begin();
    await outage.during();
    await outage.end();
    const endedAtMs = nowMs();
    const { statuses, failures } = await load.done;
    return judged(load.asked, { beganAtMs, endedAtMs, beforeMiB, mostMiB: memory.most(), statuses, failures });
  } finally {
    memory.stop();
  }
}

interface Seen {
  beganAtMs: number;
  endedAtMs: number;
  beforeMiB: number;
  mostMiB: number;
  statuses: Record<string, number>;
  failures: Record<string, number>;
}

function judged(all: readonly Asked[], seen: Seen): Through {
  const { beganAtMs, endedAtMs, beforeMiB, mostMiB, statuses, failures } = seen;
  const within = all.filter(({ dueAtMs }) => dueAtMs >= beganAtMs && dueAtMs < endedAtMs);
  const before = all.filter(({ dueAtMs, latencyMs }) => dueAtMs > 0 && dueAtMs + latencyMs < beganAtMs);
  sayLatencies(before, within);
  console.log(
    `${((endedAtMs - beganAtMs) / 1000).toFixed(1)} s of outage, ${all.length} requests, ${within.length} within; ` +
      `memory ${beforeMiB.toFixed(0)} MiB before, ${mostMiB.toFixed(0)} MiB at most`,
  );
  expect(before.length, 'requests to compare with').toBeGreaterThan(20);
  expect(within.length, 'requests within the outage').toBeGreaterThan(50);
  expectPrompt(before, within);
  expect(mostMiB - beforeMiB, 'memory').toBeLessThan(MEMORY_GROWTH_MIB);
  return { asked: all, within, statuses, failures, memory: { beforeMiB, mostMiB } };
}

/**
 * What an outage of a minute may cost in memory, whatever is away. Records and captures that wait, as many as fit into a
 * test, are a part of it; the rest is what a heap does as it warms up.
 */
const MEMORY_GROWTH_MIB = 250;

/** What an outage may add for a client, on a machine that is busy with other tests: a factor and a pause of our own. */
const SLOWER = 2;
const ADDED_MEDIAN_MS = 25;
const ADDED_P95_MS = 250;

function latencies(asked: readonly Asked[], stream: boolean): { median: number; p95: number } {
  const sorted = asked.filter((one) => one.stream === stream && one.status !== 0).map(({ latencyMs }) => latencyMs);
  const values = Float64Array.from(sorted);
  return { median: summarize(values).median, p95: values.sort()[Math.floor(values.length * 0.95)] ?? Number.NaN };
}

function sayLatencies(before: readonly Asked[], within: readonly Asked[]): void {
  const say = (asked: readonly Asked[]): string =>
    [false, true]
      .map((stream) => {
        const { median, p95 } = latencies(asked, stream);
        return `${stream ? 'streams' : 'unary'} p50 ${median.toFixed(1)} p95 ${p95.toFixed(1)} ms`;
      })
      .join(', ');
  console.log(`before: ${say(before)}; within: ${say(within)}`);
}

/** Clients notice nothing: neither unary answers nor streams take longer than before, in the same run. */
function expectPrompt(before: readonly Asked[], within: readonly Asked[]): void {
  for (const stream of [false, true]) {
    const was = latencies(before, stream);
    const is = latencies(within, stream);
    expect(is.median).toBeLessThan(was.median * SLOWER + ADDED_MEDIAN_MS);
    expect(is.p95).toBeLessThan(was.p95 * SLOWER + ADDED_P95_MS);
  }
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
  { withinMs = 60_000, captured = () => true }: BooksOptions = {},
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
    return right ? [] : [{ mark, state: record?.state, usage: record?.usage_state, output, told: toldOutput(received) }];
  });
  expect(wrong).toEqual([]);
  await expectBodies(gateway, answered.filter(captured), byMark, withinMs);
}

/** Readers of the API at once; it takes 64. */
const READERS = 8;

async function expectBodies(
  gateway: TestGateway,
  asked: readonly Asked[],
  byMark: ReadonlyMap<string, RecordRow>,
  withinMs: number,
): Promise<void> {
  const left = [...asked];
  const read = async (): Promise<void> => {
    for (let one = left.pop(); one !== undefined; one = left.pop()) {
      const id = byMark.get(one.mark)?.id ?? '';
      expect(await bodyOf(gateway, id, 'request', withinMs), `request of ${one.mark}`).toBe(one.body);
      expect(await bodyOf(gateway, id, 'response', withinMs), `response of ${one.mark}`).toBe(one.received);
    }
  };
  await Promise.all(Array.from({ length: READERS }, read));
}

/** The body as it is stored; waits for it. */
export function bodyOf(
  gateway: TestGateway,
  id: string,
  side: 'request' | 'response',
  withinMs: number,
): Promise<string> {
  return until(
    `the ${side} of ${id} is captured`,
    async () => {
      const response = await fetch(`${gateway.url}/api/requests/${id}/body?side=${side}`);
      const text = await response.text();
      return response.status === 200 ? text : undefined;
    },
    withinMs,
  );
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
