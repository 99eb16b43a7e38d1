import type { BucketClaim, BucketHolding } from '../../src/contract/quota.ts';

interface Kept {
  generation: string;
  capacity: number;
  balance: number;
  atMs: number;
  lives: Map<string, { seen: number; held: number }>;
}

/** The rules of a store (src/contract/quota.ts), by hand: the real ones pass a suite of their own. */
export class MemoryStore {
  readonly buckets = new Map<string, Kept>();
  away = false;
  calls = 0;
  #made = 0;
  nowMs: () => number;

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  claim = async (life: string, claims: readonly BucketClaim[]): Promise<BucketHolding[] | undefined> => {
    this.calls += 1;
    await Promise.resolve();
    if (this.away) return undefined;
    return claims.map((claim) => this.#claim(life, claim));
  };

  #claim(life: string, claim: BucketClaim): BucketHolding {
    const { key, capacity, rate } = claim;
    const now = this.nowMs();
    const { known } = claim;
    const bucket = this.buckets.get(key) ?? {
      generation: `g${(this.#made += 1)}`,
      capacity,
      balance: Math.min(capacity, known?.balance ?? capacity),
      atMs: now,
      lives: new Map<string, { seen: number; held: number }>(),
    };
    this.buckets.set(key, bucket);
    bucket.balance = Math.min(bucket.capacity, bucket.balance + (rate.amount * (now - bucket.atMs)) / rate.periodMs);
    bucket.atMs = now;
    bucket.capacity = capacity;
    bucket.balance = Math.min(bucket.balance, capacity);
    const already = known !== undefined && known.generation !== bucket.generation ? known.spent : 0;
    const own = bucket.lives.get(life) ?? { seen: already, held: 0 };
    bucket.lives.set(life, own);
    bucket.balance -= Math.max(0, claim.spent - own.seen);
    own.seen = Math.max(own.seen, claim.spent);
    let heldByOthers = 0;
    for (const [other, { held }] of bucket.lives) if (other !== life) heldByOthers += held;
    const extra = Math.max(0, bucket.balance - heldByOthers - claim.committed);
    const give = Math.min(claim.asked, extra);
    own.held = claim.committed + give + Math.min(claim.lease, Math.floor((extra - give) / 4));
    return { key, generation: bucket.generation, balance: bucket.balance, heldByOthers, held: own.held };
  }
}
