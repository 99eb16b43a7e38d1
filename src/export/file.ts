import { createHash } from 'node:crypto';
import { Zstd } from '@hpcc-js/wasm-zstd';

/** A file that is whole: its bytes in pieces of at most `partBytes`, but for what compressing a record gave at once. */
export interface WholeFile {
  parts: Uint8Array[];
  bytes: number;
  /** Hex. */
  sha256: string;
}

/** Items on their way into one zstd frame, which are compressed as they come. */
export interface FileWriter {
  /** Bytes of all items, before they were compressed. */
  readonly itemBytes: number;
  add(item: Uint8Array): void;
  end(): WholeFile;
}

export interface FileWriterOptions {
  /** Parts of this size; the last is smaller. */
  partBytes: number;
}

/** zstd's own default: higher levels take several times as long, for a few hundredths. */
const LEVEL = 3;

/** What is handed to the compressor at once. */
const PIECE_BYTES = 1024 * 1024;

/**
 * Begins a file. The compressor is one for the thread, so one file is written at a time: a file that was begun and not
 * ended is given up by the next one.
 */
export async function beginFile({ partBytes }: FileWriterOptions): Promise<FileWriter> {
  const zstd = await Zstd.load();
  zstd.reset();
  zstd.setCompressionLevel(LEVEL);
  const hash = createHash('sha256');
  const parts = new Parts(partBytes);
  let itemBytes = 0;
  let bytes = 0;
  const put = (compressed: Uint8Array): void => {
    hash.update(compressed);
    bytes += compressed.length;
    parts.add(compressed);
  };
  return {
    get itemBytes() {
      return itemBytes;
    },
    add: (item) => {
      itemBytes += item.length;
      for (let at = 0; at < item.length; at += PIECE_BYTES) {
        put(zstd.compressChunk(item.subarray(at, at + PIECE_BYTES)));
      }
    },
    end: () => {
      put(zstd.compressEnd());
      return { parts: parts.all(), bytes, sha256: hash.digest('hex') };
    },
  };
}

/** Joins small pieces to parts of one size. Copies: a piece may be a view on the compressor's memory. */
class Parts {
  readonly #size: number;
  readonly #whole: Uint8Array[] = [];
  #open: Uint8Array;
  #filled = 0;

  constructor(size: number) {
    this.#size = size;
    this.#open = new Uint8Array(size);
  }

  add(piece: Uint8Array): void {
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

  all(): Uint8Array[] {
    return this.#filled === 0 ? this.#whole : [...this.#whole, this.#open.subarray(0, this.#filled)];
  }
}
