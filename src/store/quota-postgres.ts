import type { Pool } from 'pg';
import { z } from 'zod';
import { HOLD_MS } from '../contract/quota.ts';
import type { BucketClaim, BucketRow, QuotaStore } from '../contract/quota.ts';
import { isConflict, openPool } from './database.ts';
import type { DatabaseAddress } from './database.ts';
import {
  inOrderOf,
  STORE_ANSWERS_MS,
  SWEPT_AT_ONCE,
  LIFE_KEPT_MS,
  QUIET_MS,
  sweepKeys,
  within,
} from './quota-store.ts';

/**
 * Requests wait for claims, which share nothing with readers: a page of a list holds up none. A claim is a handful of rows
 * of an index, and waits at most for the claims before it.
 */
const CLAIMS = { name: 'quotas', max: 4, statementMs: 1_200, waitMs: 1_000 };
const READS = { name: 'quota-reads', max: 2, statementMs: 1_200, waitMs: 1_000 };

/** Buckets in Postgres, for gateways without a Redis. Its tables may still be on their way: calls reject until then. */
export function createPostgresQuotaStore(
  address: DatabaseAddress,
  { onError }: { onError: (error: unknown) => void },
): QuotaStore {
  const claims = openPool(address, { ...CLAIMS, onError });
  const reads = openPool(address, { ...READS, onError });
  return {
    claim: async (life, asked) => {
      const { rows } = await within(
        STORE_ANSWERS_MS,
        claims.query(CLAIM, [life, JSON.stringify(asked.map(columnsOf)), HOLD_MS, LIFE_KEPT_MS, QUIET_MS]),
      );
      return inOrderOf(asked, Claimed.parse(rows[0]).holdings);
    },
    list: ({ keys, after, limit }) => within(STORE_ANSWERS_MS, list(reads, keys ?? null, after ?? null, limit)),
    refill: (key, amount) => within(STORE_ANSWERS_MS, refill(reads, key, amount)),
    sweep: async (defines) => {
      await within(STORE_ANSWERS_MS, reads.query(FORGET_LIVES, [LIFE_KEPT_MS]));
      return sweepKeys(
        defines,
        (after) => keysAfter(reads, after ?? ''),
        (gone) => remove(reads, gone),
      );
    },
    close: async () => {
      await Promise.all([claims.end(), reads.end()]);
    },
  };
}

async function list(
  pool: Pool,
  keys: readonly string[] | null,
  after: string | null,
  limit: number,
): Promise<BucketRow[]> {
  const { rows } = await pool.query(LIST, [keys, after, limit, HOLD_MS]);
  return Rows.parse(rows);
}

async function refill(pool: Pool, key: string, amount: number): Promise<BucketRow | undefined> {
  await pool.query(REFILL, [key, amount]);
  return (await list(pool, [key], null, 1))[0];
}

async function keysAfter(pool: Pool, after: string): Promise<string[]> {
  const { rows } = await pool.query(KEYS, [after, SWEPT_AT_ONCE]);
  return Keys.parse(rows).map(({ key }) => key);
}

/** Against a claim that makes the same bucket anew, either may win; what a deadlock leaves, the next sweep takes. */
async function remove(pool: Pool, keys: readonly string[]): Promise<number> {
  try {
    return (await pool.query(REMOVE, [keys])).rowCount ?? 0;
  } catch (error) {
    if (isConflict(error)) return 0;
    throw error;
  }
}

function columnsOf({ key, capacity, rate, spent, committed, asked, lease, known }: BucketClaim): unknown {
  return {
    key,
    capacity,
    rate_amount: rate.amount,
    rate_period_ms: rate.periodMs,
    spent,
    committed,
    asked,
    lease,
    known_generation: known?.generation ?? null,
    known_balance: known?.balance ?? null,
    known_spent: known?.spent ?? null,
  };
}

const Holding = z.object({
  key: z.string(),
  generation: z.string(),
  balance: z.number(),
  heldByOthers: z.number(),
  held: z.number(),
});
const Claimed = z.object({ holdings: z.array(Holding) });
const Keys = z.array(z.object({ key: z.string() }));
const Rows = z.array(
  z
    .object({
      key: z.string(),
      capacity: z.number(),
      rate_amount: z.number(),
      rate_period_ms: z.number(),
      balance: z.number(),
      held: z.number(),
      told_at: z.date(),
    })
    .transform(({ rate_amount, rate_period_ms, told_at, ...row }) => ({
      ...row,
      rate: { amount: rate_amount, periodMs: rate_period_ms },
      updatedAtMs: told_at.getTime(),
    })),
);

const CLAIM = 'SELECT aperture.claim_quotas($1, $2, $3, $4, $5) AS holdings';

/** One moment for all rows of an answer. */
const NOW = '(SELECT clock_timestamp() AS moment) AS now';

const LIST = `
  SELECT bucket.key, bucket.capacity, bucket.rate_amount, bucket.rate_period_ms, bucket.told_at,
         aperture.refilled(bucket, moment) AS balance,
         (SELECT coalesce(sum(share.held), 0) FROM aperture.quota_shares AS share
           WHERE share.key = bucket.key AND abs(aperture.ms_between(share.told_at, moment)) <= $4) AS held
    FROM aperture.quota_buckets AS bucket, ${NOW}
   WHERE ($1::text[] IS NULL OR bucket.key = ANY($1)) AND ($2::text IS NULL OR bucket.key > $2)
   ORDER BY bucket.key LIMIT $3`;

/** Where it waited for a claim, that one's moment is the later. */
const REFILL = `
  UPDATE aperture.quota_buckets AS bucket
     SET balance = least(bucket.capacity, aperture.refilled(bucket, moment) + $2),
         refilled_at = greatest(bucket.refilled_at, moment), told_at = greatest(bucket.told_at, moment)
    FROM ${NOW}
   WHERE bucket.key = $1`;

const KEYS = 'SELECT key FROM aperture.quota_buckets WHERE key > $1 ORDER BY key LIMIT $2';

/** Locked in order of key, as claims do. */
const REMOVE = `
  WITH gone AS (SELECT key FROM aperture.quota_buckets WHERE key = ANY($1) ORDER BY key FOR UPDATE)
  DELETE FROM aperture.quota_buckets AS bucket USING gone WHERE bucket.key = gone.key`;

const FORGET_LIVES = `
  DELETE FROM aperture.quota_lives WHERE heard_at < clock_timestamp() - $1 * interval '1 millisecond'`;
