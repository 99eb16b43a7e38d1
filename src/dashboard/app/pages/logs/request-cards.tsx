import { Link } from '@tanstack/react-router';
import { memo } from 'react';
import { inputTokens, outputTokens } from '../../api/shapes.ts';
import { duration } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Cost, ModelName, Outcome, RuleMark, Tokens } from './cells.tsx';
import { DayCards } from './by-day.tsx';
import { clock, tookMs } from './days.ts';
import type { RequestRowProps, RequestRowsProps } from './request-rows.ts';
import styles from './list.module.css';

/** On a phone: two lines a request. */
export function RequestCards({ days, marked, showUser, inTabOrder }: RequestRowsProps) {
  return (
    <DayCards days={days}>
      {(row) => (
        <li key={row.id} data-row={row.id}>
          <CardRow row={row} showUser={showUser} isMarked={marked.has(row.id)} isInTabOrder={row.id === inTabOrder} />
        </li>
      )}
    </DayCards>
  );
}

const CardRow = memo(function CardRow({ row, showUser, isMarked, isInTabOrder }: RequestRowProps) {
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
