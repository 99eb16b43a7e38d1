import { useState } from 'react';
import type { FocusEvent } from 'react';
import { byDay } from './days.ts';
import { useIsNarrow } from './narrow.ts';
import { RequestCards } from './request-cards.tsx';
import { RequestTable } from './request-table.tsx';
import { goAmongRows } from './row-keys.ts';
import type { RequestRow } from './shapes.ts';
import styles from './list.module.css';

interface RequestListProps {
  rows: readonly RequestRow[];
  marked: ReadonlySet<string>;
  isStale: boolean;
  showUser: boolean;
  now: Date;
  /** A row has the focus, or none has any more. */
  onChosen: (isChosen: boolean) => void;
}

/** Requests, the newest first: a table, and on a phone two lines each. One of them can be reached by Tab, the others from there. */
export function RequestList({ rows, marked, isStale, showUser, now, onChosen }: RequestListProps) {
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const isNarrow = useIsNarrow();
  const inTabOrder = rows.some(({ id }) => id === chosen) ? chosen : rows[0]?.id;
  const focus = (event: FocusEvent<HTMLElement>) => {
    const id = event.target.closest<HTMLElement>('[data-item]')?.dataset['item'];
    if (id === undefined) return;
    setChosen(id);
    onChosen(true);
  };
  const days = byDay(rows, ({ received_at }) => received_at, now);
  const Rows = isNarrow ? RequestCards : RequestTable;
  return (
    <div
      className={styles.frame}
      data-stale={isStale}
      role="region"
      aria-label="Requests"
      tabIndex={-1}
      onKeyDown={goAmongRows}
      onFocus={focus}
      onBlur={({ currentTarget, relatedTarget }) => {
        if (!currentTarget.contains(relatedTarget)) onChosen(false);
      }}
    >
      <Rows days={days} marked={marked} showUser={showUser} inTabOrder={inTabOrder} />
    </div>
  );
}
