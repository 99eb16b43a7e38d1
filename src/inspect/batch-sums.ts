import { BATCH_SUMS } from '../contract/batch.ts';
import type { BatchRead, BatchSum, BatchUsage } from '../contract/batch.ts';
import type { ResponseFacts } from '../contract/facts.ts';
import type { PricingSlice } from '../contract/messages.ts';
import { USAGE_KINDS, zeroUsage } from '../contract/usage.ts';
import type { Usage } from '../contract/usage.ts';
import { exactCostOf, roundedCost, termsOf } from '../pricing/cost.ts';
import type { ExactCost } from '../pricing/cost.ts';
import { plusReduced } from '../pricing/exact.ts';
import type { PriceTable } from '../pricing/table.ts';
import type { BatchLine } from '../protocols/batches/results.ts';

/** The service by which all of a batch is charged, whatever word its lines have for it. */
const TIER = 'batch';
/** Said by pricing where the list has no rates for batches: what was reckoned then is the standard price. */
const NO_BATCH_RATES = `rate_missing:${TIER}`;

/** Words on odd numbers that are kept of one model's lines. */
const FLAGS = 16;
/** Tools that the provider ran, of one model. */
const TOOLS = 8;
/** A longer name is no model's. */
const NAME_CHARS = 256;

/** What decides the price of a line, beside the line. */
export interface BatchPrices {
  slice: PricingSlice;
  table: PriceTable;
  provider: string;
}

interface Sum {
  served: string | null;
  lines: number;
  usage: Usage;
  flags: Set<string>;
  tools: Map<string, number>;
  cost: ExactCost | undefined;
}

/** The usage of a batch's lines by the model that answered: summed as they pass, each priced by its own length. */
export class BatchSums {
  readonly #read: BatchRead;
  readonly #prices: BatchPrices;
  readonly #sums = new Map<string, Sum>();
  /** Of models beyond those that are kept apart. */
  #others: Sum | undefined;
  #lines = 0;
  #failed = 0;

  constructor(read: BatchRead, prices: BatchPrices) {
    this.#read = read;
    this.#prices = prices;
  }

  add({ failed, answer }: BatchLine): void {
    this.#lines += 1;
    if (failed) this.#failed += 1;
    if (answer === undefined || answer.usage === null) return;
    const { sum, isPriced } = this.#sumOf(answer.model_served?.slice(0, NAME_CHARS) ?? null);
    sum.lines += 1;
    for (const kind of USAGE_KINDS) {
      sum.usage[kind] = Math.min(sum.usage[kind] + answer.usage[kind], Number.MAX_SAFE_INTEGER);
    }
    for (const flag of answer.usage_flags) note(sum, flag);
    for (const [tool, count] of Object.entries(answer.server_tools)) addTool(sum, tool, count);
    sum.cost = added(sum.cost, isPriced ? this.#costOf(answer) : { known: false, reason: 'model_unknown' });
  }

  usage(): BatchUsage {
    const sums = [...this.#sums.values(), ...(this.#others === undefined ? [] : [this.#others])];
    return {
      ...this.#read,
      lines: this.#lines,
      failed: this.#failed,
      sums: sums.map((sum) => summed(sum, this.#read.batch.model)),
    };
  }

  #sumOf(served: string | null): { sum: Sum; isPriced: boolean } {
    const known = this.#sums.get(served ?? '');
    if (known !== undefined) return { sum: known, isPriced: true };
    if (this.#sums.size === BATCH_SUMS) {
      this.#others ??= emptySum(null);
      note(this.#others, 'models_over_limit');
      return { sum: this.#others, isPriced: false };
    }
    const fresh = emptySum(served);
    this.#sums.set(served ?? '', fresh);
    return { sum: fresh, isPriced: true };
  }

  #costOf(answer: ResponseFacts): ExactCost {
    const { slice, table, provider } = this.#prices;
    const cost = exactCostOf(
      {
        usage: answer.usage,
        usageDetail: answer.usage_detail,
        serverTools: answer.server_tools,
        serviceTier: TIER,
        modelServed: answer.model_served,
        reportedCostNanodollars: answer.reported_cost_nanodollars,
        ...termsOf(slice, provider, this.#read.batch.model),
      },
      table,
    );
    return cost.known && cost.flags.includes(NO_BATCH_RATES) ? { known: false, reason: 'rate_missing' } : cost;
  }
}

function emptySum(served: string | null): Sum {
  return { served, lines: 0, usage: zeroUsage(), flags: new Set(), tools: new Map(), cost: undefined };
}

function note({ flags }: Sum, flag: string): void {
  if (flags.size < FLAGS) flags.add(flag);
}

function addTool({ tools }: Sum, tool: string, count: number): void {
  if (tools.has(tool) || tools.size < TOOLS) tools.set(tool, (tools.get(tool) ?? 0) + count);
}

/** A sum of which a part is unknown is unknown. */
function added(sum: ExactCost | undefined, cost: ExactCost): ExactCost {
  if (sum === undefined || !cost.known) return cost;
  if (!sum.known) return sum;
  const flags = cost.flags.filter((flag) => !sum.flags.includes(flag));
  return { ...sum, picodollars: plusReduced(sum.picodollars, cost.picodollars), flags: [...sum.flags, ...flags] };
}

function summed({ served, lines, usage, flags, tools, cost: exact }: Sum, asked: string): BatchSum {
  const cost = exact === undefined ? undefined : roundedCost(exact);
  const known = cost?.known === true ? cost : undefined;
  const priceFlags = cost?.known === false ? [`cost_unknown:${cost.reason}`] : (known?.flags ?? []);
  return {
    model: asked === '' ? (served ?? '') : asked,
    model_served: served,
    lines,
    usage,
    usage_flags: [...flags, ...priceFlags],
    server_tools: Object.fromEntries(tools),
    cost_nanodollars: known === undefined ? null : String(known.costNanodollars),
    cost_basis: known?.costBasis ?? null,
    price_version: known?.priceVersion ?? null,
  };
}
