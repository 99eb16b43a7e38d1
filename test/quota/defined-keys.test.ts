import { expect, test } from 'vitest';
import { definedKeys } from '../../src/quota/defined-keys.ts';

test.each([
  [
    'daily:<user>',
    ['daily:alice@example.com', 'daily:tag:a,tag:b', 'daily:'],
    ['daily', 'dail:a', 'weekly:daily:a', 'DAILY:a'],
  ],
  ['lab:<node>', ['lab:n1'], ['lab', 'laboratory:n1']],
  ['org', ['org'], ['org:', 'organisation', 'or']],
  ['team:<group>', ['team:<group>'], ['team:a']],
  ['a.c:<user>', ['a.c:x'], ['abc:x']],
])('%s defines its own keys and no others', (name, its, others) => {
  const defines = definedKeys(['unrelated', name]);
  expect(its.filter((key) => !defines(key))).toEqual([]);
  expect(others.filter((key) => defines(key))).toEqual([]);
});

test('without a definition no key is defined', () => {
  expect(definedKeys([])('org')).toBe(false);
});
