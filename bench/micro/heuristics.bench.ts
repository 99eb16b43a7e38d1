/**
 * What do rules that guess cost for each 4 KB of text? They run on the thread for rules, before a request is sent. Wanted: less than
 * half of what all other text rules cost together there (357 µs, docs/decisions/2026-11-28-guardrails.md).
 */
import { cpus } from 'node:os';
import { languageOf } from '../../src/guardrails/heuristics/language.ts';
import { injectionFinds } from '../../src/guardrails/heuristics/prompt-injection.ts';

const CHARS = 4096;
const ROUNDS = 40;
const TIMES = 100;

const filled = (piece: string): string => piece.repeat(Math.ceil(CHARS / piece.length)).slice(0, CHARS);
const TEXTS: [string, string][] = [
  ['prose', filled('The quick brown fox jumps over the lazy dog, again and again, and nobody asks it why. ')],
  ['code', filled('export const total = items.map((item) => item.price * item.count).reduce((a, b) => a + b, 0);\n')],
  ['Japanese', filled('素早い茶色の狐が怠け者の犬を飛び越える。')],
  ['base64', filled(Buffer.from('a text that is nothing to anybody, ').toString('base64'))],
  ['phrases that begin', filled('ignore a previous b ignore c all d ')],
];

function leastMicros(work: () => unknown): number {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const beginMs = performance.now();
    for (let time = 0; time < TIMES; time++) work();
    least = Math.min(least, ((performance.now() - beginMs) * 1000) / TIMES);
  }
  return least;
}

console.log(
  `${cpus()[0]?.model ?? ''}, Node ${process.version}: µs for 4 KB, the least of ${ROUNDS} rounds of ${TIMES}`,
);
for (const [name, text] of TEXTS) {
  const injection = leastMicros(() => injectionFinds(text));
  const language = leastMicros(() => languageOf(text));
  console.log(`${name.padEnd(20)} prompt_injection ${injection.toFixed(0)}, language ${language.toFixed(0)}`);
}
