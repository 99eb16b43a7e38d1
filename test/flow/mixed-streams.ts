import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { expect } from 'vitest';
import { applyLoad, rawPost } from '../../bench/load/client.ts';
import type { LoadResult } from '../../bench/load/client.ts';
import { sayMs, summarize } from '../../bench/load/samples.ts';
import { freePort, startProvider } from '../../bench/targets.ts';
import type { BookEntry, Books, Totals } from '../../src/simulator/books.ts';
import { USAGE_KINDS, zeroUsage } from '../../src/contract/usage.ts';
import type { Usage } from '../../src/contract/usage.ts';
import { startGateway } from '../support/gateway.ts';
import type { RecordRow, TestGateway } from '../support/gateway.ts';
import { databaseUrl, startTestPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { PRICED, costOf, usageOf } from './price-list.ts';
import type { Priced } from './price-list.ts';
import { ADMIN_GRANT, quiescent } from './support.ts';
import { WIRES, WIRE_HEADERS, textProviders } from './wires.ts';
import type { WireName } from './wires.ts';

export interface MixedLoad {
  /** All are open at once: none goes on before the last has begun. */
  streams: number;
  startsPerSecond: number;
  /** Between two events of a stream. */
  paceMs: number;
  /** Processes that share one port and one database. */
  gateways: number;
}

/** What the gateway may add to the median event, on its way from the provider to the client. */
const ADDED_MEDIAN_MS = 5;

const STAGGERS = 40;
const DIRECT_TIMES = 3;

/** Deltas of a stream: with the events around them, all take about as long. */
const DELTAS: Record<WireName, number> = {
  chat: 9,
  chat_unasked: 9,
  responses: 4,
  messages: 5,
  gemini: 11,
  gemini_array: 11,
};

/** Streams whose bytes must be those of a direct call; the others carry stamps, and have the provider's digest to match. */
const REPEATABLE: ReadonlySet<WireName> = new Set(['chat_unasked', 'responses']);

/** A request that is answered at once, between the streams. */
interface SideCall {
  name: string;
  path: string;
  body: Record<string, unknown>;
  sim: string;
  /** Null where tokens are only counted. */
  priced: Pick<Priced, 'usage' | 'rates'> | null;
}

const SIDE_CALLS: readonly SideCall[] = [
  {
    name: 'embeddings',
    path: '/v1/embeddings',
    body: { model: 'text-embedding-3-small', input: 'tides' },
    sim: 'input=30',
    priced: { usage: { input_uncached: 30 }, rates: { input_uncached: 20 } },
  },
  {
    name: 'gemini embedding',
    path: '/v1beta/models/gemini-embedding-001:embedContent',
    body: { content: { parts: [{ text: 'tides' }] } },
    sim: 'input=12;usage=always',
    priced: { usage: { input_uncached: 12 }, rates: { input_uncached: 150 } },
  },
  {
    name: 'anthropic count',
    path: '/v1/messages/count_tokens',
    body: { model: 'claude-haiku-4-5', messages: [{ role: 'user', content: 'tides' }] },
    sim: 'input=77',
    priced: null,
  },
  {
    name: 'responses count',
    path: '/v1/responses/input_tokens',
    body: { model: 'gpt-5-mini', input: 'tides' },
    sim: 'input=77',
    priced: null,
  },
  {
    name: 'gemini count',
    path: '/v1beta/models/gemini-2.5-flash:countTokens',
    body: { contents: [{ parts: [{ text: 'tides' }] }] },
    sim: 'input=77',
    priced: null,
  },
];
/** One side call after so many streams. */
const SIDE_CALL_EVERY = 10;

interface Planned {
  name: string;
  stream: boolean;
  priced: Pick<Priced, 'usage' | 'rates' | 'searches'> | null;
  /** A direct call with the same request gets the same bytes. */
  repeatable: boolean;
  /** The client did not ask for its usage: the gateway does, and takes it out again. */
  edited: boolean;
  request: Buffer;
}

function plan({ streams, paceMs }: MixedLoad): Planned[] {
  const ways = PRICED.flatMap((priced) => priced.wires.map((wire) => ({ priced, wire })));
  const planned: Planned[] = [];
  for (let stream = 0; stream < streams; stream++) {
    const way = ways[stream % ways.length];
    if (way !== undefined) planned.push(plannedStream(planned.length, way.priced, way.wire, paceMs));
    const side = SIDE_CALLS[(stream / SIDE_CALL_EVERY) % SIDE_CALLS.length];
    if (side !== undefined) planned.push(plannedSideCall(planned.length, side));
  }
  return planned;
}

function plannedStream(index: number, priced: Priced, name: WireName, paceMs: number): Planned {
  const wire = WIRES[name];
  const repeatable = REPEATABLE.has(name);
  // Let go together, they begin spread over a pace.
  const stagger = `${Math.round((index % STAGGERS) * (paceMs / STAGGERS))}ms`;
  const sim = `${priced.sim};events=${DELTAS[name]};bytes=40;hold=1;first_event=${stagger};pace=${paceMs}ms${repeatable ? '' : ';stamp=1'}`;
  return {
    name: `${name}, ${priced.name}`,
    stream: true,
    priced,
    repeatable,
    edited: name === 'chat_unasked',
    request: request(index, wire.path(priced.model, true), wire.body(priced.model, true), sim),
  };
}

function plannedSideCall(index: number, side: SideCall): Planned {
  return {
    name: side.name,
    stream: false,
    priced: side.priced,
    repeatable: true,
    edited: false,
    request: request(index, side.path, side.body, side.sim),
  };
}

/** The number is the mark of one exchange: in the provider's books, and in our records as user agent. */
function request(index: number, path: string, body: Record<string, unknown>, sim: string): Buffer {
  const headers = { host: '127.0.0.1', ...WIRE_HEADERS, 'user-agent': String(index), 'x-sim': `tag=${index};${sim}` };
  return rawPost(path, JSON.stringify(body), headers);
}

interface Taken {
  result: LoadResult;
  /** SHA-256 of each body, by the request's number. */
  digests: string[];
}

/** Applies the load to fresh books, and holds all streams until they are open at once. */
async function take(
  { streams, startsPerSecond }: MixedLoad,
  providerPort: number,
  port: number,
  planned: readonly Planned[],
): Promise<Taken> {
  const hashes: Hash[] = planned.map(() => createHash('sha256'));
  await fetch(`http://127.0.0.1:${providerPort}/__sim/reset`, { method: 'POST' });
  const running = applyLoad({
    host: '127.0.0.1',
    port,
    connections: planned.length,
    arrivals: { kind: 'open', perSecond: startsPerSecond, requests: planned.length },
    request: (index) => planned[index]?.request ?? Buffer.alloc(0),
    onBody: (index, bytes) => hashes[index]?.update(bytes),
    timeoutMs: 300_000,
  });
  // Totals only: a long list of entries would cost the provider milliseconds while it is measured.
  const totals = async (): Promise<Totals> => (await books(providerPort, Number.MAX_SAFE_INTEGER)).totals;
  await until(
    'all streams are open at once',
    async () => {
      const { requests, live } = await totals();
      return requests === planned.length && live === streams;
    },
    60_000,
  );
  await fetch(`http://127.0.0.1:${providerPort}/__sim/release`, { method: 'POST' });
  const result = await running;
  return { result, digests: hashes.map((hash) => hash.digest('hex')) };
}

/**
 * The load against the provider directly, then through the gateways: every stream whole, one exact record each, prompt.
 * Gateways, provider and clients are processes of their own: none of them waits for another's turn of the loop.
 */
export async function expectMixedStreams(load: MixedLoad): Promise<void> {
  const provider = await startProvider();
  const { gateways, port, stop } = await startGateways(load, provider.port);
  try {
    const planned = plan(load);
    // What is compared begins when all are open: the provider by itself opens them sooner.
    const sooner = { ...load, startsPerSecond: load.startsPerSecond * DIRECT_TIMES };
    const direct = await take(sooner, provider.port, provider.port, planned);
    expect(direct.result).toMatchObject({ statuses: { 200: planned.length }, failures: {} });
    const through = await take(load, provider.port, port, planned);

    expectWhole(planned, direct, through);
    const records = (await gateways[0]?.records(planned.length)) ?? [];
    expectExact(planned, through, records, await books(provider.port));
    expect(new Set(records.map(({ gateway }) => gateway)).size, 'each took its part').toBe(load.gateways);
    for (const gateway of gateways) await quiescent(gateway);
    expectPrompt(load, direct.result, through.result);
    for (const gateway of gateways) await expectSound(gateway);
  } finally {
    await stop();
    await provider.stop();
  }
}

/** Each has a port of its own for the questions of the test, beside the one that all share. */
async function startGateways(
  { streams, gateways }: MixedLoad,
  providerPort: number,
): Promise<{ gateways: TestGateway[]; port: number; stop: () => Promise<void> }> {
  const postgres = await startTestPostgres('mixed-streams');
  const started: TestGateway[] = [];
  const stop = async (): Promise<void> => {
    for (const gateway of started) await gateway.stop();
    await postgres.stop();
  };
  try {
    const port = await freePort();
    const env = { DATABASE_URL: databaseUrl(await postgres.begun()), APERTURE_LISTEN: '' };
    const config = {
      providers: textProviders(`http://127.0.0.1:${providerPort}`),
      grants: [ADMIN_GRANT],
      server: {
        listen: [{ address: '127.0.0.1:0' }, { address: `127.0.0.1:${port}` }],
        limits: { concurrent: streams * 2 },
      },
    };
    for (let count = 0; count < gateways; count++) {
      started.push(await startGateway({ env, config, args: ['--config-readonly'] }));
    }
    return { gateways: started, port, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

export async function books(port: number, since = 0): Promise<Books> {
  const response = await fetch(`http://127.0.0.1:${port}/__sim/books?since=${since}`);
  return response.json() as Promise<Books>;
}

function expectWhole(planned: readonly Planned[], direct: Taken, through: Taken): void {
  expect(through.result).toMatchObject({ statuses: { 200: planned.length }, failures: {} });
  expect(through.result.bodyBytes).toBe(direct.result.bodyBytes);
  expect(through.result.events, 'no event is lost or added').toBe(direct.result.events);
  for (const [index, { name, repeatable }] of planned.entries()) {
    if (repeatable) expect(through.digests[index], name).toBe(direct.digests[index]);
  }
}

function expectExact(
  planned: readonly Planned[],
  through: Taken,
  records: readonly RecordRow[],
  { totals, entries }: Books,
): void {
  expect(records.length).toBe(planned.length);
  expect(new Set(records.map(({ id }) => id)).size).toBe(planned.length);
  const byMark = new Map(records.map((record) => [record.user_agent, record]));
  const entryOf = new Map(entries.map((entry) => [entry.tag, entry]));
  expect(totals.endings).toEqual({ complete: planned.length });
  expect(totals.bugs).toBe(0);
  const sum = { usage: zeroUsage(), cost: 0n };
  let expectedCost = 0;
  for (const [index, expected] of planned.entries()) {
    const record = byMark.get(String(index));
    const entry = entryOf.get(String(index));
    if (record === undefined || entry === undefined) throw new Error(`no record or entry of ${expected.name}`);
    expectRecord(expected, record, entry);
    if (!expected.edited) expect(through.digests[index], expected.name).toBe(entry.sha256);
    for (const kind of USAGE_KINDS) sum.usage[kind] += record.usage?.[kind] ?? 0;
    sum.cost += BigInt(record.cost_nanodollars ?? 0);
    expectedCost += expected.priced === null ? 0 : costOf(expected.priced);
  }
  expect(sum.usage).toEqual(totals.usage);
  expect(sum.cost).toBe(BigInt(expectedCost));
}

function expectRecord(expected: Planned, record: RecordRow, entry: BookEntry): void {
  const { name, priced, stream, edited } = expected;
  const usage: Usage | null = priced === null ? null : usageOf(priced);
  expect(record, name).toMatchObject({
    state: 'complete',
    status: 200,
    stream,
    usage,
    usage_state: priced === null ? 'absent' : 'final',
    cost_nanodollars: priced === null ? null : String(costOf(priced)),
    response_bytes: entry.bytes_sent,
    response_sha256: entry.sha256,
    error: null,
  });
  expect(
    record.edits.map(({ kind }) => kind),
    name,
  ).toEqual(edited ? ['inject_usage', 'drop_usage_event'] : []);
}

function expectPrompt({ streams, paceMs }: MixedLoad, direct: LoadResult, through: LoadResult): void {
  expect(through.forwardingMs.length).toBe(direct.forwardingMs.length);
  const before = summarize(direct.forwardingMs);
  const after = summarize(through.forwardingMs);
  console.log(
    `${streams} mixed streams, an event each ${paceMs} ms: direct ${sayMs(before)}; gateway ${sayMs(after)}; ` +
      `added p50 ${(after.median - before.median).toFixed(3)} ms, p99 ${(after.p99 - before.p99).toFixed(1)} ms; ` +
      `first byte direct ${sayMs(summarize(direct.firstByteMs))}, gateway ${sayMs(summarize(through.firstByteMs))}`,
  );
  expect(after.median - before.median).toBeLessThan(ADDED_MEDIAN_MS);
}

/** The process lives, and had nothing to complain about. */
async function expectSound(gateway: TestGateway): Promise<void> {
  expect((await fetch(`${gateway.url}/readyz`)).status).toBe(200);
  expect(gateway.output()).not.toMatch(/unhandled rejection|internal error|booked without facts/);
}
