import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import type { Attempted, Delivery, NewDelivery } from '../contract/delivery.ts';
import { storableText } from '../lib/storable-text.ts';
import { uuid7, uuid7Floor } from '../lib/uuid7.ts';
import { inTransaction } from './database.ts';

/**
 * Puts deliveries into the outbox: on a client, in its transaction, so that they are there when and only when what
 * caused them is; on a pool, by themselves.
 *
 * @throws Error when the database is away, or a payload is longer than `DELIVERY_PAYLOAD_BYTES`.
 */
export async function enqueueDeliveries(
  database: Pool | PoolClient,
  deliveries: readonly NewDelivery[],
  nowMs: number,
): Promise<void> {
  const rows = deliveries.map((delivery) => ({ id: uuid7(nowMs), ...delivery }));
  await database.query(
    `INSERT INTO aperture.deliveries (id, destination, kind, payload, expires_at)
     SELECT id, destination, kind, payload, clock_timestamp() + interval '${EXPIRES_AFTER}'
       FROM json_to_recordset($1::json) AS (id uuid, destination text, kind text, payload text)`,
    [JSON.stringify(rows)],
  );
}

/** How long a delivery is tried before it is a dead letter. A receiver may be away over a weekend. */
export const EXPIRES_AFTER = '3 days';
/** Delivered ones are kept for whoever has to have them again (replay by time range), dead ones to be looked at. */
const DELIVERED_KEPT = '3 days';
const DEAD_KEPT = '30 days';

const NUMBERED_AT_ONCE = 5_000;
/**
 * No more than these are numbered ahead of what is being sent, more than any receiver takes between two sweeps: a number
 * costs as much as the row did, and a flood is written down more quickly without.
 */
const NUMBERED_AHEAD = 10_000;
const EXPIRED_AT_ONCE = 1_000;
const DELETED_AT_ONCE = 5_000;
const REPLAYED_AT_ONCE = 10_000;
/** "apdl": one process at a time drops what is too much. */
const DROP_LOCK = 0x6170646c;
const ERROR_CHARACTERS = 500;

/** Which finished deliveries are to go out again: by id, or all of a destination that were made in a time. */
export type Replay =
  | { ids: readonly string[] }
  | { destination: string; fromMs: number; toMs: number; states: readonly ('dead' | 'delivered')[] };

/** What a destination's deliveries are at. */
export interface Waiting {
  destination: string;
  waiting: number;
  /** Of the oldest that waits. */
  oldestSeconds: number;
  dead: number;
  /** Failures in a row, of attempts. */
  failures: number;
}

/** A destination of the config. */
export interface Known {
  name: string;
  /** What it is told: kinds of `src/contract/event.ts`. */
  events: readonly string[];
}

export interface DeliveryStore {
  /** Makes these destinations known, with all they have been told before, and which events each is told; others none. */
  know(destinations: readonly Known[]): Promise<void>;
  /**
   * Numbers what is new, as far as it may be sent soon, and says for which destinations there is something to do that
   * nobody does.
   */
  due(names: readonly string[]): Promise<string[]>;
  /**
   * Takes a destination, or keeps it, for `leaseMs`. Undefined where somebody else has it or its circuit is open; else
   * the failures in a row.
   */
  hold(name: string, holder: string, leaseMs: number): Promise<number | undefined>;
  keep(names: readonly string[], holder: string, leaseMs: number): Promise<void>;
  release(name: string, holder: string): Promise<void>;
  /**
   * What is to be tried now, in order of its sequence, as much as fits into `bytes` of payloads, but at least one;
   * `inOrder`: nothing behind one that is to be tried later.
   */
  next(name: string, most: { count: number; bytes: number }, inOrder: boolean): Promise<Delivery[]>;
  /** Notes attempts, and what they say of the destination. False when somebody else has the destination by now. */
  settle(name: string, holder: string, attempted: readonly Attempted[], circuit: Circuit): Promise<boolean>;
  /**
   * Has deliveries wait again that counted as delivered and were not, at once and under their old ids and numbers; how
   * long they are tried counts from when they were made.
   */
  takeBack(name: string, ids: readonly string[], why: string): Promise<number>;
  /** Makes dead letters of what waited too long, some at a time. True: there may be more. */
  expire(known: readonly string[]): Promise<boolean>;
  /** Deletes what was kept long enough, some at a time. True: there may be more. */
  dropFinished(): Promise<boolean>;
  /** Deletes the oldest of what waits for a destination beyond the bound; the receiver sees it in the sequence. */
  dropOldest(name: string, surplus: number): Promise<number>;
  look(): Promise<Waiting[]>;
  /** Does the work unless another process is at it: two that have counted the same would each drop what is too much. */
  alone(work: () => Promise<void>): Promise<void>;
  /** Puts finished deliveries back, at most 10,000 at once, under their old ids and numbers; `more`: call again. */
  replay(which: Replay, database?: PoolClient): Promise<{ replayed: number; more: boolean }>;
}

