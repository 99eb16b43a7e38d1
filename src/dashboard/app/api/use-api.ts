import { keepPreviousData, queryOptions, useQueries, useQuery } from '@tanstack/react-query';
import type { UseQueryResult } from '@tanstack/react-query';
import type * as z from 'zod/mini';
import { ApiError, getJson } from './client.ts';

export interface AskOptions {
  /** Ask again so often. */
  everyMs?: number;
  /** Nothing is asked while this is false. */
  enabled?: boolean;
  /** What stands there stays while the next answer is awaited: for filters, so that a page does not jump. */
  keep?: boolean;
}

/** What the API says at a path, asked once for all who want to know. */
export function useApi<T>(path: string, schema: z.ZodMiniType<T>, options: AskOptions = {}): UseQueryResult<T> {
  return useQuery({
    ...asking(path, schema),
    enabled: options.enabled ?? true,
    ...(options.everyMs === undefined ? {} : { refetchInterval: options.everyMs }),
    ...(options.keep === true ? { placeholderData: keepPreviousData } : {}),
  });
}

/** Several questions of one kind, in their order. */
export function useApis<T>(paths: readonly string[], schema: z.ZodMiniType<T>): UseQueryResult<T>[] {
  return useQueries({
    queries: paths.map((path) => asking(path, schema)),
  });
}

/** One question and its answer, whoever asks. */
function asking<T>(path: string, schema: z.ZodMiniType<T>) {
  return queryOptions({
    queryKey: [path],
    queryFn: ({ signal }) => getJson(path, schema, signal),
    retry: mayRetry,
  });
}

/** What was refused is refused again; what was away may be back. */
export function mayRetry(count: number, error: Error): boolean {
  return count < 2 && error instanceof ApiError && (error.status === 0 || error.status === 503);
}
