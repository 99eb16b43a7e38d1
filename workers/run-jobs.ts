import type { Pool } from 'pg';
import type { Clock } from '../src/lib/clock.ts';
import type { Log } from '../src/lib/log.ts';
import { unreachable } from '../src/lib/result.ts';
import type { BookIds, FromJobs, ToJobs } from '../src/records/messages.ts';
import { createPublisher } from '../src/records/publish.ts';
import { recordEventsFor } from '../src/sinks/record-events.ts';
import { createCaptureStore } from '../src/store/captures.ts';
import { openPool } from '../src/store/database.ts';
import type { DatabaseAddress } from '../src/store/database.ts';
import { enqueueDeliveries } from '../src/store/deliveries.ts';
import { openQueue, queueAddressOf } from '../src/store/queue.ts';
import { createRecordStore } from '../src/store/records.ts';
import type { RecordFollower } from '../src/store/records.ts';
import { askDatabase, untilMigrated } from './books.ts';
import type { Books } from './books.ts';
import { processRecords } from './process-records.ts';
import { quietly } from './quietly.ts';
import { runRetention } from './run-retention.ts';
import type { RetentionWorker } from './run-retention.ts';
import type { JobsData } from './thread-data.ts';
import { watchBooks } from './watch-books.ts';

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

/**
 * Fills the queue with the main thread's records and, where asked to, stores what the queue has. Keeps trying whatever
 * is away, says so, and never gives up by itself.
 */
export function runJobs({ data, clock, log, post }: JobsParts): Jobs {
  const stop = new AbortController();
  const complain = quietly(clock, log);
  const complainOf =
    (part: 'database' | 'queue' | 'retention') =>
    (error: unknown): void => {
      complain(part, error);
    };
  const pool = openLedger(data.database, complainOf('database'));
  const said = createSettings(data.settings, clock);
  const store = createRecordStore(pool, clock, said.keepsTools, said.follower);
  const captures = createCaptureStore(pool);
  const books: Books = { pool, store, clock, log, complain, stopping: stop.signal };

  const address = queueAddressOf(data);
  const queue = openQueue('records', address, { onError: complainOf('queue') });
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

  let processor: { close(): Promise<void> } | undefined;
  let retention: RetentionWorker | undefined;
  const open = async (): Promise<void> => {
    if (!(await untilMigrated(books))) return;
    if (!data.process) return;
    processor = processRecords(books, address);
    retention = runRetention({
      database: data.database,
      clock,
      log,
      report: (report) => {
        post({ kind: 'retention', report });
      },
      complain: complainOf('retention'),
    });
    retention.reconfigure(said.settings.retention);
  };

  const look = async (ids: BookIds): Promise<BookIds> => ({
    records: await store.missing(ids.records),
    captures: await captures.missing(ids.captures),
  });

  /** Jobs under way are finished too: what a process leaves locked waits for its lock to run out. */
  const drain = async (withinMs: number): Promise<void> => {
    const left = await publisher.drain(withinMs);
    await processor?.close();
    post({ kind: 'drained', left });
  };

  const opening = open();
  const watch = watchBooks(books, { queue, post });
  watch.follow(data.gatewayId, data.fromSegment);
  post({ kind: 'ready' });

  const take = (message: ToJobs): void => {
    switch (message.kind) {
      case 'records': {
        const refused = message.records.filter((record) => !publisher.offer(record));
        if (refused.length > 0) post({ kind: 'refused', ids: refused.map((record) => record.id) });
        return;
      }
      case 'look':
        void askDatabase(books, () => look(message.ids)).then((missing) => {
          post({ kind: 'looked', look: message.look, missing });
        });
        return;
      case 'follow':
        watch.follow(message.gateway, message.fromSegment);
        return;
      case 'unfollow':
        watch.unfollow(message.gateway);
        return;
      case 'settings':
        said.change(message.settings);
        retention?.reconfigure(message.settings.retention);
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
      await Promise.all([opening, watch.ended]);
      await retention?.close();
      await Promise.all([publisher.drain(0), processor?.close()]);
      await Promise.all([queue.close(), pool.end()]);
    },
  };
}

function openLedger(database: DatabaseAddress, onError: (error: unknown) => void): Pool {
  return openPool(database, {
    name: 'ledger',
    max: LEDGER_CONNECTIONS,
    statementMs: STATEMENT_MS,
    waitMs: CONNECT_MS,
    onError,
  });
}

/** What the config says of records, as it is now, in the form that their store asks in. */
interface Settings {
  settings: JobsData['settings'];
  change(settings: JobsData['settings']): void;
  readonly keepsTools: () => boolean;
  follower: RecordFollower;
}

function createSettings(first: JobsData['settings'], clock: Clock): Settings {
  let settings = first;
  let eventsOf = recordEventsFor(settings.told);
  return {
    get settings() {
      return settings;
    },
    change: (changed) => {
      settings = changed;
      eventsOf = recordEventsFor(settings.told);
    },
    keepsTools: () => !(settings.retention.keepMs === 0 && settings.retention.tools),
    follower: {
      get follows() {
        return settings.told.length > 0;
      },
      stored: async (client, records) => {
        const deliveries = eventsOf(records);
        if (deliveries.length > 0) await enqueueDeliveries(client, deliveries, clock.nowMs());
      },
    },
  };
}
