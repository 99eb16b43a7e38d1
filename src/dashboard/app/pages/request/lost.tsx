import { TriangleAlert } from 'lucide-react';
import styles from './lost.module.css';
import type { RequestRecord } from './record.ts';

/** Parts of the bodies are missing: said where bodies are shown. */
export function Lost({ record }: { record: RequestRecord }) {
  const missing = record.capture?.missing_frames ?? 0;
  if (missing === 0) return null;
  return (
    <p className={styles.lost} role="note">
      <TriangleAlert size={16} aria-hidden />
      {missing === 1 ? 'A piece' : `${missing} pieces`} of what was said did not fit into the journal. What follows is
      not whole.
    </p>
  );
}
