import type { PricingSlice } from '../contract/messages.ts';
import { USAGE_KINDS } from '../contract/usage.ts';
import { isCostBasis } from '../pricing/basis.ts';
import { priceOf, termsOf } from '../pricing/cost.ts';
import { ONE } from '../pricing/exact.ts';
import type { Rational } from '../pricing/exact.ts';
import { findPrice } from '../pricing/lookup.ts';
import { servedAs, tierOf } from '../pricing/rates.ts';
import { meteredOf, splitCost } from '../pricing/split.ts';
import type { Meter, Metered } from '../pricing/split.ts';
import type { ModelPrice, PriceTable } from '../pricing/table.ts';
import type { ChargedTogether } from './focus-groups.ts';

/** What a charge is for; `tokens` and `requests` where a sum cannot be split by kinds. */
export type ChargedFor = Meter | 'tokens' | 'requests';

/** One row of the export. */
export interface Charge {
  of: ChargedTogether;
  what: ChargedFor;
  consumed: bigint;
  billed: bigint;
  /** Of the books. Zero where it is not known. */
  costNanodollars: bigint;
  /** Picodollars, by the price list and by what was agreed; undefined where they are not those that it was charged by. */
  rates: { list: Rational; agreed: Rational } | undefined;
  /** Input tokens above which the rates hold; 0: from the first on. */
  aboveInputTokens: number;
}

export interface FocusPrices {
  table: PriceTable;
  pricing: PricingSlice;
}

/** Above how many input tokens some model has other rates; ascending. */
export function limitsOf({ providers, own }: PriceTable): number[] {
  const all = [...providers.values(), ...own.values()].flatMap((models) =>
    [...models.values()].flatMap(({ tiers }) => tiers.map((tier) => tier.above_input_tokens)),
  );
  return [...new Set(all)].sort((a, b) => a - b);
}

/** What was charged together as one charge for each kind of use. Their costs add up to the cost that is in the books. */
export function chargesFrom(of: ChargedTogether, limits: readonly number[], prices: FocusPrices): Charge[] {
  const found = priceCharged(of, prices);
  if (found === undefined || of.costNanodollars === null) return [wholeCharge(of)];
  const passed = of.limitsPassed === 0 ? 0 : (limits[of.limitsPassed - 1] ?? 0);
  const metered = meteredOf({ ...of, inputTokens: passed + 1 }, found.price, servedAs(of.serviceTier, of.speed));
  const split = splitCost(of.costNanodollars, of.exchanges, metered, found.adjustment);
  if (split === undefined || metered.length === 0) return [wholeCharge(of)];
  const aboveInputTokens = tierOf(found.price, passed + 1)?.above_input_tokens ?? 0;
  return metered.map((each, at) => ({
    of,
    what: each.meter,
    consumed: each.consumed,
    billed: each.billed,
    costNanodollars: split.shares[at] ?? 0n,
    rates: split.isByRates ? ratesFrom(each, found.adjustment) : undefined,
    aboveInputTokens,
  }));
}

function ratesFrom({ rate }: Metered, { n, d }: Rational): Charge['rates'] {
  return rate && { list: rate, agreed: { n: rate.n * n, d: rate.d * d } };
}

/** A sum that is known as a whole only, or not at all. */
function wholeCharge(of: ChargedTogether): Charge {
  const tokens = USAGE_KINDS.reduce((sum, kind) => sum + of.usage[kind], 0n);
  const consumed = tokens > 0n ? tokens : BigInt(of.exchanges);
  return {
    of,
    what: tokens > 0n ? 'tokens' : 'requests',
    consumed,
    billed: consumed,
    costNanodollars: of.costNanodollars ?? 0n,
    rates: undefined,
    aboveInputTokens: 0,
  };
}

/**
 * The price by which it was charged, as the books name it: as the config leads to it now, or else, where config or answers
 * have led elsewhere since, what the table has under that name, without the discount of then.
 */
function priceCharged(
  { costBasis, provider, model, modelServed }: ChargedTogether,
  { table, pricing }: FocusPrices,
): { price: ModelPrice; adjustment: Rational } | undefined {
  if (costBasis === null) return undefined;
  const now = priceOf({ ...termsOf(pricing, provider, model), modelServed }, table);
  if ('price' in now && `${now.basis}/${now.model}` === costBasis) return now;
  const slash = costBasis.indexOf('/');
  const basis = costBasis.slice(0, slash);
  const found = isCostBasis(basis) ? findPrice(table, basis, costBasis.slice(slash + 1)) : undefined;
  return found && { price: found.price, adjustment: ONE };
}
