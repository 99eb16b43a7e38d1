import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import {
  asSuperuser,
  expectBooks,
  expectUnnoticed,
  openWorld,
  OWNER,
  PATIENCE_MS,
  pause,
  throughOutage,
} from './degraded-world.ts';
import type { World } from './degraded-world.ts';
import { databaseDown } from './outages.ts';

/** Row "Postgres" of docs/degraded-modes.md: jobs wait in the same database, so the queue is away with it. */
const BASE = 'degraded_postgres';
let world: World;

beforeAll(async () => {
  world = await openWorld(BASE);
}, 3 * PATIENCE_MS);
afterAll(() => world.close());

const LOAD = { perSecond: 20, seconds: 8 };
const BEFORE_MS = 2_000;
/** A minute in degraded.long.test.ts. */
const OUTAGE_MS = 4_000;

test('Postgres slow: clients notice nothing, records come late, and all of them', { timeout: 300_000 }, async () => {
  const through = await throughOutage(world, {
    load: { name: 'slow', ...LOAD },
    beforeMs: BEFORE_MS,
    begin: () => {
      world.database.slow(100);
    },
    during: async () => {
      await pause(1_000);
      world.postgres.signal('SIGSTOP');
      await pause(2_000);
      world.postgres.signal('SIGCONT');
      await pause(1_000);
    },
    end: () => world.database.open(),
  });
  expectUnnoticed(through);
  await expectBooks(world, through.asked);
});

test(
  'failure mode 43: Postgres down: clients notice nothing, records wait, and all are there afterwards',
  { timeout: 300_000 },
  async () => {
    const through = await throughOutage(world, {
      load: { name: 'down', ...LOAD },
      beforeMs: BEFORE_MS,
      ...databaseDown(world, OUTAGE_MS),
    });
    expectUnnoticed(through);
    expect(world.gateway.output()).toContain('away or failing; it is tried again');
    await expectBooks(world, through.asked);
  },
);

test(
  'Postgres corrupt: what is missing is waited for, and what a restored backup lacks comes back from the journal',
  { timeout: 300_000 },
  async () => {
    const through = await throughOutage(world, {
      load: { name: 'corrupt', ...LOAD, seconds: 13 },
      beforeMs: BEFORE_MS,
      begin: backUp,
      during: async () => {
        await without(
          'ALTER TABLE aperture.records RENAME TO records_gone',
          'ALTER TABLE aperture.records_gone RENAME TO records',
        );
        await without(
          `REVOKE INSERT ON aperture.records, aperture.captures, aperture.blobs FROM ${OWNER}`,
          `GRANT INSERT ON aperture.records, aperture.captures, aperture.blobs TO ${OWNER}`,
        );
        const { name, bound } = await todaysPartition();
        await without(
          `ALTER TABLE aperture.records DETACH PARTITION ${name}`,
          `ALTER TABLE aperture.records ATTACH PARTITION ${name} ${bound}`,
        );
        expect(await deadRecords(), 'records given up').toBe(0);
      },
      end: restore,
    });
    expectUnnoticed(through);
    // What came after the restore is whole at once: nothing is left out because it was stored before.
    const restoredAtMs = Math.max(...through.within.map(({ dueAtMs }) => dueAtMs));
    await expectBooks(
      world,
      through.asked.filter(({ dueAtMs }) => dueAtMs > restoredAtMs),
    );
    // What the backup lacks and the journal still has is there after the next start.
    await world.restart('stop');
    await expectBooks(world, through.asked);
  },
);

/** The database as it is now, to be restored later. */
async function backUp(): Promise<void> {
  await unused(`CREATE DATABASE backup TEMPLATE ${BASE} OWNER ${OWNER}`);
}

async function restore(): Promise<void> {
  await unused(`DROP DATABASE ${BASE}`, `ALTER DATABASE backup RENAME TO ${BASE}`);
}

/** Runs statements while nobody is connected. */
async function unused(...statements: string[]): Promise<void> {
  await world.database.cut();
  await asSuperuser(world.postgres.embedded, 'postgres', async (client) => {
    await until(
      'nobody is connected',
      async () => {
        await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [BASE]);
        const { rowCount } = await client.query('SELECT FROM pg_stat_activity WHERE datname = $1', [BASE]);
        return rowCount === 0;
      },
      PATIENCE_MS,
    );
    for (const statement of statements) await client.query(statement);
  });
  await world.database.open();
}

/** The database lacks something for a while. */
async function without(taken: string, given: string): Promise<void> {
  await asSuperuser(world.postgres.embedded, BASE, async (client) => {
    await client.query(taken);
    await pause(1_000);
    await client.query(given);
    await pause(500);
  });
}

/** Records lie by the month. */
async function todaysPartition(): Promise<{ name: string; bound: string }> {
  const name = `aperture.records_${new Date().toISOString().slice(0, 7).replace('-', '')}`;
  const bound = await asSuperuser(world.postgres.embedded, BASE, async (client) => {
    const { rows } = await client.query<{ bound: string }>(
      'SELECT pg_get_expr(relpartbound, oid) AS bound FROM pg_class WHERE oid = $1::regclass',
      [name],
    );
    return rows[0]?.bound ?? '';
  });
  return { name, bound };
}

function deadRecords(): Promise<number> {
  return asSuperuser(world.postgres.embedded, BASE, async (client) => {
    const { rows } = await client.query<{ count: number }>('SELECT count(*)::int AS count FROM aperture.dead_letters');
    return rows[0]?.count ?? 0;
  });
}
