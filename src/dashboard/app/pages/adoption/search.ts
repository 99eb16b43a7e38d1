import * as z from 'zod/mini';
import { rangeSearch } from '../../design/time-range.ts';

/** Who counts as active on a day: by that day alone, or by those that end with it. */
export const ACTIVE = ['day', 'week', 'month', 'often'] as const;
export type Active = (typeof ACTIVE)[number];

/** What the address of this page says. What it says wrongly counts as not said. */
export const AdoptionSearch = z.object({
  ...rangeSearch,
  active: z.catch(z.optional(z.enum(ACTIVE)), undefined),
});
export type AdoptionSearch = z.infer<typeof AdoptionSearch>;
