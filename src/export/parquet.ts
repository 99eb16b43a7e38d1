import { Zstd } from '@hpcc-js/wasm-zstd';
import { ByteWriter, ParquetWriter } from 'hyparquet-writer';
import { FileParts } from './file-parts.ts';
import { LEVEL, PIECE_BYTES } from './file.ts';
import { bytesOfRow, PARQUET_COLUMNS, PARQUET_SCHEMA, parquetRow } from './parquet-columns.ts';
import type { ParquetRow } from './parquet-columns.ts';
import type { FileBounds, RecordFile } from './record-file.ts';

/**
 * Rows that are held until they are written together, as columns. Larger groups are read faster; these are held as rows
 * and as what they become, twice over. A file of usual size has from one to five.
 */
const GROUP_BYTES = 16 * 1024 * 1024;
/** Of one page, before it is compressed; a value that is larger has one by itself. */
const PAGE_BYTES = 1024 * 1024;

/** Begins a Parquet file. */
export async function beginParquet({ itemBytes, partBytes }: FileBounds): Promise<RecordFile> {
  const zstd = await Zstd.load();
  const parts = new FileParts(partBytes);
  const writer = new ParquetWriter({
    writer: new Outlet(parts),
    schema: PARQUET_SCHEMA,
    codec: 'ZSTD',
    compressors: { ZSTD: (page) => compressed(zstd, page) },
    createdBy: 'aperture',
  });
  let rows: ParquetRow[] = [];
  let groupBytes = 0;
  let bytes = 0;
  const writeGroup = (): void => {
    if (rows.length === 0) return;
    const columnData = PARQUET_COLUMNS.map(({ name, options }, at) => ({
      name,
      ...options,
      data: rows.map((row) => row[at]),
    }));
    rows = [];
    groupBytes = 0;
    void writer.write({ columnData, rowGroupSize: columnData[0]?.data.length ?? 1, pageSize: PAGE_BYTES });
  };
  return {
    offer: (number, exchange, capture) => {
      const row = parquetRow(number, exchange, capture);
      const more = bytesOfRow(row);
      if (bytes > 0 && bytes + more > itemBytes) return false;
      bytes += more;
      groupBytes += more;
      rows.push(row);
      if (groupBytes >= GROUP_BYTES) writeGroup();
      return true;
    },
    end: () => {
      writeGroup();
      void writer.finish();
      return parts.end();
    },
  };
}

/** Hands on what was written after each group of rows, so that the file is never in memory but as its parts. */
class Outlet extends ByteWriter {
  readonly #parts: FileParts;

  constructor(parts: FileParts) {
    super();
    this.#parts = parts;
  }

  flush(): void {
    this.#parts.add(this.getBytes());
    this.index = 0;
  }

  override finish(): void {
    this.flush();
  }
}

/** A page as one zstd frame, a piece at a time where it is large. */
function compressed(zstd: Zstd, page: Uint8Array): Uint8Array {
  if (page.length <= PIECE_BYTES) return zstd.compress(page, LEVEL).slice();
  zstd.reset();
  zstd.setCompressionLevel(LEVEL);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < page.length; at += PIECE_BYTES) {
    pieces.push(zstd.compressChunk(page.subarray(at, at + PIECE_BYTES)).slice());
  }
  pieces.push(zstd.compressEnd().slice());
  return Buffer.concat(pieces);
}
