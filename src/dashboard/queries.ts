import type { Pool } from 'pg';
import { z } from 'zod';
import { INDEXED_HEADER_CHARS } from '../contract/capture.ts';
import { USAGE_KINDS } from '../contract/usage.ts';
import { uuid7Floor } from '../lib/uuid7.ts';
import { effective, joinChanges } from '../store/amendments.ts';
import { withHeld } from '../store/holds.ts';
import { Conditions } from './conditions.ts';

const DAY_MS = 86_400_000;

/** Which rows; each filter narrows. `owner` is set for users and beats everything. */
export interface RequestFilter {
  owner: string | undefined;
  login: string | undefined;
  model: string | undefined;
  provider: string | undefined;
  api: string | undefined;
  state: string | undefined;
  session: string | undefined;
  status: number | undefined;
  /** An indexed header of the request or the response; without a value, whether it was there. */
  header: { name: string; value: string | undefined } | undefined;
  /** Milliseconds since the epoch: from inclusive, to exclusive. */
  fromMs: number | undefined;
  toMs: number | undefined;
  /** Rows older than this id. */
  before: string | undefined;
  limit: number;
}

export interface Page {
  items: unknown[];
  /** What `before` has to be for the next page; null at the end. */
  next: string | null;
}

/** Columns of a record that are shown under their own names; those that amendments change, as they are now. */
const COLUMNS_SHOWN = [
  'id',
  'gateway',
  'segment',
  'login',
  'node_id',
  'node_name',
  'tags',
  'groups',
  'identity_source',
  'agent',
  'client_version',
  'user_agent',
  'provider',
  'key_id',
  'model',
  'model_served',
  'api',
  'method',
  'path',
  'status',
  'stream',
  'state',
  'denied_by',
  'usage_state',
  'usage_flags',
  'cost_basis',
  'price_version',
  'service_tier',
  'session_id',
  'session_base',
  'parent_session_id',
  'agent_id',
  'previous_response',
  'stop_reason',
  'tool_call_count',
  'server_tools',
  'attempts',
  'edits',
  'grant_ids',
  'config_version',
  'request_bytes',
  'response_bytes',
  'request_sha256',
  'response_sha256',
  'provider_request_id',
  'response_id',
  'error',
];
/** What may be large, and is told of one request at a time. */
const LARGE = ['usage_detail', 'late_usage', 'verdicts', 'quota_charges'];

