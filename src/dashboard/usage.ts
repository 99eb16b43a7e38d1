import type { Pool } from 'pg';
import { z } from 'zod';
import { USAGE_KINDS } from '../contract/usage.ts';
import { Conditions } from './conditions.ts';
import type { About } from './conditions.ts';
import { pairs, timeOf } from './queries.ts';
import { DAY_MS } from './range.ts';

export const USAGE_GROUPS = ['login', 'group', 'node', 'model', 'provider', 'agent', 'api', 'status'] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];
export const USAGE_INTERVALS = ['hour', 'day'] as const;
export type UsageInterval = (typeof USAGE_INTERVALS)[number];

export interface UsageRange extends About {
  /** Whole hours, milliseconds since the epoch: from inclusive, to exclusive. */
  fromMs: number;
  toMs: number;
}

/** What a report says beside its items, for those who ask: a page then asks once. */
export const USAGE_EXTRAS = ['groups', 'users'] as const;
export type UsageExtra = (typeof USAGE_EXTRAS)[number];

export interface UsageFilter extends UsageRange {
  group: UsageGroup;
  interval: UsageInterval | undefined;
  extras: readonly UsageExtra[];
}

/** What is summed of a set of exchanges. */
export const UsageSums = z.object({
  requests: z.number(),
  /** Nothing was sent to a provider: denied, or blocked before. */
  refused: z.number(),
  /** Sent to a provider, and answered with a status of 400 or above. */
  errors: z.number(),
  /** Exchanges whose tokens `usage` lacks. */
  usage_absent: z.number(),
  usage_partial: z.number(),
  usage_estimated: z.number(),
  /** Exchanges whose cost `cost_nanodollars` lacks. */
  cost_unknown: z.number(),
  usage: z.record(z.enum(USAGE_KINDS), z.number()),
  cost_nanodollars: z.string(),
  request_bytes: z.number(),
  response_bytes: z.number(),
});
export type UsageSums = z.infer<typeof UsageSums>;

/**
 * Under the name of the grouping (`model`, `login`, …) stands what was grouped by, empty where a record has none; `time`
 * is when the interval begins, where one was asked for.
 */
export const UsageItem = z.looseObject({ ...UsageSums.shape, time: z.string().optional() });
export type UsageItem = z.infer<typeof UsageItem>;

export interface UsageReport {
  /** Each a `UsageItem`. */
  items: unknown[];
  /** Of everything in the range, each exchange once: someone in two groups counts in both, and here once. */
  total: UsageSums;
  /** There are more items, or groups, than are told. */
  truncated: boolean;
  /** Of a report by time: each group over the whole range, the dearest first. */
  groups?: unknown[];
  /** Logins with at least one request that was not refused. */
  users?: number;
}

/** A year by the hour, or the models of a large company by the day. */
const USAGE_ITEMS = 10_000;

/** What is grouped by, in the roll-ups. */
export const USAGE_COLUMNS: Record<UsageGroup, string> = {
  login: 'login',
  group: 'each_group',
  node: 'node_id',
  model: 'model',
  provider: 'provider',
  agent: 'agent',
  api: 'api',
  status: 'status',
};

/** A row for each group of a login: what is grouped by them adds up to more than there is. */
export const EACH_GROUP = `CROSS JOIN LATERAL unnest(CASE WHEN groups = '{}' THEN ARRAY[''] ELSE groups END) AS each_group`;

const COUNTS = ['requests', 'refused', 'errors', 'usage_absent', 'usage_partial', 'usage_estimated', 'cost_unknown'];
export const COUNTED = [...COUNTS, 'request_bytes', 'response_bytes'];
export const SUMS = [...COUNTED, ...USAGE_KINDS, 'cost_nanodollars']
  .map((name) => `coalesce(sum(${name}), 0) AS ${name}`)
  .join(', ');
const SHOWN_SUMS = `
  ${COUNTED.join(', ')}, json_build_object(${pairs((kind) => kind)}) AS usage, cost_nanodollars::text AS cost_nanodollars`;

const ERRORS = 'CASE WHEN status >= 400 THEN requests - refused ELSE 0 END AS errors';

/**
 * SQL of the roll-ups of a range: by the hour, or whole days by the day with the hours at both ends, which are several
 * times fewer rows. What it names is added to `values`.
 */
