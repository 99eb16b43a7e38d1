import type { BatchUsage } from './batch.ts';
import type { Verdict } from './guardrail.ts';
import type { NamedResource } from './resource.ts';
import type { History, LateUsage } from './record.ts';
import type { StopReason, Usage, UsageState } from './usage.ts';

export interface ToolCall {
  id: string | null;
  name: string;
  /** JSON text as the provider sent it. */
  arguments: string;
}

/** What a reader of one response found out. The same for any chunking of the bytes. */
export interface ResponseFacts {
  model_served: string | null;
  response_id: string | null;
  stop_reason: { raw: string; canonical: StopReason | null } | null;
  /** Null when the response has none. */
  usage: Usage | null;
  usage_state: UsageState;
  /** Extra facts: counted tokens of a count endpoint, extra iterations, refusal text, seconds of audio. */
  usage_detail: Record<string, unknown>;
  /** Words on odd numbers, such as `clamped:input_uncached`. */
  usage_flags: string[];
  service_tier: string | null;
  /** Text of the first choice or candidate, without thoughts and refusals. */
  text: string;
  tool_calls: ToolCall[];
  /** Counts of tools that the provider ran itself, e.g. `web_search`. */
  server_tools: Record<string, number>;
  error: ProviderError | null;
  /** The stream reached its terminal event, or the unary body is whole. */
  complete: boolean;
  terminator: string | null;
  /** Cost in nanodollars that the provider itself reports (OpenRouter and others), decimal string. */
  reported_cost_nanodollars: string | null;
  /** What tools of the provider's made beside the answer, and the caller may ask for; absent for nearly all. */
  made?: NamedResource[];
}

export interface ProviderError {
  where: 'http' | 'body' | 'stream' | 'decode';
  type: string | null;
  code: string | number | null;
  message: string | null;
}

/** What a reader of the request body found out. */
export interface RequestFacts {
  model: string | null;
  stream: boolean;
  /** The client's own conversation id, where it sends one (wire-formats.md, section 15). */
  client_session: string | null;
  parent_session: string | null;
  agent_id: string | null;
  /** `previous_response_id` and the like: the id of the exchange this one continues. */
  previous_response: string | null;
  /** What the fallback session hash is made of. */
  system_text: string;
  first_user_text: string;
  /** The conversation as a chain of hashes; null where the request is none. */
  history: History | null;
  /** Results of earlier tool calls that this request carries. */
  tool_results: { id: string; bytes: number; is_error: boolean }[];
}

/** All that an inspector knows of an exchange at its end. */
export interface Facts {
  /** Both without their texts, which only an inspector needs: for an estimate and the session's hash. */
  response: ResponseFacts;
  request: RequestFacts;
  session: SessionFacts;
  request_sha256: string;
  response_sha256: string;
  /** Null: the price is unknown, or there is no usage. Never zero for want of a price. Decimal string. */
  cost_nanodollars: string | null;
  /** `<basis>/<model>` of the price that was used. */
  cost_basis: string | null;
  /** Why there is no cost, where there could be one: `model_unknown` and the like. */
  cost_unknown: string | null;
  price_version: string | null;
  /** What the response says of an earlier one; the facts then have no usage and no cost of their own. */
  late_usage: LateUsage | null;
  /** What the results of a batch say, where they were read to their end. */
  batch_usage?: BatchUsage;
  /** Of the rules on the response, where they ran beside the reading. */
  verdicts?: Verdict[];
}

/** Aperture's mark of a session that was found by its content (aperture.md, section 7.2); hex digits stand behind it. */
export const HASHED_SESSION = 'oacc_';

/** Which conversation an exchange belongs to, as far as it can tell by itself. */
export interface SessionFacts {
  /** The client's own id, or `oacc_` and a hash. */
  base: string;
  parent: string | null;
  agentId: string | null;
}
