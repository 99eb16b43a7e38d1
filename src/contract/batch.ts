import { z } from 'zod';
import { USAGE_KINDS } from './usage.ts';
import type { UsageKind } from './usage.ts';

/** Tokens by kind, as a schema. */
export const UsageCounts = z.object(
  Object.fromEntries(USAGE_KINDS.map((kind) => [kind, z.int().min(0)])) as Record<UsageKind, z.ZodInt>,
);

/** Which batch made a file, or which one it is itself: the provider's id, and the model if it named exactly one. */
export const BatchRef = z.object({
  id: z.string().max(256),
  /** As the batch's maker named it; empty where there were several, or nobody looked. */
  model: z.string(),
});
export type BatchRef = z.infer<typeof BatchRef>;

/** An exchange reads a batch's results: from a file that the batch made, or from the batch itself. */
export const BatchRead = z.object({
  batch: BatchRef,
  /** What is read. With the provider and the login it says what must be booked once. */
  of: z.enum(['file', 'batch']),
  id: z.string().max(256),
});
export type BatchRead = z.infer<typeof BatchRead>;

/** Models whose sums are kept apart; lines of further ones are summed together, without a price. */
export const BATCH_SUMS = 64;

/** What the lines of one model come to. */
export const BatchSum = z.object({
  model: z.string(),
  model_served: z.string().nullable(),
  /** Lines that have usage. */
  lines: z.int().min(1),
  usage: UsageCounts,
  usage_flags: z.array(z.string()),
  server_tools: z.record(z.string(), z.number()),
  /** Each line by its own length; null where the price of one of them is not known. Fits the ledger. */
  cost_nanodollars: z
    .string()
    .regex(/^\d{1,18}$/)
    .nullable(),
  cost_basis: z.string().nullable(),
  price_version: z.string().nullable(),
});
export type BatchSum = z.infer<typeof BatchSum>;

/**
 * What the results of a batch tell of its usage, read to their end. The record of each exchange that read them carries it;
 * the store books the first.
 */
export const BatchUsage = z.object({
  ...BatchRead.shape,
  lines: z.int().min(0),
  /** Of them, requests that came to nothing: refused, cancelled, expired. */
  failed: z.int().min(0),
  sums: z.array(BatchSum).max(BATCH_SUMS + 1),
});
export type BatchUsage = z.infer<typeof BatchUsage>;
