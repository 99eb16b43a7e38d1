import type { ReactNode } from 'react';
import styles from './facts.module.css';

/** What is to be known of one thing, as `dt` and `dd`: names on the left, what they say on the right. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className={styles.facts}>{children}</dl>;
}
