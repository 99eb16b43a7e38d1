import { latencies, measure } from '../measure.ts';
import type { Answer, Bench, Judgement, Question, Round, Row } from '../question.ts';
import { chatRequest } from '../requests.ts';
import { interleaved, medianOf, withAdded } from '../rounds.ts';
import type { Target } from '../targets.ts';
import { withVariants } from '../variants.ts';
import type { VariantName, Variants } from '../variants.ts';

const VARIANTS: readonly VariantName[] = ['direct', 'nginx', 'bare', 'ours, captured'];
const KiB = 1024;
const MiB = 1024 * KiB;

interface Size {
  name: string;
  bytes: number;
  requests: number;
  /** Few enough that each is answered before the next. */
  perSecond: number;
}

const SIZES: readonly Size[] = [
  { name: '1 KiB', bytes: KiB, requests: 200, perSecond: 100 },
  { name: '32 KiB', bytes: 32 * KiB, requests: 100, perSecond: 100 },
  { name: '256 KiB', bytes: 256 * KiB, requests: 60, perSecond: 50 },
  { name: '1 MiB', bytes: MiB, requests: 40, perSecond: 20 },
  { name: '8 MiB', bytes: 8 * MiB, requests: 10, perSecond: 3 },
];

export const prompts: Question = {
  name: 'prompts',
  asks: 'how much later does an answer come when the prompt is large?',
  minutes: 3,
  ask: (bench) => withVariants(VARIANTS, (variants) => ask(bench, variants)),
};

async function ask(bench: Bench, { provider, targets }: Variants): Promise<Answer> {
  const rows: Row[] = [];
  for (const size of SIZES) {
    bench.say(size.name);
    const measured = await interleaved(
      { case: size.name, warmUp: 1, rounds: bench.size(3, 1) },
      targets.map((target) => ({ name: target.name, measure: () => round(bench, provider, target, size) })),
    );
    rows.push(...withAdded(measured, ['p50 ms', 'p99 ms']));
  }
  return {
    settings:
      'one message of ASCII text, answered with 50 words by a provider that does not read it; open loop, one at a time',
    rows,
    judgements: judged(rows),
    notes: [
      'The time that the bytes take is what the bare pass-through adds for 1 MiB beyond what it adds for 1 KiB: like ours ' +
        'it sends a request on once it is whole, by the same socket layer and HTTP client.',
    ],
  };
}

async function round(bench: Bench, provider: Target, target: Target, size: Size): Promise<Round> {
  const requests = bench.size(size.requests, 5);
  const measured = await measure(bench.generator, provider, target, {
    connections: requests,
    arrivals: { kind: 'open', perSecond: size.perSecond, requests },
    request: chatRequest(target, { promptBytes: size.bytes, sim: 'output=50; blind; served=gpt-5-mini' }),
  });
  return { figures: latencies(measured), count: measured.result.latencyMs.length, void: measured.void };
}

function judged(rows: readonly Row[]): Judgement[] {
  const added = (variant: string, size: string): number =>
    medianOf(rows, { case: `${size}, added`, variant }, 'p50 ms');
  const bytesMs = added('bare', '1 MiB') - added('bare', '1 KiB');
  return [
    {
      target: "ours, captured: added p50 of a 1 MiB prompt without the bytes' time, times that of 1 KiB",
      measured: (added('ours, captured', '1 MiB') - bytesMs) / added('ours, captured', '1 KiB'),
      bound: 'at most',
      limit: 3,
    },
  ];
}
