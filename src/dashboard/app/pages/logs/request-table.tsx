import { Link, useNavigate } from '@tanstack/react-router';
import { memo } from 'react';
import type { MouseEvent } from 'react';
import { cachedTokens, inputTokens, outputTokens } from '../../api/shapes.ts';
import { duration } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Cost, ModelName, Outcome, RuleMark, Tokens, ToolNames } from './cells.tsx';
import { DayBodies, FigureHeads } from './by-day.tsx';
import { clock, tookMs } from './days.ts';
import { openedBy } from './open-row.ts';
import type { RequestRowProps, RequestRowsProps } from './request-rows.ts';
import { visible } from './visible.ts';
import styles from './list.module.css';

/** Where there is room: a figure in each column. */
export function RequestTable({ days, marked, showUser, inTabOrder }: RequestRowsProps) {
  return (
    <table className={styles.table}>
      <caption className="hidden">
        Requests, the newest first. Enter opens one, j and k go to the next and back.
      </caption>
      <thead>
        <tr>
          <th scope="col">Time</th>
          {showUser && <th scope="col">User</th>}
          <th scope="col">Agent</th>
          <th scope="col">Model</th>
          <th scope="col">Result</th>
          <th scope="col">Tools</th>
          <th scope="col" className={styles.figure} title="Until the first byte of the response">
            First byte
          </th>
          <th scope="col" className={styles.figure}>
            Took
          </th>
          <FigureHeads />
        </tr>
      </thead>
      <DayBodies days={days} columns={showUser ? 12 : 11}>
        {(row) => (
          <TableRow
            key={row.id}
            row={row}
            showUser={showUser}
            isMarked={marked.has(row.id)}
            isInTabOrder={row.id === inTabOrder}
          />
        )}
      </DayBodies>
    </table>
  );
}

const TableRow = memo(function TableRow({ row, showUser, isMarked, isInTabOrder }: RequestRowProps) {
  const navigate = useNavigate();
  const open = (event: MouseEvent<HTMLElement>) =>
    openedBy(event, () => void navigate({ to: '/requests/$id', params: { id: row.id } }));
  const { usage, usage_state: usageState } = row;
  return (
    <tr className={styles.row} data-row={row.id} data-marked={isMarked} onClick={open} onAuxClick={open}>
      <td data-cell="time">
        <Link
          to="/requests/$id"
          params={{ id: row.id }}
          preload={false}
          data-item={row.id}
          tabIndex={isInTabOrder ? 0 : -1}
          title={row.received_at}
        >
          {clock(row.received_at)}
        </Link>
      </td>
      {showUser && (
        <td className={styles.cut} data-cell="login" title={visible(row.login)}>
          <Foreign>{row.login}</Foreign>
        </td>
      )}
      <td className={`${styles.short} ${styles.soft}`} data-cell="agent">
        <Foreign>{row.agent}</Foreign>
      </td>
      <td className={styles.wide} data-cell="model">
        <ModelName model={row.model} model_served={row.model_served} />
      </td>
      <td data-cell="result">
        <Outcome state={row.state} status={row.status} />
        <RuleMark row={row} />
      </td>
      <td className={`${styles.short} ${styles.soft}`} data-cell="tools">
        <ToolNames calls={row.tool_calls} count={row.tool_call_count} />
      </td>
      <td className={`${styles.figure} ${styles.soft}`} data-cell="first">
        {row.first_byte_at === null ? '–' : duration(tookMs(row.received_at, row.first_byte_at))}
      </td>
      <td className={styles.figure} data-cell="took">
        {duration(tookMs(row.received_at, row.ended_at))}
      </td>
      <td className={styles.figure} data-cell="in">
        <Tokens of={inputTokens} usage={usage} usageState={usageState} />
      </td>
      <td className={`${styles.figure} ${styles.soft}`} data-cell="cached">
        <Tokens of={cachedTokens} usage={usage} usageState={usageState} />
      </td>
      <td className={styles.figure} data-cell="out">
        <Tokens of={outputTokens} usage={usage} usageState={usageState} />
      </td>
      <td className={styles.figure} data-cell="cost">
        <Cost usage={row.usage} cost_nanodollars={row.cost_nanodollars} />
      </td>
    </tr>
  );
});
