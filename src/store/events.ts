import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import type { ControlEvent } from '../contract/event.ts';
import { storableJson } from '../lib/storable-text.ts';
import { enqueueDeliveries } from './deliveries.ts';

/**
 * Puts events into the outbox, one delivery for each destination that wants their kind: on a client, in its transaction,
 * so that they are told when and only when what caused them holds. No destination wants them: nothing is written.
 *
 * @throws Error when the database is away.
 */
export async function tellEvents(
  database: Pool | PoolClient,
  events: readonly ControlEvent[],
  nowMs: number,
): Promise<void> {
  if (events.length === 0) return;
  const { rows } = await database.query(
    `SELECT name, kind FROM aperture.delivery_destinations, unnest(events) AS kind WHERE kind = ANY($1)`,
    [events.map(({ kind }) => kind)],
  );
  const wanted = z.array(Wanted).parse(rows);
  const deliveries = events.flatMap(({ kind, data }) =>
    wanted
      .filter((each) => each.kind === kind)
      .map(({ name }) => ({ destination: name, kind, payload: storableJson(data) })),
  );
  if (deliveries.length > 0) await enqueueDeliveries(database, deliveries, nowMs);
}

const Wanted = z.object({ name: z.string(), kind: z.string() });
