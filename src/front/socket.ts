import type { ClientStream } from '../proxy/client.ts';

/**
 * The socket layer as the front door sees it: small, so that uWebSockets.js (`front/uws.ts`) and Node's own http can
 * both be it (`server.socket`).
 */
export interface ClientRequest {
  /** Upper-case. */
  readonly method: string;
  /** As it came, undecoded, without the query. */
  readonly path: string;
  /** As it came, without `?`. */
  readonly query: string;
  /** Lower-case names, in order. */
  readonly headers: [string, string][];
  readonly remoteAddress: string;
  /** First value of a header, by lower-case name. */
  header(name: string): string | undefined;
}

/**
 * The way back to one client. After `onGone` has fired nothing may be written; every method then does nothing.
 * Chunks handed out by `onData` are copies and belong to the receiver; chunks handed in are consumed before returning.
 */
export interface ClientResponse extends ClientStream {
  /** Body bytes in order; `last` comes exactly once, perhaps with an empty chunk. Call at most once. */
  onData(take: (chunk: Uint8Array<ArrayBuffer>, last: boolean) => void): void;
  pauseBody(): void;
  resumeBody(): void;
}

export type Accept = (request: ClientRequest, response: ClientResponse, listener: number) => void;

export interface FrontSocket {
  /** Listens; rejects when the address is taken. Resolves with the port (useful with port 0). */
  listen(host: string, port: number): Promise<number>;
  /** From now on every response tells the client to open a new connection for its next request. */
  dismiss(): void;
  /** No new connections; open ones live on. */
  stopListening(): void;
  /** Requests that came and whose responses are not all in the hands of the system yet. */
  readonly open: number;
  /** Ends every connection. */
  close(): void;
}
