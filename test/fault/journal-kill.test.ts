import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { build } from 'rolldown';
import { expect, test } from 'vitest';
import { packageRoot } from '../../src/lib/package-root.ts';
import { bodyOf, openJournal, replayAll, sampleClosed, scratchFolder } from '../journal/support.ts';
import { until } from '../support/until.ts';

/** The child program with what it imports, as one file of JavaScript. */
async function bundled(): Promise<string> {
  const file = join(scratchFolder(), 'journal-child.mjs');
  await build({
    input: join(packageRoot(), 'test/fault/journal-child.ts'),
    platform: 'node',
    output: { file, format: 'esm' },
  });
  return file;
}

/** Lets the child run for `ms` after its first note, kills it, and returns what it had noted. */
async function killAfter(ms: number, program: string, args: string[], notes: string): Promise<string[]> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
  const exited = once(child, 'exit');
  await until('the child has released something', () => existsSync(notes) && statSync(notes).size > 0);
  await sleep(ms);
  child.kill('SIGKILL');
  expect(await exited).toEqual([null, 'SIGKILL']);
  const text = readFileSync(notes, 'utf8');
  return text.slice(0, text.lastIndexOf('\n')).split('\n');
}

const ROUNDS = 20;
const SEED = 20_260;

test(`failure mode 10: ${ROUNDS} rounds of kill -9 (seed ${SEED}): what was released is in the journal`, async () => {
  const program = await bundled();
  const folder = join(scratchFolder(), 'journal');
  const noted = new Map<string, { bytes: number; sum: number; closed: boolean }>();
  for (let round = 0; round < ROUNDS; round++) {
    const notes = join(dirname(folder), `notes-${round}`);
    const fsync = round % 5 === 4 ? 'always' : 'none';
    const ms = (round * 37 + SEED) % 60;
    for (const line of await killAfter(ms, program, [folder, notes, String(SEED + round), fsync], notes)) {
      const [id = '', bytes = '', sum = ''] = line.split(' ');
      const known = noted.get(id) ?? { bytes: 0, sum: 0, closed: false };
      if (bytes === 'closed') noted.set(id, { ...known, closed: true });
      else noted.set(id, { bytes: Number(bytes), sum: Number(sum), closed: false });
    }
  }

  // The folder of the twentieth victim can be taken at once, and holds all that any of them released.
  const journal = await openJournal(folder);
  const { exchanges, reports } = await replayAll(folder, journal.firstSegment);
  expect(noted.size).toBeGreaterThan(ROUNDS * 8);
  const byId = new Map([...exchanges].map(([id, exchange]) => [String(id), exchange]));
  let closed = 0;
  for (const [id, { bytes, sum, closed: wasClosed }] of noted) {
    const exchange = byId.get(id);
    if (exchange === undefined) throw new Error(`seed ${SEED}: ${id} was released and is not in the journal`);
    const body = await bodyOf(exchange, 'response');
    expect(body.length).toBeGreaterThanOrEqual(bytes);
    expect(crc32(body.subarray(0, bytes))).toBe(sum);
    if (!wasClosed) continue;
    closed += 1;
    expect(exchange.closed).toMatchObject({ state: sampleClosed().state, response_bytes: bytes });
    expect(exchange.missingFrames).toBe(0);
    expect(body.length).toBe(bytes);
  }
  expect(closed).toBeGreaterThan(ROUNDS);
  // Each exchange is opened in one segment, and no process wrote into another's file.
  const opened = reports.flatMap((report) => report.opened);
  expect(new Set(opened).size).toBe(opened.length);
  expect(opened.length).toBe(exchanges.size);
  console.log(
    `${ROUNDS} rounds: ${exchanges.size} exchanges, ${closed} of them closed, ${reports.length} segments, ` +
      `${reports.reduce((sum, report) => sum + report.skippedBytes, 0)} bytes of unfinished large bodies skipped`,
  );
}, 180_000);