/** Whether a destination is to be left alone for a while. */
export interface Circuit {
  failures: number;
  /** 0: it may be tried at once. */
  openMs: number;
}

export function createDeliveryStore(pool: Pool): DeliveryStore {
  /** One at a time per destination: its row is locked while numbers are given. Returns how many were. */
  const numberSome = (name: string): Promise<number> =>
    inTransaction(pool, async (client) => {
      const { rows } = await client.query(LOCK_LAST, [name]);
      const [row] = z.array(LastSequence).parse(rows);
      if (row === undefined) return 0;
      const given = await client.query(NUMBER, [name, row.last_sequence, NUMBERED_AT_ONCE]);
      const count = given.rowCount ?? 0;
      await client.query(
        'UPDATE aperture.delivery_destinations SET last_sequence = last_sequence + $2 WHERE name = $1',
        [name, count],
      );
      return count;
    });
  const number = async (name: string): Promise<void> => {
    const { rows } = await pool.query(AHEAD, [name, NUMBERED_AHEAD]);
    let left = NUMBERED_AHEAD - Ahead.parse(rows[0]).ahead;
    while (left > 0) {
      const numbered = await numberSome(name);
      left = numbered < NUMBERED_AT_ONCE ? 0 : left - numbered;
    }
  };
  return {
    know: async (destinations) => {
      await pool.query(KNOW, [JSON.stringify(destinations)]);
    },
    due: async (names) => {
      const unnumbered = await pool.query(UNNUMBERED, [names]);
      for (const { name } of Names.parse(unnumbered.rows)) await number(name);
      return Names.parse((await pool.query(DUE, [names])).rows).map(({ name }) => name);
    },
    hold: async (name, holder, leaseMs) => {
      const { rows } = await pool.query(HOLD, [name, holder, leaseMs]);
      return z.array(Failures).parse(rows)[0]?.failures;
    },
    keep: async (names, holder, leaseMs) => {
      await pool.query(
        `UPDATE aperture.delivery_destinations SET held_until = ${inMs('$3')} WHERE name = ANY($1) AND holder = $2`,
        [names, holder, leaseMs],
      );
    },
    release: async (name, holder) => {
      await pool.query(
        `UPDATE aperture.delivery_destinations SET holder = NULL, held_until = NULL WHERE name = $1 AND holder = $2`,
        [name, holder],
      );
    },
    next: async (name, { count, bytes }, inOrder) => {
      const { rows } = await pool.query(NEXT, [name, count, inOrder, bytes]);
      const found = z.array(NextRow).parse(rows);
      const later = found.findIndex(({ due }) => !due);
      return (later < 0 ? found : found.slice(0, later)).map(({ delivery }) => delivery);
    },
    settle: async (name, holder, attempted, { failures, openMs }) => {
      const rows = attempted.map(({ id, state, waitMs, rejected, error }) => ({
        id,
        state,
        rejected,
        wait_ms: Math.round(waitMs),
        error: error === null ? null : storableText(error).slice(0, ERROR_CHARACTERS),
      }));
      const answer = await pool.query(SETTLE, [name, holder, JSON.stringify(rows), failures, Math.round(openMs)]);
      return Settled.parse(answer.rows[0]).held;
    },
    takeBack: async (name, ids, why) => {
      const { rowCount } = await pool.query(TAKE_BACK, [name, ids, storableText(why).slice(0, ERROR_CHARACTERS)]);
      return rowCount ?? 0;
    },
    expire: async (known) => {
      const { rowCount } = await pool.query(EXPIRE, [known, EXPIRED_AT_ONCE]);
      return rowCount === EXPIRED_AT_ONCE;
    },
    dropFinished: async () => {
      const delivered = await pool.query(DROP_FINISHED, ['delivered', DELIVERED_KEPT, DELETED_AT_ONCE]);
      const dead = await pool.query(DROP_FINISHED, ['dead', DEAD_KEPT, DELETED_AT_ONCE]);
      return delivered.rowCount === DELETED_AT_ONCE || dead.rowCount === DELETED_AT_ONCE;
    },
    dropOldest: async (name, surplus) => {
      const { rows } = await pool.query(DROP_OLDEST, [name, Math.min(surplus, DELETED_AT_ONCE)]);
      return Dropped.parse(rows[0]).dropped;
    },
    look: async () => {
      const { rows } = await pool.query(LOOK);
      return z.array(LookRow).parse(rows);
    },
    alone: async (work) => {
      const client = await pool.connect();
      client.on('error', ignore);
      try {
        const { rows } = await client.query('SELECT pg_try_advisory_lock($1) AS locked', [DROP_LOCK]);
        if (Locked.parse(rows[0]).locked) await work();
      } finally {
        client.off('error', ignore);
        // The session's end is the lock's.
        client.release(true);
      }
    },
    replay: async (which, database: Pool | PoolClient = pool) => {
      const { rows } = await ('ids' in which
        ? database.query(replayed('id = ANY($1::uuid[])'), [which.ids])
        : database.query(replayed('destination = $1 AND id >= $2 AND id < $3 AND state = ANY($4)'), [
            which.destination,
            // By the times that ids carry, as they are listed: whatever else is kept need not be read.
            uuid7Floor(Math.max(0, which.fromMs)),
            uuid7Floor(Math.max(0, which.toMs)),
            which.states,
          ]));
      const { replayed: count } = Replayed.parse(rows[0]);
      return { replayed: count, more: count === REPLAYED_AT_ONCE };
    },
  };
}

