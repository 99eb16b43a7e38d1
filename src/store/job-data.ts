import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';
import { z } from 'zod';
import { isStorableJson, storableJson } from '../lib/storable-text.ts';

/**
 * What a job carries: the text of a JSON array, packed. A queue quotes a text within a text, reads it and quotes it again:
 * of records as they are, that cost more than twice what packing does, and the database eight times the bytes. Jobs of
 * earlier builds, which had the text or the tree, may still be waiting.
 */
const JobData = z.union([
  z.object({ v: z.literal(3), brotli: z.string() }),
  z.object({ v: z.literal(2), json: z.string() }),
  z.object({ v: z.literal(1), records: z.array(z.unknown()) }),
]);
export type JobData = z.infer<typeof JobData>;
const Batch = z.array(z.unknown());

/** Records repeat one another, and the quickest search finds it. */
const PACKING = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };

/** A job of these JSON texts. */
export function dataOf(batch: readonly string[]): JobData {
  const json = `[${batch.join(',')}]`;
  const storable = isStorableJson(json) ? json : storableJson(JSON.parse(json));
  return { v: 3, brotli: brotliCompressSync(storable, PACKING).toString('base64') };
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
