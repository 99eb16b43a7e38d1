import { expect, test } from 'vitest';
import type { Round } from '../../bench/question.ts';
import { interleaved, isVoid, median, medianOf, only, summaries, withAdded } from '../../bench/rounds.ts';
import { verdictOf } from '../../bench/table.ts';

function round(figures: Record<string, number>, ...reasons: string[]): Round {
  return { figures, count: 10, void: reasons };
}

const about = { case: 'unary', variant: 'ours' };

test('variants are measured in turn, round after round, and warm-up rounds are thrown away', async () => {
  const order: string[] = [];
  const variant = (name: string) => ({
    name,
    measure: () => {
      order.push(name);
      return Promise.resolve(round({ us: order.length }));
    },
  });
  const rows = await interleaved({ case: 'unary', warmUp: 1, rounds: 2 }, [variant('a'), variant('b')]);
  expect(order).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
  expect(rows).toEqual([
    { case: 'unary', variant: 'a', rounds: [round({ us: 3 }), round({ us: 5 })] },
    { case: 'unary', variant: 'b', rounds: [round({ us: 4 }), round({ us: 6 })] },
  ]);
});

test('a measurement that does not count is made again, twice at most', async () => {
  const outcomes = [
    round({ us: 0 }),
    round({ us: 1 }, 'late'),
    round({ us: 2 }),
    ...[3, 4, 5].map((us) => round({ us }, 'late')),
  ];
  const measure = () => Promise.resolve(outcomes.shift() ?? round({ us: 9 }));
  const rows = await interleaved({ case: 'unary', warmUp: 1, rounds: 3 }, [{ name: 'a', measure }]);
  expect(rows[0]?.rounds).toEqual([
    { ...round({ us: 2 }), again: 1 },
    { ...round({ us: 5 }, 'late'), again: 2 },
    round({ us: 9 }),
  ]);
});

test('a round that does not count is not in the medians', () => {
  const row = { ...about, rounds: [round({ us: 5 }), round({ us: 900 }, 'late'), round({ us: 7 }), round({ us: 6 })] };
  expect(summaries(row)).toEqual({ us: { median: 6, lowest: 5, highest: 7 } });
  expect(isVoid(row)).toBe(false);
  expect(medianOf([row], about, 'us')).toBe(6);
});

test('a row of which most rounds do not count has no figure, and nothing is judged by it', () => {
  const row = { ...about, rounds: [round({ us: 5 }), round({ us: 6 }, 'late'), round({ us: 7 }, 'late')] };
  expect(isVoid(row)).toBe(true);
  const measured = medianOf([row], about, 'us');
  expect(verdictOf({ target: 'small', measured, bound: 'at most', limit: 100 })).toBe('not judged');
  expect(verdictOf({ target: 'large', measured, bound: 'at least', limit: 1 })).toBe('not judged');
});

test('a target is met on its bound, and not beyond it', () => {
  const verdict = (measured: number, bound: 'at most' | 'at least') =>
    verdictOf({ target: '', measured, bound, limit: 5 });
  expect([verdict(5, 'at most'), verdict(5.1, 'at most')]).toEqual(['met', 'NOT MET']);
  expect([verdict(5, 'at least'), verdict(4.9, 'at least')]).toEqual(['met', 'NOT MET']);
});

test('what is added is held against the direct way of the same round, and void where that is', () => {
  const rows = [
    { case: 'unary', variant: 'direct', rounds: [round({ ms: 1, n: 1 }), round({ ms: 3 }), round({ ms: 2 }, 'late')] },
    { case: 'unary', variant: 'ours', rounds: [round({ ms: 5, n: 9 }), round({ ms: 4 }), round({ ms: 9 })] },
  ];
  expect(withAdded(rows, ['ms'])).toEqual([
    ...rows,
    {
      case: 'unary, added',
      variant: 'ours',
      rounds: [round({ ms: 4 }), round({ ms: 1 }), round({ ms: 7 }, 'direct: late')],
    },
  ]);
});

test('a median was measured: of an even number the lower one', () => {
  expect(median([4, 1, 3, 2])).toBe(2);
  expect(median([])).toBeNaN();
});

test('a row can be shown by some of its figures', () => {
  const row = { ...about, rounds: [round({ main: 1, jobs: 2 })] };
  expect(only(row, 'by thread', ['jobs'])).toEqual({ ...row, case: 'by thread', rounds: [round({ jobs: 2 })] });
});
