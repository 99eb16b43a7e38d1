import { Link } from '@tanstack/react-router';
import { cachedTokens, inputTokens, outputTokens, totalTokens, UsageReport } from '../../api/shapes.ts';
import type { UsageSums } from '../../api/shapes.ts';
import { useApi } from '../../api/use-api.ts';
import { Card } from '../../design/card.tsx';
import { seriesColour } from '../../design/colours.ts';
import { count, countExact, money, moneyExact, percent } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Answer, Empty } from '../../design/states.tsx';
import { Table } from '../../design/table.tsx';
import type { Column } from '../../design/table.tsx';
import { Count } from '../../design/texts.tsx';
import { groupsOf, reportPath } from './asked.ts';
import { DIMENSION_NAMES, MEASURE_NAMES } from './over-time.tsx';
import styles from './overview.module.css';
import type { View } from './overview.tsx';
import { filterBy } from '../../usage/dimensions.ts';
import type { Dimension } from '../../usage/dimensions.ts';
import { leadersOf } from '../../usage/series.ts';
import { plainName } from '../../usage/names.ts';
import { amountOf, costInFull, costPerMillion, costShown, dimensionOf, nameIn } from '../../usage/usage.ts';

const MOST_ROWS = 20;

/** The same figures for each model, user, … : a row leads to the page of that alone, and to its requests. */
export function Breakdown({ view }: { view: View }) {
  const { by } = view;
  const report = useApi(reportPath(view), UsageReport, { keep: true });
  return (
    <Card title={`By ${nameOf(by)}`} {...(by === 'group' ? { note: GROUPS_NOTE } : {})} flush>
      <Answer
        of={report}
        lines={8}
        empty={{ when: ({ items }) => items.length === 0, say: <Empty title="Nothing matches" /> }}
      >
        {(data) => <Rows view={{ ...view, by: dimensionOf(data) }} report={data} />}
      </Answer>
    </Card>
  );
}

function Rows({ view, report }: { view: View; report: UsageReport }) {
  const { by, measure } = view;
  const { total, truncated } = report;
  const groups = groupsOf(report);
  return (
    <>
      <Table
        key={`${by} ${measure}`}
        caption={`Usage by ${nameOf(by)}`}
        columns={columnsOf(view, total, leadersOf(groups, by, measure))}
        rows={groups}
        id={(item) => nameIn(item, by)}
        sortedBy={measure}
        most={MOST_ROWS}
        foot={<Foot total={total} />}
      />
      {truncated && (
        <p className={styles.cut}>
          There are more than these {countExact(groups.length)}: the dearest are shown. Narrow the time or filter.
        </p>
      )}
    </>
  );
}

function nameOf(by: Dimension): string {
  return DIMENSION_NAMES[by].toLowerCase();
}

const GROUPS_NOTE = 'Somebody in several groups counts in each of them, and in the total once';

