import type { Api, Compatibility, Dialect } from '../contract/api.ts';
import type { FaultAnswer } from '../contract/fault.ts';
import type { RequestFacts, ResponseFacts } from '../contract/facts.ts';

/** The head of a response, as the reader needs it. Header names are lower-case. */
export interface ResponseHead {
  status: number;
  headers: ReadonlyMap<string, string>;
}

/**
 * Reads one response from its bytes, in any chunking, already freed of its content-encoding. Never throws on what a
 * provider sends: what cannot be read is left out of the facts or becomes `facts.error`.
 */
export interface ResponseReader {
  push(bytes: Uint8Array): void;
  /** `complete`: the body ended as HTTP says it should; `cut`: it did not. Called once. */
  end(how: 'complete' | 'cut'): ResponseFacts;
  /** The response's id, where a stream has told it so far. */
  responseId?(): string | null;
  /**
   * After `end`: the response as one JSON value, a stream put together again; undefined where it could not be read.
   * Whole up to 64 Mi characters; beyond that the facts carry the flag `kept_truncated`.
   */
  rebuilt?(): unknown;
}

export interface RequestInput {
  method: string;
  /** Without the query. */
  path: string;
  query: string;
  headers: ReadonlyMap<string, string>;
  /** Decoded body as forwarded; empty for requests without one. */
  body: Uint8Array;
}

/** What every provider API must offer. One folder an API; pure and without I/O. */
export interface Protocol {
  readonly api: Api;
  /** The flag a provider must have to serve it. */
  readonly compatibility: Compatibility;
  /** Another flag that will do. */
  readonly alsoServedBy?: Compatibility;
  readonly dialect: Dialect;
  /**
   * False for endpoints that only count: their numbers are not usage. `late`: what is told is usage, of an earlier
   * response, and booked there.
   */
  readonly billable: boolean | 'late';
  /** The model that the API takes where a request names none; absent where it must name one. */
  readonly defaultModel?: string;
  /** Its responses stay at the provider, and can be asked for again by their ids. */
  readonly stores?: true;
  readRequest(input: RequestInput): RequestFacts;
  /** Chooses its parser by status and content-type, not by what the request asked for. */
  openResponse(head: ResponseHead, request: RequestFacts): ResponseReader;
}

/** Our own error in a caller's shape (wire-formats.md, section 12). */
export interface ShapedFault {
  status: number;
  headers: [string, string][];
  body: string;
}

export interface DialectFaults {
  readonly dialect: Dialect;
  shape(answer: FaultAnswer, requestId: string): ShapedFault;
  /**
   * The event with which we end a stream ourselves: text with its blank lines, or a frame of a binary stream; undefined
   * where the dialect has none.
   */
  event(answer: FaultAnswer, requestId: string): string | Uint8Array | undefined;
}
