import { Worker } from 'node:worker_threads';
import type { ExchangeRecord } from '../contract/record.ts';
import { RECORDS_WAITING } from '../contract/limits.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { unreachable } from '../lib/result.ts';
import type { FromJobs, ToJobs } from '../records/messages.ts';

/** Pause before a thread that died is started again. */
const RESTART_MS = 500;

export interface JobsThreadOptions {
  /** Built file of workers/jobs.ts. */
  file: string;
  /** Beside who is told of closed requests, which may change. */
  workerData: Record<string, unknown>;
  log: Log;
  /** The queue has these: nobody will ask this process for them again. */
  onAccepted(ids: string[]): void;
  onRefused(ids: string[]): void;
  onSettled(segments: { segment: number; recordsIn: number; capturesIn: number }[]): void;
}

/**
 * The thread that puts records into the queue and, in roles that have them, runs the job processors. What it held when
 * it dies is in the journal, and told as refused.
 */
export class JobsThread {
  readonly #options: JobsThreadOptions;
  #worker: Worker | undefined;
  #outbox: ExchangeRecord[] = [];
  /** Ids posted and not yet accepted, oldest first. */
  #posted: string[] = [];
  #drained: ((left: number) => void)[] = [];
  #closing = false;
  state: { database: 'up' | 'down'; queue: 'up' | 'down' } = { database: 'down', queue: 'down' };
  refused = 0;
  #closedTo: readonly string[];

  constructor(options: JobsThreadOptions, closedTo: readonly string[]) {
    this.#options = options;
    this.#closedTo = closedTo;
    this.#start();
  }

  /** From now on these destinations are told of closed requests. */
  reconfigure(closedTo: readonly string[]): void {
    this.#closedTo = closedTo;
    this.#post({ kind: 'settings', closedTo });
  }

  /** Records handed over and not yet in the queue. */
  get waiting(): number {
    return this.#posted.length + this.#outbox.length;
  }

  /** False when there is no room: the journal keeps what the record is made of. */
  ship(record: ExchangeRecord): boolean {
    if (this.waiting >= RECORDS_WAITING) {
      this.refused += 1;
      return false;
    }
    this.#outbox.push(record);
    if (this.#outbox.length === 1) {
      setImmediate(() => {
        this.#flush();
      });
    }
    return true;
  }

  /** Waits until the queue has all; resolves with the number of records that only the journal has. */
  async drain(withinMs: number): Promise<number> {
    this.#flush();
    const worker = this.#worker;
    if (worker === undefined) return this.waiting;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        resolve(this.waiting);
      }, withinMs + RESTART_MS);
      this.#drained.push((left) => {
        clearTimeout(timer);
        resolve(left);
      });
      this.#post({ kind: 'drain', withinMs });
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#worker?.terminate();
  }

  #flush(): void {
    if (this.#outbox.length === 0 || this.#worker === undefined) return;
    const records = this.#outbox;
    this.#outbox = [];
    for (const record of records) this.#posted.push(record.id);
    this.#post({ kind: 'records', records });
  }

  #post(message: ToJobs): void {
    this.#worker?.postMessage(message);
  }

  #start(): void {
    const worker = new Worker(this.#options.file, {
      workerData: { ...this.#options.workerData, closedTo: this.#closedTo },
    });
    this.#worker = worker;
    worker.on('message', (message: FromJobs) => {
      this.#deliver(message);
    });
    worker.on('error', (error) => {
      this.#options.log.error({ error: errorChain(error) }, 'the jobs thread died');
    });
    worker.on('exit', () => {
      this.#worker = undefined;
      this.state = { database: 'down', queue: 'down' };
      const lost = this.#posted;
      this.#posted = [];
      for (const settle of this.#drained.splice(0)) settle(lost.length);
      if (this.#closing) return;
      this.#options.onRefused(lost);
      setTimeout(() => {
        if (!this.#closing) this.#start();
      }, RESTART_MS);
    });
    this.#flush();
  }

  #deliver(message: FromJobs): void {
    switch (message.kind) {
      case 'ready':
        return;
      case 'accepted':
        this.#options.onAccepted(this.#posted.splice(0, message.count));
        return;
      case 'refused': {
        const refused = new Set(message.ids);
        this.#posted = this.#posted.filter((id) => !refused.has(id));
        this.refused += message.ids.length;
        this.#options.onRefused(message.ids);
        return;
      }
      case 'settled':
        this.#options.onSettled(message.segments);
        return;
      case 'state':
        this.state = { database: message.database, queue: message.queue };
        return;
      case 'drained':
        for (const settle of this.#drained.splice(0)) settle(message.left);
        return;
      default:
        return unreachable(message);
    }
  }
}
