import type { ReactNode } from 'react';
import { Button } from './button.tsx';
import styles from './filter-bar.module.css';

/** Filters in a row, which wraps. `onClear` is there while one of them narrows. */
export function FilterBar({ children, onClear }: { children: ReactNode; onClear?: (() => void) | undefined }) {
  return (
    <div className={styles.bar} role="search" aria-label="Filters">
      {children}
      {onClear !== undefined && (
        <Button look="quiet" onClick={onClear}>
          Clear filters
        </Button>
      )}
    </div>
  );
}

interface FieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  type?: 'text' | 'search' | 'number';
  placeholder?: string;
  /** What is wrong with the value. */
  problem?: string | undefined;
  hint?: string;
  /** In the typeface of code. */
  code?: boolean;
}

/** A labelled line of text. */
export function Field({ label, value, onChange, type = 'text', placeholder, problem, hint, code = false }: FieldProps) {
  return (
    <label className={styles.field}>
      <span>{label}</span>
      <input
        type={type}
        value={value}
        placeholder={placeholder}
        aria-invalid={problem !== undefined}
        data-code={code}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => onChange(event.target.value)}
      />
      {(problem ?? hint) !== undefined && <small data-bad={problem !== undefined}>{problem ?? hint}</small>}
    </label>
  );
}
