import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../support/until.ts';
import { expectBooks, expectUnnoticed, openWorld, PATIENCE_MS, pause, throughOutage } from './degraded-world.ts';
import type { World } from './degraded-world.ts';
import { bothDown, queueDown } from './outages.ts';

/** Row "Redis" of docs/degraded-modes.md: the queue is on a Redis of its own, and the database is well. */
let world: World;

beforeAll(async () => {
  world = await openWorld('degraded-redis', { redis: true });
}, 3 * PATIENCE_MS);
afterAll(() => world.close());

const LOAD = { perSecond: 20, seconds: 8 };
const BEFORE_MS = 2_000;
/** A minute in degraded.long.test.ts. */
const OUTAGE_MS = 4_000;

test('Redis slow, stopped, and gone without a word: clients notice nothing, and no record is lost', async () => {
  const { redis, queue } = parts();
  const through = await throughOutage(world, {
    load: { name: 'slow', ...LOAD, seconds: 12 },
    beforeMs: BEFORE_MS,
    begin: () => {
      queue.slow(100);
    },
    during: async () => {
      await pause(1_000);
      redis.signal('SIGSTOP');
      await pause(3_000);
      redis.signal('SIGCONT');
      await queue.open();
      // Connections of now are dead, and nobody says so to either end.
      queue.lose();
      const waiting = (): Promise<number> => world.metric('aperture_records_waiting');
      await until('records wait', async () => (await waiting()) > LOAD.perSecond / 2, PATIENCE_MS);
      await until('the gateway goes on by itself', async () => (await waiting()) < 5, PATIENCE_MS);
    },
    end: () => queue.open(),
  });
  expectUnnoticed(through);
  await expectBooks(world, through.asked);
}, 300_000);

test('Redis down: clients notice nothing, records wait, and all are there afterwards', async () => {
  const through = await throughOutage(world, {
    load: { name: 'down', ...LOAD },
    beforeMs: BEFORE_MS,
    ...queueDown(world, OUTAGE_MS),
  });
  expectUnnoticed(through);
  await expectBooks(world, through.asked);
}, 300_000);

test('failure mode 39: Redis and Postgres down: clients notice nothing, and all is there afterwards', async () => {
  const through = await throughOutage(world, {
    load: { name: 'both', ...LOAD },
    beforeMs: BEFORE_MS,
    ...bothDown(world, OUTAGE_MS),
  });
  expectUnnoticed(through);
  await expectBooks(world, through.asked);
}, 300_000);

test('Redis corrupt: foreign jobs hold up none of ours, and what it forgot comes back from the journal', async () => {
  const { redis } = parts();
  const client = new Redis(redis.url);
  try {
    const through = await throughOutage(world, {
      load: { name: 'corrupt', ...LOAD, seconds: 10 },
      beforeMs: BEFORE_MS,
      begin: async () => {
        await addForeignJobs(client);
        // A key of ours is something else: nothing can be added until somebody takes it away.
        await until(
          'the queue is empty',
          async () => (await client.exists('aperture:records:wait')) === 0,
          PATIENCE_MS,
        );
        await client.set('aperture:records:wait', 'not a list');
      },
      during: async () => {
        await until('records wait', async () => (await world.metric('aperture_records_waiting')) > 20, PATIENCE_MS);
        await client.del('aperture:records:wait');
        // Jobs pile up in Redis, which then forgets them.
        await world.database.cut();
        await until('jobs wait', async () => (await client.llen('aperture:records:wait')) > 2, PATIENCE_MS);
        await client.flushall();
        await pause(1_000);
        await world.database.open();
      },
      end: () => undefined,
    });
    expectUnnoticed(through);
    await world.restart('stop');
    await expectBooks(world, through.asked);
  } finally {
    client.disconnect();
  }
}, 300_000);

function parts(): { redis: NonNullable<World['redis']>; queue: NonNullable<World['queue']> } {
  const { redis, queue } = world;
  if (redis === undefined || queue === undefined) throw new Error('this world has a Redis');
  return { redis, queue };
}

/** As another program would, or a build of ours that is not yet written. */
async function addForeignJobs(client: Redis): Promise<void> {
  for (const [id, data] of [
    ['foreign-1', '{"hello":"world"}'],
    ['foreign-2', 'not JSON'],
    ['foreign-3', '{"v":99,"records":[]}'],
  ] as const) {
    await client.hset(`aperture:records:${id}`, {
      name: 'foreign',
      data,
      opts: '{}',
      timestamp: String(Date.now()),
      delay: '0',
      priority: '0',
    });
    await client.lpush('aperture:records:wait', id);
  }
  expect(await client.llen('aperture:records:wait')).toBeGreaterThan(0);
}
