import { CircleAlert, CircleCheck, TriangleAlert } from 'lucide-react';
import type { Remark } from '../answers.ts';
import styles from './editor.module.css';

interface ProblemsProps {
  errors: readonly Remark[];
  warnings: readonly Remark[];
  onGo: (remark: Remark) => void;
}

/** What keeps a text from being saved, and apart from it what is only remarked. Each leads to its place. */
export function Problems({ errors, warnings, onGo }: ProblemsProps) {
  if (errors.length + warnings.length === 0) {
    return (
      <p className={styles.quiet}>
        <CircleCheck size={15} aria-hidden />
        Nothing is wrong with it.
      </p>
    );
  }
  return (
    <>
      <List title="Keeps it from being saved" severity="error" remarks={errors} onGo={onGo} />
      <List title="Worth knowing" severity="warning" remarks={warnings} onGo={onGo} />
    </>
  );
}

interface ListProps {
  title: string;
  severity: 'error' | 'warning';
  remarks: readonly Remark[];
  onGo: (remark: Remark) => void;
}

function List({ title, severity, remarks, onGo }: ListProps) {
  if (remarks.length === 0) return null;
  const Icon = severity === 'error' ? CircleAlert : TriangleAlert;
  return (
    <section aria-label={title}>
      <h3>{title}</h3>
      <ul>
        {remarks.map((remark, at) => (
          <li key={at}>
            <button type="button" className={styles.problem} data-severity={severity} onClick={() => onGo(remark)}>
              <Icon size={15} aria-hidden />
              <span>{remark.message}</span>
              <small>{placeText(remark)}</small>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

function placeText({ path, line }: Remark): string {
  const where = path === '' ? 'the whole text' : path;
  return line > 0 ? `${where} · line ${line}` : where;
}
