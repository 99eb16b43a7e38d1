import { CLIENT_UNSENT_BYTES } from '../contract/limits.ts';
import type { Release } from '../contract/messages.ts';
import type { ByteBudget } from '../lib/byte-budget.ts';

/**
 * What a provider has said and rules have not let go: of each such byte it is known whether the rules' thread has taken it in, which
 * paces the provider, and it counts against the process's budget until it is let go.
 */
export class Undecided {
  readonly #budget: ByteBudget;
  #untakenBytes = 0;
  #bytes = 0;
  #gaveUp = false;

  constructor(budget: ByteBudget) {
    this.#budget = budget;
  }

  add(bytes: number): void {
    this.#untakenBytes += bytes;
    this.#bytes += bytes;
    this.#budget.take(bytes);
  }

  /** The thread is so far behind that the provider waits. */
  get isAhead(): boolean {
    return this.#untakenBytes > CLIENT_UNSENT_BYTES;
  }

  letGo({ kept, takenBytes }: Release): void {
    this.#untakenBytes -= takenBytes;
    this.#give(kept.byteLength);
  }

  /** What is held whole pauses no provider, and so it may not fill the process either. Why it must not be held any more, said once. */
  whyNoMore(): string | undefined {
    const { usedBytes, limitBytes } = this.#budget;
    if (usedBytes <= limitBytes || this.#gaveUp) return undefined;
    this.#gaveUp = true;
    return `the bytes in flight are at their limit of ${limitBytes}`;
  }

  /** Nothing is decided any more. */
  end(): void {
    this.#give(this.#bytes);
  }

  #give(bytes: number): void {
    const given = Math.min(bytes, this.#bytes);
    this.#bytes -= given;
    this.#budget.give(given);
  }
}
