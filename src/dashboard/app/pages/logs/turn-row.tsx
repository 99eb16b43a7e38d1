import { Link } from '@tanstack/react-router';
import { Bot, Wrench } from 'lucide-react';
import { cachedTokens, inputTokens, outputTokens } from '../../api/shapes.ts';
import { bytes, duration, time } from '../../design/format.ts';
import { Foreign } from '../../design/hostile.tsx';
import { Cost, ModelName, Outcome, Tokens } from './cells.tsx';
import { clock, tookMs } from './days.ts';
import type { Turn } from './shapes.ts';
import { placeOn } from './turns.ts';
import type { Axis, TurnCall } from './turns.ts';
import styles from './turn-list.module.css';

interface TurnRowProps {
  turn: Turn;
  number: number;
  axis: Axis;
  calls: readonly TurnCall[];
  /** Another agent within the session goes on from here. */
  startsGroup: boolean;
  isPicked: boolean;
  isInTabOrder: boolean;
  onFocus: () => void;
}

/** One request of a session: when, how long, what it used, what it called and what came of that. */
export function TurnRow(props: TurnRowProps) {
  const { turn, number, axis, calls, startsGroup, isPicked, isInTabOrder, onFocus } = props;
  const { left, width } = placeOn(axis, turn);
  const { usage, usage_state: usageState } = turn;
  const isSub = turn.agent_id !== null;
  return (
    <div role="presentation" className={styles.turn} data-row={turn.id} data-picked={isPicked} data-sub={isSub}>
      {startsGroup && <GroupHead agentId={turn.agent_id} />}
      <div role="presentation" className={styles.line}>
        <span role="cell" className={styles.number}>
          {number}
        </span>
        <span role="cell" className={styles.when} data-cell="began">
          <Link
            to="/requests/$id"
            params={{ id: turn.id }}
            preload={false}
            data-item={turn.id}
            tabIndex={isInTabOrder ? 0 : -1}
            title={turn.received_at}
            aria-label={`Turn ${number}, ${time(turn.received_at)}`}
            onFocus={onFocus}
          >
            {clock(turn.received_at)}
          </Link>
        </span>
        <span role="cell" className={styles.model} data-cell="model">
          <ModelName model={turn.model} model_served={turn.model_served} />
        </span>
        <span role="cell" className={styles.track} title={`${clock(turn.received_at)} – ${clock(turn.ended_at)}`}>
          <i
            className={styles.bar}
            data-bad={turn.state !== 'complete'}
            style={{ left: `min(${left}%, 100% - 3px)`, width: `max(3px, ${width}%)` }}
          />
        </span>
        <span role="cell" className={styles.figure} data-cell="took" data-unit="took">
          {duration(tookMs(turn.received_at, turn.ended_at))}
        </span>
        <span role="cell" className={styles.figure} data-cell="in" data-unit="in">
          <Tokens of={inputTokens} usage={usage} usageState={usageState} />
        </span>
        <span role="cell" className={styles.figure} data-cell="cached" data-unit="cached">
          <Tokens of={cachedTokens} usage={usage} usageState={usageState} />
        </span>
        <span role="cell" className={styles.figure} data-cell="out" data-unit="out">
          <Tokens of={outputTokens} usage={usage} usageState={usageState} />
        </span>
        <span role="cell" className={`${styles.figure} ${styles.cost}`} data-cell="cost">
          <Cost usage={usage} cost_nanodollars={turn.cost_nanodollars} />
        </span>
        <span role="cell" className={styles.end} data-cell="end" data-fine={turn.state === 'complete'}>
          {turn.state === 'complete' ? <Foreign>{turn.stop_reason ?? ''}</Foreign> : <Outcome {...turn} />}
        </span>
      </div>
      {turn.error !== null && (
        <p role="cell" className={styles.error}>
          <Foreign most={500}>{`${turn.error.code}: ${turn.error.message}`}</Foreign>
        </p>
      )}
      {calls.length > 0 && <Calls calls={calls} />}
    </div>
  );
}

function GroupHead({ agentId }: { agentId: string | null }) {
  return (
    <p role="cell" className={styles.group}>
      <Bot size={13} aria-hidden />
      {agentId === null ? (
        'The session’s own agent'
      ) : (
        <>
          Sub-agent <Foreign>{agentId}</Foreign>
        </>
      )}
    </p>
  );
}

/** More calls than a person reads in one turn are counted. */
const MOST_CALLS = 24;

function Calls({ calls }: { calls: readonly TurnCall[] }) {
  return (
    <div role="cell">
      <ul className={styles.calls}>
        {calls.slice(0, MOST_CALLS).map((call, at) => (
          <li key={at} data-bad={call.result?.is_error === true} data-call={call.name}>
            <Wrench size={11} aria-hidden />
            <b>
              <Foreign most={40}>{call.name}</Foreign>
            </b>
            <Result call={call} />
          </li>
        ))}
        {calls.length > MOST_CALLS && <li>and {calls.length - MOST_CALLS} more</li>}
      </ul>
    </div>
  );
}

function Result({ call: { bytes: asked, result } }: { call: TurnCall }) {
  if (result === undefined) return <span title="Size of its arguments">{bytes(asked)}</span>;
  if (result === null) {
    return <span title={`${bytes(asked)} of arguments; no later request carried its result`}>no result</span>;
  }
  const title = `${bytes(asked)} of arguments, ${bytes(result.bytes)} of result, sent at ${result.at}`;
  return (
    <span title={title}>
      {result.is_error && 'error, '}
      {bytes(result.bytes)} at {clock(result.at)}
    </span>
  );
}
