import { measure } from './measure.ts';
import type { Bench, Round } from './question.ts';
import { chatRequest } from './requests.ts';
import type { Chat } from './requests.ts';
import type { Target } from './targets.ts';

const CONNECTIONS = 32;
const PROMPT_BYTES = 2_048;
const EVENTS = 150;

export const COST_SETTINGS =
  `${CONNECTIONS} connections, closed loop; ${PROMPT_BYTES}-byte prompts; ` +
  `unary answers of 50 words after 20 ms; ${EVENTS} events a stream, 2 ms apart`;

export interface CostLoad {
  /** What the cost is told by. */
  unit: 'unary request' | 'streamed event';
  chat: Chat;
  requests: number;
}

/** The provider takes its time, so that neither it nor the generator is the limit, and all targets are asked as often. */
export function costLoads(bench: Bench): CostLoad[] {
  return [
    {
      unit: 'unary request',
      chat: { promptBytes: PROMPT_BYTES, sim: 'output=50; delay=20ms' },
      requests: bench.size(2_000, 200),
    },
    {
      unit: 'streamed event',
      chat: { promptBytes: PROMPT_BYTES, sim: `events=${EVENTS}; pace=2ms`, stream: true },
      requests: bench.size(96, 32),
    },
  ];
}

/** A round of CPU per unit: `<thread> µs` of each thread, `whole µs` of all, and how many units there were `a second`. */
export async function cost(bench: Bench, provider: Target, target: Target, load: CostLoad): Promise<Round> {
  const measured = await measure(bench.generator, provider, target, {
    connections: CONNECTIONS,
    arrivals: { kind: 'closed', requests: load.requests },
    request: chatRequest(target, load.chat),
  });
  const { result, threads, wholeUs } = measured;
  const count = load.unit === 'unary request' ? (result.statuses['200'] ?? 0) : result.events;
  const perThread = [...threads].map(([name, us]): [string, number] => [`${name} µs`, us / count]);
  return {
    figures: {
      ...Object.fromEntries(perThread),
      'whole µs': wholeUs / count,
      'a second': (count * 1000) / result.elapsedMs,
    },
    count,
    void: measured.void,
  };
}
