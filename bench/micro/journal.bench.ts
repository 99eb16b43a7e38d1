/**
 * What does it cost to pass bytes through the journal? From `append` to the release, for small frames alone and together,
 * and for bodies; and how long the event loop is kept while large bodies are appended. The thresholds of `journal.ts`,
 * `turns.ts` and `batch.ts` rest on these figures. Strict mode, no fsync, a file on the disk of the temporary folder.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { mintExchangeId } from '../../src/contract/ids.ts';
import type { ExchangeId } from '../../src/contract/ids.ts';
import { Journal } from '../../src/journal/journal.ts';
import { JOURNAL_DEFAULTS } from '../../src/journal/options.ts';
import { systemClock } from '../../src/lib/clock.ts';

const KiB = 1024;
const MiB = 1024 * KiB;

interface Sample {
  name: string;
  unit: string;
  values: number[];
}

function line({ name, unit, values }: Sample): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (part: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(2);
  return `${name}: p50 ${at(0.5)} p99 ${at(0.99)} ${unit}, quartiles ${at(0.25)} to ${at(0.75)}, n=${values.length}`;
}

function open(journal: Journal): ExchangeId {
  const id = mintExchangeId(systemClock.nowMs());
  journal.append(id, 'opened', {
    id,
    received_at_ms: systemClock.nowMs(),
    login: 'alice@example.com',
    node_id: 'n',
    node_name: 'laptop',
    tags: [],
    groups: [],
    identity_source: 'loopback',
    user_agent: 'bench',
    agent: '',
    client_version: '',
    api: 'openai_chat',
    method: 'POST',
    path: '/v1/chat/completions',
    stream: false,
    request_headers: [],
    model: 'gpt-5',
    provider: 'sim',
    key_id: 'k',
    grant_ids: [],
    quotas: [],
    hooks: [],
    config_version: 'c',
    world: 1,
  });
  return id;
}

function written(journal: Journal, id: ExchangeId): Promise<unknown> {
  return new Promise((resolve) => {
    journal.barrier(id, resolve);
  });
}

/** Microseconds per frame, from the first append of a turn to its last release. */
async function perFrame(journal: Journal, bytes: number, perTurn: number, turns: number): Promise<number[]> {
  const ids = Array.from({ length: perTurn }, () => open(journal));
  await Promise.all(ids.map((id) => written(journal, id)));
  const chunk = Buffer.alloc(bytes, 0x61);
  const elapsed: number[] = [];
  for (let n = 0; n < turns; n++) {
    const start = performance.now();
    await new Promise<void>((resolve) => {
      let left = perTurn;
      for (const id of ids) {
        journal.append(id, 'response', chunk);
        journal.barrier(id, () => {
          if (--left === 0) resolve();
        });
      }
    });
    elapsed.push(((performance.now() - start) * 1000) / perTurn);
  }
  for (const id of ids) journal.forget(id);
  return elapsed;
}

/** An empty turn by the same clockwork: what of the figures is not the journal. */
async function emptyTurns(turns: number): Promise<number[]> {
  const elapsed: number[] = [];
  for (let n = 0; n < turns; n++) {
    const start = performance.now();
    await turn();
    elapsed.push((performance.now() - start) * 1000);
  }
  return elapsed;
}

const body = Buffer.alloc(8 * MiB, 0x62);

/** Delay of the loop, in ms, while bodies of 8 MiB are appended and awaited, one after another. */
async function loopDelay(journal: Journal, bodies: number): Promise<{ delay: number[]; perBodyMs: number[] }> {
  const id = open(journal);
  const delay: number[] = [];
  const perBodyMs: number[] = [];
  const watching = { on: true };
  const watch = (async () => {
    // A turn of an idle loop takes microseconds; what a turn takes here is what another request waits.
    while (watching.on) {
      const start = performance.now();
      await turn();
      delay.push(performance.now() - start);
    }
  })();
  for (let n = 0; n < bodies; n++) {
    const start = performance.now();
    journal.append(id, 'request', body);
    await written(journal, id);
    perBodyMs.push(performance.now() - start);
  }
  watching.on = false;
  await watch;
  journal.forget(id);
  return { delay, perBodyMs };
}

async function quietDelay(forMs: number): Promise<number[]> {
  const delay: number[] = [];
  const end = performance.now() + forMs;
  for (let start = performance.now(); start < end; start = performance.now()) {
    await turn();
    delay.push(performance.now() - start);
  }
  return delay;
}

function longest(values: readonly number[]): string {
  return values.reduce((most, value) => Math.max(most, value), 0).toFixed(2);
}

const folder = mkdtempSync(join(tmpdir(), 'aperture-bench-journal-'));
const sealed: number[] = [];
const journal = await Journal.open({
  ...JOURNAL_DEFAULTS,
  folder: join(folder, 'journal'),
  gatewayId: 'bench',
  mode: 'strict',
  fsync: 'none',
  maxBytes: 8 * 1024 * MiB,
  whenFull: 'refuse',
  clock: systemClock,
  // Files go as soon as they may, so that the run needs little room.
  onSegmentSealed: (segment) => sealed.push(segment),
  onState: (state, why) => {
    console.log(`journal: ${state}: ${why}`);
  },
});
const settle = (): void => {
  for (const segment of sealed.splice(0)) journal.segmentSettled(segment);
};

console.log(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}, ${cpus().length} cores`);
try {
  const cases: [string, number, number, number][] = [
    ['200 bytes, 1 a turn', 200, 1, 5000],
    ['200 bytes, 32 a turn', 200, 32, 3000],
    ['200 bytes, 500 a turn', 200, 500, 300],
    ['4 KiB, 1 a turn', 4 * KiB, 1, 2000],
    ['16 KiB, 1 a turn', 16 * KiB, 1, 2000],
    ['60 KiB, 1 a turn (on the main thread)', 60 * KiB, 1, 800],
    ['64 KiB, 1 a turn (aside)', 64 * KiB, 1, 800],
    ['1 MiB, 1 a turn (aside)', MiB, 1, 100],
  ];
  const rounds = 3;
  const samples = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const [name, bytes, perTurn, turns] of cases) {
      const elapsed = await perFrame(journal, bytes, perTurn, Math.ceil(turns / rounds));
      settle();
      if (round === 0) continue; // warm-up
      samples.set(name, [...(samples.get(name) ?? []), ...elapsed]);
    }
  }
  console.log(line({ name: 'an empty turn, for comparison', unit: 'us', values: await emptyTurns(5000) }));
  for (const [name, values] of samples) {
    console.log(line({ name: `${name}, append to release`, unit: 'us per frame', values }));
  }
  await loopDelay(journal, 4);
  settle();
  const { delay, perBodyMs } = await loopDelay(journal, 40);
  console.log(line({ name: '8 MiB bodies, a turn of the loop meanwhile', unit: 'ms', values: delay }));
  console.log(line({ name: '8 MiB bodies, append to release', unit: 'ms', values: perBodyMs }));
  // The machine's own pauses, over as long a time: what is not the journal's doing.
  const quiet = await quietDelay(perBodyMs.reduce((sum, ms) => sum + ms, 0));
  console.log(line({ name: 'nothing appended, a turn of the loop', unit: 'ms', values: quiet }));
  console.log(`the longest turn: ${longest(delay)} ms with bodies, ${longest(quiet)} ms without`);
} finally {
  await journal.close(10_000);
  rmSync(folder, { recursive: true, force: true });
}
