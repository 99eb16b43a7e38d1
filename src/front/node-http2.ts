import { constants, createServer } from 'node:http2';
import type {
  Http2Server,
  Http2Session,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
  ServerHttp2Stream,
} from 'node:http2';
import type { Connection } from './node-connection.ts';
import { NodeResponse } from './node-response.ts';
import type { NodeWire, Shared } from './node-response.ts';
import type { Accept } from './socket.ts';
import { asksToClose, MOST_HEADER_BYTES, MOST_HEADERS, NodeRequest, pairsOf, writable } from './wire-headers.ts';
import type { Headers } from './wire-headers.ts';

const { NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants;

/** Requests that one connection may have under way; nghttp2 holds the next ones off, and closes who resets too many. */
const MOST_STREAMS = 250;

/** Of one request's body, before it is read. The default of 64 KiB would make a long prompt wait for round trips. */
const STREAM_WINDOW_BYTES = 1024 * 1024;
/** Of all of a connection's bodies. */
const SESSION_WINDOW_BYTES = 4 * 1024 * 1024;
/** All that Node holds for one connection, with what its clients do not take; beyond it new streams are refused. */
const SESSION_MEMORY_MB = 64;

/** What is written before a reset has this long to leave. */
const RESET_WITHIN_MS = 1_000;

/** With it a GOAWAY only tells the client to come with another connection; what it has sent already is answered. */
const ANY_STREAM = 2 ** 31 - 1;

/** Node's HTTP/2, on connections that are handed in and have begun with its preface. */
export class Http2 {
  readonly #server: Http2Server;
  readonly #accept: Accept;
  readonly #listener: number;
  readonly #shared: Shared;
  readonly #connections = new WeakMap<object, Connection>();
  /** Not told yet that we leave. */
  readonly #untold = new Set<Http2Session>();
  /** Whose session Node is making now. */
  #serving: Connection | undefined;

  constructor(accept: Accept, listener: number, shared: Shared) {
    this.#accept = accept;
    this.#listener = listener;
    this.#shared = shared;
    this.#server = createServer({
      maxSessionMemory: SESSION_MEMORY_MB,
      // With the four that begin with a colon.
      maxHeaderListPairs: MOST_HEADERS + 4,
      settings: {
        maxConcurrentStreams: MOST_STREAMS,
        initialWindowSize: STREAM_WINDOW_BYTES,
        maxHeaderListSize: MOST_HEADER_BYTES,
      },
    });
    this.#server.on('session', (session) => {
      this.#session(session);
    });
    // Told by its streams and its socket.
    this.#server.on('sessionError', () => undefined);
    this.#server.on(
      'stream',
      (stream: ServerHttp2Stream, _headers: IncomingHttpHeaders, _flags: number, raw: string[]) => {
        this.#stream(stream, raw);
      },
    );
  }

  serve(connection: Connection): void {
    this.#serving = connection;
    this.#server.emit('connection', connection.socket);
    this.#serving = undefined;
  }

  dismiss(): void {
    for (const session of this.#untold) this.#tell(session);
  }

  #session(session: Http2Session): void {
    if (this.#serving !== undefined) this.#connections.set(session, this.#serving);
    this.#untold.add(session);
    session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    session.on('close', () => this.#untold.delete(session));
  }

  /** Nghttp2 drops what comes after a GOAWAY that names a stream; this one names the last that there can be. */
  #tell(session: Http2Session): void {
    this.#untold.delete(session);
    if (!session.destroyed) session.goaway(NGHTTP2_NO_ERROR, ANY_STREAM);
  }

  #stream(stream: ServerHttp2Stream, rawHeaders: string[]): void {
    const { session } = stream;
    const connection = session === undefined ? undefined : this.#connections.get(session);
    if (session === undefined || connection === undefined) {
      stream.close(NGHTTP2_INTERNAL_ERROR);
      return;
    }
    const request = requestOf(rawHeaders, connection.remoteAddress);
    const wire = new Http2Wire(stream, request.method === 'HEAD');
    const response = new NodeResponse(wire, this.#shared, (over) => {
      connection.finished(over);
    });
    connection.began(response);
    stream.on('aborted', () => {
      response.left();
    });
    stream.on('close', () => {
      response.left();
    });
    // A new connection gets its first answer.
    if (this.#shared.dismissed && this.#untold.has(session)) this.#tell(session);
    this.#accept(request, response, this.#listener);
  }
}

/** Names that begin with a colon are HTTP/2's request line; `:authority` is what HTTP/1.1 calls `host`. */
function requestOf(rawHeaders: readonly string[], remoteAddress: string): NodeRequest {
  const pseudo = new Map<string, string>();
  const headers: [string, string][] = [];
  for (const [name, value] of pairsOf(rawHeaders)) {
    if (name.startsWith(':')) pseudo.set(name, value);
    else headers.push([name, value]);
  }
  const authority = pseudo.get(':authority');
  const named = authority === undefined ? headers : headers.filter(([name]) => name !== 'host');
  if (authority !== undefined) named.unshift(['host', authority]);
  return new NodeRequest(pseudo.get(':method') ?? '', pseudo.get(':path') ?? '', named, remoteAddress);
}

class Http2Wire implements NodeWire {
  readonly body: ServerHttp2Stream;
  readonly out: ServerHttp2Stream;
  readonly headOnly: boolean;

  constructor(stream: ServerHttp2Stream, headOnly: boolean) {
    this.body = stream;
    this.out = stream;
    this.headOnly = headOnly;
  }

  get isBroken(): boolean {
    return this.out.destroyed || this.out.closed;
  }

  head(status: number, headers: Headers, contentLength: number | undefined, bodyless: boolean): void {
    // Node takes no other; a provider's own invention is a bad gateway to its client.
    const fields: OutgoingHttpHeaders = { ':status': status >= 200 && status <= 599 ? status : 502 };
    for (const [name, value] of writable(headers)) {
      const before = fields[name];
      if (name === 'set-cookie') fields[name] = [...(Array.isArray(before) ? before : []), value];
      else fields[name] = before === undefined ? value : `${String(before)}, ${value}`;
    }
    if (contentLength !== undefined && (!bodyless || this.headOnly)) fields['content-length'] = contentLength;
    this.out.respond(fields, { endStream: bodyless });
    // What still comes of the request is not worth the wire.
    if (asksToClose(headers)) this.out.once('finish', () => this.out.close(NGHTTP2_NO_ERROR));
  }

  /** The frame of the head leaves by itself. */
  flushHead(): void {}

  /** The window is open as it is. */
  wantBody(): void {}

  /** A reset drops what has not left. `close` would end the stream before it, and the answer would pass for whole. */
  reset(): void {
    const reset = (): void => {
      clearTimeout(timer);
      this.out.destroy(new Error('the answer is broken off'));
    };
    const timer = setTimeout(reset, RESET_WITHIN_MS);
    if (this.out.headersSent && this.out.writable) this.out.write(new Uint8Array(0), reset);
    else reset();
  }

  /** WebSockets come with HTTP/1.1. */
  upgrade(): undefined {
    return undefined;
  }
}
