import { useQuery } from '@tanstack/react-query';
import type { UseQueryResult } from '@tanstack/react-query';
import { getBytes } from '../../api/client.ts';
import { mayRetry } from '../../api/use-api.ts';
import { askWorker } from './reader/ask-worker.ts';
import type { JobName, Jobs } from './reader/jobs.ts';

/** Large, and never another: kept while it is looked at, and a moment longer. */
const BODY = { staleTime: Infinity, gcTime: 60_000, structuralSharing: false } as const;

/** A captured body; undefined asks for none. */
export function useBody(path: string | undefined): UseQueryResult<Uint8Array<ArrayBuffer>> {
  return useQuery({
    queryKey: ['body', path],
    queryFn: async ({ signal }) => new Uint8Array(await getBytes(path ?? '', signal)),
    enabled: path !== undefined,
    retry: mayRetry,
    ...BODY,
  });
}

/** What the worker makes of something; `key` says of what, as only that is compared. */
export function useJob<Name extends JobName>(
  name: Name,
  key: readonly unknown[],
  ask: Jobs[Name]['ask'] | undefined,
): UseQueryResult<Jobs[Name]['answer']> {
  return useQuery({
    queryKey: ['job', name, ...key],
    queryFn: () => askWorker(name, given(ask)),
    enabled: ask !== undefined,
    retry: false,
    // A text stays while a window that changes its width has it laid out anew; what was found of another would be wrong.
    placeholderData: (before, query) => (name === 'text' && query?.queryKey[2] === key[0] ? before : undefined),
    ...BODY,
  });
}

function given<T>(ask: T | undefined): T {
  if (ask === undefined) throw new Error('nothing was asked');
  return ask;
}
