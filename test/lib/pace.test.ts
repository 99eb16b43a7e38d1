import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Pace, PACE_MARKS, paceMarks } from '../../src/lib/pace.ts';
import type { PaceMark } from '../../src/lib/pace.ts';

function paceOf(events: readonly PaceMark[]): PaceMark[] {
  const pace = new Pace();
  for (const [bytes, ms] of events) pace.note(bytes, ms);
  return paceMarks(pace.packed());
}

/** What comes in streams: tokens some milliseconds apart, bursts, and silence of minutes. */
const gapMs = fc.oneof(
  { weight: 6, arbitrary: fc.nat(3) },
  { weight: 6, arbitrary: fc.nat(60) },
  { weight: 1, arbitrary: fc.nat(120_000) },
);
const stream = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 70_000 }), gapMs), { minLength: 1, maxLength: 2_000, size: 'max' })
  .map((steps) => {
    const events: PaceMark[] = [];
    let [bytes, ms] = [0, 0];
    for (const [more, gap] of steps) events.push([(bytes += more), (ms += gap)]);
    return events;
  });

describe('a pace', () => {
  test('of any stream is short, in order, and has its first and its last mark', () => {
    fc.assert(
      fc.property(stream, (events) => {
        const marks = paceOf(events);
        expect(marks.length).toBeLessThanOrEqual(PACE_MARKS);
        expect(marks[0]).toEqual(events[0]);
        expect(marks.at(-1)).toEqual(events.at(-1));
        const outOfOrder = marks.filter(([bytes, ms], at) => {
          const [bytesBefore, msBefore] = marks[at - 1] ?? [0, 0];
          return bytes <= bytesBefore || ms < msBefore;
        });
        expect(outOfOrder).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  test('shows no byte before it came, and none later than by a sixtieth of the whole time', () => {
    fc.assert(
      fc.property(stream, (events) => {
        const marks = paceOf(events);
        const wholeMs = (events.at(-1)?.[1] ?? 0) - (events[0]?.[1] ?? 0);
        let at = 0;
        const lateMs = events.map(([bytes, ms]) => {
          while ((marks[at]?.[0] ?? Infinity) < bytes) at += 1;
          return (marks[at]?.[1] ?? Infinity) - ms;
        });
        expect(Math.min(...lateMs)).toBeGreaterThanOrEqual(0);
        expect(Math.max(...lateMs)).toBeLessThanOrEqual(wholeMs / 60);
      }),
      { numRuns: 40 },
    );
  });

  test('of up to 256 milliseconds that had bytes has them all', () => {
    const events = Array.from({ length: PACE_MARKS }, (_, index): PaceMark => [100 * (index + 1), 30 * index]);
    expect(paceOf(events)).toEqual(events);
    const next: PaceMark = [100_000, 30 * PACE_MARKS];
    expect(paceOf([...events, next]).length).toBeLessThanOrEqual(PACE_MARKS / 2);
  });

  test('tells two reads of one millisecond as one, but for the first', () => {
    const events: PaceMark[] = [
      [10, 5],
      [20, 5],
      [30, 5],
      [40, 6],
    ];
    expect(paceOf(events)).toEqual([
      [10, 5],
      [30, 5],
      [40, 6],
    ]);
  });

  test('is packed as what was added since the mark before', () => {
    const pace = new Pace();
    expect(pace.packed()).toEqual([]);
    pace.note(120, 310);
    pace.note(180, 342);
    pace.note(3_000_000_000, 342_000);
    expect(pace.packed()).toEqual([120, 310, 60, 32, 2_999_999_820, 341_658]);
    expect(paceMarks([])).toEqual([]);
  });
});
