import type { Fault } from '../contract/fault.ts';
import type { BucketTerms, QuotaDefinition } from '../contract/quota.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { Bucket } from './bucket.ts';
import type { CallerChain } from './chain.ts';
import { Definitions } from './definitions.ts';
import type { Chain, Spender } from './definitions.ts';
import { undefinedQuotas } from './refusals.ts';

/** Buckets in memory: about 500 bytes each. Beyond it, a request that needs another is refused. */
const MOST_BUCKETS = 200_000;

/** The buckets that this process knows of: made as somebody needs them, by what is defined now. */
export class CallerBuckets {
  readonly #buckets = new Map<string, Bucket>();
  #definitions = new Definitions([]);
  /** By the list in a caller's access, which is the same one from request to request. */
  #resolved = new WeakMap<readonly string[], Spender & { chains: readonly CallerChain[] }>();

  get size(): number {
    return this.#buckets.size;
  }

  /** Of the quotas that are defined. */
  get names(): string[] {
    return this.#definitions.names;
  }

  reconfigure(definitions: readonly QuotaDefinition[], nowMs: number): void {
    this.#definitions = new Definitions(definitions);
    this.#resolved = new WeakMap();
    for (const [key, bucket] of this.#buckets) if (!this.#definitions.has(key)) bucket.undefined(nowMs);
  }

  get(key: string): Bucket | undefined {
    return this.#buckets.get(key);
  }

  /** What is defined of a bucket, whether it is in memory or not. */
  termsOf(key: string): BucketTerms | undefined {
    return this.#definitions.termsOfKey(key);
  }

  /** The buckets that somebody is charged in, by the names in grants; unknown names are left out. */
  termsFor(references: readonly string[], spender: Spender): BucketTerms[] {
    const found = references.flatMap((reference) => {
      const resolved = this.#definitions.chainsOf([reference], spender);
      return resolved.ok ? resolved.chains.flatMap(({ buckets }) => buckets) : [];
    });
    return [...new Map(found.map((terms) => [terms.key, terms])).values()];
  }

  /** The same references of the same caller lead to the same buckets. */
  chainsFor(references: readonly string[], spender: Spender): Result<readonly CallerChain[], Fault> {
    const before = this.#resolved.get(references);
    if (before?.user === spender.user && before.node === spender.node) return ok(before.chains);
    const found = this.#definitions.chainsOf(references, spender);
    if (!found.ok) return failed(undefinedQuotas(found.undefined));
    const chains = this.#chainsIn(found.chains);
    if (chains === undefined) return failed({ code: 'overloaded', what: 'quota buckets', limit: MOST_BUCKETS });
    this.#resolved.set(references, { ...spender, chains });
    return ok(chains);
  }

  /** Of an exchange that this life did not admit. */
  chainsByKeys(quotas: readonly (readonly string[])[]): CallerChain[] {
    return quotas.flatMap((keys): CallerChain[] => {
      const buckets = keys.flatMap((key) => {
        const terms = this.#definitions.termsOfKey(key);
        return terms === undefined ? [] : (this.#bucketOf(terms) ?? []);
      });
      const quota = this.#definitions.ofKey(keys[0] ?? '');
      return buckets.length === 0 || quota === undefined ? [] : [{ quota, buckets, keys: [...keys] }];
    });
  }

  /** Those of which the store is to hear. */
  due(nowMs: number): Bucket[] {
    return [...this.#buckets].flatMap(([key, bucket]) => {
      return bucket.isDue(nowMs) && this.#definitions.has(key) ? [bucket] : [];
    });
  }

  /** What was spent, by bucket; 0 where something is only held. */
  account(): Record<string, number> {
    const told = [...this.#buckets].filter(([, bucket]) => bucket.spent > 0 || bucket.holds);
    return Object.fromEntries(told.map(([key, bucket]) => [key, bucket.spent]));
  }

  #chainsIn(chains: readonly Chain[]): CallerChain[] | undefined {
    const found: CallerChain[] = [];
    for (const { quota, buckets } of chains) {
      const own = buckets.map((terms) => this.#bucketOf(terms));
      if (own.includes(undefined)) return undefined;
      found.push({ quota, buckets: own.filter((bucket) => bucket !== undefined), keys: buckets.map(({ key }) => key) });
    }
    return found;
  }

  #bucketOf(terms: BucketTerms): Bucket | undefined {
    const known = this.#buckets.get(terms.key);
    if (known !== undefined) {
      known.terms = terms;
      return known;
    }
    if (this.#buckets.size >= MOST_BUCKETS) return undefined;
    const bucket = new Bucket(terms);
    this.#buckets.set(terms.key, bucket);
    return bucket;
  }
}
