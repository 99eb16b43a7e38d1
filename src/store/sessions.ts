import { createHash } from 'node:crypto';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { HASHED_SESSION } from '../contract/facts.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import { USAGE_KINDS } from '../contract/usage.ts';
import { storableJson } from '../lib/storable-text.ts';
import { uuid7Floor, uuid7Ms } from '../lib/uuid7.ts';
import { takeLocks } from './locks.ts';
import { COST_UNKNOWN, USAGE_ABSENT } from './rollups.ts';

/**
 * A conversation that rests this long is over: the same words again are a new one. A working day: longer than a meeting
 * or the longest run of an agent's tools, shorter than a night.
 */
const IDLE_HOURS = 8;
const IDLE_MS = IDLE_HOURS * 3_600_000;

/**
 * Records that were accepted after one and stored before it are looked at up to this many: they are late by seconds, and
 * all are of one caller and one beginning. Beyond it, the late one may become a session of its own.
 */
const LATER_TURNS = 64;

/** OpenAI keeps a response for thirty days; what continues an older one is refused by it. */
const RESPONSES_KEPT_MS = 30 * 86_400_000;

/** Hex digits of a record's id that name a session which is not the first of its base: the random ones. */
const SUFFIX_DIGITS = 12;

/** "apse": advisory locks of our own, one per caller and beginning. */
const SESSION_LOCK = 0x61707365;

/** A record whose session is decided. */
export interface PlacedRecord extends ExchangeRecord {
  /** What later records of the same conversation are found by; null where the content does not decide. */
  turn: StoredTurn | null;
}

/** Hex digits, for the statement. */
interface StoredTurn {
  scope: string;
  messages: number;
  link: string;
  chain: string;
}

/** A request of a conversation. */
interface Turn {
  id: string;
  scope: string;
  session: string;
  messages: number;
  /** Hashes of the beginnings, the longest last. */
  chain: readonly string[];
}

/** A turn in the database, seen from a record that is to be placed. */
interface KnownTurn extends Turn {
  /** Its session had more messages than the record before the record came. */
  passed: boolean;
}

/** The content decides the session, or the response that is continued: it is looked up before the record is stored. */
export function isToBePlaced(record: ExchangeRecord): boolean {
  return (
    record.session_base.startsWith(HASHED_SESSION) && (record.previous_response !== null || turnOf(record) !== null)
  );
}

/** Without a look into the database: the client's own id is the session, and so is a base that has no history. */
export function placedAsIs(record: ExchangeRecord): PlacedRecord {
  return { ...record, turn: null };
}

/**
 * Decides the sessions of records that come ordered by id. Holds the locks of their conversations until the end of the
 * transaction, so that of two processors the second sees what the first decided. A record that is stored already gets
 * the session that it has.
 */
export async function placeSessions(client: PoolClient, records: readonly ExchangeRecord[]): Promise<PlacedRecord[]> {
  const locks = records.filter(isToBePlaced).map((record) => lockOf(scopeOf(record)));
  await takeLocks(client, SESSION_LOCK, locks);
  const continued = await continuedSessions(client, records);
  const known = await knownTurns(client, records);
  const placed: PlacedRecord[] = [];
  const turns = new TurnsOfBatch();
  for (const record of records) {
    if (!isToBePlaced(record)) {
      placed.push(placedAsIs(record));
    } else if (record.previous_response !== null) {
      // Its own words say nothing of the conversation, which the provider's server remembers.
      const within = placed.findLast(
        ({ login, response_id }) => login === record.login && response_id === record.previous_response,
      );
      const session = within?.session_id ?? continued.get(record.id) ?? laterSessionOf(record);
      placed.push({ ...record, session_id: session, turn: null });
    } else {
      const scope = scopeOf(record);
      const { turns: stored = [], taken = false } = known.get(record.id) ?? {};
      const before = turns.of(scope);
      const first = !taken && before.length === 0;
      const session = extended(record, stored, before) ?? (first ? record.session_base : laterSessionOf(record));
      const turn = turnOf(record);
      if (turn !== null) turns.add({ id: record.id, scope, session, ...turn });
      placed.push({ ...record, session_id: session, turn: storedTurn(scope, turn) });
    }
  }
  return placed;
}

/**
 * The session that the record belongs to: of the turn with which it shares the longest beginning, of several the latest.
 * One with the whole history, which the record repeats (a retry) or by which, stored late, it is extended, counts unless
 * the record extends a later one: where answers repeat themselves, the same conversation is held again. And a session
 * that had gone on by then is not begun again by its own beginning.
 */
