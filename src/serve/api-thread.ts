import type { Fault } from '../contract/fault.ts';
import type { Whose } from '../contract/holding.ts';
import type { NamedResource } from '../contract/resource.ts';
import type { ToApi } from '../dashboard/messages.ts';
import type { ApiAnswer, ApiQuestion } from '../front/services.ts';
import type { Log } from '../lib/log.ts';
import type { Result } from '../lib/result.ts';
import type { HoldingStore, OwnQuestion } from '../resources/resources.ts';
import { AskThread, away, Waiting } from './ask-thread.ts';

/** A request to a model waits for it. */
const LOOKUP_TIMEOUT_MS = 3_000;

type ToldByApi =
  | { kind: 'whose'; ask: number; outcome: Result<Whose, Fault> }
  | { kind: 'own'; ask: number; outcome: Result<string[], Fault> };

/** The thread that reads the database: for the JSON API, and for what requests have to know of earlier ones. */
export class ApiThread implements HoldingStore {
  readonly #thread: AskThread<ApiQuestion, ToldByApi, ToApi>;
  /** Bounded by who asks (`resources`). */
  readonly #lookups = new Waiting<Whose>();
  readonly #lists = new Waiting<string[]>();
  #next = 0;

  constructor(file: string, data: unknown, log: Log) {
    this.#thread = new AskThread({
      file,
      data: () => data,
      name: 'the reader of the database',
      log,
      onTold: (told) => {
        if (told.kind === 'whose') this.#lookups.settle(told.ask, told.outcome);
        else this.#lists.settle(told.ask, told.outcome);
      },
      onDied: () => {
        this.#lists.settleAll(away('the reader of the database died'));
        this.#lookups.settleAll(away('the reader of the database died'));
      },
    });
  }

  get pending(): number {
    return this.#thread.pending;
  }

  ask(question: ApiQuestion): Promise<Result<ApiAnswer, Fault>> {
    return this.#thread.ask(question);
  }

  whose(resource: NamedResource, login: string): Promise<Result<Whose, Fault>> {
    const ask = ++this.#next;
    const answered = this.#lookups.wait(ask, LOOKUP_TIMEOUT_MS);
    if (!this.#thread.tell({ kind: 'whose', ask, resource, login })) {
      this.#lookups.settle(ask, away('the reader of the database is starting'));
    }
    return answered;
  }

  own({ kind: of, ...question }: OwnQuestion): Promise<Result<string[], Fault>> {
    const ask = ++this.#next;
    const answered = this.#lists.wait(ask, LOOKUP_TIMEOUT_MS);
    if (!this.#thread.tell({ kind: 'own', ask, of, ...question })) {
      this.#lists.settle(ask, away('the reader of the database is starting'));
    }
    return answered;
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}
