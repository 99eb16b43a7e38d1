import { expect, test } from 'vitest';
import { globMatches } from '../../src/pricing/glob.ts';

/** Expected values: the table of Go's own path/match_test.go rules, as its documentation of path.Match states them. */
const CASES: [string, string, boolean][] = [
  ['abc', 'abc', true],
  ['*', 'abc', true],
  ['*c', 'abc', true],
  ['a*', 'a', true],
  ['a*', 'abc', true],
  ['a*', 'ab/c', false],
  ['a*/b', 'abc/b', true],
  ['a*/b', 'a/c/b', false],
  ['a*b*c*d*e*/f', 'axbxcxdxe/f', true],
  ['a*b*c*d*e*/f', 'axbxcxdxe/xxx/f', false],
  ['a*b?c*x', 'abxbbxdbxebxczzx', true],
  ['a*b?c*x', 'abxbbxdbxebxczzy', false],
  ['ab[c]', 'abc', true],
  ['ab[b-d]', 'abc', true],
  ['ab[e-g]', 'abc', false],
  ['ab[^c]', 'abc', false],
  ['ab[^e-g]', 'abc', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'ab', false],
  ['a?b', 'a☺b', true],
  ['a[^a]b', 'a☺b', true],
  ['a???b', 'a☺b', false],
  ['a?b', 'a/b', false],
  ['a*b', 'a/b', false],
  ['[\\]a]', ']', true],
  ['[\\-]', '-', true],
  ['[x\\-]', 'x', true],
  ['[\\-x]', 'a', false],
  ['[]a]', ']', false],
  ['[-]', '-', false],
  ['[x-]', 'x', false],
  ['[-x]', '-', false],
  ['\\', 'a', false],
  ['[a-b-c]', 'a', false],
  ['[', 'a', false],
  ['[^bc', 'a', false],
  ['a[', 'a', false],
  ['*x', 'xxx', true],
  ['', '', true],
  ['', 'x', false],
  ['claude-opus-9-*', 'claude-opus-9-20270101', true],
  ['*-preview*', 'gemini-9-preview-03', true],
];

test.each(CASES)('path.Match(%j, %j) is %j', (pattern, name, expected) => {
  expect(globMatches(pattern, name)).toBe(expected);
});

test('a pattern of many stars on a long name answers at once', () => {
  const started = performance.now();
  expect(globMatches('a*'.repeat(50) + 'b', 'a'.repeat(500))).toBe(false);
  expect(performance.now() - started).toBeLessThan(200);
});
