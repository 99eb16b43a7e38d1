import * as z from 'zod/mini';
import { rangeSearch } from '../../design/time-range.ts';
import { AUDIT_ACTIONS } from './actions.ts';

/** The router reads `?target=42` as a number. */
const said = z.union([z.string(), z.pipe(z.number(), z.transform(String))]);
const text = z.catch(z.optional(said.check(z.maxLength(600))), undefined);

/** What the address of this page says. What it says wrongly counts as not said. */
export const AuditSearch = z.object({
  ...rangeSearch,
  action: z.catch(z.optional(z.enum(AUDIT_ACTIONS)), undefined),
  by: text,
  target: text,
});
export type AuditSearch = z.infer<typeof AuditSearch>;
