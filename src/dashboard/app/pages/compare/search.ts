import * as z from 'zod/mini';

const id = z.catch(z.optional(z.string().check(z.regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i))), undefined);

/** What the address of this page says. What it says wrongly counts as not said. */
export const CompareSearch = z.object({ a: id, b: id });
export type CompareSearch = z.infer<typeof CompareSearch>;
