import { Link } from '@tanstack/react-router';
import { useApi } from '../../api/use-api.ts';
import { BarList } from '../../design/bar-list.tsx';
import { Card, Columns } from '../../design/card.tsx';
import { Choice } from '../../design/choice.tsx';
import { count, countExact } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Answer, Empty } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import type { View } from './guardrails.tsx';
import { OverTime } from './over-time.tsx';
import { ALL_OUTCOMES, amountOf, nameOf, OUTCOMES, VerdictReport, verdictsOver, verdictsPath } from './verdicts.ts';
import type { Outcome, VerdictGroup, VerdictSums } from './verdicts.ts';
import styles from './guardrails.module.css';

/** What rules and hooks found, but for what let all pass. */
export function VerdictsTab({ view }: { view: View }) {
  const { range, shadow, isAdmin, change } = view;
  return (
    <>
      <Card
        title="Over time"
        note={shadow ? 'What would have been done: nothing was stopped or changed' : 'What was done'}
        actions={
          <Choice
            label="Mode"
            options={[
              { value: 'force', name: 'In force' },
              { value: 'shadow', name: 'In shadow' },
            ]}
            chosen={shadow ? 'shadow' : 'force'}
            onChoose={(mode) => change({ mode: mode === 'shadow' ? 'shadow' : undefined })}
          />
        }
      >
        <OverTime
          label="Verdicts over time, by what came of them"
          range={range}
          path={verdictsPath(view, 'rule', range.interval)}
          schema={VerdictReport}
          seriesOf={verdictsOver}
          empty={{ when: ({ total }) => total.verdicts === 0, say: <Nothing view={view} /> }}
        />
      </Card>
      <Counted view={view} group="rule" title="By rule" note="Each figure leads to its requests" />
      <Columns>
        {isAdmin && <Counted view={view} group="login" title="By user" note="For whom it was" />}
        <Findings view={view} />
      </Columns>
    </>
  );
}

function Nothing({ view: { shadow } }: { view: View }) {
  return (
    <Empty title={shadow ? 'No rule in shadow found anything' : 'No rule or hook found anything'}>
      Rules are set under hooks in the configuration, and run for whom a grant names them.
    </Empty>
  );
}

interface CountedProps {
  view: View;
  group: 'rule' | 'login';
  title: string;
  note: string;
}

function Counted({ view, group, title, note }: CountedProps) {
  const report = useApi(verdictsPath(view, group), VerdictReport, { keep: true });
  return (
    <Card title={title} note={report.data?.truncated === true ? 'The most frequent; there are more' : note} flush>
      <Answer
        of={report}
        lines={5}
        empty={{ when: ({ items }) => items.length === 0, say: <Empty title="Nothing was found" /> }}
      >
        {({ items }) => (
          <Table
            caption={`Verdicts ${title.toLowerCase()}`}
            columns={columnsOf(view, group)}
            rows={items}
            id={(item) => nameOf(item, group)}
            sortedBy="requests"
            most={25}
          />
        )}
      </Answer>
    </Card>
  );
}

/** Of users, those that they noticed: the card is half as wide. */
const OUTCOMES_OF = { rule: ALL_OUTCOMES, login: ['blocked', 'changed'] } as const;

function columnsOf(view: View, group: 'rule' | 'login'): Column<VerdictSums>[] {
  const linked = (item: VerdictSums, number: number, outcome?: Outcome) => (
    <Requests view={view} group={group} name={nameOf(item, group)} number={number} outcome={outcome} />
  );
  return [
    {
      key: 'name',
      head: group === 'rule' ? 'Rule' : 'User',
      wide: true,
      cell: (item) => <Named view={view} group={group} name={nameOf(item, group)} />,
      sort: (item) => nameOf(item, group),
    },
    ...(group === 'rule'
      ? [
          {
            key: 'type',
            head: 'Kind',
            minor: true,
            cell: ({ type = '' }: VerdictSums) => <span className={styles.soft}>{type.replaceAll('_', ' ')}</span>,
            sort: ({ type = '' }: VerdictSums) => type,
          },
        ]
      : []),
    ...OUTCOMES_OF[group].map((outcome) => ({
      key: outcome,
      head: outcome === 'failed' ? 'No verdict' : OUTCOMES[outcome].name,
      figure: true,
      minor: outcome === 'flagged' || outcome === 'failed',
      cell: (item: VerdictSums) => linked(item, amountOf(item, outcome), outcome),
      title: (item: VerdictSums) => countExact(amountOf(item, outcome)),
      sort: (item: VerdictSums) => amountOf(item, outcome),
    })),
    {
      key: 'requests',
      head: 'Requests',
      figure: true,
      cell: (item) => linked(item, item.requests),
      title: ({ requests }) => countExact(requests),
      sort: ({ requests }) => requests,
    },
  ];
}

/** A name narrows the page to it. */
function Named({ view: { search }, group, name }: { view: View; group: 'rule' | 'login'; name: string }) {
  return (
    <Link to="/guardrails" search={{ ...search, [group]: name }} title="This alone">
      <Foreign>{name}</Foreign>
    </Link>
  );
}

interface RequestsProps {
  view: View;
  group: VerdictGroup;
  name: string;
  number: number;
  outcome: Outcome | undefined;
}

/** A figure that leads to the requests which it counts. */
function Requests({ view, group, name, number, outcome }: RequestsProps) {
  if (number === 0) return <span className={styles.none}>–</span>;
  return (
    <Link
      to="/requests"
      search={{ ...requestsOf(view), ...verdictOf(outcome), [group]: name }}
      className={styles.figure}
    >
      {count(number)}
    </Link>
  );
}

function requestsOf({ search: { rule, login }, range: { from, to }, shadow }: View) {
  return { rule, login, shadow: String(shadow), from, to };
}

function verdictOf(outcome: Outcome | undefined) {
  return outcome === undefined ? {} : { verdict: OUTCOMES[outcome].actions.join(',') };
}

const MOST_FINDINGS = 12;

function Findings({ view }: { view: View }) {
  const report = useApi(verdictsPath(view, 'finding'), VerdictReport, { keep: true });
  return (
    <Card title="What was found" note="How much of which kind. The values themselves are kept nowhere">
      <Answer
        of={report}
        lines={5}
        empty={{ when: ({ items }) => items.length === 0, say: <Empty title="Nothing was found" /> }}
      >
        {({ items }) => (
          <BarList
            label="Findings by kind"
            shares={false}
            bars={items
              .toSorted((one, other) => other.found - one.found)
              .slice(0, MOST_FINDINGS)
              .map((item) => ({
                id: nameOf(item, 'finding'),
                name: (
                  <Link to="/requests" search={{ ...requestsOf(view), finding: nameOf(item, 'finding') }}>
                    <Foreign>{nameOf(item, 'finding').replaceAll('_', ' ')}</Foreign>
                  </Link>
                ),
                value: item.found,
                shown: count(item.found),
                exact: countExact(item.found),
                note: `in ${countExact(item.requests)} request${item.requests === 1 ? '' : 's'}`,
              }))}
          />
        )}
      </Answer>
    </Card>
  );
}
