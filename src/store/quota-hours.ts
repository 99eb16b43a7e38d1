/** Keys of buckets stand in an index: an entry may have 2,704 bytes, a character up to four. */
const BUCKET_CHARS = 600;

/** A bucket's key as the table has it. */
export function cutBucket(key: string): string {
  return Array.from(key).slice(0, BUCKET_CHARS).join('');
}

/**
 * The part of the statement that stores records which sums what each bucket was charged, by the hour: of the rows that were
 * new (`inserted`), hence once a record. A charge is decided once and never amended. In order of the keys, so that two
 * writers wait for one another rather than deadlock.
 */
export const QUOTA_PARTS = `
charged AS (
  INSERT INTO aperture.quota_hour AS old (hour, bucket, nanodollars)
  SELECT date_trunc('hour', received_at, 'UTC'), left(charge->>'bucket', ${BUCKET_CHARS}),
    sum((charge->>'nanodollars')::numeric)
  FROM inserted CROSS JOIN LATERAL jsonb_array_elements(quota_charges) AS charges (charge)
  GROUP BY 1, 2
  ORDER BY 1, 2
  ON CONFLICT (hour, bucket) DO UPDATE SET nanodollars = old.nanodollars + excluded.nanodollars
)`;
