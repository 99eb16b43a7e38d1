import type { ExchangeRecord } from '../../src/contract/record.ts';
import type { RecordText } from '../../src/records/messages.ts';
import { idAt } from './ids.ts';

/** 2026-11-23T10:20:30.123456Z, the hour when the test's exchanges begin. */
export const TEST_TIME_MS = Date.UTC(2026, 10, 23, 10, 20, 30) + 123.456;

/** A complete, ordinary exchange; `change` says what matters to the test. */
export function aRecord(change: Partial<ExchangeRecord> = {}): ExchangeRecord {
  const received_at = change.received_at ?? TEST_TIME_MS;
  return {
    v: 1,
    id: idAt(received_at),
    gateway: 'gateway-a',
    segment: 1,
    received_at,
    first_byte_at: received_at + 250.5,
    ended_at: received_at + 1000.25,
    login: 'alice@example.com',
    node_id: 'n1',
    node_name: 'laptop',
    tags: [],
    groups: ['group:dev'],
    identity_source: 'tailscale',
    agent: 'claude-code',
    client_version: '2.0.1',
    user_agent: 'claude-cli/2.0.1',
    provider: 'anthropic',
    key_id: 'key-1',
    model: 'claude-sonnet-4-5',
    model_served: 'claude-sonnet-4-5-20250929',
    api: 'anthropic_messages',
    method: 'POST',
    path: '/v1/messages',
    status: 200,
    stream: true,
    state: 'complete',
    denied_by: null,
    usage: {
      input_uncached: 100,
      cache_read: 2000,
      cache_write_5m: 30,
      cache_write_1h: 4,
      cache_write_other: 5,
      output: 600,
      reasoning: 70,
      audio_in: 0,
      image_in: 0,
      audio_out: 0,
      image_out: 0,
    },
    usage_state: 'final',
    usage_detail: {},
    usage_flags: [],
    cost_nanodollars: '12345678',
    cost_basis: 'anthropic/claude-sonnet-4-5',
    price_version: '2026-11-01',
    reported_cost_nanodollars: null,
    service_tier: 'standard',
    session_id: 's-1',
    session_base: 's-1',
    parent_session_id: null,
    agent_id: null,
    previous_response: null,
    stop_reason: 'end_turn',
    tool_calls: [{ id: 'toolu_1', name: 'Read', arguments: '{"path":"a.ts"}', bytes: 15 }],
    tool_results: [],
    history: null,
    late_usage: null,
    server_tools: { web_search: 2 },
    attempts: [{ provider: 'anthropic', started_at_ms: received_at + 1, outcome: '200' }],
    edits: [{ kind: 'inject_usage', side: 'request', detail: 'stream_options' }],
    verdicts: [],
    grant_ids: ['config:0'],
    quota_charges: [],
    config_version: 'c1',
    request_bytes: 2048,
    response_bytes: 4096,
    request_sha256: 'a'.repeat(64),
    response_sha256: 'b'.repeat(64),
    provider_request_id: 'req_1',
    response_id: 'msg_1',
    error: null,
    ...change,
  };
}

/** As it travels. */
export function textOf(record: ExchangeRecord): RecordText {
  const { id, login } = record;
  return { id, login, json: JSON.stringify(record) };
}
