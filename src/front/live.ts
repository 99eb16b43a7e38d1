import type { Subject } from '../access/revocations.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { Fault } from '../contract/fault.ts';

/** A running exchange that can be ended from outside. */
export interface Endable {
  refuse(fault: Fault): void;
}

interface Running {
  exchange: Endable;
  subjects: readonly Subject[];
}

/**
 * The exchanges that run now, by id; what draining waits for and the kill switch reaches into. An index leads from each
 * thing that can be revoked to the exchanges that it is true of; it holds running exchanges only.
 */
export class LiveExchanges {
  readonly #running = new Map<ExchangeId, Running>();
  readonly #bySubject = new Map<Subject, Set<ExchangeId>>();

  get size(): number {
    return this.#running.size;
  }

  /** Subjects that some running exchange has. */
  get subjects(): number {
    return this.#bySubject.size;
  }

  /** Adds an exchange, or puts it in the place of the one with the same id. */
  add(id: ExchangeId, exchange: Endable, subjects: readonly Subject[]): void {
    this.#unindex(id);
    this.#running.set(id, { exchange, subjects });
    for (const subject of subjects) {
      const ids = this.#bySubject.get(subject);
      if (ids === undefined) this.#bySubject.set(subject, new Set([id]));
      else ids.add(id);
    }
  }

  get(id: ExchangeId): Endable | undefined {
    return this.#running.get(id)?.exchange;
  }

  /** Those that run and have the subject. */
  withSubject(subject: Subject): ExchangeId[] {
    return [...(this.#bySubject.get(subject) ?? [])];
  }

  remove(id: ExchangeId): void {
    this.#unindex(id);
    this.#running.delete(id);
  }

  endAll(fault: Fault): void {
    for (const { exchange } of [...this.#running.values()]) exchange.refuse(fault);
  }

  #unindex(id: ExchangeId): void {
    for (const subject of this.#running.get(id)?.subjects ?? []) {
      const ids = this.#bySubject.get(subject);
      ids?.delete(id);
      if (ids?.size === 0) this.#bySubject.delete(subject);
    }
  }
}
