import { useState } from 'react';
import { byDay } from './days.ts';
import { useIsNarrow } from './narrow.ts';
import { goAmongRows } from './row-keys.ts';
import { SessionCards } from './session-cards.tsx';
import { keyOf } from './session-rows.ts';
import { SessionTable } from './session-table.tsx';
import type { SessionRow } from './shapes.ts';
import styles from './list.module.css';

interface SessionListProps {
  rows: readonly SessionRow[];
  isStale: boolean;
  showUser: boolean;
  now: Date;
}

/** Sessions, the last active first: a table, and on a phone two lines each. */
export function SessionList({ rows, isStale, showUser, now }: SessionListProps) {
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const isNarrow = useIsNarrow();
  const first = rows[0];
  const isThere = rows.some((row) => keyOf(row) === chosen);
  const inTabOrder = isThere ? chosen : first === undefined ? undefined : keyOf(first);
  const days = byDay(rows, ({ last_at }) => last_at, now);
  const Rows = isNarrow ? SessionCards : SessionTable;
  return (
    <div
      className={styles.frame}
      data-stale={isStale}
      role="region"
      aria-label="Sessions"
      tabIndex={-1}
      onKeyDown={goAmongRows}
      onFocus={(event) => setChosen(event.target.dataset['item'])}
    >
      <Rows days={days} showUser={showUser} inTabOrder={inTabOrder} />
    </div>
  );
}
