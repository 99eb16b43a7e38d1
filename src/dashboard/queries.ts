import type { Pool } from 'pg';
import { z } from 'zod';
import { USAGE_KINDS } from '../contract/usage.ts';
import { effective, joinChanges } from '../store/amendments.ts';
import { withHeld } from '../store/holds.ts';

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
const USAGE_OR_NULL = usageOf((kind) => kind);

/** SQL over the columns of a record and the `changes` of its amendments. */
export const shownNow = (names: readonly string[]): string =>
  names.map((name) => `${effective(name)} AS ${name}`).join(', ');

/** Usage an object or null, money as text. */
export const MONEY_NOW = `${usageOf(effective)} AS usage, (${effective('cost_nanodollars')})::text AS cost_nanodollars`;

/** Times RFC 3339. */
export const SHOWN = `
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

/** SQL for the records of a SELECT with the `changes` of their amendments, which are looked up for these rows alone. */
export const amendedPage = (select: string): string => `(${select}) AS page ${joinChanges('page.id')}`;

/** The page of `limit` rows, of a question that asked for one more; `placeOf` says what the next page comes before. */
export function pageOf<Row extends { item: unknown }>(rows: Row[], limit: number, placeOf: (row: Row) => string): Page {
  const shown = rows.slice(0, limit);
  const last = rows.length > limit ? shown.at(-1) : undefined;
  return { items: shown.map(({ item }) => item), next: last === undefined ? null : placeOf(last) };
}

const CALLS = callsOf(
  'record',
  `'id', call.call_id, 'name', call.name, 'arguments', call.arguments, 'bytes', call.bytes`,
  '$1::uuid',
);

/** Where the results of a batch that an exchange read, or whose usage a record is, are booked; null for all others. */
const BATCH = `
  CASE WHEN usage_detail ? 'batch' THEN (
    SELECT json_build_object('id', batch, 'first_read', first_read, 'records', booked.records, 'booked_at', ${timeOf('booked_at')})
      FROM aperture.booked_batches AS booked
     WHERE booked.read_of = record.usage_detail -> 'batch' ->> 'of'
       AND booked.read_id = record.usage_detail -> 'batch' ->> 'results'
       AND booked.provider = record.provider AND booked.login = record.login
  ) END AS batch`;

/** One record whole, with what was learned after it; undefined when there is none, or it is not the owner's. */
export async function findRequest(
  pool: Pool,
  id: string,
  owner: string | undefined,
): Promise<Record<string, unknown> | undefined> {
  const answer = await pool.query(
    `SELECT id, row_to_json(shown) AS item FROM (
       SELECT ${SHOWN}, ${shownNow(LARGE)}, ${CALLS}, ${BOOKED}, ${BATCH},
         (SELECT coalesce(json_agg(json_build_object('at', ${timeOf('at')}, 'kind', kind, 'body', body) ORDER BY a.id), '[]')
            FROM aperture.amendments AS a WHERE a.record_id = record.id) AS amendments
         FROM aperture.records AS record ${joinChanges('record.id')}
        WHERE id = $1 AND ($2::text IS NULL OR login = $2)
     ) AS shown`,
    [id, owner ?? null],
  );
  const item = OneRow.parse(answer.rows)[0]?.item;
  if (item === undefined) return undefined;
  const { batch, ...rest } = item;
  // Left out, and not null: what receipts signed of a record before there were batches stays true of it.
  return batch === null ? rest : item;
}

const OneRow = z.array(z.object({ item: z.record(z.string(), z.unknown()) }));
