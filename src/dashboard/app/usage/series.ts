import type { UsageSums } from '../api/shapes.ts';
import { sumsOver } from '../design/sums-over.ts';
import type { Dimension, Measure } from './dimensions.ts';
import { amountOf, nameIn } from './usage.ts';

interface Series {
  name: string;
  values: number[];
}

/** So many have a colour of their own; the last colour is for the others. */
const MOST_LEADERS = 7;

/** The largest, by what is measured: their names, the largest first. What is nothing leads nothing. */
export function leadersOf(items: readonly UsageSums[], by: Dimension, measure: Measure): string[] {
  return items
    .map((item) => ({ name: nameIn(item, by), amount: amountOf(item, measure) }))
    .filter(({ amount }) => amount > 0)
    .sort((left, right) => right.amount - left.amount)
    .slice(0, MOST_LEADERS)
    .map(({ name }) => name);
}

/** Sums of what items say, one for each time. */
function valuesOver(times: readonly string[], items: readonly UsageSums[], measure: Measure): number[] {
  return sumsOver(times, items, timeOf, (item) => amountOf(item, measure));
}

function timeOf({ time }: UsageSums): string | undefined {
  return typeof time === 'string' ? time : undefined;
}

/** A series for each leader, under the name that `spoken` makes of it, and one for all others if there are any. */
export function seriesOf(
  times: readonly string[],
  items: readonly UsageSums[],
  by: Dimension,
  measure: Measure,
  leaders: readonly string[],
  spoken: (name: string) => string,
): Series[] {
  const byName = new Map<string, UsageSums[]>(leaders.map((name) => [name, []]));
  const others: UsageSums[] = [];
  for (const item of items) (byName.get(nameIn(item, by)) ?? others).push(item);
  const led = [...byName].map(([name, own]) => ({
    name: spoken(name),
    values: valuesOver(times, own, measure),
  }));
  return withOthers(led, valuesOver(times, others, measure));
}

/** The same from a report for each leader, and one of them all: where a report by name would have too many items. */
export function seriesOfEach(
  times: readonly string[],
  each: readonly { name: string; items: readonly UsageSums[] }[],
  all: readonly UsageSums[],
  by: Dimension,
  measure: Measure,
  spoken: (name: string) => string,
): Series[] {
  const led = each.map(({ name, items }) => ({
    name: spoken(name),
    values: valuesOver(times, items, measure),
  }));
  // Somebody in two groups is in two series, so that what is left over says nothing.
  if (by === 'group') return named(led);
  const rest = valuesOver(times, all, measure).map((value, at) =>
    led.reduce((left, { values }) => left - (values[at] ?? 0), value),
  );
  return withOthers(
    led,
    rest.map((value) => (value < LEAST ? 0 : value)),
  );
}

/** Below what a float loses in sums of dollars. */
const LEAST = 1e-7;

function withOthers(led: Series[], others: number[]): Series[] {
  return named(others.some((value) => value > 0) ? [...led, { name: 'others', values: others }] : led);
}

/** Two foreign names may look alike once they are cut. */
function named(series: Series[]): Series[] {
  const seen = new Map<string, number>();
  return series.map(({ name, values }) => {
    const times = (seen.get(name) ?? 0) + 1;
    seen.set(name, times);
    return { name: times === 1 ? name : `${name} (${times})`, values };
  });
}
