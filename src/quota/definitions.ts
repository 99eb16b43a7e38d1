import type { BucketTerms, QuotaDefinition } from '../contract/quota.ts';
import { nameOfKey } from './defined-keys.ts';

/** Whose buckets: what stands for `<user>` and `<node>`. */
export interface Spender {
  /** The login, or the tags where a machine has no login. */
  user: string;
  /** Stable id of the node. */
  node: string;
}

/** A quota and those that it borrows from, in order: charged as one. */
export interface Chain {
  /** The first one's name in the config: its modes are the chain's. */
  quota: QuotaDefinition;
  buckets: readonly BucketTerms[];
}

/** Which chains a caller is charged in; or the references that lead nowhere, which refuse. */
export type Chains = { ok: true; chains: readonly Chain[] } | { ok: false; undefined: readonly string[] };

const TEMPLATE = /:<(user|node)>$/;

/** The quotas of one config. */
export class Definitions {
  readonly #byName: ReadonlyMap<string, QuotaDefinition>;

  constructor(definitions: readonly QuotaDefinition[]) {
    this.#byName = new Map(definitions.map((definition) => [definition.name, definition]));
  }

  get names(): string[] {
    return [...this.#byName.keys()];
  }

  /** @param references Names of quotas, as grants have them: templates included. */
  chainsOf(references: readonly string[], spender: Spender): Chains {
    const chains: Chain[] = [];
    const missing: string[] = [];
    for (const name of references) {
      const quota = this.#byName.get(name);
      const borrowed = (quota?.overdraft ?? []).map((each) => this.#byName.get(each));
      if (quota === undefined || borrowed.includes(undefined)) missing.push(name);
      else chains.push({ quota, buckets: [quota, ...borrowed].flatMap((each) => termsOf(each, spender)) });
    }
    return missing.length === 0 ? { ok: true, chains } : { ok: false, undefined: missing };
  }

  /** The quota that a bucket's key belongs to. */
  ofKey(key: string): QuotaDefinition | undefined {
    const name = nameOfKey(key, (each) => this.#byName.has(each));
    return name === undefined ? undefined : this.#byName.get(name);
  }

  has(key: string): boolean {
    return this.ofKey(key) !== undefined;
  }

  termsOfKey(key: string): BucketTerms | undefined {
    const quota = this.ofKey(key);
    return quota === undefined ? undefined : termsAt(key, quota);
  }
}

/** As `daily:alice@example.com`, for `daily:<user>`. */
function bucketKey(name: string, { user, node }: Spender): string {
  return name.replace(TEMPLATE, (_, whose) => `:${whose === 'user' ? user : node}`);
}

function termsOf(quota: QuotaDefinition | undefined, spender: Spender): BucketTerms[] {
  if (quota === undefined) return [];
  return [termsAt(bucketKey(quota.name, spender), quota)];
}

function termsAt(key: string, { capacity, rate }: QuotaDefinition): BucketTerms {
  return { key, capacity, rate };
}
