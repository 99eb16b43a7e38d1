import { useMemo } from 'react';
import { UsageReport } from '../../api/shapes.ts';
import type { UsageSums } from '../../api/shapes.ts';
import { useApi, useApis } from '../../api/use-api.ts';
import { Card } from '../../design/card.tsx';
import { Choice } from '../../design/choice.tsx';
import { count, money } from '../../design/format.ts';
import { intervalsOf } from '../../design/time-range.ts';
import { Answer, Empty } from '../../design/states.tsx';
import { TimeChart } from '../../design/time-chart.tsx';
import type { Series } from '../../design/time-chart.tsx';
import { groupsOf, reportPath } from './asked.ts';
import styles from './overview.module.css';
import type { View } from './overview.tsx';
import { DIMENSIONS, filterBy, MEASURES, OWN_DIMENSIONS } from '../../usage/dimensions.ts';
import type { Dimension, Measure } from '../../usage/dimensions.ts';
import { leadersOf, seriesOf, seriesOfEach } from '../../usage/series.ts';
import { plainName } from '../../usage/names.ts';
import { dimensionOf, usagePath } from '../../usage/usage.ts';

export const DIMENSION_NAMES: Record<Dimension, string> = {
  model: 'Model',
  agent: 'Agent',
  provider: 'Provider',
  login: 'User',
  group: 'Group',
};
export const MEASURE_NAMES: Record<Measure, string> = { cost: 'Cost', tokens: 'Tokens', requests: 'Requests' };

const FORMATS: Record<Measure, (value: number) => string> = {
  cost: (value) =>
    value >= 1 && Number.isInteger(value) ? `$${count(value)}` : money(BigInt(Math.round(value * 1e9))),
  tokens: count,
  requests: count,
};

/** The chart, and what it and the table below it are about. */
export function OverTime({ view }: { view: View }) {
  const { range, by, measure, isAdmin, change } = view;
  const report = useApi(reportPath(view), UsageReport, { keep: true });
  return (
    <Card
      title={`${MEASURE_NAMES[measure]} by ${DIMENSION_NAMES[by].toLowerCase()}`}
      note={range.interval === 'day' ? 'Each day, UTC' : 'Each hour'}
      actions={
        <>
          <Choice
            label="By"
            options={(isAdmin ? DIMENSIONS : OWN_DIMENSIONS).map((value) => ({ value, name: DIMENSION_NAMES[value] }))}
            chosen={by}
            onChoose={(value) => change({ by: value })}
          />
          <Choice
            label="Measure"
            options={MEASURES.map((value) => ({ value, name: MEASURE_NAMES[value] }))}
            chosen={measure}
            onChoose={(value) => change({ measure: value })}
          />
        </>
      }
    >
      <div className={styles.chart}>
        <Answer
          of={report}
          lines={10}
          empty={{
            when: ({ total }) => total.requests === 0,
            say: <Empty title="Nothing matches">No request of this time passes the filters.</Empty>,
          }}
        >
          {(data) => <Chart key={dimensionOf(data)} view={{ ...view, by: dimensionOf(data) }} report={data} />}
        </Answer>
      </div>
    </Card>
  );
}

/** Above this many figures only the leaders are drawn from figures of their own. */
const MANY_ITEMS = 3000;

function Chart({ view, report }: { view: View; report: UsageReport }) {
  const { by, measure } = view;
  const { from, to, interval } = view.range;
  const times = useMemo(() => intervalsOf({ from, to, interval }), [from, to, interval]);
  const groups = groupsOf(report);
  const leaders = useMemo(() => leadersOf(groups, by, measure), [groups, by, measure]);
  const isWhole = report.groups !== undefined && !report.truncated && report.items.length <= MANY_ITEMS;
  const made = { view, times, leaders };
  return isWhole ? <ChartOfAll {...made} items={report.items} /> : <ChartOfLeaders {...made} />;
}

interface MadeProps {
  view: View;
  times: readonly string[];
  leaders: readonly string[];
}

function ChartOfAll({ view, times, leaders, items }: MadeProps & { items: readonly UsageSums[] }) {
  const { by, measure } = view;
  const series = useMemo(
    () => seriesOf(times, items, by, measure, leaders, (name) => plainName(name, by)),
    [times, items, by, measure, leaders],
  );
  return <Drawn view={view} times={times} series={series} />;
}

function ChartOfLeaders({ view, times, leaders }: MadeProps) {
  const { filters, range, by, measure } = view;
  const ask = { group: 'api', interval: range.interval };
  const asked = leaders.filter((name) => name !== '');
  const each = useApis(
    asked.map((name) => usagePath({ ...filters, ...filterBy(by, name) }, range, ask)),
    UsageReport,
  );
  const all = useApi(usagePath(filters, range, ask), UsageReport, { keep: true });
  const missing = each.find(({ data }) => data === undefined);
  if (missing !== undefined) return <Answer of={missing}>{() => null}</Answer>;
  const found = each.flatMap(({ data }, at) => (data === undefined ? [] : [{ name: asked[at] ?? '', ...data }]));
  return (
    <Answer of={all} lines={10}>
      {({ items }) => (
        <Drawn
          view={view}
          times={times}
          series={seriesOfEach(times, found, items, by, measure, (name) => plainName(name, by))}
        />
      )}
    </Answer>
  );
}

function Drawn({ view, times, series }: { view: View; times: readonly string[]; series: readonly Series[] }) {
  const { range, by, measure } = view;
  return (
    <TimeChart
      label={`${MEASURE_NAMES[measure]} over time, by ${DIMENSION_NAMES[by].toLowerCase()}`}
      times={times}
      series={series}
      interval={range.interval}
      format={FORMATS[measure]}
      height={320}
    />
  );
}
