import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FairQueue } from '../../src/lib/fair-queue.ts';

interface Item {
  key: string;
  size: number;
  number: number;
}

const QUANTUM = 100;

function queueOf(capacity: number, capacitySize: number): FairQueue<Item> {
  return new FairQueue<Item>({ name: 'test', capacity, capacitySize, quantum: QUANTUM });
}

/** An item to be offered, or how many are to be taken. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd'), size: fc.nat(350) }) },
  { weight: 1, arbitrary: fc.integer({ min: 1, max: 6 }) },
);

describe('a fair queue', () => {
  test('loses nothing and invents nothing, keeps the order of each key, and counts what it holds', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const queue = queueOf(40, 4_000);
        const expected = new Map<string, Item[]>();
        let number = 0;
        const take = (): boolean => {
          const item = queue.take();
          if (item === undefined) return false;
          expect(item).toBe(expected.get(item.key)?.shift());
          return true;
        };
        for (const each of steps) {
          if (typeof each === 'number') {
            for (let taken = 0; taken < each; taken += 1) take();
            continue;
          }
          const item = { ...each, number: (number += 1) };
          if (!queue.offer(item.key, item, item.size)) continue;
          expected.set(item.key, [...(expected.get(item.key) ?? []), item]);
          const held = [...expected.values()].flat();
          expect(queue.depth).toBe(held.length);
          expect(queue.size).toBe(held.reduce((sum, { size }) => sum + size, 0));
          expect(queue.keys).toBe(new Set(held.map(({ key }) => key)).size);
          expect(queue.depth).toBeLessThanOrEqual(40);
        }
        while (take());
        expect([...expected.values()].flat()).toEqual([]);
        expect([queue.depth, queue.size, queue.keys]).toEqual([0, 0, 0]);
      }),
    );
  });

  test('gives two keys that both wait the same by size, up to a turn and an item', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 20 }), (sizes) => {
        const queue = queueOf(100_000, Infinity);
        for (let round = 0; round < 50; round += 1) {
          for (const [at, size] of sizes.entries()) queue.offer('large', { key: 'large', size, number: at }, size);
          queue.offer('small', { key: 'small', size: 10, number: round }, 10);
        }
        const served = { large: 0, small: 0 };
        for (let item = queue.take(); item !== undefined; item = queue.take()) {
          served[item.key === 'large' ? 'large' : 'small'] += item.size;
          if (served.small === 500) break; // nothing of the small one waits any more
          expect(served.large - served.small).toBeLessThanOrEqual(QUANTUM + 1_000);
        }
      }),
    );
  });

  test('leaves room for who comes late, however much one has offered', () => {
    const queue = queueOf(1_000, 1_000_000);
    for (let number = 0; number < 5_000; number += 1) queue.offer('flood', { key: 'flood', size: 1, number }, 1);
    expect(queue.depth).toBe(500);
    for (let number = 0; number < 5_000; number += 1) queue.offer('second', { key: 'second', size: 1, number }, 1);
    expect(queue.depth).toBe(750);
    expect(queue.offer('late', { key: 'late', size: 1, number: 0 }, 1)).toBe(true);
    expect(queue.refused).toBe(4_500 + 4_750);
  });

  test('takes an item that is larger than its room when its key has nothing else there', () => {
    const queue = queueOf(10, 1_000);
    expect(queue.offer('a', { key: 'a', size: 5_000, number: 1 }, 5_000)).toBe(true);
    expect(queue.offer('b', { key: 'b', size: 1, number: 2 }, 1)).toBe(false);
    expect(queue.take()?.number).toBe(1);
    expect(queue.offer('b', { key: 'b', size: 1, number: 2 }, 1)).toBe(true);
  });
});
