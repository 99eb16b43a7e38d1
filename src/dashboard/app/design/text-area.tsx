import { useId } from 'react';
import styles from './text-area.module.css';

interface TextAreaProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  problem?: string | undefined;
  /** In the typeface of code. */
  code?: boolean;
  /** As high as so many lines; it can be drawn higher. */
  lines?: number;
}

/** Labelled lines of text. */
export function TextArea({ label, value, onChange, placeholder, problem, code = false, lines }: TextAreaProps) {
  const id = useId();
  return (
    <div className={styles.area}>
      <label htmlFor={id}>{label}</label>
      <textarea
        id={id}
        value={value}
        placeholder={placeholder}
        data-code={code}
        {...(lines === undefined ? {} : { style: { height: `${lines * 1.3 + 1.1}rem` } })}
        spellCheck={false}
        autoComplete="off"
        aria-invalid={problem !== undefined}
        aria-describedby={problem === undefined ? undefined : `${id}-problem`}
        onChange={(event) => onChange(event.target.value)}
      />
      {problem !== undefined && <small id={`${id}-problem`}>{problem}</small>}
    </div>
  );
}
