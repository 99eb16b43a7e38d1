import * as z from 'zod/mini';
import { pathOf } from '../../api/client.ts';
import { Nanodollars } from '../../api/shapes.ts';
import { wholeDays } from '../../design/time-range.ts';
import type { Span } from '../../design/time-range.ts';

const Day = z.looseObject({
  day: z.string(),
  active: z.number(),
  active_7d: z.number(),
  active_30d: z.number(),
  four_of_seven: z.number(),
  new: z.number(),
  returning: z.number(),
});
export type Day = z.infer<typeof Day>;

const Bin = z.looseObject({ from: z.number(), to: z.nullable(z.number()), users: z.number() });
export type Bin = z.infer<typeof Bin>;

const User = z.looseObject({
  login: z.string(),
  groups: z.array(z.string()),
  first_day: z.string(),
  last_day: z.string(),
  days_active: z.number(),
  requests: z.number(),
  tokens: z.number(),
  cost_nanodollars: Nanodollars,
});
export type User = z.infer<typeof User>;

const Team = z.looseObject({
  group: z.string(),
  agent: z.string(),
  users: z.number(),
  requests: z.number(),
  tokens: z.number(),
  cost_nanodollars: Nanodollars,
});
export type Team = z.infer<typeof Team>;

/** `GET /api/adoption`. Active is somebody with at least one request that was not refused; days are UTC days. */
export const AdoptionReport = z.looseObject({
  from: z.string(),
  to: z.string(),
  totals: z.looseObject({
    users: z.number(),
    new_users: z.number(),
    returning_users: z.number(),
    requests: z.number(),
    tokens: z.number(),
    cost_nanodollars: Nanodollars,
  }),
  days: z.array(Day),
  distribution: z.looseObject({ requests: z.array(Bin), tokens: z.array(Bin) }),
  users: z.array(User),
  users_truncated: z.boolean(),
  teams: z.array(Team),
  teams_truncated: z.optional(z.boolean()),
});
export type AdoptionReport = z.infer<typeof AdoptionReport>;

export function adoptionPath(range: Span): string {
  const { from, to } = wholeDays(range);
  return pathOf('/api/adoption', { from, to });
}

/** How much of a month's users a usual day has; undefined where nobody was there. */
export function stickiness(days: readonly Day[]): number | undefined {
  const month = days.reduce((sum, { active_30d }) => sum + active_30d, 0);
  return month === 0 ? undefined : days.reduce((sum, { active }) => sum + active, 0) / month;
}
