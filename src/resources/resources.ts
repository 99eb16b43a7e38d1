import type { Fault } from '../contract/fault.ts';
import type { Holding, Whose } from '../contract/holding.ts';
import type { Clock } from '../lib/clock.ts';
import { Lru } from '../lib/lru.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';

/** What the books know of resources, also of earlier processes and of other gateways; a root hands it in. */
export interface HoldingStore {
  /** Answers within seconds; `store_unavailable` where it cannot say. */
  whose(responseId: string, login: string): Promise<Result<Whose, Fault>>;
}

export interface ResourcesOptions {
  store: HoldingStore;
  clock: Clock;
  /** How long an id that nobody knows is looked for. */
  booksLagMs?: number;
}

/** Responses remembered, about 300 bytes each. What is forgotten is looked up in the database. */
const REMEMBERED = 65_536;

/** Makers remembered of one id. Ids are unique; only a provider that gives the same ones again has more than one. */
const MAKERS = 8;

/** Ids that are being looked for; one more is a 503. Each takes milliseconds, or `BOOKS_LAG_MS` where nobody knows it. */
const LOOKUPS = 256;

/**
 * A client may ask for a response a millisecond after it got its id: the inspector is then still reading it, and another
 * gateway's record is on its way through the queue. So an id is unknown only when it still is after this long.
 */
const BOOKS_LAG_MS = 2_000;
const FIRST_PAUSE_MS = 50;

/**
 * Who made what a provider keeps, and where it is (design, section 6): only its maker may use it, and it must be asked
 * for where it is. In memory for what this process saw made, in the database for the rest.
 */
export class Resources {
  readonly #store: HoldingStore;
  readonly #clock: Clock;
  readonly #booksLagMs: number;
  readonly #holdings = new Lru<string, readonly Holding[]>(REMEMBERED);
  readonly #waiting = new Map<string, Set<() => void>>();
  #lookups = 0;
  refused = 0;

  constructor({ store, clock, booksLagMs = BOOKS_LAG_MS }: ResourcesOptions) {
    this.#store = store;
    this.#clock = clock;
    this.#booksLagMs = booksLagMs;
  }

  get remembered(): number {
    return this.#holdings.size;
  }

  /** Ids that are being looked for. */
  get lookups(): number {
    return this.#lookups;
  }

  /** A response was made. Told again, it changes nothing. */
  learn(responseId: string, holding: Holding): void {
    const others = (this.#holdings.get(responseId) ?? []).filter(({ login }) => login !== holding.login);
    this.#holdings.set(responseId, [holding, ...others.slice(0, MAKERS - 1)]);
    for (const wake of this.#waiting.get(responseId) ?? []) wake();
  }

  /**
   * Where a response is that the caller made. `not_found` is the answer for an id that nobody made and for somebody
   * else's, after the same time.
   */
  async find(responseId: string, login: string): Promise<Result<Holding, Fault>> {
    const remembered = this.#own(responseId, login);
    return remembered === undefined ? this.#lookUp(() => this.#search(responseId, login)) : ok(remembered);
  }

  /** Whose a response is, as far as memory and the database know at once. */
  async whose(responseId: string, login: string): Promise<Result<Whose, Fault>> {
    const remembered = this.#whose(responseId, login);
    if (remembered !== undefined) return ok(remembered);
    return this.#lookUp(async () => {
      const stored = await this.#store.whose(responseId, login);
      const meanwhile = this.#whose(responseId, login);
      if (meanwhile !== undefined) return ok(meanwhile);
      if (stored.ok && stored.value.of === 'caller') this.learn(responseId, stored.value.holding);
      return stored;
    });
  }

  async #search(responseId: string, login: string): Promise<Result<Holding, Fault>> {
    const untilMs = this.#clock.nowMs() + this.#booksLagMs;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
      const stored = await this.#store.whose(responseId, login);
      const meanwhile = this.#own(responseId, login);
      if (meanwhile !== undefined) return ok(meanwhile);
      if (!stored.ok) return stored;
      if (stored.value.of === 'caller') {
        this.learn(responseId, stored.value.holding);
        return ok(stored.value.holding);
      }
      const leftMs = untilMs - this.#clock.nowMs();
      if (leftMs <= 0) return failed({ code: 'not_found', what: 'the response' });
      await this.#learnt(responseId, Math.min(pauseMs, leftMs));
      const learnt = this.#own(responseId, login);
      if (learnt !== undefined) return ok(learnt);
    }
  }

  async #lookUp<T>(search: () => Promise<Result<T, Fault>>): Promise<Result<T, Fault>> {
    if (this.#lookups >= LOOKUPS) {
      this.refused += 1;
      return failed({ code: 'overloaded', what: 'stored responses being looked up', limit: LOOKUPS });
    }
    this.#lookups += 1;
    try {
      return await search();
    } finally {
      this.#lookups -= 1;
    }
  }

  #own(responseId: string, login: string): Holding | undefined {
    return this.#holdings.get(responseId)?.find((holding) => holding.login === login);
  }

  #whose(responseId: string, login: string): Whose | undefined {
    const holding = this.#own(responseId, login);
    if (holding !== undefined) return { of: 'caller', holding };
    return this.#holdings.get(responseId) === undefined ? undefined : { of: 'another' };
  }

  /** Resolves when the id is learnt, or when the time is up. */
  #learnt(responseId: string, withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(responseId) ?? new Set();
      this.#waiting.set(responseId, waiting);
      const wake = (): void => {
        clearTimeout(timer);
        waiting.delete(wake);
        if (waiting.size === 0) this.#waiting.delete(responseId);
        resolve();
      };
      const timer = setTimeout(wake, withinMs);
      waiting.add(wake);
    });
  }
}
