import type { UsageReport, UsageSums } from '../../api/shapes.ts';
import { rangeOf, rangeSearch } from '../../design/time-range.ts';
import type { Range } from '../../design/time-range.ts';
import { OWN_DIMENSIONS } from '../../usage/dimensions.ts';
import type { Dimension, Filters } from '../../usage/dimensions.ts';
import { filtersOf, OverviewSearch } from './search.ts';
import { usagePath } from '../../usage/usage.ts';

export const USUALLY = '30d';

/** What the page asks the API about. */
export interface Subject {
  filters: Filters;
  range: Range;
  by: Dimension;
}

/** What an address means to this person. */
export function subjectOf(search: OverviewSearch, isAdmin: boolean): Subject {
  const by = search.by ?? 'model';
  return {
    filters: filtersOf(search),
    range: rangeOf(search, USUALLY),
    by: isAdmin || OWN_DIMENSIONS.includes(by) ? by : 'model',
  };
}

/**
 * All figures of the page in one question. Of users there often are too many for one chart: their report is of the whole
 * time, and the chart asks for the leaders.
 */
export function reportPath({ filters, range, by }: Subject): string {
  if (by === 'login') return usagePath(filters, range, { group: by, with: 'users' });
  return usagePath(filters, range, { group: by, interval: range.interval, with: 'groups,users' });
}

/** Each model, user, … over the whole time, the dearest first. */
export function groupsOf({ groups, items }: UsageReport): readonly UsageSums[] {
  return groups ?? items;
}

/** What the address asks of an overview that is not filtered: then it is the same for everybody. */
export function earlyPath(search: string): string | undefined {
  const given = [...new URLSearchParams(search)];
  if (given.some(([name]) => !(name in rangeSearch))) return undefined;
  return reportPath(subjectOf(OverviewSearch.parse(Object.fromEntries(given)), false));
}
