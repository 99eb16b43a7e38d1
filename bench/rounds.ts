import type { Round, Row } from './question.ts';

/**
 * A measurement that does not count is made again, in its place and so often at most: a host takes a processor away for a
 * moment, and from every variant alike. What never counts is told.
 */
const MOST_AGAIN = 2;

/**
 * Every variant once, in turn, round after round, so that what changes on the machine changes for all of them. The first
 * `warmUp` rounds are thrown away: V8 compiles, connections open.
 */
export async function interleaved(
  about: { case: string; warmUp: number; rounds: number },
  variants: readonly { name: string; measure: () => Promise<Round> }[],
): Promise<Row[]> {
  const rows = variants.map(({ name }): Row => ({ case: about.case, variant: name, rounds: [] }));
  for (let round = -about.warmUp; round < about.rounds; round++) {
    for (const [at, variant] of variants.entries()) {
      if (round < 0) await variant.measure();
      else rows[at]?.rounds.push(await counting(variant.measure));
    }
  }
  return rows;
}

async function counting(measure: () => Promise<Round>): Promise<Round> {
  for (let again = 0; ; again++) {
    const measured = await measure();
    if (counts(measured) || again === MOST_AGAIN) return again === 0 ? measured : { ...measured, again };
  }
}

export interface FigureSummary {
  median: number;
  lowest: number;
  highest: number;
}

/** Half of a row's rounds or more must count, else the row does not. */
export function isVoid(row: Row): boolean {
  return row.rounds.filter(counts).length * 2 < row.rounds.length || row.rounds.length === 0;
}

/** Over the rounds that count, by figure. */
export function summaries(row: Row): Record<string, FigureSummary> {
  const rounds = row.rounds.filter(counts);
  const names = [...new Set(rounds.flatMap(({ figures }) => Object.keys(figures)))];
  return Object.fromEntries(names.map((name) => [name, summaryOf(rounds, name)]));
}

function summaryOf(rounds: readonly Round[], figure: string): FigureSummary {
  const sorted = rounds.flatMap(({ figures }) => figures[figure] ?? []).sort((a, b) => a - b);
  return {
    median: middle(sorted),
    lowest: sorted[0] ?? Number.NaN,
    highest: sorted.at(-1) ?? Number.NaN,
  };
}

export function median(values: readonly number[]): number {
  return middle(values.toSorted((a, b) => a - b));
}

/** The lower one of two: a figure that was measured. */
function middle(sorted: readonly number[]): number {
  return sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
}

function counts(round: Round): boolean {
  return round.void.length === 0;
}

/** The median of a figure, for a judgement. NaN where the row is void, or there is none. */
export function medianOf(rows: readonly Row[], about: { case: string; variant: string }, figure: string): number {
  const row = rows.find((each) => each.case === about.case && each.variant === about.variant);
  if (row === undefined || isVoid(row)) return Number.NaN;
  return summaries(row)[figure]?.median ?? Number.NaN;
}

/**
 * The rows, and what each variant adds to `direct`: a round is held against the one of the same number, and is void where
 * either is. For figures of which the difference means something.
 */
export function withAdded(rows: readonly Row[], figures: readonly string[]): Row[] {
  const direct = rows.find(({ variant }) => variant === 'direct');
  if (direct === undefined) throw new Error('there is no direct way to hold the others against');
  const added = rows
    .filter((row) => row !== direct)
    .map((row) => ({
      case: `${row.case}, added`,
      variant: row.variant,
      rounds: row.rounds.map((round, at) => difference(round, direct.rounds[at], figures)),
    }));
  return [...rows, ...added];
}

function difference(round: Round, direct: Round | undefined, figures: readonly string[]): Round {
  const values = figures.map((name): [string, number] => [
    name,
    (round.figures[name] ?? Number.NaN) - (direct?.figures[name] ?? Number.NaN),
  ]);
  const reasons = direct?.void.map((reason) => `direct: ${reason}`) ?? ['nothing to compare with'];
  return { figures: Object.fromEntries(values), count: round.count, void: [...round.void, ...reasons] };
}

/** A row with these figures alone, as another case. */
export function only(row: Row, name: string, figures: readonly string[]): Row {
  const rounds = row.rounds.map((round) => ({
    ...round,
    figures: Object.fromEntries(Object.entries(round.figures).filter(([figure]) => figures.includes(figure))),
  }));
  return { ...row, case: name, rounds };
}
