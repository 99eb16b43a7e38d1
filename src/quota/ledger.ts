import type { Fault } from '../contract/fault.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type {
  BucketClaim,
  BucketHolding,
  BucketTerms,
  Charged,
  QuotaCharge,
  QuotaDefinition,
} from '../contract/quota.ts';
import type { Clock } from '../lib/clock.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { Bucket } from './bucket.ts';
import { CallerBuckets } from './caller-buckets.ts';
import { isAllowed, isCovered, mayComeBack, needOf, split, standingOf } from './chain.ts';
import type { CallerChain, CostEstimate, Part, Standing } from './chain.ts';
import type { Spender } from './definitions.ts';
import { emptied, unavailable, unbounded } from './refusals.ts';

export interface Admitted {
  /** Keys of the buckets by chain: for the exchange's `opened` frame. */
  quotas: string[][];
  standing: Standing | undefined;
}

export type Admission = Result<Admitted, Fault>;

export interface LedgerOptions {
  /** This process's account, from its start to its end. */
  life: string;
  clock: Clock;
  /** Asks the store. Undefined: it is away, or late. */
  claim(life: string, claims: readonly BucketClaim[]): Promise<BucketHolding[] | undefined>;
}

export interface LedgerStats {
  buckets: number;
  reservations: number;
  waiting: number;
  claims: number;
  claimsFailed: number;
  /** Requests that had to wait for the store. */
  asked: number;
  /** Milliseconds since the store last answered; 0 while it was never asked in vain. */
  awayMs: number;
}

interface Held {
  chains: readonly CallerChain[];
  /** What is reserved for the exchange. */
  parts: readonly Part[];
}

interface Waiter {
  id: ExchangeId;
  chains: readonly CallerChain[];
  estimate: CostEstimate;
  /** Looks at the store that are still to come before it is refused for what others hold. */
  looksLeft: number;
  /** Until the next tick. */
  parked: boolean;
  settle(admission: Admission): void;
}

/** Requests that wait for the store, each with its body. */
const MOST_WAITERS = 10_000;
/** Claims of one call. */
const CLAIMS_AT_ONCE = 500;
/** What others hold in advance comes back within a tick of theirs, and the next of ours sees it. */
const LOOKS = 3;

/**
 * What requests may spend. Reserves before, settles after, releases what came to nothing; of each exchange exactly one of
 * the two. Owner of all balances that this process knows of; the store's answers keep them fresh, and while a bucket is
 * far from empty nobody waits for one.
 */
export class QuotaLedger {
  readonly #options: LedgerOptions;
  readonly #buckets = new CallerBuckets();
  readonly #held = new Map<ExchangeId, Held>();
  readonly #charged = new Map<ExchangeId, readonly QuotaCharge[]>();
  readonly #waiters = new Set<Waiter>();
  #asking = false;
  /** A tick came while the store was being asked. */
  #ticked = false;
  #awaySinceMs: number | undefined;
  readonly #counts = { claims: 0, claimsFailed: 0, asked: 0 };

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  get life(): string {
    return this.#options.life;
  }

  get names(): string[] {
    return this.#buckets.names;
  }

  reconfigure(definitions: readonly QuotaDefinition[]): void {
    this.#buckets.reconfigure(definitions, this.#options.clock.nowMs());
  }

  /** The buckets that somebody is charged in, by the names in grants; unknown names are left out. */
  bucketsOf(references: readonly string[], spender: Spender): BucketTerms[] {
    return this.#buckets.termsFor(references, spender);
  }

