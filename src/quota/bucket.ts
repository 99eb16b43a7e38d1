import { HOLD_MS } from '../contract/quota.ts';
import type { BucketClaim, BucketHolding, BucketTerms } from '../contract/quota.ts';

/**
 * What is wished in advance while the bucket is in use: a part of the capacity, or some of the dearest requests of late.
 * The store gives a quarter of what is left at most.
 */
const LEASE_PART = 1 / 16;
const LEASE_REQUESTS = 4;
/** A bucket that nobody asked for in so long gives back what it holds in advance. */
const IDLE_MS = 3_000;

/** What may be reserved and spent without asking. */
interface Hold {
  amount: number;
  /** What had been spent when the amount was told. */
  spent: number;
  untilMs: number;
}

/** What the store last answered. */
interface Heard {
  holding: BucketHolding;
  /** What it had been told to be spent. */
  spent: number;
  atMs: number;
}

/** No store has it. */
const NO_GENERATION = '';

const NOTHING: Hold = { amount: 0, spent: 0, untilMs: Number.NEGATIVE_INFINITY };

/**
 * One bucket as this process sees it: what it has spent and reserved there, and what the store holds for it. Decides by
 * that alone; the ledger keeps it fresh.
 */
export class Bucket {
  terms: BucketTerms;
  /** Settled by this life, ever. */
  spent = 0;
  /** For requests under way. */
  reserved = 0;
  /** The dearest request of late needed this much. */
  #need = 0;
  #usedAtMs = Number.NEGATIVE_INFINITY;
  #hold = NOTHING;
  #heard: Heard | undefined;
  #isAway = false;
  /** The store was asked to hold something, and has not answered. */
  #isAsked = false;
  /** Spent or reserved since the store was last told. */
  #isStale = false;

  constructor(terms: BucketTerms) {
    this.terms = terms;
  }

  /** What may be reserved without asking; below 0 where more was. */
  available(nowMs: number): number {
    const amount = nowMs < this.#hold.untilMs ? this.#hold.amount - (this.spent - this.#hold.spent) : 0;
    return amount - this.reserved;
  }

  /** What nobody has spent, reserved or holds, as far as is known. */
  free(nowMs: number): number {
    return this.balance(nowMs) - this.reserved - this.heldByOthers;
  }

  /** What nobody has spent, refilled to now, as far as is known. */
  balance(nowMs: number): number {
    const { capacity, rate } = this.terms;
    if (this.#heard === undefined) return capacity - this.spent;
    const flown = (rate.amount * Math.max(0, nowMs - this.#heard.atMs)) / rate.periodMs;
    return Math.min(capacity, this.#heard.holding.balance + flown) - (this.spent - this.#heard.spent);
  }

  get heldByOthers(): number {
    return this.#heard?.holding.heldByOthers ?? 0;
  }

  /** The store keeps something of it for this life, or may. */
  get holds(): boolean {
    return this.#isAsked || this.#hold.amount > 0 || this.reserved > 0;
  }

  /** A request asks for so much of it. */
  use(need: number, nowMs: number): void {
    this.#need = this.#isIdle(nowMs) ? need : Math.max(need, this.#need);
    this.#usedAtMs = nowMs;
  }

  reserve(amount: number): void {
    this.reserved += amount;
    this.#isStale = true;
  }

  release(amount: number): void {
    this.reserved -= amount;
    this.#isStale = true;
  }

  spend(amount: number): void {
    this.spent += amount;
    this.#isStale = true;
  }

  /** Whether the store should hear of it although nobody waits. */
  isDue(nowMs: number): boolean {
    return this.#isStale || this.#hold.amount > 0 || !this.#isIdle(nowMs);
  }

  /**
   * What to say to the store. Until it answers, no more may be reserved than what it will hold in any case: half of what
   * is left of the lease, so that a lease wanes where others want it, and all of it while the store is away.
   */
  claim(asked: number, nowMs: number): BucketClaim {
    const isIdle = asked === 0 && this.reserved === 0 && this.#isIdle(nowMs);
    const available = this.available(nowMs);
    const left = Math.max(0, available);
    const kept = isIdle ? 0 : this.#isAway ? left : Math.floor(left / 2);
    const committed = this.reserved + kept;
    // Where more was reserved than is held, what a request leaves over of it is nobody's.
    this.#hold = { ...this.#hold, amount: this.reserved + (available < 0 ? available : kept), spent: this.spent };
    this.#isStale = false;
    this.#isAsked = true;
    return {
      ...this.terms,
      spent: this.spent,
      committed,
      asked,
      lease: isIdle ? 0 : Math.max(0, this.#wish() - kept),
      known: this.#known(),
    };
  }

  hear(claim: BucketClaim, holding: BucketHolding, askedAtMs: number): void {
    this.#isAway = false;
    this.#isAsked = false;
    this.#heard = { holding, spent: claim.spent, atMs: askedAtMs };
    // What is committed is held also beyond the balance: for the requests that it was reserved for, and for none to come.
    const backed = Math.max(0, holding.balance - holding.heldByOthers);
    this.#hold = { amount: Math.min(holding.held, backed), spent: claim.spent, untilMs: askedAtMs + HOLD_MS };
  }

  /** Its definition is gone, and the store's bucket with it: should there be another, it begins full. */
  undefined(nowMs: number): void {
    const { key } = this.terms;
    const holding = { key, generation: NO_GENERATION, balance: Number.MAX_SAFE_INTEGER, heldByOthers: 0, held: 0 };
    this.#heard = { holding, spent: this.spent, atMs: nowMs };
    this.#hold = NOTHING;
    this.#isStale = false;
  }

  /** The store did not answer. It may have heard. */
  missed(): void {
    this.#isAway = true;
    this.#isStale = true;
  }

  #wish(): number {
    return Math.floor(Math.max(this.terms.capacity * LEASE_PART, this.#need * LEASE_REQUESTS));
  }

  #known(): BucketClaim['known'] {
    if (this.#heard === undefined) return undefined;
    const { generation, balance } = this.#heard.holding;
    return { generation, balance, spent: this.#heard.spent };
  }

  #isIdle(nowMs: number): boolean {
    return nowMs - this.#usedAtMs >= IDLE_MS;
  }
}
