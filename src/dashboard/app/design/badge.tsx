import type { ReactNode } from 'react';
import type { State } from '../api/shapes.ts';
import styles from './badge.module.css';

export type Tone = 'neutral' | 'good' | 'warn' | 'bad' | 'accent';

export function Badge({ tone = 'neutral', title, children }: { tone?: Tone; title?: string; children: ReactNode }) {
  return (
    <span className={`${styles.badge} ${styles[tone]}`} title={title}>
      {children}
    </span>
  );
}

const STATE_TONES: Record<State, Tone> = {
  complete: 'good',
  aborted: 'neutral',
  error: 'bad',
  denied: 'warn',
  blocked: 'warn',
  interrupted: 'bad',
};
const STATE_TITLES: Record<State, string> = {
  complete: 'The response came whole',
  aborted: 'The client left before the end',
  error: 'The provider failed',
  denied: 'Refused by a grant, a quota or the kill switch',
  blocked: 'Refused by a guardrail',
  interrupted: 'The gateway ended while it ran',
};

/** How an exchange ended. */
export function StateBadge({ state }: { state: State }) {
  return (
    <Badge tone={STATE_TONES[state]} title={STATE_TITLES[state]}>
      {state}
    </Badge>
  );
}
