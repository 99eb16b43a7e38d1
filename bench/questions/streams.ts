import { summarize } from '../load/samples.ts';
import { measure } from '../measure.ts';
import type { Answer, Bench, Judgement, Question, Round, Row } from '../question.ts';
import { chatRequest } from '../requests.ts';
import { interleaved, medianOf, withAdded } from '../rounds.ts';
import type { Target } from '../targets.ts';
import { withVariants } from '../variants.ts';
import type { VariantName, Variants } from '../variants.ts';

const VARIANTS: readonly VariantName[] = ['direct', 'nginx', 'ours, captured'];
const EVENTS = 20;

/**
 * A new stream starts when it is due, so that on average so many are open: a second's streams times the seconds that one
 * takes. What starts before as many are open is not measured.
 */
interface Load {
  streams: number;
  paceMs: number;
  /** Rounds thrown away. V8 compiles under the first load. */
  warmUp: number;
  measured: number;
}

const LOADS: readonly Load[] = [
  { streams: 100, paceMs: 100, warmUp: 1, measured: 150 },
  { streams: 1, paceMs: 10, warmUp: 0, measured: 15 },
  { streams: 1_000, paceMs: 200, warmUp: 0, measured: 500 },
];

const FIGURES = ['first byte p50 ms', 'first byte p99 ms', 'event p50 ms', 'event p99 ms'];

export const streams: Question = {
  name: 'streams',
  asks: 'how much later do the first byte and each event of a paced stream come, with 1, 100 and 1,000 streams open?',
  minutes: 4,
  ask: (bench) => withVariants(VARIANTS, (variants) => ask(bench, variants)),
};

async function ask(bench: Bench, { provider, targets }: Variants): Promise<Answer> {
  const rows: Row[] = [];
  for (const load of LOADS) {
    const about = nameOf(load);
    bench.say(about);
    const measured = await interleaved(
      { case: about, warmUp: bench.size(load.warmUp, 0), rounds: bench.size(3, 1) },
      targets.map((target) => ({ name: target.name, measure: () => round(bench, provider, target, load) })),
    );
    rows.push(...withAdded(measured, FIGURES));
  }
  const paces = LOADS.map((load) => `${load.paceMs} ms apart with ${load.streams}`).join(', ');
  return {
    settings: `${EVENTS} events a stream, ${paces}; open loop; an event's time is from the simulator's stamp in it to its arrival`,
    rows,
    judgements: judged(rows),
    notes: [],
  };
}

function nameOf({ streams: open }: Load): string {
  return open === 1 ? '1 stream' : `${open} streams`;
}

async function round(bench: Bench, provider: Target, target: Target, load: Load): Promise<Round> {
  const open = bench.size(load.streams, Math.min(load.streams, 50));
  const perSecond = (open * 1000) / (EVENTS * load.paceMs);
  const requests = open + bench.size(load.measured, 10);
  const measured = await measure(bench.generator, provider, target, {
    // As many as it takes: one that answers late must not make the next start late.
    connections: requests,
    arrivals: { kind: 'open', perSecond, requests },
    warmUp: open,
    request: chatRequest(target, {
      promptBytes: 2_048,
      sim: `events=${EVENTS}; pace=${load.paceMs}ms; stamp=1`,
      stream: true,
    }),
  });
  const firstByte = summarize(measured.result.firstByteMs);
  const event = summarize(measured.result.forwardingMs);
  return {
    figures: {
      'first byte p50 ms': firstByte.median,
      'first byte p99 ms': firstByte.p99,
      'event p50 ms': event.median,
      'event p99 ms': event.p99,
    },
    count: event.count,
    void: measured.void,
  };
}

/** Of 100 streams. */
function judged(rows: readonly Row[]): Judgement[] {
  const ours = { case: '100 streams, added', variant: 'ours, captured' };
  return [
    { figure: 'first byte p99 ms', limit: 1 },
    { figure: 'event p99 ms', limit: 0.5 },
  ].map(({ figure, limit }) => ({
    target: `ours, captured: added ${figure} with 100 streams`,
    measured: medianOf(rows, ours, figure),
    bound: 'at most',
    limit,
  }));
}
