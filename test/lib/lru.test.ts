import { expect, test } from 'vitest';
import { Lru } from '../../src/lib/lru.ts';

function full(): Lru<string, number> {
  const lru = new Lru<string, number>(4);
  for (const [at, key] of ['a', 'b', 'c', 'd'].entries()) lru.set(key, at);
  return lru;
}

test('beyond its bound goes what was written first and not read since', () => {
  const lru = full();
  lru.get('a');
  lru.set('b', 7);
  lru.set('e', 4);
  expect(['a', 'b', 'c', 'd', 'e'].map((key) => lru.get(key))).toEqual([0, 7, undefined, 3, 4]);
  expect(lru.size).toBe(4);
});

test('what was read while most of the room was free has no other place for it', () => {
  const lru = new Lru<string, number>(4);
  lru.set('a', 0);
  lru.set('b', 1);
  lru.get('a');
  for (const key of ['c', 'd', 'e']) lru.set(key, 2);
  expect([lru.get('a'), lru.get('b')]).toEqual([undefined, 1]);
});
