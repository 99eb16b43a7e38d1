import type { RequestFacts, ResponseFacts } from '../contract/facts.ts';

/** Facts of a response of which nothing is known. */
export function emptyResponseFacts(): ResponseFacts {
  return {
    model_served: null,
    response_id: null,
    stop_reason: null,
    usage: null,
    usage_state: 'absent',
    usage_detail: {},
    usage_flags: [],
    service_tier: null,
    text: '',
    tool_calls: [],
    server_tools: {},
    error: null,
    complete: false,
    terminator: null,
    reported_cost_nanodollars: null,
  };
}

/** Facts of a request of which nothing is known. */
export function emptyRequestFacts(): RequestFacts {
  return {
    model: null,
    stream: false,
    client_session: null,
    parent_session: null,
    agent_id: null,
    previous_response: null,
    system_text: '',
    first_user_text: '',
    history: null,
    tool_results: [],
  };
}
