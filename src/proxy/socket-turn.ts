import { isLastEvent } from '../protocols/openai-responses/stream.ts';
import { asEvent } from './message-event.ts';
import type { UpstreamCall, UpstreamEvents, UpstreamRequest, Upstreams } from './upstream.ts';

const SPEAKS_EVENTS: [string, string][] = [['content-type', 'text/event-stream']];

/** The socket that a turn runs on. */
export interface TurnCarrier {
  pause(turn: SocketTurn): void;
  resume(turn: SocketTurn): void;
  /** Nobody wants it any more. */
  abandon(turn: SocketTurn): void;
}

/** One turn, as its exchange holds it. */
export class SocketTurn implements UpstreamCall {
  readonly request: UpstreamRequest;
  readonly events: UpstreamEvents;
  readonly streamId: string | undefined;
  connection: TurnCarrier | undefined;
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
    const last = isLastEvent(type);
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

/** The same turn for a server that knows no WebSockets: its body asks for a stream already. */
export function asPost(request: UpstreamRequest): UpstreamRequest {
  const { body } = request;
  const headers = [...request.headers];
  const has = (name: string): boolean => headers.some((text, index) => index % 2 === 0 && text === name);
  if (!has('content-type')) headers.push('content-type', 'application/json');
  if (!has('accept')) headers.push('accept', 'text/event-stream');
  return { ...request, method: 'POST', headers, body };
}
