import { z } from 'zod';
import type { UsageKind } from '../contract/usage.ts';
import { UsageItem, UsageSums } from './usage.ts';
import { dollars, printable, textTable, thousands } from './text-table.ts';

const UsageAnswer = z.object({
  from: z.string(),
  to: z.string(),
  group: z.string(),
  items: z.array(UsageItem),
  total: UsageSums,
  truncated: z.boolean(),
});

/** Token kinds that share a column. The columns are disjoint: together they are all tokens. */
const COLUMNS: Record<string, readonly UsageKind[]> = {
  input: ['input_uncached', 'audio_in', 'image_in'],
  'cache read': ['cache_read'],
  'cache write': ['cache_write_5m', 'cache_write_1h', 'cache_write_other'],
  output: ['output', 'audio_out', 'image_out'],
  reasoning: ['reasoning'],
};

/** Stands after a sum that is less than the truth, and before the note that says by what. */
const MARKS = { cost: '+', usage: '*' };

/**
 * The answer of `GET /api/usage` as a table for a terminal; without a line break at the end.
 *
 * @throws ZodError where it is no such answer.
 */
export function usageTable(answer: unknown): string {
  const { from, to, group, items, total, truncated } = UsageAnswer.parse(answer);
  const range = `Usage from ${from} to ${to}`;
  if (total.requests === 0) return `${range}: no requests`;
  const timed = items.some(({ time }) => time !== undefined);
  const heads = [...(timed ? ['time'] : []), group, 'requests', ...Object.keys(COLUMNS), 'cost'];
  const body = items.map((item) => [...(timed ? [item.time ?? ''] : []), nameOf(item[group]), ...cellsOf(item)]);
  const foot = [...(timed ? [''] : []), 'total', ...cellsOf(total)];
  return [range, '', ...textTable(heads, body, foot, timed ? 2 : 1), ...notesOn(total, truncated)].join('\n');
}

function nameOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? printable(value) : '(none)';
}

function cellsOf(sums: UsageSums): string[] {
  // One character in every row, so that digits stand under digits.
  const mark = (missing: number, with_: string): string => (missing > 0 ? with_ : ' ');
  const tokens = Object.values(COLUMNS).map((kinds) => count(kinds.reduce((sum, kind) => sum + sums.usage[kind], 0)));
  return [
    `${count(sums.requests)}${mark(sums.usage_absent, MARKS.usage)}`,
    ...tokens,
    `${dollars(sums.cost_nanodollars)}${mark(sums.cost_unknown, MARKS.cost)}`,
  ];
}

function notesOn(total: UsageSums, truncated: boolean): string[] {
  const notes = [
    total.usage_absent > 0 ? `${MARKS.usage} ${requests(total.usage_absent)} without usage: in no sum of tokens` : '',
    total.cost_unknown > 0 ? `${MARKS.cost} ${requests(total.cost_unknown)} of unknown cost: in no sum of money` : '',
    total.usage_estimated > 0 ? `  ${requests(total.usage_estimated)} with estimated usage` : '',
    total.refused > 0 ? `  ${requests(total.refused)} refused before any provider was asked` : '',
    total.errors > 0 ? `  ${requests(total.errors)} answered with an error` : '',
    truncated ? '  there are more rows than these: narrow the range' : '',
  ].filter((note) => note !== '');
  return notes.length > 0 ? ['', ...notes] : [];
}

function requests(number: number): string {
  return `${count(number)} request${number === 1 ? '' : 's'}`;
}

function count(value: number): string {
  return thousands(value.toString());
}
