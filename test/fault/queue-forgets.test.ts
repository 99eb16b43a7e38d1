import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Pool, PoolClient } from 'pg';
import { freePort } from '../../bench/targets.ts';
import { startFlow } from '../flow/support.ts';
import type { Flow } from '../flow/support.ts';
import { databaseUrl, startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { startTestRedis } from '../support/redis.ts';
import type { TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

let postgres: TestPostgres;
let redis: TestRedis;
let pool: Pool;
let flow: Flow;

beforeAll(async () => {
  [postgres, redis] = await Promise.all([
    startTestPostgres('queue-forgets'),
    startTestRedis({ forgets: true, port: await freePort() }),
  ]);
  const database = await postgres.migrated();
  pool = database.pool;
  flow = await startFlow({ env: { DATABASE_URL: databaseUrl(database.address), REDIS_URL: redis.tcpUrl } });
});
afterAll(async () => {
  await flow.close();
  await Promise.all([postgres.stop(), redis.stop()]);
});

/** So many requests, eight at a time; their ids. */
async function requests(count: number): Promise<string[]> {
  const ids: string[] = [];
  let left = count;
  const client = async (): Promise<void> => {
    while (left-- > 0) {
      const response = await flow.ask('openai', { sim: 'output=3', stream: left % 2 === 0 });
      await response.text();
      ids.push(response.headers.get('x-aperture-request-id') ?? '');
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
  return ids;
}

/** What the database has of these, and how many requests it has booked at all. */
async function found(ids: readonly string[]): Promise<{ records: number; captures: number; booked: number }> {
  const { rows } = await pool.query<{ records: number; captures: number; booked: number }>(
    `SELECT (SELECT count(*)::int FROM aperture.records WHERE id = ANY($1)) AS records,
                (SELECT count(*)::int FROM aperture.captures WHERE id = ANY($1)) AS captures,
                (SELECT sum(requests)::int FROM aperture.rollup_hour) AS booked`,
    [ids],
  );
  return rows[0] ?? { records: 0, captures: 0, booked: 0 };
}

/** A connection that lets nobody write to a table until it commits. */
async function lock(table: string): Promise<PoolClient> {
  const blocker = await pool.connect();
  onTestFinished(() => {
    blocker.release(true);
  });
  await blocker.query(
    `BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE aperture.${table} IN EXCLUSIVE MODE`,
  );
  return blocker;
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${flow.gateway.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
}

test(
  'failure mode 10: a Redis that is flushed, and one that is killed and kept nothing, cost no record, without a restart',
  { timeout: 120_000 },
  async () => {
    const ids = await requests(20);
    await until('the first are stored', async () => (await found(ids)).captures === ids.length, 40_000);
    // The database takes nothing for a while, so that the queue has what it is going to lose.
    // One transaction a table: one that waits for the second while it holds the first can meet those of the gateway crosswise.
    const blockers = await Promise.all(['records', 'captures'].map(lock));
    ids.push(...(await requests(80)));
    await until('the queue has the records', async () => (await metric('aperture_records_waiting')) === 0, 40_000);
    await redis.flush();
    ids.push(...(await requests(80)));
    await redis.kill();
    await redis.start();
    ids.push(...(await requests(20)));
    const lostAtMs = performance.now();
    for (const blocker of blockers) await blocker.query('COMMIT');
    const all = { records: ids.length, captures: ids.length, booked: ids.length };
    let last: unknown;
    await until(
      'the books are complete',
      async () => JSON.stringify((last = await found(ids))) === JSON.stringify(all),
      60_000,
    ).catch((error: unknown) => {
      throw new Error(`${JSON.stringify(last)} of ${ids.length}\n${flow.gateway.output()}`, { cause: error });
    });
    const records = await metric('aperture_records_offered_again_total');
    const seconds = ((performance.now() - lostAtMs) / 1000).toFixed(1);
    console.log(`of ${ids.length}: ${records} records offered again; whole after ${seconds} s`);
    expect(records).toBeGreaterThan(30);
    // Captures never pass through the queue.
    expect(await metric('aperture_captures_offered_again_total')).toBe(0);
    expect(await metric('aperture_exchanges_gone_total')).toBe(0);
  },
);
