import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import type { InfiniteData, UseInfiniteQueryResult } from '@tanstack/react-query';
import type * as z from 'zod/mini';
import { getJson } from '../api/client.ts';
import { mayRetry } from '../api/use-api.ts';
import { withPage } from './page-question.ts';

const PAGE_ROWS = 100;

interface PageOf<Row> {
  items: Row[];
  next: string | null;
}

type Pages<Row> = UseInfiniteQueryResult<InfiniteData<PageOf<Row>, string | null>>;

/** A list of the API page by page, the newest first. What stands there stays while another question is asked. */
export function usePages<Row>(path: string, schema: z.ZodMiniType<PageOf<Row>>, question: string) {
  return useInfiniteQuery<PageOf<Row>, Error, InfiniteData<PageOf<Row>, string | null>, string[], string | null>({
    queryKey: pagesKey(path, question),
    queryFn: ({ pageParam, signal }) =>
      getJson(`${path}?${withPage(question, { before: pageParam, limit: PAGE_ROWS })}`, schema, signal),
    initialPageParam: null,
    getNextPageParam: ({ next }) => next,
    placeholderData: keepPreviousData,
    retry: mayRetry,
  });
}

/** What `ListBody` shows of it: while another question is asked, and where that fails, what stood there. */
export function listOf<Row>(pages: Pages<Row>) {
  return {
    rows: pages.data?.pages.flatMap(({ items }) => items),
    error: pages.data === undefined ? pages.error : null,
    again: () => void pages.refetch(),
    hasOlder: pages.hasNextPage,
    isLoadingOlder: pages.isFetchingNextPage,
    loadOlder: () => void pages.fetchNextPage(),
  };
}

export function pagesKey(path: string, question: string): string[] {
  return ['pages', path, question];
}
