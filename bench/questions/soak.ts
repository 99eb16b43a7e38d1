import { setTimeout as wait } from 'node:timers/promises';
import type { LoadResult } from '../load/client.ts';
import { readCpu } from '../load/cpu.ts';
import type { LoadJob } from '../load/generator.ts';
import { summarize } from '../load/samples.ts';
import { trendOf } from '../load/trend.ts';
import { atRest } from '../measure.ts';
import type { Answer, Bench, Question, Round } from '../question.ts';
import { chatRequest } from '../requests.ts';
import { median } from '../rounds.ts';
import { startProvider } from '../targets.ts';
import type { Target } from '../targets.ts';
import { startOurs } from '../targets/ours.ts';
import type { Ours } from '../targets/ours.ts';

/** The 10 minutes of a release: `APERTURE_BENCH_SOAK_SECONDS=600 npm run bench soak`. */
const SECONDS = Number(process.env['APERTURE_BENCH_SOAK_SECONDS'] ?? 90);
/** Left out of the trend: what a process takes for itself as it begins to work. At most a third of the time. */
const SETTLING_SECONDS = 60;
/** Means that the trend is fitted to; fewer would be too few, more would not be independent of one another. */
const BLOCKS = 12;
/** A slope of less than so many standard errors is zero within its noise. */
const MOST_ERRORS = 2;

const SHARE_OF_CAPACITY = 0.7;
const CAPACITY_REQUESTS = 8_000;
const CAPACITY_CONNECTIONS = 128;
const SOAK_CONNECTIONS = 1_024;

/** A client that has waited for this long leaves: only those should that are never answered. */
const PATIENCE_MS = 1_000;

const PROMPT_BYTES = 2_048;

/** What clients send, by how many of forty, and what comes of it. */
const KINDS = [
  { share: 27, sim: 'output=50', outcome: '200' },
  { share: 8, sim: 'events=20;pace=10ms', stream: true, outcome: '200' },
  // The client leaves: the provider has stalled.
  { share: 2, sim: 'events=9;stall_after=5', stream: true, outcome: 'timeout' },
  { share: 1, sim: 'events=9;cut_after=5', stream: true, outcome: 'cut' },
  { share: 1, sim: 'status=500', outcome: '500' },
  { share: 1, sim: 'status=429', outcome: '429' },
] as const;
const CYCLE = 40;
/** Has no divisor in common with the cycle: kinds come mixed, each as often as it should. */
const STRIDE = 7;

export const soak: Question = {
  name: 'soak',
  asks: 'Does memory grow under 70 % of what it can do, with clients that leave and providers that fail?',
  minutes: 1 + SECONDS / 60,
  ask,
};

async function ask(bench: Bench): Promise<Answer> {
  const provider = await startProvider({ digests: false });
  const ours = await startOurs(provider, 'ours, captured');
  try {
    const requests = mixFor(ours);
    const capacity: Round[] = [];
    // The first is the warm-up.
    for (let round = -1; round < bench.size(2, 1); round++) {
      bench.say('capacity');
      const measured = await capacityOf(bench, ours, requests);
      if (round >= 0) capacity.push(measured);
    }
    const perSecond = SHARE_OF_CAPACITY * median(capacity.map(({ figures }) => figures[STORED] ?? Number.NaN));
    bench.say(`soak at ${perSecond.toFixed(0)} requests a second`);
    const soaked = await soakAt(bench, ours, requests, Math.floor(perSecond));
    const variant = ours.name;
    return {
      settings:
        `forty requests: ${KINDS.map(({ share, sim, outcome }) => `${share} x ${sim} (${outcome})`).join(', ')}; ` +
        `prompts of ${PROMPT_BYTES} bytes; open loop; memory read once a second`,
      rows: [
        { case: 'capacity, mixed', variant, rounds: capacity },
        { case: 'the soak', variant, rounds: [soaked.whole] },
        { case: `resident memory, ${BLOCKS} parts of the time after it settled`, variant, rounds: soaked.parts },
      ],
      judgements: [
        {
          target: `growth of resident memory in its slope's standard errors (less than ${MOST_ERRORS}: none beyond its noise)`,
          measured: soaked.whole.void.length > 0 ? Number.NaN : soaked.errors,
          bound: 'at most',
          limit: MOST_ERRORS,
        },
      ],
      notes: soaked.notes,
    };
  } finally {
    await ours.stop();
    await provider.stop();
  }
}

/** One cycle of requests, each kind as often as its share says. */
function mixFor(target: Target): Uint8Array[] {
  const requests = KINDS.flatMap((kind) => {
    const { share, sim } = kind;
    const request = chatRequest(target, { promptBytes: PROMPT_BYTES, sim, stream: 'stream' in kind });
    return Array.from({ length: share }, () => request);
  });
  return requests.map((_, at) => requests[(at * STRIDE) % CYCLE] ?? EMPTY);
}

const EMPTY = new Uint8Array(0);
const STORED = 'requests/s, all stored';

