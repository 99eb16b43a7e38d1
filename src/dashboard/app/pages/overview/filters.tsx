import { useState } from 'react';
import { UsageReport } from '../../api/shapes.ts';
import { useApi } from '../../api/use-api.ts';
import { FilterBar } from '../../design/filter-bar.tsx';
import { count } from '../../design/format.ts';
import { Picker } from '../../design/picker.tsx';
import type { View } from './overview.tsx';
import { NO_FILTERS } from '../../usage/dimensions.ts';
import type { Filters } from '../../usage/dimensions.ts';
import { plainName } from '../../usage/names.ts';
import { nameIn, usagePath } from '../../usage/usage.ts';
import type { Group } from '../../usage/usage.ts';

interface Facet {
  label: string;
  filter: keyof Filters;
  group: Group;
  adminsOnly?: boolean;
}

const FACETS: readonly Facet[] = [
  { label: 'User', filter: 'login', group: 'login', adminsOnly: true },
  { label: 'Group', filter: 'member_of', group: 'group', adminsOnly: true },
  { label: 'Model', filter: 'model', group: 'model' },
  { label: 'Agent', filter: 'agent', group: 'agent' },
  { label: 'Provider', filter: 'provider', group: 'provider' },
  { label: 'API', filter: 'api', group: 'api' },
  { label: 'Status', filter: 'status', group: 'status' },
];

export function UsageFilters({ view }: { view: View }) {
  const isNarrowed = Object.values(view.filters).some((value) => value !== undefined);
  return (
    <FilterBar onClear={isNarrowed ? () => view.change(NO_FILTERS) : undefined}>
      {FACETS.filter(({ adminsOnly = false }) => view.isAdmin || !adminsOnly).map((facet) => (
        <FacetPicker key={facet.filter} facet={facet} view={view} />
      ))}
    </FilterBar>
  );
}

/** Of what there was in the range under the other filters. Asked when somebody turns to it: the first view need not wait. */
function FacetPicker({ facet: { label, filter, group }, view }: { facet: Facet; view: View }) {
  const { filters, range, change } = view;
  const [isWanted, want] = useState(false);
  const path = usagePath({ ...filters, [filter]: undefined }, range, { group });
  const report = useApi(path, UsageReport, { enabled: isWanted, keep: true });
  const picked = filters[filter];
  const options = (report.data?.items ?? [])
    .filter((item) => nameIn(item, group) !== '')
    .map((item) => {
      const value = nameIn(item, group);
      return { value, name: plainName(value, group), note: count(item.requests) };
    });
  return (
    <Picker
      label={label}
      options={options}
      picked={picked === undefined ? undefined : String(picked)}
      loading={report.isLoading}
      onOpen={() => want(true)}
      onPick={(value) => change({ [filter]: filter === 'status' && value !== undefined ? Number(value) : value })}
    />
  );
}
