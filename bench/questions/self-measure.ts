import { readFileSync } from 'node:fs';
import { rawPost } from '../load/client.ts';
import { listenObserved } from '../load/observed-provider.ts';
import { Observer } from '../load/observer.ts';
import type { Observed } from '../load/observer.ts';
import { percentile } from '../load/samples.ts';
import type { Answer, Bench, Judgement, Question, Row } from '../question.ts';
import { median, medianOf } from '../rounds.ts';
import { freePort } from '../targets.ts';
import type { Target } from '../targets.ts';
import { startOurs } from '../targets/ours.ts';
import type { Ours } from '../targets/ours.ts';

const ROUNDS = 9;
const WARM_UP = 3;

/** What the gateway says of itself may differ from what is seen outside by so many per cent. */
const MOST_PERCENT = 5;

/** Slower than this at the 99th percentile even without a gateway: then something else ran on the machine. */
const DIRECT_P99_US = 2_000;

interface Case {
  name: string;
  promptBytes: number;
  /** What the provider takes between the request and its answer. */
  waitMs: number;
  /** Of one round. */
  exchanges: number;
}

const CASES: readonly Case[] = [
  { name: '1 KB prompts', promptBytes: 1024, waitMs: 0, exchanges: 300 },
  { name: '1 KB prompts, 20 ms at the provider', promptBytes: 1024, waitMs: 20, exchanges: 60 },
  { name: '1 MB prompts', promptBytes: 1024 * 1024, waitMs: 0, exchanges: 40 },
];

export const selfMeasure: Question = {
  name: 'self-measure',
  asks: 'Do `server-timing` and the overhead metric agree with an outside observer?',
  minutes: 1.5,
  ask,
};

async function ask(bench: Bench): Promise<Answer> {
  const port = await freePort();
  const provider = await listenObserved(port);
  const ours = await startOurs({ port }, 'ours, captured');
  try {
    const rows: Row[] = [];
    for (const each of CASES) {
      bench.say(each.name);
      rows.push(...(await observed(bench, each, port, ours)));
    }
    return {
      settings:
        `one connection, one request at a time; ${CASES.map(({ exchanges }) => bench.size(exchanges, 10)).join(', ')} ` +
        'exchanges a round; client and provider are one process, which does not sleep meanwhile',
      rows,
      judgements: CASES.flatMap((each) => judged(rows, each)),
      notes: [
        'there: from the first byte out of the client to the first at the provider; back: the same of the answer; ' +
          'head: between both at the client',
        'seen: there and back, less those of direct requests; said: `gateway` of server-timing; both by medians. The ' +
          'metric is held against the mean of what was seen, as it knows no median',
        'head off: `gateway` and `upstream` together, against the head as the client saw it',
        'what the gateway cannot see of itself: until its thread has a processor (the wait for one is shown) and has read ' +
          'the socket',
      ],
    };
  } finally {
    await ours.stop();
    provider.close();
  }
}

/** One way, in one round; microseconds. */
interface Seen {
  thereUs: number;
  backUs: number;
  headUs: number;
  /** There and back, without what the provider took. */
  bothUs: number;
  bothMeanUs: number;
  bothP99Us: number;
}

/** What the gateway said of the same exchanges; microseconds. */
interface Said {
  gatewayUs: number;
  headUs: number;
  metricMeanUs: number;
  /** How long its front thread was ready to run and had no processor: nobody inside sees that. Mean. */
  processorMeanUs: number;
}

/** Rows of the direct way and of ours, and of what is said held against what is seen. */
async function observed(bench: Bench, about: Case, provider: number, ours: Ours): Promise<Row[]> {
  const exchanges = bench.size(about.exchanges, 10);
  const request = rawPost(
    '/v1/chat/completions',
    JSON.stringify({ model: 'gpt-5-mini', messages: [{ role: 'user', content: 'x'.repeat(about.promptBytes) }] }),
    { 'x-wait-ms': about.waitMs.toString() },
  );
  const ends = { direct: new Observer(provider), ours: new Observer(ours.port) };
  const rows = {
    direct: rowOf(about.name, 'direct'),
    ours: rowOf(about.name, 'ours'),
    compared: rowOf(comparisonOf(about), 'ours'),
  };
  try {
    for (let round = -bench.size(WARM_UP, 1); round < bench.size(ROUNDS, 2); round++) {
      const direct = seenOf(await observe(ends.direct, request, exchanges));
      const before = await overhead(ours);
      const waitedUs = waitedForProcessorUs(ours);
      const through = await observe(ends.ours, request, exchanges);
      const processorMeanUs = (waitedForProcessorUs(ours) - waitedUs) / exchanges;
      const after = await overhead(ours);
      if (round < 0) continue;
      const metricMeanUs = (after.sumUs - before.sumUs) / (after.count - before.count);
      const said = { ...saidOf(through), metricMeanUs, processorMeanUs };
      const governed = seenOf(through);
      const about = {
        count: exchanges,
        void:
          direct.bothP99Us > DIRECT_P99_US ? [`direct requests had a p99 of ${direct.bothP99Us.toFixed(0)} µs`] : [],
      };
      rows.direct.rounds.push({ ...about, figures: figuresOf(direct) });
      rows.ours.rounds.push({ ...about, figures: figuresOf(governed) });
      rows.compared.rounds.push({ ...about, figures: compare(direct, governed, said) });
    }
    return Object.values(rows);
  } finally {
    ends.direct.close();
    ends.ours.close();
  }
}

