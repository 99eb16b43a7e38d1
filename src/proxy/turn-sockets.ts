import type { Dial } from './dial-socket.ts';
import { handshakeOf } from './dial-socket.ts';
import { asPost, SocketTurn } from './socket-turn.ts';
import { TurnConnection } from './turn-connection.ts';
import type { UpstreamCall, UpstreamEvents, UpstreamRequest, Upstreams } from './upstream.ts';

/** How a server that knows no WebSockets answers one. It gets a POST for each turn instead. */
const KNOWS_NO_SOCKETS = new Set([404, 405, 426, 501]);

export interface TurnSocketsOptions {
  dial: Dial;
  /** For providers that know no WebSockets. */
  posts: Upstreams;
  /** Providers found to know none; shared by all. */
  knownNot: KnownNot;
  /** A message that belongs to no turn. */
  onFrame: (type: string, bytes: Uint8Array) => void;
  /**
   * A provider's socket ended by itself, and what it was doing with it: `turns` were under way; `others` are sockets of
   * this client that are still open.
   */
  onClosed: (code: number, reason: string, what: { turns: number; others: number }) => void;
  /** The handshake was refused; the turn that wanted it was told. */
  onRefused: (status: number) => void;
}

/** Where WebSockets were tried in vain, for a while: servers learn. */
export interface KnownNot {
  has(handshake: string): boolean;
  add(handshake: string): void;
}

/**
 * The provider's sockets of one client's socket: one for each provider, key and set of headers, opened by the first turn
 * that goes there and used by all later ones. To an exchange a turn is a stream of events like that of a POST.
 */
export class TurnSockets {
  readonly #options: TurnSocketsOptions;
  readonly #connections = new Map<string, TurnConnection>();
  #newest: TurnConnection | undefined;
  #closed = false;

  constructor(options: TurnSocketsOptions) {
    this.#options = options;
  }

  /** What an exchange calls for one turn. */
  turn(streamId: string | undefined): Upstreams {
    return {
      call: (request, events) => this.#begin(request, events, streamId),
      close: () => Promise.resolve(),
    };
  }

  /** Not in the system's hands yet, of all of them. */
  get unsentBytes(): number {
    let bytes = 0;
    for (const { unsentBytes } of this.#connections.values()) bytes += unsentBytes;
    return bytes;
  }

  /** Sends a message to where the turn runs that it belongs to; false where there is none. */
  send(bytes: Uint8Array, streamId: string | undefined): boolean {
    const connections = [...this.#connections.values()];
    const to = streamId === undefined ? this.#newest : connections.find((connection) => connection.runs(streamId));
    return to?.send(bytes) ?? false;
  }

  /** Closes all of them; no event follows. */
  close(code: number, reason: string): void {
    this.#closed = true;
    for (const connection of this.#connections.values()) connection.close(code, reason);
    this.#connections.clear();
  }

  #begin(request: UpstreamRequest, events: UpstreamEvents, streamId: string | undefined): UpstreamCall {
    const { knownNot, posts } = this.#options;
    const handshake = handshakeOf(request);
    if (!this.#closed && knownNot.has(origin(request))) return posts.call(asPost(request), events);
    const turn = new SocketTurn(request, events, streamId);
    if (this.#closed) {
      // Nobody is there to hear of it; told in a later turn, as a socket would.
      setImmediate(() => {
        turn.failed({ sent: false, kind: 'unreachable', why: 'the client has closed its WebSocket' });
      });
      return turn;
    }
    let connection = this.#connections.get(handshake);
    if (connection === undefined || connection.over) {
      connection = this.#connect(handshake, request);
      this.#connections.set(handshake, connection);
    }
    this.#newest = connection;
    connection.begin(turn);
    return turn;
  }

  #connect(handshake: string, request: UpstreamRequest): TurnConnection {
    const { knownNot, posts, onClosed, onFrame, onRefused } = this.#options;
    const forget = (): void => {
      if (this.#connections.get(handshake) === connection) this.#connections.delete(handshake);
      if (this.#newest === connection) this.#newest = undefined;
    };
    const connection: TurnConnection = new TurnConnection({
      dial: (events) => this.#options.dial(request, [], events),
      onFrame,
      onOver: forget,
      onClosed: (code, reason, turns) => {
        onClosed(code, reason, { turns, others: this.#connections.size });
      },
      onRefused: (status, turns) => {
        if (!KNOWS_NO_SOCKETS.has(status)) return false;
        knownNot.add(origin(request));
        for (const turn of turns) turn.post(posts);
        return true;
      },
      onRefusalTold: onRefused,
    });
    return connection;
  }
}

function origin(request: UpstreamRequest): string {
  return request.origin + request.path;
}
