import type { Pool } from 'pg';
import fc from 'fast-check';
import { z } from 'zod';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { BucketClaim, QuotaStore } from '../../src/contract/quota.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { changeOf, mayChange, NO_MARK, SeenBalances } from '../../src/quota/crossings.ts';
import type { Mark } from '../../src/quota/crossings.ts';
import type { FromQuota } from '../../src/quota/messages.ts';
import type { Answer } from '../../src/serve/ask-thread.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { createDeliveryStore } from '../../src/store/deliveries.ts';
import { createQuotaMarks } from '../../src/store/quota-marks.ts';
import { createPostgresQuotaStore } from '../../src/store/quota-postgres.ts';
import { createRedisQuotaStore } from '../../src/store/quota-redis.ts';
import { runQuota } from '../../workers/run-quota.ts';
import type { Quota } from '../../workers/run-quota.ts';
import { aCaller } from '../support/caller.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { startTestRedis } from '../support/redis.ts';
import type { TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const DOLLAR = 1_000_000_000;
const CAPACITY = 10 * DOLLAR;
const BUCKET = 'daily:alice@example.com';
const NAMES = ['daily:<user>', 'org'];

describe('what is told', () => {
  const at = (spent: number): { key: string; capacity: number; balance: number } => ({
    key: BUCKET,
    capacity: 100,
    balance: 100 - spent,
  });

  /** One look after each balance, as a gateway makes them. */
  function toldOf(shares: readonly number[]): number[] {
    const seen = new SeenBalances();
    let mark: Mark = NO_MARK;
    return shares.flatMap((share, index) => {
      const nowMs = index * 1_000;
      seen.note(at(share), nowMs - 1);
      const [noted] = seen.take(1);
      if (noted === undefined || !mayChange(mark, noted, nowMs)) return [];
      const change = changeOf(mark, noted, at(share), nowMs);
      if (change === undefined) return [];
      // Changed right after it was read: longer ago than anything that is seen from now on.
      mark = { told: change.told, version: mark.version + 1, sinceMs: 999.5 };
      return [...change.crossed];
    });
  }

  test.each([
    [[49.9], []],
    [[50], [50]],
    [[10, 60, 60, 79], [50]],
    [
      [0, 130],
      [50, 80, 95, 100],
    ],
    [
      [81, 76, 81],
      [50, 80],
    ],
    [
      [81, 75, 81],
      [50, 80, 80],
    ],
    [
      [100, 95, 96, 100],
      [50, 80, 95, 100, 100],
    ],
    [
      [100, 90, 94, 96],
      [50, 80, 95, 100, 95],
    ],
    [
      [60, 0, 60],
      [50, 50],
    ],
    [
      [99, -3, 51],
      [50, 80, 95, 50],
    ],
  ])('shares of %j are told as %j', (shares, told) => {
    expect(toldOf(shares)).toEqual(told);
  });

  test('any row of balances is told as by a switch for each threshold', () => {
    const shares = fc.array(fc.oneof(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 40, max: 104 })));
    fc.assert(
      fc.property(shares, (row) => {
        const isArmed = new Map([50, 80, 95, 100].map((threshold) => [threshold, true]));
        const expected = row.flatMap((share) =>
          [50, 80, 95, 100].filter((threshold) => {
            if (share <= threshold - 5) isArmed.set(threshold, true);
            if (share < threshold || isArmed.get(threshold) !== true) return false;
            isArmed.set(threshold, false);
            return true;
          }),
        );
        expect(toldOf(row)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('a low from before the last change arms nothing; one from after it does, though it has gone by', () => {
    const seen = new SeenBalances();
    const mark: Mark = { told: 80, version: 4, sinceMs: 500 };
    seen.note(at(30), 1_000);
    seen.note(at(82), 1_100);
    const [noted] = seen.take(9);
    expect(changeOf(mark, noted!, at(82), 1_600)).toBeUndefined();
    expect(changeOf(mark, noted!, at(82), 1_400)).toEqual({ key: BUCKET, told: 80, version: 4, crossed: [50, 80] });
  });

  test('a bucket without capacity has no share', () => {
    const seen = new SeenBalances();
    seen.note({ key: BUCKET, capacity: 0, balance: -5 }, 0);
    expect(seen.size).toBe(0);
  });
});

let redis: TestRedis;
let postgres: TestPostgres;
let database: DatabaseAddress;
let pool: Pool;
beforeAll(async () => {
  [redis, postgres] = await Promise.all([startTestRedis(), startTestPostgres('crossings')]);
  ({ address: database, pool } = await postgres.migrated());
});
afterAll(async () => {
  await Promise.all([redis.stop(), postgres.stop()]);
});

const running: { close(): Promise<void> }[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.close()));
});

interface Gateway {
  quota: Quota;
  close(): Promise<void>;
  /** All that this life has spent in the bucket; resolves when the store knows it. */
  spend(life: string, dollars: number, bucket?: string): Promise<void>;
  refill(dollars: string): Promise<void>;
  told(): number;
  looks(): number;
}

function gateway(where: { redisUrl?: string }, crossingsMs = 20): Gateway {
  const said: FromQuota[] = [];
  const answers: Answer[] = [];
  const quota = runQuota({
    data: { database, redisUrl: where.redisUrl, names: NAMES },
    clock: systemClock,
    log: silentLog,
    crossingsMs,
    post: (message) => {
      if (message.kind === 'answer') answers.push(message);
      else said.push(message);
    },
  });
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= quota.close());
  running.push({ close });
  let asks = 0;
  const looks = (): number[] => said.flatMap((message) => (message.kind === 'crossings' ? [message.told] : []));
  return {
    quota,
    close,
    spend: async (life, dollars, bucket = BUCKET) => {
      // Away or late: said again, it comes to the same.
      await until('the store has answered', async () => {
        const ask = (asks += 1);
        quota.take({ kind: 'claim', ask, life, claims: [claimOf(bucket, Math.round(dollars * DOLLAR))] });
        const answered = await until('the claim is answered', () =>
          said.find((message) => message.kind !== 'crossings' && message.ask === ask),
        );
        return answered.kind === 'claimed';
      });
    },
    refill: async (amount) => {
      const ask = (asks += 1);
      const body = new TextEncoder().encode(JSON.stringify({ bucket: BUCKET, amount }));
      const question = { method: 'POST', path: '/api/quotas/refill', query: '', body, caller: aCaller() };
      quota.take({ kind: 'ask', ask, request: { ...question, role: 'admin', own: [] } });
      const answer = await until('the refill is answered', () => answers.find((each) => each.ask === ask));
      expect(answer.status).toBe(200);
    },
    told: () => looks().reduce((sum, told) => sum + told, 0),
    looks: () => looks().length,
  };
}

function claimOf(key: string, spent: number): BucketClaim {
  const rate = { amount: 0, periodMs: 86_400_000 };
  return { key, capacity: CAPACITY, rate, spent, committed: 0, asked: 0, lease: 0, known: undefined };
}

const Rows = z.array(z.object({ destination: z.string(), kind: z.string(), payload: z.string() }));
const Payload = z.looseObject({ bucket: z.string(), spent_percent: z.number() });

async function outbox(): Promise<z.infer<typeof Rows>> {
  const { rows } = await pool.query(
    'SELECT destination, kind, payload FROM aperture.deliveries ORDER BY id, destination',
  );
  return Rows.parse(rows);
}

/** Thresholds, in the order in which they were told. */
async function told(destination = 'webhooks.siem'): Promise<number[]> {
  const rows = (await outbox()).filter((row) => row.destination === destination);
  return rows.map(({ payload }) => Payload.parse(JSON.parse(payload)).spent_percent);
}

async function toldAre(expected: readonly number[]): Promise<void> {
  await until(`${expected.length} are told`, async () => (await told()).length >= expected.length);
  expect(await told()).toEqual(expected);
}

async function know(...destinations: { name: string; events: string[] }[]): Promise<void> {
  await createDeliveryStore(pool).know(destinations);
}

const SIEM = { name: 'webhooks.siem', events: ['request.closed', 'quota.crossed'] };

async function empty(): Promise<void> {
  await redis.flush();
  await pool.query(
    `TRUNCATE aperture.quota_buckets, aperture.quota_shares, aperture.quota_lives, aperture.quota_since,
              aperture.quota_marks, aperture.deliveries, aperture.delivery_destinations`,
  );
}

describe.each([
  ['Redis', () => ({ redisUrl: redis.url })],
  ['Postgres', () => ({})],
])('with balances in %s', (name, where) => {
  let direct: QuotaStore;
  beforeEach(async () => {
    await empty();
    await know(SIEM, { name: 'webhooks.other', events: ['request.closed'] });
    const onError = (): void => undefined;
    direct =
      name === 'Redis'
        ? createRedisQuotaStore(redis.url, { onError })
        : createPostgresQuotaStore(database, { onError });
    running.push(direct);
  });

  test('each threshold is told once, when it is passed, to those who want to know', async () => {
    const one = gateway(where());
    await one.spend('a', 4.9);
    await one.spend('a', 5);
    await toldAre([50]);
    await one.spend('a', 5);
    await one.spend('a', 7.9);
    await one.spend('a', 9.6);
    await toldAre([50, 80, 95]);
    await one.spend('a', 12.25);
    await toldAre([50, 80, 95, 100]);
    const rows = await outbox();
    expect(new Set(rows.map(({ destination, kind }) => `${destination} ${kind}`))).toEqual(
      new Set(['webhooks.siem quota.crossed']),
    );
    expect(JSON.parse(rows[3]!.payload)).toEqual({
      quota: 'daily:<user>',
      bucket: BUCKET,
      spent_percent: 100,
      balance_nanodollars: '-2250000000',
      capacity_nanodollars: '10000000000',
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    await until('metrics say so', () => one.told() === 4);
  });

  test('what flowed back by less than 5 points is not told again, by more it is', async () => {
    const one = gateway(where());
    await one.spend('a', 8.1);
    await toldAre([50, 80]);
    // Behind the back of the gateway, as time does it: from 81 to 78, and to 81 again.
    await direct.refill(BUCKET, 0.3 * DOLLAR);
    await one.spend('a', 8.1);
    await one.spend('a', 8.4);
    // To 74, and to 81 again. The low is seen in passing, whether or not a look falls into it.
    await direct.refill(BUCKET, 0.7 * DOLLAR);
    await one.spend('a', 8.4);
    await one.spend('a', 9.1);
    await toldAre([50, 80, 80]);
  });

  test('a refill by an admin arms what the balance is below again', async () => {
    const one = gateway(where());
    await one.spend('a', 8.1);
    await toldAre([50, 80]);
    await one.refill('$0.20');
    await one.spend('a', 8.3);
    await toldAre([50, 80, 80]);
    await one.refill('$10');
    await one.spend('a', 13.3);
    await toldAre([50, 80, 80, 50]);
  });

  test('of several gateways that charge one bucket at once, one tells each crossing', async () => {
    const gateways = [gateway(where()), gateway(where()), gateway(where())];
    const rounds = Array.from({ length: 34 }, (_, round) => (round + 1) / 10);
    await Promise.all(
      gateways.map(async (one, at) => {
        for (const dollars of rounds) await one.spend(`life-${at}`, dollars);
      }),
    );
    await toldAre([50, 80, 95, 100]);
    await until('all have looked', () => gateways.every((one) => one.looks() > 0));
    expect(gateways.reduce((sum, one) => sum + one.told(), 0)).toBe(4);
  });

  test('what a process that was killed has not told, the next tells when it says what that had spent', async () => {
    const NEVER_MS = 3_600_000;
    const killed = gateway(where(), NEVER_MS);
    await killed.spend('a', 6);
    await killed.close();
    const next = gateway(where());
    await next.spend('a', 6);
    await toldAre([50]);
    await next.close();
    const third = gateway(where());
    await third.spend('a', 6);
    await third.spend('b', 2.5);
    await toldAre([50, 80]);
  });

  test('without a destination that wants them nothing is written, and a new one is told of what is passed', async () => {
    await know({ name: 'webhooks.other', events: ['request.closed'] });
    const one = gateway(where());
    await one.spend('a', 6);
    await one.spend('a', 6, 'org');
    expect(await outbox()).toEqual([]);
    expect((await createQuotaMarks(pool).read([BUCKET, 'org'])).size).toBe(0);
    await know(SIEM);
    await one.spend('a', 6);
    await one.spend('a', 6, 'org');
    await until('both are told', async () => (await told()).length === 2);
    expect((await outbox()).map(({ payload }) => Payload.parse(JSON.parse(payload)).bucket).sort()).toEqual([
      BUCKET,
      'org',
    ]);
  });

  test('a quota that is defined anew begins anew', async () => {
    const one = gateway(where());
    await one.spend('a', 6);
    await toldAre([50]);
    one.quota.take({ kind: 'definitions', names: ['org'] });
    await until('its mark is gone', async () => (await createQuotaMarks(pool).read([BUCKET])).size === 0);
    one.quota.take({ kind: 'definitions', names: NAMES });
    await one.spend('b', 6);
    await toldAre([50, 50]);
  });

  test('many buckets are looked at in turn', async () => {
    const one = gateway(where());
    const keys = Array.from({ length: 700 }, (_, number) => `daily:user-${number}`);
    for (let at = 0; at < keys.length; at += 100) {
      const claims = keys.slice(at, at + 100).map((key) => claimOf(key, 5 * DOLLAR));
      one.quota.take({ kind: 'claim', ask: 1_000_000 + at, life: 'a', claims });
    }
    await until('all are told', async () => (await told()).length === keys.length);
    const buckets = (await outbox()).map(({ payload }) => Payload.parse(JSON.parse(payload)).bucket);
    expect(new Set(buckets)).toEqual(new Set(keys));
  });
});

test('with the database away and balances in Redis, crossings are told when it is back', async () => {
  await empty();
  await know(SIEM);
  const one = gateway({ redisUrl: redis.url });
  await one.spend('a', 6);
  await toldAre([50]);
  await postgres.kill();
  await one.spend('a', 9.7);
  const looks = one.looks();
  await until('a look was in vain', () => one.looks() > looks);
  await postgres.start();
  await toldAre([50, 80, 95]);
});

test('who decides by a mark that another has changed tells nothing', async () => {
  await empty();
  await know(SIEM);
  const marks = createQuotaMarks(pool);
  const crossed = { quota: 'org', bucket: 'org', spent_percent: 50, at: '', ...amounts() };
  const change = (version: number) => [
    { key: 'org', told: 50, version, events: [{ kind: 'quota.crossed' as const, data: crossed }] },
  ];
  const both = await Promise.all([marks.change(change(0), 1), marks.change(change(0), 1)]);
  expect(both.map((ours) => ours.size).sort()).toEqual([0, 1]);
  expect((await marks.read(['org'])).get('org')).toMatchObject({ told: 50, version: 1 });
  expect((await marks.change(change(0), 1)).size).toBe(0);
  expect((await marks.change(change(2), 1)).size).toBe(0);
  expect((await marks.change(change(1), 1)).size).toBe(1);
  expect(await told()).toEqual([50, 50]);
});

function amounts(): { balance_nanodollars: string; capacity_nanodollars: string } {
  return { balance_nanodollars: '5', capacity_nanodollars: '10' };
}
