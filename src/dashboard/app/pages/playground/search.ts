import * as z from 'zod/mini';

const text = z.catch(z.optional(z.string()), undefined);

/** What the address of this page says. What it says wrongly counts as not said. What was said is nowhere but in the page. */
export const PlaygroundSearch = z.object({ model: text, provider: text, format: text });
export type PlaygroundSearch = z.infer<typeof PlaygroundSearch>;
