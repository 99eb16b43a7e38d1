import { useMemo } from 'react';
import { UsageReport } from '../../api/shapes.ts';
import { useApi, useApis } from '../../api/use-api.ts';
import { Card } from '../../design/card.tsx';
import { Choice } from '../../design/choice.tsx';
import { count, money } from '../../design/format.ts';
import { intervalsOf } from '../../design/range.tsx';
import { Answer, Empty } from '../../design/states.tsx';
import { TimeChart } from '../../design/time-chart.tsx';
import type { Series } from '../../design/time-chart.tsx';
import styles from './overview.module.css';
import type { View } from './overview.tsx';
import { DIMENSIONS, filterBy, MEASURES, OWN_DIMENSIONS } from './dimensions.ts';
import type { Dimension, Measure } from './dimensions.ts';
import { leadersOf, seriesOf, seriesOfEach } from './series.ts';
import { plainName } from './names.ts';
import { usagePath } from './usage.ts';

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
  const { filters, range, by, measure, isAdmin, change } = view;
  const report = useApi(usagePath(filters, range, { group: by }), UsageReport, { keep: true });
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
          {({ items }) => <Chart view={view} leaders={leadersOf(items, by, measure)} />}
        </Answer>
      </div>
    </Card>
  );
}

function Chart({ view, leaders }: { view: View; leaders: string[] }) {
  const { filters, range, by } = view;
  const { interval } = range;
  const timed = useApi(usagePath(filters, range, { group: by, interval }), UsageReport, { keep: true });
  return (
    <Answer of={timed} lines={10}>
      {({ items, truncated }) =>
        truncated ? (
          <ChartOfEach view={view} leaders={leaders} />
        ) : (
          <Drawn
            view={view}
            draw={(times) => seriesOf(times, items, by, view.measure, leaders, (name) => plainName(name, by))}
            of={items}
          />
        )
      }
    </Answer>
  );
}

/** So many have a name that one report does not tell them all: the leaders are asked for one by one. */
function ChartOfEach({ view, leaders }: { view: View; leaders: string[] }) {
  const { filters, range, by, measure } = view;
  const { interval } = range;
  const asked = leaders.filter((name) => name !== '');
  const each = useApis(
    asked.map((name) => usagePath({ ...filters, ...filterBy(by, name) }, range, { group: 'api', interval })),
    UsageReport,
  );
  const all = useApi(usagePath(filters, range, { group: 'api', interval }), UsageReport, { keep: true });
  const found = each.flatMap(({ data }, at) => (data === undefined ? [] : [{ name: asked[at] ?? '', ...data }]));
  const failed = each.find(({ error }) => error !== null);
  if (failed !== undefined) return <Answer of={failed}>{() => null}</Answer>;
  return (
    <Answer of={all} lines={10}>
      {({ items }) => (
        <Drawn
          view={view}
          draw={(times) =>
            found.length < asked.length
              ? []
              : seriesOfEach(times, found, items, by, measure, (name) => plainName(name, by))
          }
          of={found.length < asked.length ? undefined : items}
        />
      )}
    </Answer>
  );
}

/** `of`: what the series are made of; they are made anew when that changes, and not with every look. */
function Drawn({ view, draw, of }: { view: View; draw: (times: string[]) => Series[]; of: unknown }) {
  const { range, by, measure } = view;
  const { from, to, interval } = range;
  const times = useMemo(() => intervalsOf({ from, to, interval }), [from, to, interval]);
  // eslint-disable-next-line react-hooks/exhaustive-deps -- `draw` is another function each time, and draws the same
  const series = useMemo(() => draw(times), [times, of, by, measure]);
  return (
    <TimeChart
      label={`${MEASURE_NAMES[measure]} over time, by ${DIMENSION_NAMES[by].toLowerCase()}`}
      times={times}
      series={series}
      interval={interval}
      format={FORMATS[measure]}
      height={260}
    />
  );
}
