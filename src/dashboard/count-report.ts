import { z } from 'zod';

/** What was counted in a range. */
export interface CountReport {
  items: unknown[];
  /** Of everything in the range, whatever was asked for by. */
  total: unknown;
  /** There are more items than are told. */
  truncated: boolean;
}

/** Ten rules of a month by the hour; half of them, the users of a large company. */
const MOST_ITEMS = 10_000;

/** For the items of a statement: one more than is told, to know of it. */
export const LIMIT_ITEMS = `LIMIT ${MOST_ITEMS + 1}`;

const Row = z.object({ items: z.array(z.unknown()), total: z.unknown() });

/** Of a statement's one row: items and total are of one moment. */
export function countReportOf(rows: readonly unknown[]): CountReport {
  const { items, total } = Row.parse(rows[0]);
  return { items: items.slice(0, MOST_ITEMS), total, truncated: items.length > MOST_ITEMS };
}
