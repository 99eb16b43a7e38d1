import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readHujson } from '../../config/hujson.ts';

test('comments and trailing commas are read over', () => {
  const document = readHujson('// head\n{ /* a */ "a": [1, 2,], // b\n "b": { "c": null, }, }\n');
  expect(document.syntaxErrors).toEqual([]);
  expect(document.value).toEqual({ a: [1, 2], b: { c: null } });
});

test('a byte order mark is no part of the document', () => {
  expect(readHujson('\uFEFF{"a":1}').value).toEqual({ a: 1 });
});

test('places are those of the value, of its key, or of the nearest key above', () => {
  const document = readHujson('{\r\n  "a": {\r\n    "b": [10,\r\n      20],\r\n  },\r\n}');
  expect(document.placeOf(['a', 'b', 1])).toEqual({ line: 4, column: 7 });
  expect(document.placeOfKey(['a', 'b'])).toEqual({ line: 3, column: 5 });
  expect(document.placeOf(['a', 'missing', 'deeper'])).toEqual({ line: 2, column: 3 });
  expect(document.placeOf(['missing'])).toEqual({ line: 1, column: 1 });
});

test('of two equal keys the last one counts, and the second is reported where it stands', () => {
  const document = readHujson('{"a": 1,\n "\\u0061": {"b": 2}}');
  expect(document.value).toEqual({ a: { b: 2 } });
  expect(document.duplicateKeys).toEqual([{ key: 'a', path: ['a'], place: { line: 2, column: 2 } }]);
  expect(document.placeOf(['a', 'b'])).toEqual({ line: 2, column: 18 });
});

test.each([
  ['', 1, 1],
  ['{"a": }', 1, 7],
  ['{"a": 1 "b": 2}', 1, 9],
  ['{\n"a": "unended\n}', 2, 6],
  ['{"a": 1', 1, 8],
  ['{} {}', 1, 4],
  ['/*', 1, 1],
  ['{} /* unended', 1, 4],
])('broken text %j is an error at its place', (text, line, column) => {
  const [first] = readHujson(text).syntaxErrors;
  expect(first?.message).toMatch(/^hujson: [a-z ]+$/);
  expect(first?.place).toEqual({ line, column });
});

test('nesting beyond any config is refused and does not exhaust the stack', () => {
  const document = readHujson('['.repeat(1_000_000));
  expect(document.syntaxErrors.map(({ message }) => message)).toEqual(['hujson: nested deeper than 100 levels']);
});

test('a key called __proto__ is a key like any other', () => {
  const { value } = readHujson('{"__proto__": {"x": 1}}');
  expect(Object.keys(value as object)).toEqual(['__proto__']);
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
});

test('every JSON document reads as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      const document = readHujson(text);
      expect(document.syntaxErrors).toEqual([]);
      expect(document.value).toEqual(JSON.parse(text));
    }),
  );
});

test('no text makes the reader throw', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.string({ unit: fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '/', '*', '\\', '\n', '1', 'a', '-') }),
      (a, b) => {
        readHujson(a);
        readHujson(b);
      },
    ),
  );
});