function extended(record: ExchangeRecord, stored: readonly KnownTurn[], inBatch: readonly Turn[]): string | undefined {
  const own = turnOf(record);
  if (own === null) return undefined;
  const same = inBatch.filter((turn) => uuid7Ms(record.id) - uuid7Ms(turn.id) <= IDLE_MS);
  const all = [...stored, ...same].map((turn) => ({
    turn,
    shared: turn.id < record.id ? beginning(turn, own) : beginning(own, turn),
  }));
  const itself = all.find(({ turn }) => turn.id === record.id);
  if (itself !== undefined) return itself.turn.session;
  const passed = new Set(
    [...stored.filter((turn) => turn.passed), ...same.filter((turn) => turn.messages > own.messages)].map(
      ({ session }) => session,
    ),
  );
  const before = all
    .filter(({ shared }) => shared > 0 && shared < own.messages)
    .sort((a, b) => b.shared - a.shared || (a.turn.id < b.turn.id ? 1 : -1))[0];
  const whole = all
    .filter(({ shared, turn }) => shared === own.messages && !passed.has(turn.session))
    .sort((a, b) => (a.turn.id < b.turn.id ? 1 : -1))[0];
  if (before === undefined || whole === undefined) return (before ?? whole)?.turn.session;
  return (whole.turn.id > before.turn.id ? whole : before).turn.session;
}

/**
 * The turns of a batch, by caller and beginning. Of those that say the same in one session the latest stands for all: a
 * batch of one conversation would otherwise be compared with itself, each with each.
 */
class TurnsOfBatch {
  readonly #byScope = new Map<string, Map<string, Turn>>();

