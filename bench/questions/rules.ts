import type { LoadResult } from '../load/client.ts';
import { summarize } from '../load/samples.ts';
import { atRest, measure } from '../measure.ts';
import type { Answer, Bench, Judgement, Question, Round, Row } from '../question.ts';
import { chatRequest } from '../requests.ts';
import type { Chat } from '../requests.ts';
import { interleaved, medianOf } from '../rounds.ts';
import type { Target } from '../targets.ts';
import { isOurs } from '../targets/ours.ts';
import { withVariants } from '../variants.ts';
import type { VariantName, Variants } from '../variants.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

const WITHOUT = 'ours, captured';
const WITH = 'ours, rules';
const VARIANTS: readonly VariantName[] = [WITHOUT, WITH];

/** One at a time: each is answered before the next. */
interface Case {
  name: string;
  chat: Chat;
  requests: number;
  perSecond: number;
}

const FIRST_BYTE: Case = {
  name: '4 KiB prompt, stream',
  chat: { promptBytes: 4 * KiB, prose: true, stream: true, sim: 'events=20;stamp=1' },
  requests: 200,
  perSecond: 25,
};
/** A word every 2 ms: what is later than without rules is a rule's time, and that a word waits for the next one. */
const EVENTS: Case = {
  name: 'events of a stream, one every 2 ms',
  chat: { promptBytes: KiB, prose: true, stream: true, sim: 'events=200;pace=2ms;stamp=1' },
  requests: 20,
  perSecond: 2,
};
const LARGE: Case = {
  name: '1 MiB prompt',
  chat: { promptBytes: MiB, prose: true, sim: 'output=50; blind; served=gpt-5-mini' },
  requests: 10,
  perSecond: 1,
};

export const rules: Question = {
  name: 'rules',
  asks: 'what do all built-in rules on both sides add to a first byte, an event and a large prompt?',
  minutes: 3,
  ask: (bench) => withVariants(VARIANTS, (variants) => ask(bench, variants)),
};

/**
 * A gateway runs for weeks. Of the first thousands of requests, at 25 a second, a good part waits for a processor on which V8 is
 * compiling what they run through: four fifths of what its threads do meanwhile.
 */
const WARM_UP = { connections: 8, requests: 4_000 };

async function ask(bench: Bench, { provider, targets }: Variants): Promise<Answer> {
  for (const target of targets) {
    bench.say(`${target.name} warms up`);
    await bench.generator.apply({
      port: target.port,
      connections: WARM_UP.connections,
      arrivals: { kind: 'closed', requests: bench.size(WARM_UP.requests, 50) },
      request: chatRequest(target, FIRST_BYTE.chat),
    });
    await atRest(target);
  }
  const rows: Row[] = [];
  for (const each of [FIRST_BYTE, EVENTS, LARGE]) {
    bench.say(each.name);
    rows.push(
      ...(await interleaved(
        { case: each.name, warmUp: 1, rounds: bench.size(3, 1) },
        targets.map((target) => ({ name: target.name, measure: () => round(bench, provider, target, each) })),
      )),
    );
  }
  return {
    settings:
      'prompts of English prose and code without a find; personal data tokenised, secrets blocked, words, tool policy, bounds; ' +
      `open loop, one at a time; behind ${bench.size(WARM_UP.requests, 50)} requests of each`,
    rows,
    judgements: judged(rows),
    notes: [
      'an event: from the stamp of the provider to its arrival; a word is held until the next one says that it has ended',
    ],
  };
}

async function round(
  bench: Bench,
  provider: Target,
  target: Target,
  { chat, requests, perSecond }: Case,
): Promise<Round> {
  const count = bench.size(requests, 5);
  const job = {
    connections: count,
    arrivals: { kind: 'open', perSecond, requests: count } as const,
    request: chatRequest(target, chat),
  };
  if (chat !== LARGE.chat) {
    const measured = await measure(bench.generator, provider, target, job);
    return { figures: figuresOf(measured.result, chat), count, void: measured.void };
  }
  // What the metric says is since it was last read: so nothing else may read it, which a wait for rest does.
  if (isOurs(target)) await target.metric(LOOP);
  const result = await bench.generator.apply({ ...job, port: target.port });
  const loopMs = isOurs(target) ? 1000 * (await target.metric(LOOP)) : Number.NaN;
  await atRest(target);
  return { figures: { ...figuresOf(result, chat), 'loop p99 ms': loopMs }, count, void: [] };
}

const LOOP = 'aperture_event_loop_delay_p99_seconds';

function figuresOf(result: LoadResult, { stream = false }: Chat): Record<string, number> {
  const [first, forwarding, whole] = [result.firstByteMs, result.forwardingMs, result.latencyMs].map(summarize);
  return {
    'first byte p50 ms': first?.median ?? Number.NaN,
    'first byte p99 ms': first?.p99 ?? Number.NaN,
    'whole p50 ms': whole?.median ?? Number.NaN,
    ...(stream
      ? { 'event p50 ms': forwarding?.median ?? Number.NaN, 'event p99 ms': forwarding?.p99 ?? Number.NaN }
      : {}),
  };
}

function judged(rows: readonly Row[]): Judgement[] {
  const added = (about: Case, figure: string): number =>
    medianOf(rows, { case: about.name, variant: WITH }, figure) -
    medianOf(rows, { case: about.name, variant: WITHOUT }, figure);
  return [
    {
      target: `${FIRST_BYTE.name}: what rules add to the first byte, p99 ms`,
      measured: added(FIRST_BYTE, 'first byte p99 ms'),
      bound: 'at most',
      limit: 2,
    },
    {
      target: `${EVENTS.name}: what rules add to an event, p99 ms`,
      measured: added(EVENTS, 'event p99 ms'),
      bound: 'at most',
      limit: 5,
    },
    {
      target: `${LARGE.name}: the front thread's delay, p99 ms`,
      measured: medianOf(rows, { case: LARGE.name, variant: WITH }, 'loop p99 ms'),
      bound: 'at most',
      limit: 10,
    },
  ];
}