function ignore(): void {
  // Told by the statement that fails.
}

/** By the statement's own time, the same in all its rows: those that failed together are due together. */
const inMs = (parameter: string): string => `statement_timestamp() + ${parameter} * interval '1 millisecond'`;

const Names = z.array(z.object({ name: z.string() }));
const Ahead = z.object({ ahead: z.int() });
const LastSequence = z.object({ last_sequence: z.string() });
const Failures = z.object({ failures: z.int() });
const Settled = z.object({ held: z.boolean() });
const Dropped = z.object({ dropped: z.int() });
const Locked = z.object({ locked: z.boolean() });
const Replayed = z.object({ replayed: z.int() });

/** In order of names, so that two that write at once wait for each other and do not stop each other. */
const KNOW = `
  WITH told AS (
    SELECT name, events FROM json_to_recordset($1::json) AS (name text, events text[])
  ), forgotten AS (
    UPDATE aperture.delivery_destinations SET events = '{}'
     WHERE name NOT IN (SELECT name FROM told) AND events <> '{}'
  )
  INSERT INTO aperture.delivery_destinations (name, events) SELECT name, events FROM told ORDER BY name
  ON CONFLICT (name) DO UPDATE SET events = excluded.events
   WHERE delivery_destinations.events IS DISTINCT FROM excluded.events`;

const UNNUMBERED = `
  SELECT name FROM unnest($1::text[]) AS name
   WHERE EXISTS (SELECT FROM aperture.deliveries AS d
                  WHERE d.destination = name AND d.state = 'waiting' AND d.sequence IS NULL)`;

/** Those that wait for their next attempt hold up nobody where there is no order. */
const AHEAD = `
  SELECT count(*)::int AS ahead FROM (
    SELECT FROM aperture.deliveries
     WHERE destination = $1 AND state = 'waiting' AND sequence IS NOT NULL AND next_attempt_at <= clock_timestamp()
     ORDER BY sequence LIMIT $2
  ) AS few`;

const LOCK_LAST = 'SELECT last_sequence::text FROM aperture.delivery_destinations WHERE name = $1 FOR UPDATE';

