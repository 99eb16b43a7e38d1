import { expect, test } from 'vitest';
import { substituteMacros } from '../../config/macros.ts';

const env = { KEY: 'sk-1', EMPTY: '', NESTED: '${KEY}', DOLLAR: "$&$1$'" };

test.each([
  ['${KEY}', 'sk-1'],
  ['a${KEY}b${KEY}c', 'ask-1bsk-1c'],
  ['${EMPTY}', ''],
  ['${EMPTY:-other}', 'other'],
  ['${MISSING:-}', ''],
  ['${MISSING:-a:-b}', 'a:-b'],
  ['${KEY:-other}', 'sk-1'],
  ['$${KEY}', '${KEY}'],
  ['$$${KEY}', '$${KEY}'],
  ['${NESTED}', '${KEY}'],
  ['${DOLLAR}', "$&$1$'"],
  ['$KEY {KEY} ${KEY', '$KEY {KEY} ${KEY'],
])('%s becomes %s', (text, expected) => {
  expect(substituteMacros(text, env)).toEqual({ value: expected, unsubstituted: [] });
});

test('strings are replaced at any depth, keys and other values stay', () => {
  const value = { '${KEY}': [1, null, true, { a: '${KEY}' }] };
  expect(substituteMacros(value, env).value).toEqual({ '${KEY}': [1, null, true, { a: 'sk-1' }] });
});

test('every string with missing variables is reported, with all their names', () => {
  const { unsubstituted } = substituteMacros({ a: ['${KEY} ${B} ${C}'], d: '${not a name}', e: '${toString}' }, env);
  expect(unsubstituted).toEqual([
    { path: ['a', 0], names: ['B', 'C'] },
    { path: ['d'], names: ['not a name'] },
    { path: ['e'], names: ['toString'] },
  ]);
});
