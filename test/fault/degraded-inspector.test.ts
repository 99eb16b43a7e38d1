import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { temporaryFolder } from '../support/gateway.ts';
import { until } from '../support/until.ts';
import { expectBooks, expectUnnoticed, openWorld, PATIENCE_MS, pause, throughOutage } from './degraded-world.ts';
import type { World } from './degraded-world.ts';
import { Faults } from './faults.ts';
import type { Fault } from './faults.ts';

/** Row "inspector" of docs/degraded-modes.md: there is one, and it is the one that fails. */
let world: World;
let faults: Faults;
let folder: string;

beforeAll(async () => {
  folder = temporaryFolder();
  faults = new Faults(folder);
  world = await openWorld('degraded-inspector', { server: { inspectors: 1 }, env: faults.env });
}, 3 * PATIENCE_MS);
afterAll(async () => {
  await world.close();
  rmSync(folder, { recursive: true, force: true });
});

const LOAD = { perSecond: 20, seconds: 6 };

function outage(fault: Fault, during: () => Promise<void>): Parameters<typeof throughOutage>[1] {
  return {
    load: { name: fault, ...LOAD },
    beforeMs: 2_000,
    begin: () => {
      faults.begin(fault);
    },
    during: async () => {
      await during();
      await pause(2_000);
    },
    end: () => {
      faults.end();
    },
  };
}

test(
  'inspector slow: clients notice nothing, and every record comes, with its facts',
  { timeout: 300_000 },
  async () => {
    const through = await throughOutage(
      world,
      outage('inspector_slow', async () => {
        await until(
          'copies wait',
          async () => (await world.metric('aperture_inspector_unread_bytes')) > 0,
          PATIENCE_MS,
        );
      }),
    );
    expectUnnoticed(through);
    await expectBooks(world, through.asked);
  },
);

test('inspector down, again and again: clients notice nothing, and what it held is read again', async () => {
  const before = await world.metric('aperture_inspector_restarts_total');
  const through = await throughOutage(
    world,
    outage('inspector_dies', async () => {
      await until(
        'it died',
        async () => (await world.metric('aperture_inspector_restarts_total')) > before + 1,
        PATIENCE_MS,
      );
    }),
  );
  expectUnnoticed(through);
  expect(world.gateway.output()).toContain('an inspector died; starting another');
  await expectBooks(world, through.asked);
}, 300_000);

test('inspector corrupt: one that says what makes no sense is replaced, and no record is made of it', async () => {
  const restarts = (): Promise<number> => world.metric('aperture_inspector_restarts_total');
  const through = await throughOutage(
    world,
    outage('inspector_odd_kind', async () => {
      for (const fault of ['inspector_odd_kind', 'inspector_no_outcome'] as const) {
        faults.begin(fault);
        const before = await restarts();
        await until('it was replaced', async () => (await restarts()) > before, PATIENCE_MS);
      }
      faults.begin('inspector_no_facts');
      await until('it was noticed', () => world.gateway.output().includes('facts that make no record'), PATIENCE_MS);
    }),
  );
  expectUnnoticed(through);
  expect(world.gateway.output()).toContain('an inspector says what makes no sense');
  await expectBooks(world, through.asked);
}, 300_000);
