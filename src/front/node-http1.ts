import { Server, ServerResponse } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { plainFaults } from '../protocols/plain-fault.ts';
import type { Connection } from './node-connection.ts';
import { NodeResponse } from './node-response.ts';
import type { NodeWire, Shared } from './node-response.ts';
import { acceptWebSocket, asksForWebSocket, isUpgradeToWebSocket } from './node-websocket.ts';
import type { Accept, ClientWebSocket, UpgradeOptions, WebSocketEvents } from './socket.ts';
import { statusLine } from './status-line.ts';
import { asksToClose, MOST_HEADER_BYTES, MOST_HEADERS, NodeRequest, pairsOf, writable } from './wire-headers.ts';
import type { Headers } from './wire-headers.ts';

/** What a client may send behind its wish for a WebSocket before it has an answer; then its socket is paused. */
const EARLY_BYTES = 64 * 1024;

/** Node's parser and writer of HTTP/1.1, on connections that are handed in: it listens nowhere itself. */
export class Http1 {
  readonly #server: Server;
  readonly #accept: Accept;
  readonly #listener: number;
  readonly #shared: Shared;
  readonly #connections = new WeakMap<Duplex, Connection>();

  constructor(accept: Accept, listener: number, shared: Shared) {
    this.#accept = accept;
    this.#listener = listener;
    this.#shared = shared;
    // The Host header is the front door's to judge; times are ours (`Connection`), as Node's hold only where it listens.
    this.#server = new Server({ maxHeaderSize: MOST_HEADER_BYTES, requireHostHeader: false, keepAliveTimeout: 0 });
    this.#server.timeout = 0;
    this.#server.maxHeadersCount = MOST_HEADERS + 1;
    this.#server.on('request', (req, res) => {
      this.#request(req, res, false);
    });
    // Asked for once somebody reads the body: what is refused by its head is not sent at all.
    this.#server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => {
      this.#request(req, res, true);
    });
    // As uWebSockets.js: an expectation that nobody knows is none.
    this.#server.on('checkExpectation', (req: IncomingMessage, res: ServerResponse) => {
      this.#request(req, res, false);
    });
    this.#server.on('connect', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      this.#upgrade(req, socket, head);
    });
    this.#server.on('upgrade', (req: IncomingMessage, socket: Duplex, head: Buffer) => {
      // A list that Node cut short is refused there; put back it would be another request.
      if (isUpgradeToWebSocket(req) || hasTooManyHeaders(req)) this.#upgrade(req, socket, head);
      else this.#putBack(req, socket, head);
    });
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
      this.#malformed(error, socket);
    });
  }

  serve(connection: Connection): void {
    const { socket } = connection;
    this.#connections.set(socket, connection);
    // How Node ends a connection behind an answer. Closed by us, what a client that is only told to go may have sent
    // already would be a broken request to it.
    socket.destroySoon = () => {
      if (connection.clientCloses) connection.clientCloses = false;
      else connection.leave();
    };
    this.#server.emit('connection', socket);
  }

  #request(req: IncomingMessage, res: ServerResponse, wantsContinue: boolean): void {
    const connection = this.#connections.get(req.socket);
    if (connection === undefined || connection.leaving) return;
    // As uWebSockets.js: the next request may be on its way only once this one is answered.
    if (connection.isBusy) {
      connection.socket.destroy();
      return;
    }
    this.#take(connection, req, new Http1Wire(req, res, { connection, shared: this.#shared, wantsContinue }));
  }

  /** An answer that is no upgrade ends the connection: Node's parser has left it. */
  #upgrade(req: IncomingMessage, stream: Duplex, head: Buffer): void {
    const connection = this.#connections.get(stream);
    if (connection === undefined || connection.isBusy) {
      stream.destroy();
      return;
    }
    const { socket } = connection;
    const early = new EarlyBytes(socket, head);
    const res = new ServerResponse(req);
    res.shouldKeepAlive = false;
    res.assignSocket(socket);
    res.on('finish', () => {
      res.detachSocket(socket);
      connection.leave();
    });
    const upgrade = (options: UpgradeOptions, events: WebSocketEvents): ClientWebSocket | undefined => {
      if (!asksForWebSocket(req)) return undefined;
      res.detachSocket(socket);
      return acceptWebSocket(req, connection.handOver(), early.taken(), options, events);
    };
    const parts = { connection, shared: this.#shared, wantsContinue: false, upgrade };
    this.#take(connection, req, new Http1Wire(req, res, parts));
  }

  #take(connection: Connection, req: IncomingMessage, wire: Http1Wire): void {
    const response = new NodeResponse(wire, this.#shared, (over) => {
      connection.finished(over);
    });
    connection.began(response);
    if (hasTooManyHeaders(req)) {
      const { status, headers, body } = refusal(431, `more than ${MOST_HEADERS} headers`);
      response.send(status, headers, body);
      return;
    }
    const headers = pairsOf(req.rawHeaders);
    const request = new NodeRequest(req.method ?? '', req.url ?? '', headers, connection.remoteAddress);
    this.#accept(request, response, this.#listener);
  }

  /**
   * A wish for anything else than a WebSocket (Java's client asks for `h2c` with every first request) is not heard: the
   * request is parsed again without it, as Node leaves the body of one that it was in.
   */
  #putBack(req: IncomingMessage, stream: Duplex, head: Buffer): void {
    const lines = [`${req.method ?? ''} ${req.url ?? ''} HTTP/${req.httpVersion}`];
    for (let at = 0; at + 1 < req.rawHeaders.length; at += 2) {
      const name = req.rawHeaders[at] ?? '';
      if (name.toLowerCase() !== 'upgrade') lines.push(`${name}: ${req.rawHeaders[at + 1] ?? ''}`);
    }
    stream.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
    this.#server.emit('connection', stream);
  }

  /** It has no request, so it is counted nowhere. */
  #malformed(error: NodeJS.ErrnoException, stream: Duplex): void {
    const connection = this.#connections.get(stream);
    // It has its answer, and is not through with sending.
    if (connection?.leaving === true) return;
    if (connection === undefined || !stream.writable || connection.isBusy) {
      stream.destroy();
      return;
    }
    const tooLarge = error.code === 'HPE_HEADER_OVERFLOW';
    const { status, headers, body } = tooLarge
      ? refusal(431, `a head of more than ${MOST_HEADER_BYTES} bytes`)
      : refusal(400, 'what came is not HTTP/1.1');
    const lines = [...headers, ['content-length', String(Buffer.byteLength(body))]].map((pair) => pair.join(': '));
    connection.socket.write(`HTTP/1.1 ${statusLine(status)}\r\n${lines.join('\r\n')}\r\n\r\n${body}`);
    connection.leave();
  }
}

