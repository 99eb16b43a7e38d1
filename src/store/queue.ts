import { createPostgresBackend, Queue, UnrecoverableError, Worker } from 'bullmq';
import type { JobsOptions, JobType } from 'bullmq';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { isStorableJson, storableJson } from '../lib/storable-text.ts';
import { connectionOf } from './database.ts';
import type { DatabaseAddress } from './database.ts';

/** Where jobs wait: on Redis, or in the database. Plain data; holds a password. */
export type QueueAddress = { kind: 'redis'; url: string } | { kind: 'postgres'; database: DatabaseAddress };

export interface QueueDepth {
  /** Jobs, not records: ready, delayed after a failure, and being processed. */
  waiting: number;
  /** Jobs that nobody could read; kept until somebody looks at them. */
  failed: number;
}

export interface JobQueue {
  /** One job per batch. Rejects at once while the queue is away, and after `ADD_TIMEOUT_MS` at the latest. */
  add(batches: readonly (readonly unknown[])[]): Promise<void>;
  /** Rejects when the queue is away. */
  depth(): Promise<QueueDepth>;
  close(): Promise<void>;
}

export interface QueueOptions {
  /** Errors of the connection. There may be many while the queue is away: the caller counts rather than logs each. */
  onError: (error: unknown) => void;
}

export interface ProcessorOptions extends QueueOptions {
  /** Jobs at a time. */
  concurrency?: number;
}

/**
 * What jobs carry: records, the captures that belong to them, or the names of destinations that something is to be
 * delivered to. Each has a queue of its own, so none waits for the other.
 */
export type QueueName = 'records' | 'captures' | 'deliveries';
/** Namespaces of our own: on a shared Redis, and in the operator's database. */
const REDIS_PREFIX = 'aperture';
const POSTGRES_SCHEMA = 'aperture_queue';

const ADD_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 5_000;
const CLOSE_TIMEOUT_MS = 5_000;
const DISCONNECT_TIMEOUT_MS = 1_000;
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

/** What a job carries. A new version joins by a union: jobs of the build before are still waiting. */
const JobData = z.object({ v: z.literal(1), records: z.array(z.unknown()) });

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
  const opened = (): Producer => {
    if (producer === undefined) throw new Error('the queue is away');
    return producer;
  };
  return {
    add: async (batches) => {
      const jobs = batches.map((records) => ({ name, data: dataOf(records), opts: JOB_OPTIONS }));
      await within(ADD_TIMEOUT_MS, opened().addBulk(jobs));
    },
    depth: async () => {
      const counts = await within(ADD_TIMEOUT_MS, opened().getJobCounts('wait', 'active', 'delayed', 'failed'));
      const of = (state: string): number => counts[state] ?? 0;
      return { waiting: of('wait') + of('active') + of('delayed'), failed: of('failed') };
    },
    close: () => held.close(),
  };
}

/**
 * Processes jobs until closed; `close` lets those under way finish. A rejection of `process` puts the job back, to be
 * tried again after a growing while, without end.
 */
export function processQueue(
  name: QueueName,
  address: QueueAddress,
  process: (records: readonly unknown[]) => Promise<void>,
  options: ProcessorOptions,
): { close(): Promise<void> } {
  const processJob = async (job: { data: unknown }): Promise<void> => {
    const data = JobData.safeParse(job.data);
    if (!data.success) throw new UnrecoverableError('not a job of ours');
    await process(data.data.records);
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
  { onError, concurrency = CONCURRENCY }: ProcessorOptions,
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
    const connection = { ...redisOptions(address.url), maxRetriesPerRequest: null };
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
 * what is ready; when its promise ends, that one is closed and the next is opened.
 */
function keepOpen<T extends Connected>(
  open: () => T,
  use: (opened: T) => Promise<void> | undefined,
  { onError }: QueueOptions,
): { close(): Promise<void> } {
  const stop = new AbortController();
  let current: T | undefined;
  const hold = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      current = open();
      try {
        await current.waitUntilReady();
        const done = use(current);
        if (done === undefined) return;
        await done;
      } catch (error) {
        onError(error);
      }
      await closeSoon(current);
      await sleep(REOPEN_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  void hold();
  return {
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

function dataOf(records: readonly unknown[]): z.infer<typeof JobData> {
  const data = { v: 1 as const, records: [...records] };
  const json = JSON.stringify(data);
  return isStorableJson(json) ? data : JobData.parse(JSON.parse(storableJson(data)));
}
