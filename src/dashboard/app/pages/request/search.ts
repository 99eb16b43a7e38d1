import * as z from 'zod/mini';

/** What the address of this page says. What it says wrongly counts as not said. */
export const RequestSearch = z.object({});
