import { ChevronRight } from 'lucide-react';
import { useId, useState } from 'react';
import type { ReactNode } from 'react';
import styles from './fold.module.css';

interface FoldProps {
  title: ReactNode;
  note?: ReactNode;
  /** Made only once it is opened: it may be large. */
  children: () => ReactNode;
}

/** Something that is there and not in the way. */
export function Fold({ title, note, children }: FoldProps) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <div className={styles.fold}>
      <button
        type="button"
        className={styles.head}
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        <ChevronRight size={15} aria-hidden data-open={open} />
        <span className={styles.title}>{title}</span>
        {note !== undefined && <span className={styles.note}>{note}</span>}
      </button>
      {open && (
        <div id={id} className={styles.body}>
          {children()}
        </div>
      )}
    </div>
  );
}