export function rollups(range: UsageRange, byHour: boolean, values: unknown[]): string {
  const { fromMs, toMs } = range;
  const first = Math.ceil(fromMs / DAY_MS) * DAY_MS;
  const last = Math.floor(toMs / DAY_MS) * DAY_MS;
  const of = (table: 'hour' | 'day', from: number, to: number): string => {
    const conditions = new Conditions(values);
    conditions.add(`${table} >= ?`, new Date(from));
    conditions.add(`${table} < ?`, new Date(to));
    conditions.addAbout(range);
    return `SELECT *, ${ERRORS} FROM aperture.rollup_${table} ${conditions.where}`;
  };
  const parts =
    byHour || first >= last
      ? [of('hour', fromMs, toMs)]
      : [of('hour', fromMs, first), of('day', first, last), of('hour', last, toMs)];
  return `(${parts.join(' UNION ALL ')}) AS rollup`;
}

export const BEGINS: Record<UsageInterval, string> = { hour: 'hour', day: `date_trunc('day', hour, 'UTC')` };

/** Sums of roll-ups. Without an interval, one item per group, the dearest first. */
export async function sumUsage(pool: Pool, filter: UsageFilter): Promise<UsageReport> {
  const [report, users] = await Promise.all([
    readReport(pool, filter),
    filter.extras.includes('users') ? countUsers(pool, filter) : undefined,
  ]);
  return users === undefined ? report : { ...report, users };
}

const Rows = z.array(z.tuple([z.enum(['item', 'group', 'total']), z.unknown()]));

async function readReport(pool: Pool, { interval, group, extras, ...range }: UsageFilter): Promise<UsageReport> {
  const timed = interval !== undefined;
  const values: unknown[] = [];
  const each = group === 'group' ? EACH_GROUP : '';
  const from = `${rollups(range, interval === 'hour', values)} ${each}`;
  // The total is that of the items, unless somebody in several groups is in several of them; and hours are read in their
  // order only until enough items are there.
  const apart = group === 'group' || interval === 'hour';
  const byDay = apart ? rollups(range, false, values) : 'summed';
  const ofGroup = apart
    ? `${USAGE_COLUMNS[group]} AS grouped, ${SUMS} FROM ${byDay} ${each}`
    : `grouped, ${SUMS} FROM summed`;
  const withGroups = timed && extras.includes('groups');
  // Times become text and sums become objects once it is known which items are told.
  const items = `
    SELECT 'item', row_to_json(item) FROM (
      SELECT ${timed ? `${timeOf('begins')} AS time,` : ''} grouped AS "${group}", ${SHOWN_SUMS}
        FROM summed
       ORDER BY ${timed ? 'begins, grouped' : DEAREST}
       LIMIT ${USAGE_ITEMS + 1}
    ) AS item`;
  const groups = `
    SELECT 'group', row_to_json(item) FROM (
      SELECT grouped AS "${group}", ${SHOWN_SUMS}
        FROM (SELECT ${ofGroup} GROUP BY 1) AS summed
       ORDER BY ${DEAREST}
       LIMIT ${USAGE_ITEMS + 1}
    ) AS item`;
  const total = `
    SELECT 'total', row_to_json(total) FROM (SELECT ${SHOWN_SUMS} FROM (SELECT ${SUMS} FROM ${byDay}) AS sums) AS total`;
  const { rows } = await pool.query({
    text: `
      WITH summed AS MATERIALIZED (
        SELECT ${timed ? `${BEGINS[interval]} AS begins,` : ''} ${USAGE_COLUMNS[group]} AS grouped, ${SUMS}
          FROM ${from}
         GROUP BY ${timed ? '1, 2' : '1'}
         ${timed && apart ? `ORDER BY 1, 2 LIMIT ${USAGE_ITEMS + 1}` : ''}
      )
      ${[items, ...(withGroups ? [groups] : []), total].map((part) => `(${part})`).join(' UNION ALL ')}`,
    values,
    rowMode: 'array',
  });
  return told(Rows.parse(rows), withGroups);
}

function told(rows: z.infer<typeof Rows>, withGroups: boolean): UsageReport {
  const all = (kind: 'item' | 'group'): unknown[] => rows.filter(([what]) => what === kind).map(([, item]) => item);
  const [items, groups] = [all('item'), all('group')];
  return {
    items: items.slice(0, USAGE_ITEMS),
    ...(withGroups ? { groups: groups.slice(0, USAGE_ITEMS) } : {}),
    total: UsageSums.parse(rows.find(([what]) => what === 'total')?.[1]),
    truncated: Math.max(items.length, groups.length) > USAGE_ITEMS,
  };
}

const DEAREST = 'summed.cost_nanodollars DESC, grouped';

async function countUsers(pool: Pool, range: UsageRange): Promise<number> {
  const values: unknown[] = [];
  const { rows } = await pool.query(
    `SELECT count(DISTINCT login)::int AS users FROM ${rollups(range, false, values)} WHERE requests > refused`,
    values,
  );
  const [counted] = z.array(z.object({ users: z.number() })).parse(rows);
  return counted?.users ?? 0;
}
