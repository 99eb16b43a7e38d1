import { isVoid, summaries } from './rounds.ts';
import type { FigureSummary } from './rounds.ts';
import type { Answer, Judgement, Question, Row } from './question.ts';

/** What is printed of a question: a table of medians with the lowest and highest round, judgements, notes. */
export function printed(question: Question, answer: Answer): string {
  const cases = [...new Set(answer.rows.map((row) => row.case))];
  return [
    `\n== ${question.name}: ${question.asks}`,
    answer.settings,
    'Each figure: median of the rounds (lowest to highest).',
    ...cases.flatMap((each) => ['', ...table(each, rowsOf(answer, each))]),
    '',
    ...answer.judgements.map(judged),
    ...answer.notes.map((note) => `note: ${note}`),
  ].join('\n');
}

function rowsOf(answer: Answer, wanted: string): Row[] {
  return answer.rows.filter((row) => row.case === wanted);
}

function table(title: string, rows: readonly Row[]): string[] {
  const figures = [...new Set(rows.flatMap((row) => row.rounds.flatMap((round) => Object.keys(round.figures))))];
  const lines = [[title, ...figures, 'n'], ...rows.map((row) => cells(row, figures))];
  const widths = lines[0]?.map((_, at) => Math.max(...lines.map((line) => line[at]?.length ?? 0))) ?? [];
  return [
    ...lines.map((line) => `  ${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd()),
    ...rows.flatMap(reasons),
  ];
}

function cells(row: Row, figures: readonly string[]): string[] {
  const known = summaries(row);
  const count = row.rounds.reduce((sum, round) => sum + (round.void.length === 0 ? round.count : 0), 0);
  return [
    row.variant,
    ...figures.map((figure) => (isVoid(row) ? 'void' : cell(known[figure]))),
    `${count} in ${row.rounds.length}`,
  ];
}

function cell(summary: FigureSummary | undefined): string {
  if (summary === undefined) return '-';
  return `${said(summary.median)} (${said(summary.lowest)} to ${said(summary.highest)})`;
}

/** Three digits that count. */
export function said(value: number): string {
  if (!Number.isFinite(value)) return '-';
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

/** What was measured again, and why rounds do not count: the first reason of each row. */
function reasons(row: Row): string[] {
  const lost = row.rounds.filter((round) => round.void.length > 0);
  const again = row.rounds.reduce((sum, round) => sum + (round.again ?? 0), 0);
  const reason = lost[0]?.void.join('; ') ?? '';
  return [
    ...(again === 0 ? [] : [`    ${row.variant}: ${again} times measured again`]),
    ...(lost.length === 0
      ? []
      : [`    ${row.variant}: ${lost.length} of ${row.rounds.length} rounds are void: ${reason}`]),
  ];
}

export type Verdict = 'met' | 'NOT MET' | 'not judged';

export function verdictOf({ measured, bound, limit }: Judgement): Verdict {
  if (!Number.isFinite(measured)) return 'not judged';
  return (bound === 'at most' ? measured <= limit : measured >= limit) ? 'met' : 'NOT MET';
}

function judged(judgement: Judgement): string {
  const { target, measured, bound, limit } = judgement;
  return `${verdictOf(judgement)}: ${target}: ${said(measured)}, wanted ${bound} ${said(limit)}`;
}
