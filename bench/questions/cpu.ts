import { cost, costLoads, COST_SETTINGS } from '../cost.ts';
import type { Answer, Bench, Judgement, Question, Row } from '../question.ts';
import { interleaved, medianOf, only } from '../rounds.ts';
import { EVERY_VARIANT, withVariants } from '../variants.ts';
import type { Variants } from '../variants.ts';

/** All but the provider itself, which costs nothing on the way. */
const VARIANTS = EVERY_VARIANT.filter((name) => name !== 'direct');
const TOTALS = ['whole µs', 'a second'];

/** Targets of the governed gateway with full capture, as multiples of nginx's own cost. */
const TARGETS = [
  { unit: 'unary request', figure: 'main µs', part: 'front-door thread', wanted: 5, stretch: 3 },
  { unit: 'streamed event', figure: 'main µs', part: 'front-door thread', wanted: 3, stretch: 2 },
  { unit: 'unary request', figure: 'whole µs', part: 'whole process', wanted: 8, stretch: undefined },
  { unit: 'streamed event', figure: 'whole µs', part: 'whole process', wanted: 4, stretch: undefined },
];

export const cpu: Question = {
  name: 'cpu',
  asks: 'how many microseconds of CPU does a unary request cost, and a streamed event, and which thread spends them?',
  minutes: 4,
  ask: (bench) => withVariants(VARIANTS, (variants) => ask(bench, variants)),
};

async function ask(bench: Bench, { provider, targets, leftOut }: Variants): Promise<Answer> {
  const rows: Row[] = [];
  for (const load of costLoads(bench)) {
    bench.say(`CPU per ${load.unit}`);
    const variants = targets.map((target) => ({
      name: target.name,
      measure: () => cost(bench, provider, target, load),
    }));
    rows.push(
      ...(await interleaved(
        { case: `per ${load.unit}`, warmUp: bench.size(2, 1), rounds: bench.size(5, 2) },
        variants,
      )),
    );
  }
  return {
    settings: COST_SETTINGS,
    rows: [...rows.map((row) => only(row, row.case, ['main µs', ...TOTALS])), ...rows.map(byThread)],
    judgements: judged(rows),
    notes: [
      'CPU is counted until records and captures are stored; the database is a process of its own and not in it.',
      ...leftOut,
    ],
  };
}

/** All figures but those of all threads together. */
function byThread(row: Row): Row {
  const threads = row.rounds
    .flatMap(({ figures }) => Object.keys(figures))
    .filter((figure) => !TOTALS.includes(figure));
  return only(row, `${row.case}, by thread`, [...new Set(threads)]);
}

function judged(rows: readonly Row[]): Judgement[] {
  return TARGETS.flatMap(({ unit, figure, part: where, wanted, stretch }) => {
    const ours = medianOf(rows, { case: `per ${unit}`, variant: 'ours, captured' }, figure);
    // nginx has one thread: its whole process is what both are held against.
    const nginx = medianOf(rows, { case: `per ${unit}`, variant: 'nginx' }, 'whole µs');
    const about = { measured: ours / nginx, bound: 'at most' as const };
    const target = `ours, captured: ${where}, times nginx per ${unit}`;
    return [
      { ...about, target, limit: wanted },
      ...(stretch === undefined ? [] : [{ ...about, target: `${target} (stretch)`, limit: stretch }]),
    ];
  });
}
