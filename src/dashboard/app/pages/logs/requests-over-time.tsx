import * as z from 'zod/mini';
import { useMemo } from 'react';
import { useApi } from '../../api/use-api.ts';
import { Card } from '../../design/card.tsx';
import { countExact } from '../../design/format.ts';
import { intervalsOf } from '../../design/time-range.ts';
import type { Range } from '../../design/time-range.ts';
import { Answer } from '../../design/states.tsx';
import { TimeChart } from '../../design/time-chart.tsx';
import { CLASSES, countsOf, sumsQuestion } from './over-time.ts';
import styles from './list.module.css';

const Counts = z.looseObject({
  items: z.array(z.looseObject({ time: z.string(), status: z.number(), requests: z.number() })),
});

/** When there were how many, and when they went wrong. Not there where the list is narrowed by what is not summed. */
export function RequestsOverTime({ question, range }: { question: string; range: Range }) {
  const asked = sumsQuestion(question, range);
  const counts = useApi(`/api/usage?${asked ?? ''}`, Counts, { enabled: asked !== undefined, keep: true });
  const times = useMemo(() => intervalsOf(range), [range]);
  const series = useMemo(
    () => countsOf(counts.data?.items ?? [], times).map((values, at) => ({ name: CLASSES[at] ?? '', values })),
    [counts.data, times],
  );
  if (asked === undefined) return null;
  return (
    <Card>
      <div className={styles.overTime} data-interval={range.interval}>
        <Answer of={counts} lines={5}>
          {() => (
            <TimeChart
              label="Requests over time, by how they were answered"
              times={times}
              series={series}
              interval={range.interval}
              format={countExact}
              height={CHART_PX}
            />
          )}
        </Answer>
      </div>
    </Card>
  );
}

const CHART_PX = 120;
