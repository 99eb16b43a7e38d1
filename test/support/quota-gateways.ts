import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { freePort } from '../../bench/targets.ts';
import { readInParallel } from '../fault/bodies.ts';
import { ADMIN_GRANT, PROVIDER_KEY } from '../flow/support.ts';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { startGateway, temporaryFolder } from './gateway.ts';
import type { RecordRow, TestGateway } from './gateway.ts';
import { databaseUrl, removeDataDir } from './postgres.ts';
import type { TestPostgres } from './postgres.ts';
import { startTestRedis } from './redis.ts';
import type { TestRedis } from './redis.ts';
import { until } from './until.ts';

/** A bucket as `GET /api/quotas` shows it. */
export interface BucketItem {
  bucket: string;
  capacity_nanodollars: string;
  rate: { nanodollars: string; per_ms: number };
  balance_nanodollars: string;
  held_nanodollars: string;
  updated_at: string | null;
}

/** What one request of `request()` costs, by hand: 400 tokens in and 100 out, at $0.25 and $2.00 a million. */
export const COST = 400 * 250 + 100 * 2000;

/** As a config writes it. */
export function dollars(nanodollars: number): string {
  return `$${(nanodollars / 1e9).toFixed(9)}`;
}

/** Real processes with one store of balances, before a provider of ours. */
export interface QuotaGateways {
  gateways: TestGateway[];
  simulator: Simulator;
  redis: TestRedis | undefined;
  gateway(at: number): TestGateway;
  /** One request to one of them, which costs `COST` when it succeeds. Rejects when nothing comes for long. */
  ask(at: number, options?: AskOptions): Promise<Answer>;
  /** Buckets by their names, as an admin sees them. */
  buckets(): Promise<Map<string, BucketItem>>;
  bucket(name: string): Promise<BucketItem>;
  metric(at: number, name: string): Promise<number>;
  /** Ends one, kindly or with `SIGKILL`, and starts it again on its data. */
  restart(at: number, how: 'stop' | 'kill'): Promise<void>;
  /** Waits until no process reserves or holds anything; answers the buckets then. */
  settled(withinMs?: number): Promise<Map<string, BucketItem>>;
  close(): Promise<void>;
}

export interface QuotaGatewaysOptions {
  processes: number;
  quotas: Record<string, unknown>;
  /** Capabilities of the one caller there is, an admin, besides the models that they may use. */
  attach: { models: string; quotas: { bucket: string }[] }[];
  postgres: TestPostgres;
  /** Balances are there, and jobs; else in the database. */
  redis?: 'keeps' | 'forgets';
  providers?: (simulatorUrl: string) => Record<string, unknown>;
  server?: Record<string, unknown>;
}

export interface AskOptions {
  model?: string;
  body?: Record<string, unknown>;
  /** Besides what it costs. */
  sim?: string;
  mark?: string;
  signal?: AbortSignal;
}

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

/** Something hangs: a busy machine is slow, but not that slow. */
const HANGS_MS = 60_000;

export const MODEL = 'gpt-5-mini';

