import type { Subject } from '../access/revocations.ts';
import type { Fault } from '../contract/fault.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { LiveExchanges } from './live.ts';

/** A client's WebSocket that can be ended from outside. */
export interface OpenSocket {
  /** With a word why, and for good. */
  refuse(fault: Fault): void;
  /** Once what runs on it has ended: the process is leaving. */
  dismiss(): void;
  /** Handed to its client, and not taken yet. */
  readonly unsentBytes: number;
}

/** The WebSockets of clients that are open now. What runs on them is among the live exchanges too. */
export class ClientSockets {
  readonly #open = new Map<ExchangeId, OpenSocket>();
  readonly #index = new LiveExchanges();
  #dismissed = false;

  get size(): number {
    return this.#open.size;
  }

  get unsentBytes(): number {
    let bytes = 0;
    for (const { unsentBytes } of this.#open.values()) bytes += unsentBytes;
    return bytes;
  }

  /** `subjects`: what it can be revoked by. */
  add(id: ExchangeId, socket: OpenSocket, subjects: readonly Subject[]): void {
    this.#open.set(id, socket);
    this.#index.add(id, socket, subjects);
    if (this.#dismissed) socket.dismiss();
  }

  remove(id: ExchangeId): void {
    this.#open.delete(id);
    this.#index.remove(id);
  }

  /** Ends those that have the subject. */
  refuse(subject: Subject, fault: Fault): void {
    for (const id of this.#index.withSubject(subject)) this.#index.get(id)?.refuse(fault);
  }

  /** Lets each go as soon as nothing runs on it: those that are open, and those that still come. */
  dismiss(): void {
    this.#dismissed = true;
    for (const socket of [...this.#open.values()]) socket.dismiss();
  }

  /** Takes new ones again. */
  take(): void {
    this.#dismissed = false;
  }
}
