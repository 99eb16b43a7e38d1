import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import { readCpu } from '../load/cpu.ts';
import { atRest } from '../measure.ts';
import type { Answer, Bench, Question, Round, Row } from '../question.ts';
import { chatRequest } from '../requests.ts';
import { median, medianOf } from '../rounds.ts';
import { startProvider } from '../targets.ts';
import type { Target } from '../targets.ts';
import { startOurs } from '../targets/ours.ts';
import { startBare } from '../targets/pass-through.ts';

/** How many are wanted at once; the last one is judged. */
const STREAMS = [1_000, 10_000] as const;
const MOST_KB = 60;

const STARTS_PER_SECOND = 500;
const PACE_S = 5;
/** All are open for this long, and memory is read. */
const WATCHED_S = 10;
/** What slow starts may take besides. */
const SLACK_S = 3;

const PROMPT_BYTES = 2_048;

/** A stream has two sockets in the process that is measured. */
const FILES_PER_STREAM = 2;
/** Files that a process opens besides, after it was looked at: of its journal, its database, a scrape. */
const FILES_TO_SPARE = 60;

export const memory: Question = {
  name: 'memory',
  asks: 'How much memory does one process take for each open stream, and what does it keep of it?',
  minutes: 4.5,
  ask,
};

async function ask(bench: Bench): Promise<Answer> {
  const provider = await startProvider({ digests: false });
  try {
    const rows: Row[] = [];
    const notes = [
      'memory: resident, of the process with all its threads, above what it had warm and idle, before or after: the less of ' +
        'both; the embedded Postgres is not in it',
      'each further stream: what lies between the open streams of both tables. A process at rest may hold some tens of MB ' +
        'more or less, which 1,000 streams do not outweigh',
      'ended: what was left per stream, above idle before, once all had ended and their records and captures were stored',
    ];
    for (const start of [startBare, (upstream: Target) => startOurs(upstream, 'ours, captured')]) {
      const target = await start(provider);
      try {
        rows.push(...(await measured(bench, provider, target, notes)));
      } finally {
        await target.stop();
      }
    }
    const most = rows.at(-1);
    return {
      settings:
        `streams that last, an event every ${PACE_S} s, prompts of ${PROMPT_BYTES} bytes, ${STARTS_PER_SECOND} started a second; ` +
        `read once a second for ${WATCHED_S} s while all are open; one process each`,
      rows,
      judgements: [
        {
          target: `KB a stream, ${most?.case ?? '?'} in one process`,
          measured: most === undefined ? Number.NaN : medianOf(rows, most, OPEN_KB),
          bound: 'at most',
          limit: MOST_KB,
        },
      ],
      notes,
    };
  } finally {
    await provider.stop();
  }
}

const OPEN_KB = 'KB a stream';

async function measured(bench: Bench, provider: Target, target: Target, notes: string[]): Promise<Row[]> {
  // Before anything runs: connections that streams leave behind are taken again by those that follow.
  const room = roomFor(target);
  await warmUp(bench, target);
  const rows: Row[] = [];
  let before: Held | undefined;
  for (const wanted of STREAMS) {
    const streams = Math.min(bench.size(wanted, wanted / 20), room);
    if (streams < bench.size(wanted, wanted / 20)) {
      notes.push(`${target.name}: ${streams} of ${wanted} streams, as a process may not open more files here`);
    }
    bench.say(`${target.name}: ${streams} streams`);
    const held = await hold(bench, provider, target, streams);
    rows.push({
      case: `${wanted.toLocaleString('en')} open streams`,
      variant: target.name,
      rounds: [roundOf(held, before)],
    });
    if (held.ended === undefined) notes.push(`${target.name}: ${streams} streams were not all stored within a minute`);
    before = held;
  }
  return rows;
}

/** Enough of both kinds that code is compiled and buffers have their size. */
async function warmUp(bench: Bench, target: Target): Promise<void> {
  bench.say(`${target.name}: warm-up`);
  const load = { port: target.port, connections: 64 } as const;
  await bench.generator.apply({
    ...load,
    arrivals: { kind: 'closed', requests: bench.size(4_000, 200) },
    request: chatRequest(target, { promptBytes: PROMPT_BYTES, sim: 'output=50' }),
  });
  await bench.generator.apply({
    ...load,
    arrivals: { kind: 'closed', requests: bench.size(1_000, 50) },
    request: chatRequest(target, { promptBytes: PROMPT_BYTES, sim: 'events=20;pace=2ms', stream: true }),
  });
  await atRest(target);
}

