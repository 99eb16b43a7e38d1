import type { Api } from './api.ts';
import type { BatchRead } from './batch.ts';
import type { IdentitySource } from './caller.ts';
import type { PostHook, Verdict } from './guardrail.ts';
import type { ExchangeId } from './ids.ts';
import type { ResourceNote } from './resource.ts';

/**
 * What the front door knows when a request is accepted: the payload of the journal's `opened` frame and of an
 * inspector's `open` message, so that a replay needs nothing else. Headers are redacted before they get here.
 */
export interface Opened {
  id: ExchangeId;
  received_at_ms: number;
  login: string;
  node_id: string;
  node_name: string;
  tags: string[];
  groups: string[];
  identity_source: IdentitySource;
  user_agent: string;
  agent: string;
  client_version: string;
  api: Api;
  method: string;
  path: string;
  /** A stream was asked for. */
  stream: boolean;
  /** Lower-case name and value, credentials replaced by `[redacted]`. */
  request_headers: [string, string][];
  /** As the client wrote it; empty when the request names none. */
  model: string;
  /** Empty until a route is found. */
  provider: string;
  /** A name for the key that was used, never the key. */
  key_id: string;
  grant_ids: string[];
  /** Chains of buckets that it is charged in: in each chain once, in its first bucket as far as that can pay. */
  quotas: string[][];
  /** Of the rules on the request; absent where none ran. */
  verdicts?: Verdict[];
  /** Hooks that are told of it when it is over; empty for nearly all. */
  hooks: PostHook[];
  /** It asks for the results of a batch; absent for nearly all. */
  results?: BatchRead;
  config_version: string;
  /** The world whose prices apply: an inspector knows the last few. */
  world: number;
}

/** Every edit of the bytes that the gateway made on purpose (promise 1), recorded with the exchange. */
export interface Edit {
  kind:
    | 'inject_usage'
    | 'drop_usage_event'
    | 'model_name'
    | 'content_encoding'
    | 'rule'
    | 'list_filter'
    | 'own_url'
    | 'whole_results';
  side: 'request' | 'response';
  detail: string;
}

export type ExchangeState = 'complete' | 'aborted' | 'error' | 'denied' | 'blocked' | 'interrupted';

/** What the front door knows at the end: the payload of the journal's `closed` frame. */
export interface Closed {
  state: ExchangeState;
  ended_at_ms: number;
  first_byte_at_ms: number | null;
  /** Status that the client got; 0 when it got none. */
  status: number;
  denied_by: string | null;
  attempts: { provider: string; started_at_ms: number; outcome: string }[];
  edits: Edit[];
  /** Of the rules on the response; absent where none ran, or their word had not come by then. */
  verdicts?: Verdict[];
  request_bytes: number;
  response_bytes: number;
  /**
   * When the bytes of a stream came, packed as `lib/pace.ts` has it: times since the request was received, bytes of the body
   * as it is kept, at the moment when they were appended to the journal. Where rules hold a response back, that is when they
   * let it go. Absent where it was no stream.
   */
  response_pace?: number[];
  provider_request_id: string | null;
  error: { code: string; message: string } | null;
  /** What was made or deleted at the provider; absent for nearly all. */
  resources?: ResourceNote[];
}
