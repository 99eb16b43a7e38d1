import type { AdminQuestion } from '../contract/question.ts';
import type { BucketClaim, BucketHolding, BucketTerms } from '../contract/quota.ts';

/** A question of the JSON API about buckets, after identity and role were judged. */
export interface QuotaQuestion extends AdminQuestion {
  /**
   * The caller's own buckets, as their grants attach them, by what is defined now. A user sees these and no others; one
   * that nobody has claimed from yet is full. Admins see all that there are: for them it may be empty.
   */
  own: readonly BucketTerms[];
}

/** Main thread -> quota thread, besides questions. */
export type ToQuota =
  | { kind: 'claim'; ask: number; life: string; claims: readonly BucketClaim[] }
  /** Names of all quotas that are defined: buckets of others are deleted. */
  | { kind: 'definitions'; names: readonly string[] };

/** Quota thread -> main thread, besides answers: exactly one of the first two for each claim. */
export type FromQuota =
  | { kind: 'claimed'; ask: number; holdings: BucketHolding[] }
  /** It may have come about all the same: said again, it comes to the same. `why` has no secret in it. */
  | { kind: 'failed'; ask: number; why: string }
  /** After a look for crossings: those that it told of, and the buckets that were not looked at yet. */
  | { kind: 'crossings'; told: number; waiting: number };
