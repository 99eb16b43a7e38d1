import type { Pool } from 'pg';
import { z } from 'zod';
import { Conditions } from './conditions.ts';
import { pageOf, timeOf } from './queries.ts';
import type { Page } from './queries.ts';

export const DELIVERY_STATES = ['waiting', 'delivered', 'dead'] as const;

/** Which deliveries; each filter narrows. */
export interface DeliveryFilter {
  destination: string | undefined;
  state: (typeof DELIVERY_STATES)[number] | undefined;
  /** Milliseconds since the epoch, of when it was made: from inclusive, to exclusive. */
  fromMs: number | undefined;
  toMs: number | undefined;
  /** Deliveries older than this id. */
  before: string | undefined;
  limit: number;
}

const SHOWN = `
  id, destination, sequence, kind, state, attempts, octet_length(payload) AS payload_bytes, last_error,
  ${['created_at', 'next_attempt_at', 'expires_at', 'finished_at'].map((name) => `${timeOf(name)} AS ${name}`).join(', ')}`;

const Rows = z.array(z.object({ item: z.record(z.string(), z.unknown()), id: z.string() }));

/** A page of deliveries, newest first, without their payloads. */
export async function listDeliveries(pool: Pool, filter: DeliveryFilter): Promise<Page> {
  const conditions = new Conditions();
  conditions.add('destination = ?', filter.destination);
  conditions.add('state = ?', filter.state);
  conditions.addTimes(filter, 'id');
  conditions.add('id < ?', filter.before);
  const limit = conditions.parameter(filter.limit + 1);
  const answer = await pool.query(
    `SELECT id, row_to_json(shown) AS item FROM (
       SELECT ${SHOWN} FROM aperture.deliveries ${conditions.where} ORDER BY id DESC LIMIT ${limit}
     ) AS shown`,
    conditions.values,
  );
  return pageOf(Rows.parse(answer.rows), filter.limit, ({ id }) => id);
}

/** One delivery with its payload; undefined where there is none. */
export async function findDelivery(pool: Pool, id: string): Promise<Record<string, unknown> | undefined> {
  const answer = await pool.query(
    `SELECT id, row_to_json(shown) AS item
       FROM (SELECT ${SHOWN}, payload::json AS payload FROM aperture.deliveries WHERE id = $1) AS shown`,
    [id],
  );
  return Rows.parse(answer.rows)[0]?.item;
}
