import { useId } from 'react';
import type { ReactNode } from 'react';
import styles from './card.module.css';

interface CardProps {
  title?: ReactNode;
  /** A sentence under the title. */
  note?: ReactNode;
  /** On the title's right. */
  actions?: ReactNode;
  /** The content reaches the edges: tables. */
  flush?: boolean;
  children: ReactNode;
}

export function Card({ title, note, actions, flush = false, children }: CardProps) {
  const id = useId();
  return (
    <section className={styles.card} aria-labelledby={title === undefined ? undefined : id}>
      {title !== undefined && (
        <header className={styles.head}>
          <div>
            <h2 id={id}>{title}</h2>
            {note !== undefined && <p className={styles.note}>{note}</p>}
          </div>
          {actions !== undefined && <div className={styles.actions}>{actions}</div>}
        </header>
      )}
      <div className={flush ? styles.flush : styles.body}>{children}</div>
    </section>
  );
}

interface StatProps {
  label: string;
  /** As people read it. */
  value: string;
  /** To the last digit, in the title. */
  exact?: string;
  /** What the figure lacks, or how it compares. */
  note?: ReactNode;
  /** Where tests and `aria` find the figure. */
  name?: string;
}

/** One figure. */
export function Stat({ label, value, exact, note, name }: StatProps) {
  return (
    <div className={styles.stat} data-figure={name}>
      <dt className={styles.label}>{label}</dt>
      <dd className={styles.value} title={exact}>
        {value}
      </dd>
      {note !== undefined && <dd className={styles.note}>{note}</dd>}
    </div>
  );
}

/** Figures side by side, as many in a row as there is room for. */
export function Stats({ children }: { children: ReactNode }) {
  return <dl className={styles.stats}>{children}</dl>;
}

/** The page's title, what it answers, and what one can do with all of it. */
export function PageHead({ title, note, actions }: { title: ReactNode; note?: ReactNode; actions?: ReactNode }) {
  return (
    <header className={styles.page}>
      <div>
        <h1>{title}</h1>
        {note !== undefined && <p className={styles.lead}>{note}</p>}
      </div>
      {actions !== undefined && <div className={styles.actions}>{actions}</div>}
    </header>
  );
}

/** Two or three cards side by side where there is room. */
export function Columns({ children, least = '22rem' }: { children: ReactNode; least?: string }) {
  return (
    <div className={styles.columns} style={{ '--least': least }}>
      {children}
    </div>
  );
}
