import type { Pool } from 'pg';
import { z } from 'zod';
import { APIS } from '../contract/api.ts';
import { ExchangeRecord } from '../contract/record.ts';
import { USAGE_KINDS } from '../contract/usage.ts';
import { effective, joinChanges } from './amendments.ts';
import { withHeld } from './holds.ts';

/** The records of these ids, in the order of the ids. @throws Error where one is not there: none is ever removed. */
export async function recordsToExport(pool: Pool, ids: readonly string[]): Promise<RecordToExport[]> {
  const ordered = [...ids].sort();
  const { rows } = await pool.query(SELECT, [ids, ordered[0], ordered.at(-1)]);
  const found = new Map(
    z
      .array(Row)
      .parse(rows)
      .map((record) => [record.id, record]),
  );
  return ids.map((id) => {
    const record = found.get(id);
    if (record === undefined) throw new Error(`the record ${id} is to be exported, and is not there`);
    return record;
  });
}

const msOf = (column: string): string => `extract(epoch FROM ${column})::float8 * 1000`;

/** Columns that are read as they are, with what amendments say of them. */
const PLAIN = {
  login: z.string(),
  node_id: z.string(),
  node_name: z.string(),
  tags: z.array(z.string()),
  groups: z.array(z.string()),
  identity_source: z.string(),
  agent: z.string(),
  client_version: z.string(),
  user_agent: z.string(),
  provider: z.string(),
  key_id: z.string(),
  model: z.string(),
  model_served: z.string().nullable(),
  api: z.enum(APIS),
  method: z.string(),
  path: z.string(),
  status: z.int(),
  stream: z.boolean(),
  state: z.string(),
  denied_by: z.string().nullable(),
  stop_reason: z.string().nullable(),
  usage_state: z.string(),
  usage_flags: z.array(z.string()),
  server_tools: z.record(z.string(), z.number()),
  cost_basis: z.string().nullable(),
  price_version: z.string().nullable(),
  service_tier: z.string().nullable(),
  session_id: z.string(),
  parent_session_id: z.string().nullable(),
  agent_id: z.string().nullable(),
  tool_call_count: z.int(),
  config_version: z.string(),
  provider_request_id: z.string().nullable(),
  response_id: z.string().nullable(),
  error: z.unknown(),
};

const SELECT = `
  SELECT page.id::text, ${msOf('received_at')} AS received_ms, ${msOf('first_byte_at')} AS first_byte_ms,
         ${msOf('ended_at')} AS ended_ms,
         ${Object.keys(PLAIN)
           .map((name) => `${effective(name)} AS ${name}`)
           .join(', ')},
         request_bytes::float8, response_bytes::float8,
         (${effective('cost_nanodollars')})::text AS cost_nanodollars,
         CASE WHEN ${effective(USAGE_KINDS[0])} IS NOT NULL
           THEN json_build_object(${USAGE_KINDS.map((kind) => `'${kind}', ${effective(kind)}`).join(', ')}) END AS usage,
         CASE WHEN tool_call_count = 0 THEN '[]' ELSE (
           SELECT coalesce(json_agg(json_build_object('name', call.name, 'arguments', coalesce(call.arguments, ''))
                    ORDER BY call.position), '[]')
             FROM (SELECT DISTINCT position, name, arguments FROM ${withHeld('tool_calls')} AS kept
                    WHERE kept.record_id = page.id AND kept.record_id BETWEEN $2 AND $3) AS call
         ) END AS tool_calls
    FROM (SELECT * FROM aperture.records WHERE id = ANY($1::uuid[]) AND id BETWEEN $2 AND $3) AS page
    ${joinChanges('page.id')}`;

const Row = z
  .object({
    id: z.string(),
    received_ms: z.number(),
    first_byte_ms: z.number().nullable(),
    ended_ms: z.number(),
    ...PLAIN,
    request_bytes: z.number(),
    response_bytes: z.number(),
    usage: ExchangeRecord.shape.usage,
    cost_nanodollars: z.string().nullable(),
    tool_calls: z.array(z.object({ name: z.string(), arguments: z.string() })),
  })
  .transform((row) => ({
    id: row.id,
    receivedAtMs: row.received_ms,
    endedAtMs: row.ended_ms,
    login: row.login,
    nodeId: row.node_id,
    tags: row.tags,
    model: row.model,
    api: row.api,
    usage: row.usage,
    serverTools: row.server_tools,
    costNanodollars: row.cost_nanodollars,
    costBasis: row.cost_basis,
    sessionId: row.session_id,
    path: row.path,
    status: row.status,
    toolCalls: row.tool_calls,
    firstByteAtMs: row.first_byte_ms,
    nodeName: row.node_name,
    groups: row.groups,
    identitySource: row.identity_source,
    agent: row.agent,
    clientVersion: row.client_version,
    userAgent: row.user_agent,
    provider: row.provider,
    keyId: row.key_id,
    modelServed: row.model_served,
    method: row.method,
    stream: row.stream,
    state: row.state,
    deniedBy: row.denied_by,
    stopReason: row.stop_reason,
    usageState: row.usage_state,
    usageFlags: row.usage_flags,
    priceVersion: row.price_version,
    serviceTier: row.service_tier,
    parentSessionId: row.parent_session_id,
    agentId: row.agent_id,
    toolCallCount: row.tool_call_count,
    configVersion: row.config_version,
    requestBytes: row.request_bytes,
    responseBytes: row.response_bytes,
    providerRequestId: row.provider_request_id,
    responseId: row.response_id,
    error: row.error,
  }));
/** What an export says of a record, its money as it is now. */
export type RecordToExport = z.output<typeof Row>;
