import { join } from 'node:path';
import type { Pool } from 'pg';
import { z } from 'zod';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BucketClaim, BucketTerms } from '../../src/contract/quota.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import type { FromQuota, QuotaQuestion } from '../../src/quota/messages.ts';
import type { Answer } from '../../src/serve/ask-thread.ts';
import { QuotaThread } from '../../src/serve/quota-thread.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { runQuota } from '../../workers/run-quota.ts';
import type { Quota } from '../../workers/run-quota.ts';
import { aCaller } from '../support/caller.ts';
import { slowness, stopwatch } from '../support/machine.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { startTestRedis } from '../support/redis.ts';
import type { TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const DAY_MS = 86_400_000;
const DOLLAR = 1_000_000_000;
const NO_DATABASE = { host: '/nonexistent', port: 5432, user: 'x', password: 'x', database: 'x' };
const EMPTY_BODY = (): Uint8Array<ArrayBuffer> => new Uint8Array(0);

let redis: TestRedis;
let postgres: TestPostgres;
let database: DatabaseAddress;
let pool: Pool;
beforeAll(async () => {
  [redis, postgres] = await Promise.all([startTestRedis(), startTestPostgres('quota-thread')]);
  ({ address: database, pool } = await postgres.migrated());
});
afterAll(async () => {
  await Promise.all([redis.stop(), postgres.stop()]);
});

function terms(key: string, dollars = 10): BucketTerms {
  return { key, capacity: dollars * DOLLAR, rate: { amount: 0, periodMs: DAY_MS } };
}

function claimOf(key: string, spent: number, more: Partial<BucketClaim> = {}): BucketClaim {
  return { ...terms(key), spent, committed: 0, asked: 0, lease: 0, known: undefined, ...more };
}

const Listed = z.object({ items: z.array(z.object({ bucket: z.string() })) });

const NAMES = ['daily:<user>', 'org'];

interface Thread {
  quota: Quota;
  claim(claims: readonly BucketClaim[]): Promise<FromQuota>;
  ask(question: Partial<Omit<QuotaQuestion, 'body'>> & { body?: unknown }): Promise<{ status: number; body: unknown }>;
}

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.close()));
});

/** Both ends of the thread in one. */
function thread(where: { redisUrl?: string; database?: DatabaseAddress }, names: string[] = NAMES): Thread {
  const told: FromQuota[] = [];
  const answers: Answer[] = [];
  const quota = runQuota({
    data: { database: where.database ?? NO_DATABASE, redisUrl: where.redisUrl, names },
    clock: systemClock,
    log: silentLog,
    post: (message) => {
      if (message.kind === 'answer') answers.push(message);
      else told.push(structuredClone(message));
    },
  });
  running.push(quota);
  let asks = 0;
  return {
    quota,
    claim: async (claims) => {
      const ask = (asks += 1);
      quota.take({ kind: 'claim', ask, life: 'a', claims });
      return until('the claim is answered', () => told.find((message) => 'ask' in message && message.ask === ask));
    },
    ask: async ({ body, ...question }) => {
      const ask = (asks += 1);
      const request: QuotaQuestion = {
        method: body === undefined ? 'GET' : 'POST',
        path: body === undefined ? '/api/quotas' : '/api/quotas/refill',
        query: '',
        body: body === undefined ? EMPTY_BODY() : new TextEncoder().encode(JSON.stringify(body)),
        caller: aCaller(),
        role: 'admin',
        own: [],
        ...question,
      };
      quota.take({ kind: 'ask', ask, request });
      const answer = await until('the question is answered', () => answers.find((each) => each.ask === ask));
      return { status: answer.status, body: JSON.parse(Buffer.from(answer.body).toString()) };
    },
  };
}

function shown(bucket: string, balance: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    bucket,
    capacity_nanodollars: '10000000000',
    rate: { nanodollars: '0', per_ms: DAY_MS },
    balance_nanodollars: balance,
    held_nanodollars: '0',
    updated_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    ...more,
  };
}

const refused = (status: number, message: RegExp): Record<string, unknown> => ({
  status,
  body: { error: expect.stringMatching(message) },
});

