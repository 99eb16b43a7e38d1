import { Worker } from 'node:worker_threads';
import type { Fault } from '../contract/fault.ts';
import type { Whose } from '../contract/holding.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { failed, ok, unreachable } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { ApiAnswer, ApiQuestion } from '../front/services.ts';
import type { FromApi, ToApi } from '../dashboard/messages.ts';
import type { HoldingStore } from '../resources/resources.ts';

/** Questions under way at once: readers of a dashboard wait, requests to models never do. */
const ASKS_AT_ONCE = 64;

/** A question older than this is answered by us: the database has gone quiet. */
const ASK_TIMEOUT_MS = 30_000;
/** A request to a model waits for this one. */
const LOOKUP_TIMEOUT_MS = 3_000;

/** Pause before a thread that died is started again. */
const RESTART_MS = 500;

/**
 * The thread that reads the database, for the JSON API and for what requests have to know of earlier ones. When it dies,
 * what it held is answered, and another starts.
 */
export class ApiThread implements HoldingStore {
  readonly #file: string;
  readonly #data: unknown;
  readonly #log: Log;
  readonly #asks = new Waiting<ApiAnswer>();
  /** Bounded by who asks (`resources`). */
  readonly #lookups = new Waiting<Whose>();
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

  ask(request: ApiQuestion): Promise<Result<ApiAnswer, Fault>> {
    if (this.#asks.size >= ASKS_AT_ONCE) {
      return Promise.resolve(failed({ code: 'overloaded', what: 'questions to the database', limit: ASKS_AT_ONCE }));
    }
    const ask = ++this.#next;
    return this.#post({ kind: 'ask', ask, request }, () => this.#asks.wait(ask, ASK_TIMEOUT_MS));
  }

  whose(responseId: string, login: string): Promise<Result<Whose, Fault>> {
    const ask = ++this.#next;
    const message: ToApi = { kind: 'whose', ask, responseId, login };
    return this.#post(message, () => this.#lookups.wait(ask, LOOKUP_TIMEOUT_MS));
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#worker?.terminate();
  }

  #post<T>(message: ToApi, wait: () => Promise<Result<T, Fault>>): Promise<Result<T, Fault>> {
    const worker = this.#worker;
    if (worker === undefined) return Promise.resolve(away('the reader is starting'));
    const answered = wait();
    worker.postMessage(message);
    return answered;
  }

  #start(): void {
    const worker = new Worker(this.#file, { workerData: this.#data });
    this.#worker = worker;
    worker.on('message', (message: FromApi) => {
      this.#deliver(message);
    });
    worker.on('error', (error) => {
      this.#log.error({ error: errorChain(error) }, 'the reader of the database died');
    });
    worker.on('exit', () => {
      this.#worker = undefined;
      this.#asks.settleAll(away('the reader died'));
      this.#lookups.settleAll(away('the reader died'));
      if (this.#closing) return;
      setTimeout(() => {
        if (!this.#closing) this.#start();
      }, RESTART_MS);
    });
  }

  #deliver(message: FromApi): void {
    switch (message.kind) {
      case 'answer': {
        const { status, headers, body } = message;
        this.#asks.settle(message.ask, ok({ status, headers, body }));
        return;
      }
      case 'whose':
        this.#lookups.settle(message.ask, message.outcome);
        return;
      default:
        return unreachable(message);
    }
  }
}

/** Questions of one kind that are under way; each is settled once, by its answer or by its deadline. */
class Waiting<T> {
  readonly #settle = new Map<number, (answer: Result<T, Fault>) => void>();

  get size(): number {
    return this.#settle.size;
  }

  wait(ask: number, withinMs: number): Promise<Result<T, Fault>> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.settle(ask, away(`no answer within ${withinMs} ms`));
      }, withinMs);
      this.#settle.set(ask, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
    });
  }

  settle(ask: number, answer: Result<T, Fault>): void {
    const settle = this.#settle.get(ask);
    this.#settle.delete(ask);
    settle?.(answer);
  }

  settleAll(answer: Result<T, Fault>): void {
    for (const ask of [...this.#settle.keys()]) this.settle(ask, answer);
  }
}

function away(why: string): Result<never, Fault> {
  return failed({ code: 'store_unavailable', why });
}
