import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { FromJobs } from '../../src/records/messages.ts';
import { openPool } from '../../src/store/database.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { runJobs } from '../../workers/run-jobs.ts';
import type { Jobs } from '../../workers/run-jobs.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord, textOf } from '../support/records.ts';
import { startTestRedis } from '../support/redis.ts';
import type { TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

let postgres: TestPostgres;
let redis: TestRedis;
let address: DatabaseAddress;
let reader: Pool;
const running: Jobs[] = [];

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startTestPostgres('jobs'), startTestRedis()]);
});

beforeEach(async () => {
  address = await postgres.database();
  reader = openPool(address, { name: 'test', max: 2, statementMs: 5_000, waitMs: 2_000, onError: () => undefined });
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((jobs) => jobs.close()));
  await reader.end();
});

afterAll(async () => {
  await Promise.all([postgres.stop(), redis.stop()]);
});

interface Thread {
  jobs: Jobs;
  told: FromJobs[];
  accepted: () => number;
  last: <K extends FromJobs['kind']>(kind: K) => Extract<FromJobs, { kind: K }> | undefined;
}

/** Both ends of the thread in one: what it posts is remembered. */
function thread(redisUrl?: string, process = true): Thread {
  const told: FromJobs[] = [];
  const jobs = runJobs({
    data: {
      database: address,
      redisUrl,
      gatewayId: 'gateway-a',
      fromSegment: 0,
      process,
      logLevel: 'silent',
      settings: {
        retention: { keepMs: Number.POSITIVE_INFINITY, captures: true, tools: false, requireExport: false },
        told: [],
      },
    },
    clock: systemClock,
    log: silentLog,
    post: (message) => {
      // As a port would: plain data only.
      told.push(structuredClone(message));
    },
  });
  running.push(jobs);
  return {
    jobs,
    told,
    accepted: () => told.reduce((sum, message) => sum + (message.kind === 'accepted' ? message.ids.length : 0), 0),
    last: (kind) =>
      told.findLast((message): message is Extract<FromJobs, { kind: typeof kind }> => message.kind === kind),
  };
}

function records(count: number): ExchangeRecord[] {
  return Array.from({ length: count }, () => aRecord());
}

async function stored(): Promise<number> {
  const { rows } = await reader.query<{ n: number }>('SELECT count(*)::int AS n FROM aperture.records');
  return rows[0]!.n;
}

const storedOrNone = (): Promise<number> => stored().catch(() => -1);

function killPostgres(): void {
  const pid = readFileSync(join(postgres.embedded.home, 'data', 'postmaster.pid'), 'utf8').split('\n')[0];
  process.kill(Number(pid), 'SIGKILL');
}

/** A database of its own: what one test leaves queued is none of the next one's business. */
let databases = 0;
function freshRedis(): string {
  databases += 1;
  return `${redis.url}?db=${databases}`;
}

