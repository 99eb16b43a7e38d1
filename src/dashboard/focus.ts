import type { Asked, Found } from './asked.ts';
import { chargesFrom, limitsOf } from './focus-charges.ts';
import type { FocusPrices } from './focus-charges.ts';
import { focusHead, focusLine } from './focus-csv.ts';
import { chargesOf, daysWithRequests, FOCUS_GROUPS } from './focus-groups.ts';
import type { FocusGroup } from './focus-groups.ts';
import { BadParameter, Parameters } from './parameters.ts';
import { wholeDays } from './range.ts';
import type { Range } from './range.ts';
import { csvHeaders, CSV_ROWS } from './usage-csv.ts';

/** A quarter. A day of a million requests is summed in seconds, and an answer has to come within half a minute. */
const MOST_DAYS = 92;
const USUAL_DAYS = 30;

/** Where it is answered. */
export const FOCUS_PATH = '/api/usage/focus.csv';

/** What was charged, by the day, in the columns of FOCUS (docs/money.md): of the last 30 days, unless asked otherwise. */
export async function focus({ pool, query, owner, clock, prices, pricing }: Asked): Promise<Found> {
  if (owner !== undefined) return { fault: { code: 'forbidden', what: `${FOCUS_PATH} needs admin` } };
  const given = new Parameters(query, ['from', 'to', 'group']);
  const range = wholeDays(given, clock, { otherwise: USUAL_DAYS, most: MOST_DAYS });
  const groups = given.several('group', FOCUS_GROUPS) ?? [];
  if (prices === undefined || pricing === undefined) throw new Error('the thread that answers has no prices');
  const csv = await focusOf(pool, range, groups, { table: prices(pricing), pricing });
  return { csv, headers: csvHeaders(range.fromMs, range.toMs, 'focus') };
}

/** A day at a time, so that no more than the answer itself is in memory. */
async function focusOf(
  pool: Asked['pool'],
  range: Range,
  groups: readonly FocusGroup[],
  prices: FocusPrices,
): Promise<string> {
  const limits = limitsOf(prices.table);
  const lines: string[] = [];
  for (const day of await daysWithRequests(pool, range)) {
    for (const together of await chargesOf(pool, day, { groups, limits, most: CSV_ROWS + 1 })) {
      for (const charge of chargesFrom(together, limits, prices)) lines.push(focusLine(charge));
    }
    if (lines.length > CSV_ROWS) throw new BadParameter('from', TOO_MANY);
  }
  return focusHead() + lines.join('');
}

const TOO_MANY = `leaves more than ${CSV_ROWS} rows, the most of one file; ask for a shorter time, or for fewer groups`;
