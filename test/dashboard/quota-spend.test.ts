import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { QuotaCharge } from '../../src/contract/quota.ts';
import type { ApiCaller } from '../../src/dashboard/messages.ts';
import { SPEND_ITEMS } from '../../src/dashboard/quota-spend.ts';
import { answer } from '../../src/dashboard/routes.ts';
import { silentLog } from '../../src/lib/log.ts';
import { migrate } from '../../src/store/database.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { seeded } from '../protocols/fixtures.ts';
import { idAt } from '../support/ids.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord, TEST_TIME_MS } from '../support/records.ts';

let postgres: TestPostgres;
let pool: Pool;

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const clock = { nowMs: () => TEST_TIME_MS };
const admin: ApiCaller = { login: 'root@example.com', role: 'admin', readCaptures: true, filterableHeaders: [] };
const bob: ApiCaller = { ...admin, login: 'bob@example.com', role: 'user' };

/** Longer than what an index holds; of letters that have four bytes. */
const LONG = `daily:${'𝔞'.repeat(1000)}`;
const BUCKETS = ['daily:alice@example.com', 'daily:bob@example.com', 'team', LONG];

const random = seeded(16);
const below = (limit: number): number => Math.floor(random() * limit);

/** Three days; some are charged to no bucket, some to several, and the team's to whoever comes. */
const records = Array.from({ length: 200 }, () => {
  const received_at = TEST_TIME_MS - below(3 * DAY);
  const charges: QuotaCharge[] = BUCKETS.filter(() => random() < 0.4).map((bucket) => {
    return { bucket, nanodollars: below(2 ** 40) };
  });
  return aRecord({ received_at, id: idAt(TEST_TIME_MS), quota_charges: charges });
});

/** What the API calls a bucket. */
const named = (bucket: string): string => Array.from(bucket).slice(0, 600).join('');

/** Charge by charge. */
function counted(from: number, to: number, unit: number, isTold: (bucket: string) => boolean = () => true): unknown[] {
  const sums = new Map<string, bigint>();
  for (const { received_at, quota_charges } of records) {
    if (received_at < from || received_at >= to) continue;
    for (const { bucket, nanodollars } of quota_charges.filter((charge) => isTold(charge.bucket))) {
      const time = new Date(Math.floor(received_at / unit) * unit).toISOString().replace('.000Z', '.000000Z');
      const key = `${time} ${named(bucket)}`;
      sums.set(key, (sums.get(key) ?? 0n) + BigInt(nanodollars));
    }
  }
  return [...sums]
    .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    .map(([key, sum]) => {
      return { bucket: key.slice(key.indexOf(' ') + 1), time: key.split(' ')[0], nanodollars: sum.toString() };
    });
}

beforeAll(async () => {
  postgres = await startTestPostgres('quota-spend');
  ({ pool } = await postgres.migrated());
  const store = createRecordStore(pool, clock);
  await store.store(records.slice(0, 120));
  // Retried, by several at a time, in other batches: once is once.
  const batches = [records.slice(0, 50), records.slice(40, 160), records.slice(100), records.slice(30).reverse()];
  const stored = await Promise.all(batches.map((batch) => store.store(batch)));
  expect(stored.reduce((sum, { inserted }) => sum + inserted, 120)).toBe(200);
});
afterAll(async () => {
  await postgres.stop();
});

interface Body {
  [field: string]: unknown;
  items: { bucket: string }[];
}

async function ask(
  query: string,
  { caller = admin, own, at = pool }: { caller?: ApiCaller; own?: string[]; at?: Pool } = {},
): Promise<{ status: number; body: Body }> {
  const { status, body } = await answer(
    { pool: at, clock, log: silentLog },
    { method: 'GET', path: '/api/quota-spend', query, caller, ...(own === undefined ? {} : { ownBuckets: own }) },
  );
  return { status, body: JSON.parse(String(body)) };
}

const ALL = 'from=2026-11-20&to=2026-11-24';
const [ALL_FROM, ALL_TO] = [Date.UTC(2026, 10, 20), Date.UTC(2026, 10, 24)];

