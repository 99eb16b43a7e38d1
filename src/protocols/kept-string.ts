/** A key or a name that may span chunks. Holds at most `most` bytes of it, and none where one chunk has it whole. */
export class KeptString {
  readonly #most: number;
  #from = 0;
  /** Of earlier chunks. */
  #bytes = 0;
  /** Only where it spans chunks. */
  #kept: Uint8Array | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  /** It begins at `at` of the chunk that is being read. */
  begin(at: number): void {
    this.#from = at;
    this.#bytes = 0;
  }

  /** Keeps what of the chunk belongs to it; more than fits only raises the count. */
  chunkEnds(chunk: Uint8Array): void {
    const bytes = chunk.length - this.#from;
    this.#kept ??= new Uint8Array(this.#most);
    if (this.#bytes + bytes <= this.#most) this.#kept.set(chunk.subarray(this.#from), this.#bytes);
    this.#bytes += bytes;
    this.#from = 0;
  }

  /** All of it, which ended before `at`; undefined when that is more than `most` bytes. */
  upTo(chunk: Uint8Array, at: number, most: number): Uint8Array | undefined {
    const bytes = this.#bytes + at - this.#from;
    if (bytes > most) return undefined;
    if (this.#kept === undefined || this.#bytes === 0) return chunk.subarray(this.#from, at);
    this.#kept.set(chunk.subarray(this.#from, at), this.#bytes);
    return this.#kept.subarray(0, bytes);
  }
}