  /** What is left of somebody's buckets, as far as this process knows. */
  balances(references: readonly string[], spender: Spender): { terms: BucketTerms; balance: number }[] {
    const nowMs = this.#options.clock.nowMs();
    return this.bucketsOf(references, spender).map((terms) => {
      return { terms, balance: this.#buckets.get(terms.key)?.balance(nowMs) ?? terms.capacity };
    });
  }

  /**
   * Reserves what the request can cost in every chain, or in none. Answers at once where what this process holds is
   * enough. `release` or `charge` must follow where it is admitted.
   */
  reserve(
    id: ExchangeId,
    references: readonly string[],
    spender: Spender,
    estimate: CostEstimate,
  ): Admission | Promise<Admission> {
    if (references.length === 0) return NOTHING_CHARGED;
    const resolved = this.#buckets.chainsFor(references, spender);
    if (!resolved.ok) return resolved;
    const chains = resolved.value;
    const strict = chains.find(({ quota }) => quota.reserve === 'strict');
    if (strict !== undefined && estimate.most === undefined) {
      return failed(unbounded(strict, estimate.why ?? 'its cost'));
    }
    const nowMs = this.#options.clock.nowMs();
    for (const chain of chains) for (const bucket of chain.buckets) bucket.use(needOf(chain, estimate), nowMs);
    const admitted = this.#admit(id, chains, estimate, (chain) => isCovered(chain, needOf(chain, estimate), nowMs));
    if (admitted !== undefined) return ok(admitted);
    if (this.#awaySinceMs !== undefined) return this.#withoutStore(id, chains, estimate, nowMs);
    if (this.#waiters.size >= MOST_WAITERS) {
      return failed({ code: 'overloaded', what: 'requests that wait for a quota', limit: MOST_WAITERS });
    }
    this.#counts.asked += 1;
    return new Promise((settle) => {
      this.#waiters.add({ id, chains, estimate, looksLeft: LOOKS, parked: false, settle });
      void this.#ask();
    });
  }

  /** The request came to nothing: it costs nothing. */
  release(id: ExchangeId): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    this.#held.delete(id);
    for (const { bucket, amount } of held.parts) bucket.release(amount);
  }

  /**
   * What an exchange cost goes from its buckets: once, whenever its record is made again. `quotas` are those of its
   * `opened` frame: of an exchange of an earlier life, nothing is reserved.
   */
  charge(id: ExchangeId, quotas: readonly (readonly string[])[], cost: SettledCost): ChargeMade {
    const before = this.#charged.get(id);
    if (before !== undefined) return { charges: before, made: undefined };
    const held = this.#held.get(id);
    const chains = held?.chains ?? this.#buckets.chainsByKeys(quotas);
    this.release(id);
    if (chains.length === 0) return { charges: [], made: undefined };
    const parts = cost === 'as reserved' && held !== undefined ? held.parts : this.#partsOf(chains, cost);
    const charges: QuotaCharge[] = [];
    const spent: Record<string, number> = {};
    for (const { bucket, amount } of parts) {
      bucket.spend(amount);
      const { key } = bucket.terms;
      charges.push({ bucket: key, nanodollars: amount });
      spent[key] = bucket.spent;
    }
    this.#charged.set(id, charges);
    return { charges, made: { life: this.life, charges, spent } };
  }

  /** The exchange's record is safe: it is not made again. */
  forget(id: ExchangeId): void {
    this.#charged.delete(id);
  }

  /** To be called about once a second: tells the store what was spent, and gives back what is not needed. */
  tick(): void {
    this.#ticked = true;
    for (const waiter of this.#waiters) waiter.parked = false;
    void this.#ask();
  }

  /**
   * All that this life has spent, by bucket: what must survive it. Buckets of which it only holds something are among
   * them, with 0: that is given back as soon as the life is known to be over.
   */
  account(): Record<string, number> {
    return this.#buckets.account();
  }

  /**
   * Tells the store what an earlier life had spent, and gives back what it held. False: the store is away. Buckets that
   * are no longer defined are nobody's.
   */
  async settleLife(life: string, spent: ReadonlyMap<string, number>): Promise<boolean> {
    const claims = [...spent].flatMap(([key, amount]): BucketClaim[] => {
      const terms = this.#buckets.termsOf(key);
      return terms === undefined
        ? []
        : [{ ...terms, spent: amount, committed: 0, asked: 0, lease: 0, known: undefined }];
    });
    for (let at = 0; at < claims.length; at += CLAIMS_AT_ONCE) {
      const told = await this.#options.claim(life, claims.slice(at, at + CLAIMS_AT_ONCE));
      if (told === undefined) return false;
    }
    return true;
  }

  stats(): LedgerStats {
    return {
      buckets: this.#buckets.size,
      reservations: this.#held.size,
      waiting: this.#waiters.size,
      ...this.#counts,
      awayMs: this.#awaySinceMs === undefined ? 0 : this.#options.clock.nowMs() - this.#awaySinceMs,
    };
  }

  /** What is reserved in a bucket, and spent: for tests and metrics. */
  bucket(key: string): Pick<Bucket, 'reserved' | 'spent'> | undefined {
    return this.#buckets.get(key);
  }

  /** Nobody waits for a store that is away: each tick asks for it. */
  #withoutStore(id: ExchangeId, chains: readonly CallerChain[], estimate: CostEstimate, nowMs: number): Admission {
    const allows = (chain: CallerChain): boolean => isAllowed(chain, estimate, nowMs, false);
    const admitted = this.#admit(id, chains, estimate, allows);
    return admitted === undefined ? failed(unavailable(refusing(chains, allows))) : ok(admitted);
  }

  /** In all chains or in none. One after the other: two of them may share a bucket. */
  #admit(
    id: ExchangeId,
    chains: readonly CallerChain[],
    estimate: CostEstimate,
    allows: (chain: CallerChain) => boolean,
  ): Admitted | undefined {
    const nowMs = this.#options.clock.nowMs();
    const parts: Part[] = [];
    for (const chain of chains) {
      if (!allows(chain)) {
        for (const { bucket, amount } of parts) bucket.release(amount);
        return undefined;
      }
      const from = parts.length;
      split(chain.buckets, needOf(chain, estimate), (bucket) => bucket.available(nowMs), parts);
      for (let at = from; at < parts.length; at++) parts[at]?.bucket.reserve(parts[at]?.amount ?? 0);
    }
    this.#held.set(id, { chains, parts });
    return { quotas: chains.map(({ keys }) => keys), standing: standingOf(chains, nowMs) };
  }

