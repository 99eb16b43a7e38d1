import { useNavigate, useSearch } from '@tanstack/react-router';
import type { UseQueryResult } from '@tanstack/react-query';
import { useApi } from '../../api/use-api.ts';
import { PageHead, Stat, Stats } from '../../design/card.tsx';
import { Tabs } from '../../design/choice.tsx';
import { FilterBar } from '../../design/filter-bar.tsx';
import { count, countExact } from '../../design/format.ts';
import { plainText } from '../../design/hostile.tsx';
import { Picker } from '../../design/picker.tsx';
import { RangePicker } from '../../design/range.tsx';
import { rangeOf } from '../../design/time-range.ts';
import type { Range } from '../../design/time-range.ts';
import { useMe } from '../../shell/me.tsx';
import { DenialReport, denialsPath } from './denials.ts';
import { DenialsTab } from './denials-tab.tsx';
import type { GuardrailsSearch } from './search.ts';
import { ALL_OUTCOMES, amountOf, nameOf, OUTCOMES, VerdictReport, verdictsPath } from './verdicts.ts';
import { VerdictsTab } from './verdicts-tab.tsx';

const USUALLY = '7d';

export interface View {
  search: GuardrailsSearch;
  range: Range;
  /** What rules said that are only tried. */
  shadow: boolean;
  isAdmin: boolean;
  change: (patch: Partial<GuardrailsSearch>) => void;
}

/** What was stopped or changed, by which rule, for whom? */
export function Guardrails() {
  const isAdmin = useMe().role === 'admin';
  const said = useSearch({ from: '/guardrails' });
  const navigate = useNavigate({ from: '/guardrails' });
  const change = (patch: Partial<GuardrailsSearch>) =>
    void navigate({ search: (old) => ({ ...old, ...patch }), resetScroll: false });
  // A user has only their own.
  const search = isAdmin ? said : { ...said, login: undefined };
  const view: View = { search, range: rangeOf(search, USUALLY), shadow: search.mode === 'shadow', isAdmin, change };
  const { tab = 'rules' } = search;
  return (
    <>
      <PageHead
        title="Guardrails"
        note={`What was stopped or changed${isAdmin ? ', by which rule, for whom' : ' of what you sent, and by which rule'}`}
        actions={<RangePicker search={search} otherwise={USUALLY} onChange={change} />}
      />
      <Filters view={view} />
      <Figures view={view} />
      <Tabs
        label="Guardrails"
        options={[
          { value: 'rules', name: 'Rules and hooks' },
          { value: 'denials', name: 'Denials' },
        ]}
        chosen={tab}
        onChoose={(chosen) => change({ tab: chosen })}
      >
        {tab === 'denials' ? <DenialsTab view={view} /> : <VerdictsTab view={view} />}
      </Tabs>
    </>
  );
}

/** Rules do not narrow denials: most are nobody's rule. */
function Filters({ view: { search, range, shadow, isAdmin, change } }: { view: View }) {
  const isRules = search.tab !== 'denials';
  const rules = useApi(verdictsPath({ search: { ...search, rule: undefined }, range, shadow }, 'rule'), VerdictReport, {
    keep: true,
  });
  const everyone = { ...search, login: undefined };
  const spoken = useApi(verdictsPath({ search: everyone, range, shadow }, 'login'), VerdictReport, {
    enabled: isAdmin && isRules,
    keep: true,
  });
  const denied = useApi(denialsPath(everyone, range, 'login'), DenialReport, {
    enabled: isAdmin && !isRules,
    keep: true,
  });
  const users = isRules
    ? (spoken.data?.items ?? []).map((item) => optionOf(nameOf(item, 'login'), item.requests))
    : (denied.data?.items ?? []).map(({ login = '', requests }) => optionOf(login, requests));
  if (!isAdmin && !isRules) return null;
  const isNarrowed = search.login !== undefined || (isRules && search.rule !== undefined);
  return (
    <FilterBar onClear={isNarrowed ? () => change({ rule: undefined, login: undefined }) : undefined}>
      {isRules && (
        <Picker
          label="Rule"
          options={(rules.data?.items ?? []).map((item) => optionOf(nameOf(item, 'rule'), item.requests))}
          picked={search.rule}
          loading={rules.isLoading}
          onPick={(rule) => change({ rule })}
        />
      )}
      {isAdmin && (
        <Picker label="User" options={users} picked={search.login} free onPick={(login) => change({ login })} />
      )}
    </FilterBar>
  );
}

function optionOf(value: string, requests: number) {
  return { value, name: plainText(value), note: count(requests) };
}

/** Each is there before all of them are. */
function Figures({ view: { search, range } }: { view: View }) {
  const [force, shadow] = [false, true].map((tried) => verdictsPath({ search, range, shadow: tried }, 'rule'));
  const inForce = useApi(force ?? '', VerdictReport, { keep: true });
  const inShadow = useApi(shadow ?? '', VerdictReport, { keep: true });
  const denied = useApi(denialsPath(search, range, 'denial'), DenialReport, { keep: true });
  return (
    <Stats>
      {ALL_OUTCOMES.map((outcome) => (
        <Figure
          key={outcome}
          name={outcome}
          label={OUTCOMES[outcome].name}
          of={inForce}
          value={({ total }) => amountOf(total, outcome)}
          note={NOTES[outcome]}
        />
      ))}
      <Figure
        name="shadow"
        label="In shadow"
        of={inShadow}
        value={({ total }) => total.verdicts}
        note="found by rules that are only tried"
      />
      <Figure
        name="denied"
        label="Denied"
        of={denied}
        value={({ total }) => total.requests}
        note="requests, for any reason"
      />
    </Stats>
  );
}

const NOTES = {
  blocked: 'by rules and hooks',
  changed: 'redacted or replaced',
  flagged: 'let pass, and noted',
  failed: 'errors of rules and hooks',
};

interface FigureProps<T> {
  name: string;
  label: string;
  of: UseQueryResult<T>;
  value: (report: T) => number;
  note: string;
}

function Figure<T>({ name, label, of, value, note }: FigureProps<T>) {
  const number = of.data === undefined ? undefined : value(of.data);
  return (
    <Stat
      name={name}
      label={label}
      value={number === undefined ? '–' : count(number)}
      note={note}
      {...(number === undefined ? {} : { exact: countExact(number) })}
    />
  );
}
