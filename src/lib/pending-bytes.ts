/**
 * Bytes of something that is not whole yet. Grows by doubling, so that no byte is copied often; what is appended is a copy.
 * How much there may be is for its owner to say.
 */
export class PendingBytes {
  readonly #startBytes: number;
  readonly #keptBytes: number;
  #bytes = Buffer.alloc(0);
  #length = 0;

  /** `startBytes`: the first room. `keptBytes`: more room than that is let go with what was in it. */
  constructor({ startBytes, keptBytes }: { startBytes: number; keptBytes: number }) {
    this.#startBytes = startBytes;
    this.#keptBytes = keptBytes;
  }

  get length(): number {
    return this.#length;
  }

  append(part: Uint8Array): void {
    const needed = this.#length + part.length;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#startBytes, needed, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    this.#bytes.set(part, this.#length);
    this.#length = needed;
  }

  /** All of it; a view, until more is appended. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Begins anew; one huge thing does not hold its memory for all that follows. */
  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > this.#keptBytes) this.#bytes = Buffer.alloc(0);
  }

  /** Begins anew, and lets all its memory go. */
  drop(): void {
    this.#length = 0;
    this.#bytes = Buffer.alloc(0);
  }
}
