import { pathOf } from '../api/client.ts';
import type { Query } from '../api/client.ts';
import { totalTokens } from '../api/shapes.ts';
import type { UsageSums } from '../api/shapes.ts';
import { countExact, dollars, money, moneyExact } from '../design/format.ts';
import { DIMENSIONS } from './dimensions.ts';
import type { Dimension, Filters, Measure } from './dimensions.ts';

/** What the API can group by and this project shows. */
export type Group = Dimension | 'api' | 'status';

export function usagePath(filters: Filters, { from, to }: { from: string; to: string }, more: Query): string {
  return pathOf('/api/usage', { ...filters, from, to, ...more });
}

/** What a report is by: while the next one is awaited it is another than what was asked for. */
export function dimensionOf(report: Readonly<Record<string, unknown>>): Dimension {
  return DIMENSIONS.find((dimension) => dimension === report['group']) ?? 'model';
}

/** What an item of a report is about; empty where a record has none. */
export function nameIn(item: Readonly<Record<string, unknown>>, group: Group): string {
  const name = item[group];
  return typeof name === 'string' ? name : typeof name === 'number' ? String(name) : '';
}

/** For a chart and for shares, where fifteen digits are more than is seen. */
export function amountOf(sums: UsageSums, measure: Measure): number {
  if (measure === 'cost') return dollars(sums.cost_nanodollars);
  return measure === 'tokens' ? totalTokens(sums.usage) : sums.requests;
}

/** Exact to half a nanodollar; undefined where there are no tokens. */
export function costPerMillion({ usage, cost_nanodollars }: UsageSums): bigint | undefined {
  const tokens = BigInt(totalTokens(usage));
  return tokens === 0n ? undefined : (2n * BigInt(cost_nanodollars) * 1_000_000n + tokens) / (2n * tokens);
}

type CostSum = Pick<UsageSums, 'cost_nanodollars' | 'cost_unknown'>;

/** A sum of money that says whether it is all: `≥ $1.20`. */
export function costShown({ cost_nanodollars, cost_unknown }: CostSum): string {
  return cost_unknown > 0 ? `≥ ${money(cost_nanodollars)}` : money(cost_nanodollars);
}
export function costInFull({ cost_nanodollars, cost_unknown }: CostSum): string {
  const exact = moneyExact(cost_nanodollars);
  return cost_unknown > 0 ? `${exact}, without ${requestsText(cost_unknown)} of unknown cost` : exact;
}

function requestsText(number: number): string {
  return `${countExact(number)} request${number === 1 ? '' : 's'}`;
}
