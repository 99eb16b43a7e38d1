import { useWindowVirtualizer } from '@tanstack/react-virtual';
import { useImperativeHandle, useLayoutEffect, useMemo, useRef, useState } from 'react';
import type { KeyboardEvent, Ref, RefObject } from 'react';
import { time } from '../../design/format.ts';
import { clock } from './days.ts';
import type { ToolCall, Turn } from './shapes.ts';
import { TurnRow } from './turn-row.tsx';
import { axisOf, callsByRequest, callsOf, startsGroup } from './turns.ts';
import styles from './turn-list.module.css';

export interface TurnListHandle {
  /** Brings a turn into view and gives it the focus. */
  show: (at: number) => void;
}

interface TurnListProps {
  ref: Ref<TurnListHandle>;
  turns: readonly Turn[];
  /** The number of the first. */
  first: number;
  /** The newest first, as the API lists them. */
  calls: readonly ToolCall[];
  picked: number | undefined;
}

/** A row without calls of tools; what is measured corrects it. */
const ROW_PX = 38;
const ROWS_AROUND = 12;

/** Only the turns that are near the screen are there: a thousand of them scroll like ten. */
export function TurnList({ ref, turns, first, calls, picked }: TurnListProps) {
  const frame = useRef<HTMLDivElement>(null);
  const margin = useTopOf(frame);
  const [chosen, setChosen] = useState(0);
  const axis = useMemo(() => axisOf(turns), [turns]);
  const known = useMemo(() => callsByRequest(calls), [calls]);
  const list = useWindowVirtualizer({
    count: turns.length,
    estimateSize: () => ROW_PX,
    overscan: ROWS_AROUND,
    scrollMargin: margin,
    getItemKey: (at) => turns[at]?.id ?? at,
  });
  const focus = useFocusWhenThere(frame);
  const show = (at: number) => {
    setChosen(at);
    list.scrollToIndex(at, { align: 'auto' });
    focus(at);
  };
  useImperativeHandle(ref, () => ({
    show: (at) => {
      setChosen(at);
      list.scrollToIndex(at, { align: 'center' });
      focus(at);
    },
  }));
  const keys = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const next = nextOf(event.key, chosen, turns.length);
    if (next === undefined) return;
    event.preventDefault();
    show(next);
  };
  return (
    <div className={styles.list} role="table" aria-label="Turns" aria-rowcount={turns.length + 1} onKeyDown={keys}>
      <Head fromMs={axis.fromMs} toMs={axis.toMs} />
      <div ref={frame} role="rowgroup" className={styles.rows} style={{ height: list.getTotalSize() }}>
        {list.getVirtualItems().map((item) => {
          const turn = turns[item.index];
          if (turn === undefined) return null;
          return (
            <div
              key={item.key}
              ref={list.measureElement}
              data-index={item.index}
              role="row"
              aria-rowindex={item.index + 2}
              className={styles.place}
              style={{ transform: `translateY(${item.start - list.options.scrollMargin}px)` }}
            >
              <TurnRow
                turn={turn}
                number={first + item.index}
                axis={axis}
                calls={callsOf(turn, known)}
                startsGroup={startsGroup(turns, item.index)}
                isPicked={item.index === picked}
                isInTabOrder={item.index === chosen}
                onFocus={() => setChosen(item.index)}
              />
            </div>
          );
        })}
      </div>
    </div>
  );
}

/** Where on the page the list begins, which what stands above it moves. */
function useTopOf(frame: RefObject<HTMLDivElement | null>): number {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const look = () => setTop(Math.round((frame.current?.getBoundingClientRect().top ?? 0) + window.scrollY));
    const seen = new ResizeObserver(look);
    seen.observe(document.body);
    return () => seen.disconnect();
  }, [frame]);
  return top;
}

/** Gives a row the focus once it is drawn, which is a moment after one scrolls there. */
function useFocusWhenThere(frame: RefObject<HTMLDivElement | null>): (at: number) => void {
  const wanted = useRef<number | undefined>(undefined);
  useLayoutEffect(() => {
    if (wanted.current === undefined) return;
    const link = frame.current?.querySelector<HTMLElement>(`[data-index="${wanted.current}"] [data-item]`);
    if (link === null || link === undefined) return;
    wanted.current = undefined;
    link.focus({ preventScroll: true });
  });
  return (at) => {
    wanted.current = at;
  };
}

function nextOf(key: string, at: number, count: number): number | undefined {
  switch (key) {
    case 'j':
    case 'ArrowDown':
      return Math.min(count - 1, at + 1);
    case 'k':
    case 'ArrowUp':
      return Math.max(0, at - 1);
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return undefined;
  }
}

function Head({ fromMs, toMs }: { fromMs: number; toMs: number }) {
  const [from, to] = [new Date(fromMs).toISOString(), new Date(toMs).toISOString()];
  const isOneDay = new Date(fromMs).toDateString() === new Date(toMs).toDateString();
  return (
    <div role="rowgroup">
      <div role="row" aria-rowindex={1} className={styles.head}>
        <span role="columnheader">#</span>
        <span role="columnheader">Began</span>
        <span role="columnheader">Model</span>
        <span role="columnheader" className={styles.ends}>
          <span className="hidden">When, from</span>
          <span>{clock(from)}</span>
          <span>{isOneDay ? clock(to) : time(to)}</span>
        </span>
        <span role="columnheader" className={styles.figure}>
          Took
        </span>
        <span role="columnheader" className={styles.figure} title="Tokens that went in, cached or not">
          In
        </span>
        <span role="columnheader" className={styles.figure} title="Of those, tokens that were read from the cache">
          Cached
        </span>
        <span role="columnheader" className={styles.figure} title="Tokens that came out">
          Out
        </span>
        <span role="columnheader" className={styles.figure}>
          Cost
        </span>
        <span role="columnheader">Ended with</span>
      </div>
    </div>
  );
}