const NUMBER = `
  UPDATE aperture.deliveries AS d SET sequence = $2::bigint + fresh.n
    FROM (
      SELECT id, row_number() OVER (ORDER BY id) AS n FROM (
        SELECT id FROM aperture.deliveries
         WHERE destination = $1 AND state = 'waiting' AND sequence IS NULL ORDER BY id LIMIT $3
      ) AS few
    ) AS fresh
   WHERE d.id = fresh.id`;

/** Free: held by nobody who lives, and not to be left alone. */
const FREE = `(held_until IS NULL OR held_until < clock_timestamp())`;
const CLOSED = `(open_until IS NULL OR open_until <= clock_timestamp())`;

const DUE = `
  SELECT name FROM aperture.delivery_destinations AS to_serve
   WHERE name = ANY($1) AND ${FREE} AND ${CLOSED}
     AND EXISTS (SELECT FROM aperture.deliveries AS d
                  WHERE d.destination = to_serve.name AND d.state = 'waiting'
                    AND d.sequence IS NOT NULL AND d.next_attempt_at <= clock_timestamp())`;

const HOLD = `
  UPDATE aperture.delivery_destinations SET holder = $2, held_until = ${inMs('$3')}
   WHERE name = $1 AND (holder = $2 OR ${FREE}) AND ${CLOSED}
  RETURNING failures`;

const NEXT = `
  SELECT id, destination, sequence::text, kind, payload, attempts, rejections,
         extract(epoch FROM created_at)::float8 * 1000 AS created_ms, next_attempt_at <= clock_timestamp() AS due
    FROM (
      SELECT *, sum(octet_length(payload)) OVER (ORDER BY sequence) - octet_length(payload) AS before_it FROM (
        SELECT * FROM aperture.deliveries
         WHERE destination = $1 AND state = 'waiting' AND sequence IS NOT NULL
           AND ($3 OR next_attempt_at <= clock_timestamp())
         ORDER BY sequence LIMIT $2
      ) AS few
    ) AS measured
   WHERE before_it < $4
   ORDER BY measured.sequence`;
const NextRow = z
  .object({
    id: z.string(),
    destination: z.string(),
    sequence: z.coerce.number(),
    kind: z.string(),
    payload: z.string(),
    attempts: z.int(),
    rejections: z.int(),
    created_ms: z.number(),
    due: z.boolean(),
  })
  .transform(({ created_ms, due, ...delivery }) => ({
    delivery: { ...delivery, createdAtMs: Math.floor(created_ms) } satisfies Delivery,
    due,
  }));

/**
 * Attempts that were made are noted whoever holds the destination by now; of its circuit, its holder tells. What was
 * delivered stays so: somebody whose lease had run out may have failed with it afterwards. Its body is not kept. What
 * became too old during its attempt stays dead, unless it was taken.
 *
 * Waits for no disk: a note that the database's machine loses with its power is a delivery that is made again, under its id. In a
 * flood twenty notes a second wait for the disk otherwise, and whoever writes to that disk waits with them, the front door's
 * journal too.
 */
const SETTLE = `
  WITH settled AS (
    UPDATE aperture.deliveries AS d
       SET state = o.state, attempts = attempts + 1, rejections = rejections + o.rejected::int,
           last_error = o.error, next_attempt_at = ${inMs('o.wait_ms')},
           finished_at = CASE WHEN o.state <> 'waiting' THEN clock_timestamp() END
      FROM json_to_recordset($3::json) AS o (id uuid, state text, wait_ms bigint, rejected boolean, error text)
     WHERE d.id = o.id AND (d.state = 'waiting' OR d.state = 'dead' AND o.state = 'delivered')
    RETURNING d.id, d.state
  ), told AS (
    DELETE FROM aperture.hook_payloads WHERE delivery_id IN (SELECT id FROM settled WHERE state = 'delivered')
  ), held AS (
    UPDATE aperture.delivery_destinations
       SET failures = $4, open_until = CASE WHEN $5::bigint > 0 THEN ${inMs('$5::bigint')} END
     WHERE name = $1 AND holder = $2 AND held_until > clock_timestamp()
    RETURNING 1
  )
  SELECT EXISTS (SELECT FROM held) AS held, set_config('synchronous_commit', 'off', true)`;

