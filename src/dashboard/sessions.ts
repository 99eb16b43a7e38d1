import type { Pool } from 'pg';
import { z } from 'zod';
import { Conditions } from './conditions.ts';
import { membersOf } from './members.ts';
import { amendedPage, CALLS_IN_SHORT, MONEY_NOW, pageOf, pairs, shownNow, timeOf } from './queries.ts';
import type { Page } from './queries.ts';

/** Which sessions; each filter narrows. `owner` is set for users and beats everything. */
export interface SessionFilter {
  owner: string | undefined;
  login: string | undefined;
  agent: string | undefined;
  model: string | undefined;
  /** A group that the caller was in at one of its requests. */
  memberOf: string | undefined;
  /** The name of a tool that was called in it; found as long as tool use is kept. */
  tool: string | undefined;
  /** What it cost at least, in nanodollars; text, as it may be more than a number holds. */
  leastCost: string | undefined;
  /** Sessions with a request in between, milliseconds since the epoch: from inclusive, to exclusive. */
  fromMs: number | undefined;
  toMs: number | undefined;
  /** Sessions whose last request is older than this id. */
  before: string | undefined;
  limit: number;
}

const SUMMARY = `
  session_id, session_base, parent_session_id, login, node_id, first_record_id, last_record_id,
  ${timeOf('first_at')} AS first_at, ${timeOf('last_at')} AS last_at, requests, errors, usage_absent, cost_unknown,
  json_build_object(${pairs((kind) => kind)}) AS usage, cost_nanodollars::text AS cost_nanodollars, tool_calls, models,
  agents`;

const Rows = z.array(z.object({ item: z.unknown(), last_record_id: z.string() }));

/** A page of sessions, the newest activity first. One that goes on while pages are read moves to the front. */
export async function listSessions(pool: Pool, filter: SessionFilter): Promise<Page> {
  const conditions = new Conditions();
  conditions.add('login = ?', filter.owner);
  conditions.add('login = ?', filter.login);
  conditions.add('? = ANY(agents)', filter.agent);
  conditions.add('? = ANY(models)', filter.model);
  if (filter.memberOf !== undefined) addMembers(conditions, filter.memberOf, await membersOf(pool, filter.memberOf));
  addTool(conditions, filter);
  conditions.add('cost_nanodollars >= ?', filter.leastCost);
  conditions.addTimes(filter, 'last_record_id', 'first_record_id');
  conditions.add('last_record_id < ?', filter.before);
  const limit = conditions.parameter(filter.limit + 1);
  const answer = await pool.query(
    `SELECT last_record_id, row_to_json(shown) AS item FROM (
       SELECT ${SUMMARY} FROM aperture.sessions AS session ${conditions.where} ORDER BY last_record_id DESC LIMIT ${limit}
     ) AS shown`,
    conditions.values,
  );
  return pageOf(Rows.parse(answer.rows), filter.limit, ({ last_record_id }) => last_record_id);
}

/** Sessions know no groups, and records do: only those of members are looked at. */
function addMembers(conditions: Conditions, group: string, members: readonly string[]): void {
  conditions.add('login = ANY(?)', members);
  conditions.always(`EXISTS (
    SELECT FROM aperture.records AS record
     WHERE ${OF_SESSION('record', 'id')} AND ${conditions.parameter(group)} = ANY(record.groups)
  )`);
}

function addTool(conditions: Conditions, { tool, owner, login }: SessionFilter): void {
  if (tool === undefined) return;
  const inner = conditions.within();
  inner.add('call.name = ?', tool);
  inner.add('call.login = ?', owner);
  inner.add('call.login = ?', login);
  conditions.always(
    `EXISTS (SELECT FROM aperture.tool_calls AS call ${inner.whereAlso(OF_SESSION('call', 'record_id'))})`,
  );
}

/** SQL: a row of `table` is of the session. The range lets partitions of other days be left out. */
const OF_SESSION = (table: string, id: string): string =>
  `${table}.session_id = session.session_id AND ${table}.login = session.login
     AND ${table}.${id} >= session.first_record_id AND ${table}.${id} <= session.last_record_id`;

export interface SessionReport {
  session: unknown;
  /** In the order of their acceptance, the last ones. */
  requests: unknown[];
  /** There are earlier requests than are told. */
  truncated: boolean;
  /** Sessions that name this one as their parent. */
  children: unknown[];
}

/** `ambiguous`: several callers have a session with this id, and none was named. */
export type FoundSession = { found: SessionReport } | 'ambiguous' | undefined;

const MOST_REQUESTS = 1000;
const MOST_CHILDREN = 1000;

const REQUEST_IN_SHORT = `
  id, ${timeOf('received_at')} AS received_at, ${timeOf('ended_at')} AS ended_at, provider, model, api, agent, agent_id,
  status, stream, state, stop_reason, ${shownNow(['model_served', 'usage_state'])}, ${MONEY_NOW}, ${CALLS_IN_SHORT}, error`;

const Session = z.object({ login: z.string(), first_record_id: z.string(), last_record_id: z.string() });
const Items = z.array(z.object({ item: z.unknown() }));

/** One session with its requests; undefined when there is none, or it is not the owner's. */
export async function findSession(
  pool: Pool,
  id: string,
  login: string | undefined,
  owner: string | undefined,
): Promise<FoundSession> {
  const conditions = new Conditions();
  conditions.add('session_id = ?', id);
  conditions.add('login = ?', owner);
  conditions.add('login = ?', login);
  const answer = await pool.query(
    `SELECT row_to_json(shown) AS item FROM (
       SELECT ${SUMMARY} FROM aperture.sessions ${conditions.where} LIMIT 2
     ) AS shown`,
    conditions.values,
  );
  const [session, another] = Items.parse(answer.rows).map(({ item }) => item);
  if (session === undefined) return undefined;
  if (another !== undefined) return 'ambiguous';
  const of = Session.parse(session);
  // The range lets the planner leave out all partitions but those of the session's days.
  const requests = await pool.query(
    `SELECT row_to_json(shown) AS item FROM (
       SELECT ${REQUEST_IN_SHORT}
         FROM ${amendedPage('SELECT * FROM aperture.records WHERE session_id = $1 AND login = $2 AND id >= $3 AND id <= $4 ORDER BY id DESC LIMIT $5')}
        ORDER BY id DESC
     ) AS shown`,
    [id, of.login, of.first_record_id, of.last_record_id, MOST_REQUESTS + 1],
  );
  const children = await pool.query(
    `SELECT row_to_json(shown) AS item FROM (
       SELECT ${SUMMARY} FROM aperture.sessions
        WHERE parent_session_id = $1 AND login = $2
        ORDER BY first_record_id LIMIT ${MOST_CHILDREN}
     ) AS shown`,
    [id, of.login],
  );
  const newest = Items.parse(requests.rows).map(({ item }) => item);
  return {
    found: {
      session,
      requests: newest.slice(0, MOST_REQUESTS).reverse(),
      truncated: newest.length > MOST_REQUESTS,
      children: Items.parse(children.rows).map(({ item }) => item),
    },
  };
}
