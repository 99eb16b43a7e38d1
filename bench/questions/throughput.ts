import { setTimeout as wait } from 'node:timers/promises';
import { latencies, measure } from '../measure.ts';
import type { Answer, Bench, Judgement, Question, Round, Row } from '../question.ts';
import { chatRequest } from '../requests.ts';
import { interleaved, medianOf, withAdded } from '../rounds.ts';
import type { Target } from '../targets.ts';
import { isOurs } from '../targets/ours.ts';
import { EVERY_VARIANT, withVariants } from '../variants.ts';
import type { Variants } from '../variants.ts';

/** Of these, what is added at a rate that Portkey holds. */
const HELD = ['direct', 'nginx', 'portkey', 'ours, governed', 'ours, captured'];
const CONNECTIONS = 128;
/** It does not read what it is asked, so that there is room for what is measured. */
const CHAT = { promptBytes: 2_048, sim: 'output=50; delay=20ms; blind; served=gpt-5-mini' };
const CAPACITY = 'as much as it can';
/** A rate that a target holds by itself is half of what it can do: it waits for nobody. */
const HELD_SHARE = 0.5;
/** Where there is no Portkey to hold a rate. */
const RATE = 300;
const WAITING = ['aperture_records_waiting', 'aperture_captures_waiting', 'aperture_queue_jobs_waiting'];

export const throughput: Question = {
  name: 'throughput',
  asks: 'how many requests a second at 20 ms provider latency, and what is added at a rate that Portkey holds?',
  minutes: 5,
  ask: (bench) => withVariants(EVERY_VARIANT, (variants) => ask(bench, variants)),
};

async function ask(bench: Bench, { provider, targets, leftOut }: Variants): Promise<Answer> {
  bench.say('as much as each can');
  const capacity = await interleaved(
    { case: CAPACITY, warmUp: 1, rounds: bench.size(3, 1) },
    targets
      .filter(({ name }) => name !== 'direct')
      .map((target) => ({ name: target.name, measure: () => fullRound(bench, provider, target) })),
  );
  const half = HELD_SHARE * medianOf(capacity, { case: CAPACITY, variant: 'portkey' }, 'a second');
  const rate = Number.isFinite(half) ? Math.floor(half) : RATE;
  const atRate = `at ${rate} a second`;
  bench.say(atRate);
  const held = await interleaved(
    { case: atRate, warmUp: 1, rounds: bench.size(3, 1) },
    targets
      .filter(({ name }) => HELD.includes(name))
      .map((target) => ({ name: target.name, measure: () => heldRound(bench, provider, target, rate) })),
  );
  const rows = [...capacity, ...withAdded(held, ['p50 ms', 'p99 ms'])];
  return {
    settings: `${CHAT.promptBytes}-byte prompts, 50 words; first ${CONNECTIONS} connections in a closed loop, then an open loop`,
    rows,
    judgements: judged(rows, `${atRate}, added`),
    notes: [
      '"stored a second" counts the time until the last record and capture was stored: what can go on for hours.',
      'waiting: the most that was seen of records, captures and batches in the queue together, looked at each second.',
      ...leftOut,
    ],
  };
}

async function fullRound(bench: Bench, provider: Target, target: Target): Promise<Round> {
  const watch = watchBacklog(target);
  const measured = await measure(bench.generator, provider, target, {
    connections: CONNECTIONS,
    arrivals: { kind: 'closed', requests: Number.MAX_SAFE_INTEGER, forMs: bench.size(5_000, 1_500) },
    request: chatRequest(target, CHAT),
  });
  const { result, restMs, wholeUs } = measured;
  const count = result.statuses['200'] ?? 0;
  return {
    figures: {
      'a second': (count * 1000) / result.elapsedMs,
      ...latencies(measured),
      'whole µs': wholeUs / count,
      ...(isOurs(target)
        ? { 'stored a second': (count * 1000) / (result.elapsedMs + restMs), waiting: await watch.most() }
        : {}),
    },
    count,
    void: measured.void,
  };
}

/** A look costs the target milliseconds: one each second. */
function watchBacklog(target: Target): { most(): Promise<number> } {
  const watching = { on: true };
  const looking = async (): Promise<number> => {
    let most = 0;
    while (watching.on && isOurs(target)) {
      await wait(1000);
      let now = 0;
      for (const name of WAITING) now += await target.metric(name);
      most = Math.max(most, now);
    }
    return most;
  };
  const looked = looking();
  return {
    most() {
      watching.on = false;
      return looked;
    },
  };
}

/** Latencies at a rate that all of them hold. */
async function heldRound(bench: Bench, provider: Target, target: Target, rate: number): Promise<Round> {
  const requests = Math.ceil(rate * bench.size(3, 1));
  const measured = await measure(bench.generator, provider, target, {
    connections: requests,
    arrivals: { kind: 'open', perSecond: rate, requests },
    request: chatRequest(target, CHAT),
  });
  return { figures: latencies(measured), count: measured.result.latencyMs.length, void: measured.void };
}

function judged(rows: readonly Row[], atRate: string): Judgement[] {
  const times = (about: string, figure: string): number =>
    medianOf(rows, { case: about, variant: 'ours, captured' }, figure) /
    medianOf(rows, { case: about, variant: 'portkey' }, figure);
  return [
    {
      target: "ours, captured: times Portkey's requests a second",
      measured: times(CAPACITY, 'a second'),
      bound: 'at least',
      limit: 10,
    },
    {
      target: "ours, captured: times Portkey's added p99, at a rate that it holds",
      measured: times(atRate, 'p99 ms'),
      bound: 'at most',
      limit: 0.1,
    },
  ];
}
