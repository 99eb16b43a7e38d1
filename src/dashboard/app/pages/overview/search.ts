import * as z from 'zod/mini';
import { rangeSearch } from '../../design/range.tsx';

/** What the address of this page says. What it says wrongly counts as not said. */
export const OverviewSearch = z.object({ ...rangeSearch });
