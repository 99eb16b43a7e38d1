import { useNavigate, useSearch } from '@tanstack/react-router';
import { useMemo } from 'react';
import { UsageReport } from '../../api/shapes.ts';
import { useApi } from '../../api/use-api.ts';
import { PageHead } from '../../design/card.tsx';
import { Choice } from '../../design/choice.tsx';
import { RangePicker } from '../../design/range.tsx';
import { Answer, Empty } from '../../design/states.tsx';
import { intervalsOf, rangeOf } from '../../design/time-range.ts';
import { useMe } from '../../shell/me.tsx';
import { wholeDays } from '../../design/time-range.ts';
import { usagePath } from '../../usage/usage.ts';
import { Closer } from './closer.tsx';
import { OverTime } from './over-time.tsx';
import { Ranking } from './ranking.tsx';
import { ActivityReport, activityPath } from './report.ts';
import type { ActivitySearch, Measure, Subject } from './search.ts';

const USUALLY = '30d';

export const SUBJECT_NAMES: Record<Subject, { one: string; all: string }> = {
  model: { one: 'Model', all: 'Models' },
  agent: { one: 'Agent', all: 'Agents' },
};

/** What the page is about, as its address says it. */
export interface View {
  search: ActivitySearch;
  by: Subject;
  measure: Measure;
  /** Whole days, as times are counted. */
  range: { from: string; to: string };
  times: readonly string[];
  isAdmin: boolean;
  change: (patch: Partial<ActivitySearch>) => void;
}

/** How do models and agents do: how much, how fast, how often not, and for whom? */
export function Activity() {
  const isAdmin = useMe().role === 'admin';
  const search = useSearch({ from: '/activity' });
  const navigate = useNavigate({ from: '/activity' });
  const change = (patch: Partial<ActivitySearch>) =>
    void navigate({ search: (old) => ({ ...old, ...patch }), resetScroll: false });
  const { by = 'model', measure = 'requests' } = search;
  const { from, to } = wholeDays(rangeOf(search, USUALLY));
  const times = useMemo(() => intervalsOf({ from, to, interval: 'day' }), [from, to]);
  const view: View = { search, by, measure, range: { from, to }, times, isAdmin, change };
  const usage = useApi(usagePath({}, view.range, { group: by, interval: 'day', with: 'groups' }), UsageReport, {
    keep: true,
  });
  const activity = useApi(activityPath(view.range, by), ActivityReport, { keep: true });
  return (
    <>
      <PageHead
        title="Activity"
        note={`How models and agents do${isAdmin ? '' : ' for you'}: how much, how fast, how often not. In whole days, UTC`}
        actions={
          <>
            <Choice
              label="Of"
              options={[
                { value: 'model', name: 'Models' },
                { value: 'agent', name: 'Agents' },
              ]}
              chosen={by}
              onChoose={(value) => change({ by: value, name: undefined })}
            />
            <RangePicker search={search} otherwise={USUALLY} onChange={change} />
          </>
        }
      />
      <Answer
        of={usage}
        lines={14}
        empty={{
          when: ({ total }) => total.requests === 0,
          say: <Empty title="Nothing was asked">Choose a longer time, or point a client at the gateway.</Empty>,
        }}
      >
        {(report) => (
          <>
            <OverTime view={view} usage={report} />
            <Ranking view={view} usage={report} activity={activity} />
            {search.name !== undefined && <Closer key={`${by} ${search.name}`} view={view} name={search.name} />}
          </>
        )}
      </Answer>
    </>
  );
}
