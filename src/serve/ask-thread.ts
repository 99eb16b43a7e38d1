import type { Transferable } from 'node:worker_threads';
import type { Fault } from '../contract/fault.ts';
import type { Log } from '../lib/log.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { ApiAnswer } from '../front/services.ts';
import { RestartedThread } from './restarted-thread.ts';

/** Questions under way at once: readers of a dashboard wait, requests to models never do. */
const ASKS_AT_ONCE = 64;

/** A question older than this is answered by us: the database has gone quiet. */
const ASK_TIMEOUT_MS = 30_000;

/** A thread that nothing needs yet begins its housekeeping after this long: a start has the processors for itself. */
const UNNEEDED_STARTS_AFTER_MS = 60_000;

/** Main thread -> a thread that is asked. */
export interface Ask<Question> {
  kind: 'ask';
  ask: number;
  request: Question;
}

/** Back: exactly one for each `ask`. The body is JSON. */
export interface Answer {
  kind: 'answer';
  ask: number;
  status: number;
  headers: [string, string][];
  body: Uint8Array<ArrayBuffer>;
}

export interface AskThreadOptions<Told> {
  /** Built file of its root. */
  file: string;
  /** What it is started with, each time. */
  data: () => unknown;
  /** Who it is, in log lines and answers: "the reader". */
  name: string;
  log: Log;
  /** Whether something needs it from the beginning: else it starts with `need`, with a question, or after a minute. */
  needed?: boolean;
  /** What it says besides answers. */
  onTold?: (message: Told) => void;
  /** It has died: what was said to it and not answered is lost. */
  onDied?: () => void;
}

/**
 * A thread that talks to the database and answers questions. When it dies, what it held is answered, and another
 * starts.
 */
export class AskThread<Question, Told extends { kind: string } = never, Said extends { kind: string } = never> {
  readonly #options: AskThreadOptions<Told>;
  readonly #asks = new Waiting<ApiAnswer>();
  readonly #thread: RestartedThread<Ask<Question> | Said, Answer | Told>;
  /** Runs while nothing has needed the thread yet. */
  #unneeded: NodeJS.Timeout | undefined;
  #next = 0;

  constructor(options: AskThreadOptions<Told>) {
    const { file, data, name, log } = options;
    this.#options = options;
    this.#thread = new RestartedThread({
      file,
      data,
      name,
      log,
      onTold: (message) => {
        this.#hear(message);
      },
      onDied: () => {
        this.#asks.settleAll(away(`${name} died`));
        options.onDied?.();
      },
    });
    if (options.needed ?? true) {
      this.#thread.start();
      return;
    }
    this.#unneeded = setTimeout(() => {
      this.need();
    }, UNNEEDED_STARTS_AFTER_MS);
    this.#unneeded.unref();
  }

  get pending(): number {
    return this.#asks.size;
  }

  /** Something needs it from now on: where it was never started, it starts, and what is said to it waits for it. */
  need(): void {
    if (this.#unneeded === undefined) return;
    clearTimeout(this.#unneeded);
    this.#unneeded = undefined;
    this.#thread.start();
  }

  /** `transfer`: buffers of the question that are given away. */
  ask(request: Question, transfer: Transferable[] = []): Promise<Result<ApiAnswer, Fault>> {
    this.need();
    const { name } = this.#options;
    if (!this.#thread.isRunning) return Promise.resolve(away(`${name} is starting`));
    if (this.#asks.size >= ASKS_AT_ONCE) {
      return Promise.resolve(failed({ code: 'overloaded', what: `questions to ${name}`, limit: ASKS_AT_ONCE }));
    }
    const ask = ++this.#next;
    const answered = this.#asks.wait(ask, ASK_TIMEOUT_MS);
    this.#thread.post({ kind: 'ask', ask, request }, transfer);
    return answered;
  }

  /** Says something that has no `answer`. False where nobody hears it: the thread is just starting again, or never started. */
  tell(message: Said): boolean {
    return this.#thread.post(message);
  }

  async close(): Promise<void> {
    clearTimeout(this.#unneeded);
    await this.#thread.close();
  }

  #hear(message: Answer | Told): void {
    if (isAnswer(message)) {
      const { status, headers, body } = message;
      this.#asks.settle(message.ask, ok({ status, headers, body }));
    } else this.#options.onTold?.(message);
  }
}

/** Questions of one kind that are under way; each is settled once, by its answer or by its deadline. */
export class Waiting<T> {
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

function isAnswer(message: Answer | { kind: string }): message is Answer {
  return message.kind === 'answer';
}

export function away(why: string): Result<never, Fault> {
  return failed({ code: 'store_unavailable', why });
}
