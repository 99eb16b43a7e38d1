import { setTimeout as sleep } from 'node:timers/promises';
import type { Attempted, Delivery } from '../contract/delivery.ts';
import type { EgressRequest } from '../contract/egress.ts';
import type { Clock } from '../lib/clock.ts';
import { errorChain } from '../lib/log.ts';
import { outcomeOf } from './attempt.ts';
import type { Backoff, Outcome } from './attempt.ts';
import { afterDelivery, afterRejection, batchesOf, isEnough, pageSizeOf } from './batches.ts';
import type { Batch, Destination } from './destination.ts';
import { notesOf } from './notes.ts';
import type { Egress } from './egress.ts';

/** The outbox as the deliverer needs it; the store's satisfies it. Rejects while the database is away. */
export interface Outbox {
  /** Undefined: not ours to serve now. Else its failures in a row. */
  hold(name: string, holder: string, leaseMs: number): Promise<number | undefined>;
  keep(names: readonly string[], holder: string, leaseMs: number): Promise<void>;
  release(name: string, holder: string): Promise<void>;
  /** At most so many, and no more than fit into `bytes` of payloads; but one. */
  next(name: string, most: { count: number; bytes: number }, inOrder: boolean): Promise<Delivery[]>;
  /** False: somebody else serves it by now. */
  settle(
    name: string,
    holder: string,
    attempted: readonly Attempted[],
    circuit: { failures: number; openMs: number },
  ): Promise<boolean>;
  /** What counted as delivered waits again, under its old ids and numbers. Says how many those were. */
  takeBack(name: string, ids: readonly string[], why: string): Promise<number>;
}

export interface DelivererOptions {
  /** A destination whose holder has died is served by another after this long. */
  leaseMs: number;
  backoff: Backoff;
  /** A receiver's own wish is honoured up to this. */
  retryAfterMostMs: number;
  /** So many attempts of one delivery that the receiver rejects. */
  rejectedAttempts: number;
  /** Who waits for more to go with what is there looks for it this often. */
  fillMs: number;
}

export const DELIVERER_DEFAULTS: DelivererOptions = {
  leaseMs: 6_000,
  backoff: { fromMs: 1_000, toMs: 600_000, random: Math.random },
  retryAfterMostMs: 3_600_000,
  // About twenty minutes: a receiver may be repaired in that time.
  rejectedAttempts: 12,
  fillMs: 200,
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
  /** By name too: deliveries that are made once more, as their connection broke behind them. */
  readonly takenBack: ReadonlyMap<string, number>;
  /** Begins no more attempts; resolves when those under way have ended. */
  stop(): Promise<void>;
}

/** What a destination is at while it is served. */
interface Serving {
  /** In a row. */
  failures: number;
  /** Deliveries in one request, for now: less after the receiver has rejected a request with several. */
  most: number;
}

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
  const takenBack = new Map<string, number>();
  let stopping = false;

  const attempt = async (destination: Destination, batch: Batch): Promise<Outcome> => {
    if ('deliver' in destination) return destination.deliver(batch);
    let request: EgressRequest;
    try {
      request = await destination.request(batch);
    } catch (error) {
      return { kind: 'rejected', error: `there is nothing to send: ${errorChain(error)}` };
    }
    const answer = await egress.send(request);
    const outcome = outcomeOf(answer, clock.nowMs());
    if (answer.ok && outcome.kind === 'delivered') destination.taken?.(answer.value);
    return outcome;
  };

  /** By deliveries: those of one request all fare as it does. */
  const count = (name: string, batches: readonly Batch[], outcomes: readonly Outcome[]): void => {
    const before = counts.get(name) ?? { delivered: 0, rejected: 0, failed: 0 };
    outcomes.forEach(({ kind }, index) => (before[kind] += batches[index]?.length ?? 0));
    counts.set(name, before);
  };

  const page = (destination: Destination): Promise<Delivery[]> =>
    outbox.next(destination.name, pageSizeOf(destination), destination.parallel === 1);

  /** What is to be sent next; of a destination that would rather have more at once, when that is there or time is up. */
  const filledPage = async (destination: Destination): Promise<Delivery[]> => {
    const untilMs = clock.nowMs() + destination.batch.waitMs;
    for (;;) {
      const found = await page(destination);
      const leftMs = untilMs - clock.nowMs();
      if (leftMs <= 0 || stopping || isEnough(found, destination)) return found;
      await sleep(Math.min(leftMs, options.fillMs));
    }
  };

  /** Whether there may be more to do. */
  const deliverPage = async (name: string, state: Serving): Promise<boolean> => {
    const destination = parts.destination(name);
    if (destination === undefined) return false;
    let left: readonly Delivery[] = await filledPage(destination);
    if (left.length === 0) return false;
    while (left.length > 0) {
      // Who was configured anew while it waited is looked at again.
      if (parts.destination(name) !== destination) return true;
      if (stopping) return false;
      // After a failure, one goes ahead and looks.
      const most = Math.min(state.most, destination.batch.most);
      const batches = batchesOf(left, most, state.failures > 0 ? 1 : destination.parallel);
      const outcomes = await Promise.all(batches.map((batch) => attempt(destination, batch)));
      const [first] = batches;
      if (first !== undefined && first.length > 1 && outcomes[0]?.kind === 'rejected') {
        // One of them may be bad and the others good: fewer at once are tried, down to that one.
        state.most = afterRejection(first.length);
        continue;
      }
      count(name, batches, outcomes);
      left = left.slice(batches.flat().length);
      state.most = afterDelivery(most, destination);
      const noted = notesOf(batches, outcomes, destination, state.failures, options);
      const held = await outbox.settle(name, holder, noted.attempted, noted.circuit);
      if (!held || noted.circuit.openMs > 0) return false;
      state.failures = noted.circuit.failures;
    }
    return true;
  };

  /** Before anything that comes behind it is sent. */
  const takeBack = async (destination: Destination | undefined): Promise<void> => {
    if (destination === undefined || !('lost' in destination) || destination.lost === undefined) return;
    const { name, lost } = destination;
    const count = await outbox.takeBack(name, lost.ids, lost.why);
    destination.found();
    takenBack.set(name, (takenBack.get(name) ?? 0) + count);
  };

  const serve = async (name: string): Promise<void> => {
    const failures = await outbox.hold(name, holder, options.leaseMs);
    if (failures === undefined) return;
    try {
      await takeBack(parts.destination(name));
      const state = { failures, most: parts.destination(name)?.batch.most ?? 1 };
      while (await deliverPage(name, state));
    } finally {
      await outbox.release(name, holder);
    }
  };

  return {
    counts,
    takenBack,
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
