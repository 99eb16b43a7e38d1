import { z } from 'zod';
import { USAGE_KINDS, totalInput, totalOutput } from '../contract/usage.ts';
import type { Usage, UsageKind } from '../contract/usage.ts';

const UsageAnswer = z.object({
  from: z.string(),
  to: z.string(),
  group: z.string(),
  items: z.array(
    z.looseObject({
      requests: z.number(),
      usage_absent: z.number(),
      cost_unknown: z.number(),
      usage: z.object(
        Object.fromEntries(USAGE_KINDS.map((kind) => [kind, z.number()])) as Record<UsageKind, z.ZodNumber>,
      ),
      cost_nanodollars: z.string(),
    }),
  ),
});

const HEADS = ['requests', 'input', 'cache read', 'cache write', 'output', 'reasoning', 'cost'];

/** The answer of `GET /api/usage` as a table for a terminal. Throws where it is not one. */
export function usageTable(answer: unknown): string {
  const { from, to, group, items } = UsageAnswer.parse(answer);
  if (items.length === 0) return `No requests from ${from} to ${to}.`;
  const rows = items.map((item) => {
    const name = item[group];
    return [typeof name === 'string' && name !== '' ? name : '(none)', ...cells(item.requests, item.usage, item)];
  });
  const total = totalOf(items);
  rows.push(['total', ...cells(total.requests, total.usage, total)]);
  const heads = [group, ...HEADS];
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (row: string[]): string =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  const notes = notesOn(total);
  return [
    `Usage from ${from} to ${to}`,
    '',
    line(heads),
    rule,
    ...rows.slice(0, -1).map(line),
    rule,
    line(rows.at(-1) ?? []),
    ...(notes.length > 0 ? ['', ...notes] : []),
  ].join('\n');
}

interface Sums {
  requests: number;
  usage: Usage;
  usage_absent: number;
  cost_unknown: number;
  cost_nanodollars: string;
}

function totalOf(items: readonly Sums[]): Sums {
  const usage = Object.fromEntries(
    USAGE_KINDS.map((kind) => [kind, items.reduce((sum, item) => sum + item.usage[kind], 0)]),
  ) as Usage;
  return {
    requests: items.reduce((sum, item) => sum + item.requests, 0),
    usage,
    usage_absent: items.reduce((sum, item) => sum + item.usage_absent, 0),
    cost_unknown: items.reduce((sum, item) => sum + item.cost_unknown, 0),
    cost_nanodollars: String(items.reduce((sum, item) => sum + BigInt(item.cost_nanodollars), 0n)),
  };
}

function cells(requests: number, usage: Usage, item: { cost_unknown: number; cost_nanodollars: string }): string[] {
  const writes = usage.cache_write_5m + usage.cache_write_1h + usage.cache_write_other;
  return [
    grouped(requests),
    grouped(totalInput(usage)),
    grouped(usage.cache_read),
    grouped(writes),
    grouped(totalOutput(usage)),
    grouped(usage.reasoning),
    `${dollars(item.cost_nanodollars)}${item.cost_unknown > 0 ? ' +?' : ''}`,
  ];
}

function notesOn(total: Sums): string[] {
  const notes: string[] = [];
  if (total.cost_unknown > 0) notes.push(`+?  ${grouped(total.cost_unknown)} requests have usage but no known price.`);
  if (total.usage_absent > 0)
    notes.push(`    ${grouped(total.usage_absent)} requests came without usage and are in no sum.`);
  return notes;
}

/** A count with thin groups of three. */
function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

/** Nanodollars as dollars with six decimals, rounded half to even. */
export function dollars(nanodollars: string): string {
  const nano = BigInt(nanodollars);
  const micro = nano / 1000n;
  const rest = nano % 1000n;
  const up = rest > 500n || (rest === 500n && micro % 2n === 1n) ? 1n : 0n;
  const digits = String(micro + up).padStart(7, '0');
  return `$${Number(digits.slice(0, -6)).toLocaleString('en-US')}.${digits.slice(-6)}`;
}
