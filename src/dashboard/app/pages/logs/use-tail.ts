import { useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { getJson } from '../../api/client.ts';
import { withPage } from '../../lists/page-question.ts';
import { RequestPage } from './shapes.ts';
import type { RequestRow } from './shapes.ts';
import { idBefore } from './tail.ts';

const EVERY_MS = 2_000;
/** Each so many looks it is asked again from longer ago: for requests that took long, and stand below newer ones. */
const LONG_LOOK = 5;
const LONG_MS = 15 * 60_000;
const MOST_ROWS = 500;

interface Tail {
  question: string;
  /** The newest that is known; undefined where nothing is. */
  newest: string | undefined;
  running: boolean;
  take: (rows: readonly RequestRow[]) => void;
}

/** Asks for what is new, one question after the other, while `running`. Answers what went wrong last. */
export function useTail({ question, newest, running, take }: Tail): Error | null {
  const [error, setError] = useState<Error | null>(null);
  const now = useRef({ newest, take });
  useEffect(() => {
    now.current = { newest, take };
  });
  useEffect(() => {
    if (!running) return;
    const left = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let looks = 0;
    const look = async () => {
      const known = now.current.newest;
      const isLong = looks % LONG_LOOK === 0;
      looks += 1;
      const after = known === undefined ? undefined : isLong ? idBefore(known, LONG_MS) : known;
      const path = withPage(question, { limit: MOST_ROWS, ...(after === undefined ? {} : { after }) });
      try {
        const answer = await getJson(`/api/requests?${path}`, RequestPage, left.signal);
        if (left.signal.aborted) return;
        now.current.take(answer.items);
        setError(null);
      } catch (thrown) {
        if (left.signal.aborted) return;
        setError(thrown instanceof Error ? thrown : new Error(String(thrown)));
      }
      timer = setTimeout(() => void look(), EVERY_MS);
    };
    void look();
    return () => {
      left.abort();
      clearTimeout(timer);
    };
  }, [question, running]);
  return running ? error : null;
}

/** Whether somebody can see the page at all. */
export function useIsSeen(): boolean {
  return useSyncExternalStore(subscribe, () => document.visibilityState === 'visible');
}

function subscribe(changed: () => void): () => void {
  document.addEventListener('visibilitychange', changed);
  return () => document.removeEventListener('visibilitychange', changed);
}
