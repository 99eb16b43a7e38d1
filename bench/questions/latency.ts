import { latencies, measure } from '../measure.ts';
import type { Answer, Bench, Judgement, Question, Round, Row } from '../question.ts';
import { chatRequest } from '../requests.ts';
import { interleaved, medianOf, withAdded } from '../rounds.ts';
import type { Target } from '../targets.ts';
import { EVERY_VARIANT, withVariants } from '../variants.ts';
import type { Variants } from '../variants.ts';

const PER_SECOND = 200;
const CHAT = { promptBytes: 2_048, sim: 'output=50' };
const CASE = 'one at a time';

export const latency: Question = {
  name: 'latency',
  asks: 'how much later does a unary answer come through each, one request at a time?',
  minutes: 3,
  ask: (bench) => withVariants(EVERY_VARIANT, (variants) => ask(bench, variants)),
};

async function ask(bench: Bench, { provider, targets, leftOut }: Variants): Promise<Answer> {
  bench.say(CASE);
  const measured = await interleaved(
    { case: CASE, warmUp: 1, rounds: bench.size(5, 2) },
    targets.map((target) => ({ name: target.name, measure: () => round(bench, provider, target) })),
  );
  const rows = withAdded(measured, ['p50 ms', 'p99 ms']);
  return {
    settings: `${CHAT.promptBytes}-byte prompts, 50 words; open loop, ${PER_SECOND} a second`,
    rows,
    judgements: judged(rows),
    notes: leftOut,
  };
}

async function round(bench: Bench, provider: Target, target: Target): Promise<Round> {
  const requests = bench.size(500, 60);
  const measured = await measure(bench.generator, provider, target, {
    // One is used, as long as each answer comes before the next request; a late answer must not make that one start late.
    connections: requests,
    arrivals: { kind: 'open', perSecond: PER_SECOND, requests },
    request: chatRequest(target, CHAT),
  });
  return { figures: latencies(measured), count: measured.result.latencyMs.length, void: measured.void };
}

function judged(rows: readonly Row[]): Judgement[] {
  const ours = { case: `${CASE}, added`, variant: 'ours, captured' };
  return [
    { figure: 'p50 ms', limit: 0.3 },
    { figure: 'p99 ms', limit: 1 },
  ].map(({ figure, limit }) => ({
    target: `ours, captured: added ${figure}`,
    measured: medianOf(rows, ours, figure),
    bound: 'at most',
    limit,
  }));
}
