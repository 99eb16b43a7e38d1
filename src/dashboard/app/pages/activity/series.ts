import type { UsageSums } from '../../api/shapes.ts';
import { plainName } from '../../usage/names.ts';
import { leadersOf, seriesOf } from '../../usage/series.ts';
import { nameIn } from '../../usage/usage.ts';
import type { ActivityItem, Latency } from './report.ts';
import type { Subject } from './search.ts';

interface Series {
  name: string;
  values: (number | null)[];
}

/** So many lines can be told apart. */
const MOST_LINES = 7;

/** What adds up, as bars: the largest, and the others together. */
export function barsOf(
  times: readonly string[],
  items: readonly UsageSums[],
  groups: readonly UsageSums[],
  by: Subject,
  measure: 'requests' | 'tokens' | 'cost',
): Series[] {
  const spoken = (name: string) => plainName(name, by);
  return seriesOf(times, items, by, measure, leadersOf(groups, by, measure), spoken);
}

/** Of those with the most requests, how many of each interval's failed; null where nothing was asked. */
export function errorLines(
  times: readonly string[],
  items: readonly UsageSums[],
  groups: readonly UsageSums[],
  by: Subject,
): Series[] {
  return linesOf(times, items, namesOf(groups, by), by, errorShare);
}

/** The same of times: nineteen of twenty answers were there within this. */
export function latencyLines(
  times: readonly string[],
  items: readonly ActivityItem[],
  groups: readonly UsageSums[],
  by: Subject,
  timed: 'first_byte' | 'whole',
): Series[] {
  return linesOf(times, items, namesOf(groups, by), by, (item) => item[timed]?.p95_ms ?? null);
}

/** Half of the answers of one, and nineteen of twenty. */
export function ownLines(
  times: readonly string[],
  items: readonly ActivityItem[],
  timed: 'first_byte' | 'whole',
): Series[] {
  const of = (figure: (latency: NonNullable<Latency>) => number) => {
    const values = new Map(items.map((item) => [timeOf(item), item[timed] === null ? null : figure(item[timed])]));
    return times.map((time) => values.get(Date.parse(time)) ?? null);
  };
  return [
    { name: 'p50', values: of(({ p50_ms }) => p50_ms) },
    { name: 'p95', values: of(({ p95_ms }) => p95_ms) },
  ];
}

/** Of those that were sent to a provider, how many it answered with an error; null where none was sent. */
export function errorShare({ requests, refused, errors }: UsageSums): number | null {
  return requests === refused ? null : errors / (requests - refused);
}

function namesOf(groups: readonly UsageSums[], by: Subject): string[] {
  return leadersOf(groups, by, 'requests').slice(0, MOST_LINES);
}

function linesOf<Item extends Readonly<Record<string, unknown>>>(
  times: readonly string[],
  items: readonly Item[],
  names: readonly string[],
  by: Subject,
  figure: (item: Item) => number | null,
): Series[] {
  const places = new Map(times.map((time, at) => [Date.parse(time), at]));
  return names.map((name) => {
    const values = times.map((): number | null => null);
    for (const item of items) {
      const at = nameIn(item, by) === name ? places.get(timeOf(item)) : undefined;
      if (at !== undefined) values[at] = figure(item);
    }
    return { name: plainName(name, by), values };
  });
}

function timeOf(item: Readonly<Record<string, unknown>>): number {
  const { time } = item;
  return typeof time === 'string' ? Date.parse(time) : Number.NaN;
}
