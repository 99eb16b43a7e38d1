import type { UseQueryResult } from '@tanstack/react-query';
import { CircleAlert, Inbox, LockKeyhole } from 'lucide-react';
import type { ReactNode } from 'react';
import { ApiError } from '../api/client.ts';
import { Button } from './button.tsx';
import styles from './states.module.css';

/** There is nothing: what would make something come. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className={styles.state}>
      <Inbox size={22} aria-hidden />
      <p className={styles.title}>{title}</p>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

/** Grey lines in the place of what comes, as tall as it will be. */
export function Loading({ lines = 4, label = 'Loading' }: { lines?: number; label?: string }) {
  return (
    <div className={styles.loading} role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, at) => (
        <span key={at} style={{ '--width': `${92 - ((at * 17) % 40)}%` }} />
      ))}
    </div>
  );
}

/** What went wrong in the gateway's own words, and the way to try once more. */
export function Failure({ error, again }: { error: Error; again?: (() => void) | undefined }) {
  if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
    return <NoPermission>{error.message}</NoPermission>;
  }
  const isMissing = error instanceof ApiError && error.status === 404;
  return (
    <div className={styles.state} role="alert">
      <CircleAlert size={22} aria-hidden />
      <p className={styles.title}>{isMissing ? 'Not found' : 'That did not work'}</p>
      <p>{error.message}</p>
      {again !== undefined && !isMissing && <Button onClick={again}>Try again</Button>}
    </div>
  );
}

export function NoPermission({ children }: { children: ReactNode }) {
  return (
    <div className={styles.state}>
      <LockKeyhole size={22} aria-hidden />
      <p className={styles.title}>You may not see this</p>
      <p>{children}</p>
    </div>
  );
}

interface AnswerProps<T> {
  of: UseQueryResult<T>;
  /** Height of what comes, in lines. */
  lines?: number;
  /** What to say instead of nothing. */
  empty?: { when: (data: T) => boolean; say: ReactNode };
  children: (data: T) => ReactNode;
}

/** The one way from a question to what is shown: loading, failed, empty or there. */
export function Answer<T>({ of, lines, empty, children }: AnswerProps<T>) {
  if (of.data !== undefined) {
    return empty?.when(of.data) === true ? (
      empty.say
    ) : (
      <div className={styles.answer} data-stale={of.isPlaceholderData}>
        {children(of.data)}
      </div>
    );
  }
  if (of.error !== null) return <Failure error={of.error} again={() => void of.refetch()} />;
  return <Loading {...(lines === undefined ? {} : { lines })} />;
}
