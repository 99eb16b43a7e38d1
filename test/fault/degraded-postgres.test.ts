import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { expectBooks, expectUnnoticed, openWorld, throughOutage } from './degraded-world.ts';
import type { World } from './degraded-world.ts';

/** Row "Postgres" of docs/degraded-modes.md: jobs wait in the same database, so the queue is away with it. */
let world: World;

beforeAll(async () => {
  world = await openWorld('degraded-postgres');
});
afterAll(() => world.close());

const LOAD = { perSecond: 30, seconds: 13 };

test('Postgres slow: clients notice nothing, records come late, and all of them', { timeout: 120_000 }, async () => {
  const through = await throughOutage(world, {
    load: { name: 'slow', ...LOAD },
    beforeMs: 3_000,
    begin: () => {
      world.database.slow(100);
    },
    during: async () => {
      await passed(2_000);
      world.postgres.signal('SIGSTOP');
      await passed(4_000);
      world.postgres.signal('SIGCONT');
      await passed(2_000);
    },
    end: () => world.database.open(),
  });
  expectUnnoticed(through);
  await expectBooks(world, through.asked);
});

test(
  'failure mode 43: Postgres down: clients notice nothing, records wait, and all are there afterwards',
  { timeout: 120_000 },
  async () => {
    const through = await throughOutage(world, {
      load: { name: 'down', ...LOAD, seconds: 16 },
      beforeMs: 3_000,
      begin: async () => {
        await world.database.cut();
        await world.postgres.kill();
      },
      during: async () => {
        const untilMs = performance.now() + 10_000;
        await until('metrics say so', async () => (await world.metric('aperture_database_up')) === 0);
        await until('records wait', async () => (await world.metric('aperture_records_waiting')) > 0);
        await until('readiness says so', async () => /^200 ready\ncontrol: last confirmed/.test(await world.readiness()));
        expect((await fetch(`${world.gateway.url}/api/requests`)).status).toBe(503);
        await passed(untilMs - performance.now());
      },
      end: async () => {
        await world.postgres.start();
        await world.database.open();
      },
    });
    expectUnnoticed(through);
    expect(world.gateway.output()).toContain('away or failing; it is tried again');
    await expectBooks(world, through.asked);
  },
);

function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
