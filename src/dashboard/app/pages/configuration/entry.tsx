import type { ReactNode } from 'react';
import styles from './entry.module.css';

interface EntryProps {
  /** For tests, and unique in its list. */
  id: string;
  name: ReactNode;
  /** Beside the name, smaller: an id, a place in the config. */
  place?: ReactNode;
  badges?: ReactNode;
  actions?: ReactNode;
  /** Looks at the reader: it is what was asked about. */
  marked?: boolean;
  /** What is to be known of it is short: two to a row where there is room. */
  pairs?: boolean;
  children: ReactNode;
}

/** One thing of the config: what it is called on the left, what is to be known of it on the right. */
export function Entry({ id, name, place, badges, actions, marked = false, pairs = false, children }: EntryProps) {
  return (
    <li className={styles.entry} data-row={id} data-marked={marked}>
      <div className={styles.head}>
        <h3 className={styles.name}>{name}</h3>
        {place !== undefined && <p className={styles.place}>{place}</p>}
        {badges !== undefined && badges !== false && <div className={styles.badges}>{badges}</div>}
        {actions !== undefined && actions !== false && <div className={styles.actions}>{actions}</div>}
      </div>
      <dl className={styles.facts} data-pairs={pairs}>
        {children}
      </dl>
    </li>
  );
}

export function Entries({ label, children }: { label: string; children: ReactNode }) {
  return (
    <ul className={styles.entries} aria-label={label}>
      {children}
    </ul>
  );
}

/** One thing to know; left out where there is nothing to say. */
export function Fact({ name, wide = false, children }: { name: string; wide?: boolean; children: ReactNode }) {
  return (
    <div className={styles.fact} data-fact={name} data-wide={wide}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Names in a row that wraps, each in the typeface of code. */
export function Names({ names, most = 12 }: { names: readonly ReactNode[]; most?: number }) {
  return (
    <span className={styles.names}>
      {names.slice(0, most).map((name, at) => (
        <code key={at}>{name}</code>
      ))}
      {names.length > most && (
        <details>
          <summary>{names.length - most} more</summary>
          <span className={styles.names}>
            {names.slice(most).map((name, at) => (
              <code key={at}>{name}</code>
            ))}
          </span>
        </details>
      )}
    </span>
  );
}
