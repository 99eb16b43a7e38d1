import { dollars, printable, textTable, thousands } from '../dashboard/text-table.ts';
import type { RepriceReport, Tally } from './reprice.ts';

const HEADS = [
  'model',
  'records',
  'changed',
  'unknown before',
  'unknown after',
  'cost before',
  'cost after',
  'difference',
];

/** What `aperture reprice` prints; the models whose cost changes most come first. */
export function repriceTable({ priceVersion, models, total, impossible, applied }: RepriceReport): string {
  const title = `Prices ${priceVersion}`;
  if (total.records === 0) return `${title}: no records`;
  const rows = [...models].sort(([, a], [, b]) => Number(size(b) - size(a)));
  const body = rows.map(([model, tally]) => [model === '' ? '(none)' : printable(model), ...cellsOf(tally)]);
  const kept = [...impossible].map(([why, records]) => `${count(records)} left as booked: ${why}`);
  const done = applied
    ? `Amended: ${count(total.changed)}.`
    : `Nothing was written; with --apply, ${count(total.changed)} would be amended.`;
  return [title, '', ...textTable(HEADS, body, ['total', ...cellsOf(total)], 1), '', ...kept, done].join('\n');
}

function size({ before, after }: Tally): bigint {
  return after > before ? after - before : before - after;
}

function cellsOf(tally: Tally): string[] {
  const { records, changed, unknownBefore, unknownAfter, before, after } = tally;
  const sign = after === before ? ' ' : after > before ? '+' : '-';
  return [
    ...[records, changed, unknownBefore, unknownAfter].map((number) => thousands(String(number))),
    dollars(String(before)),
    dollars(String(after)),
    sign + dollars(String(size(tally))),
  ];
}

function count(records: number): string {
  return `${thousands(String(records))} record${records === 1 ? '' : 's'}`;
}
