import { createHash } from 'node:crypto';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { isCostBasis } from './basis.ts';
import type { CostBasis } from './basis.ts';
import { parseDecimal } from './exact.ts';
import { findPrice } from './lookup.ts';
import { RATE_NAMES } from './table.ts';
import type { ModelPrice, PriceTable, RateName, Rates, Service } from './table.ts';

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

const SERVICE_KEYS: Service[] = ['batch', 'flex', 'priority', 'fast'];

/** A table with the operator's prices before the built-in ones, and a version that says so. All problems or a table. */
export function withOverrides(table: PriceTable, overrides: PriceOverride[]): Result<PriceTable, string[]> {
  if (overrides.length === 0) return ok(table);
  const problems: string[] = [];
  const own = new Map<CostBasis, Map<string, ModelPrice>>();
  overrides.forEach((override, index) => {
    const say = (problem: string): void => void problems.push(`prices[${index}] (${override.model}): ${problem}`);
    const { basis, model } = override;
    if (isCostBasis(basis)) {
      const prices = own.get(basis) ?? new Map<string, ModelPrice>();
      own.set(basis, prices.set(model, priceFrom(override, basis, table, say)));
    } else {
      say(`"${basis}" is not a cost basis`);
    }
  });
  if (problems.length > 0) return failed(problems);
  const mark = createHash('sha256').update(JSON.stringify(overrides)).digest('hex').slice(0, 8);
  return ok({ version: `${table.version}+${mark}`, providers: table.providers, own });
}

function priceFrom(
  override: PriceOverride,
  basis: CostBasis,
  table: PriceTable,
  say: (problem: string) => void,
): ModelPrice {
  const like = override.like === undefined ? undefined : findPrice(table, basis, override.like)?.price;
  if (override.like !== undefined && like === undefined) say(`like: "${override.like}" is not in the price table`);
  const price: ModelPrice = {
    ...(like ?? { mode: 'chat', tiers: [], services: {} }),
    rates: { ...like?.rates, ...picodollarRates(override.per_million ?? {}, 'per_million', say) },
  };
  if (price.rates.input === undefined) say('per_million.input is missing');
  if (override.tiers !== undefined) price.tiers = tiersFrom(override.tiers, say);
  price.services = { ...price.services };
  for (const service of SERVICE_KEYS) {
    const rates = override[service];
    if (rates !== undefined) price.services[service] = picodollarRates(rates, service, say);
  }
  if (override.web_search !== undefined) {
    price.web_search = { picodollars: dollars(override.web_search, 12n, 'web_search', say), per: 'search' };
  }
  return price;
}

function tiersFrom(tiers: NonNullable<PriceOverride['tiers']>, say: (problem: string) => void): ModelPrice['tiers'] {
  return tiers
    .map((tier, index) => ({
      above_input_tokens: tier.above_input_tokens,
      rates: picodollarRates(tier.per_million, `tiers[${index}]`, say),
    }))
    .sort((a, b) => a.above_input_tokens - b.above_input_tokens);
}

function picodollarRates(perMillion: PerMillion, where: string, say: (problem: string) => void): Rates {
  const rates: Rates = {};
  for (const name of RATE_NAMES) {
    const text = perMillion[name];
    // A dollar per million tokens is 10^12 / 10^6 picodollars per token.
    if (text !== undefined) rates[name] = dollars(text, 6n, `${where}.${name}`, say);
  }
  return rates;
}

/** Dollars times 10^`digits` as a whole number. Zero is the operator's word: a model that costs nothing. */
function dollars(text: string, digits: bigint, where: string, say: (problem: string) => void): number {
  const value = parseDecimal(text.startsWith('$') ? text.slice(1) : text);
  const scaled = value === undefined ? undefined : value.n * 10n ** digits;
  if (value === undefined || scaled === undefined || scaled % value.d !== 0n || scaled / value.d > 10n ** 15n) {
    say(`${where}: "${text}" is not a price in dollars with at most ${digits} decimals`);
    return 0;
  }
  return Number(scaled / value.d);
}
