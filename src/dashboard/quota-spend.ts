import type { Pool } from 'pg';
import { z } from 'zod';
import { cutBucket } from '../store/quota-hours.ts';
import { Conditions } from './conditions.ts';
import { timeOf } from './queries.ts';
import type { UsageInterval } from './usage.ts';

export interface QuotaSpendFilter {
  /** Of these alone; undefined: of all. */
  buckets: readonly string[] | undefined;
  /** Of these, one. */
  bucket: string | undefined;
  /** Whole hours, milliseconds since the epoch: from inclusive, to exclusive. */
  fromMs: number;
  toMs: number;
  interval: UsageInterval;
}

export interface QuotaSpend {
  /** In order of time, then of the bucket. */
  items: unknown[];
  /** There are more items than are told. */
  truncated: boolean;
}

/** Ten buckets of a month by the hour. */
export const SPEND_ITEMS = 10_000;

const Items = z.array(z.object({ item: z.unknown() }));

/** What was charged to buckets, by the hour or day in which the requests were accepted. */
export async function listQuotaSpend(pool: Pool, filter: QuotaSpendFilter): Promise<QuotaSpend> {
  const conditions = new Conditions();
  conditions.add('hour >= ?', new Date(filter.fromMs));
  conditions.add('hour < ?', new Date(filter.toMs));
  conditions.add('bucket = ANY(?)', filter.buckets?.map(cutBucket));
  conditions.add('bucket = ?', filter.bucket === undefined ? undefined : cutBucket(filter.bucket));
  const { rows } = await pool.query(
    `SELECT json_build_object('bucket', bucket, 'time', ${timeOf('begins')}, 'nanodollars', nanodollars::text) AS item
       FROM (
         SELECT date_trunc('${filter.interval}', hour, 'UTC') AS begins, bucket, sum(nanodollars) AS nanodollars
           FROM aperture.quota_hour ${conditions.where}
          GROUP BY 1, 2 ORDER BY 1, 2 LIMIT ${SPEND_ITEMS + 1}
       ) AS charged
      ORDER BY begins, bucket`,
    conditions.values,
  );
  const items = Items.parse(rows).map(({ item }) => item);
  return { items: items.slice(0, SPEND_ITEMS), truncated: items.length > SPEND_ITEMS };
}
