import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { RawData, ServerOptions, WebSocket } from 'ws';
import type { ClientWebSocket, UpgradeOptions, WebSocketEvents } from './socket.ts';
import { writable } from './wire-headers.ts';

/** A client that does not answer a goodbye is cut. */
const CLOSE_WITHIN_MS = 1_000;
/** A close frame has room for no more, behind its code. */
const MOST_REASON_BYTES = 123;
const NO_CODE = 1005;
const CUT = 1006;
const INTERNAL = 1011;

/** A GET that asks for one, well or badly. */
export function isUpgradeToWebSocket({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket';
}

const PROTOCOLS = /^[\w!#$%&'*+.^`|~-]+(?:[ \t]*,[ \t]*[\w!#$%&'*+.^`|~-]+)*$/;

/** With all that RFC 6455 wants of it; the library would answer anything else by itself. */
export function asksForWebSocket(req: IncomingMessage): boolean {
  const { 'sec-websocket-key': key = '', 'sec-websocket-version': version } = req.headers;
  const { 'sec-websocket-protocol': protocols } = req.headers;
  if (protocols !== undefined && !PROTOCOLS.test(protocols)) return false;
  return isUpgradeToWebSocket(req) && /^[+/0-9A-Za-z]{22}==$/.test(key) && version === '13';
}

/** Completes an upgrade; `head` is what the client sent behind it already. */
export function acceptWebSocket(
  req: IncomingMessage,
  socket: Socket,
  head: Buffer,
  { protocol, headers, maxMessageBytes }: UpgradeOptions,
  events: WebSocketEvents,
): ClientWebSocket | undefined {
  const options: ServerOptions & { closeTimeout: number } = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    closeTimeout: CLOSE_WITHIN_MS,
    handleProtocols: () => protocol ?? false,
  };
  const server = new WebSocketServer(options);
  server.on('headers', (lines) => {
    for (const [name, value] of writable(headers)) lines.push(`${name}: ${value}`);
  });
  let opened: NodeWebSocket | undefined;
  server.handleUpgrade(req, socket, head, (ws) => {
    opened = new NodeWebSocket(ws, events);
  });
  // What the library did not like after all, it has answered.
  return opened;
}

class NodeWebSocket implements ClientWebSocket {
  readonly #ws: WebSocket;
  readonly #events: WebSocketEvents;
  /** Of what the client did wrong; the library tells the client, and us only that it failed. */
  #brokenBy: number | undefined;
  #closed = false;

  constructor(ws: WebSocket, events: WebSocketEvents) {
    this.#ws = ws;
    this.#events = events;
    ws.on('message', (data, binary) => {
      events.message(bytesOf(data), binary);
    });
    ws.on('error', (error: NodeJS.ErrnoException) => {
      this.#brokenBy = codeOf(error);
    });
    ws.on('close', (code, reason) => {
      this.#closed = true;
      events.closed(this.#brokenBy ?? code, reason.toString());
    });
  }

  get unsentBytes(): number {
    return this.#closed ? 0 : this.#ws.bufferedAmount;
  }

  send(bytes: Uint8Array | string, binary: boolean): void {
    if (this.#closed || this.#ws.readyState !== this.#ws.OPEN) return;
    // The library keeps what the system does not take at once.
    this.#ws.send(Buffer.from(bytes), { binary }, () => {
      if (!this.#closed && this.#ws.bufferedAmount === 0) this.#events.drained();
    });
  }

  close(code: number, reason: string): void {
    if (this.#closed) return;
    if (code === CUT) this.#ws.terminate();
    else if (code === NO_CODE) this.#ws.close();
    else this.#ws.close(isSendable(code) ? code : INTERNAL, shortened(reason));
  }
}

function isSendable(code: number): boolean {
  return (code >= 1000 && code <= 1014 && code !== 1004) || (code >= 3000 && code <= 4999);
}

function bytesOf(data: RawData): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Array.isArray(data) ? Buffer.concat(data) : data);
}

function shortened(reason: string): string {
  let short = reason;
  while (Buffer.byteLength(short) > MOST_REASON_BYTES) short = short.slice(0, -1);
  return short.isWellFormed() ? short : short.slice(0, -1);
}

/** The close codes of RFC 6455 that the library sends for its own errors. */
function codeOf({ code }: NodeJS.ErrnoException): number | undefined {
  switch (code) {
    case 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH':
    case 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH':
      return 1009;
    case 'WS_ERR_INVALID_UTF8':
      return 1007;
    case 'WS_ERR_TOO_MANY_BUFFERED_PARTS':
      return 1008;
    default:
      return code?.startsWith('WS_ERR_') === true ? 1002 : undefined;
  }
}
