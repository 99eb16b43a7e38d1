import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { getJson, pathOf } from '../../api/client.ts';
import { mayRetry } from '../../api/use-api.ts';
import { useMe } from '../../shell/me.tsx';
import { RequestPage } from '../logs/shapes.ts';
import type { RequestRow } from '../logs/shapes.ts';
import { isRunning } from './conversation.ts';
import type { Exchange } from './conversation.ts';

const EVERY_MS = 1_000;
/** A record is there seconds after its request has ended; where the books lag behind, the page stops asking. */
const ASKED_AT_MOST = 60;

/** What the books say of the conversation's requests, by id: tokens and cost are theirs, and not worked out here. */
export function useRecords(session: string, exchanges: readonly Exchange[]): ReadonlyMap<string, RequestRow> {
  const { login } = useMe();
  const ended = exchanges.flatMap((each) => (isRunning(each) || each.requestId === undefined ? [] : [each.requestId]));
  const path = pathOf('/api/requests', { session, login, limit: 200 });
  const { data } = useQuery({
    // Each turn that ends is a question of its own, asked until the answer has it.
    queryKey: [path, ended.at(-1)],
    queryFn: ({ signal }) => getJson(path, RequestPage, signal),
    enabled: ended.length > 0,
    placeholderData: keepPreviousData,
    retry: mayRetry,
    refetchInterval: ({ state }) =>
      state.dataUpdateCount < ASKED_AT_MOST && !hasAll(state.data, ended) ? EVERY_MS : false,
  });
  return new Map((data?.items ?? []).map((record) => [record.id, record]));
}

function hasAll(page: RequestPage | undefined, ids: readonly string[]): boolean {
  const there = new Set(page?.items.map(({ id }) => id));
  return ids.every((id) => there.has(id));
}
