import type { Pool } from 'pg';
import { z } from 'zod';
import { INDEXED_HEADER_CHARS } from '../contract/capture.ts';
import { uuid7Floor, uuid7Ms } from '../lib/uuid7.ts';
import { COST_AMENDMENTS } from '../store/amendments.ts';
import { Conditions } from './conditions.ts';
import type { About } from './conditions.ts';
import { membersOf } from './members.ts';
import { addDenial } from './denials.ts';
import type { DenialFilter } from './denials.ts';
import { amendedPage, CALLS_IN_SHORT, pageOf, SHOWN } from './queries.ts';
import type { Page } from './queries.ts';
import { DAY_MS } from './range.ts';
import { addVerdictLike, isAsked } from './verdicts.ts';
import type { VerdictLike } from './verdicts.ts';

/** Which rows; each filter narrows. */
export interface RequestFilter extends About {
  state: string | undefined;
  session: string | undefined;
  /** The name of a tool that the response called; found as long as tool use is kept. */
  tool: string | undefined;
  /** A rule said so of it. */
  verdict: VerdictLike;
  /** Why it was denied. */
  denial: DenialFilter | undefined;
  /** The code of the fault. */
  deniedBy: string | undefined;
  /** What it cost at least, in nanodollars, by what is known now; text, as it may be more than a number holds. */
  leastCost: string | undefined;
  /** An indexed header of the request or the response; without a value, whether it was there. */
  header: { name: string; value: string | undefined } | undefined;
  /** Milliseconds since the epoch: from inclusive, to exclusive. */
  fromMs: number | undefined;
  toMs: number | undefined;
  /** Rows older than this id. */
  before: string | undefined;
  /** Rows newer than this id. */
  after: string | undefined;
  limit: number;
}

/** Ids of days: from inclusive, to exclusive. */
interface Days {
  from: string;
  to: string;
}

const Rows = z.array(z.object({ item: z.unknown(), id: z.string() }));

/** A page of records, newest first. */
export async function listRequests(pool: Pool, filter: RequestFilter): Promise<Page> {
  const days = await daysWith(pool, filter);
  if (days === 'none') return { items: [], next: null };
  const conditions = conditionsOf(filter, days);
  if (filter.memberOf !== undefined) conditions.add('login = ANY(?)', await membersOf(pool, filter.memberOf));
  const limit = conditions.parameter(filter.limit + 1);
  const answer = await pool.query(
    `SELECT id, row_to_json(shown) AS item FROM (
       SELECT ${SHOWN}, ${CALLS_IN_SHORT} FROM ${amendedPage(newest(conditions, limit, filter, days))} ORDER BY id DESC
     ) AS shown`,
    conditions.values,
  );
  return pageOf(Rows.parse(answer.rows), filter.limit, ({ id }) => id);
}

/** All of the filter but what it says of the cost. */
function conditionsOf(filter: RequestFilter, days: Days | undefined): Conditions {
  const conditions = new Conditions();
  conditions.addAbout(filter);
  // In the words of its index too, which holds the beginning of a name.
  conditions.add('left(agent, 256) = left(?, 256)', filter.agent);
  conditions.add('state = ?', filter.state);
  // In the words of the partial index.
  if (filter.state !== undefined && filter.state !== 'complete') conditions.always(`state <> 'complete'`);
  conditions.add('session_id = ?', filter.session);
  addRange(conditions, 'id', filter, days);
  addHeader(conditions, filter, days);
  addTool(conditions, filter, days);
  addVerdict(conditions, filter, days);
  addDenial(conditions, filter.denial);
  conditions.add('denied_by = ?', filter.deniedBy);
  return conditions;
}

function addRange(conditions: Conditions, id: string, filter: RequestFilter, days: Days | undefined): void {
  conditions.addTimes(filter, id);
  conditions.add(`${id} < ?`, filter.before);
  conditions.add(`${id} > ?`, filter.after);
  conditions.add(`${id} >= ?`, days?.from);
  conditions.add(`${id} < ?`, days?.to);
}

/** With the range once more: the index of headers is cut by days, as the records are. */
function addHeader(conditions: Conditions, filter: RequestFilter, days: Days | undefined): void {
  if (filter.header === undefined) return;
  const { name, value } = filter.header;
  const inner = conditions.within();
  inner.add('name = ?', name);
  inner.add('value = ?', value?.slice(0, INDEXED_HEADER_CHARS));
  addRange(inner, 'record_id', filter, days);
  conditions.always(`id IN (SELECT record_id FROM aperture.indexed_headers ${inner.where})`);
}

