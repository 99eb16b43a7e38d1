import { useId } from 'react';
import styles from './rules.module.css';

interface TextAreaProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  placeholder?: string;
  problem?: string | undefined;
  /** In the typeface of code. */
  code?: boolean;
}

/** Labelled lines of text. */
export function TextArea({ label, value, onChange, placeholder, problem, code = false }: TextAreaProps) {
  const id = useId();
  return (
    <div className={styles.area}>
      <label htmlFor={id}>{label}</label>
      <textarea
        id={id}
        value={value}
        placeholder={placeholder}
        data-code={code}
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
