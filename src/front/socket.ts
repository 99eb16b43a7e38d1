import type { ClientStream } from '../proxy/client.ts';
import type { KeyPair } from './key-pair.ts';

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
  /** In place of an answer: undefined where the client asked for no WebSocket, or is gone. Call at most once. */
  upgrade(options: UpgradeOptions, events: WebSocketEvents): ClientWebSocket | undefined;
}

export interface UpgradeOptions {
  /** One of those that the client offered in `sec-websocket-protocol`; undefined: none is named. */
  protocol: string | undefined;
  /** With the 101. */
  headers: [string, string][];
  /** A longer message closes the socket with 1009. */
  maxMessageBytes: number;
}

/** What a client's WebSocket tells. Nothing after `closed`, which comes once, whoever closed it. */
export interface WebSocketEvents {
  /** A whole message, in order; the bytes belong to the receiver. */
  message(bytes: Uint8Array<ArrayBuffer>, binary: boolean): void;
  /** All that was handed in is in the system's hands. */
  drained(): void;
  /** 1005: the client gave no code. 1006: the connection was cut. */
  closed(code: number, reason: string): void;
}

/** A client's WebSocket. After `closed` nothing may be done with it; every method then does nothing. */
export interface ClientWebSocket {
  /** Handed in, and not in the system's hands yet. */
  readonly unsentBytes: number;
  /** A whole message; the bytes are consumed before it returns. */
  send(bytes: Uint8Array | string, binary: boolean): void;
  /** Says goodbye; `closed` follows, at the latest a second later. 1005 says it without a code, 1006 cuts the connection. */
  close(code: number, reason: string): void;
}

export type Accept = (request: ClientRequest, response: ClientResponse, listener: number) => void;

export interface FrontSocket {
  /** Listens; rejects when the address is taken. Resolves with the port (useful with port 0). */
  listen(host: string, port: number): Promise<number>;
  /** Connections from now on are shown a renewed key pair. False: this layer cannot, and another socket must take its place. */
  renew(keyPair: KeyPair): boolean;
  /** From now on every response tells the client to open a new connection for its next request. */
  dismiss(): void;
  /** No new connections; open ones live on. */
  stopListening(): void;
  /** Requests that came and whose responses are not all in the hands of the system yet. */
  readonly open: number;
  /** Ends every connection. */
  close(): void;
}
