import type { Closed, Opened } from '../../src/contract/exchange.ts';
import type { Facts } from '../../src/contract/facts.ts';
import { mintExchangeId } from '../../src/contract/ids.ts';
import { zeroUsage } from '../../src/contract/usage.ts';

export const RECEIVED_MS = Date.UTC(2026, 10, 23, 10, 20, 30);

export function opened(change: Partial<Opened> = {}): Opened {
  return {
    id: mintExchangeId(RECEIVED_MS),
    received_at_ms: RECEIVED_MS,
    login: 'alice@example.com',
    node_id: 'n1',
    node_name: 'laptop',
    tags: [],
    groups: ['group:dev'],
    identity_source: 'tailscale',
    user_agent: 'claude-cli/2.1.330 (external, cli)',
    agent: 'claude-code',
    client_version: '2.1.330',
    api: 'anthropic_messages',
    method: 'POST',
    path: '/v1/messages',
    stream: false,
    request_headers: [],
    model: 'claude-sonnet-4-6',
    provider: 'anthropic',
    key_id: 'anthropic',
    grant_ids: ['config:0'],
    quotas: [],
    hooks: [],
    config_version: 'c1',
    world: 1,
    ...change,
  };
}

export function closed(change: Partial<Closed> = {}): Closed {
  return {
    state: 'complete',
    ended_at_ms: RECEIVED_MS + 900,
    first_byte_at_ms: RECEIVED_MS + 200,
    status: 200,
    denied_by: null,
    attempts: [{ provider: 'anthropic', started_at_ms: RECEIVED_MS + 1, outcome: '200' }],
    edits: [],
    request_bytes: 120,
    response_bytes: 3400,
    provider_request_id: 'req_1',
    error: null,
    ...change,
  };
}

type FactsChange = Partial<Omit<Facts, 'response' | 'request'>> & {
  response?: Partial<Facts['response']>;
  request?: Partial<Facts['request']>;
};

export function facts({ response, request, ...change }: FactsChange = {}): Facts {
  return {
    response: {
      model_served: 'claude-sonnet-4-6',
      response_id: 'msg_1',
      stop_reason: { raw: 'end_turn', canonical: 'stop' },
      usage: { ...zeroUsage(), input_uncached: 10, output: 5 },
      usage_state: 'final',
      usage_detail: {},
      usage_flags: [],
      service_tier: 'standard',
      text: 'Hi',
      tool_calls: [],
      server_tools: {},
      error: null,
      complete: true,
      terminator: 'message_stop',
      reported_cost_nanodollars: null,
      ...response,
    },
    request: {
      model: 'claude-sonnet-4-6',
      stream: true,
      client_session: null,
      parent_session: null,
      agent_id: null,
      previous_response: null,
      system_text: '',
      first_user_text: '',
      history: null,
      tool_results: [],
      ...request,
    },
    session: { base: 's-1', parent: null, agentId: null },
    request_sha256: 'a'.repeat(64),
    response_sha256: 'b'.repeat(64),
    cost_nanodollars: '105000',
    cost_basis: 'anthropic/claude-sonnet-4-6',
    cost_unknown: null,
    price_version: '2026-09-28-0123456789ab',
    late_usage: null,
    ...change,
  };
}
