import type { Pool } from 'pg';
import { z } from 'zod';
import { uuid7Floor } from '../lib/uuid7.ts';
import { Conditions } from './conditions.ts';
import { pageOf, timeOf } from './queries.ts';
import type { Page } from './queries.ts';
import { DAY_MS } from './range.ts';
import type { UsageInterval } from './usage.ts';

/** Which tool calls; each filter narrows. `owner` is set for users and beats everything. */
export interface ToolFilter {
  owner: string | undefined;
  login: string | undefined;
  name: string | undefined;
  model: string | undefined;
  session: string | undefined;
  agent: string | undefined;
  /** Milliseconds since the epoch: from inclusive, to exclusive. */
  fromMs: number | undefined;
  toMs: number | undefined;
}

/** A call's place: its record, and which of its calls it is. Later places are newer. */
export interface CallPlace {
  record: string;
  position: number;
}

/** A result that comes later than this is not looked for: an agent that rests so long has begun another conversation. */
const RESULT_WITHIN_DAYS = 7;

/** The smallest UUIDv7 of a time: the upper edge of where a call's result is. */
const LATEST_RESULT = `(
  SELECT (substr(hex, 1, 8) || '-' || substr(hex, 9, 4) || '-7000-8000-000000000000')::uuid
    FROM lpad(to_hex((extract(epoch FROM call.at + interval '${RESULT_WITHIN_DAYS} days') * 1000)::bigint), 12, '0') AS hex
)`;

/** The first result after the call: a client may carry it again. */
const RESULT = `
  LEFT JOIN LATERAL (
    SELECT bytes, is_error, record_id, at FROM aperture.tool_results AS carried
     WHERE carried.key = call.key AND carried.record_id > call.record_id AND carried.record_id < ${LATEST_RESULT}
     ORDER BY carried.record_id, carried.position LIMIT 1
  ) AS result ON true`;

const Rows = z.array(z.object({ item: z.unknown(), place: z.string() }));

/** A page of tool calls, newest first. */
export async function listToolCalls(
  pool: Pool,
  filter: ToolFilter,
  page: { before: CallPlace | undefined; limit: number },
): Promise<Page> {
  const conditions = conditionsOf(filter);
  if (page.before !== undefined) {
    const record = conditions.parameter(page.before.record);
    const position = conditions.parameter(page.before.position);
    // The first says the same less exactly, in words by which partitions are left out.
    conditions.always(`record_id <= ${record}`);
    conditions.always(`(record_id, position) < (${record}, ${position})`);
  }
  const limit = conditions.parameter(page.limit + 1);
  const answer = await pool.query(
    `SELECT call.record_id || ':' || call.position AS place, json_build_object(
       'id', call.call_id, 'name', call.name, 'bytes', call.bytes, 'record_id', call.record_id, 'login', call.login,
       'session_id', call.session_id, 'model', call.model, 'agent', call.agent, 'at', ${timeOf('call.at')},
       'result', CASE WHEN result.record_id IS NOT NULL THEN json_build_object(
         'bytes', result.bytes, 'is_error', result.is_error, 'record_id', result.record_id, 'at', ${timeOf('result.at')}
       ) END
     ) AS item
       FROM (
         SELECT * FROM aperture.tool_calls ${conditions.where} ORDER BY record_id DESC, position DESC LIMIT ${limit}
       ) AS call ${RESULT}
      ORDER BY call.record_id DESC, call.position DESC`,
    conditions.values,
  );
  return pageOf(Rows.parse(answer.rows), page.limit, ({ place }) => place);
}

export const TOOL_GROUPS = ['name', 'login', 'model', 'agent'] as const;
export type ToolGroup = (typeof TOOL_GROUPS)[number];

export interface ToolReport {
  items: unknown[];
  /** There are more items than are told. */
  truncated: boolean;
}

/** A year of ten tools by the day, or a thousand tools. */
const COUNTED_ITEMS = 10_000;

const Items = z.array(z.object({ item: z.unknown() }));

/**
 * Counts of calls, in order of time, else the most frequent first. Under the grouping's name stands what is counted.
 * Each call counts with the same result that the list shows, but found by joining whole tables: a million calls took
 * three seconds so, and a minute when each looked for its own.
 */
export async function countToolCalls(
  pool: Pool,
  filter: ToolFilter & { fromMs: number; toMs: number },
  group: ToolGroup,
  interval: UsageInterval | undefined,
): Promise<ToolReport> {
  const conditions = conditionsOf(filter);
  const from = conditions.parameter(uuid7Floor(filter.fromMs));
  const to = conditions.parameter(uuid7Floor(filter.toMs + RESULT_WITHIN_DAYS * DAY_MS));
  const within = (table: string): string => `${table}.record_id >= ${from} AND ${table}.record_id < ${to}`;
  const time = interval === undefined ? '' : `date_trunc('${interval}', call.at, 'UTC') AS time,`;
  const calls = `(SELECT * FROM aperture.tool_calls ${conditions.where}) AS call`;
  const by = interval === undefined ? '1' : '1, 2';
  const answer = await pool.query(
    `WITH made AS (
       SELECT ${time} call."${group}" AS grouped, count(*) AS calls, sum(call.bytes) AS bytes, 0 AS with_result,
         0 AS errors, 0 AS result_bytes
         FROM ${calls} GROUP BY ${by}
     ), answered AS (
       SELECT ${time} call."${group}" AS grouped, 0 AS calls, 0 AS bytes, count(*) AS with_result,
         count(*) FILTER (WHERE result.is_error) AS errors, sum(result.bytes) AS result_bytes
         FROM ${calls} JOIN aperture.tool_results AS result
           ON result.key = call.key AND result.record_id > call.record_id AND ${within('result')}
          AND result.at < call.at + interval '${RESULT_WITHIN_DAYS} days'
        WHERE NOT EXISTS (
          SELECT FROM aperture.tool_results AS earlier
           WHERE earlier.key = result.key AND earlier.record_id > call.record_id AND ${within('earlier')}
             AND (earlier.record_id, earlier.position) < (result.record_id, result.position)
        )
        GROUP BY ${by}
     )
     SELECT row_to_json(item) AS item FROM (
       SELECT ${interval === undefined ? '' : `${timeOf('time')} AS time,`} grouped AS "${group}", sum(calls) AS calls,
         sum(with_result) AS with_result, sum(errors) AS errors, sum(bytes) AS bytes, sum(result_bytes) AS result_bytes
         FROM (TABLE made UNION ALL TABLE answered) AS counted
        GROUP BY ${by}
        ORDER BY ${interval === undefined ? 'sum(calls) DESC, 1' : '1, 2'}
        LIMIT ${COUNTED_ITEMS + 1}
     ) AS item`,
    conditions.values,
  );
  const items = Items.parse(answer.rows).map(({ item }) => item);
  return { items: items.slice(0, COUNTED_ITEMS), truncated: items.length > COUNTED_ITEMS };
}

function conditionsOf(filter: ToolFilter): Conditions {
  const conditions = new Conditions();
  conditions.add('login = ?', filter.owner);
  conditions.add('login = ?', filter.login);
  conditions.add('name = ?', filter.name);
  conditions.add('model = ?', filter.model);
  conditions.add('session_id = ?', filter.session);
  conditions.add('agent = ?', filter.agent);
  conditions.addTimes(filter, 'record_id');
  return conditions;
}
