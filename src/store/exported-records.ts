import type { Pool } from 'pg';
import { z } from 'zod';
import { APIS } from '../contract/api.ts';
import { ExchangeRecord } from '../contract/record.ts';
import { USAGE_KINDS } from '../contract/usage.ts';
import { effective, joinChanges } from './amendments.ts';
import { withHeld } from './holds.ts';

/** What an export says of a record, its money as it is now. */
export interface RecordToExport {
  id: string;
  receivedAtMs: number;
  endedAtMs: number;
  login: string;
  nodeId: string;
  tags: string[];
  model: string;
  api: (typeof APIS)[number];
  usage: ExchangeRecord['usage'];
  serverTools: Record<string, number>;
  costNanodollars: string | null;
  costBasis: string | null;
  sessionId: string;
  path: string;
  status: number;
  toolCalls: { name: string; arguments: string }[];
}

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

const SELECT = `
  SELECT page.id::text, ${msOf('received_at')} AS received_ms, ${msOf('ended_at')} AS ended_ms,
         login, node_id, tags, model, api, ${effective('server_tools')} AS server_tools,
         (${effective('cost_nanodollars')})::text AS cost_nanodollars, ${effective('cost_basis')} AS cost_basis,
         session_id, path, status,
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
    ended_ms: z.number(),
    login: z.string(),
    node_id: z.string(),
    tags: z.array(z.string()),
    model: z.string(),
    api: z.enum(APIS),
    usage: ExchangeRecord.shape.usage,
    server_tools: z.record(z.string(), z.number()),
    cost_nanodollars: z.string().nullable(),
    cost_basis: z.string().nullable(),
    session_id: z.string(),
    path: z.string(),
    status: z.int(),
    tool_calls: z.array(z.object({ name: z.string(), arguments: z.string() })),
  })
  .transform((row): RecordToExport => ({
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
  }));
