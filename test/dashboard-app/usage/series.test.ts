import { expect, test } from 'vitest';
import type { UsageSums } from '../../../src/dashboard/app/api/shapes.ts';
import { leadersOf, seriesOf, seriesOfEach } from '../../../src/dashboard/app/usage/series.ts';
import { costPerMillion, costShown } from '../../../src/dashboard/app/usage/usage.ts';

function item(name: string, output: number, more: Partial<UsageSums> = {}): UsageSums {
  return {
    requests: 1,
    refused: 0,
    errors: 0,
    usage_absent: 0,
    usage_partial: 0,
    usage_estimated: 0,
    cost_unknown: 0,
    usage: { output },
    cost_nanodollars: String(output * 1_000_000_000),
    request_bytes: 0,
    response_bytes: 0,
    model: name,
    ...more,
  };
}

const TIMES = ['2026-11-01T00:00:00.000Z', '2026-11-02T00:00:00.000Z', '2026-11-03T00:00:00.000Z'];
const [FIRST, , THIRD] = ['2026-11-01T00:00:00.000000Z', '', '2026-11-03T00:00:00.000000Z'];
const asIs = (name: string) => name;

test('the seven largest lead, and what is nothing leads nothing', () => {
  const items = [9, 4, 0, 8, 7, 1, 2, 6, 5, 3].map((tokens) => item(`m${tokens}`, tokens));
  expect(leadersOf(items, 'model', 'tokens')).toEqual(['m9', 'm8', 'm7', 'm6', 'm5', 'm4', 'm3']);
});

test('a series has a value for each time, also where nothing happened; the rest is of the others', () => {
  const items = [
    item('a', 5, { time: FIRST }),
    item('b', 2, { time: FIRST }),
    item('c', 3, { time: FIRST }),
    item('a', 1, { time: THIRD }),
    item('c', 4, { time: THIRD }),
  ];
  expect(seriesOf(TIMES, items, 'model', 'cost', ['a'], asIs)).toEqual([
    { name: 'a', values: [5, 0, 1] },
    { name: 'others', values: [5, 0, 4] },
  ]);
  expect(seriesOf(TIMES, items, 'model', 'requests', ['a', 'b', 'c'], asIs).map(({ name }) => name)).toEqual([
    'a',
    'b',
    'c',
  ]);
});

test('asked one by one, the others are what all have beyond the leaders; of groups, nothing is', () => {
  const each = [{ name: 'a', items: [item('', 5, { time: FIRST }), item('', 1, { time: THIRD })] }];
  const all = [item('', 7, { time: FIRST }), item('', 1, { time: THIRD })];
  expect(seriesOfEach(TIMES, each, all, 'model', 'tokens', asIs)).toEqual([
    { name: 'a', values: [5, 0, 1] },
    { name: 'others', values: [2, 0, 0] },
  ]);
  expect(seriesOfEach(TIMES, each, all, 'group', 'tokens', asIs)).toHaveLength(1);
});

test('names that look alike are told apart', () => {
  const items = [item('x1', 2, { time: FIRST }), item('x2', 1, { time: FIRST })];
  expect(seriesOf(TIMES, items, 'model', 'tokens', ['x1', 'x2'], () => 'x').map(({ name }) => name)).toEqual([
    'x',
    'x (2)',
  ]);
});

test('a million tokens cost what all cost, by their number; a sum that lacks something says so', () => {
  expect(costPerMillion(item('a', 3, { cost_nanodollars: '1' }))).toBe(333_333n);
  expect(costPerMillion(item('a', 3, { cost_nanodollars: '2' }))).toBe(666_667n);
  expect(costPerMillion(item('a', 0, { cost_nanodollars: '0' }))).toBeUndefined();
  expect(costShown(item('a', 1, { cost_nanodollars: '1200000000' }))).toBe('$1.20');
  expect(costShown(item('a', 1, { cost_nanodollars: '1200000000', cost_unknown: 2 }))).toBe('≥ $1.20');
});