describe.each([
  { name: 'Postgres', url: () => undefined },
  { name: 'Redis', url: () => freshRedis() },
])('the jobs thread with its queue on $name', ({ name, url }) => {
  test('stores what it is given, gives credit for it, and tells the watermark', async () => {
    const { jobs, told, accepted, last } = thread(url());
    expect(told[0]).toEqual({ kind: 'ready' });
    const startedMs = performance.now();
    for (let i = 0; i < 40; i += 1) jobs.take({ kind: 'records', records: records(50).map(textOf) });
    await until('all are stored', async () => (await storedOrNone()) === 2_000, 20_000);
    console.log(`${name}: 2,000 records from empty to stored in ${(performance.now() - startedMs).toFixed(0)} ms`);
    expect(accepted()).toBe(2_000);
    await until('the watermark is told', () => last('settled')?.segments[0]?.recordsIn === 2_000);
    const state = await until('the queue is empty', () => {
      const message = last('state');
      return message?.state.jobs?.waiting === 0 ? message.state : undefined;
    });
    expect(state).toEqual({ database: 'up', queue: 'up', jobs: { waiting: 0, delayed: 0 }, deadLetters: 0 });
  });

  test('failure modes 10 and 43: a database that is killed in the middle loses nothing and doubles nothing', async () => {
    const { jobs, accepted } = thread(url());
    const all = records(3_000);
    for (let at = 0; at < all.length; at += 50) {
      jobs.take({ kind: 'records', records: all.slice(at, at + 50).map(textOf) });
      if (at === 1_500) {
        await until('some are stored', async () => (await storedOrNone()) > 0);
        killPostgres();
      }
    }
    await until('all are stored', async () => (await storedOrNone()) === 3_000, 25_000);
    expect(accepted()).toBe(3_000);
    const { rows } = await reader.query(
      `SELECT (SELECT sum(records_in)::int FROM aperture.journal_segments) AS marks,
              (SELECT sum(requests)::int FROM aperture.rollup_hour) AS rollup,
              (SELECT count(DISTINCT id)::int FROM aperture.records) AS ids`,
    );
    expect(rows).toEqual([{ marks: 3_000, rollup: 3_000, ids: 3_000 }]);
  });

  test('a drain hands everything over and says so', async () => {
    const { jobs, accepted, last } = thread(url());
    jobs.take({ kind: 'records', records: records(75).map(textOf) });
    await until('the queue takes jobs', () => accepted() > 0);
    jobs.take({ kind: 'records', records: records(30).map(textOf) });
    jobs.take({ kind: 'drain', withinMs: 5_000 });
    expect(await until('it is drained', () => last('drained'))).toEqual({ kind: 'drained', left: 0 });
    expect(accepted()).toBe(105);
    const late = aRecord();
    jobs.take({ kind: 'records', records: [textOf(late)] });
    expect(last('refused')).toEqual({ kind: 'refused', ids: [late.id] });
  });
});

test('a Redis that is killed and comes back costs no record', async () => {
  const { jobs, accepted, last } = thread(freshRedis());
  jobs.take({ kind: 'records', records: records(500).map(textOf) });
  await until('some are accepted', () => accepted() > 0);
  await redis.kill();
  jobs.take({ kind: 'records', records: records(500).map(textOf) });
  await until('it is told to be down', () => last('state')?.state.queue === 'down');
  expect(last('state')?.state.database).toBe('up');
  await redis.start();
  await until('all are stored', async () => (await storedOrNone()) === 1_000, 20_000);
  await until('it is told to be up', () => last('state')?.state.queue === 'up');
});

test('away at start, both are joined when they come up', async () => {
  const lateRedis = await startTestRedis();
  await lateRedis.kill();
  if ('url' in address) throw new Error('expected a socket');
  const real = address.database;
  address = { ...address, database: 'not_yet' };
  const { jobs, last } = thread(lateRedis.url);
  jobs.take({ kind: 'records', records: records(120).map(textOf) });
  await until(
    'both are told to be down',
    () => last('state')?.state.database === 'down' && last('state')?.state.queue === 'down',
  );
  await lateRedis.start();
  await reader.query(`CREATE DATABASE not_yet`);
  const late = openPool(address, { name: 'test', max: 1, statementMs: 5_000, waitMs: 2_000, onError: () => undefined });
  await until('all are stored', async () => {
    const answer = await late.query<{ n: number }>('SELECT count(*)::int AS n FROM aperture.records').catch(() => null);
    return answer?.rows[0]?.n === 120;
  });
  await until(
    'both are told to be up',
    () => last('state')?.state.database === 'up' && last('state')?.state.queue === 'up',
  );
  await late.end();
  expect(real).not.toBe('not_yet');
  await Promise.all(running.splice(0).map((each) => each.close()));
  await lateRedis.stop();
});

test('a gateway without processors fills the queue, and a worker elsewhere empties it', async () => {
  const url = freshRedis();
  const gateway = thread(url, false);
  gateway.jobs.take({ kind: 'records', records: records(60).map(textOf) });
  await until('the queue has them', () => gateway.accepted() === 60);
  expect(await storedOrNone()).toBeLessThanOrEqual(0);
  thread(url, true);
  await until('all are stored', async () => (await storedOrNone()) === 60);
  await until('the gateway learns of it', () => gateway.last('settled')?.segments[0]?.recordsIn === 60);
});
