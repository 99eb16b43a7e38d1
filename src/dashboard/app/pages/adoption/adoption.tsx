import { useNavigate, useSearch } from '@tanstack/react-router';
import { Download } from 'lucide-react';
import { pathOf } from '../../api/client.ts';
import { useApi } from '../../api/use-api.ts';
import { DownloadLink } from '../../design/button.tsx';
import { Columns, PageHead } from '../../design/card.tsx';
import { RangePicker } from '../../design/range.tsx';
import { rangeOf, wholeDays } from '../../design/time-range.ts';
import type { Range } from '../../design/time-range.ts';
import { Answer, Empty } from '../../design/states.tsx';
import { AdminsOnly, useMe } from '../../shell/me.tsx';
import { ActiveUsers, NewAndReturning } from './activity.tsx';
import { Distribution } from './distribution.tsx';
import { AdoptionFigures } from './figures.tsx';
import { Popularity } from './popularity.tsx';
import { AdoptionReport, adoptionPath } from './report.ts';
import { Teams } from './teams.tsx';
import { TopUsers } from './top-users.tsx';

const USUALLY = '30d';

export function Adoption() {
  if (useMe().role === 'admin') return <AdoptionPage />;
  return (
    <>
      <PageHead title="Adoption" />
      <AdminsOnly>{null}</AdminsOnly>
    </>
  );
}

/** Who adopts which tools? */
function AdoptionPage() {
  const search = useSearch({ from: '/adoption' });
  const navigate = useNavigate({ from: '/adoption' });
  const change = (patch: Partial<typeof search>) =>
    void navigate({ search: (old) => ({ ...old, ...patch }), resetScroll: false });
  const range = rangeOf(search, USUALLY);
  const report = useApi(adoptionPath(range), AdoptionReport, { keep: true });
  return (
    <>
      <PageHead
        title="Adoption"
        note="Who uses which tools, and how often. In whole days, UTC"
        actions={
          <>
            <RangePicker search={search} otherwise={USUALLY} onChange={change} />
            <DownloadLink href={csvPath(range)} icon={<Download size={15} aria-hidden />}>
              CSV
            </DownloadLink>
          </>
        }
      />
      <Answer
        of={report}
        lines={14}
        empty={{
          when: ({ totals }) => totals.users === 0,
          say: <Empty title="Nobody was active">Choose a longer time, or tell people of the gateway.</Empty>,
        }}
      >
        {(data) => (
          <>
            <AdoptionFigures report={data} range={wholeDays(range)} />
            <Columns least="30rem">
              <ActiveUsers days={data.days} active={search.active ?? 'day'} onChoose={(active) => change({ active })} />
              <NewAndReturning days={data.days} />
            </Columns>
            <Teams
              teams={data.teams}
              isCut={data.teams_truncated === true}
              users={data.users_truncated ? undefined : data.users}
              search={search}
            />
            <Columns least="24rem">
              <Distribution what="requests" bins={data.distribution.requests} />
              <Distribution what="tokens" bins={data.distribution.tokens} />
            </Columns>
            <Columns least="24rem">
              <Popularity group="model" range={wholeDays(range)} search={search} />
              <Popularity group="agent" range={wholeDays(range)} search={search} />
            </Columns>
            <TopUsers users={data.users} isCut={data.users_truncated} search={search} />
          </>
        )}
      </Answer>
    </>
  );
}

/** A row for each day with who used which model through which agent. */
function csvPath(range: Range): string {
  return pathOf('/api/usage', {
    ...wholeDays(range),
    group: ['login', 'agent', 'model'],
    interval: 'day',
    format: 'csv',
  });
}
