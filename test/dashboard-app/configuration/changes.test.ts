import { expect, test } from 'vitest';
import { bothChanges, linesChanged } from '../../../src/dashboard/app/pages/configuration/editor/changes.ts';

const BASE = Array.from({ length: 20 }, (_, at) => `line ${at}\n`).join('');

test('lines that come and go are counted', () => {
  expect(linesChanged(BASE, BASE)).toEqual({ added: 0, removed: 0 });
  expect(linesChanged(BASE, BASE.replace('line 3\n', 'line three\nand more\n'))).toEqual({ added: 2, removed: 1 });
});

test('two changes at different places are both made', () => {
  const mine = BASE.replace('line 2\n', 'mine\n');
  const theirs = `before all\n${BASE.replace('line 15\n', '')}`;
  expect(bothChanges(BASE, mine, theirs)).toBe(`before all\n${mine.replace('line 15\n', '')}`);
});

test('two changes of the same lines are nobody’s to decide', () => {
  const mine = BASE.replace('line 2\n', 'mine\n');
  expect(bothChanges(BASE, mine, BASE.replace('line 2\n', 'theirs\n'))).toBeUndefined();
  expect(bothChanges(BASE, mine, BASE.replace('line 3\n', 'theirs\n'))).toBeUndefined();
});

test('where nothing but mine changed, mine holds', () => {
  expect(bothChanges(BASE, 'mine', BASE)).toBe('mine');
});
