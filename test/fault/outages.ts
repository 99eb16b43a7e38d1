import { expect } from 'vitest';
import { until } from '../support/until.ts';
import { PATIENCE_MS, pause } from './degraded-world.ts';
import type { Outage, World } from './degraded-world.ts';
import type { SmallDisk } from './small-disk.ts';

type Broken = Pick<Outage, 'begin' | 'during' | 'end'>;

/** The server dies; its port refuses. An operator sees it in metrics, readiness and the log. */
export function databaseDown(world: World, forMs: number): Broken {
  return {
    begin: async () => {
      await world.database.cut();
      await world.postgres.kill();
    },
    during: async () => {
      const untilMs = performance.now() + forMs;
      await until('metrics say so', async () => (await world.metric('aperture_database_up')) === 0, PATIENCE_MS);
      await until(
        'readiness says so',
        async () => /^200 ready\ncontrol: last confirmed/.test(await world.readiness()),
        PATIENCE_MS,
      );
      expect((await fetch(`${world.gateway.url}/api/requests`)).status).toBe(503);
      await pause(untilMs - performance.now());
    },
    end: async () => {
      await world.postgres.start();
      await world.database.open();
    },
  };
}

export function queueDown({ redis, queue, ...world }: World, forMs: number): Broken {
  if (redis === undefined || queue === undefined) throw new Error('this world has no Redis');
  return {
    begin: async () => {
      await queue.cut();
      await redis.kill();
    },
    during: async () => {
      const untilMs = performance.now() + forMs;
      await until('metrics say so', async () => (await world.metric('aperture_queue_up')) === 0, PATIENCE_MS);
      await until('records wait', async () => (await world.metric('aperture_records_waiting')) > 0, PATIENCE_MS);
      expect(await world.readiness()).toMatch(/^200 ready/);
      await pause(untilMs - performance.now());
    },
    end: async () => {
      await redis.start();
      await queue.open();
    },
  };
}

export function bothDown(world: World, forMs: number): Broken {
  const database = databaseDown(world, forMs);
  const queue = queueDown(world, forMs);
  return {
    begin: async () => {
      await Promise.all([database.begin(), queue.begin()]);
    },
    during: async () => {
      await Promise.all([database.during(), queue.during()]);
    },
    end: async () => {
      await Promise.all([database.end(), queue.end()]);
    },
  };
}

/** Not a byte more fits on the disk with the journal and all else of the data directory. */
export function diskFull(world: World, disk: SmallDisk, forMs: number): Broken {
  return {
    begin: () => {
      disk.fill();
    },
    during: async () => {
      const untilMs = performance.now() + forMs;
      await until(
        'readiness says so',
        async () => /^503 .*journal: cannot be written/s.test(await world.readiness()),
        PATIENCE_MS,
      );
      expect(await world.metric('aperture_journal_strict')).toBe(0);
      await pause(untilMs - performance.now());
    },
    end: async () => {
      disk.free();
      await until('it is ready again', async () => (await world.readiness()).startsWith('200 ready'), PATIENCE_MS);
    },
  };
}
