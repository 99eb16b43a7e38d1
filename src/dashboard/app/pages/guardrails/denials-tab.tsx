import { Link } from '@tanstack/react-router';
import { useApi } from '../../api/use-api.ts';
import { BarList } from '../../design/bar-list.tsx';
import { Card, Columns } from '../../design/card.tsx';
import { count, countExact, percent } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Answer, Empty } from '../../design/states.tsx';
import { countColumn, Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { codeInWords, DENIAL_NAMES, DenialReport, denialsOver, denialsPath } from './denials.ts';
import type { Denied } from './denials.ts';
import type { View } from './guardrails.tsx';
import styles from './guardrails.module.css';
import { OverTime } from './over-time.tsx';

/** What was denied, by whose word, and to whom. */
export function DenialsTab({ view }: { view: View }) {
  const { search, range, isAdmin } = view;
  const report = useApi(denialsPath(search, range, 'denial'), DenialReport, { keep: true });
  return (
    <>
      <Card title="Over time" note="Requests, by what denied them">
        <OverTime
          label="Denied requests over time, by what denied them"
          range={range}
          path={denialsPath(search, range, 'denial', range.interval)}
          schema={DenialReport}
          seriesOf={denialsOver}
          empty={{ when: ({ total }) => total.requests === 0, say: NOTHING }}
        />
      </Card>
      <Card title="By reason" note="Each leads to its requests" flush>
        <Answer of={report} lines={5} empty={{ when: ({ items }) => items.length === 0, say: NOTHING }}>
          {({ items, total }) => (
            <Table
              caption="Denials by reason"
              columns={columnsOf(view, total.requests)}
              rows={items}
              id={({ denial, code = '' }) => `${denial ?? ''} ${code}`}
              sortedBy="requests"
            />
          )}
        </Answer>
      </Card>
      <Columns>
        {isAdmin && <Leaders view={view} by="login" title="By user" />}
        <Leaders view={view} by="model" title="By model" />
      </Columns>
    </>
  );
}

const NOTHING = <Empty title="Nothing was denied" />;

function columnsOf({ search: { login }, range: { from, to } }: View, all: number): Column<Denied>[] {
  return [
    {
      key: 'denial',
      head: 'Denied by',
      cell: ({ denial = 'other', code }) => (
        <Link to="/requests" search={{ denial, denied_by: code, login, from, to }}>
          {DENIAL_NAMES[denial]}
        </Link>
      ),
      sort: ({ denial = 'other' }) => DENIAL_NAMES[denial],
    },
    {
      key: 'code',
      head: 'Why',
      wide: true,
      cell: ({ code = '' }) => <Foreign>{codeInWords(code)}</Foreign>,
      title: ({ code }) => code,
      sort: ({ code = '' }) => codeInWords(code),
    },
    countColumn('requests', 'Requests'),
    {
      key: 'share',
      head: 'Share',
      figure: true,
      minor: true,
      cell: ({ requests }) => percent(requests / all),
    },
  ];
}

const MOST_LEADERS = 10;

function Leaders({ view: { search, range }, by, title }: { view: View; by: 'login' | 'model'; title: string }) {
  const report = useApi(denialsPath(search, range, by), DenialReport, { keep: true });
  const { from, to } = range;
  return (
    <Card
      title={title}
      note={
        (report.data?.items.length ?? 0) > MOST_LEADERS
          ? `The ${MOST_LEADERS} most frequent`
          : 'Each leads to its requests'
      }
    >
      <Answer of={report} lines={5} empty={{ when: ({ items }) => items.length === 0, say: NOTHING }}>
        {({ items, total }) => (
          <BarList
            label={`Denials ${title.toLowerCase()}`}
            total={total.requests}
            bars={items.slice(0, MOST_LEADERS).map((item) => {
              const name = item[by] ?? '';
              const shown =
                name === '' ? <span className={styles.none}>none was named</span> : <Foreign>{name}</Foreign>;
              return {
                id: name,
                name: (
                  <Link to="/requests" search={{ login: search.login, [by]: name, denial: 'any', from, to }}>
                    {shown}
                  </Link>
                ),
                value: item.requests,
                shown: count(item.requests),
                exact: countExact(item.requests),
              };
            })}
          />
        )}
      </Answer>
    </Card>
  );
}
