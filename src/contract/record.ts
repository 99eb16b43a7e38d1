import { z } from 'zod';
import { APIS } from './api.ts';
import { BatchUsage, UsageCounts } from './batch.ts';
import { ResourceNote } from './resource.ts';
import { TraceParent } from './trace.ts';

/**
 * What an answer about an earlier response says of that response: a background response that was polled, a stored one
 * that was read or cancelled. It belongs to the exchange that made the response, and is booked there, once; the record
 * that carries it has no usage of its own.
 */
export const LateUsage = z.object({
  /** The provider's id of the response; whose it is the carrying record says (`login`, `provider`). */
  response_id: z.string(),
  model_served: z.string().nullable(),
  usage: UsageCounts,
  usage_detail: z.record(z.string(), z.unknown()),
  usage_flags: z.array(z.string()),
  server_tools: z.record(z.string(), z.number()),
  service_tier: z.string().nullable(),
  /** Fits the ledger: it is booked long after it was stored, on another record. */
  cost_nanodollars: z
    .string()
    .regex(/^\d{1,18}$/)
    .nullable(),
  cost_basis: z.string().nullable(),
  price_version: z.string().nullable(),
});
export type LateUsage = z.infer<typeof LateUsage>;

/** The conversation that a request carries, as a chain of hashes: enough to see whether it extends an earlier one. */
const History = z.object({
  /** Messages in it. */
  messages: z.int().min(0),
  /**
   * Hashes of the conversation's beginnings, the longest last: of the first `messages` messages, before it of one less,
   * and so on, as many as are kept. 16 hex digits each.
   */
  chain: z.array(z.string().regex(/^[0-9a-f]{16}$/)),
});
export type History = z.infer<typeof History>;

/** A `Verdict` of contract/guardrail.ts. */
export const VerdictNote = z.object({
  rule: z.string(),
  type: z.string(),
  side: z.enum(['request', 'response']),
  action: z.enum(['allow', 'block', 'modify', 'redact', 'tokenise', 'flag', 'error']),
  shadow: z.boolean(),
  at_ms: z.number(),
  took_ms: z.number(),
  scanned_chars: z.number().nullable(),
  scanned: z.array(z.string()),
  counts: z.record(z.string(), z.number()),
  matches: z.array(z.string()),
  untouched: z.number(),
  error: z.string().nullable(),
});

/**
 * What we remember of an exchange: one versioned schema, the same names in queue, database, API and dashboard
 * (design, section 5). Times are milliseconds since the epoch here and RFC 3339 in the API. Money is a decimal string
 * of nanodollars.
 */
export const ExchangeRecord = z.object({
  v: z.literal(1),
  id: z.uuid(),
  /** Journal segment that holds the `opened` frame, and whose it is: what the watermark counts. */
  gateway: z.string(),
  segment: z.int(),
  received_at: z.number(),
  first_byte_at: z.number().nullable(),
  ended_at: z.number(),
  login: z.string(),
  node_id: z.string(),
  node_name: z.string(),
  tags: z.array(z.string()),
  groups: z.array(z.string()),
  identity_source: z.enum(['loopback', 'tailscale', 'proxy_headers', 'token', 'oidc']),
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
  state: z.enum(['complete', 'aborted', 'error', 'denied', 'blocked', 'interrupted']),
  denied_by: z.string().nullable(),
  usage: UsageCounts.nullable(),
  usage_state: z.enum(['final', 'partial', 'estimated', 'absent']),
  usage_detail: z.record(z.string(), z.unknown()),
  usage_flags: z.array(z.string()),
  cost_nanodollars: z.string().regex(/^\d+$/).nullable(),
  cost_basis: z.string().nullable(),
  price_version: z.string().nullable(),
  /** What the provider says it charged, whether or not it became the cost; null in jobs written by builds before it. */
  reported_cost_nanodollars: z.string().regex(/^\d+$/).nullable().default(null),
  service_tier: z.string().nullable(),
  session_id: z.string(),
  session_base: z.string(),
  parent_session_id: z.string().nullable(),
  agent_id: z.string().nullable(),
  /** The provider's id of the response that the request continues, and which its server remembers. */
  previous_response: z.string().nullable().default(null),
  stop_reason: z.string().nullable(),
  tool_calls: z.array(z.object({ id: z.string().nullable(), name: z.string(), arguments: z.string(), bytes: z.int() })),
  /** Results of earlier calls that the request carries, the new ones where the API lets tell. */
  tool_results: z.array(z.object({ id: z.string(), bytes: z.int(), is_error: z.boolean() })).default([]),
  /** Null where the request is no conversation, and in jobs written by builds before it. */
  history: History.nullable().default(null),
  late_usage: LateUsage.nullable().default(null),
  server_tools: z.record(z.string(), z.number()),
  attempts: z.array(z.object({ provider: z.string(), started_at_ms: z.number(), outcome: z.string() })),
  edits: z.array(z.object({ kind: z.string(), side: z.string(), detail: z.string() })),
  verdicts: z.array(VerdictNote),
  grant_ids: z.array(z.string()),
  /** What it was charged in each of its buckets; always empty in jobs written by builds without quotas. */
  quota_charges: z.array(z.object({ bucket: z.string(), nanodollars: z.number() })),
  config_version: z.string(),
  request_bytes: z.int(),
  response_bytes: z.int(),
  request_sha256: z.string().nullable(),
  response_sha256: z.string().nullable(),
  provider_request_id: z.string().nullable(),
  response_id: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** What was made or deleted at the provider: goes into a table of its own. Absent for nearly all. */
  resources: z.array(ResourceNote).optional(),
  /** What it read of a batch's usage, which a record of its own has (`store/batches.ts`). Absent for nearly all. */
  batch_usage: BatchUsage.optional(),
  /** Where the client said so, and something of the config exports traces. Told on, and in no table. */
  trace: TraceParent.optional(),
});
export type ExchangeRecord = z.infer<typeof ExchangeRecord>;
