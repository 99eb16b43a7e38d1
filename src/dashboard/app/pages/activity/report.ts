import * as z from 'zod/mini';
import { pathOf } from '../../api/client.ts';
import type { Query } from '../../api/client.ts';
import type { Subject } from './search.ts';

const Latency = z.nullable(z.looseObject({ requests: z.number(), p50_ms: z.number(), p95_ms: z.number() }));
export type Latency = z.infer<typeof Latency>;

const told = { users: z.number(), first_byte: Latency, whole: Latency };

/** Under the group's name stands what an item is about; `time` with an interval. */
const ActivityItem = z.looseObject({ ...told, time: z.optional(z.string()) });
export type ActivityItem = z.infer<typeof ActivityItem>;

/** `GET /api/activity`. */
export const ActivityReport = z.looseObject({
  items: z.array(ActivityItem),
  total: z.looseObject(told),
  truncated: z.boolean(),
});
export type ActivityReport = z.infer<typeof ActivityReport>;

export function activityPath(range: { from: string; to: string }, group: Subject, more: Query = {}): string {
  return pathOf('/api/activity', { from: range.from, to: range.to, group, ...more });
}
