import { recordItem } from './cbor.ts';
import type { WholeFile } from './file-parts.ts';
import { beginFile } from './file.ts';
import type { ExportFormat } from './format.ts';
import { beginParquet } from './parquet.ts';
import type { CaptureToExport, RowToExport } from './record.ts';

export interface FileBounds {
  /** Of all records, before they are compressed; one that is larger by itself is a file by itself. */
  itemBytes: number;
  /** Of the pieces that the file is told in. */
  partBytes: number;
}

/** A file that records are written into. One at a time in a thread: the next one that is begun gives up the one before. */
export interface RecordFile {
  /** False where the file is full: it stays as it was, and the record is the first of the next. The first always fits. */
  offer(number: number, exchange: RowToExport, capture: CaptureToExport | undefined): boolean;
  end(): WholeFile;
}

export function beginRecordFile(format: ExportFormat, bounds: FileBounds): Promise<RecordFile> {
  return format === 'parquet' ? beginParquet(bounds) : beginCbor(bounds);
}

async function beginCbor({ itemBytes, partBytes }: FileBounds): Promise<RecordFile> {
  const file = await beginFile({ partBytes });
  return {
    offer: (number, exchange, capture) => {
      const item = recordItem(number, exchange, capture);
      if (file.itemBytes > 0 && file.itemBytes + item.length > itemBytes) return false;
      file.add(item);
      return true;
    },
    end: () => file.end(),
  };
}
