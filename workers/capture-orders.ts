import { setTimeout as sleep } from 'node:timers/promises';
import { takeBatch } from '../src/capture/batch.ts';
import type { CaptureOrder } from '../src/capture/messages.ts';

/** Orders that wait, and the loop that has them captured: one batch at a time. */
export class OrderLoop {
  readonly #capture: (orders: readonly CaptureOrder[]) => Promise<void>;
  readonly #stop: AbortSignal;
  readonly #waiting: CaptureOrder[] = [];
  #inHand = 0;
  #idle: (() => void)[] = [];

  /** @param capture never rejects; when it resolves, all has been said of its orders, or we are told to stop. */
  constructor(capture: (orders: readonly CaptureOrder[]) => Promise<void>, stop: AbortSignal) {
    this.#capture = capture;
    this.#stop = stop;
  }

  add(orders: readonly CaptureOrder[]): void {
    this.#waiting.push(...orders);
    if (this.#inHand === 0) void this.#work();
  }

  /** Resolves when none is left, or after so long, with the number of those that are. */
  async drain(withinMs: number): Promise<number> {
    const allCaptured = new Promise<void>((resolve) => {
      if (this.#inHand === 0) resolve();
      else this.#idle.push(resolve);
    });
    await Promise.race([allCaptured, sleep(withinMs)]);
    return this.#waiting.length + this.#inHand;
  }

  /** Who drains is not told that the loop has ended since it was stopped. */
  close(): void {
    this.#idle = [];
  }

  async #work(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#stop.aborted) {
      const orders = takeBatch(this.#waiting);
      this.#inHand = orders.length;
      await this.#capture(orders);
      this.#inHand = 0;
    }
    for (const wake of this.#idle.splice(0)) wake();
  }
}
