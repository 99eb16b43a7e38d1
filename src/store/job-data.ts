import { brotliDecompressSync } from 'node:zlib';
import { z } from 'zod';
import { isStorableJson, storableJson } from '../lib/storable-text.ts';

/**
 * What a job carries: the text of a JSON array, since a queue that is handed a tree writes it anew. Jobs of an earlier
 * build, which had the tree, may still be waiting; and of a later one, which packs the text, beside which this one goes on.
 */
const JobData = z.union([
  z.object({ v: z.literal(3), brotli: z.string() }),
  z.object({ v: z.literal(2), json: z.string() }),
  z.object({ v: z.literal(1), records: z.array(z.unknown()) }),
]);
export type JobData = z.infer<typeof JobData>;
const Batch = z.array(z.unknown());

/** A job of these JSON texts. */
export function dataOf(batch: readonly string[]): JobData {
  const json = `[${batch.join(',')}]`;
  return { v: 2, json: isStorableJson(json) ? json : storableJson(JSON.parse(json)) };
}

/** What a job carries; undefined where it is not one that this build can read. */
export function recordsOf(data: unknown): readonly unknown[] | undefined {
  const read = JobData.safeParse(data);
  if (!read.success) return undefined;
  try {
    switch (read.data.v) {
      case 1:
        return read.data.records;
      case 2:
        return Batch.parse(JSON.parse(read.data.json));
      case 3:
        return Batch.parse(JSON.parse(brotliDecompressSync(Buffer.from(read.data.brotli, 'base64')).toString()));
    }
  } catch {
    // Not packed so, no JSON, or no array.
    return undefined;
  }
}
