import * as z from 'zod/mini';

/** What the address of this page says. What it says wrongly counts as not said. */
export const AccessSearch = z.object({ tab: z.catch(z.optional(z.enum(['kill-switch', 'tokens'])), undefined) });
export type AccessSearch = z.infer<typeof AccessSearch>;
