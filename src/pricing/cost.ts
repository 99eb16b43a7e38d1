import { z } from 'zod';
import { USAGE_KINDS, totalInput, zeroUsage } from '../contract/usage.ts';
import type { Usage } from '../contract/usage.ts';
import type { PricingSlice } from '../contract/messages.ts';
import { basesOf, isCostBasis, reportsItsCost } from './basis.ts';
import type { CostBasis } from './basis.ts';
import { ONE, ZERO, parseDecimal, plus, roundHalfEven, times, whole } from './exact.ts';
import type { Rational } from './exact.ts';
import { globMatches } from './glob.ts';
import { NAME_MAX, findPrice, sameModel } from './lookup.ts';
import type { Found } from './lookup.ts';
import { rateOf, ratesFor, servedAs } from './rates.ts';
import type { Served } from './rates.ts';
import type { ModelPrice, PriceTable } from './table.ts';

/** All that decides what an exchange cost. A stored record has it too, so that it can be priced again. */
export interface CostQuestion {
  usage: Usage | null;
  /** `speed`, `cache_read_audio`, `inference_geo`, `extra_iterations`; others are not looked at. */
  usageDetail: Record<string, unknown>;
  serverTools: Record<string, number>;
  serviceTier: string | null;
  /** Null where the response names no model. */
  modelServed: string | null;
  modelRequested: string;
  /** What the provider says it charged, nanodollars; null where it says nothing. */
  reportedCostNanodollars: string | null;
  provider: PricingSlice['providers'][string];
  autoCostBasis: boolean;
}

/** What the config says of an exchange, and the model's own name where the client wrote `provider/model`. */
export function termsOf(
  slice: PricingSlice,
  provider: string,
  model: string,
): Pick<CostQuestion, 'modelRequested' | 'provider' | 'autoCostBasis'> {
  const named = provider !== '' && model.startsWith(`${provider}/`);
  return {
    modelRequested: named ? model.slice(provider.length + 1) : model,
    provider: slice.providers[provider] ?? { costBasis: undefined, compatibility: [], modelCostMap: [] },
    autoCostBasis: slice.autoCostBasis,
  };
}

/** Why a cost is not known: a metric's label, so a closed set. */
export type UnknownReason =
  | 'no_usage'
  | 'no_cost_basis'
  | 'model_unknown'
  | 'mapped_model_unknown'
  | 'rate_missing'
  | 'reserved'
  | 'out_of_range'
  | 'bad_adjustment';

export type Cost =
  | {
      known: true;
      costNanodollars: bigint;
      /** `<basis>/<model>` of the price that was used; `reported/<model>` where the provider named the sum itself. */
      costBasis: string;
      priceVersion: string;
      /** What the sum leaves out or had to charge at another rate, for the record's usage_flags. */
      flags: string[];
    }
  | { known: false; reason: UnknownReason };

/** A sum before it is rounded, in picodollars. */
export type ExactCost =
  | { known: true; picodollars: Rational; costBasis: string; priceVersion: string; flags: string[] }
  | { known: false; reason: UnknownReason };

/**
 * A million dollars for one exchange is a provider's rubbish and no cost. The database sums costs as bigints: one that is
 * beyond them would take its record, and one near them those of others.
 */
export const MOST_NANODOLLARS = 1_000_000_000_000_000n;

/** The price version of a sum that the provider named. */
const REPORTED = 'reported';

/**
 * What an exchange cost: the sum of tokens x rate over the disjoint kinds, searches and extra passes, times the
 * operator's adjustment, exact, rounded half to even once, to whole nanodollars. Depends on nothing but its arguments:
 * a stream and a unary answer with the same usage cost the same.
 */
export function costOf(question: CostQuestion, table: PriceTable): Cost {
  return roundedCost(exactCostOf(question, table));
}

/** For sums over several answers, which are rounded once. */
export function exactCostOf(question: CostQuestion, table: PriceTable): ExactCost {
  const priced = priceOf(question, table);
  const reported = reportedCost(question);
  if ('price' in priced) {
    const sells = !priced.mapped && !priced.own && reportsItsCost(priced.basis);
    return sells && reported !== undefined ? reported : sumOf(question, priced, table);
  }
  // The operator's word goes first: a map that leads nowhere is a mistake to show, not to paper over.
  if (priced.reason !== 'mapped_model_unknown' && priced.reason !== 'bad_adjustment' && reported !== undefined) {
    return reported;
  }
  return { known: false, reason: question.usage === null ? 'no_usage' : priced.reason };
}

export function roundedCost(exact: ExactCost): Cost {
  if (!exact.known) return exact;
  const { picodollars, costBasis, priceVersion, flags } = exact;
  const costNanodollars = roundHalfEven({ n: picodollars.n, d: picodollars.d * PICO_PER_NANO });
  if (costNanodollars > MOST_NANODOLLARS) return { known: false, reason: 'out_of_range' };
  return { known: true, costNanodollars, costBasis, priceVersion, flags };
}

