import type { ReactNode } from 'react';
import { Button } from '../design/button.tsx';
import { Failure, Loading } from '../design/states.tsx';
import styles from './list-body.module.css';

interface ListBodyProps<Row> {
  what: string;
  /** Undefined until the first answer. */
  rows: Row[] | undefined;
  error: Error | null;
  again: () => void;
  empty: ReactNode;
  hasOlder: boolean;
  isLoadingOlder: boolean;
  loadOlder: () => void;
  children: (rows: Row[]) => ReactNode;
}

/** A list that comes page by page: awaited, failed, empty, or there with the way to more of it. */
export function ListBody<Row>({ what, rows, error, again, empty, children, ...older }: ListBodyProps<Row>) {
  if (rows === undefined) {
    return error === null ? (
      <div className={styles.waiting}>
        <Loading lines={14} label={`Loading ${what}`} />
      </div>
    ) : (
      <Failure error={error} again={again} />
    );
  }
  if (error !== null) return <Failure error={error} again={again} />;
  if (rows.length === 0) return empty;
  return (
    <>
      {children(rows)}
      {older.hasOlder && (
        <div className={styles.more}>
          <Button disabled={older.isLoadingOlder} onClick={older.loadOlder}>
            {older.isLoadingOlder ? 'Loading …' : 'Load more'}
          </Button>
        </div>
      )}
    </>
  );
}
