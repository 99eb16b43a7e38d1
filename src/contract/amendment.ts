import type { z } from 'zod';
import { ExchangeRecord } from './record.ts';

/**
 * Why a record's money was corrected. `usage`: the provider told the usage of a response later than its exchange ended.
 * `price`: it was priced again (`aperture reprice`).
 */
export const AMENDMENT_KINDS = ['usage', 'price'] as const;
export type AmendmentKind = (typeof AMENDMENT_KINDS)[number];

/**
 * What an amendment says: those members of the record that it replaces, each as a whole. A record's effective values are
 * the record with its amendments applied in the order of their ids.
 */
export const AmendmentBody = ExchangeRecord.pick({
  usage: true,
  usage_state: true,
  usage_detail: true,
  usage_flags: true,
  server_tools: true,
  model_served: true,
  service_tier: true,
  cost_nanodollars: true,
  cost_basis: true,
  price_version: true,
  reported_cost_nanodollars: true,
}).partial();
export type AmendmentBody = z.infer<typeof AmendmentBody>;

/** Flags that pricing puts into `usage_flags`; they change with the price. */
const PRICE_FLAGS = ['rate_missing:', 'unpriced:', 'odd_count:', 'cost_unknown:'];

export function isPriceFlag(flag: string): boolean {
  return PRICE_FLAGS.some((prefix) => flag.startsWith(prefix));
}