const TAKE_BACK = `
  UPDATE aperture.deliveries SET state = 'waiting', finished_at = NULL, next_attempt_at = statement_timestamp(), last_error = $3
   WHERE id = ANY($2::uuid[]) AND destination = $1 AND state = 'delivered'`;

/**
 * What is configured is numbered first, so that its receiver can tell what it never got. The time is the statement's:
 * one that may differ from row to row is no bound for an index, and every row that waits would be looked at.
 */
const EXPIRE = `
  UPDATE aperture.deliveries SET state = 'dead', finished_at = clock_timestamp(), last_error =
         CASE WHEN destination = ANY($1) THEN concat('not delivered within ${EXPIRES_AFTER}', '; ' || last_error)
              ELSE concat('no destination of this name is configured', '; ' || last_error) END
   WHERE id IN (
     SELECT id FROM aperture.deliveries
      WHERE state = 'waiting' AND expires_at <= statement_timestamp() AND (sequence IS NOT NULL OR destination <> ALL($1))
      ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
   )`;

/** By the statement's time, as above. */
const DROP_FINISHED = `
  DELETE FROM aperture.deliveries WHERE id IN (
    SELECT id FROM aperture.deliveries
     WHERE state = $1 AND state <> 'waiting' AND finished_at < statement_timestamp() - $2::interval
     ORDER BY finished_at LIMIT $3 FOR UPDATE SKIP LOCKED
  )`;

const DROP_OLDEST = `
  WITH dropped AS (
    DELETE FROM aperture.deliveries WHERE id IN (
      SELECT id FROM aperture.deliveries
       WHERE destination = $1 AND state = 'waiting' AND sequence IS NOT NULL
       ORDER BY sequence LIMIT $2 FOR UPDATE SKIP LOCKED
    ) RETURNING id
  ), bodies AS (
    DELETE FROM aperture.hook_payloads WHERE delivery_id IN (SELECT id FROM dropped)
  )
  SELECT count(*)::int AS dropped FROM dropped`;

const LOOK = `
  SELECT coalesce(w.destination, x.destination) AS destination,
         coalesce(waiting, 0)::int AS waiting, coalesce(dead, 0)::int AS dead, coalesce(known.failures, 0) AS failures,
         coalesce(extract(epoch FROM clock_timestamp() - (
           SELECT created_at FROM aperture.deliveries AS d
            WHERE d.destination = w.destination AND d.state = 'waiting' ORDER BY d.sequence LIMIT 1
         ))::float8, 0) AS oldest
    FROM (SELECT destination, count(*) AS waiting FROM aperture.deliveries WHERE state = 'waiting' GROUP BY 1) AS w
    FULL JOIN (SELECT destination, count(*) AS dead FROM aperture.deliveries WHERE state = 'dead' GROUP BY 1) AS x
      ON x.destination = w.destination
    LEFT JOIN aperture.delivery_destinations AS known ON known.name = coalesce(w.destination, x.destination)`;
const LookRow = z
  .object({ destination: z.string(), waiting: z.int(), dead: z.int(), failures: z.int(), oldest: z.number() })
  .transform(({ oldest, ...row }): Waiting => ({ ...row, oldestSeconds: oldest }));

/** What hooks were told is not kept: there is nothing to tell again. */
const HAS_BODY = `(destination NOT LIKE 'hooks.%' OR EXISTS (
  SELECT FROM aperture.hook_payloads WHERE delivery_id = deliveries.id))`;

/** Whoever replays wants it tried now: circuits are closed for it. */
const replayed = (which: string): string => `
  WITH chosen AS (
    SELECT id FROM aperture.deliveries WHERE state <> 'waiting' AND ${which} AND ${HAS_BODY}
     ORDER BY id LIMIT ${REPLAYED_AT_ONCE} FOR UPDATE
  ), back AS (
    UPDATE aperture.deliveries AS d
       SET state = 'waiting', attempts = 0, rejections = 0, finished_at = NULL, next_attempt_at = clock_timestamp(),
           expires_at = clock_timestamp() + interval '${EXPIRES_AFTER}'
      FROM chosen WHERE d.id = chosen.id
    RETURNING d.destination
  ), closed AS (
    UPDATE aperture.delivery_destinations SET open_until = NULL WHERE name IN (SELECT destination FROM back)
  )
  SELECT count(*)::int AS replayed FROM back`;
