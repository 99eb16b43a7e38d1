import type { PricingSlice } from '../contract/messages.ts';
import type { InputReach, OutputLimit } from '../contract/output-limit.ts';
import { Lru } from '../lib/lru.ts';
import { assert, unreachable } from '../lib/result.ts';
import { MOST_NANODOLLARS, termsOf } from './cost.ts';
import { ZERO, plus, roundUp, times, whole } from './exact.ts';
import type { Rational } from './exact.ts';
import { modelBounds } from './model-bounds.ts';
import type { LengthStep, ModelBounds, RatePair } from './model-bounds.ts';
import { tableOf } from './overrides.ts';
import type { PriceTable } from './table.ts';

/** What a request can cost, before it is sent. Whole nanodollars, rounded up. */
export interface CostBound {
  /** What a usual request of that size costs at most, at standard rates. Never more than `most`. 0 without a price. */
  readonly likely: number;
  /** What it cannot exceed, by the price table. Undefined where nothing bounds it. Looks into the body when first read. */
  readonly most: number | undefined;
  /** Why there is no `most`: "no price", "server tools". */
  readonly why: string | undefined;
}

/**
 * Bytes of JSON that a token stands for, in a usual request: text has about four, and its JSON some more; code and other
 * scripts fewer. Too low a number reserves more than is spent, and gives it back at the end.
 */
const BYTES_PER_TOKEN = 3;

/**
 * Output of a model whose maximum no list has, where the request says nothing either. Such models are old, and write
 * 4096 to 16,384 tokens at most (gpt-4 8192, claude-3 4096, gemini-1.5 8192, gpt-4o 16,384). For `likely` alone.
 */
const USUAL_OUTPUT_MAX = 16_384;

/** Models by provider that are remembered. Names come from clients, so there must be a bound; a world has tens. */
const MODELS_KEPT = 1024;

const NOTHING: CostBound = { likely: 0, most: 0, why: undefined };
const NO_PRICE: CostBound = { likely: 0, most: undefined, why: 'no price' };

/** Bounds by the prices of one world, and by the rules that price an exchange afterwards. Another world has its own. */
export class CostBounds {
  readonly #pricing: PricingSlice;
  readonly #table: PriceTable;
  readonly #models = new Lru<string, ModelBounds>(MODELS_KEPT);

  constructor(base: PriceTable, pricing: PricingSlice) {
    this.#pricing = pricing;
    this.#table = tableOf(base, pricing);
  }

  /**
   * @param model as the client named it, or without the provider in front.
   * @param limit its body must stay as it is until `most` was read.
   */
  bound(provider: string, model: string, limit: OutputLimit): CostBound {
    if (!limit.billed) return NOTHING;
    const asked = this.#boundsOf(provider, model);
    if (!asked.priced) return NO_PRICE;
    const others = (): ModelBounds[] => this.#others(provider, asked.name, limit.otherModels);
    return new Bound(likelyOf(asked, limit), limit, asked, others);
  }

  #boundsOf(provider: string, model: string): ModelBounds {
    const key = `${provider}\n${model}`;
    const known = this.#models.get(key);
    if (known !== undefined) return known;
    const found = modelBounds(termsOf(this.#pricing, provider, model), this.#table);
    this.#models.set(key, found);
    return found;
  }

  #others(provider: string, asked: string, names: readonly string[]): ModelBounds[] {
    const bounds = names.map((name) => this.#boundsOf(provider, name)).filter(({ name }) => name !== asked);
    return [...new Map(bounds.map((each) => [each.name, each])).values()];
  }
}

type PricedModel = Extract<ModelBounds, { priced: true }>;
type Most = { most: number; why: undefined } | { most: undefined; why: string };

class Bound implements CostBound {
  readonly likely: number;
  readonly #limit: OutputLimit;
  readonly #asked: PricedModel;
  readonly #others: () => ModelBounds[];
  #known: Most | undefined;

  constructor(likely: number, limit: OutputLimit, asked: PricedModel, others: () => ModelBounds[]) {
    this.likely = likely;
    this.#limit = limit;
    this.#asked = asked;
    this.#others = others;
  }

  get most(): number | undefined {
    return this.#found().most;
  }

  get why(): string | undefined {
    return this.#found().why;
  }

  #found(): Most {
    this.#known ??= mostOf([this.#asked, ...this.#others()], this.#limit);
    return this.#known;
  }
}

/**
 * The sum over all models that may answer: when the first gives up after some output, both are paid for. By the price of
 * the names that were asked for: a provider that answers with a dearer model under such a name is not foreseen.
 */
function mostOf(models: readonly ModelBounds[], limit: OutputLimit): Most {
  const priced = models.filter((model) => model.priced);
  if (priced.length < models.length) return { most: undefined, why: 'no price' };
  if (priced.every((model) => model.free && model.unbounded === undefined)) return { most: 0, why: undefined };
  const reach = limit.input();
  let sum = ZERO;
  for (const model of priced) {
    const most = picodollarsAtMost(model, limit, reach);
    if (typeof most === 'string') return { most: undefined, why: most };
    sum = plus(sum, most);
  }
  return { most: nanodollars(sum), why: undefined };
}

/** Or why there is no such sum. */
function picodollarsAtMost(model: PricedModel, limit: OutputLimit, reach: InputReach): Rational | string {
  if (model.unbounded !== undefined) return model.unbounded;
  const input = inputAtMost(model, limit, reach);
  if (typeof input === 'string') return input;
  // What a model writes stands in its window, too.
  const each = leastOf(limit.maxOutputTokens, model.maxOutputTokens ?? model.windowTokens);
  if (each === undefined) return 'no output limit';
  const step = stepAt(model, input);
  const rates = limit.fast ? step.fastest : step.dearest;
  if (rates.output === undefined && each > 0) return 'no price of output';
  return picodollars(rates, input, each * limit.answers);
}

function inputAtMost(model: PricedModel, limit: OutputLimit, reach: InputReach): number | string {
  const window = limit.manyInputs ? undefined : model.windowTokens;
  switch (reach.by) {
    case 'body': {
      const tokens = limit.bodyBytes + reach.moreTokens;
      return leastOf(tokens, window) ?? tokens;
    }
    case 'window':
      return window ?? reach.why;
    case 'nothing':
      return reach.why;
    default:
      return unreachable(reach);
  }
}

function likelyOf(model: PricedModel, limit: OutputLimit): number {
  const tokens = Math.ceil(limit.bodyBytes / BYTES_PER_TOKEN);
  const input = leastOf(tokens, limit.manyInputs ? undefined : model.windowTokens) ?? tokens;
  const said = limit.maxOutputTokens ?? model.maxOutputTokens ?? USUAL_OUTPUT_MAX;
  const each = leastOf(said, model.maxOutputTokens ?? model.windowTokens) ?? said;
  return nanodollars(picodollars(stepAt(model, input).standard, input, each * limit.answers));
}

function leastOf(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function stepAt({ steps }: PricedModel, inputTokens: number): LengthStep {
  const step = steps.findLast(({ aboveInputTokens }) => inputTokens > aboveInputTokens);
  assert(step !== undefined, 'every model has rates from no input on');
  return step;
}

function picodollars({ input, output }: RatePair, inputTokens: number, outputTokens: number): Rational {
  return plus(times(whole(inputTokens), input), times(whole(outputTokens), output ?? ZERO));
}

/** Beyond `MOST_NANODOLLARS` no cost is believed. */
function nanodollars({ n, d }: Rational): number {
  const rounded = roundUp({ n, d: d * 1000n });
  return Number(rounded < MOST_NANODOLLARS ? rounded : MOST_NANODOLLARS);
}
