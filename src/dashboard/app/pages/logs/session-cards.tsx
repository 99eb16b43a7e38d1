import { Link } from '@tanstack/react-router';
import { count, duration } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Names, SumOfMoney } from './cells.tsx';
import { DayCards } from './by-day.tsx';
import { clock, tookMs } from './days.ts';
import { keyOf, linkTo } from './session-rows.ts';
import type { SessionRowProps, SessionRowsProps } from './session-rows.ts';
import styles from './list.module.css';

/** On a phone: two lines a session. */
export function SessionCards({ days, showUser, inTabOrder }: SessionRowsProps) {
  return (
    <DayCards days={days}>
      {(row) => (
        <li key={keyOf(row)} data-row={row.session_id}>
          <CardRow row={row} showUser={showUser} isInTabOrder={keyOf(row) === inTabOrder} />
        </li>
      )}
    </DayCards>
  );
}

function CardRow({ row, showUser, isInTabOrder }: SessionRowProps) {
  return (
    <Link
      {...linkTo(row, showUser)}
      preload={false}
      className={styles.card}
      data-item={keyOf(row)}
      tabIndex={isInTabOrder ? 0 : -1}
    >
      <span className={styles.line}>
        <span className={styles.grow}>
          <Names names={row.models} none="no model" />
        </span>
        {row.errors > 0 && (
          <span className={styles.bad}>
            {count(row.errors)} {row.errors === 1 ? 'error' : 'errors'}
          </span>
        )}
        <span data-cell="cost">
          <SumOfMoney sums={row} />
        </span>
      </span>
      <span className={styles.line}>
        <span>{clock(row.last_at)}</span>
        <span className={styles.grow}>
          {showUser ? <Foreign>{row.login}</Foreign> : <Names names={row.agents} none="unknown" />}
        </span>
        <span>
          {count(row.requests)} {row.requests === 1 ? 'request' : 'requests'}
        </span>
        <span>{duration(tookMs(row.first_at, row.last_at))}</span>
      </span>
    </Link>
  );
}
