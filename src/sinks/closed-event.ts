import { DELIVERY_PAYLOAD_BYTES } from '../contract/limits.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import { storableJson } from '../lib/storable-text.ts';

/** Longer lists are cut: the record has them whole. */
const LISTED = 100;

/**
 * What an exchange's record tells a SIEM: who, what, how much and how it ended, under the names of the record; nothing
 * of what was said. JSON text within `DELIVERY_PAYLOAD_BYTES`; a record that does not fit is told by its id alone.
 */
export function closedEvent(record: ExchangeRecord): string {
  const event = storableJson({
    id: record.id,
    received_at: timeText(record.received_at),
    ended_at: timeText(record.ended_at),
    state: record.state,
    status: record.status,
    denied_by: record.denied_by,
    error: record.error?.code ?? null,
    login: record.login,
    node_id: record.node_id,
    node_name: record.node_name,
    tags: record.tags.slice(0, LISTED),
    groups: record.groups.slice(0, LISTED),
    identity_source: record.identity_source,
    agent: record.agent,
    client_version: record.client_version,
    user_agent: record.user_agent,
    provider: record.provider,
    key_id: record.key_id,
    model: record.model,
    model_served: record.model_served,
    api: record.api,
    method: record.method,
    path: record.path,
    stream: record.stream,
    usage: record.usage,
    usage_state: record.usage_state,
    cost_nanodollars: record.cost_nanodollars,
    service_tier: record.service_tier,
    session_id: record.session_id,
    stop_reason: record.stop_reason,
    tools: record.tool_calls.slice(0, LISTED).map(({ name }) => name),
    edits: record.edits.slice(0, LISTED).map(({ kind }) => kind),
    grant_ids: record.grant_ids.slice(0, LISTED),
    config_version: record.config_version,
    request_bytes: record.request_bytes,
    response_bytes: record.response_bytes,
    request_sha256: record.request_sha256,
    response_sha256: record.response_sha256,
    provider_request_id: record.provider_request_id,
    trace: record.trace,
  });
  if (Buffer.byteLength(event) <= DELIVERY_PAYLOAD_BYTES) return event;
  return storableJson({ id: record.id, state: record.state, status: record.status, left_out: 'too_large' });
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
