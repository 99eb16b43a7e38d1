import type { ExchangeId } from '../contract/ids.ts';
import type { Fault } from '../contract/fault.ts';

/** A running exchange that can be ended from outside. */
export interface Endable {
  refuse(fault: Fault): void;
}

/** The exchanges that run now, by id; what draining waits for and the kill switch reaches into. */
export class LiveExchanges {
  readonly #running = new Map<ExchangeId, Endable>();
  #idle: (() => void)[] = [];

  get size(): number {
    return this.#running.size;
  }

  add(id: ExchangeId, exchange: Endable): void {
    this.#running.set(id, exchange);
  }

  remove(id: ExchangeId): void {
    this.#running.delete(id);
    if (this.#running.size === 0) for (const wake of this.#idle.splice(0)) wake();
  }

  endAll(fault: Fault): void {
    for (const exchange of [...this.#running.values()]) exchange.refuse(fault);
  }

  /** Resolves when none is running, or after `withinMs`. */
  async drained(withinMs: number): Promise<void> {
    if (this.#running.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#idle.push(resolve);
      timer = setTimeout(resolve, withinMs);
    });
    clearTimeout(timer);
  }
}
