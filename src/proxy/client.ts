import type { Closed, Edit } from '../contract/exchange.ts';
import type { Fault } from '../contract/fault.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { ResourceNote } from '../contract/resource.ts';
import type { Result } from '../lib/result.ts';

/** The client's side of an exchange, as the proxy needs it; the front door's response satisfies it. */
export interface ClientStream {
  readonly gone: boolean;
  /** The client left, or the socket broke, before the response was ended. */
  onGone(then: () => void): void;
  /** A whole answer at once. */
  send(status: number, headers: readonly (readonly [string, string])[], body: string | Uint8Array): void;
  /**
   * Begins a streamed answer. With `contentLength` the body is sent under that length, else chunked. `lastly` is asked for more
   * headers as these are written, which may be with the first of the body.
   */
  head(
    status: number,
    headers: readonly (readonly [string, string])[],
    contentLength: number | undefined,
    lastly?: () => readonly (readonly [string, string])[],
  ): void;
  /** False when the client has not taken all that was written. */
  write(chunk: Uint8Array): boolean;
  /** Called when the client has taken all that was written. */
  onDrain(then: () => void): void;
  end(): void;
  /** Breaks the connection: how a broken stream stays broken. */
  reset(): void;
}

/** What the proxy writes of an exchange. */
export interface WireFrames {
  head: { status: number; headers: [string, string][] };
  response: Uint8Array;
  closed: Closed;
}

/** The journal as the proxy needs it. */
export interface ExchangeJournal {
  append<K extends keyof WireFrames>(exchange: ExchangeId, kind: K, payload: WireFrames[K]): void;
  /** Runs `release` once all that this exchange has appended so far is written; in order per exchange. */
  barrier(exchange: ExchangeId, release: () => void): void;
}

/** Copies for an inspector; the pool's tap satisfies it. */
export interface ExchangeTap {
  head(status: number, headers: [string, string][]): void;
  response(bytes: Uint8Array): void;
  end(how: 'complete' | 'cut'): void;
  /** After `end`, where rules decide: nobody waits for their word any more. */
  abandon?(): void;
  /** Where the answer is held: there is no room for it. */
  giveUpHolding?(why: string): void;
}

/** Edits response bytes on the wire; holds back at most the current event. */
export interface WireFilter {
  push(chunk: Uint8Array): Uint8Array[];
  end(): Uint8Array[];
  /** What it changed, for the record; undefined when nothing was. */
  edit(): string | undefined;
}

/** What is left of an answer for the client, and what it tells of objects at the provider. */
export interface Answered {
  headers: [string, string][];
  body: Uint8Array;
  edits: Edit[];
  notes: ResourceNote[];
}

/** Reads an answer before the client has it, or has its end. */
export interface AnswerReader {
  /** An answer with a good status is held whole, up to so much. Undefined: it passes as it comes, and no body is read. */
  heldBytes: number | undefined;
  /** A longer one passes, and is not read: it must not be filtered, nor tell of what was made by this request. */
  mayPass: boolean;
  read(status: number, headers: [string, string][], body: Uint8Array): Promise<Result<Answered, Fault>>;
}
