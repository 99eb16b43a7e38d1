import * as z from 'zod/mini';

const TABS = ['conversation', 'raw', 'stream', 'headers', 'timing', 'record'] as const;
export type Tab = (typeof TABS)[number];
const SIDES = ['request', 'response'] as const;
export type Side = (typeof SIDES)[number];

/** What the address of this page says. What it says wrongly counts as not said. */
export const RequestSearch = z.object({
  tab: z.catch(z.optional(z.enum(TABS)), undefined),
  /** Of the raw view: whose body, as it came or laid out, and what is looked for in it. */
  side: z.catch(z.optional(z.enum(SIDES)), undefined),
  form: z.catch(z.optional(z.enum(['laid-out', 'as-it-came'])), undefined),
  find: z.catch(z.optional(z.string()), undefined),
});
export type RequestSearch = z.infer<typeof RequestSearch>;