function rowOf(name: string, variant: string): Row {
  return { case: name, variant, rounds: [] };
}

function comparisonOf(about: Case): string {
  return `${about.name}: said and seen`;
}

async function observe(end: Observer, request: Uint8Array, exchanges: number): Promise<Observed[]> {
  const seen: Observed[] = [];
  for (let i = 0; i < exchanges; i++) seen.push(await end.observe(request));
  return seen;
}

/** An exchange is in the metric when its head is released: so all that were answered are. */
async function overhead(ours: Ours): Promise<{ sumUs: number; count: number }> {
  return {
    sumUs: 1e6 * (await ours.metric('aperture_overhead_seconds_sum')),
    count: await ours.metric('aperture_overhead_seconds_count'),
  };
}

/** Of the first thread, since it began: the second field of /proc/.../schedstat. */
function waitedForProcessorUs({ pids: [pid = 0] }: Target): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1000;
}

function seenOf(exchanges: readonly Observed[]): Seen {
  const us = (value: (one: Observed) => number): number[] => exchanges.map((one) => 1000 * value(one));
  const both = us(({ thereMs, backMs }) => thereMs + backMs);
  return {
    thereUs: median(us(({ thereMs }) => thereMs)),
    backUs: median(us(({ backMs }) => backMs)),
    headUs: median(us(({ wholeMs }) => wholeMs)),
    bothUs: median(both),
    bothMeanUs: both.reduce((sum, value) => sum + value, 0) / both.length,
    bothP99Us: percentile(Float64Array.from(both).sort(), 0.99),
  };
}

function saidOf(exchanges: readonly Observed[]): Pick<Said, 'gatewayUs' | 'headUs'> {
  const said = exchanges.flatMap((one) => one.said ?? []);
  return {
    gatewayUs: 1000 * median(said.map(({ gatewayMs }) => gatewayMs)),
    headUs: 1000 * median(said.map(({ gatewayMs, upstreamMs }) => gatewayMs + upstreamMs)),
  };
}

function figuresOf({ thereUs, backUs, headUs }: Seen): Record<string, number> {
  return { 'there µs': thereUs, 'back µs': backUs, 'head µs': headUs };
}

const SAID_OFF = 'said off %';
const METRIC_OFF = 'metric off %';
const HEAD_OFF = 'head off %';

function compare(direct: Seen, ours: Seen, said: Said): Record<string, number> {
  const seenUs = ours.bothUs - direct.bothUs;
  const seenMeanUs = ours.bothMeanUs - direct.bothMeanUs;
  return {
    'seen µs': seenUs,
    'said µs': said.gatewayUs,
    [SAID_OFF]: percentOff(said.gatewayUs, seenUs),
    'seen µs, mean': seenMeanUs,
    'metric µs, mean': said.metricMeanUs,
    [METRIC_OFF]: percentOff(said.metricMeanUs, seenMeanUs),
    'waited for a processor µs, mean': said.processorMeanUs,
    'head said µs': said.headUs,
    [HEAD_OFF]: percentOff(said.headUs, ours.headUs),
  };
}

function percentOff(said: number, seen: number): number {
  return (100 * (said - seen)) / seen;
}

const JUDGED = {
  [SAID_OFF]: 'server-timing and what is seen differ by, %',
  [METRIC_OFF]: 'the overhead metric and what is seen differ by, %',
  [HEAD_OFF]: 'server-timing and the time to the head differ by, %',
};

function judged(rows: readonly Row[], about: Case): Judgement[] {
  const row = { case: comparisonOf(about), variant: 'ours' };
  return Object.entries(JUDGED).map(([figure, target]) => ({
    target: `${about.name}: ${target}`,
    measured: Math.abs(medianOf(rows, row, figure)),
    bound: 'at most',
    limit: MOST_PERCENT,
  }));
}
