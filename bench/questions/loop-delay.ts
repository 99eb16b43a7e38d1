import type { LoadResult } from '../load/client.ts';
import { startGenerator } from '../load/generator.ts';
import type { LoadGenerator } from '../load/generator.ts';
import { summarize } from '../load/samples.ts';
import { atRest } from '../measure.ts';
import type { Answer, Bench, Question, Round, Row } from '../question.ts';
import { chatRequest } from '../requests.ts';
import { medianOf } from '../rounds.ts';
import type { Target } from '../targets.ts';
import { startPlainProvider } from '../targets/plain-provider.ts';
import { startOurs } from '../targets/ours.ts';
import type { Ours } from '../targets/ours.ts';

const ROUNDS = 3;
const SECONDS = 10;

const PROMPT_BYTES = 8 * 1024 * 1024;
/** About a quarter of what two cores do when nothing else runs on them. */
const PROMPTS_PER_SECOND = 3;
const PROMPTS_AT_ONCE = 8;

const SMALL_BYTES = 1024;
const SMALL_PER_SECOND = 100;
const SMALL_AT_ONCE = 64;

const MOST_MS = 10;
/** Later than this at the 99th percentile although nothing else is asked of it: then something else ran on the machine. */
const QUIET_P99_MS = 5;

const QUIET = 'nothing else';
const BUSY = `while ${PROMPTS_PER_SECOND} prompts of 8 MB a second arrive`;

export const loopDelay: Question = {
  name: 'loop-delay',
  asks: 'How long do small requests wait while 8 MB prompts arrive, and how late is the front thread?',
  minutes: 1.5,
  ask,
};

/** Who asks small things at the same time, each from a process of its own. */
const ASKERS = ['front thread alone', 'through ours', 'direct'] as const;
type Asker = (typeof ASKERS)[number];

interface Stage {
  provider: Target;
  ours: Ours;
  generators: Record<Asker, LoadGenerator>;
}

async function ask(bench: Bench): Promise<Answer> {
  const provider = await startPlainProvider();
  const ours = await startOurs(provider, 'ours, captured');
  const generators = Object.fromEntries(ASKERS.map((asker) => [asker, startGenerator()])) as Stage['generators'];
  const stage: Stage = { provider, ours, generators };
  try {
    const rows = [QUIET, BUSY].flatMap((each) =>
      [...ASKERS, LOOP, LARGE].map((variant): Row => ({ case: each, variant, rounds: [] })),
    );
    for (let round = -1; round < bench.size(ROUNDS, 1); round++) {
      bench.say(round < 0 ? 'warm-up' : `round ${round + 1}`);
      const quiet = await measure(bench, stage, false);
      const busy = await measure(bench, stage, true);
      if (round < 0) continue;
      const reasons = disturbed(quiet);
      for (const row of rows) {
        const one = (row.case === QUIET ? quiet : busy).get(row.variant);
        if (one !== undefined) row.rounds.push({ ...one, void: [...one.void, ...reasons] });
      }
    }
    const p99 = (variant: string): number => medianOf(rows, { case: BUSY, variant }, 'p99 ms');
    return {
      settings:
        `rounds of ${bench.size(SECONDS, 2)} s; ${SMALL_PER_SECOND} small requests a second of each kind, open loop, all at the ` +
        'same time; prompts of 8 MB in an open loop of their own; everything is captured',
      rows: rows.filter((row) => row.rounds.length > 0),
      judgements: [
        { target: `${BUSY}: the front thread's delay, p99 ms`, measured: p99(LOOP), bound: 'at most', limit: MOST_MS },
        { target: `${BUSY}: a small request, p99 ms`, measured: p99('through ours'), bound: 'at most', limit: MOST_MS },
      ],
      notes: [
        'front thread alone: GET /healthz, which is answered where it is read: what is more than quiet is the loop',
        `${LOOP}: aperture_event_loop_delay_p99_seconds of the round`,
      ],
    };
  } finally {
    for (const generator of Object.values(generators)) generator.stop();
    await ours.stop();
    await provider.stop();
  }
}

const LOOP = 'front thread by its own metric';
const LARGE = '8 MB prompts';

async function measure(bench: Bench, stage: Stage, withPrompts: boolean): Promise<Map<string, Round>> {
  const { provider, ours, generators } = stage;
  const seconds = bench.size(SECONDS, 2);
  const small = chatRequest(ours, { promptBytes: SMALL_BYTES, sim: '' });
  const asked: Record<Asker, { port: number; request: Uint8Array }> = {
    'front thread alone': { port: ours.port, request: Buffer.from('GET /healthz HTTP/1.1\r\nhost: load\r\n\r\n') },
    'through ours': { port: ours.port, request: small },
    direct: { port: provider.port, request: small },
  };
  const prompts = withPrompts
    ? bench.generator.apply({
        port: ours.port,
        connections: PROMPTS_AT_ONCE,
        arrivals: { kind: 'open', perSecond: PROMPTS_PER_SECOND, requests: PROMPTS_PER_SECOND * seconds },
        request: chatRequest(ours, { promptBytes: PROMPT_BYTES, sim: '' }),
      })
    : undefined;
  // What the metric says is since it was last read.
  await ours.metric('aperture_event_loop_delay_p99_seconds');
  const results = await Promise.all(
    ASKERS.map((asker) =>
      generators[asker].apply({
        ...asked[asker],
        connections: SMALL_AT_ONCE,
        arrivals: { kind: 'open', perSecond: SMALL_PER_SECOND, requests: SMALL_PER_SECOND * seconds },
      }),
    ),
  );
  const loopMs = 1000 * (await ours.metric('aperture_event_loop_delay_p99_seconds'));
  const large = await prompts;
  await atRest(ours);
  const rounds = new Map<string, Round>();
  for (const [at, asker] of ASKERS.entries()) {
    const result = results[at];
    if (result !== undefined) rounds.set(asker, roundOf(result));
  }
  rounds.set(LOOP, { figures: { 'p99 ms': loopMs }, count: 1, void: [] });
  if (large !== undefined) rounds.set(LARGE, roundOf(large));
  return rounds;
}

/** Why a round does not count whose quiet half was this. */
function disturbed(quiet: Map<string, Round>): string[] {
  const p99 = quiet.get('front thread alone')?.figures['p99 ms'] ?? Number.NaN;
  return p99 <= QUIET_P99_MS
    ? []
    : [`the machine: the front thread had a p99 of ${p99.toFixed(1)} ms while nothing else was asked`];
}

function roundOf(result: LoadResult): Round {
  const { median, p99, p999, count } = summarize(result.latencyMs);
  const answered = result.statuses['200'] ?? 0;
  const otherwise = JSON.stringify({ ...result.statuses, ...result.failures });
  return {
    figures: { 'p50 ms': median, 'p99 ms': p99, 'p99.9 ms': p999 },
    count,
    void: answered === result.sent ? [] : [`${answered} of ${result.sent} answered: ${otherwise}`],
  };
}
