import type { Clock } from '../src/lib/clock.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';

/** An outage is one line at its beginning and one at its end; what comes between is this much apart. */
const LOG_EVERY_MS = 60_000;

/** One line per part and minute, however many errors there are. */
export function quietly(
  clock: Clock,
  log: Log,
): (part: 'database' | 'queue' | 'quotas' | 'retention', error: unknown) => void {
  const last = new Map<string, { atMs: number; untold: number }>();
  return (part, error) => {
    const before = last.get(part);
    if (before !== undefined && clock.nowMs() - before.atMs < LOG_EVERY_MS) {
      before.untold += 1;
      return;
    }
    last.set(part, { atMs: clock.nowMs(), untold: 0 });
    log.warn({ part, error: errorChain(error), untold: before?.untold ?? 0 }, 'away or failing; it is tried again');
  };
}
