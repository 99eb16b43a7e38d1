import type { Fault } from '../contract/fault.ts';
import type { ByteBudget } from '../lib/byte-budget.ts';

/** A provider's answer that is held until it is whole, within a limit; its bytes count against the process's budget. */
export class HeldAnswer {
  readonly headers: [string, string][];
  readonly #budget: ByteBudget;
  readonly #limitBytes: number;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(budget: ByteBudget, headers: [string, string][], limitBytes: number) {
    this.headers = headers.filter(([name]) => name !== 'content-length');
    this.#budget = budget;
    this.#limitBytes = limitBytes;
  }

  /** Why it cannot be held; undefined where it was taken. */
  take(chunk: Uint8Array, provider: string): Fault | undefined {
    this.#bytes += chunk.byteLength;
    this.#budget.take(chunk.byteLength);
    this.#chunks.push(chunk);
    const encoding = this.headers.find(([name]) => name === 'content-encoding')?.[1] ?? 'identity';
    if (encoding !== 'identity') {
      return invalid(provider, `it was asked for no content-encoding, and came as ${encoding}`);
    }
    if (this.#bytes <= this.#limitBytes) return undefined;
    return invalid(provider, `its answer has to be read whole, and has more than ${this.#limitBytes} bytes`);
  }

  body(): Uint8Array {
    return Buffer.concat(this.#chunks);
  }

  /** Nothing is held any more. */
  end(): void {
    this.#budget.give(this.#bytes);
    this.#bytes = 0;
    this.#chunks = [];
  }
}

function invalid(provider: string, why: string): Fault {
  return { code: 'upstream_invalid', provider, why };
}
