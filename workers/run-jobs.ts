import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../src/lib/clock.ts';
import type { Log } from '../src/lib/log.ts';
import { unreachable } from '../src/lib/result.ts';
import type { BookIds, FromJobs, JobsState, ToJobs } from '../src/records/messages.ts';
import { createPublisher } from '../src/records/publish.ts';
import { recordEventsFor } from '../src/sinks/record-events.ts';
import { createCaptureStore } from '../src/store/captures.ts';
import { isAway, migrate, openPool } from '../src/store/database.ts';
import { bury, countLetters, pruneLetters } from '../src/store/dead-letters.ts';
import { enqueueDeliveries } from '../src/store/deliveries.ts';
import { openQueue, processQueue, queueAddressOf } from '../src/store/queue.ts';
import type { JobQueue, QueueName } from '../src/store/queue.ts';
import { createRecordStore } from '../src/store/records.ts';
import type { RecordStore, SegmentMark } from '../src/store/records.ts';
import { quietly } from './quietly.ts';
import { runRetention } from './run-retention.ts';
import type { RetentionWorker } from './run-retention.ts';
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
const TIDY_EVERY_MS = 3_600_000;
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
  const address = queueAddressOf(data);
  const pool = openPool(data.database, {
    name: 'ledger',
    max: LEDGER_CONNECTIONS,
    statementMs: STATEMENT_MS,
    waitMs: CONNECT_MS,
    onError: (error) => {
      complain('database', error);
    },
  });
  let { settings } = data;
  let eventsOf = recordEventsFor(settings.told);
  const keepsTools = (): boolean => !(settings.retention.keepMs === 0 && settings.retention.tools);
  const store = createRecordStore(pool, clock, keepsTools, {
    get follows() {
      return settings.told.length > 0;
    },
    stored: async (client, records) => {
      const deliveries = eventsOf(records);
      if (deliveries.length > 0) await enqueueDeliveries(client, deliveries, clock.nowMs());
    },
  });
  const captures = createCaptureStore(pool);
  const options = {
    onError: (error: unknown) => {
      complain('queue', error);
    },
  };
  const queue = openQueue('records', address, options);
  const publisher = createPublisher({
    queue,
    clock,
    onAccepted: (ids) => {
      post({ kind: 'accepted', ids });
    },
    onQueue: (state, error) => {
      if (state === 'down') complain('queue', error);
      else log.info({}, 'the queue is back');
    },
  });
  const processors: { close(): Promise<void> }[] = [];
  let retention: RetentionWorker | undefined;

  const open = async (): Promise<void> => {
    if (!(await untilMigrated())) return;
    if (!data.process) return;
    processors.push(processorOf('records', storeRecords));
    retention = runRetention({
      database: data.database,
      clock,
      log,
      report: (report) => {
        post({ kind: 'retention', report });
      },
      complain: (error) => {
        complain('retention', error);
      },
    });
    retention.reconfigure(settings.retention);
  };

  const processorOf = (
    name: QueueName,
    storeBatch: (batch: readonly unknown[]) => Promise<void>,
  ): { close(): Promise<void> } =>
    processQueue(name, address, (batch) => patiently(() => storeBatch(batch)), {
      ...options,
      bury: async (data) => {
        await bury(pool, clock, {
          kind: 'job',
          subject: name,
          error: 'not a job that this build can read',
          body: data,
        });
        log.error({ queue: name }, 'a job that nobody can read is a dead letter now');
      },
    });

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
    if (dead > 0) log.error({ dead }, 'records that cannot be stored are dead letters now');
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

  /** By the name that a journal's segments are counted under: our own, and those that we hand on for others. */
  const markTellers = new Map([[data.gatewayId, markTeller(store, data.gatewayId, data.fromSegment, post)]]);
  const tellState = stateTeller(post);
  const watch = async (): Promise<void> => {
    let tidiedAtMs = clock.nowMs();
    while (!stopped()) {
      await pause(LOOK_EVERY_MS);
      if (stopped()) return;
      const jobs = await depthOf();
      const deadLetters = await askDatabase(async () => {
        for (const tellMarks of markTellers.values()) await tellMarks();
        return countLetters(pool);
      });
      tellState({
        database: deadLetters === null ? 'down' : 'up',
        queue: jobs === null ? 'down' : 'up',
        jobs,
        deadLetters,
      });
      if (clock.nowMs() - tidiedAtMs < TIDY_EVERY_MS) continue;
      tidiedAtMs = clock.nowMs();
      await askDatabase(tidy);
    }
  };

  const tidy = async (): Promise<void> => {
    await store.prepareDays();
    const pruned = await pruneLetters(pool, clock);
    if (pruned > 0) log.warn({ pruned }, 'dead letters were too many or too old, and are gone');
  };

  const depthOf = (): Promise<Awaited<ReturnType<JobQueue['depth']>> | null> =>
    queue.depth().catch((error: unknown) => {
      complain('queue', error);
      return null;
    });

  /** Null where it does not answer, and says so. */
  const askDatabase = <T>(question: () => Promise<T>): Promise<T | null> =>
    question().catch((error: unknown) => {
      complain('database', error);
      return null;
    });

  const look = async (ids: BookIds): Promise<BookIds> => ({
    records: await store.missing(ids.records),
    captures: await captures.missing(ids.captures),
  });

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
      case 'records': {
        const refused = message.records.filter((record) => !publisher.offer(record));
        if (refused.length > 0) post({ kind: 'refused', ids: refused.map((record) => record.id) });
        return;
      }
      case 'look':
        void askDatabase(() => look(message.ids)).then((missing) => {
          post({ kind: 'looked', look: message.look, missing });
        });
        return;
      case 'follow':
        markTellers.set(message.gateway, markTeller(store, message.gateway, message.fromSegment, post));
        return;
      case 'unfollow':
        markTellers.delete(message.gateway);
        return;
      case 'settings':
        ({ settings } = message);
        eventsOf = recordEventsFor(settings.told);
        retention?.reconfigure(settings.retention);
        return;
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
      await retention?.close();
      await Promise.all([publisher.drain(0), ...processors.map((processor) => processor.close())]);
      await Promise.all([queue.close(), pool.end()]);
    },
  };
}

/** Looks at how much the database has of each segment of a journal, and tells what differs from what was told before. */
function markTeller(
  store: RecordStore,
  gateway: string,
  fromSegment: number,
  post: (message: FromJobs) => void,
): () => Promise<void> {
  /** By segment: what was told of it. */
  const told = new Map<number, string>();
  let since: string | undefined;
  return async () => {
    const marks = await store.watermarks(gateway, fromSegment, since);
    since = marks.asOf;
    const wordsOf = ({ recordsIn, capturesIn }: SegmentMark): string => `${recordsIn} ${capturesIn}`;
    const changed = marks.segments.filter((mark) => told.get(mark.segment) !== wordsOf(mark));
    for (const mark of changed) told.set(mark.segment, wordsOf(mark));
    if (changed.length > 0) post({ kind: 'settled', gateway, segments: changed });
  };
}

function stateTeller(post: (message: FromJobs) => void): (state: JobsState) => void {
  let told = '';
  return (state) => {
    const words = JSON.stringify(state);
    if (words === told) return;
    told = words;
    post({ kind: 'state', state });
  };
}
