import type { Attempted, Delivery } from '../contract/delivery.ts';
import type { EgressRequest } from '../contract/egress.ts';
import type { Clock } from '../lib/clock.ts';
import { errorChain } from '../lib/log.ts';
import { unreachable } from '../lib/result.ts';
import { outcomeOf, pauseMs } from './attempt.ts';
import type { Backoff, Outcome } from './attempt.ts';
import type { Destination } from './destination.ts';
import type { Egress } from './egress.ts';

/** The outbox as the deliverer needs it; the store's satisfies it. Rejects while the database is away. */
export interface Outbox {
  /** Undefined: not ours to serve now. Else its failures in a row. */
  hold(name: string, holder: string, leaseMs: number): Promise<number | undefined>;
  keep(names: readonly string[], holder: string, leaseMs: number): Promise<void>;
  release(name: string, holder: string): Promise<void>;
  next(name: string, count: number, inOrder: boolean): Promise<Delivery[]>;
  /** False: somebody else serves it by now. */
  settle(
    name: string,
    holder: string,
    attempted: readonly Attempted[],
    circuit: { failures: number; openMs: number },
  ): Promise<boolean>;
}

export interface DelivererOptions {
  /** A destination whose holder has died is served by another after this long. */
  leaseMs: number;
  backoff: Backoff;
  /** A receiver's own wish is honoured up to this. */
  retryAfterMostMs: number;
  /** So many attempts of one delivery that the receiver rejects. */
  rejectedAttempts: number;
}

export const DELIVERER_DEFAULTS: DelivererOptions = {
  leaseMs: 6_000,
  backoff: { fromMs: 1_000, toMs: 600_000, random: Math.random },
  retryAfterMostMs: 3_600_000,
  // About forty minutes: a receiver may be repaired in that time.
  rejectedAttempts: 12,
};

/** Attempts since the thread began. */
export interface AttemptCounts {
  delivered: number;
  rejected: number;
  failed: number;
}

export interface Deliverer {
  /** Delivers what waits for a destination, until there is nothing, or it fails, or it is somebody else's. */
  serve(name: string): Promise<void>;
  /** Goes on holding what is being served. To be called well within `leaseMs`. */
  keep(): Promise<void>;
  /** By name of destination. */
  readonly counts: ReadonlyMap<string, AttemptCounts>;
  /** Begins no more attempts; resolves when those under way have ended. */
  stop(): Promise<void>;
}

/** Held in memory per destination: with payloads of 64 KiB, a megabyte. */
const PAGE = 16;

/**
 * Sends what the outbox has, one destination at a time per lease. What is delivered is noted after the answer: a process
 * that dies in between delivers it again, under the same id.
 */
export function createDeliverer(parts: {
  outbox: Outbox;
  egress: Pick<Egress, 'send'>;
  /** As configured now. */
  destination: (name: string) => Destination | undefined;
  /** Whose leases these are: of this process and thread. */
  holder: string;
  clock: Clock;
  options?: DelivererOptions;
}): Deliverer {
  const { outbox, egress, holder, clock, options = DELIVERER_DEFAULTS } = parts;
  const serving = new Map<string, Promise<void>>();
  const counts = new Map<string, AttemptCounts>();
  let stopping = false;

  const attempt = async (destination: Destination, delivery: Delivery): Promise<Outcome> => {
    let request: EgressRequest;
    try {
      request = await destination.request(delivery);
    } catch (error) {
      return { kind: 'rejected', error: `there is nothing to send: ${errorChain(error)}` };
    }
    return outcomeOf(await egress.send(request), clock.nowMs());
  };

  const count = (name: string, outcomes: readonly Outcome[]): void => {
    const before = counts.get(name) ?? { delivered: 0, rejected: 0, failed: 0 };
    for (const { kind } of outcomes) before[kind] += 1;
    counts.set(name, before);
  };

  /** Whether there may be more to do. */
  const deliverPage = async (name: string, state: { failures: number }): Promise<boolean> => {
    const destination = parts.destination(name);
    if (destination === undefined) return false;
    const page = await outbox.next(name, PAGE, destination.parallel === 1);
    for (let at = 0; at < page.length;) {
      if (stopping) return false;
      // After a failure, one goes ahead and looks.
      const group = page.slice(at, at + (state.failures > 0 ? 1 : destination.parallel));
      at += group.length;
      const outcomes = await Promise.all(group.map((delivery) => attempt(destination, delivery)));
      count(name, outcomes);
      const noted = notes(group, outcomes, destination, state.failures, options);
      const held = await outbox.settle(name, holder, noted.attempted, noted.circuit);
      if (!held || noted.circuit.openMs > 0) return false;
      state.failures = noted.circuit.failures;
    }
    return page.length > 0;
  };

  const serve = async (name: string): Promise<void> => {
    const failures = await outbox.hold(name, holder, options.leaseMs);
    if (failures === undefined) return;
    try {
      const state = { failures };
      while (await deliverPage(name, state));
    } finally {
      await outbox.release(name, holder);
    }
  };

  return {
    counts,
    serve: async (name) => {
      if (stopping || serving.has(name)) return;
      const served = serve(name);
      serving.set(name, served);
      try {
        await served;
      } finally {
        serving.delete(name);
      }
    },
    keep: async () => {
      if (serving.size > 0) await outbox.keep([...serving.keys()], holder, options.leaseMs);
    },
    stop: async () => {
      stopping = true;
      await Promise.allSettled(serving.values());
    },
  };
}

/** What the outbox is to note of some attempts made at once, and what they say of their destination. */
function notes(
  group: readonly Delivery[],
  outcomes: readonly Outcome[],
  { parallel }: Destination,
  failures: number,
  options: DelivererOptions,
): { attempted: Attempted[]; circuit: { failures: number; openMs: number } } {
  const attempted = group.flatMap((delivery, index) => {
    const outcome = outcomes[index];
    return outcome === undefined ? [] : [attemptedOf(delivery, outcome, failures + 1, options)];
  });
  const holdsUp = attempted.filter(({ state }, index) => {
    return state === 'waiting' && (parallel === 1 || outcomes[index]?.kind === 'failed');
  });
  const openMs = Math.max(0, ...holdsUp.map(({ waitMs }) => waitMs));
  return { attempted, circuit: { failures: holdsUp.length > 0 ? failures + 1 : 0, openMs } };
}

function attemptedOf(
  { id, attempts }: Delivery,
  outcome: Outcome,
  failures: number,
  { backoff, retryAfterMostMs, rejectedAttempts }: DelivererOptions,
): Attempted {
  switch (outcome.kind) {
    case 'delivered':
      return { id, state: 'delivered', waitMs: 0, error: null };
    case 'rejected': {
      const { error } = outcome;
      if (attempts + 1 >= rejectedAttempts) return { id, state: 'dead', waitMs: 0, error };
      return { id, state: 'waiting', waitMs: pauseMs(backoff, attempts + 1), error };
    }
    case 'failed': {
      const { error, retryAfterMs } = outcome;
      const wished = retryAfterMs === undefined ? 0 : Math.min(retryAfterMs, retryAfterMostMs);
      // Never earlier than asked for, and never in step with others that were asked the same.
      return { id, state: 'waiting', waitMs: wished + pauseMs(backoff, wished > 0 ? 1 : failures), error };
    }
    default:
      return unreachable(outcome);
  }
}
