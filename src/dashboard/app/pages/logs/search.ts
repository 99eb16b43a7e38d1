import * as z from 'zod/mini';
import { rangeSearch } from '../../design/time-range.ts';
import { loginSearch, requestSearch, sessionSearch } from './filter-search.ts';

/** What the addresses of these pages say. */
export const SessionsSearch = z.object({ ...rangeSearch, ...sessionSearch });
export type SessionsSearch = z.infer<typeof SessionsSearch>;

export const RequestsSearch = z.object({
  ...rangeSearch,
  ...requestSearch,
  /** New requests come in by themselves. */
  live: z.catch(z.optional(z.boolean()), undefined),
});
export type RequestsSearch = z.infer<typeof RequestsSearch>;

/** Whose session, where several people have one of this name. */
export const SessionSearch = z.object(loginSearch);