describe.each([
  // What an admin refills is in the audit log, which is in the database.
  ['Redis', () => ({ redisUrl: redis.url, database })],
  ['Postgres', () => ({ database })],
])('the thread, with buckets in %s', (name, where) => {
  let one: Thread;
  beforeEach(async () => {
    if (name === 'Redis') await redis.flush();
    else await pool.query('TRUNCATE aperture.quota_buckets CASCADE');
    one = thread(where());
  });

  test('answers claims', async () => {
    expect(await one.claim([claimOf('daily:a', DOLLAR, { committed: 5 }), claimOf('org', 0)])).toMatchObject({
      kind: 'claimed',
      holdings: [
        { key: 'daily:a', balance: 9 * DOLLAR, held: 5, heldByOthers: 0 },
        { key: 'org', balance: 10 * DOLLAR, held: 0 },
      ],
    });
  });

  test('shows an admin all buckets, in pages', async () => {
    await one.claim([claimOf('daily:b', 1), claimOf('daily:a', 2.5, { committed: 7 }), claimOf('org', 0)]);
    // A fraction that is left is not shown, and what is held is not shown smaller than it is.
    const first = [shown('daily:a', '9999999997', { held_nanodollars: '7' }), shown('daily:b', '9999999999')];
    expect(await one.ask({ query: 'limit=2' })).toEqual({ status: 200, body: { items: first, next: 'daily:b' } });
    const rest = { items: [shown('org', '10000000000')], next: null };
    expect(await one.ask({ query: 'limit=2&after=daily%3Ab' })).toEqual({ status: 200, body: rest });
    expect(await one.ask({ query: 'limit=3' })).toMatchObject({ body: { next: null } });
  });

  test('shows a user their own alone: full where nobody has claimed from it', async () => {
    await one.claim([claimOf('daily:a', 1), claimOf('daily:b', 2), claimOf('org', 3)]);
    const own = [terms('org'), terms('daily:a'), terms('weekly:a', 3)];
    const never = { capacity_nanodollars: '3000000000', updated_at: null };
    const items = [shown('daily:a', '9999999999'), shown('org', '9999999997'), shown('weekly:a', '3000000000', never)];
    expect(await one.ask({ role: 'user', own })).toEqual({ status: 200, body: { items, next: null } });
    const page = { items: items.slice(1, 2), next: 'org' };
    expect(await one.ask({ role: 'user', own, query: 'limit=1&after=daily:a' })).toEqual({ status: 200, body: page });
    expect(await one.ask({ role: 'user', own: [] })).toEqual({ status: 200, body: { items: [], next: null } });
  });

  test('refills for an admin, up to the capacity', async () => {
    await one.claim([claimOf('daily:a', 7 * DOLLAR)]);
    const ask = (amount: string): Promise<unknown> => one.ask({ body: { bucket: 'daily:a', amount } });
    expect(await ask('$1.50')).toEqual({ status: 200, body: shown('daily:a', '4500000000') });
    expect(await ask('$0.000000001')).toEqual({ status: 200, body: shown('daily:a', '4500000001') });
    expect(await ask('$9000000000')).toEqual({ status: 200, body: shown('daily:a', '10000000000') });
  });

  test('says what is wrong with a question', async () => {
    const body = { bucket: 'daily:a', amount: '$1' };
    expect(await one.ask({ role: 'user', body })).toMatchObject(refused(403, /needs admin/));
    expect(await one.ask({ body: { ...body, bucket: 'daily:nobody' } })).toMatchObject(refused(404, /daily:nobody/));
    expect(await one.ask({ body: { ...body, amount: '5' } })).toMatchObject(refused(400, /amount: is not an amount/));
    expect(await one.ask({ body: { ...body, amount: '$0.00' } })).toMatchObject(refused(400, /amount: must be above/));
    expect(await one.ask({ body: { ...body, amount: 5 } })).toMatchObject(refused(400, /amount: must be an amount/));
    expect(await one.ask({ body: { amount: '$1' } })).toMatchObject(refused(400, /bucket: must be/));
    expect(await one.ask({ body: { ...body, more: 1 } })).toMatchObject(refused(400, /more/));
    expect(await one.ask({ body: 5 })).toMatchObject(refused(400, /body/));
    expect(await one.ask({ body, method: 'PUT' })).toMatchObject(refused(405, /takes POST/));
    expect(await one.ask({ method: 'POST' })).toMatchObject(refused(405, /takes GET/));
    expect(await one.ask({ query: 'limit=0' })).toMatchObject(refused(400, /limit/));
    expect(await one.ask({ query: 'before=x' })).toMatchObject(refused(400, /before/));
    expect(await one.ask({ path: '/api/quotas/other' })).toMatchObject(refused(404, /no API/));
  });

  test('deletes buckets when their definition goes, and at its start', async () => {
    const keys = async (): Promise<unknown[]> => {
      const { items } = Listed.parse((await one.ask({})).body);
      return items.map(({ bucket }) => bucket);
    };
    await one.claim([claimOf('daily:a', 1), claimOf('org', 3)]);
    one.quota.take({ kind: 'definitions', names: ['daily:<user>'] });
    await until('the other is gone', async () => (await keys()).length === 1);
    expect(await keys()).toEqual(['daily:a']);
    thread(where(), ['org']);
    await until('all are gone', async () => (await keys()).length === 0);
  });
});

