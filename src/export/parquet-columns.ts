import type { SchemaElement } from 'hyparquet-writer';
import { USAGE_KINDS } from '../contract/usage.ts';
import { headersOf } from './record.ts';
import type { BodyToExport, CaptureToExport, RowToExport } from './record.ts';

/** What a row has in a column: text and JSON as bytes in UTF-8, times and money as the whole numbers that they are kept as. */
type Value = string | Uint8Array | bigint | number | boolean | readonly string[] | null;
/** By the order of the columns. */
export type ParquetRow = readonly Value[];

export interface ParquetColumn {
  name: string;
  schema: SchemaElement[];
  options: { encoding?: 'PLAIN'; statistics?: false };
  /** Of a required column, never null. */
  of: (number: number, exchange: RowToExport, kept: Kept | undefined) => Value;
}

/** What was kept of an exchange, as it is written. */
interface Kept {
  requestHeaders: Uint8Array;
  responseHeaders: Uint8Array;
  request: Body;
  response: Body;
  damaged: CaptureToExport['damaged'];
}

/** As JSON, or as it was on the wire; both null where there is none. */
interface Body {
  json: Uint8Array | null;
  raw: Uint8Array | null;
}

type Of = ParquetColumn['of'];
type Repetition = 'REQUIRED' | 'OPTIONAL';

/** One column of one type. */
const column =
  (type: Omit<SchemaElement, 'name' | 'repetition_type'>, options: ParquetColumn['options'] = {}) =>
  (name: string, repetition_type: Repetition, of: Of): ParquetColumn => ({
    name,
    schema: [{ ...type, name, repetition_type }],
    options,
    of,
  });

const UTF8: Omit<SchemaElement, 'name'> = {
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  logical_type: { type: 'STRING' },
};
/** Values that hardly repeat, and are found by nobody: without a dictionary, and without their least and greatest in the footer. */
const LARGE = { encoding: 'PLAIN', statistics: false } as const;

const text = column(UTF8);
/** Annotated as text, not as JSON: Athena and older Spark know no such type, and all have functions for JSON in text. */
const json = column(UTF8, LARGE);
const bytes = column({ type: 'BYTE_ARRAY' }, LARGE);
const count = column({ type: 'INT64' });
const small = column({ type: 'INT32' });
const flag = column({ type: 'BOOLEAN' });
const time = column({
  type: 'INT64',
  converted_type: 'TIMESTAMP_MICROS',
  logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
});
/**
 * Dollars with all nine digits of nanodollars. A decimal, not a whole number of them: Spark adds whole numbers up in 64
 * bits, and wraps; decimals all add up in 38 digits. 18 digits are what fits into 64 bits, and a hundred thousand times
 * more than any record costs (`pricing/cost.ts`).
 */
const dollars = column({
  type: 'INT64',
  converted_type: 'DECIMAL',
  logical_type: { type: 'DECIMAL', precision: 18, scale: 9 },
  precision: 18,
  scale: 9,
});

