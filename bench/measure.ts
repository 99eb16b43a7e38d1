import { setTimeout as wait } from 'node:timers/promises';
import type { LoadResult } from './load/client.ts';
import { readCpu, spentByThread, spentMs } from './load/cpu.ts';
import type { ProcessCpu } from './load/cpu.ts';
import type { LoadGenerator, LoadJob } from './load/generator.ts';
import { summarize } from './load/samples.ts';
import type { Target } from './targets.ts';

/** A thread that is busy for more of the time may be what was measured. */
const BUSY_SHARE = 0.85;

/** Timers are a millisecond coarse: later than two of them at the 99th percentile, the generator was behind. */
const LATE_P99_MS = 2;

/** A target that does less than this in a window does nothing for a request: what runs by the clock takes about 1 %. */
const CALM_SHARE = 0.06;
const CALM_WINDOW_MS = 100;
const REST_WITHIN_MS = 60_000;

export interface Measured {
  result: LoadResult;
  /** Microseconds of CPU by thread, those of the same name together, until nothing was left to be done. */
  threads: Map<string, number>;
  /** Their sum. */
  wholeUs: number;
  /** From the last answer until nothing was left to be done; a wait of 100 ms is the least that is seen. */
  restMs: number;
  /** Why this does not count; empty when it does. */
  void: string[];
}

/**
 * Applies a load to a target and counts its CPU to the end: records and captures included. The provider is asked for its
 * own CPU, since a run in which it was the bottleneck measured it and not the target.
 */
export async function measure(
  generator: LoadGenerator,
  provider: Target,
  target: Target,
  job: Omit<LoadJob, 'port'>,
): Promise<Measured> {
  const before = target.pids.map(readCpu);
  const others = [
    { name: 'load generator', pid: generator.pid, before: readCpu(generator.pid) },
    ...provider.pids.map((pid) => ({ name: 'simulator', pid, before: readCpu(pid) })),
  ];
  const result = await generator.apply({ ...job, port: target.port });
  const busy = others.flatMap((other) => tooBusy(other.name, other.before, readCpu(other.pid), result.elapsedMs));
  const answeredAtMs = performance.now();
  const after = await atRest(target);
  const restMs = performance.now() - answeredAtMs;
  const threads = new Map<string, number>();
  for (const [at, cpu] of (after ?? target.pids.map(readCpu)).entries()) {
    const earlier = before[at];
    if (earlier === undefined) continue;
    for (const [name, us] of spentByThread(earlier, cpu)) threads.set(name, (threads.get(name) ?? 0) + us);
  }
  return {
    result,
    threads,
    wholeUs: [...threads.values()].reduce((sum, us) => sum + us, 0),
    restMs,
    void: [
      ...busy,
      ...lateness(job, result),
      ...unanswered(result),
      ...(after === undefined ? [await unrest(target)] : []),
    ],
  };
}

/** Of a measurement, for a latency's round. */
export function latencies({ result }: Measured): { 'p50 ms': number; 'p99 ms': number } {
  const { median, p99 } = summarize(result.latencyMs);
  return { 'p50 ms': median, 'p99 ms': p99 };
}

/** Says so where a thread of a process that measures had no time left. */
export function tooBusy(name: string, before: ProcessCpu, after: ProcessCpu, elapsedMs: number): string[] {
  const share = Math.max(...spentByThread(before, after).values()) / 1000 / elapsedMs;
  return share > BUSY_SHARE ? [`the ${name} was busy for ${Math.round(share * 100)} % of the time`] : [];
}

function lateness(job: Omit<LoadJob, 'port'>, result: LoadResult): string[] {
  if (job.arrivals.kind === 'closed') return [];
  const { p99 } = summarize(result.lateMs);
  return p99 > LATE_P99_MS ? [`requests were sent late: p99 ${p99.toFixed(1)} ms`] : [];
}

function unanswered(result: LoadResult): string[] {
  const answered = result.statuses['200'] ?? 0;
  if (answered === result.sent) return [];
  const otherwise = JSON.stringify({ ...result.statuses, ...result.failures });
  return [`${answered} of ${result.sent} answered: ${otherwise}`];
}

async function unrest(target: Target): Promise<string> {
  const left = (await target.waiting?.()) ?? [];
  return `not at rest within ${REST_WITHIN_MS / 1000} s: ${left.length === 0 ? 'something works' : left.join(', ')}`;
}

/**
 * Waits until a target has nothing left to do, and reads its clocks. It is watched from outside until it is calm, and only
 * then asked whether anything waits: an answer of many metrics costs it milliseconds, which are not in the clocks that
 * are returned. Undefined when it does not come to rest in time.
 */
export async function atRest(target: Target): Promise<ProcessCpu[] | undefined> {
  const until = performance.now() + REST_WITHIN_MS;
  let before = target.pids.map(readCpu);
  while (performance.now() < until) {
    await wait(CALM_WINDOW_MS);
    const now = target.pids.map(readCpu);
    const spent = now.reduce((sum, cpu, at) => sum + spentMs(before[at] ?? cpu, cpu), 0);
    before = now;
    if (spent > CALM_SHARE * CALM_WINDOW_MS) continue;
    if (target.waiting === undefined || (await target.waiting()).length === 0) return now;
    before = target.pids.map(readCpu);
  }
  return undefined;
}
