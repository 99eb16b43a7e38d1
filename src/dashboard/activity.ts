import type { Pool } from 'pg';
import { z } from 'zod';
import { BUCKET, IS_TIMED, middleOf, MOMENTS, TIMED } from '../store/latencies.ts';
import type { Timed } from '../store/latencies.ts';
import { Conditions } from './conditions.ts';
import { timeOf } from './queries.ts';
import type { Range } from './range.ts';

export const ACTIVITY_GROUPS = ['model', 'agent'] as const;
export type ActivityGroup = (typeof ACTIVITY_GROUPS)[number];

export interface ActivityFilter extends Range {
  group: ActivityGroup;
  /** An item for each day, in place of one for all of them. */
  byDay: boolean;
  owner: string | undefined;
  login: string | undefined;
  model: string | undefined;
  agent: string | undefined;
}

/** Half of so many took no longer than this, nineteen of twenty no longer than that. */
interface Latency {
  requests: number;
  p50_ms: number;
  p95_ms: number;
}
type Latencies = Record<Timed, Latency | null>;

/** Under the name of the group stands what it is about, empty where a record has none; `time` is when its day begins. */
type ActivityItem = { users: number; time?: string } & Latencies & Partial<Record<ActivityGroup, string>>;

export interface ActivityReport {
  /** The most used first; by day, in order of time. */
  items: ActivityItem[];
  total: { users: number } & Latencies;
  /** There are more items than are told. */
  truncated: boolean;
}

/** A year of as many models as a large company uses in a day. */
const ITEMS = 10_000;

/** How long answers took, and how many people had any. */
export async function reportActivity(pool: Pool, filter: ActivityFilter): Promise<ActivityReport> {
  const [users, times] = await Promise.all([countUsers(pool, filter), readLatencies(pool, filter)]);
  const found = new Map<string, ActivityItem>();
  let total: ActivityReport['total'] = { users: 0, ...NOT_TIMED };
  for (const row of users.slice(0, ITEMS + 1)) {
    if (row.is_total) total = { ...total, users: row.users };
    else found.set(keyOf(row), { ...aboutOf(row, filter), users: row.users, ...NOT_TIMED });
  }
  for (const row of times) {
    const { requests, p50, p95 } = row;
    const latency = { requests, p50_ms: Math.round(middleOf(p50)), p95_ms: Math.round(middleOf(p95)) };
    const item = row.is_total ? total : found.get(keyOf(row));
    if (item !== undefined) item[row.what] = latency;
  }
  return { items: [...found.values()].slice(0, ITEMS), total, truncated: found.size > ITEMS };
}

const NOT_TIMED: Latencies = { first_byte: null, whole: null };

interface Place {
  day: string | null;
  grouped: string | null;
}

function keyOf({ day, grouped }: Place): string {
  return JSON.stringify([day, grouped]);
}

function aboutOf({ day, grouped }: Place, { group }: ActivityFilter): Partial<ActivityItem> {
  return { ...(day === null ? {} : { time: day }), [group]: grouped ?? '' };
}

const place = { is_total: z.boolean(), day: z.nullable(z.string()), grouped: z.nullable(z.string()) };
const Users = z.array(z.object({ ...place, users: z.number() }));
const Times = z.array(
  z.object({ ...place, what: z.enum(TIMED), requests: z.number(), p50: z.number(), p95: z.number() }),
);

/** The total first; then who of the group has the most requests, or by day, in order of time. */
async function countUsers(pool: Pool, filter: ActivityFilter): Promise<z.infer<typeof Users>> {
  const conditions = new Conditions();
  conditions.add('day >= ?', new Date(filter.fromMs));
  conditions.add('day < ?', new Date(filter.toMs));
  narrow(conditions, filter);
  const { rows } = await pool.query(
    `SELECT is_total, ${timeOf('day')} AS day, grouped, users FROM (
       SELECT grouping(grouped) = 1 AS is_total, day, grouped, count(DISTINCT login)::int AS users, sum(passed) AS passed
         FROM (
           SELECT ${filter.byDay ? 'day' : 'NULL::timestamptz AS day'}, ${filter.group} AS grouped, login,
             sum(requests - refused) AS passed
             FROM aperture.rollup_day ${conditions.whereAlso('requests > refused')}
            GROUP BY 1, 2, 3
         ) AS each
        GROUP BY GROUPING SETS ((day, grouped), ())
     ) AS counted
     ORDER BY is_total DESC, counted.day, ${filter.byDay ? '' : 'passed DESC,'} grouped
     LIMIT ${ITEMS + 2}`,
    conditions.values,
  );
  return Users.parse(rows);
}

/** By what the counts say: the range that the middle one is in, and the one that nineteen of twenty are in or before. */
async function readLatencies(pool: Pool, filter: ActivityFilter): Promise<z.infer<typeof Times>> {
  const conditions = new Conditions();
  const cells = cellsOf(filter, conditions);
  const { rows } = await pool.query(
    `WITH cells AS MATERIALIZED (
       SELECT ${filter.byDay ? 'day' : 'NULL::timestamptz AS day'}, grouped, what, bucket, sum(requests) AS requests
         FROM (${cells}) AS cell GROUP BY 1, 2, 3, 4
     ), counted AS (
       SELECT false AS is_total, day, grouped, what, bucket, requests FROM cells
        UNION ALL
       SELECT true, NULL, NULL, what, bucket, sum(requests) FROM cells GROUP BY what, bucket
     ), running AS (
       SELECT *, sum(requests) OVER (of_one ORDER BY bucket) AS upto, sum(requests) OVER of_one AS of_all
         FROM counted WINDOW of_one AS (PARTITION BY is_total, day, grouped, what)
     )
     SELECT is_total, ${timeOf('day')} AS day, grouped, what, max(of_all)::float8 AS requests,
       min(bucket) FILTER (WHERE upto >= 0.5 * of_all) AS p50, min(bucket) FILTER (WHERE upto >= 0.95 * of_all) AS p95
       FROM running
      GROUP BY is_total, running.day, grouped, what
      ORDER BY is_total DESC, running.day, grouped LIMIT ${TIMED.length * (ITEMS + 2)}`,
    conditions.values,
  );
  return Times.parse(rows);
}

/** SQL of the counts: of everybody, as they are kept; of one login, made from the records of that one. */
function cellsOf(filter: ActivityFilter, conditions: Conditions): string {
  const { fromMs, toMs, group, owner, login } = filter;
  if (owner === undefined && login === undefined) {
    conditions.add('day >= ?', new Date(fromMs));
    conditions.add('day < ?', new Date(toMs));
    narrow(conditions, filter);
    return `SELECT day, ${group} AS grouped, what, bucket, requests FROM aperture.latency_day ${conditions.where}`;
  }
  conditions.addTimes({ fromMs, toMs }, 'id');
  narrow(conditions, filter);
  return `
    SELECT date_trunc('day', received_at, 'UTC') AS day, ${group} AS grouped, what, ${BUCKET} AS bucket, 1 AS requests
      FROM aperture.records ${MOMENTS} ${conditions.whereAlso(IS_TIMED)}`;
}

function narrow(conditions: Conditions, { owner, login, model, agent }: ActivityFilter): void {
  conditions.add('login = ?', owner);
  conditions.add('login = ?', login);
  conditions.add('model = ?', model);
  conditions.add('agent = ?', agent);
}
