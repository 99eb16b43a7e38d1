import { setTimeout as sleep } from 'node:timers/promises';
import type { ExchangeRecord } from '../src/contract/record.ts';
import type { Clock } from '../src/lib/clock.ts';
import type { Log } from '../src/lib/log.ts';
import { unreachable } from '../src/lib/result.ts';
import type { FromJobs, ToJobs } from '../src/records/messages.ts';
import { createPublisher } from '../src/records/publish.ts';
import { closedEvent, REQUEST_CLOSED } from '../src/sinks/closed-event.ts';
import { createCaptureStore } from '../src/store/captures.ts';
import { isAway, migrate, openPool } from '../src/store/database.ts';
import { enqueueDeliveries } from '../src/store/deliveries.ts';
import { openQueue, processQueue } from '../src/store/queue.ts';
import type { QueueAddress } from '../src/store/queue.ts';
import { createRecordStore } from '../src/store/records.ts';
import type { RecordStore, SegmentMark } from '../src/store/records.ts';
import { quietly } from './quietly.ts';
import type { JobsData } from './thread-data.ts';

export interface JobsParts {
  data: JobsData;
  clock: Clock;
  log: Log;
  post: (message: FromJobs) => void;
}

export interface Jobs {
  take(message: ToJobs): void;
  /** Lets jobs under way finish, and closes every connection. */
  close(): Promise<void>;
}

/** The processors of one process share these; readers have their own. */
const LEDGER_CONNECTIONS = 4;
const STATEMENT_MS = 20_000;
const CONNECT_MS = 5_000;
/** The main thread learns what is stored this long after it is, or a little later. */
const LOOK_EVERY_MS = 1_000;
const PREPARE_DAYS_EVERY_MS = 3_600_000;
/** While the database is away, a job waits here rather than come and go; beyond it, it goes back with a backoff. */
const STORE_RETRY_MS = 500;
const STORE_ATTEMPTS = 20;

/**
 * Fills the queue with the main thread's records and, where asked to, stores what the queue has. Keeps trying whatever
 * is away, says so, and never gives up by itself.
 */