/** With the range once more, as tool calls are cut by days too, and with what both tables have an index of. */
function addTool(conditions: Conditions, filter: RequestFilter, days: Days | undefined): void {
  if (filter.tool === undefined) return;
  const inner = conditions.within();
  inner.add('name = ?', filter.tool);
  inner.add('login = ?', filter.owner);
  inner.add('login = ?', filter.login);
  inner.add('session_id = ?', filter.session);
  addRange(inner, 'record_id', filter, days);
  conditions.always(`id IN (SELECT record_id FROM aperture.tool_calls ${inner.where})`);
}

/** With the range once more, and with what both tables have an index of. */
function addVerdict(conditions: Conditions, filter: RequestFilter, days: Days | undefined): void {
  if (!isAsked(filter.verdict)) return;
  const inner = conditions.within();
  addVerdictLike(inner, filter.verdict);
  inner.add('login = ?', filter.owner);
  inner.add('login = ?', filter.login);
  addRange(inner, 'record_id', filter, days);
  conditions.always(`id IN (SELECT record_id FROM aperture.verdicts ${inner.where})`);
}

/**
 * SQL for the newest records of these conditions. Where a cost is asked for, those whose booked cost stands and those whose
 * cost was amended are found apart: together, each row that is passed over would have to be looked up among amendments.
 */
function newest(conditions: Conditions, limit: string, filter: RequestFilter, days: Days | undefined): string {
  const rows = (...more: string[]): string =>
    `SELECT * FROM aperture.records AS record ${conditions.whereAlso(...more)} ORDER BY id DESC LIMIT ${limit}`;
  if (filter.leastCost === undefined) return rows();
  const least = `${conditions.parameter(filter.leastCost)}::bigint`;
  const range = conditions.within();
  addRange(range, 'record_id', filter, days);
  const ofRecord = `${COST_AMENDMENTS} AS amended WHERE amended.record_id = record.id`;
  const booked = rows(`cost_nanodollars >= ${least}`, `NOT EXISTS (SELECT FROM ${ofRecord})`);
  const amended = rows(
    `id IN (SELECT record_id FROM ${COST_AMENDMENTS} AS amended ${range.where})`,
    `(SELECT cost FROM ${ofRecord} ORDER BY amended.id DESC LIMIT 1) >= ${least}`,
  );
  return `SELECT * FROM ((${booked}) UNION ALL (${amended})) AS either ORDER BY id DESC LIMIT ${limit}`;
}

/** An id may be ahead of its time by what many ids of one millisecond need, and is counted by its time. */
const SLACK_MS = 3_600_000;

/**
 * Where two filters select much each and little together, neither's index helps: a month of one would be read for a page
 * of the other. The roll-ups know on which days both hold, and that of one filter that has no index. A request that
 * cost as much is in a sum that is no less. Undefined: not worth the question.
 */
async function daysWith(pool: Pool, filter: RequestFilter): Promise<Days | 'none' | undefined> {
  const { memberOf, leastCost } = filter;
  const conditions = new Conditions();
  conditions.addAbout(filter);
  conditions.add('cost_nanodollars >= ?', leastCost);
  const isIndexed = memberOf === undefined && leastCost === undefined;
  if (isIndexed && conditions.values.length < 2) return undefined;
  addDays(conditions, filter);
  const { rows } = await pool.query(
    `SELECT extract(epoch FROM min(day)) * 1000 AS first, extract(epoch FROM max(day)) * 1000 AS last
       FROM aperture.rollup_day ${conditions.where}`,
    conditions.values,
  );
  const { first, last } = DaysRow.parse(rows[0]);
  if (first === null || last === null) return 'none';
  return { from: uuid7Floor(Math.max(0, first - SLACK_MS)), to: uuid7Floor(last + DAY_MS + SLACK_MS) };
}

/** Of the days that the range touches. */
function addDays(conditions: Conditions, { fromMs, toMs, before, after }: RequestFilter): void {
  const from = Math.max(fromMs ?? 0, after === undefined ? 0 : uuid7Ms(after));
  const to = Math.min(toMs ?? Infinity, before === undefined ? Infinity : uuid7Ms(before));
  conditions.add('day > ?', from === 0 ? undefined : new Date(from - SLACK_MS - DAY_MS));
  conditions.add('day < ?', to === Infinity ? undefined : new Date(to + SLACK_MS));
}

const Ms = z.string().transform(Number).nullable();
const DaysRow = z.object({ first: Ms, last: Ms });
