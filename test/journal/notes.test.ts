import { describe, expect, test } from 'vitest';
import { readClosed, readPace } from '../../src/journal/notes.ts';
import { sampleClosed } from './support.ts';

describe('the note of an end', () => {
  const read = (note: unknown): unknown => readClosed(Buffer.from(JSON.stringify(note)));

  test('tells when the bytes of a stream came', () => {
    const note = { ...sampleClosed(), response_pace: [120, 310, 60, 32] };
    expect(read(note)).toEqual(note);
  });

  test('is read as it was written before there was a pace, and where another build has a pace of another kind', () => {
    expect(read(sampleClosed())).toEqual(sampleClosed());
    expect(read({ ...sampleClosed(), response_pace: { marks: 'many' } })).toEqual({
      ...sampleClosed(),
      response_pace: [],
    });
  });

  test('tells the pace alone, and none where there is none, or one of another kind', () => {
    const pace = (note: unknown): number[] => readPace(Buffer.from(JSON.stringify(note)));
    expect(pace({ ...sampleClosed(), response_pace: [120, 310] })).toEqual([120, 310]);
    expect(pace(sampleClosed())).toEqual([]);
    expect(pace({ ...sampleClosed(), response_pace: { marks: 'many' } })).toEqual([]);
    expect(readPace(Buffer.from('not JSON'))).toEqual([]);
  });
});
