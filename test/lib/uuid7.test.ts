import { expect, test } from 'vitest';
import { isUuid7, uuid7, uuid7Ms, uuidAt, uuidBytes } from '../../src/lib/uuid7.ts';

/** After all that other tests have minted. */
const MS = Date.UTC(2226, 10, 29);

test('ids grow, within a millisecond, beyond its 4,096, and when the clock steps back', () => {
  const ids = [];
  for (let index = 0; index < 5_000; index++) ids.push(uuid7(MS + 0.9));
  ids.push(uuid7(MS - 60_000), uuid7(MS + 2), uuid7(MS + 3));
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.every(isUuid7)).toBe(true);
  expect([ids[0], ids[4_095], ids[4_096], ids.at(-1)].map((id) => uuid7Ms(id ?? '') - MS)).toEqual([0, 0, 1, 3]);
});

test('each has random bits of its own', () => {
  const tails = Array.from({ length: 1_000 }, () => uuid7(MS + 10).slice(20));
  expect(new Set(tails).size).toBe(1_000);
});

test('an id is its sixteen bytes, and they are the id', () => {
  const id = '0192f3a4-b5c6-7d7e-8f90-a1b2c3d4e5f6';
  const bytes = uuidBytes(id);
  expect(bytes.toString('hex')).toBe('0192f3a4b5c67d7e8f90a1b2c3d4e5f6');
  expect(uuidAt(bytes, 0)).toBe(id);
});