export async function startQuotaGateways(options: QuotaGatewaysOptions): Promise<QuotaGateways> {
  const undo: (() => unknown)[] = [];
  const close = async (): Promise<void> => {
    for (const one of undo.splice(0).reverse()) await one();
  };
  try {
    const simulator = await startSimulator({ host: '127.0.0.1', port: 0, expectedKey: PROVIDER_KEY });
    undo.push(() => simulator.close());
    const redis =
      options.redis === undefined
        ? undefined
        : await startTestRedis({ port: await freePort(), forgets: options.redis === 'forgets' });
    undo.push(() => redis?.stop());
    const dataDirs = Array.from({ length: options.processes }, () => temporaryFolder());
    undo.push(() => {
      dataDirs.forEach(removeDataDir);
    });
    const keyFile = join(dataDirs[0] ?? '', 'secret.key');
    writeFileSync(keyFile, '5a'.repeat(32), { mode: 0o600 });
    const env = {
      APERTURE_SECRET_KEY_FILE: keyFile,
      DATABASE_URL: databaseUrl(await options.postgres.begun()),
      ...(redis === undefined ? {} : { REDIS_URL: redis.tcpUrl }),
    };
    const config = {
      providers: {
        openai: {
          baseurl: simulator.url,
          apikey: PROVIDER_KEY,
          models: [MODEL, `${MODEL}-2025-08-07`, 'gpt-5'],
          compatibility: { openai_chat: true, openai_responses: true },
        },
        ...options.providers?.(simulator.url),
      },
      quotas: options.quotas,
      grants: [ADMIN_GRANT, { src: ['(loopback)'], app: { 'tailscale.com/cap/aperture': options.attach } }],
      ...(options.server === undefined ? {} : { server: options.server }),
    };
    const start = async (dataDir: string): Promise<TestGateway> => {
      const gateway = await startGateway({ dataDir, env, config });
      // The thread that asks the store is the last to be there; before it answers, requests are refused.
      await until('its quotas answer', async () => (await fetch(`${gateway.url}/api/quotas`)).ok, HANGS_MS);
      return gateway;
    };
    const gateways = await Promise.all(dataDirs.map(start));
    undo.push(() => Promise.all(gateways.map((gateway) => gateway.stop())));
    const gateway = (at: number): TestGateway => {
      const found = gateways[at];
      if (found === undefined) throw new Error(`there is no gateway ${at}`);
      return found;
    };
    const buckets = async (): Promise<Map<string, BucketItem>> => {
      const { items } = (await gateway(0).json('/api/quotas?limit=1000')) as { items: BucketItem[] };
      return new Map(items.map((item) => [item.bucket, item]));
    };
    const metric = async (at: number, name: string): Promise<number> => {
      const text = await (await fetch(`${gateway(at).url}/metrics`)).text();
      return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1] ?? Number.NaN);
    };
    return {
      gateways,
      simulator,
      redis,
      gateway,
      ask: (at, ask) => request(gateway(at), ask),
      buckets,
      bucket: async (name) => {
        const found = (await buckets()).get(name);
        if (found === undefined) throw new Error(`there is no bucket ${name}`);
        return found;
      },
      metric,
      restart: async (at, how) => {
        await (how === 'kill' ? gateway(at).kill() : gateway(at).stop());
        gateways[at] = await start(dataDirs[at] ?? '');
      },
      settled: (withinMs) => settled({ gateways, buckets, metric }, withinMs),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function settled(
  { gateways, buckets, metric }: Pick<QuotaGateways, 'gateways' | 'buckets' | 'metric'>,
  withinMs = 60_000,
): Promise<Map<string, BucketItem>> {
  let last = '';
  return until(
    'nothing is reserved or held',
    async () => {
      const found = await buckets();
      const held = [...found.values()].filter(({ held_nanodollars }) => held_nanodollars !== '0');
      const reserved = await Promise.all(gateways.map((_, at) => metric(at, 'aperture_quota_reservations')));
      last = `${JSON.stringify(held)}, reserved: ${reserved.join(' ')}`;
      return held.length === 0 && reserved.every((count) => count === 0) && found;
    },
    withinMs,
  ).catch((error: unknown) => {
    throw new Error(last, { cause: error });
  });
}

async function request({ url }: TestGateway, options: AskOptions = {}): Promise<Answer> {
  const { model = MODEL, body = {}, sim = '', mark = 'asker', signal } = options;
  const late = AbortSignal.timeout(HANGS_MS);
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    signal: signal === undefined ? late : AbortSignal.any([signal, late]),
    headers: { 'content-type': 'application/json', 'user-agent': mark, 'x-sim': `input=400;output=100;${sim}` },
    body: JSON.stringify({
      model,
      max_completion_tokens: 100,
      messages: [{ role: 'user', content: 'x'.repeat(1200) }],
      ...body,
    }),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** Waits until there are so many records; answers all, each with its charges, which the list leaves out. */
export async function recordsWithCharges(gateway: TestGateway, count: number, query = ''): Promise<RecordRow[]> {
  const records: RecordRow[] = [];
  await readInParallel(await gateway.records(count, query), async (listed) => {
    // A refused request was never charged.
    const whole = listed.state === 'denied' ? { quota_charges: [] } : await gateway.json(`/api/requests/${listed.id}`);
    records.push({ ...listed, ...(whole as Pick<RecordRow, 'quota_charges'>) });
  });
  return records;
}

/** How often each came. */
export function counted(values: readonly (number | string)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
  return counts;
}

export function costOf(records: readonly RecordRow[]): number {
  return records.reduce((sum, { cost_nanodollars }) => sum + Number(cost_nanodollars ?? 0), 0);
}

/** What was charged in each bucket, by the records. */
export function chargedIn(records: readonly Pick<RecordRow, 'quota_charges'>[]): Map<string, number> {
  const charged = new Map<string, number>();
  for (const { bucket, nanodollars } of records.flatMap(({ quota_charges }) => quota_charges)) {
    charged.set(bucket, (charged.get(bucket) ?? 0) + nanodollars);
  }
  return charged;
}

/** A refusal for an empty budget, as OpenAI's API has it; nothing that an SDK would repeat. */
export function expectRefusal(answer: Answer): void {
  expect(answer.status, answer.text).toBe(429);
  expect(JSON.parse(answer.text)).toMatchObject({ error: { type: 'insufficient_quota', code: 'insufficient_quota' } });
  expect(answer.headers.get('x-should-retry')).toBe('false');
}

/** One that says that the store is away, and to come again. */
export function expectAway(answer: Answer): void {
  expect(answer.status, answer.text).toBe(503);
  expect(JSON.parse(answer.text)).toMatchObject({ error: { code: 'gateway_quota_unavailable' } });
  expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
}
