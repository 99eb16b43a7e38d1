import * as z from 'zod/mini';

/*
 * What several pages read of the API (docs/dashboard-api.md). Loose: a newer gateway may say more.
 */

/** Money: whole nanodollars as decimal text. Sum as BigInt, show with `money` (design/format.ts). */
export const Nanodollars = z.string().check(z.regex(/^-?\d+$/));

/** Tokens of each kind; the kinds are disjoint, so their sum is all of them. */
export const Usage = z.record(z.string(), z.number());
export type Usage = z.infer<typeof Usage>;

export function totalTokens(usage: Usage | null): number {
  return Object.values(usage ?? {}).reduce((sum, tokens) => sum + tokens, 0);
}
/** As people say it: all that went in, cached or not, and all that came out. */
export function inputTokens(usage: Usage | null): number {
  return totalTokens(usage) - outputTokens(usage);
}
export function outputTokens(usage: Usage | null): number {
  const { output = 0, reasoning = 0, audio_out = 0, image_out = 0 } = usage ?? {};
  return output + reasoning + audio_out + image_out;
}
export function cachedTokens(usage: Usage | null): number {
  return usage?.['cache_read'] ?? 0;
}

export const Whoami = z.looseObject({
  login: z.string(),
  node_id: z.string(),
  node_name: z.string(),
  tags: z.array(z.string()),
  groups: z.array(z.string()),
  identity_source: z.string(),
  role: z.enum(['admin', 'user']),
  read_captures: z.boolean(),
  read_audit: z.boolean(),
  filterable_headers: z.array(z.string()),
});
export type Whoami = z.infer<typeof Whoami>;

export const UsageSums = z.looseObject({
  requests: z.number(),
  refused: z.number(),
  errors: z.number(),
  usage_absent: z.number(),
  usage_partial: z.number(),
  usage_estimated: z.number(),
  cost_unknown: z.number(),
  usage: Usage,
  cost_nanodollars: Nanodollars,
  request_bytes: z.number(),
  response_bytes: z.number(),
});
export type UsageSums = z.infer<typeof UsageSums>;

/** `GET /api/usage`. Under the grouping's name stands what an item is about; `time` is when its interval begins. */
export const UsageReport = z.looseObject({
  from: z.string(),
  to: z.string(),
  items: z.array(UsageSums),
  total: UsageSums,
  truncated: z.boolean(),
  /** `with=groups`, `with=users`. */
  groups: z.optional(z.array(UsageSums)),
  users: z.optional(z.number()),
});
export type UsageReport = z.infer<typeof UsageReport>;

/** A page of a list, newest first: `next` is what `before` has to be for the following one. */
export function pageOf<T>(item: z.ZodMiniType<T>) {
  return z.looseObject({ items: z.array(item), next: z.nullable(z.string()) });
}

export const STATES = ['complete', 'aborted', 'error', 'denied', 'blocked', 'interrupted'] as const;
export type State = (typeof STATES)[number];

/** Whose word it was that a request was denied. */
export const DENIALS = ['grant', 'quota', 'kill_switch', 'hook', 'rule', 'other'] as const;
export type Denial = (typeof DENIALS)[number];

/** Some APIs give calls no id. */
export const ToolCallInShort = z.looseObject({ id: z.nullable(z.string()), name: z.string(), bytes: z.number() });

/** An item of `GET /api/quotas`. */
export const Bucket = z.looseObject({
  bucket: z.string(),
  capacity_nanodollars: Nanodollars,
  rate: z.looseObject({ nanodollars: Nanodollars, per_ms: z.number() }),
  balance_nanodollars: Nanodollars,
  held_nanodollars: Nanodollars,
  updated_at: z.nullable(z.string()),
});
export type Bucket = z.infer<typeof Bucket>;

/** What a rule said, of an exchange or in a trial. */
export const Verdict = z.looseObject({
  rule: z.string(),
  type: z.string(),
  side: z.string(),
  action: z.string(),
  shadow: z.boolean(),
  took_ms: z.number(),
  scanned_chars: z.nullable(z.number()),
  counts: z.record(z.string(), z.number()),
  error: z.nullable(z.string()),
});
