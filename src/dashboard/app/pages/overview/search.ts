import * as z from 'zod/mini';
import { rangeSearch } from '../../design/time-range.ts';
import { DIMENSIONS, MEASURES } from '../../usage/dimensions.ts';
import type { Filters } from '../../usage/dimensions.ts';

/** The router reads `?model=42` as a number. */
const said = z.union([z.string(), z.pipe(z.number(), z.transform(String))]);
const text = z.catch(z.optional(said), undefined);

/** What the address of this page says. What it says wrongly counts as not said. */
export const OverviewSearch = z.object({
  ...rangeSearch,
  login: text,
  member_of: text,
  model: text,
  agent: text,
  provider: text,
  api: text,
  status: z.catch(z.optional(z.int()), undefined),
  by: z.catch(z.optional(z.enum(DIMENSIONS)), undefined),
  measure: z.catch(z.optional(z.enum(MEASURES)), undefined),
});
export type OverviewSearch = z.infer<typeof OverviewSearch>;

export function filtersOf({ login, member_of, model, agent, provider, api, status }: OverviewSearch): Filters {
  return { login, member_of, model, agent, provider, api, status };
}
