import { rawPost } from '../load/client.ts';
import { exchangesIn, watchPackets } from '../load/packets.ts';
import type { Passed } from '../load/packets.ts';
import type { Answer, Bench, Judgement, Question, Round, Row } from '../question.ts';
import { median, medianOf } from '../rounds.ts';
import type { Target } from '../targets.ts';
import { startOurs } from '../targets/ours.ts';
import type { Ours } from '../targets/ours.ts';
import { startPlainProvider } from '../targets/plain-provider.ts';

const ROUNDS = 7;

/** What the gateway says of itself may differ from what is seen outside by so many per cent. */
const MOST_PERCENT = 5;

interface Case {
  name: string;
  promptBytes: number;
  /** What the provider takes between the request and its answer. */
  waitMs: number;
  perSecond: number;
  /** Of one round. */
  exchanges: number;
}

const KiB = 1024;
const CASES: readonly Case[] = [
  { name: '1 KB prompts, answered at once', promptBytes: KiB, waitMs: 0, perSecond: 60, exchanges: 240 },
  { name: '1 KB prompts, 20 ms at the provider', promptBytes: KiB, waitMs: 20, perSecond: 25, exchanges: 100 },
  { name: '200 KB prompts, 20 ms at the provider', promptBytes: 200 * KiB, waitMs: 20, perSecond: 20, exchanges: 80 },
];

export const selfMeasure: Question = {
  name: 'self-measure',
  asks: 'Do `server-timing` and the overhead metric agree with an outside observer?',
  minutes: 2.5,
  ask,
};

async function ask(bench: Bench): Promise<Answer> {
  const provider = await startPlainProvider();
  const ours = await startOurs(provider, 'ours, captured');
  try {
    const rows: Row[] = [];
    for (const each of CASES) {
      const row: Row = { case: each.name, variant: 'ours', rounds: [] };
      for (let round = -1; round < bench.size(ROUNDS, 1); round++) {
        bench.say(`${each.name}, ${round < 0 ? 'warm-up' : `round ${round + 1}`}`);
        const looked = await look(bench, each, provider, ours);
        if (round >= 0) row.rounds.push(looked);
      }
      rows.push(row);
    }
    return {
      settings:
        `one connection, open loop, one request at a time; ${CASES.map(({ exchanges }) => bench.size(exchanges, 10)).join(', ')} ` +
        'exchanges a round; seen by tcpdump on the loopback interface',
      rows,
      judgements: CASES.flatMap((each) => judged(rows, each)),
      notes: [
        "seen: what passed between a packet to the gateway and the one that it led to, the request's and the answer's; said: " +
          '`gateway` of server-timing; both by medians. The metric is held against the mean of what was seen, as it knows no median',
        'head off: `gateway` and `upstream` together, against the head as its packet left',
      ],
    };
  } finally {
    await ours.stop();
    await provider.stop();
  }
}

async function look(bench: Bench, about: Case, provider: Target, ours: Ours): Promise<Round> {
  const count = bench.size(about.exchanges, 10);
  const before = await overhead(ours);
  const watch = await watchPackets([ours.port, provider.port]);
  const { statuses } = await bench.generator.apply({
    port: ours.port,
    connections: 1,
    arrivals: { kind: 'open', perSecond: about.perSecond, requests: count },
    request: rawPost(
      '/v1/chat/completions',
      JSON.stringify({ model: 'gpt-5-mini', messages: [{ role: 'user', content: 'x'.repeat(about.promptBytes) }] }),
      { 'x-wait-ms': about.waitMs.toString() },
    ),
  });
  const passed = exchangesIn(await watch.end(), ours.port, provider.port);
  const after = await overhead(ours);
  const missing =
    passed.length === count && statuses['200'] === count ? [] : [`${passed.length} of ${count} were seen`];
  const metricUs = (after.sumUs - before.sumUs) / (after.count - before.count);
  return { figures: figuresOf(passed, metricUs), count, void: missing };
}

/** An exchange is in the metric when its head is released: so all that were answered are. */
async function overhead(ours: Ours): Promise<{ sumUs: number; count: number }> {
  return {
    sumUs: 1e6 * (await ours.metric('aperture_overhead_seconds_sum')),
    count: await ours.metric('aperture_overhead_seconds_count'),
  };
}

const SAID_OFF = 'said off %';
const METRIC_OFF = 'metric off %';
const HEAD_OFF = 'head off %';

function figuresOf(passed: readonly Passed[], metricUs: number): Record<string, number> {
  const us = (value: (one: Passed) => number): number[] => passed.map((one) => 1000 * value(one));
  const seen = us(({ thereMs, backMs }) => thereMs + backMs);
  const seenMeanUs = seen.reduce((sum, value) => sum + value, 0) / seen.length;
  const saidUs = median(us(({ said }) => said?.gatewayMs ?? Number.NaN));
  const headUs = median(us(({ headMs }) => headMs));
  const headSaidUs = median(us(({ said }) => (said?.gatewayMs ?? Number.NaN) + (said?.upstreamMs ?? Number.NaN)));
  return {
    'there µs': median(us(({ thereMs }) => thereMs)),
    'back µs': median(us(({ backMs }) => backMs)),
    'seen µs': median(seen),
    'said µs': saidUs,
    [SAID_OFF]: percentOff(saidUs, median(seen)),
    'seen µs, mean': seenMeanUs,
    'metric µs, mean': metricUs,
    [METRIC_OFF]: percentOff(metricUs, seenMeanUs),
    'head µs': headUs,
    [HEAD_OFF]: percentOff(headSaidUs, headUs),
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
  const row = { case: about.name, variant: 'ours' };
  return Object.entries(JUDGED).map(([figure, target]) => ({
    target: `${about.name}: ${target}`,
    measured: Math.abs(medianOf(rows, row, figure)),
    bound: 'at most',
    limit: MOST_PERCENT,
  }));
}
