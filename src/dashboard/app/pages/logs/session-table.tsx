import { Link, useNavigate } from '@tanstack/react-router';
import { CornerDownRight } from 'lucide-react';
import type { MouseEvent } from 'react';
import { cachedTokens, inputTokens, outputTokens } from '../../api/shapes.ts';
import { count, countExact, duration, time } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Names, SumOfMoney, SumOfTokens } from './cells.tsx';
import { DayBodies, FigureHeads } from './by-day.tsx';
import { clock, tookMs } from './days.ts';
import { openedBy } from './open-row.ts';
import { keyOf, linkTo } from './session-rows.ts';
import type { SessionRowProps, SessionRowsProps } from './session-rows.ts';
import { visible } from './visible.ts';
import styles from './list.module.css';

/** Where there is room: a figure in each column. */
export function SessionTable({ days, showUser, inTabOrder }: SessionRowsProps) {
  return (
    <table className={styles.table}>
      <caption className="hidden">
        Sessions, the last active first. Enter opens one, j and k go to the next and back.
      </caption>
      <thead>
        <tr>
          <th scope="col">Last active</th>
          {showUser && <th scope="col">User</th>}
          <th scope="col">Agent</th>
          <th scope="col">Models</th>
          <th scope="col" className={styles.figure} title="From the first request to the end of the last">
            Lasted
          </th>
          <th scope="col" className={styles.figure}>
            Requests
          </th>
          <th
            scope="col"
            className={styles.figure}
            title="Requests that came to no proper end, but for those that the client left"
          >
            Errors
          </th>
          <th scope="col" className={styles.figure}>
            Tool calls
          </th>
          <FigureHeads />
        </tr>
      </thead>
      <DayBodies days={days} columns={showUser ? 12 : 11}>
        {(row) => <TableRow key={keyOf(row)} row={row} showUser={showUser} isInTabOrder={keyOf(row) === inTabOrder} />}
      </DayBodies>
    </table>
  );
}

function TableRow({ row, showUser, isInTabOrder }: SessionRowProps) {
  const navigate = useNavigate();
  const open = (event: MouseEvent<HTMLElement>) => openedBy(event, () => void navigate(linkTo(row, showUser)));
  return (
    <tr className={styles.row} data-row={row.session_id} onClick={open} onAuxClick={open}>
      <td data-cell="time">
        <Link
          {...linkTo(row, showUser)}
          preload={false}
          data-item={keyOf(row)}
          tabIndex={isInTabOrder ? 0 : -1}
          title={`${visible(row.session_id)}, last active ${row.last_at}`}
        >
          {clock(row.last_at)}
        </Link>
        {row.parent_session_id !== null && <ChildMark />}
      </td>
      {showUser && (
        <td className={styles.cut} data-cell="login" title={visible(row.login)}>
          <Foreign>{row.login}</Foreign>
        </td>
      )}
      <td className={`${styles.short} ${styles.soft}`} data-cell="agent">
        <Names names={row.agents} none="unknown" />
      </td>
      <td className={styles.wide} data-cell="models">
        <Names names={row.models} none="no model" />
      </td>
      <td className={styles.figure} data-cell="lasted" title={`Since ${time(row.first_at)}`}>
        {duration(tookMs(row.first_at, row.last_at))}
      </td>
      <td className={styles.figure} data-cell="requests" title={countExact(row.requests)}>
        {count(row.requests)}
      </td>
      <td className={styles.figure} data-cell="errors">
        <Few of={row.errors} isBad />
      </td>
      <td className={styles.figure} data-cell="tools">
        <Few of={row.tool_calls} />
      </td>
      <td className={styles.figure} data-cell="in">
        <SumOfTokens of={inputTokens} sums={row} />
      </td>
      <td className={`${styles.figure} ${styles.soft}`} data-cell="cached">
        <SumOfTokens of={cachedTokens} sums={row} />
      </td>
      <td className={styles.figure} data-cell="out">
        <SumOfTokens of={outputTokens} sums={row} />
      </td>
      <td className={styles.figure} data-cell="cost">
        <SumOfMoney sums={row} />
      </td>
    </tr>
  );
}

function ChildMark() {
  const name = 'Started by another session';
  return (
    <span className={styles.child} role="img" aria-label={name} title={name}>
      <CornerDownRight size={12} aria-hidden />
    </span>
  );
}

/** Where nothing is the rule. */
function Few({ of, isBad = false }: { of: number; isBad?: boolean }) {
  if (of === 0) return <span className={styles.none}>0</span>;
  return (
    <span className={isBad ? styles.bad : undefined} title={countExact(of)}>
      {count(of)}
    </span>
  );
}
