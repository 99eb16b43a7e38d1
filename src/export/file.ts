import { Zstd } from '@hpcc-js/wasm-zstd';
import { FileParts } from './file-parts.ts';
import type { WholeFile } from './file-parts.ts';

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
export const LEVEL = 3;

/** What is handed to the compressor at once: its memory grows with it, and never shrinks. */
export const PIECE_BYTES = 1024 * 1024;

/**
 * Begins a file. The compressor is one for the thread, so one file is written at a time: a file that was begun and not
 * ended is given up by the next one.
 */
export async function beginFile({ partBytes }: FileWriterOptions): Promise<FileWriter> {
  const zstd = await Zstd.load();
  zstd.reset();
  zstd.setCompressionLevel(LEVEL);
  const parts = new FileParts(partBytes);
  let itemBytes = 0;
  return {
    get itemBytes() {
      return itemBytes;
    },
    add: (item) => {
      itemBytes += item.length;
      for (let at = 0; at < item.length; at += PIECE_BYTES) {
        parts.add(zstd.compressChunk(item.subarray(at, at + PIECE_BYTES)));
      }
    },
    end: () => {
      parts.add(zstd.compressEnd());
      return parts.end();
    },
  };
}
