import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { connectionOf } from '../../src/store/database.ts';
import { createDeliveryStore } from '../../src/store/deliveries.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { COST, dollars, startQuotaGateways } from '../support/quota-gateways.ts';
import type { QuotaGateways } from '../support/quota-gateways.ts';
import { until } from '../support/until.ts';

/** A request is 5 % of it. */
const CAPACITY = 20 * COST;

let postgres: TestPostgres;
let gateways: QuotaGateways;
let pool: pg.Pool;

beforeAll(async () => {
  postgres = await startTestPostgres('quota-crossings');
  let address: DatabaseAddress | undefined;
  gateways = await startQuotaGateways({
    processes: 2,
    quotas: { team: { capacity: dollars(CAPACITY) } },
    attach: [{ models: '**', quotas: [{ bucket: 'team' }] }],
    postgres: { ...postgres, begun: async () => (address = await postgres.begun()) },
    redis: 'keeps',
  });
  if (address === undefined) throw new Error('the gateways have no database');
  pool = new pg.Pool({ ...connectionOf(address), max: 2 });
});
afterAll(async () => {
  await pool.end();
  await gateways.close();
  await postgres.stop();
});

/**
 * As the deliveries thread notes it of a webhook in the config. Said with each look: a gateway that starts says that its
 * own config has none.
 */
async function wanted(): Promise<void> {
  await createDeliveryStore(pool).know([{ name: 'webhooks.siem', events: ['quota.crossed'] }]);
}

/** One after the other, from both gateways in turn. */
async function spend(requests: number): Promise<void> {
  for (let at = 0; at < requests; at++) {
    expect((await gateways.ask(at % 2)).status).toBe(200);
  }
}

interface Told {
  spent_percent: number;
  bucket: string;
  quota: string;
  balance_nanodollars: string;
  capacity_nanodollars: string;
}

async function outbox(): Promise<Told[]> {
  const { rows } = await pool.query<{ payload: string }>(
    `SELECT payload FROM aperture.deliveries WHERE kind = 'quota.crossed' AND destination = 'webhooks.siem' ORDER BY id`,
  );
  return rows.map(({ payload }) => JSON.parse(payload) as Told);
}

async function toldAre(expected: number[]): Promise<void> {
  const shares = async (): Promise<number[]> => {
    await wanted();
    return (await outbox()).map(({ spent_percent }) => spent_percent);
  };
  await until(`${expected.length} are told`, async () => (await shares()).length >= expected.length, 60_000);
  expect(await shares()).toEqual(expected);
}

test('of two gateways and one kill, each crossing is told once; a refill arms it again', async () => {
  await wanted();
  await spend(12);
  await toldAre([50]);
  await spend(5);
  await gateways.restart(0, 'kill');
  await toldAre([50, 80]);
  // Both at once, until nothing is left.
  await until('all is spent', async () => {
    await Promise.all([gateways.ask(0), gateways.ask(1)]);
    return Number((await gateways.bucket('team')).balance_nanodollars) <= 0;
  });
  await toldAre([50, 80, 95, 100]);
  expect((await outbox())[0]).toMatchObject({
    quota: 'team',
    bucket: 'team',
    capacity_nanodollars: String(CAPACITY),
  });

  const refilled = await fetch(`${gateways.gateway(1).url}/api/quotas/refill`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ bucket: 'team', amount: dollars(2 * CAPACITY) }),
  });
  expect(refilled.status).toBe(200);
  await spend(12);
  await toldAre([50, 80, 95, 100, 50]);
  await until('none waits', async () => (await gateways.metric(1, 'aperture_quota_crossings_waiting')) === 0);
  const told = await Promise.all([0, 1].map((at) => gateways.metric(at, 'aperture_quota_crossings_total')));
  expect(told[0]! + told[1]!).toBeGreaterThanOrEqual(3);
});

test('the door passes on that a client wants CSV', async () => {
  const headers = { accept: 'text/csv' };
  await until('it has been summed', async () => {
    const response = await fetch(`${gateways.gateway(0).url}/api/usage?group=model`, { headers });
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/csv; charset=utf-8; header=present',
    ]);
    return (await response.text()).split('\r\n').length === 3;
  });
});
