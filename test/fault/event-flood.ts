import { availableParallelism, loadavg } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { expect } from 'vitest';
import { startGenerator } from '../../bench/load/generator.ts';
import type { LoadGenerator } from '../../bench/load/generator.ts';
import { percentile } from '../../bench/load/samples.ts';
import { median } from '../../bench/rounds.ts';
import { enqueueDeliveries } from '../../src/store/deliveries.ts';
import { stopwatch } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { MEMORY_GROWTH_MIB, openWorld, portOf, TOO_BUSY } from './degraded-world.ts';
import type { World } from './degraded-world.ts';
import { startFloodReceiver } from './flood-receiver.ts';
import type { FloodReceiver } from './flood-receiver.ts';
import { steadyRequests } from './steady-load.ts';

/** How the webhook takes events together. */
const BATCH = { most: 100, wait: '1s' };

export interface Flood {
  name: string;
  perSecond: number;
  seconds: number;
  /** Each in worlds of its own; the medians of what they show are compared. */
  rounds: number;
  /** Whether it is compared with the same inserts for nobody as well. */
  unread: boolean;
  /** Requests to models meanwhile, by a process of its own: this one has the flood to make. */
  asksPerSecond: number;
  /** Compared before and within: a few hundred samples have no 99th percentile that means anything. */
  percentile: number;
  /** The scheduler's chance. */
  addedMs: number;
  /** So many of the flood are waited for afterwards, from the first one on. */
  drains: number;
  drainWithinMs: number;
}

const BASE = 'event_flood';
const SECRET = `whsec_${Buffer.alloc(32, 'f').toString('base64')}`;
const SLOW_MS = 50;
const BATCHES_PER_SECOND = 10;
/** As long as that of a request that has closed. */
const PADDING = 'x'.repeat(900);

/** What the flood may cost a client beside what it costs where nobody reads it: this factor, and `addedMs`. */
const SLOWER = 2;

/**
 * Events come behind the front door, thousands a second, to a receiver that takes twenty. Clients notice nothing, memory
 * is bounded, and when the receiver has become quick, it gets what waited: in sequence, once per id.
 */
export async function eventFlood(flood: Flood): Promise<void> {
  const quiet: Phase[] = [];
  const unread: Phase[] = [];
  const within: Phase[] = [];
  for (let round = 1; round <= flood.rounds; round++) {
    // The same work for the database, and nobody whom it concerns: what the machine itself does to everybody. In a world of its
    // own: else the database would be cleaning up after it while it is measured without it.
    if (flood.unread)
      await inWorld(async ({ during, pool }) => {
        await pool.query('CREATE TABLE aperture.flood_of_nobody (LIKE aperture.deliveries INCLUDING ALL)');
        quiet.push(await during(flood, 'quiet', () => sleep(flood.seconds * 1_000)));
        unread.push(await during(flood, 'unread', () => pour(flood, (from, to) => insertForNobody(pool, from, to))));
      });
    await inWorld(async ({ during, pool, receiver }) => {
      quiet.push(await during(flood, 'quiet', () => sleep(flood.seconds * 1_000)));
      within.push(await during(flood, 'flood', () => pour(flood, (from, to) => inject(pool, from, to))));
      if (round < flood.rounds) return;
      receiver.setPauseMs(0);
      await expectDrained(flood, receiver);
    });
  }
  expectUnaffected(flood, [quiet, unread].filter((phases) => phases.length > 0).map(summed), summed(within));
}

interface FloodWorld {
  receiver: FloodReceiver;
  pool: pg.Pool;
  during: (flood: Flood, name: string, work: () => Promise<unknown>) => Promise<Phase>;
}

/** A gateway with a webhook whose receiver is slow. */
async function inWorld(work: (world: FloodWorld) => Promise<void>): Promise<void> {
  const receiver = await startFloodReceiver();
  receiver.setPauseMs(SLOW_MS);
  const siem = { url: receiver.url, secret: SECRET, batch: BATCH };
  const world = await openWorld(BASE, {
    server: { egress: { allow: ['127.0.0.1'] } },
    exporters: { webhooks: { siem } },
    relay: false,
  });
  const pool = new pg.Pool({ ...world.postgres.embedded.address, database: BASE, max: 2 });
  const generator = startGenerator();
  try {
    await work({
      receiver,
      pool,
      during: (flood, name, work) => phase({ world, generator, flood, name, work }),
    });
  } finally {
    generator.stop();
    await pool.end();
    await world.close();
    receiver.close();
  }
}

/** Of several phases of a kind: the medians of their figures, and the most memory. */
function summed(phases: readonly Phase[]): Phase {
  const middle = (value: (phase: Phase) => number): number => median(phases.map(value));
  return {
    count: phases.reduce((sum, { count }) => sum + count, 0),
    median: middle((phase) => phase.median),
    high: middle((phase) => phase.high),
    memoryMiB: Math.max(...phases.map(({ memoryMiB }) => memoryMiB)),
  };
}

