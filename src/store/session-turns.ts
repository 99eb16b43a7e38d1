import { createHash } from 'node:crypto';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { HASHED_SESSION } from '../contract/facts.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import { storableJson } from '../lib/storable-text.ts';
import { uuid7Floor, uuid7Ms } from '../lib/uuid7.ts';
import { SESSION_KEY } from './session-rows.ts';

/*
 * Turns of conversations: what a record says of its own, and what the database knows of those around it.
 */

/**
 * A conversation that rests this long is over: the same words again are a new one. A working day: longer than a meeting
 * or the longest run of an agent's tools, shorter than a night.
 */
export const IDLE_MS = 8 * 3_600_000;

/**
 * Records that were accepted after one and stored before it are looked at up to this many: they are late by seconds, and
 * all are of one caller and one beginning. Beyond it, the late one may become a session of its own.
 */
const LATER_TURNS = 64;

/** OpenAI keeps a response for thirty days; what continues an older one is refused by it. */
const RESPONSES_KEPT_MS = 30 * 86_400_000;

/** A request of a conversation. */
export interface Turn {
  id: string;
  scope: string;
  session: string;
  messages: number;
  /** Hashes of the beginnings, the longest last. */
  chain: readonly string[];
}

/** A turn in the database, seen from a record that is to be placed. */
export interface KnownTurn extends Turn {
  /** Its session had more messages than the record before the record came. */
  passed: boolean;
}

/** The content decides the session, or the response that is continued: it is looked up before the record is stored. */
export function isToBePlaced(record: ExchangeRecord): boolean {
  return (
    record.session_base.startsWith(HASHED_SESSION) && (record.previous_response !== null || turnOf(record) !== null)
  );
}

export type Chain = Pick<Turn, 'messages' | 'chain'>;

/** The messages of the first, where the second begins with all of them; else 0. */
export function beginning(first: Chain, second: Chain): number {
  const link = second.chain.at(-1 - (second.messages - first.messages));
  return first.messages <= second.messages && link === first.chain.at(-1) ? first.messages : 0;
}

/** Null where nothing can be told of the conversation. */
export function turnOf({ history }: ExchangeRecord): Chain | null {
  return history === null || history.chain.length === 0 ? null : history;
}

/** Caller and beginning. JSON keeps the parts apart, whatever is in them. */
export function scopeOf({ login, session_base }: ExchangeRecord): string {
  return createHash('sha256')
    .update(JSON.stringify([login, session_base]))
    .digest('hex')
    .slice(0, 32);
}

/** Sessions of the responses that are continued, by the id of the record that continues. */
export async function continuedSessions(
  client: PoolClient,
  records: readonly ExchangeRecord[],
): Promise<ReadonlyMap<string, string>> {
  const asked = records.filter((record) => isToBePlaced(record) && record.previous_response !== null);
  if (asked.length === 0) return new Map();
  const times = asked.map(({ id }) => uuid7Ms(id));
  const answer = await client.query(CONTINUED, [
    storableJson(asked.map(({ id, login, previous_response }) => ({ id, login, previous_response }))),
    uuid7Floor(Math.max(0, Math.min(...times) - RESPONSES_KEPT_MS)),
  ]);
  return new Map(Continued.parse(answer.rows).map((row) => [row.id, row.session_id]));
}

const Continued = z.array(z.object({ id: z.string(), session_id: z.string() }));
const CONTINUED = `
  SELECT asked.id, found.session_id
    FROM json_to_recordset($1::json) AS asked (id uuid, login text, previous_response text)
   CROSS JOIN LATERAL (
     SELECT session_id FROM aperture.records
      WHERE response_id = asked.previous_response AND login = asked.login AND id >= $2
      ORDER BY id DESC LIMIT 1
   ) AS found`;

export interface Known {
  turns: KnownTurn[];
  /** There is a session under the base itself. */
  taken: boolean;
}

