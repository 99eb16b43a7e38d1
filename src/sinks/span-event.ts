import { DELIVERY_PAYLOAD_BYTES } from '../contract/limits.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import { storableJson } from '../lib/storable-text.ts';

/** Longer lists are cut: the record has them whole. */
const LISTED = 32;

/**
 * What the spans of a request are made of when they are sent: facts of its record and nothing of what was said. The words
 * of the conventions come later (`otlp/spans.ts`), so that what waits in the outbox is told as the build that sends it
 * tells it.
 */
export function spanEvent(record: ExchangeRecord): string {
  const { id, gateway, trace, received_at, ended_at, state, status } = record;
  const base = { id, gateway, trace, received_at, ended_at, state, status };
  const event = storableJson({
    ...base,
    // Of a batch's usage, which is booked as a record: nobody has waited for it.
    booked: record.segment < 0,
    first_byte_at: record.first_byte_at,
    login: record.login,
    node_name: record.node_name,
    identity_source: record.identity_source,
    agent: record.agent,
    user_agent: record.user_agent,
    provider: record.provider,
    model: record.model,
    model_served: record.model_served,
    api: record.api,
    method: record.method,
    path: record.path,
    stream: record.stream,
    denied_by: record.denied_by,
    error: record.error?.code ?? null,
    usage: record.usage,
    usage_state: record.usage_state,
    cost_nanodollars: record.cost_nanodollars,
    service_tier: record.service_tier,
    session_id: record.session_id,
    stop_reason: record.stop_reason,
    response_id: record.response_id,
    provider_request_id: record.provider_request_id,
    tools: record.tool_calls.slice(0, LISTED).map(({ name }) => name),
    attempts: record.attempts.slice(0, LISTED),
    verdicts: verdictCounts(record.verdicts),
    rules: [...new Set(record.verdicts.filter(({ action }) => action !== 'allow').map(({ rule }) => rule))].slice(
      0,
      LISTED,
    ),
    quotas: record.quota_charges.slice(0, LISTED).map(({ bucket }) => bucket),
    config_version: record.config_version,
    request_bytes: record.request_bytes,
    response_bytes: record.response_bytes,
  });
  return Buffer.byteLength(event) <= DELIVERY_PAYLOAD_BYTES ? event : storableJson(base);
}

/** By what was done: `{ redact: 2, allow: 1 }`. */
function verdictCounts(verdicts: ExchangeRecord['verdicts']): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { action } of verdicts) counts[action] = (counts[action] ?? 0) + 1;
  return counts;
}
