/*
 * Money of quotas is in nanodollars, as numbers: whole where it was spent, below 2^53 ($9 million) in every sum. A balance
 * may have a fraction, which refill leaves.
 */

/** One `quotas.<name>` of the config. */
export interface QuotaDefinition {
  /** With its template: `daily:<user>`. */
  name: string;
  /** Ceiling and opening balance. 0 rejects everything. */
  capacity: number;
  /** What flows back, continuously. */
  rate: { amount: number; periodMs: number };
  /** Quotas, by name, that are borrowed from in this order when this one cannot pay. Theirs are not followed. */
  overdraft: readonly string[];
  /** `balance`: a positive balance is enough. `strict`: the upper estimate must be covered, and there must be one. */
  reserve: 'balance' | 'strict';
  /** Status of a refusal. */
  denyStatus: 400 | 402 | 403 | 429;
  /** When the store is away and what this process holds is spent: refuse, or go on by the balance last known. */
  fail: 'closed' | 'local';
}

/** A bucket by its key, as `daily:alice@example.com`, and what its definition says of its balance. */
export interface BucketTerms {
  key: string;
  capacity: number;
  rate: { amount: number; periodMs: number };
}

/**
 * What a process says of one bucket. A process has an account per life, from its start to its end: `spent` begins with 0
 * there and only grows. The store remembers the most it was told of each life, and books the difference: said twice, or
 * to a store that was restored from an older copy, it comes to the same.
 */
export interface BucketClaim extends BucketTerms {
  /** Settled in this bucket by this life, ever. */
  spent: number;
  /**
   * Reserved for requests that were admitted, and what more may be until the answer comes. Held whatever the balance is:
   * it was held before.
   */
  committed: number;
  /** What requests that wait need besides; held as far as the balance goes. */
  asked: number;
  /** Wished besides, so that requests to come need not ask; at most a part of what is left. */
  lease: number;
  /** What the store last said, and the `spent` that was in it: for a store that has forgotten the bucket. */
  known: { generation: string; balance: number; spent: number } | undefined;
}

/** What the store answers of one bucket. */
export interface BucketHolding {
  key: string;
  /** Of the bucket since it was made: another one means that the store had forgotten it. */
  generation: string;
  /** Refilled to this moment, less all that was spent; below 0 where more was. */
  balance: number;
  /** Held by other lives. */
  heldByOthers: number;
  /** Held for this life, for `HOLD_MS` from now on, less what others hold: at least `committed`. */
  held: number;
}

/**
 * What is held for a life is given back when nothing was heard of it for so long. A life may spend what it holds until
 * then, also when the store is away.
 */
export const HOLD_MS = 60_000;

/** A bucket as an operator sees it. */
export interface BucketRow extends BucketTerms {
  balance: number;
  /** By all lives, for requests under way and to come. */
  held: number;
  /** Milliseconds since the epoch, when it was last told of. */
  updatedAtMs: number;
}

/** Where buckets live: Redis, or Postgres without one. */
export interface QuotaStore {
  /** One atomic step over all these buckets, each made full where there is none. Answers in their order. */
  claim(life: string, claims: readonly BucketClaim[]): Promise<BucketHolding[]>;
  /** By key, those after `after`; `keys`: of these alone. Refilled to this moment. */
  list(page: { keys?: readonly string[]; after?: string; limit: number }): Promise<BucketRow[]>;
  /** Adds to a balance, up to the capacity. Undefined where there is no such bucket. */
  refill(key: string, amount: number): Promise<BucketRow | undefined>;
  /** Deletes buckets whose definition is gone: those of which `defines` says no to the key. Answers how many. */
  sweep(defines: (key: string) => boolean): Promise<number>;
  close(): Promise<void>;
}

/** What one exchange was charged in one bucket: in its record, and in the journal. */
export interface QuotaCharge {
  bucket: string;
  nanodollars: number;
}

/** The payload of the journal's `charged` frame: written once per exchange, when its record is first made. */
export interface Charged {
  /** The account that it was spent in. */
  life: string;
  charges: QuotaCharge[];
  /** By bucket, all that the life had spent there with this. */
  spent: Record<string, number>;
}
