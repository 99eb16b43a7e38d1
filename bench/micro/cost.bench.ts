/**
 * What does pricing one exchange cost? It runs once per exchange in an inspector, so a few microseconds are wanted; the
 * slow case is a model of nobody's list, which is looked for under every spelling.
 */
import { cpus } from 'node:os';
import { join } from 'node:path';
import { zeroUsage } from '../../src/contract/usage.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { costOf } from '../../src/pricing/cost.ts';
import type { CostQuestion } from '../../src/pricing/cost.ts';
import { loadPriceTable } from '../../src/pricing/table.ts';

const ROUNDS = 60;
const WARM_UP_ROUNDS = 15;
const ASKED_PER_ROUND = 2000;

const table = loadPriceTable(join(packageRoot(), 'config', 'prices.json'));

function question(change: Partial<CostQuestion>, basis?: string): CostQuestion {
  return {
    usage: { ...zeroUsage(), input_uncached: 21, cache_read: 18_944, cache_write_5m: 1456, output: 211 },
    usageDetail: {},
    serverTools: {},
    serviceTier: 'standard',
    modelServed: null,
    modelRequested: '',
    reportedCostNanodollars: null,
    provider: { costBasis: basis, compatibility: ['openai_chat', 'anthropic_messages'], modelCostMap: [] },
    autoCostBasis: true,
    ...change,
  };
}

const questions: [string, CostQuestion][] = [
  ['a model by its name', question({ modelRequested: 'claude-opus-4-8', modelServed: 'claude-opus-4-8' })],
  ['a dated answer', question({ modelRequested: 'gpt-5-mini', modelServed: 'gpt-5-mini-2026-02-03' })],
  [
    'Bedrock, region of the request',
    question({ modelRequested: 'us.anthropic.claude-opus-4-8', modelServed: 'claude-opus-4-8' }, 'bedrock'),
  ],
  ['a model of no list', question({ modelRequested: 'lab/qwen3-coder-30b', modelServed: 'qwen3-coder-30b' })],
];

/** Microseconds a question of one round. */
function round(asked: CostQuestion): number {
  const start = performance.now();
  for (let i = 0; i < ASKED_PER_ROUND; i++) costOf(asked, table);
  return ((performance.now() - start) * 1000) / ASKED_PER_ROUND;
}

console.log(`${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}, ${ROUNDS} rounds of ${ASKED_PER_ROUND}`);
const times = questions.map((): number[] => []);
for (let i = 0; i < WARM_UP_ROUNDS + ROUNDS; i++) {
  questions.forEach(([, asked], at) => {
    const spent = round(asked);
    if (i >= WARM_UP_ROUNDS) times[at]?.push(spent);
  });
}
questions.forEach(([name], at) => {
  const sorted = (times[at] ?? []).toSorted((a, b) => a - b);
  const share = (part: number): string => (sorted[Math.floor((sorted.length - 1) * part)] ?? 0).toFixed(2);
  console.log(
    `${name}: p50 ${share(0.5)} us, p99 ${share(0.99)} us, spread ${share(0)}-${share(1)}, n=${sorted.length}`,
  );
});
