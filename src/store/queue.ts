import { createPostgresBackend, Queue, Worker } from 'bullmq';
import type { JobsOptions, JobType } from 'bullmq';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectionOf } from './database.ts';
import type { DatabaseAddress } from './database.ts';
import { dataOf, recordsOf } from './job-data.ts';

/** Where jobs wait: on Redis, or in the database. Plain data; holds a password. */
export type QueueAddress = { kind: 'redis'; url: string } | { kind: 'postgres'; database: DatabaseAddress };

export function queueAddressOf(data: { redisUrl?: string | undefined; database: DatabaseAddress }): QueueAddress {
  const { redisUrl, database } = data;
  return redisUrl === undefined ? { kind: 'postgres', database } : { kind: 'redis', url: redisUrl };
}

export interface QueueDepth {
  /** Jobs, not records: ready, delayed after a failure, and being processed. */
  waiting: number;
  /** Those among them that failed, and wait for a while before they are tried again. */
  delayed: number;
}

export interface JobQueue {
  /**
   * One job per batch of JSON texts. Rejects at once while the queue is away, and after `ADD_TIMEOUT_MS` at the latest. Only while the
   * queue is opened for the first time it waits for that: nothing is away yet.
   */
  add(batches: readonly (readonly string[])[]): Promise<void>;
  /** Rejects when the queue is away. */
  depth(): Promise<QueueDepth>;
  close(): Promise<void>;
}

export interface QueueOptions {
  /** Errors of the connection. There may be many while the queue is away: the caller counts rather than logs each. */
  onError: (error: unknown) => void;
}

/**
 * What jobs carry: records, or the names of destinations that something is to be delivered to. Each has a queue of its
 * own, so that none waits for another.
 */
export type QueueName = 'records' | 'deliveries';
/** Namespaces of our own: on a shared Redis, and in the operator's database. */
const REDIS_PREFIX = 'aperture';
const POSTGRES_SCHEMA = 'aperture_queue';

const ADD_TIMEOUT_MS = 5_000;
/** A queue that has not opened in this time is away. */
const OPEN_WITHIN_MS = 2_000;
const CONNECT_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 5_000;
const DISCONNECT_TIMEOUT_MS = 1_000;
/**
 * A connection to Redis on which nothing comes for this long, though something is due, is given up: its other end may be
 * gone without a word, and what is written to it would pile up in our memory for as long as the kernel hopes. A consumer
 * asks for its next job for 10 s at most.
 */
const PRODUCER_SILENCE_MS = 5_000;
const CONSUMER_SILENCE_MS = 13_000;
const STATEMENT_MS = 20_000;
const REOPEN_MS = 500;
/** Jobs at a time, per process: while one waits for the commit, the next is parsed. */
const CONCURRENCY = 2;
/** A process that dies leaves its jobs locked this long, renewed while it lives; found by a look every STALLED_MS. */
const LOCK_MS = 6_000;
const STALLED_MS = 2_000;
/** Never by count: a record is only given up when it is in the database. A job's counter is a 32-bit integer. */
const UNLIMITED = 1_000_000_000;
const BACKOFF_FROM_MS = 250;
const BACKOFF_TO_MS = 15_000;

const JOB_OPTIONS: JobsOptions = {
  attempts: UNLIMITED,
  backoff: { type: 'custom' },
  removeOnComplete: true,
  removeOnFail: false,
  // One frame of the last failure; BullMQ would keep some of each.
  stackTraceLimit: 1,
};

/** BullMQ writes an event per step of a job, which nobody here reads. */
const STREAMS = { events: { maxLen: 100 } };

/** The producing end. Opens by itself, now or when the queue comes up. */
export function openQueue(name: QueueName, address: QueueAddress, options: QueueOptions): JobQueue {
  let producer: Producer | undefined;
  const held = keepOpen(
    () => openProducer(name, address, options),
    (opened) => {
      producer = opened;
      return undefined;
    },
    options,
  );
  const opened = async (): Promise<Producer> => {
    await held.tried;
    if (producer === undefined) throw new Error('the queue is away');
    return producer;
  };
  return {
    add: async (batches) => {
      const jobs = batches.map((batch) => ({ name, data: dataOf(batch), opts: JOB_OPTIONS }));
      const producer = await opened();
      await within(ADD_TIMEOUT_MS, producer.addBulk(jobs));
    },
    depth: async () => {
      const producer = await opened();
      const counts = await within(ADD_TIMEOUT_MS, producer.getJobCounts('wait', 'active', 'delayed'));
      const of = (state: string): number => counts[state] ?? 0;
      return { waiting: of('wait') + of('active') + of('delayed'), delayed: of('delayed') };
    },
    close: () => held.close(),
  };
}

export interface ProcessOptions extends QueueOptions {
  /** Jobs at a time. */
  concurrency?: number;
  /** Takes what a job carried that this build cannot read, so that it blocks no other. */
  bury: (data: unknown) => Promise<void>;
}

/**
 * Processes jobs until closed; `close` lets those under way finish. A rejection of `process` or `bury` puts the job
 * back, to be tried again after a growing while, without end.
 */
