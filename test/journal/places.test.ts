import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Places } from '../../src/journal/places.ts';

interface Placed {
  segment: number;
  offset: number;
  bytes: number;
}

/** Frames of one exchange with gaps between them, and now and then in the next segment. */
function lay(steps: readonly { gap: number; bytes: number; next: boolean }[]): Placed[] {
  let segment = 3;
  let offset = 0;
  return steps.map(({ gap, bytes, next }) => {
    if (next) {
      segment += 1;
      offset = 0;
    }
    offset += gap;
    const placed = { segment, offset, bytes };
    offset += bytes;
    return placed;
  });
}

const step = fc.record({
  gap: fc.oneof(fc.constant(0), fc.nat(8192), fc.nat(40_000_000)),
  bytes: fc.integer({ min: 44, max: 300_000 }),
  next: fc.nat(20).map((n) => n === 0),
});

test('every frame lies in a run, runs are in order and do not overlap', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const frames = lay(steps);
      const places = new Places();
      for (const { segment, offset, bytes } of frames) places.add(segment, offset, bytes);
      const runs = places.extents();
      for (const frame of frames) {
        expect(
          runs.filter(
            (run) =>
              run.segment === frame.segment &&
              run.offset <= frame.offset &&
              run.offset + run.bytes >= frame.offset + frame.bytes,
          ).length,
        ).toBe(1);
      }
      for (let i = 1; i < runs.length; i++) {
        const [before, after] = [runs[i - 1]!, runs[i]!];
        expect(after.segment > before.segment || after.offset >= before.offset + before.bytes).toBe(true);
      }
    }),
    { numRuns: 50 },
  );
});

test('frames that stand together are one run', () => {
  const places = new Places();
  for (let i = 0; i < 1000; i++) places.add(1, 8192 + i * 244, 244);
  expect(places.extents()).toEqual([{ segment: 1, offset: 8192, bytes: 244_000 }]);
  expect(places.indexBytes).toBe(0);
});

test('failure mode 47: a stream of 200,000 scattered events keeps a bounded index that misses none', () => {
  const places = new Places();
  const every = 6000;
  const perSegment = 10_000;
  const count = 200_000;
  for (let i = 0; i < count; i++) places.add(1 + Math.floor(i / perSegment), (i % perSegment) * every, 244);
  expect(places.indexBytes).toBeLessThanOrEqual(64 * 1024);
  const runs = places.extents();
  let covered = 0;
  for (let i = 0; i < count; i++) {
    const segment = 1 + Math.floor(i / perSegment);
    const offset = (i % perSegment) * every;
    while (
      !(
        runs[covered]!.segment === segment &&
        runs[covered]!.offset <= offset &&
        runs[covered]!.offset + runs[covered]!.bytes >= offset + 244
      )
    ) {
      covered += 1;
      expect(covered).toBeLessThan(runs.length);
    }
  }
});
