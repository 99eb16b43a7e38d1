import type { Attempted, Delivery } from '../contract/delivery.ts';
import { unreachable } from '../lib/result.ts';
import { pauseMs } from './attempt.ts';
import type { Backoff, Outcome } from './attempt.ts';
import type { Batch, Destination } from './destination.ts';

interface Patience {
  backoff: Backoff;
  retryAfterMostMs: number;
  rejectedAttempts: number;
}

/** What the outbox is to note of requests that were made at once, and what they say of their destination. */
export function notesOf(
  batches: readonly Batch[],
  outcomes: readonly Outcome[],
  { parallel }: Pick<Destination, 'parallel'>,
  failures: number,
  options: Patience,
): { attempted: Attempted[]; circuit: { failures: number; openMs: number } } {
  const noted = batches.flatMap((batch, index) => {
    const outcome = outcomes[index];
    if (outcome === undefined) return [];
    // All of a request come again together: at one time.
    const pause = attemptPauseMs(batch[0], outcome, failures + 1, options);
    return batch.map((delivery) => ({ outcome, note: attemptedOf(delivery, outcome, pause, options) }));
  });
  const holdsUp = noted.filter(({ outcome, note }) => {
    return note.state === 'waiting' && (parallel === 1 || outcome.kind === 'failed');
  });
  const openMs = holdsUp.reduce((most, { note }) => Math.max(most, note.waitMs), 0);
  return {
    attempted: noted.map(({ note }) => note),
    circuit: { failures: holdsUp.length > 0 ? failures + 1 : 0, openMs },
  };
}

function attemptPauseMs(
  { rejections }: Delivery,
  outcome: Outcome,
  failures: number,
  { backoff, retryAfterMostMs }: Patience,
): number {
  switch (outcome.kind) {
    case 'delivered':
      return 0;
    case 'rejected':
      return pauseMs(backoff, rejections + 1);
    case 'failed': {
      const { retryAfterMs } = outcome;
      const wished = retryAfterMs === undefined ? 0 : Math.min(retryAfterMs, retryAfterMostMs);
      // Never earlier than asked for, and never in step with others that were asked the same.
      return wished + pauseMs(backoff, wished > 0 ? 1 : failures);
    }
    default:
      return unreachable(outcome);
  }
}

function attemptedOf(
  { id, rejections }: Delivery,
  outcome: Outcome,
  waitMs: number,
  { rejectedAttempts }: Patience,
): Attempted {
  if (outcome.kind === 'delivered') return { id, state: 'delivered', waitMs: 0, rejected: false, error: null };
  const { error } = outcome;
  const rejected = outcome.kind === 'rejected';
  // Attempts that failed do not count: a receiver that comes back from an outage in pieces is given as much time as others.
  const dead = rejected && rejections + 1 >= rejectedAttempts;
  return dead ? { id, state: 'dead', waitMs: 0, rejected, error } : { id, state: 'waiting', waitMs, rejected, error };
}