function columnsOf(view: View, total: UsageSums, leaders: readonly string[]): Column<UsageSums>[] {
  const { by, measure } = view;
  const whole = amountOf(total, measure);
  const tokens = (key: string, head: string, of: (usage: UsageSums['usage']) => number): Column<UsageSums> => ({
    key,
    head,
    figure: true,
    cell: ({ usage }) => count(of(usage)),
    title: ({ usage }) => countExact(of(usage)),
    sort: ({ usage }) => of(usage),
  });
  return [
    {
      key: 'name',
      head: DIMENSION_NAMES[by],
      wide: true,
      cell: (item) => <Name view={view} name={nameIn(item, by)} place={leaders.indexOf(nameIn(item, by))} />,
      title: (item) => plainName(nameIn(item, by), by),
      sort: (item) => nameIn(item, by),
    },
    {
      key: 'cost',
      head: 'Cost',
      figure: true,
      cell: costShown,
      title: costInFull,
      sort: ({ cost_nanodollars }) => BigInt(cost_nanodollars),
    },
    {
      key: 'share',
      head: `Share of ${MEASURE_NAMES[measure].toLowerCase()}`,
      figure: true,
      cell: (item) => <Share of={whole === 0 ? 0 : amountOf(item, measure) / whole} />,
      sort: (item) => amountOf(item, measure),
    },
    {
      key: 'requests',
      head: 'Requests',
      figure: true,
      cell: (item) => <RequestsLink view={view} name={nameIn(item, by)} number={item.requests} />,
      title: ({ requests, refused }) => `${countExact(requests)}, of these ${countExact(refused)} refused`,
      sort: ({ requests }) => requests,
    },
    tokens('tokens', 'Tokens', totalTokens),
    tokens('input', 'In', inputTokens),
    tokens('cached', 'From cache', cachedTokens),
    tokens('output', 'Out', outputTokens),
    tokens('reasoning', 'Reasoning', (usage) => usage['reasoning'] ?? 0),
    {
      key: 'per_million',
      head: '$ per million',
      figure: true,
      cell: (item) => moneyOrNone(costPerMillion(item)),
      title: (item) => {
        const cost = costPerMillion(item);
        return cost === undefined ? undefined : `${moneyExact(cost)} for a million tokens, of whatever kind`;
      },
      sort: (item) => costPerMillion(item) ?? -1n,
    },
  ];
}

function moneyOrNone(cost: bigint | undefined): string {
  return cost === undefined ? '–' : money(cost);
}

/** With its colour in the chart. */
function Name({ view, name, place }: { view: View; name: string; place: number }) {
  const colour = place < 0 ? seriesColour(7) : seriesColour(place);
  const { by } = view;
  return (
    <span className={styles.name}>
      <i className={styles.dot} style={{ background: colour }} />
      {name === '' ? (
        <span className={styles.nameless}>{plainName(name, by)}</span>
      ) : (
        <Link from="/" to="/" search={(old) => ({ ...old, ...filterBy(by, name) })} title="Show this alone">
          <Foreign>{name}</Foreign>
        </Link>
      )}
    </span>
  );
}

function Share({ of }: { of: number }) {
  return (
    <span className={styles.share}>
      <span className={styles.track}>
        <i style={{ width: `${Math.min(100, 100 * of)}%` }} />
      </span>
      <span className={styles.percent}>{percent(of)}</span>
    </span>
  );
}

/** Requests of no model have no filter that finds them. */
function RequestsLink({ view, name, number }: { view: View; name: string; number: number }) {
  if (name === '') return <Count of={number} />;
  return (
    <Link to="/requests" search={requestsSearch(view, view.by, name)} title="Show these requests">
      {count(number)}
    </Link>
  );
}

/** The filters have the same names there. */
function requestsSearch({ filters, search }: View, by: Dimension, name: string) {
  const { from, to } = search;
  const isCustom = from !== undefined || to !== undefined;
  const range = isCustom ? undefined : (search.range ?? '30d');
  const { status, ...others } = { ...filters, ...filterBy(by, name) };
  return { ...others, status: status === undefined ? undefined : String(status), from, to, range };
}

function Foot({ total }: { total: UsageSums }) {
  const { usage } = total;
  const perMillion = costPerMillion(total);
  const figures: [string, number][] = [
    ['requests', total.requests],
    ['tokens', totalTokens(usage)],
    ['input', inputTokens(usage)],
    ['cached', cachedTokens(usage)],
    ['output', outputTokens(usage)],
    ['reasoning', usage['reasoning'] ?? 0],
  ];
  return (
    <tr className={styles.foot} data-row="total">
      <td>Total</td>
      <td data-cell="cost" title={costInFull(total)}>
        {costShown(total)}
      </td>
      <td />
      {figures.map(([key, number]) => (
        <td key={key} data-cell={key} title={countExact(number)}>
          {count(number)}
        </td>
      ))}
      <td data-cell="per_million">{moneyOrNone(perMillion)}</td>
    </tr>
  );
}