const PICO_PER_NANO = 1000n;

function reportedCost(question: CostQuestion): ExactCost | undefined {
  const reported = question.reportedCostNanodollars;
  if (reported === null || !/^\d{1,24}$/.test(reported)) return undefined;
  const model = question.modelServed ?? question.modelRequested;
  return {
    known: true,
    picodollars: whole(BigInt(reported) * PICO_PER_NANO),
    costBasis: `${REPORTED}/${model}`,
    priceVersion: REPORTED,
    flags: [],
  };
}

export type Priced = Found & { adjustment: Rational; mapped: boolean };

/** All that decides which price. */
export type PriceQuestion = Pick<CostQuestion, 'modelServed' | 'modelRequested' | 'provider' | 'autoCostBasis'>;

/**
 * Which price. The operator's `model_cost_map` first, then the model that answered, then, where the answer names none
 * or names the same one in a spelling of its own, the model that was asked for. Another model's price is never used.
 */
export function priceOf(question: PriceQuestion, table: PriceTable): Priced | { reason: UnknownReason } {
  const { provider, modelRequested: asked } = question;
  const served = question.modelServed === '' ? null : question.modelServed;
  const bases = basesOf(provider.costBasis, provider.compatibility, question.autoCostBasis);
  const find = (name: string, beside: string): Found | undefined =>
    firstOf(bases, (basis) => findPrice(table, basis, name, beside));

  const foundServed = served === null ? undefined : find(served, asked);
  const foundAsked = find(asked, '');
  const same = served === null || sameModel(served, asked);
  // An alias of the operator's own, or the very model: a rule for the name that was asked for holds for the answer.
  const askedRuleHolds = same || foundServed === undefined || foundAsked === undefined;
  const rule =
    (served === null ? undefined : ruleFor(provider.modelCostMap, served)) ??
    (askedRuleHolds ? ruleFor(provider.modelCostMap, asked) : undefined);
  if (rule !== undefined) return mappedPrice(rule, bases, table);

  const found = foundServed ?? (same ? foundAsked : undefined);
  // The spread last: what is added behind one costs microseconds (docs/decisions/2026-11-29-front-thread.md).
  if (found !== undefined) return { adjustment: ONE, mapped: false, ...found };
  return { reason: bases.length === 0 ? 'no_cost_basis' : 'model_unknown' };
}

type MapRule = PricingSlice['providers'][string]['modelCostMap'][number];

function ruleFor(map: MapRule[], model: string): MapRule | undefined {
  return model.length > NAME_MAX ? undefined : map.find((rule) => globMatches(rule.match, model));
}

/** Where `as` names a model of another maker, e.g. for a self-hosted one: the makers' lists, before the resellers'. */
const MAKERS: CostBasis[] = ['anthropic', 'openai', 'google', 'vertex', 'bedrock'];

function mappedPrice(rule: MapRule, bases: CostBasis[], table: PriceTable): Priced | { reason: UnknownReason } {
  const adjustment = parseDecimal(rule.adjustment);
  if (adjustment === undefined) return { reason: 'bad_adjustment' };
  const slash = rule.as.indexOf('/');
  const named = rule.as.slice(0, Math.max(slash, 0));
  const found =
    (isCostBasis(named) ? findPrice(table, named, rule.as.slice(slash + 1)) : undefined) ??
    firstOf([...bases, ...MAKERS], (basis) => findPrice(table, basis, rule.as));
  return found === undefined ? { reason: 'mapped_model_unknown' } : { adjustment, mapped: true, ...found };
}

