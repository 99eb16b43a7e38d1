import uws from 'uWebSockets.js';
import type { HttpRequest, HttpResponse, us_listen_socket } from 'uWebSockets.js';
import type { KeyPair } from './key-pair.ts';
import type {
  Accept,
  ClientRequest,
  ClientResponse,
  ClientWebSocket,
  FrontSocket,
  UpgradeOptions,
  WebSocketEvents,
} from './socket.ts';
import { statusLine } from './status-line.ts';
import { upgraded, websocketBehavior } from './uws-websocket.ts';
import type { Handshake, Kept } from './uws-websocket.ts';

const EMPTY = new Uint8Array(0);

/** What one connection may send before anybody reads it; then its socket is paused. */
const EARLY_BODY_BYTES = 64 * 1024;

/** The request as copied inside the callback: uWebSockets' own object is gone after it. */
class UwsRequest implements ClientRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly headers: [string, string][] = [];
  readonly remoteAddress: string;

  constructor(res: HttpResponse, req: HttpRequest) {
    // This build lower-cases what the name says it keeps.
    this.method = req.getCaseSensitiveMethod().toUpperCase();
    this.path = req.getUrl();
    // Undefined, whatever the typings say, where the URL has none.
    this.query = req.getQuery() || '';
    req.forEach((name, value) => {
      this.headers.push([name, value]);
    });
    this.remoteAddress = Buffer.from(res.getRemoteAddressAsText()).toString('latin1');
  }

  header(name: string): string | undefined {
    for (const header of this.headers) if (header[0] === name) return header[1];
    return undefined;
  }
}

/** As `server.limits.body_bytes` has it where nobody says otherwise. */
const DEFAULT_MESSAGE_BYTES = 64 * 1024 * 1024;

/** A body of our own beyond this may not be taken at once: then it is followed to its end. */
const SMALL_BODY_BYTES = 16 * 1024;

/** What the responses of one socket share. */
interface Shared {
  /** Each response says that it is its connection's last. */
  dismissed: boolean;
  /** Responses that are not over. */
  open: number;
}

/** Body under a declared length: what uWebSockets could not take yet, and where in the body it begins. */
interface Unsent {
  at: number;
  bytes: Uint8Array;
}

type Headers = readonly (readonly [string, string])[];

class UwsResponse implements ClientResponse {
  gone = false;
  readonly #res: HttpResponse;
  readonly #headOnly: boolean;
  readonly #handshake: Handshake | undefined;
  #onGone: (() => void) | undefined;
  #onDrain: (() => void) | undefined;
  /**
   * To be written with what follows it. Alone it would be a packet of its own, and one that says nothing: uWebSockets ends
   * a head as it writes the first of the body.
   */
  #head: { status: number; headers: Headers; lastly: (() => Headers) | undefined } | undefined;
  #contentLength: number | undefined;
  #unsent: Unsent | undefined;
  readonly #shared: Shared;
  /** uWebSockets has bytes that the client's socket does not take now. */
  #full = false;
  #endWhenTaken = false;
  /** All was written that will be. */
  #ended = false;
  /** uWebSockets has nothing left to send, or nobody to send it to. */
  #over = false;
  #closeAfter = false;
  /** Body bytes that came before anybody asked for them (identity may have to look somebody up). */
  #early: Uint8Array<ArrayBuffer>[] = [];
  #earlyBytes = 0;
  #earlyLast = false;
  #earlyPaused = false;
  #take: ((chunk: Uint8Array<ArrayBuffer>, last: boolean) => void) | undefined;