test.each([
  ['Redis', { redisUrl: '/nonexistent/redis.sock' }],
  ['Postgres', {}],
])('with its %s away, each message is answered all the same', async (_, where) => {
  const one = thread(where);
  expect(await one.claim([claimOf('daily:a', 1)])).toMatchObject({ kind: 'failed', why: 'the store does not answer' });
  expect(await one.ask({})).toMatchObject(refused(503, /quotas: the store does not answer/));
  expect(await one.ask({ body: { bucket: 'org', amount: '$1' } })).toMatchObject(refused(503, /quotas/));
});

describe('seen from the main thread', () => {
  const start = (workerData: Record<string, unknown>, names = NAMES): QuotaThread => {
    const file = join(packageRoot(), 'dist/workers/quota.js');
    const one = new QuotaThread({ file, workerData: { logLevel: 'silent', ...workerData }, names, log: silentLog });
    running.push(one);
    return one;
  };
  const question = (): QuotaQuestion => ({
    method: 'GET',
    path: '/api/quotas',
    query: '',
    body: EMPTY_BODY(),
    caller: aCaller(),
    role: 'admin',
    own: [],
  });

  test('claims and questions are answered, and changed definitions heard of', async () => {
    await redis.flush();
    const one = start({ database: NO_DATABASE, redisUrl: redis.url });
    const claims = [claimOf('daily:a', DOLLAR)];
    // A thread that starts on a busy machine answers late; the same claim again is no other.
    const answered = await until('the thread answers', () => one.claim('a', claims));
    expect(answered).toMatchObject([{ key: 'daily:a', balance: 9 * DOLLAR }]);
    const answer = await one.ask(question());
    expect(answer).toMatchObject({ ok: true, value: { status: 200 } });
    one.reconfigure(['org']);
    await until('its bucket is gone', async () => {
      const { ok, ...rest } = await one.ask(question());
      return ok && 'value' in rest && Buffer.from(rest.value.body).toString() === '{"items":[],"next":null}';
    });
  });

  test('a claim is answered in time by a store that stands still, and anew when it goes on', async () => {
    await redis.flush();
    const one = start({ database: NO_DATABASE, redisUrl: redis.url });
    const claims = [claimOf('daily:a', DOLLAR)];
    await until('the thread answers', () => one.claim('a', claims));
    redis.signal('SIGSTOP');
    const watch = stopwatch();
    const answers = await Promise.all([one.claim('a', claims), one.claim('a', claims)]);
    const tookMs = watch.ms();
    watch.stop();
    redis.signal('SIGCONT');
    expect(answers).toEqual([undefined, undefined]);
    expect(tookMs).toBeLessThan(3_000 * slowness());
    const again = await until('it goes on', () => one.claim('a', claims), 20_000);
    expect(again).toMatchObject([{ balance: 9 * DOLLAR }]);
  });

  test('a thread that dies answers what it held', async () => {
    // Without a database it ends as soon as it reads what it was given.
    const one = start({});
    const watch = stopwatch();
    expect(await one.claim('a', [claimOf('daily:a', 1)])).toBeUndefined();
    expect(await one.ask(question())).toMatchObject({ ok: false, fault: { code: 'store_unavailable' } });
    expect(watch.ms()).toBeLessThan(2_400 * slowness());
    watch.stop();
  });
});