function hasTooManyHeaders({ rawHeaders }: IncomingMessage): boolean {
  return rawHeaders.length > 2 * MOST_HEADERS;
}

function refusal(status: number, message: string): { status: number; headers: [string, string][]; body: string } {
  const shaped = plainFaults.shape(
    { status, code: `gateway_${status === 431 ? 'headers_too_large' : 'bad_request'}`, message },
    '',
  );
  return { status, headers: [...shaped.headers, ['connection', 'close']], body: shaped.body };
}

interface WireParts {
  connection: Connection;
  shared: Shared;
  wantsContinue: boolean;
  upgrade?: NodeWire['upgrade'];
}

class Http1Wire implements NodeWire {
  readonly body: IncomingMessage;
  readonly out: ServerResponse;
  readonly headOnly: boolean;
  readonly #parts: WireParts;
  readonly #socket: Socket;

  constructor(req: IncomingMessage, res: ServerResponse, parts: WireParts) {
    this.body = req;
    this.out = res;
    this.headOnly = req.method === 'HEAD';
    this.#parts = parts;
    this.#socket = parts.connection.socket;
  }

  get isBroken(): boolean {
    return this.#socket.destroyed;
  }

  head(status: number, headers: Headers, contentLength: number | undefined, bodyless: boolean): void {
    const flat = writable(headers).flat();
    // A HEAD's answer tells the length of what is not sent.
    if (contentLength !== undefined && (!bodyless || this.headOnly)) flat.push('content-length', String(contentLength));
    const { connection, shared } = this.#parts;
    const closes = asksToClose(headers);
    if (closes || shared.dismissed) flat.push('connection', 'close');
    const clientCloses = !closes && shared.dismissed && this.out.shouldKeepAlive;
    // Before Node's own listener, which ends the connection.
    this.out.prependOnceListener('finish', () => (connection.clientCloses = clientCloses));
    this.out.writeHead(status, statusLine(status).slice(4), flat);
  }

  flushHead(): void {
    this.out.flushHeaders();
  }

  wantBody(): void {
    if (this.#parts.wantsContinue) this.out.writeContinue();
  }

  /** What was written in this turn may still wait for its end in Node. */
  reset(): void {
    while (this.#socket.writableCorked > 0) this.#socket.uncork();
    this.#socket.destroy();
  }

  upgrade(options: UpgradeOptions, events: WebSocketEvents): ClientWebSocket | undefined {
    return this.#parts.upgrade?.(options, events);
  }
}

/** Reads on while a WebSocket is judged: a client that leaves then is only seen by who reads. */
class EarlyBytes {
  readonly #socket: Socket;
  readonly #chunks: Buffer[];
  #bytes: number;
  readonly #take = (chunk: Buffer): void => {
    this.#chunks.push(chunk);
    this.#bytes += chunk.byteLength;
    if (this.#bytes >= EARLY_BYTES) this.#socket.pause();
  };

  constructor(socket: Socket, head: Buffer) {
    this.#socket = socket;
    this.#chunks = [head];
    this.#bytes = head.byteLength;
    socket.on('data', this.#take);
  }

  /** All that came; from here on somebody else reads. */
  taken(): Buffer {
    this.#socket.off('data', this.#take);
    // In the next turn of its own, when that somebody listens.
    if (this.#socket.isPaused()) this.#socket.resume();
    return Buffer.concat(this.#chunks);
  }
}