function firstOf<T, R>(items: T[], look: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = look(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function sumOf(question: CostQuestion, priced: Priced, table: PriceTable): ExactCost {
  const { usageDetail } = question;
  // What an API without usage (moderations) would tell, costs nothing where the list says that nothing does.
  const usage = question.usage ?? (costsNothing(priced.price) ? zeroUsage() : null);
  if (usage === null) return { known: false, reason: 'no_usage' };
  const served = servedAs(question.serviceTier, textOf(usageDetail['speed']));
  if (served.as === 'reserved') return { known: false, reason: 'reserved' };

  const flags = [...priced.flags];
  const tokens = tokenCost(usage, cachedAudio(usageDetail, usage), priced.price, served, flags);
  if (tokens === undefined) return { known: false, reason: 'rate_missing' };
  const searches = searchCost(question.serverTools, priced.price, flags);
  const passes = passesCost(usageDetail['extra_iterations'], question, priced, served, table, flags);
  // Anthropic asks more for a region than for anywhere; the lists do not say how much.
  const region = textOf(usageDetail['inference_geo']);
  if (region !== null && region !== 'global' && region !== 'not_available') flags.push('rate_missing:inference_geo');

  return {
    known: true,
    picodollars: times(plus(plus(tokens, searches), passes), priced.adjustment),
    costBasis: `${priced.basis}/${priced.model}`,
    priceVersion: table.version,
    flags: [...new Set(flags)],
  };
}

function costsNothing({ rates, tiers, services, web_search }: ModelPrice): boolean {
  const all = [rates, ...tiers.map((tier) => tier.rates), ...Object.values(services)].flatMap((each) =>
    Object.values(each),
  );
  return all.length > 0 && all.every((rate) => rate === 0) && (web_search?.picodollars ?? 0) === 0;
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

/** Tokens of `cache_read` that are audio, where the provider splits its cache by modality and prices it so. */
function cachedAudio(usageDetail: Record<string, unknown>, usage: Usage): number {
  const tokens = usageDetail['cache_read_audio'];
  return typeof tokens === 'number' && isCount(tokens) ? Math.min(tokens, usage.cache_read) : 0;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Picodollars of one pass; undefined where tokens of a kind have no rate at all. */
function tokenCost(
  usage: Usage,
  cachedAudioTokens: number,
  price: ModelPrice,
  served: Served,
  flags: string[],
): Rational | undefined {
  const rates = ratesFor(price, totalInput(usage), served);
  const audioApart = cachedAudioTokens > 0 && price.rates.cache_read_audio !== undefined;
  flags.push(...rates.flags);
  let sum = ZERO;
  for (const kind of USAGE_KINDS) {
    const apart = kind === 'cache_read' && audioApart ? cachedAudioTokens : 0;
    const tokens = usage[kind] - apart;
    if (!isCount(tokens)) {
      flags.push(`odd_count:${kind}`);
    } else if (tokens > 0) {
      const rate = rateOf(rates, kind);
      if (rate === undefined) return undefined;
      sum = plus(sum, times(whole(tokens), rate));
    }
    if (apart > 0) sum = plus(sum, times(whole(apart), rates.rate('cache_read_audio') ?? ZERO));
  }
  return sum;
}

/** Tools whose calls cost nothing beyond the tokens that they bring. */
const FREE_TOOLS = new Set(['web_fetch', 'tool_search']);

function searchCost(serverTools: Record<string, number>, price: ModelPrice, flags: string[]): Rational {
  let sum = ZERO;
  for (const [tool, count] of Object.entries(serverTools)) {
    if (!isCount(count) || count === 0 || FREE_TOOLS.has(tool)) continue;
    if (tool === 'web_search' && price.web_search !== undefined) {
      const billed = price.web_search.per === 'prompt' ? 1 : count;
      sum = plus(sum, times(whole(billed), whole(price.web_search.picodollars)));
    } else {
      flags.push(`unpriced:${/^[a-z0-9_]{1,32}$/.test(tool) ? tool : 'other_tool'}`);
    }
  }
  return sum;
}

/** A pass that the usage does not hold: `{type, model?, usage}`, the usage in canonical kinds, none or some of them. */
const ExtraPass = z.looseObject({
  model: z.string().nullish(),
  usage: z.partialRecord(z.enum(USAGE_KINDS), z.int().min(0)),
});

/** More passes than any answer has; a provider's list is not a reason to compute forever. */
const PASSES_MAX = 256;

/** Extra passes (compaction, an advisor) are billed on top, each by its own length and at its own model's rate. */
function passesCost(
  passes: unknown,
  question: CostQuestion,
  priced: Priced,
  served: Served,
  table: PriceTable,
  flags: string[],
): Rational {
  if (!Array.isArray(passes)) return ZERO;
  let sum = ZERO;
  for (const pass of passes.slice(0, PASSES_MAX)) {
    const parsed = ExtraPass.safeParse(pass);
    const cost = parsed.success ? passCost(parsed.data, question, priced, served, table, flags) : undefined;
    if (cost === undefined) flags.push('unpriced:extra_iteration');
    else sum = plus(sum, cost);
  }
  if (passes.length > PASSES_MAX) flags.push('unpriced:extra_iteration');
  return sum;
}

function passCost(
  pass: z.infer<typeof ExtraPass>,
  question: CostQuestion,
  priced: Priced,
  served: Served,
  table: PriceTable,
  flags: string[],
): Rational | undefined {
  const usage = { ...zeroUsage(), ...pass.usage };
  const own = pass.model ?? question.modelServed ?? question.modelRequested;
  if (sameModel(own, question.modelServed ?? question.modelRequested)) {
    return tokenCost(usage, 0, priced.price, served, flags);
  }
  const found = findPrice(table, priced.basis, own, question.modelRequested);
  return found === undefined ? undefined : tokenCost(usage, 0, found.price, served, flags);
}
