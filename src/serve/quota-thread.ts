import type { Fault } from '../contract/fault.ts';
import type { BucketClaim, BucketHolding } from '../contract/quota.ts';
import type { ApiAnswer } from '../front/services.ts';
import type { Log } from '../lib/log.ts';
import { ok, unreachable } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { FromQuota, QuotaQuestion, ToQuota } from '../quota/messages.ts';
import { AskThread, away, Waiting } from './ask-thread.ts';

/** A request waits for its claim: the store itself rejects before. */
const CLAIM_TIMEOUT_MS = 2_500;

/** While the thread has not said anything yet, it loads its modules, with which the store has nothing to do. */
const FIRST_CLAIM_TIMEOUT_MS = 10_000;

/** Claims under way at once; beyond it the store is as good as away. */
const CLAIMS_AT_ONCE = 1_024;

/**
 * The thread that talks to the store of buckets. What it held when it dies is answered, and said again by who asked. Without
 * quotas it has time: it then deletes the buckets of those that are gone.
 */
export class QuotaThread {
  readonly #thread: AskThread<QuotaQuestion, FromQuota, ToQuota>;
  readonly #claims = new Waiting<BucketHolding[]>();
  #names: readonly string[];
  #next = 0;
  readonly #crossings = { told: 0, waiting: 0 };
  #hasSpoken = false;

  constructor(options: {
    /** Built file of workers/quota.ts. */
    file: string;
    workerData: Record<string, unknown>;
    /** Of all quotas that are defined. */
    names: readonly string[];
    log: Log;
  }) {
    this.#names = options.names;
    this.#thread = new AskThread({
      file: options.file,
      data: () => ({ ...options.workerData, names: this.#names }),
      name: 'the keeper of quotas',
      needed: options.names.length > 0,
      log: options.log,
      onTold: (message) => {
        this.#hasSpoken = true;
        switch (message.kind) {
          case 'claimed':
            this.#claims.settle(message.ask, ok(message.holdings));
            return;
          case 'failed':
            this.#claims.settle(message.ask, away(message.why));
            return;
          case 'crossings':
            this.#crossings.told += message.told;
            this.#crossings.waiting = message.waiting;
            return;
          default:
            return unreachable(message);
        }
      },
      onDied: () => {
        this.#claims.settleAll(away('the keeper of quotas died'));
        this.#crossings.waiting = 0;
        this.#hasSpoken = false;
      },
    });
  }

  /** Undefined where the store is away, or the answer late: the claim may have come about all the same. */
  async claim(life: string, claims: readonly BucketClaim[]): Promise<BucketHolding[] | undefined> {
    if (this.#claims.size >= CLAIMS_AT_ONCE) return undefined;
    const ask = ++this.#next;
    this.#thread.need();
    const claimed = this.#claims.wait(ask, this.#hasSpoken ? CLAIM_TIMEOUT_MS : FIRST_CLAIM_TIMEOUT_MS);
    if (!this.#thread.tell({ kind: 'claim', ask, life, claims })) {
      this.#claims.settle(ask, away('the keeper of quotas is starting'));
    }
    const outcome = await claimed;
    return outcome.ok ? outcome.value : undefined;
  }

  /** The body is given away. */
  ask(question: QuotaQuestion): Promise<Result<ApiAnswer, Fault>> {
    return this.#thread.ask(question, [question.body.buffer]);
  }

  /** Of quotas: told by this process, and the buckets that are still to be looked at. */
  get crossings(): Readonly<{ told: number; waiting: number }> {
    return this.#crossings;
  }

  reconfigure(names: readonly string[]): void {
    this.#names = names;
    if (names.length > 0) this.#thread.need();
    this.#thread.tell({ kind: 'definitions', names });
  }

  close(): Promise<void> {
    return this.#thread.close();
  }
}
