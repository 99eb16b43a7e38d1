import type { QuotaDefinition } from '../contract/quota.ts';
import type { Bucket } from './bucket.ts';

/** What a request can cost, in whole nanodollars (src/pricing/bound.ts). */
export interface CostEstimate {
  /** What one of its kind costs at most. */
  readonly likely: number;
  /** What it cannot exceed; undefined where nothing bounds it, and `why`. Read for strict quotas alone: it may be dear. */
  readonly most: number | undefined;
  readonly why: string | undefined;
}

/** Where a caller stands after a request was admitted: in the chain with the least left. */
export interface Standing {
  remainingNanodollars: number;
  /** Until it is full again; undefined where nothing flows back. */
  resetSeconds: number | undefined;
}

/** Of a sum, what one bucket bears. */
export interface Part {
  bucket: Bucket;
  amount: number;
}

/** A quota and those that it borrows from, with the buckets of one caller: charged as one. */
export interface CallerChain {
  quota: QuotaDefinition;
  buckets: readonly Bucket[];
  keys: string[];
}

export function needOf({ quota }: CallerChain, { likely, most }: CostEstimate): number {
  return quota.reserve === 'strict' ? (most ?? likely) : likely;
}

function sumOf(buckets: readonly Bucket[], of: (bucket: Bucket) => number): number {
  return buckets.reduce((sum, bucket) => sum + of(bucket), 0);
}

/** What is held is enough, without a word to the store. */
export function isCovered({ buckets }: CallerChain, need: number, nowMs: number): boolean {
  const available = sumOf(buckets, (bucket) => bucket.available(nowMs));
  return available > 0 && available >= need;
}

/** By what is held now that the store has answered; while it is away, by what the quota says of that. */
export function isAllowed(chain: CallerChain, estimate: CostEstimate, nowMs: number, answered: boolean): boolean {
  const { quota, buckets } = chain;
  const local = !answered && quota.fail === 'local';
  const available = sumOf(buckets, (bucket) => (local ? bucket.free(nowMs) : bucket.available(nowMs)));
  return available > 0 && (quota.reserve === 'balance' || available >= needOf(chain, estimate));
}

/** Others hold what is missing, for requests that may cost less, or for none. */
export function mayComeBack({ buckets }: CallerChain, nowMs: number): boolean {
  return sumOf(buckets, (bucket) => bucket.heldByOthers) > 0 && sumOf(buckets, (bucket) => bucket.balance(nowMs)) > 0;
}

/**
 * From the first what it has, from the next what is missing, and so on; the last bears the rest. What a bucket has is, for
 * a reservation, what is held of it, and for a charge, what is left of it.
 */
export function split(buckets: readonly Bucket[], amount: number, has: (bucket: Bucket) => number, into: Part[]): void {
  let rest = amount;
  const last = buckets.length - 1;
  for (let at = 0; at < last && rest > 0; at++) {
    const bucket = buckets[at];
    if (bucket === undefined) continue;
    const part = Math.min(rest, Math.max(0, Math.floor(has(bucket))));
    if (part > 0) into.push({ bucket, amount: part });
    rest -= part;
  }
  const bucket = buckets[last];
  if (bucket !== undefined && (rest > 0 || amount === 0)) into.push({ bucket, amount: rest });
}

/** Until enough has flowed back; undefined where it never will. */
export function secondsUntil(chain: CallerChain, estimate: CostEstimate, nowMs: number): number | undefined {
  const need = chain.quota.reserve === 'strict' ? Math.max(1, needOf(chain, estimate)) : 1;
  if (need > sumOf(chain.buckets, ({ terms }) => terms.capacity)) return undefined;
  const missing = need - sumOf(chain.buckets, (bucket) => bucket.balance(nowMs));
  // It is there, reserved for requests under way, which as a rule cost less.
  if (missing <= 0) return 1;
  const perSecond = sumOf(chain.buckets, ({ terms: { rate } }) => (rate.amount / rate.periodMs) * 1000);
  return perSecond > 0 ? Math.max(1, Math.ceil(missing / perSecond)) : undefined;
}

export function standingOf(chains: readonly CallerChain[], nowMs: number): Standing | undefined {
  let least: Standing | undefined;
  for (const { buckets } of chains) {
    const remaining = Math.floor(sumOf(buckets, (bucket) => bucket.free(nowMs)));
    if (least !== undefined && remaining >= least.remainingNanodollars) continue;
    const missing = sumOf(buckets, ({ terms }) => terms.capacity) - remaining;
    const perSecond = sumOf(buckets, ({ terms: { rate } }) => (rate.amount / rate.periodMs) * 1000);
    const resetSeconds = perSecond > 0 ? Math.ceil(Math.max(0, missing) / perSecond) : undefined;
    least = { remainingNanodollars: Math.max(0, remaining), resetSeconds };
  }
  return least;
}
