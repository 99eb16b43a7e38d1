/**
 * Times are counted by ranges, each a tenth wider than the one before: a figure that is told from them is off by less than a
 * twentieth, and between a millisecond and a day there are 192. Migration 0022 has the same.
 */
const STEP = 1.1;

/** Milliseconds in the middle of a range, as ratios go. */
export function middleOf(bucket: number): number {
  return STEP ** (bucket + 0.5);
}

/** What is timed: until the first byte of a stream, which its first token is in, and the whole answer. */
export const TIMED = ['first_byte', 'whole'] as const;
export type Timed = (typeof TIMED)[number];

/** Columns of a record that `MOMENTS`, `IS_TIMED` and `BUCKET` read. */
export const LATENCY_READS = ['first_byte_at', 'ended_at', 'stream', 'state', 'status'];

/** A row for each time of a record: `what`, and when it was `at`. */
export const MOMENTS = `CROSS JOIN LATERAL (
  VALUES ('first_byte', CASE WHEN stream THEN first_byte_at END), ('whole', ended_at)
) AS moment (what, at)`;

/**
 * Only what came whole is timed: a refusal is quick, and says nothing of the model. Nothing came of what a batch's usage is
 * booked as.
 */
export const IS_TIMED = `state = 'complete' AND status < 400 AND first_byte_at IS NOT NULL AND at IS NOT NULL`;

export const BUCKET = `floor(ln(greatest((extract(epoch FROM at - received_at) * 1000)::float8, 1)) / ln(${STEP}::float8))::int`;

/**
 * The part of the statement that stores records which counts how long they took: of the rows that were new (`inserted`),
 * hence once a record. In order of the keys, so that two writers wait for one another rather than deadlock.
 */
export const LATENCY_PARTS = `
timed AS (
  INSERT INTO aperture.latency_day AS old (day, key, bucket, model, agent, what, requests)
  SELECT date_trunc('day', received_at, 'UTC'), sha256(convert_to(json_build_array(model, agent, what)::text, 'UTF8')),
    ${BUCKET}, model, agent, what, count(*)
  FROM inserted ${MOMENTS}
  WHERE ${IS_TIMED}
  GROUP BY 1, 2, 3, 4, 5, 6
  ORDER BY 1, 2, 3
  ON CONFLICT (day, key, bucket) DO UPDATE SET requests = old.requests + excluded.requests
)`;
