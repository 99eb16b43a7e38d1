import { setTimeout as sleep } from 'node:timers/promises';
import { assert } from '../lib/result.ts';
import type { BucketClaim, BucketHolding } from '../contract/quota.ts';

/** What both stores of quotas have in common. */

/** A call that takes longer rejects: a request waits for it. What it asked for may still come about. */
export const STORE_ANSWERS_MS = 1_800;

/**
 * What a life has said is kept for so long after it was last heard of, in any bucket: to a process that was cut off for
 * longer, its spending is counted once more when it is back.
 */
export const LIFE_KEPT_MS = 2 * 86_400_000;

/**
 * Where no claim came for so long, all processes were away, or the store was: it may be an older copy, in which those that
 * live look long gone. So nobody is forgotten until claims have come for as long again.
 */
export const QUIET_MS = 600_000;

export const SWEPT_AT_ONCE = 1_000;

/** All keys, a page at a time; those of which `defines` says no go. Answers how many. */
export async function sweepKeys(
  defines: (key: string) => boolean,
  keysAfter: (after: string | undefined) => Promise<string[]>,
  remove: (keys: readonly string[]) => Promise<number>,
): Promise<number> {
  let swept = 0;
  let after: string | undefined;
  let keys: string[];
  do {
    keys = await within(STORE_ANSWERS_MS, keysAfter(after));
    const gone = keys.filter((key) => !defines(key));
    if (gone.length > 0) swept += await within(STORE_ANSWERS_MS, remove(gone));
    after = keys.at(-1);
  } while (keys.length === SWEPT_AT_ONCE);
  return swept;
}

/** The holdings in the order of what was claimed. */
export function inOrderOf(claims: readonly BucketClaim[], holdings: readonly BucketHolding[]): BucketHolding[] {
  const byKey = new Map(holdings.map((holding) => [holding.key, holding]));
  return claims.map(({ key }) => {
    const holding = byKey.get(key);
    assert(holding !== undefined, 'each claim is answered');
    return holding;
  });
}

export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    throw new Error(`no answer from the store of quotas within ${ms} ms`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
  }
}
