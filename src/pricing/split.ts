import type { UsageKind } from '../contract/usage.ts';
import { USAGE_KINDS } from '../contract/usage.ts';
import { over, plus, times, whole, ZERO } from './exact.ts';
import type { Rational } from './exact.ts';
import { rateOf, ratesFor } from './rates.ts';
import type { Served } from './rates.ts';
import type { ModelPrice } from './table.ts';

/*
 * A record has what it cost as one sum. This says which part of the sum is for what: by the rates of the price table, and so
 * that the parts are the sum again, to the nanodollar.
 */

/** What has a rate of its own. */
export type Meter = UsageKind | 'cache_read_audio' | 'web_search';

/** What was used of a meter, and what was charged of it: the same, but where a price is per prompt that searched. */
export interface Metered {
  meter: Meter;
  consumed: bigint;
  billed: bigint;
  /** Picodollars; undefined where the table has none. */
  rate: Rational | undefined;
}

/** Sums over exchanges that were served and priced alike. */
export interface UsedTogether {
  usage: Readonly<Record<UsageKind, bigint>>;
  /** Of `cache_read`. */
  cachedAudio: bigint;
  searches: bigint;
  /** Exchanges with a search. */
  searchPrompts: bigint;
  /** One that stands for all: they are within the same limits of long contexts. */
  inputTokens: number;
}

/** What was used at all, with its rates. */
export function meteredOf(used: UsedTogether, price: ModelPrice, served: Served): Metered[] {
  const rates = ratesFor(price, used.inputTokens, served);
  const audioApart = price.rates.cache_read_audio === undefined ? 0n : used.cachedAudio;
  const tokens = USAGE_KINDS.map((kind): Metered => {
    const count = used.usage[kind] - (kind === 'cache_read' ? audioApart : 0n);
    return { meter: kind, consumed: count, billed: count, rate: rateOf(rates, kind) };
  });
  const audio: Metered = {
    meter: 'cache_read_audio',
    consumed: audioApart,
    billed: audioApart,
    rate: rates.rate('cache_read_audio'),
  };
  return [...tokens, audio, searched(used, price)].filter(({ consumed }) => consumed > 0n);
}

function searched({ searches, searchPrompts }: UsedTogether, { web_search: search }: ModelPrice): Metered {
  return {
    meter: 'web_search',
    consumed: searches,
    billed: search?.per === 'prompt' ? searchPrompts : searches,
    // Searches without a price are left out of the cost, as `unpriced` in `usage_flags` says.
    rate: search === undefined ? ZERO : whole(search.picodollars),
  };
}

export interface Split {
  /** Nanodollars of each meter, in their order. */
  shares: bigint[];
  /** The rates are those by which it was charged: the sum is theirs, but for the rounding of each exchange. */
  isByRates: boolean;
}

/**
 * Splits what exchanges cost together among what they used. Undefined where it cannot be: a rate is missing, or nothing that
 * was used costs anything by these rates.
 */
export function splitCost(
  costNanodollars: bigint,
  exchanges: number,
  metered: readonly Metered[],
  adjustment: Rational,
): Split | undefined {
  const weights = metered.map(({ billed, rate }) => (rate === undefined ? undefined : times(whole(billed), rate)));
  const known = weights.filter((weight) => weight !== undefined);
  if (known.length < metered.length) return undefined;
  const sum = known.reduce(plus, ZERO);
  if (sum.n === 0n && costNanodollars !== 0n) return undefined;
  return {
    shares: sharesOf(costNanodollars, known),
    isByRates: isWithinRounding(costNanodollars, exchanges, times(sum, adjustment)),
  };
}

const PICO_PER_NANO = 1000n;

/** Each exchange was rounded by half a nanodollar at most. */
function isWithinRounding(nanodollars: bigint, exchanges: number, picodollars: Rational): boolean {
  const difference = nanodollars * PICO_PER_NANO * picodollars.d - picodollars.n;
  const size = difference < 0n ? -difference : difference;
  return 2n * size <= BigInt(exchanges) * PICO_PER_NANO * picodollars.d;
}

/**
 * Whole parts in proportion to the weights, which add up to the total: each rounded down, and what is left goes to those that
 * lost most by it, one each.
 */
export function sharesOf(total: bigint, weights: readonly Rational[]): bigint[] {
  const sum = weights.reduce(plus, ZERO);
  if (sum.n === 0n) return weights.map(() => 0n);
  const exact = weights.map((weight) => over(times(whole(total), weight), sum));
  const shares = exact.map(({ n, d }) => n / d);
  const left = Number(total - shares.reduce((all, share) => all + share, 0n));
  const byLoss = exact
    .map(({ n, d }, at) => ({ at, n: n % d, d }))
    .sort((a, b) => (a.n * b.d === b.n * a.d ? a.at - b.at : a.n * b.d > b.n * a.d ? -1 : 1));
  for (const { at } of byLoss.slice(0, left)) shares[at] = (shares[at] ?? 0n) + 1n;
  return shares;
}
