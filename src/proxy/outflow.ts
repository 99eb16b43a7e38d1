import { CLIENT_UNSENT_BYTES } from '../contract/limits.ts';
import type { ByteBudget } from '../lib/byte-budget.ts';
import type { ClientStream } from './client.ts';

/** Told when more waits for a client than may, and when the client has taken what was written. */
export interface OutflowEvents {
  full: () => void;
  taken: () => void;
}

/** The bytes of one exchange that its client's socket has not taken: counted, and in the budget of the process. */
export class Outflow {
  readonly #client: ClientStream;
  readonly #budget: ByteBudget;
  readonly #events: OutflowEvents;
  #unsentBytes = 0;
  /** Of those, written since the socket last took everything. */
  #writtenBytes = 0;

  constructor(client: ClientStream, budget: ByteBudget, events: OutflowEvents) {
    this.#client = client;
    this.#budget = budget;
    this.#events = events;
  }

  get isEmpty(): boolean {
    return this.#unsentBytes === 0;
  }

  /** Bytes that will be written once they are journaled. */
  expect(bytes: number): void {
    this.#unsentBytes += bytes;
    this.#budget.take(bytes);
    if (this.#unsentBytes > CLIENT_UNSENT_BYTES) this.#events.full();
  }

  /** Writes what was expected. */
  write(chunks: readonly Uint8Array[], bytes: number): void {
    if (this.#client.gone) return;
    let taken = true;
    for (const chunk of chunks) taken = this.#client.write(chunk) && taken;
    this.#writtenBytes += bytes;
    if (taken) this.#taken(bytes);
    else this.#events.full();
  }

  /** The client's socket has taken all that was written so far. */
  drained(): void {
    this.#taken(this.#writtenBytes);
    this.#events.taken();
  }

  /** Nothing more is waited for. */
  close(): void {
    this.#budget.give(this.#unsentBytes);
    this.#unsentBytes = 0;
    this.#writtenBytes = 0;
  }

  #taken(bytes: number): void {
    this.#unsentBytes -= bytes;
    this.#writtenBytes -= bytes;
    this.#budget.give(bytes);
    if (this.#unsentBytes === 0) this.#events.taken();
  }
}
