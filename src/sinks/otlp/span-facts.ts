import { z } from 'zod';
import { TraceParent } from '../../contract/trace.ts';
import { zeroUsage } from '../../contract/usage.ts';
import type { Usage } from '../../contract/usage.ts';

const text = z.string().catch('');
const maybe = z.string().nullable().catch(null);
const texts = z.array(z.string()).catch([]);
const ms = z.number().nullable().catch(null);

/** What `spanEvent` writes. What it left out for its size, and what another build does not write, is empty. */
export const SpanFacts = z.object({
  id: z.string(),
  gateway: text,
  trace: TraceParent.optional().catch(undefined),
  received_at: z.number(),
  ended_at: z.number(),
  state: z.string(),
  status: z.number(),
  booked: z.boolean().catch(false),
  first_byte_at: ms,
  login: text,
  node_name: text,
  identity_source: text,
  agent: text,
  user_agent: text,
  provider: text,
  model: text,
  model_served: maybe,
  api: text,
  method: text,
  path: text,
  stream: z.boolean().catch(false),
  denied_by: maybe,
  error: maybe,
  usage: z
    .record(z.string(), z.number())
    .transform((counts): Usage => ({ ...zeroUsage(), ...counts }))
    .nullable()
    .catch(null),
  usage_state: text,
  cost_nanodollars: maybe,
  service_tier: maybe,
  session_id: text,
  stop_reason: maybe,
  response_id: maybe,
  provider_request_id: maybe,
  tools: texts,
  attempts: z.array(z.object({ provider: z.string(), started_at_ms: z.number(), outcome: z.string() })).catch([]),
  verdicts: z.record(z.string(), z.number()).catch({}),
  rules: texts,
  quotas: texts,
  config_version: text,
  request_bytes: z.number().nullable().catch(null),
  response_bytes: z.number().nullable().catch(null),
});
export type SpanFacts = z.output<typeof SpanFacts>;