  #partsOf(chains: readonly CallerChain[], cost: SettledCost): Part[] {
    const nowMs = this.#options.clock.nowMs();
    const parts: Part[] = [];
    const amount = typeof cost === 'number' ? cost : 0;
    for (const { buckets } of chains) split(buckets, amount, (bucket) => bucket.free(nowMs), parts);
    return parts;
  }

  /** One call to the store at a time: what comes meanwhile goes with the next. */
  async #ask(): Promise<void> {
    if (this.#asking) return;
    this.#asking = true;
    try {
      let due: Bucket[] = [];
      for (;;) {
        if (this.#ticked) due = this.#buckets.due(this.#options.clock.nowMs());
        this.#ticked = false;
        const waiters = [...this.#waiters].filter(({ parked }) => !parked).slice(0, CLAIMS_AT_ONCE);
        if (waiters.length === 0 && due.length === 0) return;
        await this.#askFor(waiters, due.splice(0, CLAIMS_AT_ONCE));
      }
    } finally {
      this.#asking = false;
    }
  }

  async #askFor(waiters: readonly Waiter[], due: readonly Bucket[]): Promise<void> {
    const { clock, life } = this.#options;
    const askedAtMs = clock.nowMs();
    const asked = new Map<Bucket, number>(due.map((bucket) => [bucket, 0]));
    for (const { chains, estimate } of waiters) {
      for (const chain of chains) {
        for (const bucket of chain.buckets) asked.set(bucket, (asked.get(bucket) ?? 0) + needOf(chain, estimate));
      }
    }
    const claims = [...asked].map(([bucket, amount]) => ({ bucket, claim: bucket.claim(amount, askedAtMs) }));
    this.#counts.claims += 1;
    const holdings = await this.#options.claim(
      life,
      claims.map((each) => each.claim),
    );
    if (holdings === undefined) {
      this.#counts.claimsFailed += 1;
      this.#awaySinceMs ??= askedAtMs;
      for (const { bucket } of claims) bucket.missed();
    } else {
      this.#awaySinceMs = undefined;
      claims.forEach(({ bucket, claim }, at) => {
        const holding = holdings[at];
        if (holding !== undefined) bucket.hear(claim, holding, askedAtMs);
      });
    }
    for (const waiter of waiters) this.#decide(waiter, holdings !== undefined);
  }

  #decide(waiter: Waiter, answered: boolean): void {
    const nowMs = this.#options.clock.nowMs();
    const { id, chains, estimate } = waiter;
    waiter.looksLeft -= 1;
    const allows = (chain: CallerChain): boolean => isAllowed(chain, estimate, nowMs, answered);
    const admitted = this.#admit(id, chains, estimate, allows);
    const against = admitted === undefined ? refusing(chains, allows) : [];
    const mayWait = answered && waiter.looksLeft > 0 && against.length > 0;
    if (mayWait && against.every((chain) => mayComeBack(chain, nowMs))) {
      waiter.parked = true;
      return;
    }
    this.#waiters.delete(waiter);
    if (admitted !== undefined) waiter.settle(ok(admitted));
    else waiter.settle(failed(answered ? emptied(against, estimate, nowMs) : unavailable(against)));
  }
}

/** Those that do not allow it; all, where none of them alone is against it. */
function refusing(chains: readonly CallerChain[], allows: (chain: CallerChain) => boolean): readonly CallerChain[] {
  const against = chains.filter((chain) => !allows(chain));
  return against.length > 0 ? against : chains;
}

/**
 * Nanodollars. `unknown` charges nothing. `as reserved`: it is known only later, as of a background response, and must not
 * be had for nothing until then.
 */
export type SettledCost = number | 'unknown' | 'as reserved';

export interface ChargeMade {
  charges: readonly QuotaCharge[];
  /** To be journaled; undefined where it was before, or there is nothing to charge. */
  made: Charged | undefined;
}

/** Of a request that no grant charges anywhere. */
export const NOTHING_CHARGED: Admission = ok({ quotas: [], standing: undefined });
