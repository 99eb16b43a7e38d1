import { z } from 'zod';

/**
 * What a job carries: the text of a JSON array, since a queue that is handed a tree writes it anew. Jobs of an earlier
 * build, which had the tree, may still be waiting.
 */
const JobData = z.union([
  z.object({ v: z.literal(2), json: z.string() }),
  z.object({ v: z.literal(1), records: z.array(z.unknown()) }),
]);
export type JobData = z.infer<typeof JobData>;
const Batch = z.array(z.unknown());

/** What a job carries; undefined where it is not one that this build can read. */
export function recordsOf(data: unknown): readonly unknown[] | undefined {
  const read = JobData.safeParse(data);
  if (!read.success) return undefined;
  return read.data.v === 1 ? read.data.records : batchIn(read.data.json);
}

function batchIn(json: string): readonly unknown[] | undefined {
  try {
    return Batch.parse(JSON.parse(json));
  } catch {
    // No JSON, or no array.
    return undefined;
  }
}
