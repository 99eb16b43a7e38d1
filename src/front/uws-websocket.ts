import type { HttpResponse, WebSocket, WebSocketBehavior, us_socket_context_t } from 'uWebSockets.js';
import { TOO_BIG, closeReason, howToClose } from '../lib/close-frame.ts';
import type { ClientRequest, ClientWebSocket, UpgradeOptions, WebSocketEvents } from './socket.ts';

/**
 * uWebSockets cuts the connection at a message beyond its own limit. So that 1009 arrives, ours is reached first by
 * messages that are up to so much too long.
 */
const OVERSHOOT_BYTES = 16 * 1024 * 1024;

/** A peer that does not even answer pings for so long is gone: a lid that was closed, a cable that was pulled. */
const SILENT_SECONDS = 120;

/** What a request brings that asks for a WebSocket. */
export interface Handshake {
  request: ClientRequest;
  context: us_socket_context_t;
}

/** What uWebSockets keeps with a socket: it copies the members, and loses what they are members of. */
export interface Kept {
  peer: UwsClientWebSocket;
}

/** How every WebSocket of an app behaves; `upgrade` is the app's own. */
export function websocketBehavior(maxMessageBytes: number): Omit<WebSocketBehavior<Kept>, 'upgrade' | 'compression'> {
  return {
    maxPayloadLength: maxMessageBytes + OVERSHOOT_BYTES,
    // What may be unsent is ours to bound: uWebSockets would drop messages.
    maxBackpressure: 0,
    idleTimeout: SILENT_SECONDS,
    sendPingsAutomatically: true,
    open: (ws) => {
      ws.getUserData().peer.opened(ws);
    },
    message: (ws, message, isBinary) => {
      ws.getUserData().peer.message(message, isBinary);
    },
    drain: (ws) => {
      ws.getUserData().peer.drained();
    },
    close: (ws, code, reason) => {
      ws.getUserData().peer.closed(code, Buffer.from(reason).toString('utf8'));
    },
  };
}

/** Answers 101. Undefined where what was asked for is no WebSocket as we know it. */
export function upgraded(
  res: HttpResponse,
  { request, context }: Handshake,
  options: UpgradeOptions,
  events: WebSocketEvents,
): ClientWebSocket | undefined {
  const key = request.header('sec-websocket-key');
  const version = request.header('sec-websocket-version');
  if (key === undefined || version !== '13' || request.header('upgrade')?.toLowerCase() !== 'websocket')
    return undefined;
  const socket = new UwsClientWebSocket(options.maxMessageBytes, events);
  res.cork(() => {
    res.writeStatus('101 Switching Protocols');
    for (const [name, value] of options.headers) res.writeHeader(name, value);
    // Nothing of an extension: none is offered.
    res.upgrade<Kept>({ peer: socket }, key, options.protocol ?? '', '', context);
  });
  return socket;
}

/** uWebSockets' object may not be touched once it was closed; this one may. */
export class UwsClientWebSocket implements ClientWebSocket {
  readonly #maxMessageBytes: number;
  readonly #events: WebSocketEvents;
  #ws: WebSocket<Kept> | undefined;
  /** By us, as uWebSockets reports it back from within our call. */
  #ending: { code: number; reason: string } | undefined;

  constructor(maxMessageBytes: number, events: WebSocketEvents) {
    this.#maxMessageBytes = maxMessageBytes;
    this.#events = events;
  }

  get unsentBytes(): number {
    return this.#ws?.getBufferedAmount() ?? 0;
  }

  send(bytes: Uint8Array | string, binary: boolean): void {
    this.#ws?.send(bytes, binary, false);
  }

  close(code: number, reason: string): void {
    const ws = this.#ws;
    if (ws === undefined || this.#ending !== undefined) return;
    this.#ending = { code, reason };
    const how = howToClose(code);
    if (how === 'cut') ws.close();
    else if (how === 'say') ws.end(code, closeReason(reason));
    else ws.end();
  }

  opened(ws: WebSocket<Kept>): void {
    this.#ws = ws;
  }

  message(message: ArrayBuffer, binary: boolean): void {
    // What comes behind our goodbye is nobody's any more.
    if (this.#ending !== undefined) return;
    if (message.byteLength > this.#maxMessageBytes) {
      this.close(TOO_BIG, `a message may have ${this.#maxMessageBytes} bytes here`);
      return;
    }
    // The buffer is neutered when this callback returns.
    this.#events.message(new Uint8Array(message.slice(0)), binary);
  }

  drained(): void {
    if (this.#ending === undefined && this.unsentBytes === 0) this.#events.drained();
  }

  closed(code: number, reason: string): void {
    this.#ws = undefined;
    const ending = this.#ending;
    if (ending === undefined) {
      this.#ending = { code, reason };
      this.#events.closed(code, reason);
      return;
    }
    // Not from within `close`: whoever called it is not done yet.
    queueMicrotask(() => {
      this.#events.closed(ending.code, ending.reason);
    });
  }
}