/** As fast as they are answered, until the last one's record and capture are stored. */
async function capacityOf(bench: Bench, ours: Ours, requests: readonly Uint8Array[]): Promise<Round> {
  const count = bench.size(CAPACITY_REQUESTS, 10 * CYCLE);
  const began = performance.now();
  const result = await bench.generator.apply({
    port: ours.port,
    connections: CAPACITY_CONNECTIONS,
    arrivals: { kind: 'closed', requests: count },
    request: requests,
    timeoutMs: PATIENCE_MS,
  });
  const rested = await atRest(ours);
  const elapsedS = (performance.now() - began) / 1000;
  return {
    figures: { 'requests/s, answered': (1000 * count) / result.elapsedMs, [STORED]: count / elapsedS },
    count,
    void: rested === undefined ? ['not at rest in time'] : [],
  };
}

interface Soaked {
  whole: Round;
  parts: Round[];
  /** The slope, in its standard errors. */
  errors: number;
  notes: string[];
}

async function soakAt(bench: Bench, ours: Ours, requests: readonly Uint8Array[], perSecond: number): Promise<Soaked> {
  const seconds = bench.size(SECONDS, 2 * BLOCKS);
  const count = Math.ceil((perSecond * seconds) / CYCLE) * CYCLE;
  const job: LoadJob = {
    port: ours.port,
    connections: SOAK_CONNECTIONS,
    arrivals: { kind: 'open', perSecond, requests: count },
    request: requests,
    timeoutMs: PATIENCE_MS,
  };
  const began = performance.now();
  const load = bench.generator.apply(job);
  const { resident, mostWaiting } = await watch(ours, seconds);
  const result = await load;
  const rested = await atRest(ours);
  const elapsedS = (performance.now() - began) / 1000;

  const settling = Math.min(SETTLING_SECONDS, Math.floor(seconds / 3));
  const settled = resident.slice(settling);
  const block = Math.floor(settled.length / BLOCKS);
  const { slope, error, blocks } = trendOf(settled, block);
  const { p99 } = summarize(result.latencyMs);
  const [slopeKb, errorKb] = [slope, error].map((perS) => (perS * 60) / 1024);
  return {
    whole: {
      figures: {
        'requests/s': (1000 * count) / result.elapsedMs,
        'records/s, all stored': count / elapsedS,
        'most waiting': mostWaiting,
        'not as meant': surprises(result, count),
        'late p99 ms': summarize(result.lateMs).p99,
        'p99 ms': p99,
        'slope KB/min': slopeKb ?? Number.NaN,
        'its error KB/min': errorKb ?? Number.NaN,
      },
      count,
      void: rested === undefined ? ['not at rest in time'] : [],
    },
    parts: partsOf(settled, block),
    errors: slope / error,
    notes: [
      `slope: fitted to ${blocks} means of ${block} s, after ${settling} s were left out`,
      `resident memory, MB, every ${Math.ceil(seconds / 20)} s from the beginning: ${series(resident)}`,
      `lost records: ${await ours.metric('aperture_records_lost_total')}, dead letters: ${await ours.metric('aperture_dead_letters')}`,
      `answered: ${JSON.stringify({ ...result.statuses, ...result.failures })}`,
    ],
  };
}

/** Resident bytes at each second, and the most that was waiting to be stored. */
async function watch(ours: Ours, seconds: number): Promise<{ resident: number[]; mostWaiting: number }> {
  const [pid = 0] = ours.pids;
  const resident: number[] = [];
  let mostWaiting = 0;
  const began = performance.now();
  for (let second = 1; second <= seconds; second++) {
    await wait(Math.max(0, began + 1000 * second - performance.now()));
    resident.push(readCpu(pid).rssBytes);
    // An answer with all metrics costs it milliseconds.
    if (second % 10 === 0) mostWaiting = Math.max(mostWaiting, await ours.metric('aperture_captures_waiting'));
  }
  return { resident, mostWaiting };
}

/** How many requests ended otherwise than their kind should. */
function surprises(result: LoadResult, count: number): number {
  const meant = new Map<string, number>();
  for (const { outcome, share } of KINDS) {
    meant.set(outcome, (meant.get(outcome) ?? 0) + (share * count) / CYCLE);
  }
  const came = Object.entries({ ...result.statuses, ...result.failures });
  return came.reduce((sum, [outcome, times]) => sum + Math.max(0, times - (meant.get(outcome) ?? 0)), 0);
}

function partsOf(settled: readonly number[], block: number): Round[] {
  return Array.from({ length: BLOCKS }, (_, at) => {
    const part = settled.slice(at * block, (at + 1) * block);
    return { figures: { 'median MB': median(part) / 1024 ** 2 }, count: part.length, void: [] };
  });
}

function series(resident: readonly number[]): string {
  const every = Math.ceil(resident.length / 20);
  return resident
    .filter((_, at) => at % every === 0)
    .map((bytes) => (bytes / 1024 ** 2).toFixed(0))
    .join(' ');
}
