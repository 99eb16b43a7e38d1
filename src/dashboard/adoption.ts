import type { Pool } from 'pg';
import { z } from 'zod';
import { USAGE_KINDS } from '../contract/usage.ts';
import { EACH_GROUP } from './usage.ts';

/** Whole days, milliseconds since the epoch: from inclusive, to exclusive. */
export interface AdoptionRange {
  fromMs: number;
  toMs: number;
}

/** Somebody is active on a day with at least one request that was not refused. Only such requests count here. */
export interface AdoptionReport {
  totals: unknown;
  /** Every day of the range. */
  days: unknown[];
  distribution: { requests: RangeOfUsers[]; tokens: RangeOfUsers[] };
  /** The dearest first. */
  users: unknown[];
  users_truncated: boolean;
  /** Agents by group, the dearest first; someone in two groups counts in both. */
  teams: unknown[];
  teams_truncated: boolean;
}

/** Users whose mean of an active day is in a range: from inclusive, to exclusive. */
interface RangeOfUsers {
  from: number;
  to: number | null;
  users: number;
}

/** A page's table; the sums above it are of all. */
const USERS_TOLD = 1_000;
/** A thousand groups with ten agents each. */
const TEAMS_TOLD = 10_000;

/** From a single request to an agent that never rests: each range is twice the one before. */
const REQUEST_EDGES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];
/** From a question to an agent that reads whole repositories. */
const TOKEN_EDGES = [0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/** The longest of the windows that end with a day. */
const MONTH_DAYS = 30;
const WEEK_DAYS = 7;
const OFTEN_DAYS = 4;

const IS_OFTEN = `often_since > on_day - ${WEEK_DAYS}`;
const TOKENS = USAGE_KINDS.join(' + ');
const NOT_REFUSED = 'requests > refused';
const DATE = (time: string): string => `(${time} AT TIME ZONE 'UTC')::date`;
const FIRST = DATE('$1');
const SUMS = `sum(requests) AS requests, sum(tokens) AS tokens, sum(cost) AS cost`;
const SHOWN_SUMS = `coalesce(requests, 0) AS requests, coalesce(tokens, 0) AS tokens,
    coalesce(cost, 0)::text AS cost_nanodollars`;

/** The roll-ups, read once, from as many days before the range on as its first day looks back; then what each user did on each day. */
const ACTIVITY = `
used AS MATERIALIZED (
  SELECT login, groups, agent, ${DATE('day')} AS on_day, sum(requests - refused)::bigint AS requests,
    sum(${TOKENS})::bigint AS tokens, sum(cost_nanodollars) AS cost
    FROM aperture.rollup_day
   WHERE day >= $1::timestamptz - interval '${MONTH_DAYS - 1} days' AND day < $2 AND ${NOT_REFUSED}
   GROUP BY 1, 2, 3, 4
), activity AS MATERIALIZED (
  SELECT login, on_day, ${SUMS} FROM used GROUP BY 1, 2
)`;

/** Users of the range, with the first day ever on which each was active: one look into an index for each. */
const USERS = `
users AS MATERIALIZED (
  SELECT seen.*, first_day
    FROM (
      SELECT login, max(on_day) AS last_day, count(*) AS days_active, ${SUMS}
        FROM activity WHERE on_day >= ${FIRST} GROUP BY login
    ) AS seen CROSS JOIN LATERAL (
      SELECT ${DATE('day')} AS first_day FROM aperture.rollup_day AS earlier
       WHERE earlier.login = seen.login AND ${NOT_REFUSED} ORDER BY day LIMIT 1
    ) AS first
)`;

/**
 * Of an active day, the next one of that user and the one with which it makes `OFTEN_DAYS`. The next ends what this one
 * begins: so a user counts once in a window, however many active days are in it, and a window costs nothing by its length.
 */
const SPANS = `
spans AS MATERIALIZED (
  SELECT on_day, next, often_since, count(*) AS users FROM (
    SELECT on_day, lead(on_day) OVER own AS next, lag(on_day, ${OFTEN_DAYS - 1}) OVER own AS often_since
      FROM activity WINDOW own AS (PARTITION BY login ORDER BY on_day)
  ) AS own_days GROUP BY 1, 2, 3
), steps AS MATERIALIZED (
  SELECT on_day, sum(week) AS week, sum(month) AS month, sum(often) AS often FROM (
    SELECT on_day, users AS week, users AS month, CASE WHEN ${IS_OFTEN} THEN users ELSE 0 END AS often FROM spans
    UNION ALL
    SELECT least(next, on_day + ${WEEK_DAYS}), -users, 0, 0 FROM spans
    UNION ALL
    SELECT least(next, on_day + ${MONTH_DAYS}), 0, -users, 0 FROM spans
    UNION ALL
    SELECT least(next, often_since + ${WEEK_DAYS}), 0, 0, -users FROM spans WHERE ${IS_OFTEN}
  ) AS single GROUP BY on_day
)`;

/**
 * Every day, with how many users each window has: the sum of all steps until then. What is joined is a row a day: the
 * planner knows nothing of these tables, and joined users to their days in twenty seconds once.
 */
const DAYS = `
levels AS MATERIALIZED (
  SELECT on_day, sum(week) OVER upto AS active_7d, sum(month) OVER upto AS active_30d, sum(often) OVER upto AS four_of_seven
    FROM (
      SELECT ${FIRST} - ${MONTH_DAYS - 1} + n AS on_day
        FROM generate_series(0, ${DATE('$2')} - ${FIRST} + ${MONTH_DAYS - 2}) AS n
    ) AS calendar LEFT JOIN steps USING (on_day)
  WINDOW upto AS (ORDER BY on_day)
), daily AS MATERIALIZED (
  SELECT on_day, count(*) AS active FROM activity GROUP BY 1
), firsts AS MATERIALIZED (
  SELECT first_day AS on_day, count(*) AS new FROM users GROUP BY 1
), days AS (
  SELECT on_day AS day, coalesce(active, 0) AS active, coalesce(active_7d, 0) AS active_7d,
    coalesce(active_30d, 0) AS active_30d, coalesce(four_of_seven, 0) AS four_of_seven, coalesce(new, 0) AS new,
    coalesce(active, 0) - coalesce(new, 0) AS returning
    FROM levels LEFT JOIN daily USING (on_day) LEFT JOIN firsts USING (on_day)
   WHERE on_day >= ${FIRST}
   ORDER BY on_day
)`;

/** With all groups that a user was in at that time. */
const TOLD = `
page AS MATERIALIZED (
  SELECT * FROM users ORDER BY cost DESC, login LIMIT ${USERS_TOLD + 1}
), memberships AS MATERIALIZED (
  SELECT login, array_agg(DISTINCT each ORDER BY each) AS groups
    FROM (SELECT DISTINCT login, groups FROM used WHERE on_day >= ${FIRST}) AS member
   CROSS JOIN LATERAL unnest(groups) AS each
   WHERE login IN (SELECT login FROM page)
   GROUP BY login
), told AS (
  SELECT login, coalesce(groups, '{}') AS groups, first_day, last_day, days_active, ${SHOWN_SUMS}
    FROM page LEFT JOIN memberships USING (login)
   ORDER BY page.cost DESC, login
)`;

/** Each login once before it is counted: a count of distinct ones sorts all rows. */
const TEAMS = `
teams AS (
  SELECT each_group AS "group", agent, users, ${SHOWN_SUMS} FROM (
    SELECT each_group, agent, count(*) AS users, ${SUMS} FROM (
      SELECT each_group, agent, login, ${SUMS} FROM (
        SELECT login, groups, agent, ${SUMS} FROM used WHERE on_day >= ${FIRST} GROUP BY 1, 2, 3
      ) AS by_groups ${EACH_GROUP}
      GROUP BY 1, 2, 3
    ) AS by_login
    GROUP BY 1, 2 ORDER BY cost DESC, 1, 2 LIMIT ${TEAMS_TOLD + 1}
  ) AS summed
)`;

const TOTALS = `
totals AS (
  SELECT users, new_users, users - new_users AS returning_users, ${SHOWN_SUMS} FROM (
    SELECT count(*) AS users, count(*) FILTER (WHERE first_day >= ${FIRST}) AS new_users, ${SUMS} FROM users
  ) AS summed
)`;

/** How many users are in each range of these, which are counted from 1. */
const spread = (of: string, edges: readonly number[]): string => `(
  SELECT coalesce(json_object_agg(range, users), '{}') FROM (
    SELECT width_bucket(${of} / days_active, ARRAY[${edges.join(', ')}]::numeric[]) AS range, count(*) AS users
      FROM users GROUP BY 1
  ) AS spread
)`;

const all = (table: string): string => `(SELECT coalesce(json_agg(${table}), '[]') FROM ${table})`;

/** One statement: all that it tells is of one moment. */
const REPORT = `
WITH ${[ACTIVITY, USERS, SPANS, DAYS, TOLD, TEAMS, TOTALS].join(',')}
SELECT (SELECT row_to_json(totals) FROM totals) AS totals, ${all('days')} AS days, ${all('told')} AS users,
  ${all('teams')} AS teams, ${spread('requests', REQUEST_EDGES)} AS requests, ${spread('tokens', TOKEN_EDGES)} AS tokens`;

const Spread = z.record(z.string(), z.number());
const Row = z.object({
  totals: z.unknown(),
  days: z.array(z.unknown()),
  users: z.array(z.unknown()),
  teams: z.array(z.unknown()),
  requests: Spread,
  tokens: Spread,
});

/** Who uses what, and how often, from the roll-ups of days. */
export async function reportAdoption(pool: Pool, { fromMs, toMs }: AdoptionRange): Promise<AdoptionReport> {
  const { rows } = await pool.query(REPORT, [new Date(fromMs), new Date(toMs)]);
  const { totals, days, users, teams, requests, tokens } = Row.parse(rows[0]);
  return {
    totals,
    days,
    distribution: { requests: ranges(REQUEST_EDGES, requests), tokens: ranges(TOKEN_EDGES, tokens) },
    users: users.slice(0, USERS_TOLD),
    users_truncated: users.length > USERS_TOLD,
    teams: teams.slice(0, TEAMS_TOLD),
    teams_truncated: teams.length > TEAMS_TOLD,
  };
}

/** Every range, also those that nobody is in. */
function ranges(edges: readonly number[], users: Record<string, number>): RangeOfUsers[] {
  return edges.map((from, at) => ({ from, to: edges[at + 1] ?? null, users: users[at + 1] ?? 0 }));
}
