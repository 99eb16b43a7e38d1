import type { Socket } from 'node:net';
import type { NodeResponse } from './node-response.ts';

/** A connection that is told goodbye may still be sending: its bytes are dropped this long, else a reset overtakes the answer. */
const LINGER_MS = 2_000;

/** One connection of a client, of either HTTP: what runs on it, and for how long nothing did. */
export class Connection {
  readonly socket: Socket;
  readonly remoteAddress: string;
  /** What comes on it is not looked at any more. */
  leaving = false;
  /** The answer that just ended told the client to come with another connection: it closes this one, not we. */
  clientCloses = false;
  readonly #idleMs: number;
  readonly #running = new Set<NodeResponse>();
  #idle: NodeJS.Timeout | undefined;
  /** Who half closes has left. Node would answer into the void. */
  readonly #halfClosed = (): void => {
    this.socket.destroy();
  };

  constructor(socket: Socket, idleMs: number) {
    this.socket = socket;
    this.remoteAddress = socket.remoteAddress ?? '';
    this.#idleMs = idleMs;
    socket.on('end', this.#halfClosed);
    // A broken connection is told by `close`.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(this.#idle);
      for (const response of this.#running) response.left();
    });
    this.#wait();
  }

  /** A request came that has no answer yet. */
  get isBusy(): boolean {
    for (const response of this.#running) if (!response.isAnswered) return true;
    return false;
  }

  began(response: NodeResponse): void {
    clearTimeout(this.#idle);
    this.#running.add(response);
  }

  finished(response: NodeResponse): void {
    if (this.#running.delete(response) && this.#running.size === 0) this.#wait();
  }

  /** To a WebSocket, which has an end of its own and may be silent for as long as it likes. */
  handOver(): Socket {
    clearTimeout(this.#idle);
    this.#running.clear();
    this.socket.off('end', this.#halfClosed);
    return this.socket;
  }

  /** Ends it behind what was written. */
  leave(): void {
    if (this.leaving) return;
    this.leaving = true;
    this.socket.end();
    this.socket.resume();
    const timer = setTimeout(() => this.socket.destroy(), LINGER_MS);
    this.socket.once('close', () => {
      clearTimeout(timer);
    });
  }

  /** A head that does not come to its end counts as nothing: who drips one is closed with the idle. */
  #wait(): void {
    if (this.socket.destroyed || this.leaving) return;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.socket.destroy(), this.#idleMs);
    this.#idle.unref();
  }
}
