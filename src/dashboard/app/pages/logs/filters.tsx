import { SlidersHorizontal } from 'lucide-react';
import { useState } from 'react';
import { DENIALS, STATES } from '../../api/shapes.ts';
import { Button } from '../../design/button.tsx';
import { FilterBar } from '../../design/filter-bar.tsx';
import { moneyExact } from '../../design/format.ts';
import { Picker } from '../../design/picker.tsx';
import type { Range } from '../../design/time-range.ts';
import { useMe } from '../../shell/me.tsx';
import { DENIAL_CODES, DENIAL_NAMES } from '../guardrails/denials.ts';
import { OUTCOMES } from '../guardrails/verdicts.ts';
import type { FilterName, LogFilters } from './filter-search.ts';
import { HeaderFilter } from './header-filter.tsx';
import { useIsNarrow } from './narrow.ts';
import { nanodollarsOf } from './questions.ts';
import { UsedPicker } from './used-picker.tsx';

interface FiltersProps {
  /** Which there are; the first few are always shown, the others when asked for or set. */
  names: readonly FilterName[];
  search: LogFilters;
  /** The time whose values are offered. */
  range: Range;
  onChange: (change: Partial<LogFilters>) => void;
}

/** So many fit in a line beside the page's menu. */
const SHOWN_AT_ONCE = 7;

export function Filters({ names, search, range, onChange }: FiltersProps) {
  const [all, setAll] = useState(false);
  const headers = useMe().filterable_headers;
  const most = useIsNarrow() ? 0 : SHOWN_AT_ONCE;
  const there = names.filter((name) => name !== 'header' || headers.length > 0 || search.header !== undefined);
  const shown = there.filter((name, at) => all || at < most || search[name] !== undefined);
  const set = there.filter((name) => search[name] !== undefined);
  const clear = () => onChange(Object.fromEntries(set.map((name) => [name, undefined])));
  return (
    <FilterBar onClear={set.length === 0 ? undefined : clear}>
      {shown.map((name) => (
        <Filter key={name} name={name} search={search} range={range} onChange={onChange} />
      ))}
      {(all || shown.length < there.length) && (
        <Button
          look="quiet"
          icon={<SlidersHorizontal size={14} aria-hidden />}
          aria-expanded={all}
          onClick={() => setAll(!all)}
        >
          {all ? 'Fewer filters' : shown.length === 0 ? 'Filters' : 'More filters'}
        </Button>
      )}
    </FilterBar>
  );
}

const LABELS: Record<FilterName, string> = {
  login: 'User',
  member_of: 'Group',
  model: 'Model',
  agent: 'Agent',
  tool: 'Tool',
  min_cost_nanodollars: 'Cost at least',
  provider: 'Provider',
  api: 'API',
  state: 'State',
  status: 'Status',
  header: 'Header',
  session: 'Session',
  rule: 'Rule',
  verdict: 'Verdict',
  finding: 'Found',
  shadow: 'Mode',
  denial: 'Denied by',
  denied_by: 'Denied for',
};

function Filter({ name, search, range, onChange }: Omit<FiltersProps, 'names'> & { name: FilterName }) {
  const label = LABELS[name];
  const picked = search[name];
  switch (name) {
    case 'state':
      return (
        <Picker
          label={label}
          options={STATES.map((value) => ({ value }))}
          picked={picked}
          onPick={(value) => onChange({ state: STATES.find((state) => state === value) })}
        />
      );
    case 'denial':
      return (
        <Picker
          label={label}
          options={DENIED_BY.map((value) => ({ value, name: value === 'any' ? 'anything' : DENIAL_NAMES[value] }))}
          picked={picked}
          onPick={(value) => onChange({ denial: DENIED_BY.find((denial) => denial === value) })}
        />
      );
    case 'verdict':
    case 'shadow':
    case 'denied_by':
      return (
        <Picker label={label} options={FIXED[name]} picked={picked} onPick={(value) => onChange({ [name]: value })} />
      );
    case 'min_cost_nanodollars':
      return <CostFilter label={label} picked={picked} onPick={(value) => onChange({ [name]: value })} />;
    case 'header':
      return <HeaderFilter label={label} picked={picked} onPick={(value) => onChange({ header: value })} />;
    default:
      return (
        <UsedPicker
          label={label}
          of={name}
          range={range}
          picked={picked}
          onPick={(value) => onChange({ [name]: value })}
        />
      );
  }
}

const DENIED_BY = ['any', ...DENIALS] as const;
const FIXED = {
  verdict: Object.values(OUTCOMES).map(({ name, actions }) => ({ value: actions.join(','), name })),
  shadow: [
    { value: 'false', name: 'in force' },
    { value: 'true', name: 'in shadow' },
  ],
  denied_by: DENIAL_CODES,
};

const COSTS = ['$0.01', '$0.10', '$1', '$10'].flatMap((name) => {
  const value = nanodollarsOf(name);
  return value === undefined ? [] : [{ value, name }];
});

interface CostFilterProps {
  label: string;
  picked: string | undefined;
  onPick: (nanodollars: string | undefined) => void;
}

/** A sum, or one that is typed in dollars. */
function CostFilter({ label, picked, onPick }: CostFilterProps) {
  const known = COSTS.some(({ value }) => value === picked);
  const own = picked === undefined || known ? [] : [{ value: picked, name: moneyExact(picked).replace(/\.?0+$/, '') }];
  return (
    <Picker
      label={label}
      options={[...COSTS, ...own]}
      picked={picked}
      free
      onPick={(value) => onPick(COSTS.some((cost) => cost.value === value) ? value : nanodollarsOf(value ?? ''))}
    />
  );
}
