import { Choice } from '../../design/choice.tsx';
import { LASTS } from './answers.ts';
import type { Lasts } from './answers.ts';
import styles from './access.module.css';

interface LastsChoiceProps {
  label: string;
  /** What it is called when it has no end. */
  ever: string;
  chosen: Lasts;
  onChoose: (lasts: Lasts) => void;
}

export function LastsChoice({ label, ever, chosen, onChoose }: LastsChoiceProps) {
  const spans = Object.keys(LASTS).filter((value): value is keyof typeof LASTS => value in LASTS);
  return (
    <div className={styles.labelled}>
      <span>{label}</span>
      <Choice<Lasts>
        label={label}
        options={[...spans.map((value) => ({ value, name: value })), { value: 'ever', name: ever }]}
        chosen={chosen}
        onChoose={onChoose}
      />
    </div>
  );
}