  /** `handshake`: of a request that asks for a WebSocket. */
  constructor(res: HttpResponse, headOnly: boolean, shared: Shared, handshake?: Handshake) {
    this.#res = res;
    this.#headOnly = headOnly;
    this.#handshake = handshake;
    this.#shared = shared;
    shared.open += 1;
    // Before anything asynchronous, or uWebSockets ends the process.
    res.onAborted(() => {
      if (this.gone) return;
      this.gone = true;
      this.#finish();
      if (!this.#ended) this.#onGone?.();
    });
    res.onWritable((offset) => this.#writable(offset));
    // Attached at once as well: what arrives before there is a handler is lost.
    res.onData((chunk, last) => {
      // The buffer is neutered when this callback returns.
      this.#received(chunk.byteLength === 0 ? EMPTY : new Uint8Array(chunk.slice(0)), last);
    });
  }

  onGone(then: () => void): void {
    this.#onGone = then;
  }

  onData(take: (chunk: Uint8Array<ArrayBuffer>, last: boolean) => void): void {
    this.#take = take;
    const early = this.#early;
    this.#early = [];
    if (this.#earlyPaused && !this.gone && !this.#ended) this.#res.resume();
    early.forEach((chunk, index) => {
      take(chunk, this.#earlyLast && index === early.length - 1);
    });
  }

  pauseBody(): void {
    if (!this.gone && !this.#ended) this.#res.pause();
  }

  resumeBody(): void {
    if (!this.gone && !this.#ended) this.#res.resume();
  }

  upgrade(options: UpgradeOptions, events: WebSocketEvents): ClientWebSocket | undefined {
    if (this.gone || this.#ended || this.#handshake === undefined) return undefined;
    const socket = upgraded(this.#res, this.#handshake, options, events);
    if (socket === undefined) return undefined;
    // What uWebSockets had of the request is gone with it.
    this.#ended = true;
    this.#early = [];
    this.#finish();
    return socket;
  }

  send(status: number, headers: Headers, body: string | Uint8Array): void {
    if (this.gone || this.#ended) return;
    this.#ended = true;
    this.#early = [];
    if (this.#earlyPaused) this.#res.resume();
    this.#closeAfter = headers.some(([name, value]) => name === 'connection' && value === 'close');
    const bytes = Buffer.byteLength(body);
    const large = bytes > SMALL_BODY_BYTES && !this.#headOnly && !this.#closeAfter;
    if (large) this.#contentLength = bytes;
    this.#res.cork(() => {
      this.#writeHead(status, headers);
      if (this.#headOnly) this.#res.endWithoutBody(bytes);
      else if (!large) this.#res.end(body, this.#closeAfter);
    });
    if (large) this.#writeSized(typeof body === 'string' ? Buffer.from(body) : body);
    else this.#finish();
  }

  head(status: number, headers: Headers, contentLength: number | undefined, lastly?: () => Headers): void {
    if (this.gone || this.#ended) return;
    this.#contentLength = contentLength;
    this.#head = { status, headers, lastly };
  }

  write(chunk: Uint8Array): boolean {
    if (this.gone || this.#ended || chunk.byteLength === 0) return true;
    if (this.#headOnly) return true;
    if (this.#contentLength === undefined) {
      let taken = true;
      this.#cork(() => {
        taken = this.#res.write(chunk);
      });
      this.#full = !taken;
      return taken;
    }
    if (this.#unsent !== undefined) {
      this.#unsent.bytes = Buffer.concat([this.#unsent.bytes, chunk]);
      return false;
    }
    return this.#writeSized(chunk);
  }

  onDrain(then: () => void): void {
    this.#onDrain = then;
  }

  end(): void {
    if (this.gone || this.#ended) return;
    if (this.#contentLength !== undefined && !this.#headOnly) {
      // The last byte under a declared length ends the response by itself; too few bytes is a broken response.
      if (this.#contentLength === 0) {
        this.#ended = true;
        this.#cork(() => this.#res.end());
        this.#finish();
      } else if (this.#unsent === undefined) this.reset();
      return;
    }
    this.#ended = true;
    // Ended now it would be out of our sight, with bytes that are still to go.
    if (this.#full) this.#endWhenTaken = true;
    else this.#endNow();
  }

  #endNow(): void {
    this.#cork(() => {
      if (this.#headOnly) this.#res.endWithoutBody(this.#contentLength);
      else this.#res.end();
    });
    this.#finish();
  }

  reset(): void {
    if (this.gone || this.#ended) return;
    this.#ended = true;
    this.#finish();
    this.#res.close();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#shared.open -= 1;
  }

  #received(chunk: Uint8Array<ArrayBuffer>, last: boolean): void {
    if (this.#take !== undefined) {
      this.#take(chunk, last);
      return;
    }
    // Once an answer was sent without reading the body, the rest of it is dropped.
    if (this.#ended) return;
    this.#early.push(chunk);
    this.#earlyLast = last;
    this.#earlyBytes += chunk.byteLength;
    if (!last && this.#earlyBytes >= EARLY_BODY_BYTES && !this.#earlyPaused) {
      this.#earlyPaused = true;
      this.#res.pause();
    }
  }

  /** What is written in it leaves together, behind the head where that has not left yet. */
  #cork(write: () => void): void {
    const head = this.#head;
    this.#head = undefined;
    this.#res.cork(() => {
      if (head !== undefined) this.#writeHead(head.status, head.headers, head.lastly);
      write();
    });
  }

  #writeHead(status: number, headers: Headers, lastly?: () => Headers): void {
    this.#res.writeStatus(statusLine(status));
    for (const [name, value] of headers) {
      // uWebSockets writes these itself.
      if (name !== 'connection' && name !== 'date') this.#res.writeHeader(name, value);
    }
    // The client closes: closed by us, what it may have sent already would be a broken request to it.
    if (this.#shared.dismissed && !this.#closeAfter) this.#res.writeHeader('connection', 'close');
    for (const [name, value] of lastly?.() ?? []) this.#res.writeHeader(name, value);
  }

  #writeSized(chunk: Uint8Array): boolean {
    const total = this.#contentLength ?? 0;
    const at = this.#res.getWriteOffset();
    let answer: [boolean, boolean] | undefined;
    this.#cork(() => {
      answer = this.#res.tryEnd(chunk, total);
    });
    const [ok, done] = answer ?? [false, false];
    if (done) {
      this.#ended = true;
      this.#finish();
    }
    if (ok || done) return true;
    this.#unsent = { at, bytes: new Uint8Array(chunk) };
    return false;
  }

  #writable(offset: number): boolean {
    if (this.#unsent !== undefined) {
      const { at, bytes } = this.#unsent;
      this.#unsent = undefined;
      if (!this.#writeSized(bytes.subarray(offset - at))) return false;
    }
    this.#full = false;
    if (this.#endWhenTaken) {
      this.#endWhenTaken = false;
      this.#endNow();
    }
    if (!this.#ended) this.#onDrain?.();
    return true;
  }
}

/**
 * One app per listen address: uWebSockets tells no local address, and identity is judged per listener. With a key pair
 * it speaks TLS, of version 1.2 or later. Throws where uWebSockets cannot read the pair. `maxMessageBytes` is the largest
 * that any WebSocket will ask for.
 */
export function createUwsSocket(
  accept: Accept,
  listener: number,
  keyPair?: KeyPair,
  maxMessageBytes = DEFAULT_MESSAGE_BYTES,
): FrontSocket {
  const app =
    keyPair === undefined
      ? uws.App()
      : uws.SSLApp({ cert_file_name: keyPair.certFile, key_file_name: keyPair.keyFile });
  let listening: us_listen_socket | undefined;
  const shared: Shared = { dismissed: false, open: 0 };
  app.any('/*', (res, req) => {
    const response = new UwsResponse(res, req.getMethod() === 'head', shared);
    accept(new UwsRequest(res, req), response, listener);
  });
  app.ws<Kept>('/*', {
    ...websocketBehavior(maxMessageBytes),
    compression: uws.DISABLED,
    upgrade: (res, req, context) => {
      const request = new UwsRequest(res, req);
      accept(request, new UwsResponse(res, false, shared, { request, context }), listener);
    },
  });
  return {
    listen(host, port) {
      return new Promise((resolve, reject) => {
        app.listen(host, port, (socket) => {
          if (socket === false) {
            reject(new Error(`cannot listen on ${host}:${port}: the address is taken or not ours`));
            return;
          }
          listening = socket;
          // The typings name one struct for sockets and one for listen sockets; the function takes either.
          resolve(uws.us_socket_local_port(socket));
        });
      });
    },
    renew: () => false,
    dismiss() {
      shared.dismissed = true;
    },
    get open() {
      return shared.open;
    },
    stopListening() {
      if (listening !== undefined) uws.us_listen_socket_close(listening);
      listening = undefined;
    },
    close() {
      app.close();
    },
  };
}
