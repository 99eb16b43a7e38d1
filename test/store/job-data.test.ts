import { brotliCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { dataOf, recordsOf } from '../../src/store/job-data.ts';

const RECORDS = [{ id: 'one', login: 'ada' }, { id: 'two', login: 'grüße 😀' }, 3];
const TEXTS = RECORDS.map((record) => JSON.stringify(record));

const packed = (texts: readonly string[]): string => brotliCompressSync(`[${texts.join(',')}]`).toString('base64');

test('a job carries its records through a queue that writes it as JSON', () => {
  expect(recordsOf(JSON.parse(JSON.stringify(dataOf(TEXTS))))).toEqual(RECORDS);
});

test('what no database can hold is replaced on the way', () => {
  expect(recordsOf(dataOf([JSON.stringify({ login: 'a\0b' })]))).toEqual([{ login: 'a\uFFFDb' }]);
});

test('a job of another build is read in the form that it has', () => {
  expect(recordsOf({ v: 1, records: RECORDS })).toEqual(RECORDS);
  expect(recordsOf({ v: 2, json: `[${TEXTS.join(',')}]` })).toEqual(RECORDS);
  expect(recordsOf({ v: 3, brotli: packed(TEXTS) })).toEqual(RECORDS);
});

test('what is no job is told from an empty one', () => {
  const amiss = [
    null,
    { v: 9 },
    { v: 2, json: '{' },
    { v: 2, json: '{}' },
    { v: 3, brotli: 'bm90IGJyb3RsaQ==' },
    { v: 3, brotli: '' },
    { v: 3, brotli: packed(TEXTS).slice(0, -8) },
  ];
  for (const data of amiss) expect(recordsOf(data)).toBeUndefined();
  expect(recordsOf({ v: 2, json: '[]' })).toEqual([]);
});
