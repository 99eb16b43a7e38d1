import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { expectBooks, expectUnnoticed, openWorld, throughOutage } from './degraded-world.ts';
import type { World } from './degraded-world.ts';
import { bothDown, databaseDown, diskFull, queueDown } from './outages.ts';
import { mountSmallDisk } from './small-disk.ts';

/** A minute each, under load: what docs/degraded-modes.md promises of an outage does not depend on how long it lasts. */
const OUTAGE_MS = 60_000;
const BEFORE_MS = 10_000;
const LOAD = { perSecond: 60, seconds: 80 };
/** The captures of five thousand exchanges, and the backoff of jobs that failed for a minute. */
const BOOKS_WITHIN_MS = 300_000;

let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres('degraded-long');
});
afterAll(() => postgres.stop());

test.each([
  ['postgres', false, databaseDown],
  ['redis', true, queueDown],
  ['both', true, bothDown],
] as const)('a minute without %s', async (name, redis, outageOf) => {
  const world: World = await openWorld(`minute-${name}`, { redis, postgres });
  try {
    const through = await throughOutage(world, {
      load: { name, ...LOAD },
      beforeMs: BEFORE_MS,
      ...outageOf(world, OUTAGE_MS),
    });
    expectUnnoticed(through);
    await expectBooks(world, through.asked, { withinMs: BOOKS_WITHIN_MS });
  } finally {
    await world.close();
  }
});

test.each(['refuse', 'drop_bodies'] as const)('a minute with the disk full, set to %s', async (whenFull) => {
  const disk = mountSmallDisk('256m');
  const server = { journal: { when_full: whenFull } };
  const world = await openWorld(`minute-${whenFull}`, { dataDir: disk.folder, server, postgres });
  try {
    const through = await throughOutage(world, {
      load: { name: whenFull, ...LOAD },
      beforeMs: BEFORE_MS,
      ...diskFull(world, disk, OUTAGE_MS),
      refuses: whenFull === 'refuse',
    });
    if (whenFull === 'refuse') expect(through.failures).toEqual({});
    else expectUnnoticed(through);
    await expectBooks(world, through.asked, { withinMs: BOOKS_WITHIN_MS, captured: () => false });
  } finally {
    await world.close();
    disk.remove();
  }
});
