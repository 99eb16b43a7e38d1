import { expect, test } from 'vitest';
import { countsOf, sumsQuestion } from '../../../src/dashboard/app/pages/logs/over-time.ts';

const RANGE = { from: '2026-11-22T00:00:00.000Z', to: '2026-11-24T00:00:00.000Z', interval: 'day' };

test('sums are asked with the list’s filters, and not at all where they do not know one', () => {
  const asked = sumsQuestion('model=m&login=a%40b&from=x', RANGE) ?? '';
  expect(Object.fromEntries(new URLSearchParams(asked))).toEqual({
    model: 'm',
    login: 'a@b',
    group: 'status',
    ...RANGE,
  });
  expect(sumsQuestion('tool=Bash&from=x', RANGE)).toBeUndefined();
});

test('requests are counted by how they were answered, in the interval where they were', () => {
  const day = (time: string, status: number, requests: number) => ({ time, status, requests });
  const items = [
    day('2026-11-22T00:00:00Z', 200, 7),
    day('2026-11-22T00:00:00Z', 403, 2),
    day('2026-11-23T00:00:00.000Z', 529, 1),
    day('2026-11-23T00:00:00Z', 0, 3),
    day('2026-11-23T00:00:00Z', 201, 5),
  ];
  expect(countsOf(items, ['2026-11-22T00:00:00.000Z', '2026-11-23T00:00:00.000Z'])).toEqual([
    [7, 5],
    [2, 0],
    [0, 4],
  ]);
});
