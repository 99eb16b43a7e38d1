import * as z from 'zod/mini';

export const ACCESS_TABS = ['kill-switch', 'tokens'] as const;
export type AccessTab = (typeof ACCESS_TABS)[number];

/** What the address of this page says. What it says wrongly counts as not said. */
export const AccessSearch = z.object({ tab: z.catch(z.optional(z.enum(ACCESS_TABS)), undefined) });
export type AccessSearch = z.infer<typeof AccessSearch>;
