import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../src/lib/package-root.ts';
import { applyLoad } from './load/client.ts';
import { readCpu, spentByThread } from './load/cpu.ts';
import { chatRequest } from './requests.ts';
import { median } from './rounds.ts';
import { startProvider } from './targets.ts';
import type { Target } from './targets.ts';
import { startBare } from './targets/pass-through.ts';
import { startNginx } from './targets/nginx.ts';
import { startOurs } from './targets/ours.ts';

/**
 * Question: has the gateway's CPU per request or per event grown by a quarter? Judged against the bare pass-through of
 * the same run, which has our socket layer and HTTP client and nothing else: absolute times move with the machine, and so
 * does the ratio to nginx (an event cost it 5.5 to 9.9 µs within an hour here, ours moved along with the bare one).
 */
const ROUNDS = 5;
const CONNECTIONS = 32;
const UNARY_REQUESTS = 1_500;
const STREAMS = 96;
const EVENTS = 150;
const PROMPT_BYTES = 2_048;
const REGRESSION = 1.25;
const OURS = 'ours, captured';

interface Cost {
  /** Microseconds of CPU per unit: the busiest thread of the first process, and all processes. */
  front: number;
  whole: number;
}

const LOADS = {
  'unary request': { chat: { promptBytes: PROMPT_BYTES, sim: 'output=50' }, requests: UNARY_REQUESTS },
  'streamed event': {
    chat: { promptBytes: PROMPT_BYTES, sim: `events=${EVENTS}; pace=2ms`, stream: true },
    requests: STREAMS,
  },
} as const;
type LoadName = keyof typeof LOADS;

const provider = await startProvider();
const targets = [await startNginx(provider), await startBare(provider), await startOurs(provider, OURS)];
const costs = new Map<string, Cost[]>();
try {
  for (const target of targets) await measure(target, 'unary request');
  costs.clear();
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of ['unary request', 'streamed event'] as const) {
      for (const target of targets) await measure(target, name);
    }
  }
  report();
} finally {
  for (const target of targets) await target.stop();
  await provider.stop();
}

async function measure(target: Target, name: LoadName): Promise<void> {
  const { chat, requests } = LOADS[name];
  const request = chatRequest(target, chat);
  const before = target.pids.map(readCpu);
  const result = await applyLoad({
    host: '127.0.0.1',
    port: target.port,
    connections: CONNECTIONS,
    arrivals: { kind: 'closed', requests },
    request: () => request,
  });
  const after = target.pids.map(readCpu);
  const answered = result.statuses['200'] ?? 0;
  if (answered !== requests) {
    throw new Error(
      `${target.name}, ${name}: ${answered} of ${requests} answered: ${JSON.stringify({ ...result.statuses, ...result.failures })}`,
    );
  }
  const units = name === 'unary request' ? requests : result.events;
  const key = `${target.name}/${name}`;
  const threads = after.map((cpu, index) => spentByThread(before[index] ?? cpu, cpu));
  const cost = {
    front: (threads[0]?.get('main') ?? 0) / units,
    whole: threads.flatMap((spent) => [...spent.values()]).reduce((sum, us) => sum + us, 0) / units,
  };
  costs.set(key, [...(costs.get(key) ?? []), cost]);
}

function report(): void {
  const limits = JSON.parse(readFileSync(join(packageRoot(), 'bench', 'gate.json'), 'utf8')) as Record<string, number>;
  console.log(
    `bench:gate on ${cpus()[0]?.model ?? '?'} x${cpus().length}, Node ${process.version}; ${ROUNDS} rounds, ${CONNECTIONS} connections, ` +
      `${PROMPT_BYTES}-byte prompts, ${EVENTS} events a stream, 2 ms apart`,
  );
  console.log('CPU in µs: median of the rounds (lowest to highest)');
  const failures: string[] = [];
  for (const name of ['unary request', 'streamed event'] as const) {
    console.log(`\n  per ${name}`);
    const of = (target: string, part: keyof Cost): number[] =>
      (costs.get(`${target}/${name}`) ?? []).map((c) => c[part]);
    for (const { name: target } of targets) {
      const cell = (part: keyof Cost): string => {
        const values = of(target, part);
        return `${median(values).toFixed(1).padStart(7)} (${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)})`.padEnd(
          28,
        );
      };
      console.log(`    ${target.padEnd(14)}  front thread ${cell('front')}  whole process ${cell('whole')}`);
    }
    for (const part of ['front', 'whole'] as const) {
      const ours = median(of(OURS, part));
      const ratio = ours / median(of('bare', 'whole'));
      const key = `${name}, ${part}`;
      const accepted = limits[key] ?? Number.NaN;
      const bad = !(ratio <= accepted * REGRESSION);
      console.log(
        `    ours, ${part}: ${(ours / median(of('nginx', 'whole'))).toFixed(2)} x nginx, ${ratio.toFixed(2)} x bare (accepted ${accepted}, fails above ${(accepted * REGRESSION).toFixed(2)})${bad ? '  REGRESSION' : ''}`,
      );
      if (bad) failures.push(key);
    }
  }
  if (failures.length > 0) {
    console.error(`\nbench:gate failed: ${failures.join('; ')}`);
    process.exitCode = 1;
  }
}
