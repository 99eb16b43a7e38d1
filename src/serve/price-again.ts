import { isPriceFlag } from '../contract/amendment.ts';
import type { AmendmentBody } from '../contract/amendment.ts';
import type { PricingSlice } from '../contract/messages.ts';
import { costOf, termsOf } from '../pricing/cost.ts';
import type { PriceTable } from '../pricing/table.ts';
import { protocolFor } from '../protocols/registry.ts';
import type { PricedRecord } from '../store/priced-records.ts';

/** What a stored exchange costs by other prices. */
export type PricedAgain =
  | { kind: 'same' }
  /** It stays as it is. */
  | { kind: 'impossible'; why: string }
  | { kind: 'changed'; cost: string | null; body: AmendmentBody };

/** Larger sums do not fit into the ledger, nor into anybody's budget: a billion dollars. */
const COST_DIGITS = 18;

/** The cost of a stored exchange by this config and table: the same arithmetic as when it was inspected. */
export function priceAgain(record: PricedRecord, pricing: PricingSlice, table: PriceTable): PricedAgain {
  if (record.usage === null && record.reported_cost_nanodollars === null) return { kind: 'same' };
  if (!protocolFor(record.api).billable) return { kind: 'same' };
  // A provider that is gone from the config is no reason to forget what it cost.
  if (!Object.hasOwn(pricing.providers, record.provider)) {
    return { kind: 'impossible', why: 'the provider is not in the config' };
  }
  if (record.usage_flags.includes('usage_detail_cut')) {
    return { kind: 'impossible', why: 'part of the usage was too long to be kept' };
  }
  const cost = costOf(
    {
      usage: record.usage,
      usageDetail: record.usage_detail,
      serverTools: record.server_tools,
      serviceTier: record.service_tier,
      modelServed: record.model_served,
      reportedCostNanodollars: record.reported_cost_nanodollars,
      ...termsOf(pricing, record.provider, record.model),
    },
    table,
  );
  const sum = cost.known ? String(cost.costNanodollars) : null;
  if (sum !== null && sum.length > COST_DIGITS) return { kind: 'impossible', why: 'the cost is beyond all bounds' };
  const basis = cost.known ? cost.costBasis : null;
  const priceFlags = cost.known ? cost.flags : cost.reason === 'no_usage' ? [] : [`cost_unknown:${cost.reason}`];
  const same =
    sum === record.cost_nanodollars &&
    basis === record.cost_basis &&
    sameItems(priceFlags, record.usage_flags.filter(isPriceFlag));
  // Another version of the table that says the same is no news.
  if (same) return { kind: 'same' };
  return {
    kind: 'changed',
    cost: sum,
    body: {
      cost_nanodollars: sum,
      cost_basis: basis,
      price_version: cost.known ? cost.priceVersion : null,
      usage_flags: [...record.usage_flags.filter((flag) => !isPriceFlag(flag)), ...priceFlags],
    },
  };
}

function sameItems(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item));
}