/** What the database knows around each record that its content is to place, by the record's id; `scopes` by the same. */
export async function knownTurns(
  client: PoolClient,
  records: readonly ExchangeRecord[],
  scopes: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, Known>> {
  const asked = records.flatMap((record) => {
    const turn = turnOf(record);
    const scope = scopes.get(record.id);
    if (turn === null || record.previous_response !== null || scope === undefined) return [];
    const { id, login, session_base } = record;
    const ms = uuid7Ms(id);
    const [since, until] = [uuid7Floor(Math.max(0, ms - IDLE_MS)), uuid7Floor(ms + IDLE_MS)];
    const { messages } = turn;
    const [link, ...earlier] = [...turn.chain].reverse();
    return [{ id, login, session_base, scope, since, until, messages, link, earlier }];
  });
  const known = new Map<string, Known>();
  if (asked.length === 0) return known;
  const since = asked.map((each) => each.since).sort()[0];
  const until = asked
    .map((each) => each.until)
    .sort()
    .at(-1);
  const answer = await client.query(KNOWN, [storableJson(asked), since, until, LATER_TURNS]);
  for (const { asked: id, scope, taken, turn } of KnownRows.parse(answer.rows)) {
    const of = known.get(id) ?? { turns: [], taken };
    known.set(id, of);
    if (turn !== null) of.turns.push({ ...turn, scope, chain: turn.chain.match(/.{16}/g) ?? [] });
  }
  return known;
}

const KnownRows = z.array(
  z.object({
    asked: z.string(),
    scope: z.string(),
    taken: z.boolean(),
    turn: z
      .object({ id: z.string(), session: z.string(), messages: z.int(), chain: z.string(), passed: z.boolean() })
      .nullable(),
  }),
);

/** The latest turn before the record that ends with this link. */
const latestWith = (digits: string): string => `
  SELECT * FROM aperture.session_turns AS turn
   WHERE turn.scope = decode(asked.scope, 'hex') AND turn.link = decode(${digits}, 'hex')
     AND turn.record_id >= asked.since AND turn.record_id <= asked.id
     AND turn.record_id >= $2 AND turn.record_id < $3
   ORDER BY turn.record_id DESC LIMIT 1`;

/**
 * Around each record: the latest turn with the longest beginning of it, the latest with all of it, those that came later
 * and were stored before. Beginnings come longest first: a turn adds few messages, so the first that is known is near.
 * The outer bounds, as parameters of their own, let the planner leave out all partitions but a few.
 */
const KNOWN = `
  SELECT asked.id AS asked, asked.scope,
    EXISTS (SELECT FROM aperture.sessions WHERE key = ${SESSION_KEY('asked.login', 'asked.session_base')}) AS taken,
    CASE WHEN turn.record_id IS NOT NULL THEN json_build_object(
      'id', turn.record_id,
      'session', turn.session_id,
      'messages', turn.messages,
      'chain', encode(turn.chain, 'hex'),
      'passed', EXISTS (
        SELECT FROM aperture.session_turns AS longer
         WHERE longer.scope = turn.scope AND longer.session_id = turn.session_id AND longer.messages > asked.messages
           AND longer.record_id >= asked.since AND longer.record_id < asked.id
           AND longer.record_id >= $2 AND longer.record_id < $3
      )
    ) END AS turn
    FROM json_to_recordset($1::json) AS asked (
      id uuid, login text, session_base text, scope text, since uuid, until uuid, messages int, link text,
      earlier json
    )
    LEFT JOIN LATERAL (
      (
        SELECT earlier.* FROM json_array_elements_text(asked.earlier) WITH ORDINALITY AS beginning (digits, place)
         CROSS JOIN LATERAL (${latestWith('digits')}) AS earlier
         ORDER BY beginning.place LIMIT 1
      )
      UNION ALL (${latestWith('asked.link')})
      UNION ALL (
        SELECT * FROM aperture.session_turns AS later
         WHERE later.scope = decode(asked.scope, 'hex')
           AND later.record_id > asked.id AND later.record_id < asked.until
           AND later.record_id >= $2 AND later.record_id < $3
         ORDER BY later.record_id LIMIT $4
      )
    ) AS turn ON true`;
