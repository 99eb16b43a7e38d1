import type { Clock } from '../../src/lib/clock.ts';

/** A clock that a test turns by hand. */
export class HandClock implements Clock {
  #nowMs = 1_790_000_000_000;

  nowMs(): number {
    return this.#nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }
}