export function runJobs({ data, clock, log, post }: JobsParts): Jobs {
  const stop = new AbortController();
  const stopped = (): boolean => stop.signal.aborted;
  const complain = quietly(clock, log);
  const address: QueueAddress =
    data.redisUrl === undefined ? { kind: 'postgres', database: data.database } : { kind: 'redis', url: data.redisUrl };
  const pool = openPool(data.database, {
    name: 'ledger',
    max: LEDGER_CONNECTIONS,
    statementMs: STATEMENT_MS,
    waitMs: CONNECT_MS,
    onError: (error) => {
      complain('database', error);
    },
  });
  let closedTo: readonly string[] = data.closedTo ?? [];
  const store = createRecordStore(pool, clock, {
    get follows() {
      return closedTo.length > 0;
    },
    stored: async (client, records) => {
      const told = records.map(closedEvent);
      const deliveries = closedTo.flatMap((destination) =>
        told.map((payload) => ({ destination, kind: REQUEST_CLOSED, payload })),
      );
      await enqueueDeliveries(client, deliveries, clock.nowMs());
    },
  });
  const captures = createCaptureStore(pool);
  const options = {
    onError: (error: unknown) => {
      complain('queue', error);
    },
  };
  const queue = openQueue('records', address, options);
  const publisher = createPublisher<ExchangeRecord>({
    queue,
    clock,
    onAccepted: (count) => {
      post({ kind: 'accepted', count });
    },
    onQueue: (state, error) => {
      if (state === 'down') complain('queue', error);
      else log.info({}, 'the queue is back');
    },
  });
  const processors: { close(): Promise<void> }[] = [];

  const open = async (): Promise<void> => {
    if (!(await untilMigrated())) return;
    if (!data.process) return;
    processors.push(processQueue('records', address, (records) => patiently(() => storeRecords(records)), options));
    processors.push(processQueue('captures', address, (batch) => patiently(() => storeCaptures(batch)), options));
  };

  /** False when closed first. */
  const untilMigrated = async (): Promise<boolean> => {
    while (!stopped()) {
      try {
        const applied = await migrate(pool);
        if (applied.length > 0) log.info({ applied }, 'database migrated');
        await store.prepareDays();
        return true;
      } catch (error) {
        complain('database', error);
        await pause(LOOK_EVERY_MS);
      }
    }
    return false;
  };

  const storeRecords = async (records: readonly unknown[]): Promise<void> => {
    const { dead } = await store.store(records);
    if (dead > 0) log.error({ dead }, 'records that cannot be stored were put into dead_records');
  };

  const storeCaptures = async (batch: readonly unknown[]): Promise<void> => {
    const { unreadable } = await captures.storeCaptures(batch);
    if (unreadable > 0) log.error({ unreadable }, 'captures of a form that this build does not know were dropped');
  };

  const patiently = async (work: () => Promise<void>): Promise<void> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await work();
        return;
      } catch (error) {
        complain('database', error);
        if (!isAway(error) || attempt === STORE_ATTEMPTS || stopped()) throw error;
        await pause(STORE_RETRY_MS);
      }
    }
  };

  const pause = async (ms: number): Promise<void> => {
    await sleep(ms, undefined, { signal: stop.signal }).catch(() => undefined);
  };

  const look = lookout(store, data, post);
  const watch = async (): Promise<void> => {
    let preparedAtMs = clock.nowMs();
    while (!stopped()) {
      await pause(LOOK_EVERY_MS);
      if (stopped()) return;
      const depth = await queue.depth().catch((error: unknown) => {
        complain('queue', error);
        return undefined;
      });
      await look(depth, (error) => {
        complain('database', error);
      });
      if (clock.nowMs() - preparedAtMs < PREPARE_DAYS_EVERY_MS) continue;
      preparedAtMs = clock.nowMs();
      await store.prepareDays().catch((error: unknown) => {
        complain('database', error);
      });
    }
  };

  /** Jobs under way are finished too: what a process leaves locked waits for its lock to run out. */
  const drain = async (withinMs: number): Promise<void> => {
    const left = await publisher.drain(withinMs);
    await Promise.all(processors.map((processor) => processor.close()));
    post({ kind: 'drained', left });
  };

  const opening = open();
  const watching = watch();
  post({ kind: 'ready' });

  const take = (message: ToJobs): void => {
    switch (message.kind) {
      case 'settings':
        closedTo = message.closedTo;
        return;
      case 'records': {
        const refused = message.records.filter((record) => !publisher.offer(record));
        if (refused.length > 0) post({ kind: 'refused', ids: refused.map((record) => record.id) });
        return;
      }
      case 'drain':
        void drain(message.withinMs);
        return;
      default:
        return unreachable(message);
    }
  };

  return {
    take,
    close: async () => {
      stop.abort();
      await Promise.all([opening, watching]);
      await Promise.all([publisher.drain(0), ...processors.map((processor) => processor.close())]);
      await Promise.all([queue.close(), pool.end()]);
    },
  };
}

interface Depth {
  waiting: number;
  failed: number;
}

/** Looks at what the database has, and tells what differs from what was told before. */
function lookout(
  store: RecordStore,
  data: JobsData,
  post: (message: FromJobs) => void,
): (depth: Depth | undefined, onError: (error: unknown) => void) => Promise<void> {
  /** By segment: what was told of it. */
  const told = new Map<number, string>();
  let since: string | undefined;
  let toldState = '';
  return async (depth, onError) => {
    let database: 'up' | 'down' = 'up';
    try {
      const marks = await store.watermarks(data.gatewayId, data.fromSegment, since);
      since = marks.asOf;
      const wordsOf = ({ recordsIn, capturesIn }: SegmentMark): string => `${recordsIn} ${capturesIn}`;
      const changed = marks.segments.filter((mark) => told.get(mark.segment) !== wordsOf(mark));
      for (const mark of changed) told.set(mark.segment, wordsOf(mark));
      if (changed.length > 0) post({ kind: 'settled', segments: changed });
    } catch (error) {
      onError(error);
      database = 'down';
    }
    const state: FromJobs = {
      kind: 'state',
      database,
      queue: depth === undefined ? 'down' : 'up',
      jobsWaiting: depth?.waiting ?? null,
      jobsFailed: depth?.failed ?? null,
    };
    if (JSON.stringify(state) === toldState) return;
    toldState = JSON.stringify(state);
    post(state);
  };
}
