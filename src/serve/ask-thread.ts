import { Worker } from 'node:worker_threads';
import type { Fault } from '../contract/fault.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { ApiAnswer, ApiQuestion } from '../front/services.ts';
import type { FromApi, ToApi } from '../dashboard/messages.ts';

/** Questions under way at once: readers of a dashboard wait, requests to models never do. */
const ASKS_AT_ONCE = 64;

/** A question older than this is answered by us: the database has gone quiet. */
const ASK_TIMEOUT_MS = 30_000;

/** Pause before a thread that died is started again. */
const RESTART_MS = 500;

/** The thread that reads the database for the JSON API. When it dies, what it held is answered, and another starts. */
export class ApiThread {
  readonly #file: string;
  readonly #data: unknown;
  readonly #log: Log;
  readonly #asks = new Map<number, (answer: Result<ApiAnswer, Fault>) => void>();
  #worker: Worker | undefined;
  #next = 0;
  #closing = false;

  constructor(file: string, data: unknown, log: Log) {
    this.#file = file;
    this.#data = data;
    this.#log = log;
    this.#start();
  }

  get pending(): number {
    return this.#asks.size;
  }

  ask(question: ApiQuestion): Promise<Result<ApiAnswer, Fault>> {
    const worker = this.#worker;
    if (worker === undefined) return Promise.resolve(away('the reader is starting'));
    if (this.#asks.size >= ASKS_AT_ONCE) {
      return Promise.resolve(failed({ code: 'overloaded', what: 'questions to the database', limit: ASKS_AT_ONCE }));
    }
    const ask = ++this.#next;
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#settle(ask, away(`no answer within ${ASK_TIMEOUT_MS} ms`));
      }, ASK_TIMEOUT_MS);
      this.#asks.set(ask, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      const message: ToApi = { kind: 'ask', ask, request: question };
      worker.postMessage(message);
    });
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#worker?.terminate();
  }

  #start(): void {
    const worker = new Worker(this.#file, { workerData: this.#data });
    this.#worker = worker;
    worker.on('message', (message: FromApi) => {
      this.#settle(message.ask, ok({ status: message.status, body: message.body }));
    });
    worker.on('error', (error) => {
      this.#log.error({ error: errorChain(error) }, 'the reader of the database died');
    });
    worker.on('exit', () => {
      this.#worker = undefined;
      for (const ask of [...this.#asks.keys()]) this.#settle(ask, away('the reader died'));
      if (this.#closing) return;
      setTimeout(() => {
        if (!this.#closing) this.#start();
      }, RESTART_MS);
    });
  }

  #settle(ask: number, answer: Result<ApiAnswer, Fault>): void {
    const settle = this.#asks.get(ask);
    this.#asks.delete(ask);
    settle?.(answer);
  }
}

function away(why: string): Result<ApiAnswer, Fault> {
  return failed({ code: 'store_unavailable', why });
}
