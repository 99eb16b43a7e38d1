import type { Pool } from 'pg';
import { z } from 'zod';
import { timeOf } from './queries.ts';

/** Rows of each kind are counted up to here, and then said to be no fewer: a destination may have a million. */
const COUNTED = 100_000;

const Row = z.object({ destinations: z.array(z.unknown()), exporter: z.unknown() });

/** Where events go and how far they have come, and the same of the export to S3 (null: there never was one). */
export async function listDestinations(pool: Pool): Promise<unknown> {
  const { rows } = await pool.query(
    `WITH ${DESTINATIONS} SELECT (SELECT coalesce(json_agg(destinations), '[]') FROM destinations) AS destinations,
       (SELECT row_to_json(exporter) FROM (${EXPORTER}) AS exporter) AS exporter`,
  );
  return { ...Row.parse(rows[0]), counted_at_most: COUNTED };
}

/**
 * Waiting ones by their index; delivered ones of a day and dead ones newest first, of all destinations together. The first
 * that waits is what all behind it wait for, and so its error is the destination's; else it is that of the newest dead one.
 */
const DESTINATIONS = `
delivered AS MATERIALIZED (
  SELECT destination, count(*) AS delivered, max(finished_at) AS last_at FROM (
    SELECT destination, finished_at FROM aperture.deliveries
     WHERE state = 'delivered' AND state <> 'waiting' AND finished_at >= statement_timestamp() - interval '24 hours'
     ORDER BY finished_at DESC LIMIT ${COUNTED}
  ) AS few GROUP BY 1
), dead AS MATERIALIZED (
  SELECT destination, count(*) AS dead, (array_agg(id ORDER BY id DESC))[1] AS newest FROM (
    SELECT id, destination FROM aperture.deliveries WHERE state = 'dead' ORDER BY id DESC LIMIT ${COUNTED}
  ) AS few GROUP BY 1
), destinations AS (
  SELECT name, events, last_sequence, failures, ${timeOf('CASE WHEN open_until > statement_timestamp() THEN open_until END')} AS paused_until,
    waiting, ${timeOf('first.created_at')} AS oldest_waiting_at, first.attempts AS oldest_attempts,
    coalesce(delivered, 0) AS delivered_24h, ${timeOf('last_at')} AS last_delivered_at, coalesce(dead, 0) AS dead,
    coalesce(first.last_error, newest_dead.last_error) AS last_error
    FROM aperture.delivery_destinations AS known
    LEFT JOIN delivered ON delivered.destination = name
    LEFT JOIN dead ON dead.destination = name
    LEFT JOIN aperture.deliveries AS newest_dead ON newest_dead.id = dead.newest
    CROSS JOIN LATERAL (
      SELECT count(*) AS waiting FROM (
        SELECT FROM aperture.deliveries WHERE destination = name AND state = 'waiting' LIMIT ${COUNTED}
      ) AS few
    ) AS counted
    LEFT JOIN LATERAL (
      SELECT created_at, attempts, last_error FROM aperture.deliveries
       WHERE destination = name AND state = 'waiting' ORDER BY sequence LIMIT 1
    ) AS first ON true
   ORDER BY name
)`;

const EXPORTER = `
  SELECT ${timeOf('last_export_at')} AS last_export_at, last_number, backfilled_through = backfill_end AS backfilled,
    (SELECT count(*) FROM (SELECT FROM aperture.export_waiting LIMIT ${COUNTED}) AS few) AS waiting_records,
    (SELECT ${timeOf('at')} FROM aperture.export_waiting ORDER BY record_id LIMIT 1) AS oldest_waiting_at,
    coalesce(held_until > statement_timestamp(), false) AS running
    FROM aperture.exporters WHERE name = 's3'`;
