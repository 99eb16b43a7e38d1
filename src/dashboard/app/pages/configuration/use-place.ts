import { getRouteApi } from '@tanstack/react-router';
import type { ConfigurationSearch } from './search.ts';

const route = getRouteApi('/configuration');

/** What the address of this page says, and how to say something else in it. */
export function usePlace(): [ConfigurationSearch, (change: Partial<ConfigurationSearch>) => void] {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const go = (change: Partial<ConfigurationSearch>) =>
    void navigate({ search: (before) => ({ ...before, ...change }), replace: true, resetScroll: false });
  return [search, go];
}