describe('GET /api/quota-spend', () => {
  test('is what records were charged, once a record, by the hour and by the day', async () => {
    expect(await ask(ALL)).toEqual({
      status: 200,
      body: {
        from: '2026-11-20T00:00:00.000Z',
        to: '2026-11-24T00:00:00.000Z',
        interval: 'hour',
        items: counted(ALL_FROM, ALL_TO, HOUR),
        truncated: false,
      },
    });
    const days = await ask(`${ALL}&interval=day`);
    expect(days.body.items).toEqual(counted(ALL_FROM, ALL_TO, DAY));
    expect(days.body.items.length).toBeGreaterThan(10);
  });

  test('equals SQL over the ledger', async () => {
    const { rows } = await pool.query(
      `SELECT left(charge->>'bucket', 600) AS bucket, sum((charge->>'nanodollars')::bigint)::text AS nanodollars
         FROM aperture.records CROSS JOIN jsonb_array_elements(quota_charges) AS charge
        GROUP BY left(charge->>'bucket', 600)
        ORDER BY left(charge->>'bucket', 600) COLLATE "C"`,
    );
    const { rows: told } = await pool.query(
      'SELECT bucket, sum(nanodollars)::text AS nanodollars FROM aperture.quota_hour GROUP BY 1 ORDER BY 1',
    );
    expect(told).toEqual(rows);
    expect(told).toHaveLength(BUCKETS.length);
  });

  test('without a range: the last 24 hours, widened to whole ones', async () => {
    const { body } = await ask('');
    expect([body['from'], body['to']]).toEqual(['2026-11-22T10:00:00.000Z', '2026-11-23T11:00:00.000Z']);
    expect(body.items).toEqual(counted(Date.UTC(2026, 10, 22, 10), Date.UTC(2026, 10, 23, 11), HOUR));
  });

  test('users see the buckets that their own requests are charged to, whatever they ask for', async () => {
    const own = [BUCKETS[1]!, 'team', 'never-charged'];
    const isOwn = (bucket: string): boolean => own.includes(bucket);
    expect((await ask(ALL, { caller: bob, own })).body.items).toEqual(counted(ALL_FROM, ALL_TO, HOUR, isOwn));
    expect((await ask(ALL, { caller: bob, own: [LONG] })).body.items).toEqual(
      counted(ALL_FROM, ALL_TO, HOUR, (bucket) => bucket === LONG),
    );
    expect((await ask(`${ALL}&bucket=${BUCKETS[0]!}`, { caller: bob, own })).body.items).toEqual([]);
    for (const none of [{ own: [] }, {}]) {
      expect((await ask(ALL, { caller: bob, ...none })).body.items).toEqual([]);
    }
    // An admin's own are no limit.
    expect((await ask(ALL, { own: ['team'] })).body.items).toEqual(counted(ALL_FROM, ALL_TO, HOUR));
  });

  test('one bucket alone', async () => {
    const { body } = await ask(`${ALL}&bucket=team&interval=day`);
    expect(body.items).toEqual(counted(ALL_FROM, ALL_TO, DAY, (bucket) => bucket === 'team'));
  });

  test('more than is told is said to be, and sums beyond the numbers of JavaScript are exact', async () => {
    const { pool: other } = await postgres.migrated();
    await other.query(
      `INSERT INTO aperture.quota_hour SELECT '2026-11-21Z', 'b' || lpad(n::text, 6, '0'), 12345678901234567890123
         FROM generate_series(1, $1::int) AS n`,
      [SPEND_ITEMS + 1],
    );
    const { body } = await ask(ALL, { at: other });
    expect([body.items.length, body['truncated']]).toEqual([SPEND_ITEMS, true]);
    expect(body.items[0]).toEqual({
      bucket: 'b000001',
      time: '2026-11-21T00:00:00.000000Z',
      nanodollars: '12345678901234567890123',
    });
  });

  test('what was charged before the table was there is in it', async () => {
    const { pool: older } = await postgres.migrated();
    await createRecordStore(older, clock).store(records);
    await older.query('DROP TABLE aperture.quota_hour');
    await older.query('DROP INDEX aperture.records_agent, aperture.records_dear');
    await older.query('DELETE FROM aperture.migrations WHERE number = 16');
    expect(await migrate(older)).toEqual([16]);
    expect((await ask(ALL, { at: older })).body.items).toEqual(counted(ALL_FROM, ALL_TO, HOUR));
  });

  test.each([
    ['interval=week', 'interval'],
    ['from=2026-11-23&to=2026-11-22', 'from'],
    ['login=x', 'login'],
  ])('?%s is a 400 that names the parameter', async (query, name) => {
    const { status, body } = await ask(query);
    expect([status, body['error']]).toEqual([400, expect.stringContaining(name)]);
  });
});
