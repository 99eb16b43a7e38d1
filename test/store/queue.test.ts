import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openQueue, processQueue } from '../../src/store/queue.ts';
import type { QueueAddress, JobQueue } from '../../src/store/queue.ts';
import { slowness, stopwatch } from '../support/machine.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { startTestRedis } from '../support/redis.ts';
import type { TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

let postgres: TestPostgres;
let redis: TestRedis;
const closing: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startTestPostgres('queue'), startTestRedis()]);
});

afterEach(async () => {
  await Promise.all(closing.splice(0).map((each) => each.close()));
});

afterAll(async () => {
  await Promise.all([postgres.stop(), redis.stop()]);
});

let errors = 0;
const onError = (): void => {
  errors += 1;
};

const buried: unknown[] = [];
const bury = (data: unknown): Promise<void> => {
  buried.push(data);
  return Promise.resolve();
};

function open(address: QueueAddress): JobQueue {
  const queue = openQueue('records', address, { onError });
  closing.push(queue);
  return queue;
}

/** Processes what comes, and remembers the records. */
function work(address: QueueAddress, process: (records: readonly unknown[]) => Promise<void>): void {
  closing.push(processQueue('records', address, process, { onError, bury }));
}

function textsOf(batches: unknown[][]): string[][] {
  return batches.map((batch) => batch.map((each) => JSON.stringify(each)));
}

async function addWhenOpen(queue: JobQueue, batches: unknown[][]): Promise<void> {
  await until('the queue takes jobs', () =>
    queue.add(textsOf(batches)).then(
      () => true,
      () => false,
    ),
  );
}

interface Backend {
  name: string;
  address(): Promise<QueueAddress>;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

let redisDatabases = 0;
const backends: Backend[] = [
  {
    name: 'Redis',
    address: () => Promise.resolve({ kind: 'redis', url: `${redis.url}?db=${(redisDatabases += 1)}` }),
    kill: () => redis.kill(),
    restart: () => redis.start(),
  },
  {
    name: 'Postgres',
    address: async () => ({ kind: 'postgres', database: await postgres.database() }),
    kill: () => {
      const pid = readFileSync(join(postgres.embedded.home, 'data', 'postmaster.pid'), 'utf8').split('\n')[0];
      process.kill(Number(pid), 'SIGKILL');
      return Promise.resolve();
    },
    // It is watched over, and comes back by itself.
    restart: () => Promise.resolve(),
  },
];

describe.each(backends)('the queue on $name', (backend) => {
  test('hands each batch to a processor, whole and once', async () => {
    const address = await backend.address();
    const queue = open(address);
    const seen: unknown[] = [];
    work(address, (records) => {
      seen.push(...records);
      return Promise.resolve();
    });
    await addWhenOpen(queue, [[{ n: 1 }, { n: 2 }], [{ n: 3, text: 'zero \u0000, half \ud800' }]]);
    await until('all are processed', () => seen.length >= 3);
    expect(seen).toHaveLength(3);
    expect(seen).toEqual(expect.arrayContaining([{ n: 1 }, { n: 2 }, { n: 3, text: 'zero \ufffd, half \ufffd' }]));
    await until('no job is kept', async () => (await queue.depth()).waiting === 0);
    expect(await queue.depth()).toEqual({ waiting: 0, delayed: 0 });
  });

  test('gives a job again until it is done', async () => {
    const address = await backend.address();
    const queue = open(address);
    let attempts = 0;
    work(address, () => {
      attempts += 1;
      return attempts < 3 ? Promise.reject(new Error('not yet')) : Promise.resolve();
    });
    await addWhenOpen(queue, [[{ n: 1 }]]);
    await until('the third attempt', () => attempts === 3);
    await until('the job is gone', async () => (await queue.depth()).waiting === 0);
  });

  test('that is killed rejects at once, and goes on when it is back, with what it was given', async () => {
    const address = await backend.address();
    const queue = open(address);
    await addWhenOpen(queue, [[{ n: 'before' }]]);
    await backend.kill();
    await until(
      'it is known to be away',
      () =>
        queue.add(textsOf([[{ n: 'lost' }]])).then(
          () => false,
          () => true,
        ),
      6_000 * slowness(),
    );
    const watch = stopwatch();
    await queue.add(textsOf([[{ n: 'lost' }]])).catch(() => undefined);
    expect(watch.ms()).toBeLessThan(1_500 * slowness());
    watch.stop();
    await backend.restart();
    await addWhenOpen(queue, [[{ n: 'after' }]]);
    const seen = new Set<unknown>();
    work(address, (records) => {
      for (const record of records) seen.add(JSON.stringify(record));
      return Promise.resolve();
    });
    await until('both are processed', () => seen.has('{"n":"before"}') && seen.has('{"n":"after"}'));
  });

  test('a processor goes on after its queue was killed, and does not spin meanwhile', async () => {
    const address = await backend.address();
    const queue = open(address);
    const seen: unknown[] = [];
    work(address, (records) => {
      seen.push(...records);
      return Promise.resolve();
    });
    await addWhenOpen(queue, [['first']]);
    await until('the first is processed', () => seen.includes('first'));
    errors = 0;
    await backend.kill();
    const killedMs = performance.now();
    await backend.restart();
    await addWhenOpen(queue, [['second']]);
    await until('the second is processed', () => seen.includes('second'), 20_000);
    const seconds = (performance.now() - killedMs) / 1000;
    console.log(`${backend.name}: ${errors} errors reported in ${seconds.toFixed(1)} s after a kill`);
    // What was under way at the kill fails at once, however soon the queue is back: an outage counts as a second at least.
    expect(errors / Math.max(1, seconds)).toBeLessThan(100);
  });
});

test('a queue that is away at start is joined when it comes up', async () => {
  const late = await startTestRedis();
  await late.kill();
  const address: QueueAddress = { kind: 'redis', url: late.url };
  const queue = open(address);
  const seen: unknown[] = [];
  work(address, (records) => {
    seen.push(...records);
    return Promise.resolve();
  });
  await expect(queue.add(textsOf([['too early']]))).rejects.toThrow(/away/);
  await late.start();
  await addWhenOpen(queue, [['in time']]);
  await until('it is processed', () => seen.length > 0);
  expect(seen).toEqual(['in time']);
  await Promise.all(closing.splice(0).map((each) => each.close()));
  await late.stop();
});

test('closing what never opened ends soon', async () => {
  const address: QueueAddress = { kind: 'redis', url: '/nonexistent/redis.sock' };
  const queue = openQueue('records', address, { onError });
  const processor = processQueue('records', address, () => Promise.resolve(), { onError, bury });
  const watch = stopwatch();
  await Promise.all([queue.close(), processor.close()]);
  expect(watch.ms()).toBeLessThan(7_000 * slowness());
  watch.stop();
});

test('while Postgres stays away, a processor asks now and then, and does not spin', async () => {
  const own = await startTestPostgres('queue-away');
  const address: QueueAddress = { kind: 'postgres', database: await own.database() };
  const queue = open(address);
  const seen: unknown[] = [];
  work(address, (records) => {
    seen.push(...records);
    return Promise.resolve();
  });
  await addWhenOpen(queue, [['first']]);
  await until('the first is processed', () => seen.includes('first'));
  // Gives up watching over the server, which clients still use.
  await own.kill();
  errors = 0;
  const fromMs = performance.now();
  await until('two seconds have passed', () => performance.now() - fromMs > 2_000);
  console.log(`Postgres away: ${errors} errors in 2 s`);
  expect(errors).toBeLessThan(200);
  await Promise.all(closing.splice(0).map((each) => each.close()));
  await own.stop();
});
