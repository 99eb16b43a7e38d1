import * as z from 'zod/mini';
import { pathOf } from '../../api/client.ts';
import type { ToolGroup, ToolsSearch } from './search.ts';

const ToolCounts = z.looseObject({
  calls: z.number(),
  /** Calls whose result came back with a later request. */
  with_result: z.number(),
  errors: z.number(),
  bytes: z.number(),
  result_bytes: z.number(),
});
export type ToolCounts = z.infer<typeof ToolCounts>;

/** `GET /api/tools` with `group`: under the grouping's name stands what was counted. */
export const ToolReport = z.looseObject({ items: z.array(ToolCounts), truncated: z.boolean() });
export type ToolReport = z.infer<typeof ToolReport>;

export function toolsPath(search: ToolsSearch, { from, to }: { from: string; to: string }, group: ToolGroup): string {
  const { name, agent, model, login } = search;
  return pathOf('/api/tools', { name, agent, model, login, from, to, group });
}

export function nameOf(item: ToolCounts, group: ToolGroup): string {
  const name = item[group];
  return typeof name === 'string' ? name : '';
}

export function totalOf(items: readonly ToolCounts[]): ToolCounts {
  const total = { calls: 0, with_result: 0, errors: 0, bytes: 0, result_bytes: 0 };
  for (const item of items) {
    total.calls += item.calls;
    total.with_result += item.with_result;
    total.errors += item.errors;
    total.bytes += item.bytes;
    total.result_bytes += item.result_bytes;
  }
  return total;
}