  of(scope: string): Turn[] {
    return [...(this.#byScope.get(scope)?.values() ?? [])];
  }

  add(turn: Turn): void {
    const turns = this.#byScope.get(turn.scope) ?? new Map<string, Turn>();
    this.#byScope.set(turn.scope, turns.set(`${turn.session} ${turn.chain.join('')}`, turn));
  }
}

type Chain = Pick<Turn, 'messages' | 'chain'>;

/** The messages of the first, where the second begins with all of them; else 0. */
function beginning(first: Chain, second: Chain): number {
  const link = second.chain.at(-1 - (second.messages - first.messages));
  return first.messages <= second.messages && link === first.chain.at(-1) ? first.messages : 0;
}

/** Null where nothing can be told of the conversation. */
function turnOf({ history }: ExchangeRecord): Chain | null {
  return history === null || history.chain.length === 0 ? null : history;
}

function storedTurn(scope: string, turn: Chain | null): StoredTurn | null {
  if (turn === null) return null;
  return { scope, messages: turn.messages, link: turn.chain.at(-1) ?? '', chain: turn.chain.join('') };
}

/** The same for a job that is tried again. */
function laterSessionOf({ session_base, id }: ExchangeRecord): string {
  return `${session_base}_${id.slice(-SUFFIX_DIGITS)}`;
}

/** Caller and beginning. JSON keeps the parts apart, whatever is in them. */
function scopeOf({ login, session_base }: ExchangeRecord): string {
  return createHash('sha256')
    .update(JSON.stringify([login, session_base]))
    .digest('hex')
    .slice(0, 32);
}

/** Two scopes may have one lock: they wait for one another needlessly, and nothing else. */
function lockOf(scope: string): number {
  return Number.parseInt(scope.slice(0, 8), 16) | 0;
}

/** Sessions of the responses that are continued, by the id of the record that continues. */
async function continuedSessions(
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

interface Known {
  turns: KnownTurn[];
  /** There is a session under the base itself. */
  taken: boolean;
}

/** What the database knows around each record that its content is to place, by the record's id. */
async function knownTurns(client: PoolClient, records: readonly ExchangeRecord[]): Promise<ReadonlyMap<string, Known>> {
  const asked = records.flatMap((record) => {
    const turn = turnOf(record);
    if (turn === null || record.previous_response !== null || !isToBePlaced(record)) return [];
    const { id, login, session_base } = record;
    const ms = uuid7Ms(id);
    const [since, until] = [uuid7Floor(Math.max(0, ms - IDLE_MS)), uuid7Floor(ms + IDLE_MS)];
    const { messages } = turn;
    const [link, ...earlier] = [...turn.chain].reverse();
    return [{ id, login, session_base, scope: scopeOf(record), since, until, messages, link, earlier }];
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

/** What a session's row is found by. */
export const SESSION_KEY = (login: string, session: string): string =>
  `sha256(convert_to(json_build_array(${login}, ${session})::text, 'UTF8'))`;

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

/** Models and agents that a session's row names. */
const NAMES = 32;

const SUMS: Record<string, string> = {
  requests: 'count(*)',
  // All that came to no proper end, but for clients that left.
  errors: `count(*) FILTER (WHERE state NOT IN ('complete', 'aborted'))`,
  usage_absent: `count(*) FILTER (WHERE ${USAGE_ABSENT})`,
  cost_unknown: `count(*) FILTER (WHERE ${COST_UNKNOWN})`,
  ...Object.fromEntries(
    [...USAGE_KINDS, 'cost_nanodollars'].map((name) => [name, `coalesce(sum(${name}), 0)`] as const),
  ),
  tool_calls: 'sum(tool_call_count)',
};

const edge = (name: string, order: 'ASC' | 'DESC'): string => `(array_agg(${name} ORDER BY id ${order}))[1]`;
const names = (list: string): string => `ARRAY(SELECT DISTINCT name FROM ${list} AS name ORDER BY 1 LIMIT ${NAMES})`;

/** Parts of the statement that stores records: of the rows that were new (`inserted`), the turns and the sums. */
export const SESSION_PARTS = `
session_turn AS (
  INSERT INTO aperture.session_turns (scope, record_id, session_id, messages, link, chain)
  SELECT decode(turn->>'scope', 'hex'), inserted.id, inserted.session_id, (turn->>'messages')::int,
    decode(turn->>'link', 'hex'), decode(turn->>'chain', 'hex')
  FROM inserted JOIN input USING (id)
  WHERE turn IS NOT NULL
), session AS (
  INSERT INTO aperture.sessions AS old (
    key, login, session_id, session_base, parent_session_id, node_id, first_record_id, last_record_id, first_at,
    last_at, models, agents, ${Object.keys(SUMS).join(', ')}
  )
  SELECT
    ${SESSION_KEY('login', 'session_id')}, login, session_id, ${edge('session_base', 'ASC')},
    (array_agg(parent_session_id ORDER BY id) FILTER (WHERE parent_session_id <> session_id))[1],
    ${edge('node_id', 'DESC')}, ${edge('id', 'ASC')}, ${edge('id', 'DESC')}, min(received_at), max(ended_at),
    ${names('unnest(array_agg(model))')}, ${names('unnest(array_agg(agent))')}, ${Object.values(SUMS).join(', ')}
  FROM inserted
  GROUP BY login, session_id
  ORDER BY 1
  ON CONFLICT (key) DO UPDATE SET
    parent_session_id = coalesce(old.parent_session_id, excluded.parent_session_id),
    node_id = CASE WHEN excluded.last_record_id > old.last_record_id THEN excluded.node_id ELSE old.node_id END,
    first_record_id = least(old.first_record_id, excluded.first_record_id),
    last_record_id = greatest(old.last_record_id, excluded.last_record_id),
    first_at = least(old.first_at, excluded.first_at),
    last_at = greatest(old.last_at, excluded.last_at),
    models = ${names('unnest(old.models || excluded.models)')},
    agents = ${names('unnest(old.agents || excluded.agents)')},
    ${Object.keys(SUMS)
      .map((name) => `${name} = old.${name} + excluded.${name}`)
      .join(', ')}
)`;

/** What an amendment may change of a session's sums: SQL over one row of `effects`, by column. */
const AMENDED: Record<string, string> = {
  usage_absent: `(${USAGE_ABSENT})::int`,
  cost_unknown: `(${COST_UNKNOWN})::int`,
  ...Object.fromEntries([...USAGE_KINDS, 'cost_nanodollars'].map((name) => [name, name])),
};

/** The part of a statement that corrects sessions by `effects`: each record as it was (`sign` -1) and as it is (1). */
export const AMENDED_SESSIONS = `
  UPDATE aperture.sessions AS old SET ${Object.keys(AMENDED)
    .map((name) => `${name} = old.${name} + change.${name}`)
    .join(', ')}
  FROM (
    SELECT ${SESSION_KEY('login', 'session_id')} AS key, ${Object.entries(AMENDED)
      .map(([name, sql]) => `coalesce(sum(sign * ${sql}), 0) AS ${name}`)
      .join(', ')}
    FROM effects GROUP BY 1
  ) AS change
  WHERE old.key = change.key`;
