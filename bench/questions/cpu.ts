import { measure } from '../measure.ts';
import type { Measured } from '../measure.ts';
import type { Answer, Bench, Judgement, Question, Round, Row } from '../question.ts';
import { chatRequest } from '../requests.ts';
import type { Chat } from '../requests.ts';
import { interleaved, medianOf } from '../rounds.ts';
import { startProvider } from '../targets.ts';
import type { Target } from '../targets.ts';
import { withVariants } from '../variants.ts';
import type { VariantName, Variants } from '../variants.ts';

const VARIANTS: readonly VariantName[] = [
  'nginx',
  'bare',
  'node-http',
  'portkey',
  'ours, bare',
  'ours, governed',
  'ours, captured',
];
const CONNECTIONS = 32;
const PROMPT_BYTES = 2_048;
const EVENTS = 150;

interface Load {
  /** What the cost is told by. */
  unit: 'unary request' | 'streamed event';
  chat: Chat;
  requests: number;
}

/** Targets of the governed gateway with full capture, as multiples of nginx's own cost. */
const TARGETS = [
  { unit: 'unary request', figure: 'main µs', part: 'front-door thread', wanted: 5, stretch: 3 },
  { unit: 'streamed event', figure: 'main µs', part: 'front-door thread', wanted: 3, stretch: 2 },
  { unit: 'unary request', figure: 'whole µs', part: 'whole process', wanted: 8, stretch: undefined },
  { unit: 'streamed event', figure: 'whole µs', part: 'whole process', wanted: 4, stretch: undefined },
];

export const cpu: Question = {
  name: 'cpu',
  asks: 'how many microseconds of CPU does a unary request cost, and a streamed event, and which thread spends them?',
  minutes: 5,
  ask: async (bench) => {
    const provider = await startProvider({ digests: false });
    try {
      return await withVariants(VARIANTS, provider, (variants) => ask(bench, provider, variants));
    } finally {
      await provider.stop();
    }
  },
};

async function ask(bench: Bench, provider: Target, { targets, leftOut }: Variants): Promise<Answer> {
  // The provider's 20 ms keep generator and simulator from being the limit: nothing but its own CPU is judged of a target.
  const loads: Load[] = [
    {
      unit: 'unary request',
      chat: { promptBytes: PROMPT_BYTES, sim: 'output=50; delay=20ms' },
      requests: bench.size(3_000, 200),
    },
    {
      unit: 'streamed event',
      chat: { promptBytes: PROMPT_BYTES, sim: `events=${EVENTS}; pace=2ms`, stream: true },
      requests: bench.size(192, 32),
    },
  ];
  const rows: Row[] = [];
  for (const load of loads) {
    bench.say(`CPU per ${load.unit}`);
    const variants = targets.map((target) => ({
      name: target.name,
      measure: async () => roundOf(await measure(bench.generator, provider, target, jobOf(target, load)), load),
    }));
    rows.push(
      ...(await interleaved(
        { case: `per ${load.unit}`, warmUp: bench.size(2, 1), rounds: bench.size(5, 2) },
        variants,
      )),
    );
  }
  return {
    settings: `${CONNECTIONS} connections, closed loop; ${PROMPT_BYTES}-byte prompts; unary after 20 ms; ${EVENTS} events a stream, 2 ms apart`,
    rows: [...rows.map(overview), ...rows.map(byThread)],
    judgements: judged(rows),
    notes: [
      'CPU is counted until records and captures are stored; the database is a process of its own and not in it.',
      ...leftOut,
    ],
  };
}

function jobOf(target: Target, { chat, requests }: Load) {
  return {
    connections: CONNECTIONS,
    arrivals: { kind: 'closed', requests } as const,
    request: chatRequest(target, chat),
  };
}

function roundOf(measured: Measured, { unit }: Load): Round {
  const { result, threads, wholeUs } = measured;
  const count = unit === 'unary request' ? (result.statuses['200'] ?? 0) : result.events;
  const perThread = [...threads].map(([name, us]): [string, number] => [`${name} µs`, us / count]);
  return {
    figures: {
      ...Object.fromEntries(perThread),
      'whole µs': wholeUs / count,
      'a second': (count * 1000) / result.elapsedMs,
    },
    count,
    void: measured.void,
  };
}

const OVERVIEW = ['main µs', 'whole µs', 'a second'];

function overview(row: Row): Row {
  return part(row, row.case, (figure) => OVERVIEW.includes(figure));
}

function byThread(row: Row): Row {
  return part(row, `${row.case}, by thread`, (figure) => !OVERVIEW.includes(figure) || figure === 'main µs');
}

function part(row: Row, name: string, wanted: (figure: string) => boolean): Row {
  const rounds = row.rounds.map((round) => ({
    ...round,
    figures: Object.fromEntries(Object.entries(round.figures).filter(([figure]) => wanted(figure))),
  }));
  return { ...row, case: name, rounds };
}

function judged(rows: readonly Row[]): Judgement[] {
  return TARGETS.flatMap(({ unit, figure, part: where, wanted, stretch }) => {
    const ours = medianOf(rows, { case: `per ${unit}`, variant: 'ours, captured' }, figure);
    // nginx has one thread: its whole process is what both are held against.
    const nginx = medianOf(rows, { case: `per ${unit}`, variant: 'nginx' }, 'whole µs');
    const about = { measured: ours / nginx, bound: 'at most' as const };
    const target = `ours, captured: ${where}, times nginx per ${unit}`;
    return [
      { ...about, target, limit: wanted },
      ...(stretch === undefined ? [] : [{ ...about, target: `${target} (stretch)`, limit: stretch }]),
    ];
  });
}
