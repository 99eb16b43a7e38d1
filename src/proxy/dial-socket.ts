import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import type { IncomingMessage } from 'node:http';
import { TOO_BIG, closeReason, howToClose } from '../lib/close-frame.ts';
import { errorChain } from '../lib/log.ts';
import type { UpstreamFailure, UpstreamRequest } from './upstream.ts';

/** As an event of a stream (`protocols/sse.ts`): a longer message closes the provider's socket with 1009. */
const MESSAGE_BYTES = 64 * 1024 * 1024;

/** A provider's reason for refusing: more of it is cut. */
const REFUSAL_BYTES = 64 * 1024;

/** A provider that does not answer our goodbye has this long. */
const GOODBYE_MS = 1_000;

/** Called in order; one of the last three comes once, and nothing after it. */
export interface DialedEvents {
  opened(protocol: string): void;
  message(bytes: Uint8Array, binary: boolean): void;
  /** All that was sent is in the system's hands. */
  drained(): void;
  /** It answered with something else than a WebSocket. */
  refused(status: number, headers: [string, string][], body: Uint8Array): void;
  /** Never opened. */
  failed(failure: UpstreamFailure): void;
  closed(code: number, reason: string): void;
}

/** One WebSocket to a provider, over the same way as its HTTP: addresses, TLS and time to connect. */
export interface Dialed {
  readonly open: boolean;
  readonly unsentBytes: number;
  send(bytes: Uint8Array, binary: boolean): void;
  pause(): void;
  resume(): void;
  /** A code that may not be sent (1005, 1006) says goodbye without one, or cuts the connection. */
  close(code: number, reason: string): void;
}

/** Headers that belong to a request with a body, or that the handshake has itself. */
const NOT_OF_A_HANDSHAKE: ReadonlySet<string> = new Set(['content-length', 'content-type', 'accept-encoding', 'host']);

/** What two requests have in common that may share a connection. */
export function handshakeOf({ origin, path, headers }: UpstreamRequest): string {
  return [origin, path, ...handshakeHeaders(headers).flat()].join('\n');
}

/** Over the sockets of this process. */
export type Dial = (request: UpstreamRequest, protocols: readonly string[], events: DialedEvents) => Dialed;

export function dialSocket(
  { origin, path, headers }: UpstreamRequest,
  protocols: readonly string[],
  connectTimeoutMs: number,
  events: DialedEvents,
): Dialed {
  const options: ClientOptions = {
    headers: Object.fromEntries(grouped(handshakeHeaders(headers))),
    // Inflating what passes would cost more than it saves, and copies must be read.
    perMessageDeflate: false,
    handshakeTimeout: connectTimeoutMs,
    maxPayload: MESSAGE_BYTES,
    followRedirects: false,
  };
  return new DialedSocket(new WebSocket(origin.replace(/^http/, 'ws') + path, [...protocols], options), events);
}

class DialedSocket implements Dialed {
  readonly #socket: WebSocket;
  readonly #events: DialedEvents;
  #opened = false;
  #over = false;
  #waiting = false;
  #error: unknown;

  constructor(socket: WebSocket, events: DialedEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.binaryType = 'nodebuffer';
    socket.on('open', () => {
      this.#opened = true;
      events.opened(socket.protocol);
    });
    socket.on('message', (data, binary) => {
      if (!this.#over && Buffer.isBuffer(data)) events.message(data, binary);
    });
    socket.on('unexpected-response', (request, response) => {
      void this.#refused(response).finally(() => request.destroy());
    });
    socket.on('error', (error) => {
      this.#error = error;
      // Before it was open nothing else says that it is over.
      if (!this.#opened) this.#end(() => events.failed(failureOf(error)));
    });
    socket.on('close', (code, reason) => {
      if (!this.#opened) this.#end(() => events.failed(failureOf(this.#error)));
      else this.#end(() => events.closed(isTooBig(this.#error) ? TOO_BIG : code, reason.toString('utf8')));
    });
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  get unsentBytes(): number {
    return this.#socket.bufferedAmount;
  }

  send(bytes: Uint8Array, binary: boolean): void {
    this.#socket.send(bytes, { binary }, () => {
      if (this.#waiting && this.#socket.bufferedAmount === 0) {
        this.#waiting = false;
        if (!this.#over) this.#events.drained();
      }
    });
    this.#waiting ||= this.#socket.bufferedAmount > 0;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(code: number, reason: string): void {
    const how = this.#socket.readyState === WebSocket.CONNECTING ? 'cut' : howToClose(code);
    if (how === 'cut') {
      this.#socket.terminate();
      return;
    }
    // Its goodbye is behind what we did not read.
    this.#socket.resume();
    if (how === 'say') this.#socket.close(code, closeReason(reason));
    else this.#socket.close();
    setTimeout(() => this.#socket.terminate(), GOODBYE_MS).unref();
  }

  async #refused(response: IncomingMessage): Promise<void> {
    const parts: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const part of response) {
        if (!Buffer.isBuffer(part)) continue;
        parts.push(part.subarray(0, REFUSAL_BYTES - bytes));
        bytes += part.length;
        if (bytes >= REFUSAL_BYTES) break;
      }
    } catch {
      // The status says enough.
    }
    const body = Buffer.concat(parts);
    const headers = pairs(response.rawHeaders);
    this.#end(() => this.#events.refused(response.statusCode ?? 0, headers, body));
  }

  #end(tell: () => void): void {
    if (this.#over) return;
    this.#over = true;
    tell();
  }
}

/** A message that was too large for us: the provider was told so. */
function isTooBig(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH';
}

function failureOf(error: unknown): UpstreamFailure {
  const why = error === undefined ? 'the connection ended' : errorChain(error);
  const late = error instanceof Error && error.message.includes('timed out');
  // The request is its frames: none of them can have left.
  return { sent: false, kind: late ? 'connect_timeout' : 'unreachable', why };
}

function handshakeHeaders(flat: readonly string[]): [string, string][] {
  return pairs(flat).filter(([name]) => !NOT_OF_A_HANDSHAKE.has(name));
}

function pairs(flat: readonly string[]): [string, string][] {
  const found: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) found.push([(flat[i] ?? '').toLowerCase(), flat[i + 1] ?? '']);
  return found;
}

function grouped(headers: readonly [string, string][]): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, value] of headers) {
    const before = found.get(name);
    found.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return found;
}
