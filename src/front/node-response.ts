import type { Readable, Writable } from 'node:stream';
import type { ClientResponse, ClientWebSocket, UpgradeOptions, WebSocketEvents } from './socket.ts';
import type { Headers } from './wire-headers.ts';

const EMPTY = new Uint8Array(0);

/** One request's two streams, of HTTP/1.1 or HTTP/2. */
export interface NodeWire {
  readonly body: Readable;
  readonly out: Writable;
  /** HEAD: no answer has a body. */
  readonly headOnly: boolean;
  /** Nothing can be written. */
  readonly isBroken: boolean;
  /** Not on its way before a body follows, or `flushHead`. `contentLength` undefined: the body ends where it ends. */
  head(status: number, headers: Headers, contentLength: number | undefined, bodyless: boolean): void;
  flushHead(): void;
  /** Somebody reads the body. */
  wantBody(): void;
  /** Behind what was written: the answer stays without an end, and the client sees that it does. */
  reset(): void;
  upgrade(options: UpgradeOptions, events: WebSocketEvents): ClientWebSocket | undefined;
}

/** What the responses of one socket share. */
export interface Shared {
  /** Each response says that it is its connection's last. */
  dismissed: boolean;
  /** Responses that are not over. */
  open: number;
}

/** The way back to a client over Node's streams; what is particular to HTTP/1.1 or HTTP/2 is in its wire. */
export class NodeResponse implements ClientResponse {
  gone = false;
  readonly #wire: NodeWire;
  readonly #shared: Shared;
  readonly #onOver: (response: NodeResponse) => void;
  #onGone: (() => void) | undefined;
  #onDrain: (() => void) | undefined;
  /** Of a declared length, what is still to come. */
  #leftBytes: number | undefined;
  #bodyless = false;
  /** The head waits for the first of the body. */
  #headWaits = false;
  /** All was written that will be. */
  #ended = false;
  /** The system has all of it, or there is nobody to send it to. */
  #over = false;

  constructor(wire: NodeWire, shared: Shared, onOver: (response: NodeResponse) => void) {
    this.#wire = wire;
    this.#shared = shared;
    this.#onOver = onOver;
    shared.open += 1;
    // Broken streams are told by their ends.
    wire.out.on('error', () => undefined);
    wire.body.on('error', () => undefined);
    wire.out.on('finish', () => {
      // A stream that the client resets is ended by Node, not by us.
      if (this.#ended) this.#finish();
      else this.left();
    });
    wire.out.on('drain', () => {
      if (!this.#ended && !this.gone) this.#onDrain?.();
    });
  }

  /** All of the answer was handed in. */
  get isAnswered(): boolean {
    return this.#ended;
  }

  /** The connection, or the stream, is no more. */
  left(): void {
    if (this.gone || this.#over) return;
    this.gone = true;
    this.#finish();
    if (!this.#ended) this.#onGone?.();
  }

  onGone(then: () => void): void {
    this.#onGone = then;
  }

  onData(take: (chunk: Uint8Array<ArrayBuffer>, last: boolean) => void): void {
    if (!this.#isOpen()) return;
    const { body } = this.#wire;
    this.#wire.wantBody();
    body.on('data', (chunk: Buffer) => {
      // Node's chunks are views on a larger read.
      take(new Uint8Array(chunk), false);
    });
    body.on('end', () => {
      take(EMPTY, true);
    });
  }

  pauseBody(): void {
    if (this.#isOpen()) this.#wire.body.pause();
  }

  resumeBody(): void {
    if (this.#isOpen()) this.#wire.body.resume();
  }

  upgrade(options: UpgradeOptions, events: WebSocketEvents): ClientWebSocket | undefined {
    if (!this.#isOpen()) return undefined;
    const socket = this.#wire.upgrade(options, events);
    if (socket === undefined) return undefined;
    this.#ended = true;
    this.#finish();
    return socket;
  }

  send(status: number, headers: Headers, body: string | Uint8Array): void {
    if (!this.#isOpen()) return;
    this.#ended = true;
    // Node writes when it likes, and the bytes are their owner's again when we return.
    const bytes = Buffer.from(body);
    this.#head(status, headers, bytes.byteLength);
    this.#end(bytes);
  }

  head(status: number, headers: Headers, contentLength: number | undefined, lastly?: () => Headers): void {
    if (!this.#isOpen()) return;
    this.#leftBytes = contentLength;
    this.#head(status, lastly === undefined ? headers : [...headers, ...lastly()], contentLength);
    this.#headWaits = true;
    // Most often the first of the body follows at once, and they leave together.
    setImmediate(() => {
      if (this.#headWaits && this.#isOpen()) this.#wire.flushHead();
    });
  }

  write(chunk: Uint8Array): boolean {
    if (!this.#isOpen() || chunk.byteLength === 0 || this.#bodyless) return true;
    this.#headWaits = false;
    const bytes = Buffer.from(this.#leftBytes === undefined ? chunk : chunk.subarray(0, this.#leftBytes));
    if (this.#leftBytes !== undefined) {
      this.#leftBytes -= bytes.byteLength;
      if (this.#leftBytes === 0) {
        // The last byte under a declared length ends the response by itself.
        this.#ended = true;
        this.#end(bytes);
        return true;
      }
    }
    return this.#wire.out.write(bytes);
  }

  onDrain(then: () => void): void {
    this.#onDrain = then;
  }

  end(): void {
    if (!this.#isOpen()) return;
    // Too few bytes are a broken response.
    if (!this.#bodyless && this.#leftBytes !== undefined && this.#leftBytes > 0) {
      this.reset();
      return;
    }
    this.#ended = true;
    this.#end();
  }

  reset(): void {
    if (!this.#isOpen()) return;
    this.#ended = true;
    this.#finish();
    this.#wire.reset();
  }

  #isOpen(): boolean {
    return !this.gone && !this.#ended && !this.#wire.isBroken;
  }

  #head(status: number, headers: Headers, contentLength: number | undefined): void {
    this.#bodyless = this.#wire.headOnly || status === 204 || status === 304;
    this.#wire.head(status, headers, contentLength, this.#bodyless);
  }

  #end(bytes?: Buffer): void {
    if (bytes === undefined || this.#bodyless) this.#wire.out.end();
    else this.#wire.out.end(bytes);
    // What still comes of the request is dropped, so that the connection can go on.
    this.#wire.body.resume();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#shared.open -= 1;
    this.#onOver(this);
  }
}
