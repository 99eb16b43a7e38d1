import { expect, test } from 'vitest';
import type { TextBuiltin } from '../../../src/contract/guardrail.ts';
import { SECRET_KINDS } from '../../../src/contract/guardrail.ts';
import type { TextDetector } from '../../../src/guardrails/detector.ts';
import { textDetector } from '../../../src/guardrails/text-detector.ts';
import { diceOf, fuzzSeed } from '../../support/dice.ts';
import { COMMON } from './common.ts';
import { KINDS, negative, positive } from './corpus.ts';
import type { CorpusKind } from './corpus.ts';

const CASES = 600;
/** Told by the shape alone, and not by a check: its figures are printed. */
const HEURISTIC: readonly CorpusKind[] = ['phone'];

function detectorOf(kind: CorpusKind): TextDetector {
  const secret = SECRET_KINDS.find((one) => one === kind);
  const personal = KINDS.find((one) => one === kind && secret === undefined);
  const rule: TextBuiltin =
    secret !== undefined
      ? { kind: 'secrets', detect: [secret], ...COMMON }
      : { kind: 'personal_data', detect: [personal as 'email'], names: [], ...COMMON };
  return textDetector(rule);
}

test('what is found is what there is: precision and recall of each kind', () => {
  const seed = fuzzSeed('quality of detectors');
  const rows = KINDS.map((kind, number) => {
    const detector = detectorOf(kind);
    const missed: string[] = [];
    const wrong: string[] = [];
    let found = 0;
    for (let at = 0; at < CASES; at++) {
      const dice = diceOf(seed, number * CASES + at);
      const one = positive(dice, kind);
      const values = detector.find(one.text, 0, true).matches.map(({ start, end }) => one.text.slice(start, end));
      if (values.includes(one.value!)) found += 1;
      else missed.push(one.text);
      wrong.push(...values.filter((value) => value !== one.value));
      const other = negative(dice, kind);
      if (detector.find(other.text, 0, true).matches.length > 0) wrong.push(other.text);
    }
    return {
      kind,
      precision: found / Math.max(1, found + wrong.length),
      recall: found / CASES,
      n: 2 * CASES,
      missed,
      wrong,
    };
  });
  console.log(
    rows
      .map(
        ({ kind, precision, recall, n }) =>
          `${kind.padEnd(14)} precision ${precision.toFixed(4)} recall ${recall.toFixed(4)} n ${n}`,
      )
      .join('\n'),
  );
  for (const { kind, precision, recall, missed, wrong } of rows) {
    if (HEURISTIC.includes(kind)) continue;
    const examples = `${kind}\nmissed: ${missed.slice(0, 12).join('\n  ')}\nwrong: ${wrong.slice(0, 12).join('\n  ')}`;
    expect.soft(precision, examples).toBeGreaterThanOrEqual(0.98);
    expect.soft(recall, examples).toBeGreaterThanOrEqual(0.98);
  }
});
