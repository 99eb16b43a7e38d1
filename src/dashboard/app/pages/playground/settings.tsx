import { Card } from '../../design/card.tsx';
import { Field } from '../../design/filter-bar.tsx';
import { TextArea } from '../../design/text-area.tsx';
import { change, numberOf } from './conversation.ts';
import type { Settings } from './conversation.ts';
import styles from './playground.module.css';

/** With what the next turn is sent. What is left empty is not sent: the provider's own holds then. */
export function SettingsCard({ settings: { system, temperature, mostTokens } }: { settings: Settings }) {
  return (
    <Card title="Settings" note="For the turns that follow">
      <div className={styles.fields}>
        <TextArea
          label="System prompt"
          value={system}
          placeholder="None"
          lines={8}
          onChange={(value) => change({ system: value })}
        />
        <div className={styles.numbers}>
          <Field
            label="Temperature"
            value={temperature}
            placeholder="Provider’s"
            problem={problemOf(temperature, 0, 2)}
            onChange={(value) => change({ temperature: value })}
          />
          <Field
            label="Most tokens"
            value={mostTokens}
            placeholder="Provider’s"
            problem={problemOf(mostTokens, 1, 10_000_000, true)}
            onChange={(value) => change({ mostTokens: value })}
          />
        </div>
        <p className={styles.hint}>Some models take no temperature, and say so.</p>
      </div>
    </Card>
  );
}

export function hasProblem({ temperature, mostTokens }: Settings): boolean {
  return problemOf(temperature, 0, 2) !== undefined || problemOf(mostTokens, 1, 10_000_000, true) !== undefined;
}

function problemOf(typed: string, least: number, most: number, whole = false): string | undefined {
  if (typed.trim() === '') return undefined;
  const number = numberOf(typed);
  const isRight = number !== undefined && number >= least && number <= most && (!whole || Number.isInteger(number));
  return isRight ? undefined : whole ? 'A whole number' : `From ${least} to ${most}`;
}
