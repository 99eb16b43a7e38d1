import { createHash } from 'node:crypto';
import type { PricingSlice } from '../contract/messages.ts';
import { RATE_NAMES } from '../contract/price.ts';
import type { PerMillion, PriceOverride } from '../contract/price.ts';
import { assert, failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { COST_BASES, isCostBasis } from './basis.ts';
import type { CostBasis } from './basis.ts';
import { parseDecimal } from './exact.ts';
import { findPrice } from './lookup.ts';
import type { ModelPrice, PriceTable, Rates, Service } from './table.ts';

/** What is wrong with one entry. */
export interface PriceProblem {
  /** Where, below the list: `[0, 'per_million', 'input']`. */
  path: (string | number)[];
  /** Ends a sentence that begins with the value: values may hold what no log should. */
  message: string;
}

type Say = (path: (string | number)[], message: string) => void;

const SERVICE_KEYS: Service[] = ['batch', 'flex', 'priority', 'fast'];

/** A table with the operator's prices before the built-in ones, and a version that says so. All problems or a table. */
export function withOverrides(
  table: PriceTable,
  overrides: readonly PriceOverride[],
): Result<PriceTable, PriceProblem[]> {
  if (overrides.length === 0) return ok(table);
  const problems: PriceProblem[] = [];
  const own = new Map<CostBasis, Map<string, ModelPrice>>();
  overrides.forEach((override, index) => {
    const say: Say = (path, message) => void problems.push({ path: [index, ...path], message });
    const { basis, model } = override;
    if (isCostBasis(basis)) {
      const prices = own.get(basis) ?? new Map<string, ModelPrice>();
      if (prices.has(model)) say(['model'], 'has a price for this basis already');
      own.set(basis, prices.set(model, priceFrom(override, basis, table, say)));
    } else {
      say(['basis'], `is not a cost basis; there are ${COST_BASES.join(', ')}`);
    }
  });
  if (problems.length > 0) return failed(problems);
  const mark = createHash('sha256').update(JSON.stringify(overrides)).digest('hex').slice(0, 8);
  return ok({ version: `${table.version}+${mark}`, providers: table.providers, own });
}

/** The table that a world prices with. Its prices were checked when the config was read. */
export function tableOf(base: PriceTable, { prices }: Pick<PricingSlice, 'prices'>): PriceTable {
  const table = withOverrides(base, prices);
  assert(table.ok, 'a loaded config has good prices');
  return table.value;
}

function priceFrom(override: PriceOverride, basis: CostBasis, table: PriceTable, say: Say): ModelPrice {
  const like = override.like === undefined ? undefined : findPrice(table, basis, override.like)?.price;
  if (override.like !== undefined && like === undefined) say(['like'], 'is not in the price table');
  const price: ModelPrice = {
    ...(like ?? { mode: 'chat', tiers: [], services: {} }),
    rates: { ...like?.rates, ...picodollarRates(override.per_million ?? {}, ['per_million'], say) },
  };
  if (price.rates.input === undefined) say(['per_million'], 'has no input: every price needs that rate');
  if (override.tiers !== undefined) price.tiers = tiersFrom(override.tiers, say);
  price.services = { ...price.services };
  for (const service of SERVICE_KEYS) {
    const rates = override[service];
    if (rates !== undefined) price.services[service] = picodollarRates(rates, [service], say);
  }
  if (override.web_search !== undefined) {
    price.web_search = { picodollars: dollars(override.web_search, 12n, ['web_search'], say), per: 'search' };
  }
  return price;
}

function tiersFrom(tiers: NonNullable<PriceOverride['tiers']>, say: Say): ModelPrice['tiers'] {
  return tiers
    .map((tier, index) => ({
      above_input_tokens: tier.above_input_tokens,
      rates: picodollarRates(tier.per_million, ['tiers', index, 'per_million'], say),
    }))
    .sort((a, b) => a.above_input_tokens - b.above_input_tokens);
}

function picodollarRates(perMillion: PerMillion, where: (string | number)[], say: Say): Rates {
  const rates: Rates = {};
  for (const name of RATE_NAMES) {
    const text = perMillion[name];
    // A dollar per million tokens is 10^12 / 10^6 picodollars per token.
    if (text !== undefined) rates[name] = dollars(text, 6n, [...where, name], say);
  }
  return rates;
}

/** Dollars times 10^`digits` as a whole number. Zero is the operator's word: a model that costs nothing. */
function dollars(text: string, digits: bigint, where: (string | number)[], say: Say): number {
  const value = parseDecimal(text.startsWith('$') ? text.slice(1) : text);
  const scaled = value === undefined ? undefined : value.n * 10n ** digits;
  if (value === undefined || scaled === undefined || scaled % value.d !== 0n || scaled / value.d > 10n ** 15n) {
    say(where, `is not a price in dollars with at most ${digits} decimals`);
    return 0;
  }
  return Number(scaled / value.d);
}
