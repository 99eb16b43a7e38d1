import { useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { RequestPage } from './shapes.ts';
import type { RequestRow } from './shapes.ts';
import { merged, unknownOf } from './tail.ts';
import { pagesKey, usePages } from '../../lists/use-pages.ts';
import { useTail } from './use-tail.ts';

/** What a list that grows by itself keeps. */
export const MOST_LIVE_ROWS = 500;
/** How long a row that has come by itself stands out. */
const MARKED_MS = 4_000;

export interface RequestLog {
  /** Undefined until the first answer. */
  rows: RequestRow[] | undefined;
  error: Error | null;
  again: () => void;
  /** What is shown belongs to the filters from before. */
  isStale: boolean;
  hasOlder: boolean;
  isLoadingOlder: boolean;
  loadOlder: () => void;
  /** The end is cut, as the list grows by itself. */
  isCut: boolean;
  marked: ReadonlySet<string>;
  /** Why nothing new comes, while it should. */
  tailError: Error | null;
}

/** What came by itself, for one question. */
interface Fresh {
  question: string;
  rows: RequestRow[];
}

/** The requests of a question, page by page; while `live`, those that come too. */
export function useRequestLog(question: string, live: { on: boolean; running: boolean }): RequestLog {
  const pages = usePages('/api/requests', RequestPage, question);
  const [fresh, setFresh] = useState<Fresh>({ question, rows: [] });
  const [marked, mark] = useMarks();
  const ofQuestion = fresh.question === question ? fresh.rows : NOTHING;
  const listed = useMemo(
    () =>
      pages.data === undefined
        ? undefined
        : merged(
            ofQuestion,
            pages.data.pages.flatMap(({ items }) => items),
          ),
    [pages.data, ofQuestion],
  );
  const isCut = live.on && listed !== undefined && listed.length > MOST_LIVE_ROWS;
  const rows = isCut ? listed.slice(0, MOST_LIVE_ROWS) : listed;
  const hasOlder = pages.hasNextPage;

  const take = useCallback(
    (answer: readonly RequestRow[]) => {
      const unknown = unknownOf(answer, rows ?? [], hasOlder);
      if (unknown.length === 0) return;
      setFresh({ question, rows: merged(unknown, ofQuestion).slice(0, MOST_LIVE_ROWS) });
      mark(unknown.map(({ id }) => id));
    },
    [question, rows, hasOlder, ofQuestion, mark],
  );
  const isReady = pages.data !== undefined && !pages.isPlaceholderData;
  const tailError = useTail({ question, newest: rows?.[0]?.id, running: live.running && isReady, take });
  useWholeAgain(question, live.on, ofQuestion.length >= MOST_LIVE_ROWS, () => setFresh({ question, rows: [] }));

  return {
    rows,
    error: pages.error,
    again: () => void pages.refetch(),
    isStale: pages.isPlaceholderData,
    hasOlder: hasOlder && !isCut,
    isLoadingOlder: pages.isFetchingNextPage,
    loadOlder: () => void pages.fetchNextPage(),
    isCut,
    marked,
    tailError,
  };
}

const NOTHING: RequestRow[] = [];

/** Rows that stand out for a moment. */
function useMarks(): [ReadonlySet<string>, (ids: readonly string[]) => void] {
  const [marked, setMarked] = useState<ReadonlySet<string>>(new Set());
  const mark = useCallback((ids: readonly string[]) => {
    setMarked((before) => new Set([...before, ...ids]));
    setTimeout(() => setMarked((before) => new Set([...before].filter((id) => !ids.includes(id)))), MARKED_MS);
  }, []);
  return [marked, mark];
}

/** A list that had to let go of rows has a gap before its older pages: when it stops growing, it is asked for anew. */
function useWholeAgain(question: string, isLive: boolean, isFull: boolean, forget: () => void): void {
  const queries = useQueryClient();
  const wasLive = useRef(isLive);
  useEffect(() => {
    const stopped = wasLive.current && !isLive;
    wasLive.current = isLive;
    if (!stopped || !isFull) return;
    forget();
    void queries.resetQueries({ queryKey: pagesKey('/api/requests', question) });
  });
}
