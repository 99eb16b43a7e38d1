import * as z from 'zod/mini';

const text = z.catch(z.optional(z.string()), undefined);

/** What the address of this page says. What it says wrongly counts as not said. */
export const ModelsSearch = z.object({ q: text, provider: text, format: text });
export type ModelsSearch = z.infer<typeof ModelsSearch>;
