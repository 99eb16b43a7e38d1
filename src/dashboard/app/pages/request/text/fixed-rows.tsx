import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { KeyboardEvent, ReactNode } from 'react';
import styles from './fixed-rows.module.css';

interface FixedRowsProps {
  /** Its name for those who do not see it. */
  label: string;
  role?: 'region' | 'listbox';
  count: number;
  /** Scrolls so that this row is seen, whenever it changes. */
  shown?: number | undefined;
  active?: string | undefined;
  onKeyDown?: (event: KeyboardEvent) => void;
  children: (row: number) => ReactNode;
}

/** Height of a row, as the stylesheet has it. */
const ROW_PX = 20;
const BEYOND = 12;

/** Rows of one height, however many: only those that are seen are there. */
export function FixedRows({ label, role = 'region', count, shown, active, onKeyDown, children }: FixedRowsProps) {
  const frame = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const element = frame.current;
    if (element === null) return;
    const look = () => setView({ top: element.scrollTop, height: element.clientHeight });
    const resized = new ResizeObserver(look);
    resized.observe(element);
    return () => resized.disconnect();
  }, []);
  useEffect(() => {
    const element = frame.current;
    if (element === null || shown === undefined) return;
    const [top, bottom] = [element.scrollTop, element.scrollTop + element.clientHeight - 2 * ROW_PX];
    const at = shown * ROW_PX;
    if (at < top || at > bottom) element.scrollTop = Math.max(0, at - element.clientHeight / 3);
  }, [shown]);
  const first = Math.max(0, Math.min(count, Math.floor(view.top / ROW_PX)) - BEYOND);
  const last = Math.min(count, Math.ceil((view.top + view.height) / ROW_PX) + BEYOND);
  return (
    <div
      ref={frame}
      className={styles.frame}
      role={role}
      aria-label={label}
      aria-activedescendant={active}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onScroll={({ currentTarget }) => setView({ top: currentTarget.scrollTop, height: currentTarget.clientHeight })}
    >
      <div className={styles.whole} role="presentation" style={{ height: `${count * ROW_PX}px` }}>
        <div className={styles.rows} role="presentation" style={{ transform: `translateY(${first * ROW_PX}px)` }}>
          {Array.from({ length: Math.max(0, last - first) }, (_, at) => children(first + at))}
        </div>
      </div>
    </div>
  );
}
