import { Bot, Cog, MessageSquare, User, Wrench } from 'lucide-react';
import { useState } from 'react';
import { Button } from '../../../design/button.tsx';
import { countExact } from '../../../design/format.ts';
import { Foreign } from '../../../design/hostile.tsx';
import { Fold } from '../fold.tsx';
import { Blocks } from './blocks.tsx';
import type { Role, Turn } from './model.ts';
import styles from './turns.module.css';

const ROLES: Record<Role, { name: string; icon: typeof Bot }> = {
  system: { name: 'System', icon: Cog },
  user: { name: 'User', icon: User },
  assistant: { name: 'Model', icon: Bot },
  tool: { name: 'Tools', icon: Wrench },
  other: { name: 'Other', icon: MessageSquare },
};

interface TurnsProps {
  turns: readonly Turn[];
  /** Names of tools by the ids of their calls. */
  calls: ReadonlyMap<string, string>;
}

export function Turns({ turns, calls }: TurnsProps) {
  return (
    <ol className={styles.turns}>
      {turns.map((turn, at) => (
        <OneTurn key={at} turn={turn} calls={calls} />
      ))}
    </ol>
  );
}

function OneTurn({ turn, calls }: { turn: Turn; calls: ReadonlyMap<string, string> }) {
  const { name, icon: Icon } = ROLES[turn.role];
  return (
    <li className={styles.turn} data-role={turn.role}>
      <p className={styles.role}>
        <Icon size={15} aria-hidden />
        <span>{name}</span>
        {turn.name !== '' && (
          <span className={styles.name}>
            <Foreign most={60}>{turn.name}</Foreign>
          </span>
        )}
      </p>
      <div className={styles.said}>
        <Blocks blocks={turn.blocks} calls={calls} />
      </div>
    </li>
  );
}

/** Turns that a page shows at once: those just before the new ones, and more when asked. */
const AT_ONCE = 10;

interface EarlierProps {
  turns: readonly Turn[];
  /** Turns before these that did not come over. */
  leftOut: number;
  all: readonly Turn[];
}

/** What was said before, which the client sends again with each request. */
export function Earlier({ turns, leftOut, all }: EarlierProps) {
  return (
    <Fold title={turns.length === 1 ? '1 earlier turn' : `${turns.length} earlier turns`} note="sent again">
      {() => <Steps turns={turns} leftOut={leftOut} all={all} />}
    </Fold>
  );
}

function Steps({ turns, leftOut, all }: EarlierProps) {
  const [shown, setShown] = useState(AT_ONCE);
  const hidden = Math.max(0, turns.length - shown);
  const calls = new Map(
    all.flatMap(({ blocks }) => blocks.flatMap((block) => (block.kind === 'call' ? [[block.id, block.name]] : []))),
  );
  return (
    <>
      {leftOut > 0 && hidden === 0 && (
        <p className={styles.more}>{countExact(leftOut)} turns before these are in the raw view.</p>
      )}
      {hidden > 0 && (
        <p className={styles.more}>
          <Button onClick={() => setShown(shown + 2 * AT_ONCE)}>Show earlier ones</Button>
          {countExact(hidden)} more
        </p>
      )}
      <Turns turns={turns.slice(hidden)} calls={calls} />
    </>
  );
}
