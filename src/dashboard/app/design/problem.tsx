import styles from './problem.module.css';

/** Why the gateway refused, in its own words. */
export function Problem({ error }: { error: Error | null }) {
  if (error === null) return null;
  return (
    <p className={styles.problem} role="alert">
      {error.message}
    </p>
  );
}
