/** Kinds of rates, per token. What stands in for a missing one says `pricing/rates.ts`. */
export const RATE_NAMES = [
  'input',
  'output',
  'reasoning',
  'cache_read',
  'cache_read_audio',
  'cache_write',
  'cache_write_5m',
  'cache_write_1h',
  'audio_in',
  'audio_out',
  'image_in',
  'image_out',
] as const;
export type RateName = (typeof RATE_NAMES)[number];

/** Dollars per million tokens by rate, as price lists print them: `"$2.50"` or `"2.50"`. */
export type PerMillion = Partial<Record<RateName, string>>;

/**
 * An operator's own price of a model: one entry of `server.prices`. It replaces the table's entry as a whole; `like`
 * names a model whose entry is taken first (it may be the same), and what is given here goes over it.
 */
export interface PriceOverride {
  /** A cost basis: the price holds for the providers that have it. */
  basis: string;
  /** The exact name; globs are for `model_cost_map`. */
  model: string;
  like?: string;
  per_million?: PerMillion;
  /** Dollars per search. */
  web_search?: string;
  tiers?: { above_input_tokens: number; per_million: PerMillion }[];
  batch?: PerMillion;
  flex?: PerMillion;
  priority?: PerMillion;
  fast?: PerMillion;
}
