import { createHash } from 'node:crypto';

/** A file that is whole: its bytes in pieces of one size; the last is smaller. */
export interface WholeFile {
  parts: Uint8Array[];
  bytes: number;
  /** Hex. */
  sha256: string;
}

/** Joins what a file is made of, in any pieces, to parts of one size. Copies: a piece may be a view on a compressor's memory. */
export class FileParts {
  readonly #size: number;
  readonly #hash = createHash('sha256');
  readonly #whole: Uint8Array[] = [];
  #open: Uint8Array;
  #filled = 0;
  #bytes = 0;

  constructor(size: number) {
    this.#size = size;
    this.#open = new Uint8Array(size);
  }

  add(piece: Uint8Array): void {
    this.#hash.update(piece);
    this.#bytes += piece.length;
    for (let at = 0; at < piece.length;) {
      const some = piece.subarray(at, at + this.#size - this.#filled);
      this.#open.set(some, this.#filled);
      this.#filled += some.length;
      at += some.length;
      if (this.#filled < this.#size) continue;
      this.#whole.push(this.#open);
      this.#open = new Uint8Array(this.#size);
      this.#filled = 0;
    }
  }

  end(): WholeFile {
    const parts = this.#filled === 0 ? this.#whole : [...this.#whole, this.#open.subarray(0, this.#filled)];
    return { parts, bytes: this.#bytes, sha256: this.#hash.digest('hex') };
  }
}
