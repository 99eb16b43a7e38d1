import { useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { Card } from '../../design/card.tsx';
import { countExact } from '../../design/format.ts';
import { GrowthChart } from './growth-chart.tsx';
import type { SessionRow, Turn } from './shapes.ts';
import { TurnList } from './turn-list.tsx';
import type { TurnListHandle } from './turn-list.tsx';
import { useToolCalls } from './use-tool-calls.ts';

interface TimelineProps {
  session: SessionRow;
  turns: readonly Turn[];
  truncated: boolean;
  /** Between the picture and the list. */
  children?: ReactNode;
}

/** How a session grew, and its turns in order; a turn picked in the picture is shown in the list. */
export function Timeline({ session, turns, truncated, children }: TimelineProps) {
  const calls = useToolCalls(session);
  const list = useRef<TurnListHandle>(null);
  const [picked, setPicked] = useState<number | undefined>(undefined);
  // The number of the first that is shown; of a session that is cut, the last ones are.
  const first = truncated ? Math.max(0, session.requests - turns.length) + 1 : 1;
  const pick = (at: number) => {
    setPicked(at);
    list.current?.show(at);
  };
  return (
    <>
      <Card title="Growth" note="What each turn’s model had before it, and what the turn cost">
        <GrowthChart turns={turns} first={first} onPick={pick} />
      </Card>
      {children}
      <Card title="Turns" note={noteOf({ session, turns, truncated }, calls.data?.isCut === true, calls.error)} flush>
        <TurnList ref={list} turns={turns} first={first} calls={calls.data?.calls ?? NONE} picked={picked} />
      </Card>
    </>
  );
}

const NONE: never[] = [];

function noteOf({ session, turns, truncated }: TimelineProps, isCut: boolean, error: Error | null): string {
  const told = turns.reduce((sum, { tool_calls }) => sum + tool_calls.length, 0);
  const gone = truncated ? 0 : session.tool_calls - told;
  const [all, last] = [countExact(session.requests), countExact(turns.length)];
  return [
    truncated ? `The last ${last} of ${all}` : 'In the order in which they began',
    gone > 0 ? `${countExact(gone)} tool calls are only counted: their names are kept no longer` : '',
    isCut ? 'Results of the first tools that were called are left out' : '',
    error === null ? '' : `Results of tools did not come: ${error.message}`,
  ]
    .filter((part) => part !== '')
    .join('. ');
}
