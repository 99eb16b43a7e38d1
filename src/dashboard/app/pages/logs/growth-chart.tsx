import { useMemo, useRef, useState } from 'react';
import type { KeyboardEvent, PointerEvent } from 'react';
import { inputTokens, cachedTokens } from '../../api/shapes.ts';
import { count, duration, money } from '../../design/format.ts';
import { tookMs } from './days.ts';
import type { Turn } from './shapes.ts';
import { barsPath, growthOf } from './turns.ts';
import styles from './growth-chart.module.css';

interface GrowthChartProps {
  turns: readonly Turn[];
  /** The number of the first. */
  first: number;
  onPick: (at: number) => void;
}

/**
 * A bar for each turn: tokens that went in, of which the darker part was new, and below what the turn cost. Thousands of
 * turns are one path each. Arrow keys go from turn to turn, Enter shows it in the list.
 */
export function GrowthChart({ turns, first, onPick }: GrowthChartProps) {
  const field = useRef<HTMLDivElement>(null);
  const [at, setAt] = useState<number | undefined>(undefined);
  const { cached, fresh, cost } = useMemo(() => growthOf(turns), [turns]);
  const mostTokens = Math.max(1, ...cached.map((tokens, turn) => tokens + (fresh[turn] ?? 0)));
  const mostCost = Math.max(1e-9, ...cost);
  const shown = at === undefined ? undefined : turns[at];

  const under = ({ clientX }: PointerEvent) => {
    const box = field.current?.getBoundingClientRect();
    if (box === undefined || box.width === 0) return undefined;
    return Math.min(turns.length - 1, Math.max(0, Math.floor(((clientX - box.left) / box.width) * turns.length)));
  };
  const keys = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
    if (step !== undefined) {
      event.preventDefault();
      setAt(Math.min(turns.length - 1, Math.max(0, (at ?? -1) + step)));
    } else if (event.key === 'Enter' && at !== undefined) onPick(at);
  };
  return (
    <figure className={styles.growth}>
      <figcaption className={styles.words}>
        <ul className={styles.legend}>
          <li data-of="cached">from the cache</li>
          <li data-of="fresh">new</li>
          <li data-of="cost">cost</li>
        </ul>
        <p className={styles.said}>
          {shown === undefined || at === undefined ? `${count(turns.length)} turns` : wordsOf(shown, first + at)}
        </p>
      </figcaption>
      <div className={styles.scales}>
        <span title="The most that went in at once">{count(mostTokens)}</span>
        <span title="The dearest turn">{money(String(Math.round(mostCost * 1e9)))}</span>
      </div>
      <div
        ref={field}
        className={styles.field}
        role="slider"
        tabIndex={0}
        aria-label="Turn"
        aria-valuemin={first}
        aria-valuemax={first + turns.length - 1}
        aria-valuenow={first + (at ?? 0)}
        aria-valuetext={shown === undefined || at === undefined ? 'none' : wordsOf(shown, first + at)}
        onPointerMove={(event) => setAt(under(event))}
        onPointerLeave={() => setAt(undefined)}
        onClick={() => {
          if (at !== undefined) onPick(at);
        }}
        onKeyDown={keys}
        onBlur={() => setAt(undefined)}
      >
        <svg
          viewBox={`0 0 ${turns.length} ${mostTokens}`}
          preserveAspectRatio="none"
          className={styles.tokens}
          aria-hidden
        >
          <path d={barsPath(cached, [], mostTokens)} data-of="cached" />
          <path d={barsPath(fresh, cached, mostTokens)} data-of="fresh" />
        </svg>
        <svg viewBox={`0 0 ${turns.length} ${mostCost}`} preserveAspectRatio="none" className={styles.cost} aria-hidden>
          <path d={barsPath(cost, [], mostCost)} data-of="cost" />
        </svg>
        {at !== undefined && (
          <i
            className={styles.at}
            style={{ left: `${(100 * at) / turns.length}%`, width: `max(2px, ${100 / turns.length}%)` }}
          />
        )}
      </div>
    </figure>
  );
}

function wordsOf(turn: Turn, number: number): string {
  const { usage, cost_nanodollars: cost, received_at, ended_at } = turn;
  const tokens =
    usage === null ? 'no usage told' : `${count(inputTokens(usage))} in, ${count(cachedTokens(usage))} of them cached`;
  const paid = cost === null ? '' : ` · ${money(cost)}`;
  return `Turn ${number} · ${tokens}${paid} · ${duration(tookMs(received_at, ended_at))}`;
}