/** Every tenth of a second as many as are due by then: late batches are made up for. */
async function pour(
  { perSecond, seconds }: Flood,
  batch: (from: number, to: number) => Promise<unknown>,
): Promise<void> {
  const all = perSecond * seconds;
  const beganMs = performance.now();
  for (let poured = 0; poured < all;) {
    const dueBy = Math.min(all, Math.ceil(((performance.now() - beganMs) / 1_000) * perSecond));
    const to = Math.min(dueBy, poured + (2 * perSecond) / BATCHES_PER_SECOND);
    if (to > poured) await batch(poured, to);
    poured = to;
    await sleep(1_000 / BATCHES_PER_SECOND / 2);
  }
}

function payloads(from: number, to: number): string[] {
  return Array.from({ length: to - from }, (_, at) => JSON.stringify({ flood: from + at, padding: PADDING }));
}

function inject(pool: pg.Pool, from: number, to: number): Promise<void> {
  const deliveries = payloads(from, to).map((payload) => {
    return { destination: 'webhooks.siem', kind: 'request.closed', payload };
  });
  return enqueueDeliveries(pool, deliveries, Date.now());
}

function insertForNobody(pool: pg.Pool, from: number, to: number): Promise<unknown> {
  return pool.query(
    `INSERT INTO aperture.flood_of_nobody (id, destination, kind, payload, expires_at)
     SELECT uuidv7(), 'webhooks.siem', 'request.closed', payload, clock_timestamp() + interval '3 days'
       FROM json_array_elements_text($1::json) AS payload`,
    [JSON.stringify(payloads(from, to))],
  );
}

interface Phase {
  count: number;
  median: number;
  high: number;
  memoryMiB: number;
}

interface During {
  world: World;
  generator: LoadGenerator;
  flood: Flood;
  name: string;
  work: () => Promise<unknown>;
}

/** Clients ask while the work is done. */
async function phase({ world, generator, flood, name, work }: During): Promise<Phase> {
  const { asksPerSecond: perSecond, seconds } = flood;
  const request = steadyRequests({ name: `${flood.name}-${name}`, perSecond, seconds });
  const load = generator.apply({
    port: portOf(world.gateway),
    connections: 500,
    arrivals: { kind: 'open', perSecond, requests: request.length },
    request,
  });
  let memoryMiB = 0;
  const stop = new AbortController();
  const watching = (async () => {
    while (!stop.signal.aborted) {
      memoryMiB = Math.max(memoryMiB, (await world.metric('aperture_resident_memory_bytes')) / 2 ** 20);
      await sleep(500, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  })();
  const [{ statuses, failures, firstByteMs }] = await Promise.all([load, work()]);
  stop.abort();
  await watching;
  expect({ statuses, failures }).toEqual({ statuses: { 200: request.length }, failures: {} });
  const sorted = firstByteMs.sort();
  const found = {
    count: sorted.length,
    median: percentile(sorted, 0.5),
    high: percentile(sorted, flood.percentile),
    memoryMiB,
  };
  console.log(
    `${flood.name}, ${name}: first byte p50 ${found.median.toFixed(1)}, p${flood.percentile * 100} ${found.high.toFixed(1)} ms ` +
      `(n=${found.count}); memory ${memoryMiB.toFixed(0)} MiB at most`,
  );
  return found;
}

function expectUnaffected({ name, addedMs }: Flood, others: readonly Phase[], within: Phase): void {
  const most = (value: (phase: Phase) => number): number => Math.max(...others.map(value));
  expect(within.memoryMiB - Math.min(...others.map(({ memoryMiB }) => memoryMiB)), 'memory').toBeLessThan(
    MEMORY_GROWTH_MIB,
  );
  const busy = (loadavg()[0] ?? 0) / availableParallelism();
  if (busy > TOO_BUSY) {
    console.warn(`${name}: not compared: ${busy.toFixed(1)} processes want each processor`);
    return;
  }
  expect(within.median).toBeLessThan(most(({ median }) => median) * SLOWER + addedMs);
  expect(within.high).toBeLessThan(most(({ high }) => high) * SLOWER + addedMs);
}

async function expectDrained(flood: Flood, receiver: FloodReceiver): Promise<void> {
  const { name, drains, drainWithinMs } = flood;
  const slowly = receiver.requests();
  const watch = stopwatch();
  const least = Math.ceil(drains / BATCH.most);
  await until(
    `${drains} of the flood have arrived`,
    () => receiver.requests() >= least && receiver.taken().ofFlood.length >= drains,
    drainWithinMs,
  );
  const perSecond = (receiver.requests() - slowly) / (watch.ms() / 1_000);
  watch.stop();
  console.log(`${name}: ${slowly} requests while it was slow, then ${perSecond.toFixed(1)} a second`);
  const { sequences, ofFlood, again } = receiver.taken();
  expect(sequences).toEqual(sequences.map((_, at) => at + 1));
  expect(new Set(ofFlood).size, 'no event twice').toBe(ofFlood.length);
  expect(again, 'requests that came again').toBeLessThan(5);
}
