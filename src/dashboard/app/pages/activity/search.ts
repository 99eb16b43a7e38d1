import * as z from 'zod/mini';
import { rangeSearch } from '../../design/time-range.ts';

/** What activity is told of. */
export const SUBJECTS = ['model', 'agent'] as const;
export type Subject = (typeof SUBJECTS)[number];

/** The first three add up; of errors and times there is a figure for each. */
export const MEASURES = ['requests', 'tokens', 'cost', 'errors', 'first_byte', 'whole'] as const;
export type Measure = (typeof MEASURES)[number];

/** What the address of this page says. What it says wrongly counts as not said. */
export const ActivitySearch = z.object({
  ...rangeSearch,
  by: z.catch(z.optional(z.enum(SUBJECTS)), undefined),
  measure: z.catch(z.optional(z.enum(MEASURES)), undefined),
  /** The one that is looked at more closely. */
  name: z.catch(z.optional(z.string()), undefined),
});
export type ActivitySearch = z.infer<typeof ActivitySearch>;
