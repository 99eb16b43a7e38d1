import { join } from 'node:path';
import { zeroUsage } from '../../src/contract/usage.ts';
import type { Usage } from '../../src/contract/usage.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { costOf } from '../../src/pricing/cost.ts';
import type { Cost, CostQuestion } from '../../src/pricing/cost.ts';
import { loadPriceTable } from '../../src/pricing/table.ts';

export const PRICES = join(packageRoot(), 'config', 'prices.json');
export const SOURCE = join(packageRoot(), 'config', 'prices.source.json');
export const table = loadPriceTable(PRICES);

export type Ask = Partial<Omit<CostQuestion, 'usage' | 'provider'>> & {
  usage?: Partial<Usage> | null;
  basis?: string | undefined;
  flags?: string[];
  map?: CostQuestion['provider']['modelCostMap'];
};

export function question(ask: Ask): CostQuestion {
  const { usage, basis, flags, map, ...rest } = ask;
  return {
    usageDetail: {},
    serverTools: {},
    serviceTier: null,
    modelServed: null,
    modelRequested: '',
    reportedCostNanodollars: null,
    autoCostBasis: true,
    ...rest,
    usage: usage === null ? null : { ...zeroUsage(), ...usage },
    provider: { costBasis: basis, compatibility: flags ?? [], modelCostMap: map ?? [] },
  };
}

export function ask(given: Ask): Cost {
  return costOf(question(given), table);
}

/** Nanodollars; fails the test when the cost is not known. */
export function nanodollars(given: Ask): bigint {
  const cost = ask(given);
  if (!cost.known) throw new Error(`cost unknown: ${cost.reason}`);
  return cost.costNanodollars;
}