/** Resident bytes with so many streams open, and without any before and after. */
interface Held {
  streams: number;
  idle: number;
  open: number;
  /** Undefined where it did not come to rest in time. */
  ended: number | undefined;
  void: string[];
}

/** Opens so many streams, reads the memory while all of them are open, and once more when all have ended. */
async function hold(bench: Bench, provider: Target, target: Target, streams: number): Promise<Held> {
  const idle = await residentBytes(target, bench.size(5, 1));
  const startingS = streams / STARTS_PER_SECOND + bench.size(SLACK_S, 1);
  const watchedS = bench.size(WATCHED_S, 2);
  const paceS = bench.size(PACE_S, 1);
  // The first event comes at once, and two or three follow the last delta.
  const events = Math.max(1, Math.ceil((startingS + watchedS) / paceS) - 1);
  const load = bench.generator.apply({
    port: target.port,
    connections: streams,
    arrivals: { kind: 'open', perSecond: STARTS_PER_SECOND, requests: streams },
    request: chatRequest(target, { promptBytes: PROMPT_BYTES, sim: `events=${events};pace=${paceS}s`, stream: true }),
    timeoutMs: (2 * startingS + watchedS + 60) * 1000,
  });
  await wait(startingS * 1000);
  const before = await openAt(provider);
  const open = await residentBytes(target, watchedS);
  const after = await openAt(provider);
  const { sent, statuses, failures } = await load;
  const stored = await atRest(target);
  const ended = stored === undefined ? undefined : await residentBytes(target, bench.size(5, 1));
  const reasons: string[] = [];
  if (before !== streams || after !== streams) reasons.push(`${Math.min(before, after)} of ${streams} were open`);
  if (statuses['200'] !== sent) reasons.push(`answered: ${JSON.stringify({ ...statuses, ...failures })}`);
  return { streams, idle, open, ended, void: reasons };
}

/** `fewer`: the same process with fewer streams, before. */
function roundOf({ streams, idle, open, ended, void: reasons }: Held, fewer: Held | undefined): Round {
  const figures: Record<string, number> = {
    // What the warm-up left to be collected is not there to hide in.
    [OPEN_KB]: (open - Math.min(idle, ended ?? idle)) / streams / 1024,
    'idle MB': idle / 1024 ** 2,
    'open MB': open / 1024 ** 2,
  };
  if (ended !== undefined) {
    figures['ended MB'] = ended / 1024 ** 2;
    figures['KB a stream, ended'] = (ended - idle) / streams / 1024;
  }
  if (fewer !== undefined) figures['KB each further stream'] = (open - fewer.open) / (streams - fewer.streams) / 1024;
  return { figures, count: streams, void: reasons };
}

/** Of the processes of a target: the median of a look each second. */
async function residentBytes(target: Target, seconds: number): Promise<number> {
  const seen: number[] = [];
  for (let second = 0; second < seconds; second++) {
    await wait(1000);
    seen.push(target.pids.reduce((sum, pid) => sum + readCpu(pid).rssBytes, 0));
  }
  return median(seen);
}

const Books = z.looseObject({ totals: z.looseObject({ live: z.number() }) });

/** As the simulator's books have it: streams that have begun and not ended. */
async function openAt(provider: Target): Promise<number> {
  // None of the entries, which have numbers below this.
  const answer = await fetch(`http://127.0.0.1:${provider.port}/__sim/books?since=${Number.MAX_SAFE_INTEGER}`);
  return Books.parse(await answer.json()).totals.live;
}

/** How many streams the process that listens may hold by its limit of open files. */
function roomFor(target: Target): number {
  const [pid = 0] = target.pids;
  const limit = /^Max open files +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))?.[1];
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  const open = readdirSync(`/proc/${pid}/fd`).length;
  return Math.floor((Number(limit) - open - FILES_TO_SPARE) / FILES_PER_STREAM);
}