const list = (name: string, repetition_type: Repetition, of: Of): ParquetColumn => ({
  name,
  schema: [
    { name, repetition_type, num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { ...UTF8, name: 'element', repetition_type: 'REQUIRED' },
  ],
  options: {},
  of,
});

/** The schema of docs/export.md. Columns may be added at the end, and never change what they are. */
export const PARQUET_COLUMNS: readonly ParquetColumn[] = [
  count('number', 'REQUIRED', (number) => BigInt(number)),
  text('id', 'REQUIRED', (_, { id }) => id),
  time('received_at', 'REQUIRED', (_, { receivedAtMs }) => micros(receivedAtMs)),
  time('first_byte_at', 'OPTIONAL', (_, { firstByteAtMs: ms }) => (ms === null ? null : micros(ms))),
  time('ended_at', 'REQUIRED', (_, { endedAtMs }) => micros(endedAtMs)),
  text('login', 'REQUIRED', (_, { login }) => login),
  text('node_id', 'REQUIRED', (_, { nodeId }) => nodeId),
  text('node_name', 'REQUIRED', (_, { nodeName }) => nodeName),
  list('tags', 'REQUIRED', (_, { tags }) => tags),
  list('groups', 'REQUIRED', (_, { groups }) => groups),
  text('identity_source', 'REQUIRED', (_, { identitySource }) => identitySource),
  text('agent', 'REQUIRED', (_, { agent }) => agent),
  text('client_version', 'REQUIRED', (_, { clientVersion }) => clientVersion),
  text('user_agent', 'REQUIRED', (_, { userAgent }) => userAgent),
  text('provider', 'REQUIRED', (_, { provider }) => provider),
  text('key_id', 'REQUIRED', (_, { keyId }) => keyId),
  text('model', 'REQUIRED', (_, { model }) => model),
  text('model_served', 'OPTIONAL', (_, { modelServed }) => modelServed),
  text('api', 'REQUIRED', (_, { api }) => api),
  text('method', 'REQUIRED', (_, { method }) => method),
  text('path', 'REQUIRED', (_, { path }) => path),
  small('status', 'REQUIRED', (_, { status }) => status),
  flag('stream', 'REQUIRED', (_, { stream }) => stream),
  text('state', 'REQUIRED', (_, { state }) => state),
  text('denied_by', 'OPTIONAL', (_, { deniedBy }) => deniedBy),
  text('stop_reason', 'OPTIONAL', (_, { stopReason }) => stopReason),
  text('usage_state', 'REQUIRED', (_, { usageState }) => usageState),
  ...USAGE_KINDS.map((kind) =>
    count(kind, 'OPTIONAL', (_, { usage }) => (usage === null ? null : BigInt(usage[kind]))),
  ),
  list('usage_flags', 'REQUIRED', (_, { usageFlags }) => usageFlags),
  json('server_tools', 'REQUIRED', (_, { serverTools }) => utf8(serverTools)),
  dollars('cost_dollars', 'OPTIONAL', (_, { costNanodollars: cost }) => (cost === null ? null : BigInt(cost))),
  text('cost_basis', 'OPTIONAL', (_, { costBasis }) => costBasis),
  text('price_version', 'OPTIONAL', (_, { priceVersion }) => priceVersion),
  text('service_tier', 'OPTIONAL', (_, { serviceTier }) => serviceTier),
  text('session_id', 'REQUIRED', (_, { sessionId }) => sessionId),
  text('parent_session_id', 'OPTIONAL', (_, { parentSessionId }) => parentSessionId),
  text('agent_id', 'OPTIONAL', (_, { agentId }) => agentId),
  small('tool_call_count', 'REQUIRED', (_, { toolCallCount }) => toolCallCount),
  text('config_version', 'REQUIRED', (_, { configVersion }) => configVersion),
  count('request_bytes', 'REQUIRED', (_, { requestBytes }) => BigInt(requestBytes)),
  count('response_bytes', 'REQUIRED', (_, { responseBytes }) => BigInt(responseBytes)),
  text('provider_request_id', 'OPTIONAL', (_, { providerRequestId }) => providerRequestId),
  text('response_id', 'OPTIONAL', (_, { responseId }) => responseId),
  json('error', 'OPTIONAL', (_, { error }) => (error === null ? null : utf8(error))),
  flag('captured', 'REQUIRED', (_number, _exchange, kept) => kept !== undefined),
  json('request_headers', 'OPTIONAL', (_number, _exchange, kept) => kept?.requestHeaders ?? null),
  json('response_headers', 'OPTIONAL', (_number, _exchange, kept) => kept?.responseHeaders ?? null),
  json('request_body', 'OPTIONAL', (_number, _exchange, kept) => kept?.request.json ?? null),
  json('response_body', 'OPTIONAL', (_number, _exchange, kept) => kept?.response.json ?? null),
  bytes('raw_request_body', 'OPTIONAL', (_number, _exchange, kept) => kept?.request.raw ?? null),
  bytes('raw_response_body', 'OPTIONAL', (_number, _exchange, kept) => kept?.response.raw ?? null),
  json('tool_calls', 'OPTIONAL', (_, { toolCalls }, kept) => (kept === undefined ? null : utf8(toolCalls))),
  list('damaged', 'OPTIONAL', (_number, _exchange, kept) => kept?.damaged ?? null),
];

export const PARQUET_SCHEMA: SchemaElement[] = [
  { name: 'aperture', num_children: PARQUET_COLUMNS.length },
  ...PARQUET_COLUMNS.flatMap(({ schema }) => schema),
];

export function parquetRow(number: number, exchange: RowToExport, capture: CaptureToExport | undefined): ParquetRow {
  const kept = capture === undefined ? undefined : keptOf(capture);
  return PARQUET_COLUMNS.map(({ of }) => of(number, exchange, kept));
}

/** What the row takes before it is compressed, nearly. */
export function bytesOfRow(row: ParquetRow): number {
  return row.reduce<number>((sum, value) => sum + bytesOf(value), 0);
}

const NUMBER_BYTES = 8;

function bytesOf(value: Value): number {
  if (value instanceof Uint8Array || typeof value === 'string') return value.length;
  return Array.isArray(value) ? value.reduce<number>((sum, each: string) => sum + each.length, 0) : NUMBER_BYTES;
}

/** Exact: a number of milliseconds has the microseconds of a few centuries. */
function micros(ms: number): bigint {
  return BigInt(Math.round(ms * 1000));
}

const encoder = new TextEncoder();

/** JSON as it is written: what is long is held once, and not once more as two bytes a letter. */
function utf8(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

function keptOf({ requestHeaders, responseHeaders, request, response, damaged }: CaptureToExport): Kept {
  return {
    requestHeaders: utf8(headersOf(requestHeaders)),
    responseHeaders: utf8(headersOf(responseHeaders)),
    request: bodyOf(request),
    response: bodyOf(response),
    damaged,
  };
}

/** The text itself where the body is JSON: each number has the digits that were sent. */
function bodyOf(body: BodyToExport | undefined): Body {
  if (body === undefined) return { json: null, raw: null };
  const json = body.text === undefined ? written(body.json) : encoder.encode(body.text);
  return json === undefined ? { json: null, raw: body.raw } : { json, raw: null };
}

/** A stream that was put together. Undefined where it is nested deeper than a stack: it stays as it was on the wire. */
function written(value: unknown): Uint8Array | undefined {
  if (value === undefined) return undefined;
  try {
    return utf8(value);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
