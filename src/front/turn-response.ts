import { isObject, parseJson } from '../protocols/json.ts';
import { SseReader } from '../protocols/sse.ts';
import type { ClientResponse, ClientWebSocket } from './socket.ts';

export interface TurnResponseOptions {
  socket: ClientWebSocket;
  body: Uint8Array<ArrayBuffer>;
  streamId: string | undefined;
  /** Called once. `broken`: it ended without a last word. */
  onOver: (turn: TurnResponse, how: 'ended' | 'broken') => void;
}

/**
 * One turn of a client's WebSocket, as what is behind the front door knows clients: its body is the frame's, and what it is
 * answered becomes messages, each event one.
 */
export class TurnResponse implements ClientResponse {
  gone = false;
  readonly streamId: string | undefined;
  readonly #options: TurnResponseOptions;
  #onGone: (() => void) | undefined;
  #onDrain: (() => void) | undefined;
  #over = false;
  #status = 0;
  /** Of an answer that is no stream of events. */
  #whole: Uint8Array[] | undefined;
  #lastWord = '';
  readonly #events = new SseReader(({ name, data }) => {
    this.#lastWord = name;
    this.#send(data);
  });

  constructor(options: TurnResponseOptions) {
    this.#options = options;
    this.streamId = options.streamId;
  }

  onGone(then: () => void): void {
    this.#onGone = then;
  }

  onData(take: (chunk: Uint8Array<ArrayBuffer>, last: boolean) => void): void {
    take(this.#options.body, true);
  }

  pauseBody(): void {
    // It is here already.
  }

  resumeBody(): void {
    // As above.
  }

  upgrade(): undefined {
    return undefined;
  }

  send(status: number, _headers: readonly (readonly [string, string])[], body: string | Uint8Array): void {
    if (this.gone || this.#over) return;
    this.#send(asErrorFrame(status, typeof body === 'string' ? body : Buffer.from(body).toString('utf8')));
    this.#end('ended');
  }

  head(status: number, headers: readonly (readonly [string, string])[]): void {
    this.#status = status;
    const type = headers.find(([name]) => name === 'content-type')?.[1] ?? '';
    if (!type.startsWith('text/event-stream')) this.#whole = [];
  }

  write(chunk: Uint8Array): boolean {
    if (this.gone || this.#over) return true;
    if (this.#whole !== undefined) this.#whole.push(new Uint8Array(chunk));
    else this.#events.push(chunk);
    return this.#options.socket.unsentBytes === 0;
  }

  onDrain(then: () => void): void {
    this.#onDrain = then;
  }

  end(): void {
    if (this.gone || this.#over) return;
    if (this.#whole === undefined) this.#events.end();
    else this.#send(asErrorFrame(this.#status, Buffer.concat(this.#whole).toString('utf8')));
    this.#end('ended');
  }

  reset(): void {
    if (!this.gone && !this.#over) this.#end(this.#lastWord === 'error' ? 'ended' : 'broken');
  }

  /** The client's socket is closed. */
  leave(): void {
    if (this.gone || this.#over) return;
    this.gone = true;
    this.#onGone?.();
  }

  /** The client has taken all that was sent on its socket. */
  drained(): void {
    if (!this.gone && !this.#over) this.#onDrain?.();
  }

  #send(data: string): void {
    this.#options.socket.send(named(data, this.streamId), false);
  }

  #end(how: 'ended' | 'broken'): void {
    this.#over = true;
    this.#options.onOver(this, how);
  }
}

/** An answer that is no stream, as a message: in the shape that the API documents for errors. */
function asErrorFrame(status: number, body: string): string {
  const value = parseJson(body);
  if (isObject(value) && value['type'] === 'error') return body;
  const error = isObject(value) && isObject(value['error']) ? value['error'] : { message: body };
  return JSON.stringify({ type: 'error', status, error });
}

/** With the name of its turn, where the provider has not put it there. */
export function named(data: string, streamId: string | undefined): string {
  if (streamId === undefined) return data;
  const value = parseJson(data);
  if (!isObject(value) || Object.hasOwn(value, 'stream_id')) return data;
  const at = data.lastIndexOf('}');
  return `${data.slice(0, at)},"stream_id":${JSON.stringify(streamId)}${data.slice(at)}`;
}
