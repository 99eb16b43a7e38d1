import { describe, expect, test } from 'vitest';
import { findIn } from '../../../src/dashboard/app/pages/request/reader/find.ts';
import { decodeBody } from '../../../src/dashboard/app/pages/request/reader/decode.ts';
import { prettyJson } from '../../../src/dashboard/app/pages/request/reader/pretty.ts';
import { rowAt, rowsOf, rowText } from '../../../src/dashboard/app/pages/request/reader/rows.ts';
import { markedParts } from '../../../src/dashboard/app/pages/request/text/marked-parts.ts';
import { gzipSync } from 'node:zlib';

describe('JSON laid out', () => {
  test('stands as JSON.stringify would have it, where that keeps what was said', () => {
    for (const value of [{}, [], { a: [1, { b: 'x,{"\\' }, []], c: {} }, 'text', 4, null, [[['deep']]]]) {
      expect(prettyJson(JSON.stringify(value))).toBe(JSON.stringify(value, null, 2));
    }
  });

  test('keeps digits, doubled keys and escapes, which a value would lose', () => {
    expect(prettyJson('{"n":12345678901234567890.10,"n":1e400,"s":"\\u0041\\/"}')).toBe(
      '{\n  "n": 12345678901234567890.10,\n  "n": 1e400,\n  "s": "\\u0041\\/"\n}',
    );
  });

  test('ten thousand brackets are ten thousand lines and no stack', () => {
    const depth = 10_000;
    const pretty = prettyJson('['.repeat(depth) + '1' + ']'.repeat(depth)) ?? '';
    expect(pretty.split('\n')).toHaveLength(2 * depth + 1);
    // Not a triangle: beyond some levels they stand below each other.
    expect(pretty.length).toBeLessThan(2 * depth * 100);
  });

  test('what is no JSON is not laid out', () => {
    expect(prettyJson('{"a":')).toBeUndefined();
    expect(prettyJson('data: {}')).toBeUndefined();
  });
});

describe('rows', () => {
  const shown = (text: string, columns: number, most?: number) => {
    const rows = rowsOf(text, columns, most);
    return Array.from(rows.starts, (_, row) => [rows.lines[row], rowText(text, rows, row)]);
  };

  test('a line that fits is a row; one that does not goes on in the next', () => {
    expect(shown('ab\n\nabcdefg\r\nx', 3)).toEqual([
      [1, 'ab'],
      [2, ''],
      [3, 'abc'],
      [3, 'def'],
      [3, 'g'],
      [4, 'x'],
    ]);
  });

  test('no row begins within a character', () => {
    expect(shown('ab😀cd', 3)).toEqual([
      [1, 'ab😀'],
      [1, 'cd'],
    ]);
  });

  test('a line of millions of characters and a text of too many lines are cut, and where is told', () => {
    expect(rowsOf('x'.repeat(5_000_000), 100).starts).toHaveLength(50_000);
    const rows = rowsOf('a\nb\nc\nd', 10, 2);
    expect([rows.starts.length, rows.end]).toEqual([2, 4]);
    expect(rowsOf('abcdefghij', 2, 3).end).toBe(6);
    expect(rowsOf('ab', 10).end).toBe(2);
  });

  test('the row of a place', () => {
    const rows = rowsOf('ab\nabcdef', 3);
    expect([0, 2, 3, 5, 6, 8].map((place) => rowAt(rows, place))).toEqual([0, 0, 1, 1, 2, 2]);
  });
});

describe('finding', () => {
  test('what is looked for is text, in any case', () => {
    expect([...findIn('a.b A.B axb', 'a.b').starts]).toEqual([0, 4]);
    expect([...findIn('x-[y] (z)', '[Y]').starts]).toEqual([2]);
    expect(findIn('aaaa', 'a', 2)).toMatchObject({ more: true, characters: 1 });
    expect(findIn('aaaa', '').starts).toHaveLength(0);
  });

  test('what was found is marked in each row that it touches', () => {
    const found = findIn('abcdef', 'cd');
    const parts = (row: string, from: number) =>
      markedParts(row, from, found, false).map(({ kind, text }) => [kind, text]);
    expect(parts('abc', 0)).toEqual([
      ['plain', 'ab'],
      ['found', 'c'],
    ]);
    expect(parts('def', 3)).toEqual([
      ['found', 'd'],
      ['plain', 'ef'],
    ]);
  });

  test('the name of a member is told from its value', () => {
    expect(markedParts('  "a\\"b": "c": 1', 0, undefined, true).map(({ kind, text }) => [kind, text])).toEqual([
      ['key', '  "a\\"b"'],
      ['plain', ': "c": 1'],
    ]);
  });
});

describe('decoding', () => {
  test('invalid UTF-8 is told, and a byte order mark stays', async () => {
    expect(await decodeBody(new Uint8Array([0x61, 0xff, 0x62]), '')).toEqual({
      text: 'a\ufffdb',
      damaged: true,
      unpacked: null,
    });
    expect((await decodeBody(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]), 'identity')).text).toBe('\ufeffa');
  });

  test('what is packed is unpacked; what cannot be says so', async () => {
    const packed = new Uint8Array(gzipSync('hello'));
    expect(await decodeBody(packed, 'gzip')).toEqual({ text: 'hello', damaged: false, unpacked: 'gzip' });
    await expect(decodeBody(packed, 'br')).rejects.toThrow('packed with br');
    await expect(decodeBody(new Uint8Array([1, 2, 3]), 'gzip')).rejects.toThrow('is not');
  });

  test('a bomb is not unpacked to its end', async () => {
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(128 * 1024 * 1024)));
    await expect(decodeBody(bomb, 'gzip')).rejects.toThrow('larger than 96 MB');
  });
});
