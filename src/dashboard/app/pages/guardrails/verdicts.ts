import * as z from 'zod/mini';
import { pathOf } from '../../api/client.ts';
import { sumsOver } from '../../design/sums-over.ts';

/** What came of a verdict, for whoever asks what was stopped or changed. */
export const OUTCOMES = {
  blocked: { name: 'Blocked', actions: ['block'] },
  changed: { name: 'Changed', actions: ['modify', 'redact', 'tokenise'] },
  flagged: { name: 'Flagged', actions: ['flag'] },
  failed: { name: 'Could not judge', actions: ['error'] },
} as const;
export type Outcome = keyof typeof OUTCOMES;
export const ALL_OUTCOMES = Object.keys(OUTCOMES).filter((name): name is Outcome => name in OUTCOMES);

const VerdictSums = z.looseObject({
  /** Where it is by rule: `hook`, or the rule's kind. */
  type: z.optional(z.string()),
  /** Where it is over time. */
  time: z.optional(z.string()),
  verdicts: z.number(),
  /** Several rules may speak of one request, and one of both its sides. */
  requests: z.number(),
  block: z.number(),
  modify: z.number(),
  redact: z.number(),
  tokenise: z.number(),
  flag: z.number(),
  error: z.number(),
  /** How much was found. */
  found: z.number(),
});
export type VerdictSums = z.infer<typeof VerdictSums>;

/** `GET /api/verdicts`: under the grouping's name stands what was counted. */
export const VerdictReport = z.looseObject({ items: z.array(VerdictSums), total: VerdictSums, truncated: z.boolean() });
export type VerdictReport = z.infer<typeof VerdictReport>;

export type VerdictGroup = 'rule' | 'login' | 'finding';

interface Asked {
  search: { rule?: string | undefined; login?: string | undefined };
  range: { from: string; to: string };
  shadow: boolean;
}

export function verdictsPath({ search, range, shadow }: Asked, group: VerdictGroup, interval?: 'hour' | 'day'): string {
  const { rule, login } = search;
  const { from, to } = range;
  return pathOf('/api/verdicts', { rule, login, shadow: String(shadow), from, to, group, interval });
}

export function amountOf(sums: VerdictSums, outcome: Outcome): number {
  return OUTCOMES[outcome].actions.reduce((sum, action) => sum + sums[action], 0);
}

export function nameOf(item: VerdictSums, group: VerdictGroup): string {
  const name = item[group];
  return typeof name === 'string' ? name : '';
}

/** A series for each outcome that there was, over these times. */
export function verdictsOver(
  times: readonly string[],
  items: readonly VerdictSums[],
): { name: string; values: number[] }[] {
  const all = ALL_OUTCOMES.map((outcome) => ({
    name: OUTCOMES[outcome].name,
    values: sumsOver(
      times,
      items,
      ({ time }) => time,
      (item) => amountOf(item, outcome),
    ),
  }));
  return all.filter(({ values }) => values.some((value) => value > 0));
}
