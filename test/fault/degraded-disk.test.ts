import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Dice } from '../support/dice.ts';
import { temporaryFolder } from '../support/gateway.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { expectBooks, expectUnnoticed, openWorld, PATIENCE_MS, pause, throughOutage } from './degraded-world.ts';
import type { World } from './degraded-world.ts';
import { Faults } from './faults.ts';
import { diskFull } from './outages.ts';
import { mountSmallDisk } from './small-disk.ts';
import type { SmallDisk } from './small-disk.ts';
import { steadyLoad } from './steady-load.ts';

/** Row "disk" of docs/degraded-modes.md: a data directory on a small tmpfs of its own, mounted by root. */
let postgres: TestPostgres;
let undo: (() => unknown)[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres('degraded-disk');
}, 3 * PATIENCE_MS);
afterAll(() => postgres.stop());
afterEach(async () => {
  for (const one of undo.reverse()) await one();
  undo = [];
});

const LOAD = { perSecond: 20, seconds: 6 };
const BEFORE_MS = 2_000;
const OUTAGE_MS = 2_000;

async function open(name: string, whenFull: 'refuse' | 'drop_bodies'): Promise<{ world: World; disk: SmallDisk }> {
  const disk = mountSmallDisk('64m');
  undo.push(() => {
    disk.remove();
  });
  const server = { journal: { when_full: whenFull } };
  const world = await openWorld(name, { dataDir: disk.folder, server, postgres });
  undo.push(() => world.close());
  return { world, disk };
}

test('failure mode 39: disk full, set to refuse: new requests get a 503 that says so, running streams end well', async () => {
  const { world, disk } = await open('disk-refuse', 'refuse');
  const { statuses, failures, asked, before, within } = await throughOutage(world, {
    load: { name: 'refuse', ...LOAD },
    beforeMs: BEFORE_MS,
    ...diskFull(world, disk, OUTAGE_MS),
    refuses: true,
  });
  expect(failures).toEqual({});
  expect(Object.keys(statuses)).toEqual(['200', '503']);
  for (const { status, received } of asked) {
    if (status === 503) expect(received).toContain('the journal cannot be written: ENOSPC');
  }
  expect(within.filter(({ status }) => status === 503).length).toBe(statuses['503']);
  // What was answered is booked; bodies that came while nothing could be written are lost.
  await expectBooks(world, asked, { captured: (one) => before.includes(one) });
}, 300_000);

test('failure mode 39: disk full, set to drop bodies: clients notice nothing, and every record is there', async () => {
  const { world, disk } = await open('disk-drop', 'drop_bodies');
  const through = await throughOutage(world, {
    load: { name: 'drop', ...LOAD },
    beforeMs: BEFORE_MS,
    ...diskFull(world, disk, OUTAGE_MS),
  });
  expectUnnoticed(through);
  await expectBooks(world, through.asked, { captured: (one) => through.before.includes(one) });
}, 300_000);

test('disk slow: the first slow write is the last that anybody waits for, and nothing is lost', async () => {
  const folder = temporaryFolder();
  undo.push(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  // A disk that is slow to order is made inside of the process (test/support/thread-faults.mjs): 200 ms for each write.
  const faults = new Faults(folder);
  const world = await openWorld('disk-slow', { postgres, env: faults.env, server: { journal: { mode: 'behind' } } });
  undo.push(() => world.close());
  const through = await throughOutage(world, {
    load: { name: 'slow', ...LOAD },
    beforeMs: BEFORE_MS,
    begin: () => {
      faults.begin('disk_slow');
    },
    during: async () => {
      await until('writes wait', async () => (await world.metric('aperture_journal_pending_bytes')) > 0, PATIENCE_MS);
      await pause(OUTAGE_MS);
    },
    end: () => {
      faults.end();
    },
  });
  expectUnnoticed(through);
  await expectBooks(world, through.asked);
  expect(await world.metric('aperture_journal_frames_lost_total')).toBe(0);
}, 300_000);

test('disk corrupt: a start makes records of all that is whole, says what is not, and doubles nothing', async () => {
  const world = await openWorld('disk-corrupt', { postgres });
  undo.push(() => world.close());
  // With the database away, the journal alone has them.
  await world.database.cut();
  const load = steadyLoad(Number(new URL(world.gateway.url).port), { name: 'corrupt', ...LOAD, seconds: 3 });
  const { statuses } = await load.done;
  expect(statuses).toEqual({ 200: load.asked.length });
  await world.restart('kill', async () => {
    const folder = join(world.dataDir, 'journal');
    damage(join(folder, readdirSync(folder).find((name) => name.endsWith('-1.seg')) ?? ''));
    writeFileSync(join(folder, 'journal-7.seg'), 'this was never a segment');
    writeFileSync(join(world.dataDir, 'control-snapshot.json'), '{"torn');
    await world.database.open();
  });
  await until('the past was read', () => world.gateway.output().includes('a journal segment is damaged'), PATIENCE_MS);
  expect(world.gateway.output()).toContain('the local copy of control state is not used');
  await until(
    'a file that is no segment is set aside',
    () => {
      return readdirSync(join(world.dataDir, 'journal')).includes('journal-7.seg.bad');
    },
    PATIENCE_MS,
  );
  const marks = new Set(load.asked.map(({ mark }) => mark));
  const records = await until(
    'records are there',
    async () => {
      const own = (await world.gateway.records(0)).filter(({ user_agent }) => marks.has(user_agent));
      // Each damage takes one frame, and at most one exchange has each of them.
      return own.length >= load.asked.length - DAMAGES ? own : undefined;
    },
    PATIENCE_MS,
  );
  expect(new Set(records.map(({ user_agent }) => user_agent)).size, 'none twice').toBe(records.length);
  const whole = records.filter(({ state, usage_state }) => state === 'complete' && usage_state === 'final');
  expect(whole.length).toBeGreaterThanOrEqual(load.asked.length - DAMAGES);
  await expectBooks(
    world,
    load.asked.filter(({ mark }) => whole.some(({ user_agent }) => user_agent === mark)),
    { captured: () => false },
  );
}, 300_000);

const DAMAGES = 8;
const SEED = 20261125;

/** Flips a byte at some places beyond the head, and cuts the last one off. */
function damage(file: string): void {
  const bytes = readFileSync(file);
  const dice = new Dice(SEED);
  for (let i = 1; i < DAMAGES; i++) {
    const at = dice.between(1_000, bytes.length - 2_000);
    bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  }
  writeFileSync(file, bytes.subarray(0, bytes.length - 1));
}
