import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { z } from 'zod';
import type { PostEvent, PostFacts } from '../contract/guardrail.ts';
import { USAGE_KINDS, zeroUsage } from '../contract/usage.ts';
import type { Usage } from '../contract/usage.ts';
import { uuidAt, uuidBytes } from '../lib/uuid7.ts';
import { EXPIRES_AFTER } from './deliveries.ts';

/** A body as it is stored: packed, with the length of what it unpacks to. */
export interface HookPayload {
  bytes: number;
  encoding: string;
  body: Uint8Array;
}

export interface NewHookCall {
  exchange: string;
  hook: string;
  event: PostEvent;
  payload: HookPayload;
}

export interface HookPayloadStore {
  /** Puts a call into the outbox, with its payload. Once: told again, also when it has been made, it does nothing. */
  tell(call: NewHookCall): Promise<void>;
  read(deliveryId: string): Promise<HookPayload | undefined>;
  /** Deletes what has waited too long, some at a time. True: there may be more. */
  dropOld(): Promise<boolean>;
  /** What the records of these exchanges say, of those that are there. */
  facts(exchanges: readonly string[]): Promise<Map<string, PostFacts>>;
}

/** A delivery is tried for 3 days; a dead letter can be put back for some more. */
const PAYLOADS_KEPT = '7 days';
const DROPPED_AT_ONCE = 1_000;

export function createHookPayloadStore(pool: Pool): HookPayloadStore {
  return {
    tell: async ({ exchange, hook, event, payload }) => {
      const destination = `hooks.${hook}`;
      await pool.query(TELL, [
        hookDeliveryId(exchange, destination, event),
        destination,
        event,
        JSON.stringify({ request_id: exchange, bytes: payload.bytes }),
        payload.bytes,
        payload.encoding,
        Buffer.from(payload.body.buffer, payload.body.byteOffset, payload.body.byteLength),
      ]);
    },
    read: async (deliveryId) => {
      const { rows } = await pool.query(
        'SELECT bytes, encoding, body FROM aperture.hook_payloads WHERE delivery_id = $1',
        [deliveryId],
      );
      return z.array(PayloadRow).parse(rows)[0];
    },
    dropOld: async () => {
      const { rowCount } = await pool.query(DROP_OLD, [PAYLOADS_KEPT, DROPPED_AT_ONCE]);
      return rowCount === DROPPED_AT_ONCE;
    },
    facts: async (exchanges) => {
      if (exchanges.length === 0) return new Map();
      const ordered = [...exchanges].sort();
      const { rows } = await pool.query(FACTS, [ordered, ordered[0], ordered.at(-1)]);
      return new Map(
        z
          .array(FactsRow)
          .parse(rows)
          .map(({ id, ...facts }) => [id, facts]),
      );
    },
  };
}

/**
 * The same for the same exchange, destination and event, in every process: what makes a call once. A UUIDv7 of the
 * exchange's time, as all deliveries have, with a hash where others have a counter and chance.
 */
export function hookDeliveryId(exchange: string, destination: string, event: PostEvent): string {
  const bytes = createHash('sha256')
    .update(JSON.stringify([exchange, destination, event]))
    .digest()
    .subarray(0, 16);
  uuidBytes(exchange).copy(bytes, 0, 0, TIME_BYTES);
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  return uuidAt(bytes, 0);
}

const TIME_BYTES = 6;

const Bytes = z.custom<Buffer>((value) => Buffer.isBuffer(value));
const PayloadRow = z.object({ bytes: z.int(), encoding: z.string(), body: Bytes });

const TELL = `
  WITH fresh AS (
    INSERT INTO aperture.deliveries (id, destination, kind, payload, expires_at)
    VALUES ($1, $2, $3, $4, clock_timestamp() + interval '${EXPIRES_AFTER}')
    ON CONFLICT (id) DO NOTHING
    RETURNING id
  )
  INSERT INTO aperture.hook_payloads (delivery_id, bytes, encoding, body)
  SELECT id, $5, $6, $7 FROM fresh`;

const DROP_OLD = `
  DELETE FROM aperture.hook_payloads WHERE delivery_id IN (
    SELECT delivery_id FROM aperture.hook_payloads
     WHERE created_at < clock_timestamp() - $1::interval ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
  )`;

const FACTS = `
  SELECT id, session_base, cost_nanodollars::text, cost_basis, server_tools,
         ${USAGE_KINDS.map((kind) => `${kind}::float8`).join(', ')}
    FROM aperture.records WHERE id = ANY($1::uuid[]) AND id BETWEEN $2 AND $3`;

const FactsRow = z
  .looseObject({
    id: z.string(),
    session_base: z.string(),
    cost_nanodollars: z.string().nullable(),
    cost_basis: z.string().nullable(),
    server_tools: z.record(z.string(), z.number()),
  })
  .transform(
    ({ id, session_base, cost_nanodollars, cost_basis, server_tools, ...columns }): PostFacts & { id: string } => ({
      id,
      session_base,
      cost_nanodollars,
      cost_basis,
      server_tools,
      usage: usageIn(columns),
      // Where tool use is not kept, the record has none; the response always has.
      tool_calls: null,
    }),
  );

/** All columns are null where there is no usage. */
function usageIn(columns: Record<string, unknown>): Usage | null {
  const usage = zeroUsage();
  for (const kind of USAGE_KINDS) {
    const count = columns[kind];
    if (typeof count !== 'number') return null;
    usage[kind] = count;
  }
  return usage;
}
