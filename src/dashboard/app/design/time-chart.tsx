import { useEffect, useMemo, useRef, useState } from 'react';
import type { KeyboardEvent } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { colour, seriesColour } from './colours.ts';
import { day } from './format.ts';
import { useIsDark } from './theme.ts';
import styles from './time-chart.module.css';

export interface Series {
  name: string;
  /** One for each time; null where there is nothing to tell, where a line has a gap. */
  values: readonly (number | null)[];
}

interface TimeChartProps {
  /** What it shows, for those who do not see it. */
  label: string;
  /** When each interval begins: RFC 3339, in order, without gaps. */
  times: readonly string[];
  series: readonly Series[];
  interval: 'hour' | 'day';
  /** `bars` are stacked, in the order of the series from below. */
  kind?: 'bars' | 'lines';
  format: (value: number) => string;
  height?: number;
}

/** What happened over time. Arrow keys go from interval to interval, Home and End to the ends; the figures of one are told in words. */
export function TimeChart({ label, times, series, interval, kind = 'bars', format, height = 240 }: TimeChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const [at, setAt] = useState<number | undefined>(undefined);
  const isDark = useIsDark();
  const drawn = useMemo(
    () => (kind === 'bars' ? stacked(series) : series.map(({ values }) => [...values])),
    [series, kind],
  );

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const made = new uPlot(
      optionsOf({ width: element.clientWidth, height, kind, interval, format, count: series.length, onCursor: setAt }),
      [times.map((time) => Date.parse(time) / 1000), ...drawn],
      element,
    );
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = undefined;
    };
    // Colours are read from the page as it is drawn: a theme that changes draws it anew.
  }, [drawn, times, height, kind, interval, format, series.length, isDark]);

  const go = (event: KeyboardEvent) => {
    const last = times.length - 1;
    const wanted = { ArrowRight: (at ?? -1) + 1, ArrowLeft: (at ?? last + 1) - 1, Home: 0, End: last }[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    const next = Math.min(last, Math.max(0, wanted));
    const chart = plot.current;
    chart?.setCursor({ left: chart.valToPos(chart.data[0][next] ?? 0, 'x'), top: 10 });
    setAt(next);
  };
  const when = at === undefined ? undefined : times[at];
  return (
    <figure className={styles.figure}>
      <Legend series={series} />
      <div ref={place} className={styles.plot} role="img" aria-label={label} tabIndex={0} onKeyDown={go} />
      {at !== undefined && when !== undefined && (
        <div className={styles.tip} data-side={at > times.length / 2 ? 'left' : 'right'} role="status">
          <p className={styles.when}>{intervalName(when, interval)}</p>
          <ul>
            {series.map(({ name, values }, index) =>
              values[at] === null || (values[at] === 0 && series.length > 1) ? null : (
                <li key={name}>
                  <i className={styles.dot} style={{ background: seriesColour(index) }} />
                  <span>{name}</span>
                  <b>{format(values[at] ?? 0)}</b>
                </li>
              ),
            )}
          </ul>
          {kind === 'bars' && series.length > 1 && (
            <p className={styles.sum}>
              <span>Total</span>
              <b>{format(series.reduce((sum, { values }) => sum + (values[at] ?? 0), 0))}</b>
            </p>
          )}
        </div>
      )}
    </figure>
  );
}

function Legend({ series }: { series: readonly Series[] }) {
  if (series.length < 2) return null;
  return (
    <figcaption className={styles.legend}>
      {series.map(({ name }, at) => (
        <span key={name}>
          <i className={styles.dot} style={{ background: seriesColour(at) }} />
          {name}
        </span>
      ))}
    </figcaption>
  );
}

function intervalName(time: string, interval: 'hour' | 'day'): string {
  if (interval === 'day') return `${day(time)} (UTC)`;
  const clock = new Date(time).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
  return `${new Date(time).toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })}, ${clock}`;
}

/** Each series on top of those before it; the tallest comes first, so that the others are drawn over it. */
function stacked(series: readonly Series[]): number[][] {
  const sums: number[][] = [];
  let below: readonly number[] = [];
  for (const { values } of series) {
    const sum = values.map((value, at) => (value ?? 0) + (below[at] ?? 0));
    sums.push(sum);
    below = sum;
  }
  return sums.toReversed();
}

interface Look {
  width: number;
  height: number;
  kind: 'bars' | 'lines';
  interval: 'hour' | 'day';
  format: (value: number) => string;
  count: number;
  onCursor: (at: number | undefined) => void;
}

function optionsOf({ width, height, kind, interval, format, count, onCursor }: Look): uPlot.Options {
  const [line, text] = [colour('line'), colour('text-faint')];
  const font = `12px ${getComputedStyle(document.body).fontFamily}`;
  const axis = { stroke: text, font, ticks: { show: false }, border: { show: false } };
  const bars = uPlot.paths.bars?.({ size: [0.72, 48], radius: count === 1 ? 0.15 : 0 });
  return {
    width,
    height,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: kind === 'lines' }, drag: { x: false, y: false } },
    // The books are kept by UTC days; hours are shown in the reader's own time.
    ...(interval === 'day' ? { tzDate: (seconds: number) => uPlot.tzDate(new Date(seconds * 1000), 'Etc/UTC') } : {}),
    scales: {
      x: { range: (_, from, to) => aroundBars(from, to, interval) },
      y: { range: (_, _from, to) => [0, to <= 0 ? 1 : to * 1.05] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 64,
        // A line for the day, and for hours one more.
        size: interval === 'day' ? 30 : 46,
        ...(interval === 'day'
          ? {
              values: (_: uPlot, at: number[]) => at.map((seconds) => day(new Date(seconds * 1000).toISOString())),
              incrs: DAYS,
            }
          : { values: HOURS }),
      },
      { ...axis, grid: { stroke: line, width: 1 }, size: 64, values: (_, at) => at.map(format) },
    ],
    series: [
      {},
      ...Array.from({ length: count }, (_, index) => {
        const place = kind === 'bars' ? count - 1 - index : index;
        const paint = colour(`series-${Math.min(place + 1, 8)}`);
        return kind === 'bars'
          ? {
              fill: paint,
              stroke: paint,
              width: 0,
              points: { show: false },
              ...(bars === undefined ? {} : { paths: bars }),
            }
          : { stroke: paint, width: 2, points: { show: true, size: 5, fill: paint } };
      }),
    ],
    hooks: { setCursor: [({ cursor }) => onCursor(cursor.idx ?? undefined)] },
  };
}

const DAY_SECONDS = 86_400;
const DAYS = [1, 2, 7, 14, 30, 90].map((days) => days * DAY_SECONDS);
const HOURS = [
  [3600, '{HH}:00', '\n{D} {MMM}', null, '\n{D} {MMM}', null, null, null, 1],
  [60, '{HH}:{mm}', '\n{D} {MMM}', null, '\n{D} {MMM}', null, null, null, 1],
] as (string | number | null)[][];

/** The first and the last bar stand whole. */
function aroundBars(from: number, to: number, interval: 'hour' | 'day'): [number, number] {
  const half = interval === 'day' ? DAY_SECONDS / 2 : 1800;
  return [from - half, to + half];
}
