import * as z from 'zod/mini';
import { useState } from 'react';
import { useApi } from '../../api/use-api.ts';
import { count } from '../../design/format.ts';
import { Picker } from '../../design/picker.tsx';
import type { PickerOption } from '../../design/picker.tsx';
import type { Range } from '../../design/time-range.ts';
import type { FilterName } from './filter-search.ts';
import { optionsPath } from './questions.ts';
import { visible } from './visible.ts';
import styles from './filters.module.css';

/** Those whose values are not what was used. */
type Fixed = 'state' | 'min_cost_nanodollars' | 'header' | 'verdict' | 'shadow' | 'denial' | 'denied_by';
type Of = Exclude<FilterName, Fixed>;

interface UsedPickerProps {
  label: string;
  of: Of;
  range: Range;
  picked: string | undefined;
  onPick: (value: string | undefined) => void;
}

/** Under which name the API counts by it. */
const GROUPS: Record<Of, string> = {
  login: 'login',
  member_of: 'group',
  model: 'model',
  agent: 'agent',
  provider: 'provider',
  api: 'api',
  status: 'status',
  tool: 'tool',
  session: 'session',
  rule: 'rule',
  finding: 'finding',
};

/** A filter by what was used in a time. Its values are asked for when somebody is about to open it; others may be typed. */
export function UsedPicker({ label, of, range, picked, onPick }: UsedPickerProps) {
  const [isNear, setIsNear] = useState(false);
  const approach = () => setIsNear(true);
  const used = useApi(optionsPath(GROUPS[of], range), Used, { enabled: isNear, keep: true });
  const options = (used.data?.items ?? []).flatMap((item) => optionOf(item, of));
  const isOffered = picked === undefined || options.some(({ value }) => value === picked);
  return (
    <div className={styles.near} onPointerEnter={approach} onFocus={approach}>
      <Picker
        label={label}
        options={isOffered ? options : [{ value: picked, name: visible(picked) }, ...options]}
        picked={picked}
        free
        onPick={onPick}
      />
    </div>
  );
}

/** Sums of usage, counts of tool calls, or sessions: each has its name under that of what it is of. */
const Item = z.looseObject({
  requests: z.optional(z.number()),
  calls: z.optional(z.number()),
  agents: z.optional(z.array(z.string())),
});
const Used = z.looseObject({ items: z.array(Item) });

const NAMES: Partial<Record<Of, string>> = { member_of: 'group', tool: 'name', session: 'session_id' };
/** Where nothing can be asked for by an empty name. */
const NEVER_EMPTY: readonly Of[] = ['member_of', 'api', 'status', 'session', 'rule', 'finding'];

function optionOf(item: z.infer<typeof Item>, of: Of): PickerOption[] {
  const named = item[NAMES[of] ?? of];
  const value = typeof named === 'number' ? String(named) : named;
  if (typeof value !== 'string' || (value === '' && NEVER_EMPTY.includes(of))) return [];
  const note = item.agents?.join(', ') ?? count(item.calls ?? item.requests ?? 0);
  return [{ value, name: visible(value), note: visible(note) }];
}
