import { Link } from '@tanstack/react-router';
import type { UseQueryResult } from '@tanstack/react-query';
import { inputTokens, outputTokens } from '../../api/shapes.ts';
import type { UsageReport, UsageSums } from '../../api/shapes.ts';
import { Card } from '../../design/card.tsx';
import { count, countExact, duration, percent } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Failure } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { plainName } from '../../usage/names.ts';
import { costInFull, costShown, nameIn } from '../../usage/usage.ts';
import styles from './activity.module.css';
import type { View } from './activity.tsx';
import type { ActivityItem, ActivityReport } from './report.ts';
import { errorShare } from './series.ts';

const NONE = '–';

interface Row {
  name: string;
  sums: UsageSums;
  /** Undefined until it is told. */
  activity: ActivityItem | undefined;
}

interface RankingProps {
  view: View;
  usage: UsageReport;
  activity: UseQueryResult<ActivityReport>;
}

/** All of them beside one another; a name looks at one more closely. */
export function Ranking({ view, usage, activity }: RankingProps) {
  const { by, search } = view;
  const told = new Map((activity.data?.items ?? []).map((item) => [nameIn(item, by), item]));
  const rows = (usage.groups ?? []).map((sums) => ({
    name: nameIn(sums, by),
    sums,
    activity: told.get(nameIn(sums, by)),
  }));
  const isCut = usage.truncated || activity.data?.truncated === true;
  return (
    <Card
      title={by === 'model' ? 'Models' : 'Agents'}
      note={`${isCut ? 'The first 10,000. ' : ''}p50: half of the answers took no longer; p95: 19 of 20. A name leads to its own times${view.isAdmin ? ', and who uses it' : ''}`}
      flush
    >
      {activity.data === undefined && activity.error !== null && (
        <Failure error={activity.error} again={() => void activity.refetch()} />
      )}
      <Table
        key={by}
        caption={`Activity by ${by}`}
        columns={columnsOf(view)}
        rows={rows}
        id={({ name }) => name}
        sortedBy="requests"
        most={20}
        marked={({ name }) => name === search.name}
        foot={<Foot usage={usage} total={activity.data?.total} isAdmin={view.isAdmin} />}
      />
    </Card>
  );
}

function columnsOf(view: View): Column<Row>[] {
  return [
    {
      key: 'name',
      head: view.by === 'model' ? 'Model' : 'Agent',
      wide: true,
      cell: ({ name }) => <Name view={view} name={name} />,
      title: ({ name }) => plainName(name, view.by),
      sort: ({ name }) => name,
    },
    figure('requests', 'Requests', ({ sums }) => sums.requests),
    ...(view.isAdmin ? [figure('users', 'Users', ({ activity }) => activity?.users)] : []),
    {
      key: 'cost',
      head: 'Cost',
      figure: true,
      cell: ({ sums }) => costShown(sums),
      title: ({ sums }) => costInFull(sums),
      sort: ({ sums }) => BigInt(sums.cost_nanodollars),
    },
    figure('in', 'In', ({ sums }) => inputTokens(sums.usage)),
    figure('out', 'Out', ({ sums }) => outputTokens(sums.usage)),
    {
      key: 'errors',
      head: 'Errors',
      figure: true,
      cell: ({ sums }) => shareText(sums),
      title: ({ sums }) => errorsInFull(sums),
      sort: ({ sums }) => errorShare(sums) ?? -1,
    },
    time('first_p50', 'First byte p50', 'first_byte', 'p50_ms'),
    time('first_p95', 'p95', 'first_byte', 'p95_ms'),
    time('whole_p50', 'Whole p50', 'whole', 'p50_ms'),
    time('whole_p95', 'p95', 'whole', 'p95_ms'),
  ];
}

function figure(key: string, head: string, of: (row: Row) => number | undefined): Column<Row> {
  return {
    key,
    head,
    figure: true,
    cell: (row) => shown(of(row), count),
    title: (row) => shown(of(row), countExact),
    sort: (row) => of(row) ?? -1,
  };
}

function time(key: string, head: string, timed: 'first_byte' | 'whole', which: 'p50_ms' | 'p95_ms'): Column<Row> {
  const of = ({ activity }: Row) => activity?.[timed]?.[which];
  return {
    key,
    head,
    figure: true,
    cell: (row) => shown(of(row), duration),
    title: ({ activity }) => timeInFull(activity?.[timed], which),
    sort: (row) => of(row) ?? -1,
  };
}

function shown(value: number | undefined, how: (value: number) => string): string {
  return value === undefined ? NONE : how(value);
}

function timeInFull(latency: ActivityItem['whole'] | undefined, which: 'p50_ms' | 'p95_ms'): string | undefined {
  if (latency === undefined || latency === null) return undefined;
  return `${countExact(latency[which])} ms, of ${countExact(latency.requests)} answers`;
}

function shareText(sums: UsageSums): string {
  const share = errorShare(sums);
  return share === null ? NONE : percent(share);
}

function errorsInFull({ requests, refused, errors }: UsageSums): string {
  return `${countExact(errors)} of ${countExact(requests - refused)} that were sent to a provider`;
}

function Name({ view: { search }, name }: { view: View; name: string }) {
  if (name === '') return <span className={styles.none}>{NONE}</span>;
  const isChosen = search.name === name;
  return (
    <Link
      from="/activity"
      to="/activity"
      search={(old) => ({ ...old, name: isChosen ? undefined : name })}
      resetScroll={false}
      className={styles.name}
      aria-current={isChosen ? 'true' : undefined}
    >
      <Foreign>{name}</Foreign>
    </Link>
  );
}

interface FootProps {
  usage: UsageReport;
  total: ActivityReport['total'] | undefined;
  isAdmin: boolean;
}

function Foot({ usage: { total: sums }, total, isAdmin }: FootProps) {
  const times = [
    ['first_p50', total?.first_byte, 'p50_ms'],
    ['first_p95', total?.first_byte, 'p95_ms'],
    ['whole_p50', total?.whole, 'p50_ms'],
    ['whole_p95', total?.whole, 'p95_ms'],
  ] as const;
  return (
    <tr className={styles.foot} data-row="total">
      <td>All</td>
      <CountCell name="requests" value={sums.requests} />
      {isAdmin && <CountCell name="users" value={total?.users} />}
      <td data-cell="cost" title={costInFull(sums)}>
        {costShown(sums)}
      </td>
      <CountCell name="in" value={inputTokens(sums.usage)} />
      <CountCell name="out" value={outputTokens(sums.usage)} />
      <td data-cell="errors" title={errorsInFull(sums)}>
        {shareText(sums)}
      </td>
      {times.map(([key, latency, which]) => (
        <td key={key} data-cell={key} title={timeInFull(latency, which)}>
          {shown(latency?.[which], duration)}
        </td>
      ))}
    </tr>
  );
}

function CountCell({ name, value }: { name: string; value: number | undefined }) {
  return (
    <td data-cell={name} title={shown(value, countExact)}>
      {shown(value, count)}
    </td>
  );
}