export function processQueue(
  name: QueueName,
  address: QueueAddress,
  process: (records: readonly unknown[]) => Promise<void>,
  options: ProcessOptions,
): { close(): Promise<void> } {
  const processJob = async (job: { data: unknown }): Promise<void> => {
    const records = recordsOf(job.data);
    if (records === undefined) await options.bury(job.data);
    else await process(records);
  };
  return keepOpen(
    () => openConsumer(name, address, processJob, options),
    (consumer) => consumer.run(),
    options,
  );
}

/** What we use of BullMQ's `Queue` and `Worker`, whose types differ by backend. */
interface Connected {
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
  disconnect(): Promise<unknown>;
}
interface Producer extends Connected {
  addBulk(jobs: { name: string; data: unknown; opts: JobsOptions }[]): Promise<unknown>;
  getJobCounts(...states: JobType[]): Promise<Record<string, number>>;
}
interface Consumer extends Connected {
  run(): Promise<void>;
}

function openProducer(name: QueueName, address: QueueAddress, { onError }: QueueOptions): Producer {
  if (address.kind === 'redis') {
    const connection = {
      ...redisOptions(address.url),
      // Fail at once rather than remember: what waits is the publisher's business.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 1,
      commandTimeout: ADD_TIMEOUT_MS,
      socketTimeout: PRODUCER_SILENCE_MS,
    };
    return new Queue(name, { prefix: REDIS_PREFIX, connection, streams: STREAMS }).on('error', onError);
  }
  const connection = postgresOptions(address.database, 'queue');
  return new Queue(name, { connection, streams: STREAMS }, createPostgresBackend).on('error', onError);
}

function openConsumer(
  name: QueueName,
  address: QueueAddress,
  processJob: (job: { data: unknown }) => Promise<void>,
  { onError, concurrency = CONCURRENCY }: ProcessOptions,
): Consumer {
  const settings = {
    autorun: false,
    concurrency,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_MS,
    maxStalledCount: UNLIMITED,
    runRetryDelay: REOPEN_MS,
    settings: { backoffStrategy },
  };
  if (address.kind === 'redis') {
    const connection = {
      ...redisOptions(address.url),
      maxRetriesPerRequest: null,
      socketTimeout: CONSUMER_SILENCE_MS,
    };
    return new Worker(name, processJob, { ...settings, prefix: REDIS_PREFIX, connection }).on('error', onError);
  }
  const connection = postgresOptions(address.database, 'jobs');
  return new Worker(name, processJob, { ...settings, connection }, createPostgresBackend).on('error', onError);
}

/** Attempts count from 1. */
function backoffStrategy(attemptsMade: number): number {
  return Math.min(BACKOFF_TO_MS, BACKOFF_FROM_MS * 2 ** Math.min(attemptsMade, 16));
}

function redisOptions(url: string): { url: string; connectTimeout: number; retryStrategy: (times: number) => number } {
  return { url, connectTimeout: CONNECT_TIMEOUT_MS, retryStrategy: (times) => Math.min(times * 100, 1_000) };
}

function postgresOptions(database: DatabaseAddress, name: string): Record<string, unknown> {
  return {
    ...connectionOf(database),
    schema: POSTGRES_SCHEMA,
    migrate: true,
    application_name: `aperture-${name}`,
    max: 4,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_MS,
    query_timeout: STATEMENT_MS,
    keepAlive: true,
  };
}

/**
 * Opens, and opens again after a pause when that fails: BullMQ remembers a failed start for good. `use` is called with
 * what is ready; when its promise ends, that one is closed and the next is opened. `tried` resolves when the first one
 * was opened, could not be, or takes longer than a queue that is there.
 */
function keepOpen<T extends Connected>(
  open: () => T,
  use: (opened: T) => Promise<void> | undefined,
  { onError }: QueueOptions,
): { tried: Promise<void>; close(): Promise<void> } {
  const stop = new AbortController();
  let current: T | undefined;
  let onTried: () => void = () => undefined;
  const tried = new Promise<void>((resolve) => {
    onTried = resolve;
    setTimeout(resolve, OPEN_WITHIN_MS).unref();
  });
  const hold = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      current = open();
      try {
        await current.waitUntilReady();
        const done = use(current);
        onTried();
        if (done === undefined) return;
        await done;
      } catch (error) {
        onTried();
        onError(error);
      }
      await closeSoon(current);
      await sleep(REOPEN_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  void hold();
  return {
    tried,
    close: async () => {
      stop.abort();
      if (current !== undefined) await closeSoon(current);
    },
  };
}

/** In an orderly way if that is soon done: without a connection, it is never. */
async function closeSoon(opened: Connected): Promise<void> {
  try {
    await within(CLOSE_TIMEOUT_MS, opened.close());
  } catch {
    // After a Redis that was killed and came back, this may wait for an end that has been told already.
    await within(DISCONNECT_TIMEOUT_MS, opened.disconnect()).catch(() => undefined);
  }
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`no answer from the queue within ${ms} ms`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}
