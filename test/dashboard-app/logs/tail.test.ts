import { expect, test } from 'vitest';
import { byDay } from '../../../src/dashboard/app/pages/logs/days.ts';
import { idBefore, merged, unknownOf } from '../../../src/dashboard/app/pages/logs/tail.ts';
import { uuid7Floor } from '../../../src/lib/uuid7.ts';

const rows = (...ids: string[]) => ids.map((id) => ({ id }));

test('what comes late stands in its place by time, and nothing stands twice', () => {
  expect(merged(rows('9', '5'), rows('8', '5', '2'))).toEqual(rows('9', '8', '5', '2'));
});

test('only what is not there is taken, and nothing below the end of a list that goes on', () => {
  const shown = rows('8', '6', '4');
  expect(unknownOf(rows('9', '8', '5', '3'), shown, true)).toEqual(rows('9', '5'));
  expect(unknownOf(rows('9', '8', '5', '3'), shown, false)).toEqual(rows('9', '5', '3'));
  expect(unknownOf(rows('1'), [], true)).toEqual(rows('1'));
});

test('an id of a quarter of an hour before is smaller than all ids since, and greater than those before', () => {
  const [at, quarter] = [Date.UTC(2026, 10, 28, 14), 15 * 60_000];
  const edge = idBefore(uuid7Floor(at), quarter);
  expect(edge < uuid7Floor(at - quarter + 1)).toBe(true);
  expect(edge > uuid7Floor(at - quarter - 1)).toBe(true);
});

test('rows are cut where the reader’s day changes', () => {
  const at = (day: number, hour: number) => new Date(2026, 10, day, hour).toISOString();
  const now = new Date(2026, 10, 28, 15);
  const times = [at(28, 9), at(28, 0), at(27, 23), at(26, 23), at(26, 1)];
  expect(byDay(times, (time) => time, now).map(({ name, rows: those }) => [name, those.length])).toEqual([
    ['Today', 2],
    ['Yesterday', 1],
    ['Thursday 26 November', 2],
  ]);
});