export const timeOf = (expression: string): string =>
  `to_char(${expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
export const pairs = (of: (kind: string) => string): string =>
  USAGE_KINDS.map((kind) => `'${kind}', ${of(kind)}`).join(', ');

const usageOf = (of: (kind: string) => string): string =>
  `CASE WHEN ${of(USAGE_KINDS[0])} IS NOT NULL THEN json_build_object(${pairs(of)}) END`;

/** SQL over the columns of a session, or of a record as it was booked. */
export const USAGE_OR_NULL = usageOf((kind) => kind);

/** SQL over the columns of a record and the `changes` of its amendments. */
export const shownNow = (names: readonly string[]): string =>
  names.map((name) => `${effective(name)} AS ${name}`).join(', ');

/** Usage an object or null, money as text. */
export const MONEY_NOW = `${usageOf(effective)} AS usage, (${effective('cost_nanodollars')})::text AS cost_nanodollars`;

/** Times RFC 3339. */
const SHOWN = `
  ${shownNow(COLUMNS_SHOWN)},
  ${['received_at', 'first_byte_at', 'ended_at'].map((name) => `${timeOf(name)} AS ${name}`).join(', ')},
  ${MONEY_NOW}`;

/** What the record itself says of what amendments have changed; null where there are none. */
const BOOKED = `
  CASE WHEN changes IS NOT NULL THEN json_build_object(
    'usage', ${USAGE_OR_NULL}, 'cost_nanodollars', cost_nanodollars::text,
    ${['usage_state', 'usage_flags', 'cost_basis', 'price_version', 'model_served', 'service_tier']
      .map((name) => `'${name}', ${name}`)
      .join(', ')}
  ) END AS booked`;

/**
 * Tool calls of one record, with these members. Empty where they were purged; `tool_call_count` says how many there were. An
 * `id` that is a parameter lets the planner leave out all partitions but one.
 */
const callsOf = (record: string, members: string, id = `${record}.id`): string => `
  CASE WHEN ${record}.tool_call_count = 0 THEN '[]' ELSE (
    SELECT coalesce(json_agg(json_build_object(${members}) ORDER BY call.position), '[]')
      FROM (SELECT DISTINCT * FROM ${withHeld('tool_calls')} AS kept WHERE kept.record_id = ${id}) AS call
  ) END AS tool_calls`;

/** Without the arguments, which may be a hundred kilobytes a row. */
export const CALLS_IN_SHORT = callsOf('page', `'id', call.call_id, 'name', call.name, 'bytes', call.bytes`);

/** SQL for some records with the `changes` of their amendments, which are looked up for these rows alone. */
export const amendedPage = (which: string): string =>
  `(SELECT * FROM aperture.records ${which}) AS page ${joinChanges('page.id')}`;

/** The page of `limit` rows, of a question that asked for one more; `placeOf` says what the next page comes before. */
export function pageOf<Row extends { item: unknown }>(rows: Row[], limit: number, placeOf: (row: Row) => string): Page {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return { items: shown.map(({ item }) => item), next: last === undefined ? null : placeOf(last) };
}

const Rows = z.array(z.object({ item: z.unknown(), id: z.string() }));

/** A page of records, newest first. */
export async function listRequests(pool: Pool, filter: RequestFilter): Promise<Page> {
  const conditions = new Conditions();
  conditions.add('login = ?', filter.owner);
  conditions.add('login = ?', filter.login);
  conditions.add('model = ?', filter.model);
  conditions.add('provider = ?', filter.provider);
  conditions.add('api = ?', filter.api);
  conditions.add('state = ?', filter.state);
  // In the words of the partial index.
  if (filter.state !== undefined && filter.state !== 'complete') conditions.always(`state <> 'complete'`);
  conditions.add('session_id = ?', filter.session);
  conditions.add('status = ?', filter.status);
  addRange(conditions, 'id', filter);
  addHeader(conditions, filter);
  const days = await daysWith(pool, filter);
  if (days === 'none') return { items: [], next: null };
  conditions.add('id >= ?', days?.from);
  conditions.add('id < ?', days?.to);
  const limit = conditions.parameter(filter.limit + 1);
  const answer = await pool.query(
    `SELECT id, row_to_json(shown) AS item FROM (
       SELECT ${SHOWN}, ${CALLS_IN_SHORT}
         FROM ${amendedPage(`${conditions.where} ORDER BY id DESC LIMIT ${limit}`)} ORDER BY id DESC
     ) AS shown`,
    conditions.values,
  );
  return pageOf(Rows.parse(answer.rows), filter.limit, ({ id }) => id);
}

function addRange(conditions: Conditions, id: string, filter: RequestFilter): void {
  conditions.addTimes(filter, id);
  conditions.add(`${id} < ?`, filter.before);
}

/** With the range once more: the index of headers is cut by days, as the records are. */
function addHeader(conditions: Conditions, filter: RequestFilter): void {
  if (filter.header === undefined) return;
  const { name, value } = filter.header;
  const inner = conditions.within();
  inner.add('name = ?', name);
  inner.add('value = ?', value?.slice(0, INDEXED_HEADER_CHARS));
  addRange(inner, 'record_id', filter);
  conditions.always(`id IN (SELECT record_id FROM aperture.indexed_headers ${inner.where})`);
}

const CALLS = callsOf(
  'record',
  `'id', call.call_id, 'name', call.name, 'arguments', call.arguments, 'bytes', call.bytes`,
  '$1::uuid',
);

/** An id may be ahead of its time by what many ids of one millisecond need, and is counted by its time. */
const SLACK_MS = 3_600_000;

/**
 * Where two filters select much each and little together, neither's index helps: a month of one would be read for a page
 * of the other. The roll-ups know on which days both hold. Undefined: not worth the question.
 */
async function daysWith(
  pool: Pool,
  { owner, login, model, provider, api, status }: RequestFilter,
): Promise<{ from: string; to: string } | 'none' | undefined> {
  const conditions = new Conditions();
  conditions.add('login = ?', owner);
  for (const [column, value] of Object.entries({ login, model, provider, api, status })) {
    conditions.add(`${column} = ?`, value);
  }
  if (conditions.values.length < 2) return undefined;
  const { rows } = await pool.query(
    `SELECT extract(epoch FROM min(day)) * 1000 AS first, extract(epoch FROM max(day)) * 1000 AS last
       FROM aperture.rollup_day ${conditions.where}`,
    conditions.values,
  );
  const { first, last } = DaysRow.parse(rows[0]);
  if (first === null || last === null) return 'none';
  return { from: uuid7Floor(Math.max(0, first - SLACK_MS)), to: uuid7Floor(last + DAY_MS + SLACK_MS) };
}

const Ms = z.string().transform(Number).nullable();
const DaysRow = z.object({ first: Ms, last: Ms });

/** One record whole, with what was learned after it; undefined when there is none, or it is not the owner's. */
export async function findRequest(
  pool: Pool,
  id: string,
  owner: string | undefined,
): Promise<Record<string, unknown> | undefined> {
  const answer = await pool.query(
    `SELECT id, row_to_json(shown) AS item FROM (
       SELECT ${SHOWN}, ${shownNow(LARGE)}, ${CALLS}, ${BOOKED},
         (SELECT coalesce(json_agg(json_build_object('at', ${timeOf('at')}, 'kind', kind, 'body', body) ORDER BY a.id), '[]')
            FROM aperture.amendments AS a WHERE a.record_id = record.id) AS amendments
         FROM aperture.records AS record ${joinChanges('record.id')}
        WHERE id = $1 AND ($2::text IS NULL OR login = $2)
     ) AS shown`,
    [id, owner ?? null],
  );
  return OneRow.parse(answer.rows)[0]?.item;
}

const OneRow = z.array(z.object({ item: z.record(z.string(), z.unknown()) }));

export const USAGE_GROUPS = ['login', 'group', 'node', 'model', 'provider', 'agent', 'api', 'status'] as const;
export type UsageGroup = (typeof USAGE_GROUPS)[number];
export const USAGE_INTERVALS = ['hour', 'day'] as const;
export type UsageInterval = (typeof USAGE_INTERVALS)[number];

export interface UsageRange {
  owner: string | undefined;
  /** Whole hours, milliseconds since the epoch: from inclusive, to exclusive. */
  fromMs: number;
  toMs: number;
}

export interface UsageFilter extends UsageRange {
  group: UsageGroup;
  interval: UsageInterval | undefined;
}

/** What is summed of a set of exchanges. */
export const UsageSums = z.object({
  requests: z.number(),
  /** Nothing was sent to a provider: denied, or blocked before. */
  refused: z.number(),
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
  /** There are more items than are told. */
  truncated: boolean;
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

const COUNTS = ['requests', 'refused', 'usage_absent', 'usage_partial', 'usage_estimated', 'cost_unknown'];
export const COUNTED = [...COUNTS, 'request_bytes', 'response_bytes'];
export const SUMS = [...COUNTED, ...USAGE_KINDS, 'cost_nanodollars']
  .map((name) => `coalesce(sum(${name}), 0) AS ${name}`)
  .join(', ');
const SHOWN_SUMS = `
  ${COUNTED.join(', ')}, json_build_object(${pairs((kind) => kind)}) AS usage, cost_nanodollars::text AS cost_nanodollars`;

/** SQL, and the values that it names. */
interface Rollups {
  sql: string;
  values: unknown[];
}

/**
 * The roll-ups of a range: by the hour, or whole days by the day with the hours at both ends, which are tens of times
 * fewer rows.
 */
export function rollups({ fromMs, toMs, owner }: UsageRange, byHour: boolean): Rollups {
  const first = Math.ceil(fromMs / DAY_MS) * DAY_MS;
  const last = Math.floor(toMs / DAY_MS) * DAY_MS;
  const edges = byHour || first >= last ? [fromMs, toMs] : [fromMs, first, last, toMs];
  const values: unknown[] = edges.map((ms) => new Date(ms));
  const of = (table: 'hour' | 'day', from: number): string =>
    `SELECT * FROM aperture.rollup_${table}
      WHERE ${table} >= $${from} AND ${table} < $${from + 1} ${owner === undefined ? '' : `AND login = $${edges.length + 1}`}`;
  const parts = edges.length === 2 ? [of('hour', 1)] : [of('hour', 1), of('day', 2), of('hour', 3)];
  return {
    sql: `(${parts.join(' UNION ALL ')}) AS rollup`,
    values: owner === undefined ? values : [...values, owner],
  };
}

export const BEGINS: Record<UsageInterval, string> = { hour: 'hour', day: `date_trunc('day', hour, 'UTC')` };

/** Sums of roll-ups. Without an interval, one item per group, the dearest first. */
export async function sumUsage(pool: Pool, filter: UsageFilter): Promise<UsageReport> {
  const { interval, group } = filter;
  const from = rollups(filter, interval === 'hour');
  const timed = interval !== undefined;
  // Times become text and sums become objects once it is known which items are told.
  const items = await pool.query(
    `SELECT row_to_json(item) AS item FROM (
       SELECT ${timed ? `${timeOf('begins')} AS time,` : ''} grouped AS "${group}", ${SHOWN_SUMS}
         FROM (
           SELECT ${timed ? `${BEGINS[interval]} AS begins,` : ''} ${USAGE_COLUMNS[group]} AS grouped, ${SUMS}
             FROM ${from.sql} ${group === 'group' ? EACH_GROUP : ''}
            GROUP BY ${timed ? '1, 2' : '1'}
            ORDER BY ${timed ? '1, 2' : 'sum(rollup.cost_nanodollars) DESC, 1'}
            LIMIT ${USAGE_ITEMS + 1}
         ) AS summed
     ) AS item`,
    from.values,
  );
  const whole = rollups(filter, false);
  const total = await pool.query(
    `SELECT row_to_json(item) AS item FROM (
       SELECT ${SHOWN_SUMS} FROM (SELECT ${SUMS} FROM ${whole.sql}) AS summed
     ) AS item`,
    whole.values,
  );
  const all = z.array(z.object({ item: z.unknown() })).parse(items.rows);
  return {
    items: all.slice(0, USAGE_ITEMS).map(({ item }) => item),
    total: z.object({ item: UsageSums }).parse(total.rows[0]).item,
    truncated: all.length > USAGE_ITEMS,
  };
}
