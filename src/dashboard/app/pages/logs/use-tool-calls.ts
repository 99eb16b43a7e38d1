import { useQuery } from '@tanstack/react-query';
import { getJson } from '../../api/client.ts';
import { mayRetry } from '../../api/use-api.ts';
import { ToolPage } from './shapes.ts';
import type { SessionRow, ToolCall } from './shapes.ts';

const PAGE_CALLS = 1000;
const MOST_PAGES = 5;

export interface KnownCalls {
  /** The newest first. */
  calls: ToolCall[];
  /** There are earlier ones, which are shown without results. */
  isCut: boolean;
}

/** The tool calls of a session with their results. */
export function useToolCalls({ session_id: session, login, tool_calls: calls }: SessionRow) {
  return useQuery({
    queryKey: ['session-tools', session, login],
    queryFn: ({ signal }) => lastOf({ session, login }, signal),
    enabled: calls > 0,
    retry: mayRetry,
  });
}

async function lastOf(of: { session: string; login: string }, signal: AbortSignal): Promise<KnownCalls> {
  const calls: ToolCall[] = [];
  let before: string | null = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const asked: URLSearchParams = new URLSearchParams({ ...of, limit: String(PAGE_CALLS) });
    if (before !== null) asked.set('before', before);
    const { items, next } = await getJson(`/api/tools?${asked.toString()}`, ToolPage, signal);
    calls.push(...items);
    before = next;
    if (before === null) break;
  }
  return { calls, isCut: before !== null };
}
