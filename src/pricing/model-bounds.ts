import type { UsageKind } from '../contract/usage.ts';
import { reportsItsCost } from './basis.ts';
import { priceOf } from './cost.ts';
import type { Priced, PriceQuestion } from './cost.ts';
import { greater, times } from './exact.ts';
import type { Rational } from './exact.ts';
import { sameModel } from './lookup.ts';
import { rateOf, ratesFor } from './rates.ts';
import type { Rates, Served } from './rates.ts';
import { SERVICES } from './table.ts';
import type { ModelPrice, PriceTable, Service } from './table.ts';

/** Picodollars per token, the operator's adjustment in them. `output` is undefined where the model has no price of any. */
export interface RatePair {
  input: Rational;
  output: Rational | undefined;
}

/** Rates from a length of input on; none is below those of a shorter one. */
export interface LengthStep {
  /** Of the request's total input. */
  aboveInputTokens: number;
  /** Fresh input and text, served as usual. */
  standard: RatePair;
  /** The dearest kinds of tokens, served in the dearest way but fast mode. */
  dearest: RatePair;
  /** The same with fast mode. */
  fastest: RatePair;
}

/** What a request to a model is bounded by. */
export type ModelBounds =
  | { priced: false; name: string }
  | {
      priced: true;
      name: string;
      /** By length, the shortest first; the first has no limit. */
      steps: LengthStep[];
      /** Everything it does costs nothing. */
      free: boolean;
      /** Why nothing that a request says bounds its cost. */
      unbounded: string | undefined;
      /** The most input of one pass; undefined where the table does not know, or seems to know less than there is. */
      windowTokens: number | undefined;
      maxOutputTokens: number | undefined;
    };

export function modelBounds(terms: Omit<PriceQuestion, 'modelServed'>, table: PriceTable): ModelBounds {
  const name = terms.modelRequested;
  const priced = priceOf({ ...terms, modelServed: null }, table);
  if ('reason' in priced) return { priced: false, name };
  const steps = stepsOf(priced);
  if (steps.length === 0) return { priced: false, name };
  return {
    priced: true,
    name,
    steps,
    free: isFree(steps, priced),
    unbounded: unbounded(name, priced),
    ...limitsOf(name, priced),
  };
}

/** These search without being asked to: `gpt-4o-search-preview`, `o3-deep-research`. */
const SEARCHES = /search/;

function unbounded(name: string, { basis, model, mapped, own }: Priced): string | undefined {
  if (SEARCHES.test(name) || SEARCHES.test(model)) return 'a model that searches';
  // As in `costOf`: the sum that comes with the answer goes before the list.
  return reportsItsCost(basis) && !mapped && !own ? 'a provider that names its own price' : undefined;
}

/** The kinds of rates that charge input, and output. */
const INPUT_KINDS: UsageKind[] = [
  'input_uncached',
  'cache_read',
  'cache_write_5m',
  'cache_write_1h',
  'cache_write_other',
  'audio_in',
  'image_in',
];
const OUTPUT_KINDS: UsageKind[] = ['output', 'reasoning', 'audio_out', 'image_out'];
const TEXT_OUTPUT_KINDS: UsageKind[] = ['output', 'reasoning'];

function stepsOf({ price, adjustment }: Priced): LengthStep[] {
  const steps: LengthStep[] = [];
  for (const aboveInputTokens of [-1, ...price.tiers.map((tier) => tier.above_input_tokens)]) {
    const of = (services: readonly Service[], pair: (rates: Rates) => RatePair | undefined): RatePair | undefined =>
      dearer(
        [STANDARD, ...services.map(servedBy)].map((served) => pair(ratesFor(price, aboveInputTokens + 1, served))),
      );
    const standard = of([], usualPair);
    const dearest = of(WITHOUT_FAST, dearestPair);
    const fastest = of(SERVICES, dearestPair);
    if (standard === undefined || dearest === undefined || fastest === undefined) continue;
    const before = steps.at(-1);
    steps.push({
      aboveInputTokens,
      standard: dearerOf(before?.standard, adjusted(standard, adjustment)),
      dearest: dearerOf(before?.dearest, adjusted(dearest, adjustment)),
      fastest: dearerOf(before?.fastest, adjusted(fastest, adjustment)),
    });
  }
  return steps;
}

const STANDARD: Served = { as: 'standard' };
const WITHOUT_FAST = SERVICES.filter((service) => service !== 'fast');

function servedBy(service: Service): Served {
  return { as: 'service', word: service, services: [service] };
}

function usualPair(rates: Rates): RatePair | undefined {
  const input = rateOf(rates, 'input_uncached');
  return input === undefined ? undefined : { input, output: dearestRate(rates, TEXT_OUTPUT_KINDS) };
}

function dearestPair(rates: Rates): RatePair | undefined {
  const input = greaterOf(dearestRate(rates, INPUT_KINDS), rates.rate('cache_read_audio'));
  return input === undefined ? undefined : { input, output: dearestRate(rates, OUTPUT_KINDS) };
}

function dearestRate(rates: Rates, kinds: UsageKind[]): Rational | undefined {
  return kinds.map((kind) => rateOf(rates, kind)).reduce(greaterOf, undefined);
}

function greaterOf(a: Rational | undefined, b: Rational | undefined): Rational | undefined {
  return a === undefined || b === undefined ? (a ?? b) : greater(a, b);
}

function dearer(pairs: (RatePair | undefined)[]): RatePair | undefined {
  return pairs.reduce((most, pair) => (pair === undefined ? most : dearerOf(most, pair)), undefined);
}

function dearerOf(a: RatePair | undefined, b: RatePair): RatePair {
  return a === undefined ? b : { input: greater(a.input, b.input), output: greaterOf(a.output, b.output) };
}

function adjusted({ input, output }: RatePair, adjustment: Rational): RatePair {
  return { input: times(input, adjustment), output: output && times(output, adjustment) };
}

function isFree(steps: readonly LengthStep[], { price, adjustment }: Priced): boolean {
  const search = (price.web_search?.picodollars ?? 0) > 0 && adjustment.n > 0n;
  return !search && steps.every(({ fastest }) => fastest.input.n === 0n && fastest.output?.n === 0n);
}

/** A rule of `model_cost_map` says what a model costs, and nothing of its limits, unless it names the very model. */
function limitsOf(
  name: string,
  { model, mapped, price }: Priced,
): { windowTokens: number | undefined; maxOutputTokens: number | undefined } {
  if (mapped && !sameModel(name, model)) return { windowTokens: undefined, maxOutputTokens: undefined };
  return { windowTokens: windowOf(price), maxOutputTokens: positive(price.context?.['max_output']) };
}

/** Lists that give a price for inputs beyond the window have an old window. */
function windowOf(price: ModelPrice): number | undefined {
  const window = positive(price.context?.['max_context']);
  return price.tiers.some((tier) => tier.above_input_tokens >= (window ?? 0)) ? undefined : window;
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}
