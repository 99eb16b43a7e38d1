import type { Clock } from '../src/lib/clock.ts';
import type { JobQueue } from '../src/store/queue.ts';

/** A destination that is still due this long after the queue was told has been forgotten there. */
const FORGOTTEN_MS = 2_000;

export interface Offers {
  /** Says through the queue that these destinations are due; serves them here where that fails. */
  offer(due: readonly string[]): Promise<void>;
  /** Somebody serves it: when it is due again, that is news. */
  taken(name: string): void;
  close(): Promise<void>;
}

/**
 * Tells the queue which destinations are due, each once until it is served: a queue that nobody empties does not grow by
 * a job a sweep. Nothing is opened before something is due.
 */
export function createOffers(parts: {
  open: () => { queue: JobQueue; processor: { close(): Promise<void> } };
  serve: (name: string) => void;
  clock: Clock;
}): Offers {
  const offeredAtMs = new Map<string, number>();
  let opened: ReturnType<typeof parts.open> | undefined;
  return {
    offer: async (due) => {
      for (const name of offeredAtMs.keys()) if (!due.includes(name)) offeredAtMs.delete(name);
      const nowMs = parts.clock.nowMs();
      const fresh = due.filter((name) => !offeredAtMs.has(name));
      const forgotten = due.filter((name) => nowMs - (offeredAtMs.get(name) ?? nowMs) > FORGOTTEN_MS);
      for (const name of forgotten) parts.serve(name);
      if (fresh.length === 0) return;
      opened ??= parts.open();
      // Before the call: the job may be done before it returns.
      for (const name of fresh) offeredAtMs.set(name, nowMs);
      try {
        await opened.queue.add(fresh.map((name) => [JSON.stringify(name)]));
      } catch {
        // Told by the queue's own errors.
        for (const name of fresh) parts.serve(name);
      }
    },
    taken: (name) => {
      offeredAtMs.delete(name);
    },
    close: async () => {
      await Promise.all([opened?.queue.close(), opened?.processor.close()]);
    },
  };
}
