import * as z from 'zod/mini';
import { rangeSearch } from '../../design/range.tsx';

/** What the address of these pages says. What it says wrongly counts as not said. */
export const SessionsSearch = z.object({ ...rangeSearch });
export const RequestsSearch = z.object({ ...rangeSearch });
