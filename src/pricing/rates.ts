import type { RateName } from '../contract/price.ts';
import type { UsageKind } from '../contract/usage.ts';
import { over, times, whole } from './exact.ts';
import type { Rational } from './exact.ts';
import type { ModelPrice, Service } from './table.ts';

/** Which rates charge a kind of token: the first that the model has. What the list says is in docs/money.md. */
const RATES_OF_KIND: Record<UsageKind, readonly RateName[]> = {
  input_uncached: ['input'],
  cache_read: ['cache_read', 'input'],
  cache_write_5m: ['cache_write_5m', 'cache_write', 'input'],
  cache_write_1h: ['cache_write_1h', 'cache_write', 'cache_write_5m', 'input'],
  // Claude behind another dialect reports writes without a lifetime; five minutes is its default.
  cache_write_other: ['cache_write', 'cache_write_5m', 'input'],
  output: ['output'],
  reasoning: ['reasoning', 'output'],
  audio_in: ['audio_in', 'input'],
  image_in: ['image_in', 'input'],
  audio_out: ['audio_out', 'output'],
  image_out: ['image_out', 'output'],
};

/** How the provider says that it served the request. */
export type Served =
  | { as: 'standard' }
  /** The first of these that the model has rates for. */
  | { as: 'service'; word: string; services: Service[] }
  /** Bought by the hour: a token has no price. */
  | { as: 'reserved' }
  | { as: 'unknown'; word: string };

/** The words of all APIs, lower-case: OpenAI and Anthropic `service_tier`, Gemini `serviceTier`, Vertex `trafficType`. */
const WORDS: Record<string, Served> = {
  default: { as: 'standard' },
  standard: { as: 'standard' },
  auto: { as: 'standard' },
  on_demand: { as: 'standard' },
  service_tier_unspecified: { as: 'standard' },
  traffic_type_unspecified: { as: 'standard' },
  batch: { as: 'service', word: 'batch', services: ['batch'] },
  flex: { as: 'service', word: 'flex', services: ['flex'] },
  on_demand_flex: { as: 'service', word: 'flex', services: ['flex'] },
  priority: { as: 'service', word: 'priority', services: ['priority'] },
  on_demand_priority: { as: 'service', word: 'priority', services: ['priority'] },
  fast: { as: 'service', word: 'fast', services: ['fast', 'priority'] },
  scale: { as: 'reserved' },
  reserved: { as: 'reserved' },
  provisioned_throughput: { as: 'reserved' },
};

/** @param speed Anthropic's `usage.speed`. */
export function servedAs(serviceTier: string | null, speed: string | null): Served {
  if (speed === 'fast') return { as: 'service', word: 'fast', services: ['fast'] };
  if (serviceTier === null || serviceTier === '') return { as: 'standard' };
  const word = serviceTier.toLowerCase();
  const served = Object.hasOwn(WORDS, word) ? WORDS[word] : undefined;
  return served ?? { as: 'unknown', word: /^[a-z0-9_]{1,32}$/.test(word) ? word : 'other' };
}

export interface Rates {
  /** Picodollars per token; undefined where the model has no such rate. */
  rate(name: RateName): Rational | undefined;
  flags: string[];
}

/**
 * The rates of one request. A long context changes them for the whole request; a service that has rates of its own
 * scales those: in every list that gives both, the price of a long batch is batch x long / base.
 *
 * @param inputTokens the request's total input, cached included.
 */
export function ratesFor(price: ModelPrice, inputTokens: number, served: Served): Rates {
  const tier = tierOf(price, inputTokens)?.rates ?? {};
  const service = served.as === 'service' ? served.services.find((each) => price.services[each]) : undefined;
  const special = service === undefined ? {} : (price.services[service] ?? {});
  const rate = (name: RateName): Rational | undefined => {
    const base = price.rates[name];
    const long = tier[name];
    const ofService = special[name];
    if (ofService === undefined)
      return long === undefined ? (base === undefined ? undefined : whole(base)) : whole(long);
    if (long === undefined || base === undefined || base === 0) return whole(ofService);
    return times(whole(ofService), over(whole(long), whole(base)));
  };
  return { rate, flags: flagsOf(served, service) };
}

/** Whose rates hold for a context of this length; undefined: the model's own. */
export function tierOf({ tiers }: ModelPrice, inputTokens: number): ModelPrice['tiers'][number] | undefined {
  return tiers.findLast((tier) => inputTokens > tier.above_input_tokens);
}

/** What a token of the kind costs; undefined where the model has no rate for it at all. */
export function rateOf(rates: Rates, kind: UsageKind): Rational | undefined {
  for (const name of RATES_OF_KIND[kind]) {
    const rate = rates.rate(name);
    if (rate !== undefined) return rate;
  }
  return undefined;
}

/** Charged at the standard rate for want of a better one: visible in the record, never silent. */
function flagsOf(served: Served, service: Service | undefined): string[] {
  if (served.as === 'unknown') return [`rate_missing:${served.word}`];
  if (served.as === 'service' && service === undefined) return [`rate_missing:${served.word}`];
  return [];
}
