import { setTimeout as sleep } from 'node:timers/promises';
import type { RetentionReport, RetentionRules } from '../src/contract/retention.ts';
import type { Clock } from '../src/lib/clock.ts';
import type { Log } from '../src/lib/log.ts';
import { openPool } from '../src/store/database.ts';
import type { DatabaseAddress } from '../src/store/database.ts';
import { createRetention } from '../src/store/retention.ts';

export interface RetentionParts {
  database: DatabaseAddress;
  clock: Clock;
  log: Log;
  /** Called after each run of ours. */
  report: (report: RetentionReport) => void;
  complain: (error: unknown) => void;
}

export interface RetentionWorker {
  /** What holds from now on; runs at once where it differs. */
  reconfigure(rules: RetentionRules): void;
  /** Lets a run under way end. */
  close(): Promise<void>;
}

const RUN_EVERY_MS = 3_600_000;
/** After a run that failed: the database is away, or a reader did not end. */
const RETRY_MS = 60_000;
/** Longer than any statement of ours: detaching a partition waits for those that are under way. */
const STATEMENT_MS = 120_000;
const CONNECT_MS = 5_000;

/** Purges at its start, every hour, and whenever the rules change; beside whatever else the process does. */
export function runRetention({ database, clock, log, report, complain }: RetentionParts): RetentionWorker {
  const pool = openPool(database, {
    name: 'retention',
    max: 1,
    statementMs: STATEMENT_MS,
    waitMs: CONNECT_MS,
    onError: complain,
  });
  const retention = createRetention(pool, clock);
  const stop = new AbortController();
  let wake = new AbortController();
  let rules: RetentionRules | undefined;
  let total: RetentionReport = {
    partitionsDropped: 0,
    bytesDropped: 0,
    lastRunAtMs: null,
    oldestCapturesMs: null,
    partitionsWaiting: 0,
  };

  const runOnce = async (now: RetentionRules): Promise<void> => {
    const run = await retention.run(now);
    if (run === undefined) return;
    const { partitionsDropped, bytesDropped } = run;
    if (partitionsDropped > 0) log.info({ partitionsDropped, bytesDropped }, 'retention has dropped partitions');
    total = {
      ...run,
      partitionsDropped: total.partitionsDropped + partitionsDropped,
      bytesDropped: total.bytesDropped + bytesDropped,
      lastRunAtMs: clock.nowMs(),
    };
    report(total);
  };

  const watch = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      wake = new AbortController();
      let pauseMs = RUN_EVERY_MS;
      if (rules !== undefined) {
        await runOnce(rules).catch((error: unknown) => {
          if (!stop.signal.aborted) complain(error);
          pauseMs = RETRY_MS;
        });
      }
      const signal = AbortSignal.any([stop.signal, wake.signal]);
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const watching = watch();

  return {
    reconfigure: (next) => {
      rules = next;
      wake.abort();
    },
    close: async () => {
      stop.abort();
      await watching;
      await pool.end();
    },
  };
}
