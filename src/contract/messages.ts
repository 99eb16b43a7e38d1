import type { Api } from './api.ts';
import type { Opened } from './exchange.ts';
import type { Facts } from './facts.ts';
import type { Fault } from './fault.ts';
import type { CallFacts, Decided, Deciding, RulesSlice, Verdict, Wired } from './guardrail.ts';
import type { Holding } from './holding.ts';
import type { ExchangeId } from './ids.ts';
import type { PriceOverride } from './price.ts';
import type { NamedResource } from './resource.ts';
import type { Result } from '../lib/result.ts';

/** `watch` gets copies of a running exchange, `decide` releases its bytes, `reread` reads one that has ended from the journal. */
export type InspectMode = 'watch' | 'decide' | 'reread';

/** The two unions that cross the thread boundary of an inspector. Plain data only; posted as arrays, one per loop turn. */
export type ToInspector =
  /** `rules`: only where the thread runs rules. Secret: with keys of hooks. */
  | { kind: 'world'; world: number; pricing: PricingSlice; rules?: RulesSlice }
  /** `deciding`: in the mode `decide`. */
  | { kind: 'open'; opened: Opened; mode: InspectMode; deciding?: Deciding }
  /** Bytes of the request body as forwarded. */
  | { kind: 'request'; exchange: ExchangeId; bytes: Uint8Array<ArrayBuffer> }
  | { kind: 'head'; exchange: ExchangeId; status: number; headers: [string, string][] }
  /** Bytes of the response body as the provider sent them. */
  | { kind: 'bytes'; exchange: ExchangeId; bytes: Uint8Array<ArrayBuffer> }
  /** `complete`: the provider ended the body; `cut`: anything else. */
  | { kind: 'end'; exchange: ExchangeId; how: 'complete' | 'cut' }
  /** Its client has left after the provider was done: no hook need be asked about the answer, and its end comes at once. */
  | { kind: 'abandon'; exchange: ExchangeId }
  /** The process has no room for what is held of it until hooks are asked: their settings say what becomes of it. */
  | { kind: 'give_up_holding'; exchange: ExchangeId; why: string }
  /** Forget it: no answer is wanted any more. */
  | { kind: 'drop'; exchange: ExchangeId }
  /** Sessions that are revoked now, all of them: each open exchange of one, and each to come, is to be reported. */
  | { kind: 'revoked_sessions'; sessions: string[] }
  /** Scan a body that is too large for the main thread; the buffer is given away and comes back. `form`: its content type. */
  | { kind: 'scan'; ask: number; api: Api; body: Uint8Array<ArrayBuffer>; form?: string }
  /** Run the rules on a request; the body is given away and comes back. */
  | ({ kind: 'decide'; ask: number; body: Uint8Array<ArrayBuffer> } & RequestToDecide)
  /** A `decide` may follow within the millisecond: get warm. */
  | { kind: 'wake' }
  /** Answered by a `pong` as soon as the thread comes round to it. */
  | { kind: 'ping' };

/** A request whose rules are to run, but for its body. */
export interface RequestToDecide {
  api: Api;
  world: number;
  wired: Wired[];
  facts: CallFacts;
  /** As the provider would get it, without credentials. */
  method: string;
  headers: [string, string][];
}

/**
 * Inspector -> main thread. Each `open` is answered by exactly one `inspected`, each `scan` by one `scanned`, each `decide`
 * by one `decided`.
 */
export type FromInspector =
  | { kind: 'ready' }
  | { kind: 'pong' }
  | ({ kind: 'release'; exchange: ExchangeId } & Release)
  /** Nothing more of the response may go out. */
  | { kind: 'refuse'; exchange: ExchangeId; fault: Fault; verdicts: Verdict[] }
  /** This much was taken in; as much more may come. */
  | { kind: 'credit'; bytes: number }
  /** What can be asked for again was made, a response above all; told as soon as its id is known, and before `inspected`. */
  | { kind: 'made'; resource: NamedResource; holding: Holding }
  | { kind: 'inspected'; exchange: ExchangeId; outcome: Result<Facts, Fault> }
  /** The exchange is of a session that is revoked. */
  | { kind: 'session_revoked'; exchange: ExchangeId; session: string }
  | { kind: 'scanned'; ask: number; body: Uint8Array<ArrayBuffer>; outcome: Result<BodyFields, Fault> }
  | { kind: 'decided'; ask: number; body: Uint8Array<ArrayBuffer>; outcome: Result<Decided, Fault> };

/** What the rules let go of a response. */
export interface Release {
  /** For the journal. */
  kept: Uint8Array<ArrayBuffer>;
  /** For the client; absent: the same bytes. */
  sent?: Uint8Array<ArrayBuffer>;
  /** So many of the provider's bytes were taken in for it; others may come. */
  takenBytes: number;
  /** The last of it: the rules are done. */
  verdicts?: Verdict[];
}

/** Prices per provider, as config decides them; the table itself is read by each thread from `config/prices.json`. */
export interface PricingSlice {
  autoCostBasis: boolean;
  /** The operator's own prices, which go before the table's. */
  prices: PriceOverride[];
  providers: Record<
    string,
    {
      costBasis: string | undefined;
      compatibility: string[];
      modelCostMap: { match: string; as: string; adjustment: string }[];
    }
  >;
}

/** Where a member of the body's top level stands: half-open byte ranges. */
export interface FieldSpan {
  keyStart: number;
  valueStart: number;
  valueEnd: number;
}

/** What the scanner reads of a body's top level: all that routing, money and policy use. */
export interface BodyFields {
  /** Byte after the opening brace: where a member can be inserted. */
  objectStart: number;
  /** True when the top-level object has no members. */
  empty: boolean;
  /** Members among the keys that we use, by unescaped key. */
  spans: Record<string, FieldSpan>;
  model: string | undefined;
  /** Every other model that the body can select: `models[]`, `fallbacks[].model`, any `model` in `tools`. */
  otherModels: string[];
  stream: boolean;
  /** `stream_options.include_usage`, where the member exists. */
  includeUsage: boolean | undefined;
  /** The body is a multipart form: spans are those of its values as they are, and this much of it is text, or files. */
  form?: { textBytes: number; fileBytes: number };
  /** What the body names of what providers keep, an earlier response aside; absent where it names none. */
  resources?: NamedResource[];
}
