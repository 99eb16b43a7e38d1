import { Link, useNavigate } from '@tanstack/react-router';
import { memo, useState } from 'react';
import type { FocusEvent, MouseEvent } from 'react';
import { cachedTokens, inputTokens, outputTokens } from '../../api/shapes.ts';
import { duration } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Cost, ModelName, Outcome, RuleMark, Tokens, ToolNames } from './cells.tsx';
import { byDay, clock, tookMs } from './days.ts';
import { useIsNarrow } from './narrow.ts';
import { openedBy } from './open-row.ts';
import { goAmongRows } from './row-keys.ts';
import type { RequestRow } from './shapes.ts';
import { visible } from './visible.ts';
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
  const Rows = isNarrow ? Cards : Table;
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

interface RowsProps {
  days: ReturnType<typeof byDay<RequestRow>>;
  marked: ReadonlySet<string>;
  showUser: boolean;
  inTabOrder: string | undefined;
}

function Table({ days, marked, showUser, inTabOrder }: RowsProps) {
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
          <th scope="col" className={styles.figure} title="Tokens that went in, cached or not">
            In
          </th>
          <th scope="col" className={styles.figure} title="Of those, tokens that were read from the cache">
            Cached
          </th>
          <th scope="col" className={styles.figure} title="Tokens that came out">
            Out
          </th>
          <th scope="col" className={styles.figure}>
            Cost
          </th>
        </tr>
      </thead>
      {days.map(({ name, rows }) => (
        <tbody key={name}>
          <tr>
            <th scope="rowgroup" className={styles.day} colSpan={showUser ? 12 : 11}>
              {name}
            </th>
          </tr>
          {rows.map((row) => (
            <TableRow
              key={row.id}
              row={row}
              showUser={showUser}
              isMarked={marked.has(row.id)}
              isInTabOrder={row.id === inTabOrder}
            />
          ))}
        </tbody>
      ))}
    </table>
  );
}

interface RowProps {
  row: RequestRow;
  showUser: boolean;
  isMarked: boolean;
  isInTabOrder: boolean;
}

const TableRow = memo(function TableRow({ row, showUser, isMarked, isInTabOrder }: RowProps) {
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

function Cards({ days, marked, showUser, inTabOrder }: RowsProps) {
  return (
    <div className={styles.cards}>
      {days.map(({ name, rows }) => (
        <section key={name} aria-label={name}>
          <h2 className={styles.day}>{name}</h2>
          <ul>
            {rows.map((row) => (
              <li key={row.id} data-row={row.id}>
                <CardRow
                  row={row}
                  showUser={showUser}
                  isMarked={marked.has(row.id)}
                  isInTabOrder={row.id === inTabOrder}
                />
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

const CardRow = memo(function CardRow({ row, showUser, isMarked, isInTabOrder }: RowProps) {
  const { usage, usage_state: usageState } = row;
  return (
    <Link
      to="/requests/$id"
      params={{ id: row.id }}
      preload={false}
      className={styles.card}
      data-item={row.id}
      data-marked={isMarked}
      tabIndex={isInTabOrder ? 0 : -1}
    >
      <span className={styles.line}>
        <span className={styles.grow}>
          <ModelName model={row.model} model_served={null} />
        </span>
        {row.state !== 'complete' && <Outcome state={row.state} status={row.status} />}
        <RuleMark row={row} />
        <span data-cell="cost">
          <Cost usage={row.usage} cost_nanodollars={row.cost_nanodollars} />
        </span>
      </span>
      <span className={styles.line}>
        <span>{clock(row.received_at)}</span>
        <span className={styles.grow}>
          <Foreign>{showUser ? row.login : row.agent}</Foreign>
        </span>
        <span>
          <Tokens of={inputTokens} usage={usage} usageState={usageState} /> in,{' '}
          <Tokens of={outputTokens} usage={usage} usageState={usageState} /> out
        </span>
        <span>{duration(tookMs(row.received_at, row.ended_at))}</span>
      </span>
    </Link>
  );
});
