import { useMemo } from 'react';
import type { ReactNode } from 'react';
import type * as z from 'zod/mini';
import { useApi } from '../../api/use-api.ts';
import { countExact } from '../../design/format.ts';
import { Answer } from '../../design/states.tsx';
import { intervalsOf } from '../../design/time-range.ts';
import type { Range } from '../../design/time-range.ts';
import { TimeChart } from '../../design/time-chart.tsx';
import styles from './guardrails.module.css';

interface OverTimeProps<Item, Report extends { items: Item[] }> {
  label: string;
  range: Range;
  /** Where the API has the report by these intervals, and what it looks like. */
  path: string;
  schema: z.ZodMiniType<Report>;
  /** Made once: a chart is drawn anew for another. */
  seriesOf: (times: readonly string[], items: readonly Item[]) => { name: string; values: number[] }[];
  empty: { when: (report: Report) => boolean; say: ReactNode };
}

/** What a report counts, over time. As tall while it is awaited. */
export function OverTime<Item, Report extends { items: Item[] }>({
  label,
  range: { from, to, interval },
  path,
  schema,
  seriesOf,
  empty,
}: OverTimeProps<Item, Report>) {
  const times = useMemo(() => intervalsOf({ from, to, interval }), [from, to, interval]);
  const report = useApi(path, schema, { keep: true });
  const series = useMemo(() => seriesOf(times, report.data?.items ?? []), [seriesOf, times, report.data]);
  return (
    <div className={styles.chart}>
      <Answer of={report} lines={8} empty={empty}>
        {() => (
          <TimeChart label={label} times={times} series={series} interval={interval} format={countExact} height={220} />
        )}
      </Answer>
    </div>
  );
}
