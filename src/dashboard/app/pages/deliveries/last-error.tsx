import { Foreign } from '../../design/hostile.tsx';
import styles from './deliveries.module.css';

/** In the words of whoever refused, or why nobody answered. */
export function LastError({ error }: { error: string | null }) {
  if (error === null) return <span className={styles.none}>–</span>;
  return <Foreign most={120}>{error}</Foreign>;
}
