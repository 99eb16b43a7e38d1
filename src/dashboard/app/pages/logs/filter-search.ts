import * as z from 'zod/mini';
import { DENIALS, STATES } from '../../api/shapes.ts';

/*
 * What an address says of filters, under the API's own names. What it says wrongly counts as not said.
 */

/** The router reads `?session=42` as a number. */
const said = z.union([z.string(), z.pipe(z.union([z.number(), z.boolean()]), z.transform(String))]);
const text = z.catch(z.optional(said.check(z.maxLength(600))), undefined);
const matching = (pattern: RegExp) => z.catch(z.optional(said.check(z.regex(pattern))), undefined);

export const loginSearch = { login: text };

export const sessionSearch = {
  ...loginSearch,
  member_of: text,
  model: text,
  agent: text,
  tool: text,
  min_cost_nanodollars: matching(/^\d{1,18}$/),
};

export const requestSearch = {
  ...sessionSearch,
  provider: text,
  api: text,
  state: z.catch(z.optional(z.enum(STATES)), undefined),
  status: matching(/^\d{1,3}$/),
  /** A name, or `name:value`. */
  header: text,
  session: text,
  /** What a rule said, and whether it was only tried; several actions with commas. */
  rule: text,
  verdict: matching(/^[a-z,]+$/),
  shadow: matching(/^(?:true|false)$/),
  finding: text,
  denial: z.catch(z.optional(z.enum(['any', ...DENIALS])), undefined),
  /** The code of the fault that it was. */
  denied_by: text,
};

export const LogFilters = z.object(requestSearch);
/** The filters of both lists: of sessions, some are never set. */
export type LogFilters = z.infer<typeof LogFilters>;
export type FilterName = keyof LogFilters;
