import { useMemo } from 'react';
import type { UsageReport } from '../../api/shapes.ts';
import { useApi } from '../../api/use-api.ts';
import { Card } from '../../design/card.tsx';
import { Choice } from '../../design/choice.tsx';
import { count, duration, money, percent } from '../../design/format.ts';
import { Answer, Empty } from '../../design/states.tsx';
import { TimeChart } from '../../design/time-chart.tsx';
import type { View } from './activity.tsx';
import { ActivityReport, activityPath } from './report.ts';
import { MEASURES } from './search.ts';
import type { Measure } from './search.ts';
import { barsOf, errorLines, latencyLines } from './series.ts';

const NAMES: Record<Measure, string> = {
  requests: 'Requests',
  tokens: 'Tokens',
  cost: 'Cost',
  errors: 'Errors',
  first_byte: 'First byte',
  whole: 'Whole answer',
};
const NOTES: Record<Measure, string> = {
  requests: 'Each day, UTC',
  tokens: 'Each day, UTC, of all kinds',
  cost: 'Each day, UTC, as far as it is known',
  errors: 'Of each day’s requests, how many a provider answered with an error',
  first_byte: 'Of each day’s streams, p95: 19 of 20 had begun within this time',
  whole: 'Of each day’s answers, p95: 19 of 20 were whole within this time',
};
const FORMATS: Record<Measure, (value: number) => string> = {
  requests: wholeCount,
  tokens: count,
  cost: (value) =>
    value >= 1 && Number.isInteger(value) ? `$${count(value)}` : money(BigInt(Math.round(value * 1e9))),
  errors: percent,
  first_byte: duration,
  whole: duration,
};
const HEIGHT = 280;

function wholeCount(value: number): string {
  return Number.isInteger(value) ? count(value) : '';
}

/** The leaders over time, by what is measured. */
export function OverTime({ view, usage }: { view: View; usage: UsageReport }) {
  const { by, measure, change } = view;
  return (
    <Card
      title={`${NAMES[measure]} by ${by}`}
      note={NOTES[measure]}
      actions={
        <Choice
          label="Measure"
          options={MEASURES.map((value) => ({ value, name: NAMES[value] }))}
          chosen={measure}
          onChoose={(value) => change({ measure: value })}
        />
      }
    >
      {measure === 'first_byte' || measure === 'whole' ? (
        <Times view={view} usage={usage} timed={measure} />
      ) : (
        <Sums view={view} usage={usage} measure={measure} />
      )}
    </Card>
  );
}

interface SumsProps {
  view: View;
  usage: UsageReport;
  measure: Exclude<Measure, 'first_byte' | 'whole'>;
}

function Sums({ view: { by, times }, usage: { items, groups = [] }, measure }: SumsProps) {
  const series = useMemo(
    () => (measure === 'errors' ? errorLines(times, items, groups, by) : barsOf(times, items, groups, by, measure)),
    [times, items, groups, by, measure],
  );
  return (
    <TimeChart
      key={measure}
      label={`${NAMES[measure]} over time, by ${by}`}
      times={times}
      series={series}
      interval="day"
      kind={measure === 'errors' ? 'lines' : 'bars'}
      format={FORMATS[measure]}
      height={HEIGHT}
    />
  );
}

function Times({ view, usage, timed }: { view: View; usage: UsageReport; timed: 'first_byte' | 'whole' }) {
  const { by, times, range } = view;
  const report = useApi(activityPath(range, by, { interval: 'day' }), ActivityReport, { keep: true });
  const items = report.data?.items;
  const series = useMemo(
    () => latencyLines(times, items ?? [], usage.groups ?? [], by, timed),
    [times, items, usage.groups, by, timed],
  );
  return (
    <Answer
      of={report}
      lines={10}
      empty={{
        when: ({ total }) => total[timed] === null,
        say: (
          <Empty title="Nothing was timed">
            No answer of this time came whole{timed === 'first_byte' && ' as a stream'}.
          </Empty>
        ),
      }}
    >
      {() => (
        <TimeChart
          key={timed}
          label={`${NAMES[timed]} over time, by ${by}`}
          times={times}
          series={series}
          interval="day"
          kind="lines"
          format={FORMATS[timed]}
          height={HEIGHT}
        />
      )}
    </Answer>
  );
}
