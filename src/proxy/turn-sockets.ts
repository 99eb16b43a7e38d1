import { NORMAL } from '../lib/close-frame.ts';
import { createFrame, readProviderFrame } from '../protocols/openai-responses/frame.ts';
import type { Dial, Dialed, DialedEvents } from './dial-socket.ts';
import { handshakeOf } from './dial-socket.ts';
import type { UpstreamCall, UpstreamEvents, UpstreamRequest, Upstreams } from './upstream.ts';

/** After one of these nothing more comes of a turn. */
const TERMINAL = new Set([
  'response.completed',
  'response.incomplete',
  'response.failed',
  'response.cancelled',
  'error',
]);

/** How a server that knows no WebSockets answers one. It gets a POST for each turn instead. */
const KNOWS_NO_SOCKETS = new Set([404, 405, 426, 501]);

const SPEAKS_EVENTS: [string, string][] = [['content-type', 'text/event-stream']];

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
  readonly #connections = new Map<string, Connection>();
  #newest: Connection | undefined;
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
    const turn = new Turn(request, events, streamId);
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

  #connect(handshake: string, request: UpstreamRequest): Connection {
    const { knownNot, posts, onClosed, onFrame, onRefused } = this.#options;
    const forget = (): void => {
      if (this.#connections.get(handshake) === connection) this.#connections.delete(handshake);
      if (this.#newest === connection) this.#newest = undefined;
    };
    const connection: Connection = new Connection({
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

/** The same turn for a server that knows no WebSockets: its body asks for a stream already. */
function asPost(request: UpstreamRequest): UpstreamRequest {
  const { body } = request;
  const headers = [...request.headers];
  const has = (name: string): boolean => headers.some((text, index) => index % 2 === 0 && text === name);
  if (!has('content-type')) headers.push('content-type', 'application/json');
  if (!has('accept')) headers.push('accept', 'text/event-stream');
  return { ...request, method: 'POST', headers, body };
}

/** One turn, as its exchange holds it. */
class Turn implements UpstreamCall {
  readonly request: UpstreamRequest;
  readonly events: UpstreamEvents;
  readonly streamId: string | undefined;
  connection: Connection | undefined;
  #post: UpstreamCall | undefined;
  #begun = false;
  #over = false;

  constructor(request: UpstreamRequest, events: UpstreamEvents, streamId: string | undefined) {
    this.request = request;
    this.events = events;
    this.streamId = streamId;
  }

  pause(): void {
    this.#post?.pause();
    this.connection?.pause(this);
  }

  resume(): void {
    this.#post?.resume();
    this.connection?.resume(this);
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#post?.abort();
    this.connection?.abandon(this);
  }

  post(posts: Upstreams): void {
    this.connection = undefined;
    if (!this.#over) this.#post = posts.call(asPost(this.request), this.events);
  }

  /** True where it was the turn's last one. */
  frame(bytes: Uint8Array, type: string, status: number, headers: [string, string][]): boolean {
    const last = TERMINAL.has(type);
    const { events } = this;
    if (!this.#begun && type === 'error' && status >= 400 && status < 600) {
      // Refused as a whole, as a POST would have been.
      this.whole(status, [['content-type', 'application/json']], bytes);
      return true;
    }
    if (!this.#begun) {
      this.#begun = true;
      events.head(200, [...headers, ...SPEAKS_EVENTS]);
    }
    if (!this.#over) events.data(asEvent(type, bytes));
    if (last && !this.#over) {
      this.#over = true;
      events.end();
    }
    return last;
  }

  whole(status: number, headers: [string, string][], body: Uint8Array): void {
    if (this.#over) return;
    this.events.head(status, headers);
    // `head` may have ended it.
    if (this.isOver()) return;
    this.events.data(body);
    if (this.isOver()) return;
    this.#over = true;
    this.events.end();
  }

  failed(failure: Parameters<UpstreamEvents['failed']>[0]): void {
    if (this.#over) return;
    this.#over = true;
    this.events.failed(failure);
  }

  /** A call of its own: the compiler does not know that an event's receiver may abort. */
  isOver(): boolean {
    return this.#over;
  }
}

interface ConnectionParts {
  dial: (events: DialedEvents) => Dialed;
  onFrame: (type: string, bytes: Uint8Array) => void;
  /** It takes no turn any more. */
  onOver: () => void;
  onClosed: (code: number, reason: string, turns: number) => void;
  /** True where the turns were sent another way. */
  onRefused: (status: number, turns: readonly Turn[]) => boolean;
  onRefusalTold: (status: number) => void;
}

/** One socket to a provider, and the turns that run on it, oldest first. */
class Connection {
  readonly #parts: ConnectionParts;
  readonly #dialed: Dialed;
  readonly #turns: Turn[] = [];
  readonly #paused = new Set<Turn>();
  /** Names of turns that nobody wants any more, until they end. */
  readonly #abandoned = new Set<string>();
  #opened = false;
  over = false;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
    this.#dialed = parts.dial({
      opened: () => {
        this.#opened = true;
        for (const turn of [...this.#turns]) this.#send(turn);
      },
      message: (bytes) => {
        this.#message(bytes);
      },
      drained: () => undefined,
      refused: (status, headers, body) => {
        this.#refused(status, headers, body);
      },
      failed: (failure) => {
        for (const turn of this.#end()) turn.failed(failure);
      },
      closed: (code, reason) => {
        const turns = this.#end();
        const why = `it closed the WebSocket with ${code}${reason === '' ? '' : `: ${reason}`}`;
        this.#parts.onClosed(code, reason, turns.length);
        for (const turn of turns) turn.failed({ sent: true, kind: 'broken', why });
      },
    });
  }

  get unsentBytes(): number {
    return this.#dialed.unsentBytes;
  }

  runs(streamId: string): boolean {
    return this.#turns.some((turn) => turn.streamId === streamId);
  }

  begin(turn: Turn): void {
    turn.connection = this;
    this.#turns.push(turn);
    if (this.#opened) this.#send(turn);
  }

  send(bytes: Uint8Array): boolean {
    if (!this.#opened || this.over || this.#turns.length === 0) return false;
    this.#dialed.send(bytes, false);
    return true;
  }

  pause(turn: Turn): void {
    this.#paused.add(turn);
    this.#dialed.pause();
  }

  resume(turn: Turn): void {
    this.#unpause(turn);
  }

  /** A turn that nobody wants any more. No message says so: closing does, where no other turn is hurt. */
  abandon(turn: Turn): void {
    this.#remove(turn);
    if (this.over) return;
    if (this.#turns.length > 0 && turn.streamId !== undefined) {
      // What still comes of it has its name, and goes to nobody.
      this.#abandoned.add(turn.streamId);
      return;
    }
    const others = this.#end();
    this.#dialed.close(NORMAL, '');
    for (const other of others) {
      other.failed({ sent: true, kind: 'broken', why: 'another turn of its WebSocket was aborted' });
    }
  }

  close(code: number, reason: string): void {
    this.over = true;
    this.#dialed.close(code, reason);
  }

  #send(turn: Turn): void {
    const { body } = turn.request;
    this.#dialed.send(createFrame(body ?? new Uint8Array(0), turn.streamId), false);
    turn.events.leaving();
  }

  #message(bytes: Uint8Array): void {
    if (this.over) return;
    const { type, streamId, status } = readProviderFrame(bytes);
    if (streamId !== undefined && this.#abandoned.has(streamId)) {
      if (TERMINAL.has(type)) this.#abandoned.delete(streamId);
      return;
    }
    const turn = this.#turnOf(streamId);
    if (turn === undefined) {
      this.#parts.onFrame(type, bytes);
      return;
    }
    if (turn.frame(bytes, type, status, [])) this.#remove(turn);
  }

  /** Turns without a name run one after the other. */
  #turnOf(streamId: string | undefined): Turn | undefined {
    const named = streamId === undefined ? undefined : this.#turns.find((turn) => turn.streamId === streamId);
    return named ?? this.#turns.find((turn) => turn.streamId === undefined) ?? this.#unnamed(streamId);
  }

  /** The oldest, where a message names none. */
  #unnamed(streamId: string | undefined): Turn | undefined {
    return streamId === undefined ? this.#turns[0] : undefined;
  }

  #refused(status: number, headers: [string, string][], body: Uint8Array): void {
    const turns = this.#end();
    if (this.#parts.onRefused(status, turns)) return;
    const plain = headers.filter(([name]) => name !== 'content-length' && name !== 'transfer-encoding');
    this.#parts.onRefusalTold(status);
    for (const turn of turns) turn.whole(status >= 400 ? status : 502, plain, body);
  }

  #end(): Turn[] {
    if (this.over) return [];
    this.over = true;
    this.#parts.onOver();
    return this.#turns.splice(0);
  }

  #remove(turn: Turn): void {
    const at = this.#turns.indexOf(turn);
    if (at >= 0) this.#turns.splice(at, 1);
    this.#unpause(turn);
  }

  #unpause(turn: Turn): void {
    if (this.#paused.delete(turn) && this.#paused.size === 0 && !this.over) this.#dialed.resume();
  }
}

const LF = 0x0a;
const CR = 0x0d;

/**
 * A message as the event that a POST would have had. JSON has line ends only between its words: one that does gets a `data`
 * line for each, and CR becomes LF there.
 */
export function asEvent(type: string, bytes: Uint8Array): Uint8Array {
  const name = /[\r\n]/.test(type) ? '' : type;
  const first = Buffer.from(`event: ${name}\ndata: `);
  if (!bytes.includes(LF) && !bytes.includes(CR)) return Buffer.concat([first, bytes, Buffer.from('\n\n')]);
  const text = Buffer.from(bytes)
    .toString('utf8')
    .split(/\r\n|\n|\r/)
    .join('\ndata: ');
  return Buffer.concat([first, Buffer.from(`${text}\n\n`)]);
}
