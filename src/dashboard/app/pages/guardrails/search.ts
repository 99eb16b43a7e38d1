import * as z from 'zod/mini';
import { rangeSearch } from '../../design/time-range.ts';

const text = z.catch(z.optional(z.string()), undefined);

/** What the address of this page says. What it says wrongly counts as not said. */
export const GuardrailsSearch = z.object({
  ...rangeSearch,
  tab: z.catch(z.optional(z.enum(['rules', 'denials'])), undefined),
  /** What rules said that are only tried. */
  mode: z.catch(z.optional(z.enum(['force', 'shadow'])), undefined),
  login: text,
  rule: text,
});
export type GuardrailsSearch = z.infer<typeof GuardrailsSearch>;
