import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rawPost } from '../../bench/load/client.ts';
import { spentByThread } from '../../bench/load/cpu.ts';
import type { ProcessCpu } from '../../bench/load/cpu.ts';
import { startGenerator } from '../../bench/load/generator.ts';
import type { LoadGenerator } from '../../bench/load/generator.ts';
import { atRest, measure, tooBusy } from '../../bench/measure.ts';
import { startProvider } from '../../bench/targets.ts';
import type { Target } from '../../bench/targets.ts';

let generator: LoadGenerator;
let provider: Target;
/** A process that does nothing. */
let idle: ChildProcess;
beforeAll(async () => {
  generator = startGenerator();
  provider = await startProvider();
  idle = spawn('sleep', ['600']);
});
afterAll(async () => {
  generator.stop();
  await provider.stop();
  idle.kill();
});

function asking(settings: string, path = '/v1/chat/completions'): Uint8Array {
  const body = { model: 'm', messages: [{ role: 'user', content: 'Tides?' }] };
  return rawPost(path, JSON.stringify(body), { 'x-sim': settings });
}

/** The provider itself, asked without a gateway; its own CPU is not judged by the idle process in its place. */
function direct(): Target {
  return { name: 'direct', port: provider.port, pids: provider.pids, stop: () => Promise.resolve() };
}

function unjudged(): Target {
  return { ...direct(), pids: [idle.pid ?? 0] };
}

/** Process 7, whose threads have run for so long. */
function processOf(runMs: number[]): ProcessCpu {
  const names = ['node', 'node', 'jobs', 'node', 'jobs'];
  const threads = runMs.map((each, at) => ({ tid: 7 + at, name: names[at] ?? '', cpuMs: 0, runMs: each }));
  return { pid: 7, userMs: 0, systemMs: 0, rssBytes: 0, threads };
}

test('a load of another process comes back with every sample', async () => {
  const {
    result,
    threads,
    wholeUs,
    void: reasons,
  } = await measure(generator, unjudged(), direct(), {
    connections: 2,
    arrivals: { kind: 'closed', requests: 20 },
    request: asking('delay=20ms'),
  });
  expect(result).toMatchObject({ sent: 20, statuses: { 200: 20 }, failures: {} });
  expect(result.latencyMs).toHaveLength(20);
  expect(Math.min(...result.latencyMs)).toBeGreaterThanOrEqual(19);
  expect(threads.get('main')).toBeGreaterThan(0);
  expect(wholeUs).toBeGreaterThanOrEqual(threads.get('main') ?? 0);
  expect(reasons).toEqual([]);
});

test('a round in which answers are missing does not count', async () => {
  const { void: reasons } = await measure(generator, unjudged(), direct(), {
    connections: 2,
    arrivals: { kind: 'closed', requests: 4 },
    request: asking('status=500'),
  });
  expect(reasons).toEqual(['0 of 4 answered: {"500":4}']);
});

test('a round in which a request was due and no connection was free for it does not count', async () => {
  const { void: reasons } = await measure(generator, unjudged(), direct(), {
    connections: 1,
    arrivals: { kind: 'open', perSecond: 1000, requests: 5 },
    request: asking('delay=50ms'),
  });
  expect(reasons).toHaveLength(1);
  expect(reasons[0]).toMatch(/^requests were sent late: p99 /);
});

test('a process that measures is too busy by one of its threads, not by their sum', () => {
  const after = processOf([11_000, 1_800, 1_400, 0, 0]);
  expect(tooBusy('simulator', processOf([10_000, 1_000, 600, 0, 0]), after, 1_250)).toEqual([]);
  expect(tooBusy('simulator', processOf([10_000, 1_000, 600, 0, 0]), after, 1_100)).toEqual([
    'the simulator was busy for 91 % of the time',
  ]);
});

test('a target is at rest when nothing waits, whatever its processors say', async () => {
  const answers = [['two'], ['one'], []];
  const target = { ...unjudged(), waiting: () => Promise.resolve(answers.shift() ?? []) };
  const clocks = await atRest(target);
  expect(answers).toEqual([]);
  expect(clocks).toMatchObject([{ pid: idle.pid }]);
});

test('CPU time is told by thread: the first, those with a name, and those named as the process', () => {
  // The last one began between the looks.
  const spent = spentByThread(processOf([10, 20, 30, 40]), processOf([11, 22, 33, 44, 5]));
  expect(Object.fromEntries(spent)).toEqual({ main: 1000, others: 6000, jobs: 8000 });
});
