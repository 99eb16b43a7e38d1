import { USAGE_KINDS } from '../contract/usage.ts';

/** A row of `records` as the driver gives it: names of columns, values by type. */
export type RecordRow = Record<string, unknown>;

/** Columns read as they are; order is the order of the answer. */
const PLAIN = [
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
] as const;
const AFTER_USAGE = [
  'usage_state',
  'usage_detail',
  'usage_flags',
  'cost_nanodollars',
  'cost_basis',
  'price_version',
  'service_tier',
  'session_id',
  'session_base',
  'parent_session_id',
  'agent_id',
  'stop_reason',
  'tool_calls',
  'server_tools',
  'attempts',
  'edits',
  'verdicts',
  'grant_ids',
  'quota_charges',
  'config_version',
  'request_bytes',
  'response_bytes',
  'request_sha256',
  'response_sha256',
  'provider_request_id',
  'response_id',
  'error',
] as const;
const TIMES = ['received_at', 'first_byte_at', 'ended_at'] as const;

/** RFC 3339 UTC with microseconds, by the server's hand: a JavaScript date would cut them. */
const time = (column: string): string =>
  `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS ${column}`;

export const RECORD_COLUMNS = ['id', ...TIMES.map(time), ...PLAIN, ...USAGE_KINDS, ...AFTER_USAGE].join(', ');

/** Columns of type bigint that are counts: they fit a number. Money stays a decimal string. */
const COUNTS = new Set<string>(['request_bytes', 'response_bytes']);

/** A record as the API answers it: the fields of src/contract/record.ts, usage as one object or null. */
export function recordOf(row: RecordRow): Record<string, unknown> {
  const record: Record<string, unknown> = { id: row['id'] };
  for (const column of TIMES) record[column] = row[column];
  for (const column of PLAIN) record[column] = row[column];
  record['usage'] =
    row['input_uncached'] === null ? null : Object.fromEntries(USAGE_KINDS.map((kind) => [kind, Number(row[kind])]));
  for (const column of AFTER_USAGE) record[column] = COUNTS.has(column) ? Number(row[column]) : row[column];
  return record;
}
