import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiCaller } from '../../src/dashboard/messages.ts';
import { answer } from '../../src/dashboard/routes.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createDeliveryStore, enqueueDeliveries } from '../../src/store/deliveries.ts';
import { createExportStore } from '../../src/store/exports.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord } from '../support/records.ts';

let postgres: TestPostgres;
let pool: Pool;

const admin: ApiCaller = { login: 'root@example.com', role: 'admin', readCaptures: true, filterableHeaders: [] };
const user: ApiCaller = { ...admin, role: 'user' };

beforeAll(async () => {
  postgres = await startTestPostgres('destinations');
  ({ pool } = await postgres.migrated());
});
afterAll(() => postgres.stop());

async function ask(caller = admin): Promise<{ status: number; body: Record<string, unknown> }> {
  const parts = { pool, clock: systemClock, log: silentLog };
  const { status, body } = await answer(parts, { method: 'GET', path: '/api/destinations', query: '', caller });
  return { status, body: JSON.parse(String(body)) as Record<string, unknown> };
}

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/) as string;

test('each destination says what was sent, what waits and since when, what died and why', async () => {
  expect((await ask()).body).toEqual({ destinations: [], exporter: null, counted_at_most: 100_000 });
  const store = createDeliveryStore(pool);
  await store.know([
    { name: 'webhooks.siem', events: ['request.closed'] },
    { name: 'webhooks.quiet', events: ['kill_switch'] },
  ]);
  const tell = (count: number) =>
    enqueueDeliveries(
      pool,
      Array.from({ length: count }, () => ({ destination: 'webhooks.siem', kind: 'request.closed', payload: '{}' })),
      Date.now(),
    );
  await tell(7);
  await store.due(['webhooks.siem']);
  // Two delivered, one long ago; one dead; the first of the four others has failed twice.
  await pool.query(
    `UPDATE aperture.deliveries SET state = 'delivered', finished_at = now() - (sequence - 1) * interval '2 days'
      WHERE sequence <= 2`,
  );
  await pool.query(
    `UPDATE aperture.deliveries SET state = 'dead', finished_at = now(), last_error = 'answered 422' WHERE sequence = 3`,
  );
  const { body } = await ask();
  const told = {
    name: 'webhooks.siem',
    events: ['request.closed'],
    last_sequence: 7,
    failures: 0,
    paused_until: null,
    waiting: 4,
    oldest_waiting_at: TIME,
    oldest_attempts: 0,
    delivered_24h: 1,
    last_delivered_at: TIME,
    dead: 1,
    last_error: 'answered 422',
  };
  const quiet = {
    name: 'webhooks.quiet',
    events: ['kill_switch'],
    last_sequence: 0,
    failures: 0,
    paused_until: null,
    waiting: 0,
    oldest_waiting_at: null,
    oldest_attempts: null,
    delivered_24h: 0,
    last_delivered_at: null,
    dead: 0,
    last_error: null,
  };
  expect(body['destinations']).toEqual([quiet, told]);

  await pool.query(`UPDATE aperture.deliveries SET attempts = 2, last_error = 'answered 503' WHERE sequence = 4`);
  await pool.query(
    `UPDATE aperture.delivery_destinations SET failures = 2, open_until = now() + interval '1 minute'
      WHERE name = 'webhooks.siem'`,
  );
  const { rows } = await pool.query<{ at: Date }>(
    'SELECT created_at AS at FROM aperture.deliveries WHERE sequence = 4',
  );
  const [, failing] = (await ask()).body['destinations'] as Record<string, unknown>[];
  expect(failing).toEqual({
    ...told,
    failures: 2,
    paused_until: TIME,
    oldest_attempts: 2,
    last_error: 'answered 503',
  });
  expect(new Date(String(failing?.['oldest_waiting_at'])).getTime()).toBe(rows[0]?.at.getTime());
});

test('the export says what waits for it', async () => {
  await createExportStore(pool).begin();
  await createRecordStore(pool, systemClock).store([aRecord(), aRecord()]);
  const { body } = await ask();
  expect(body['exporter']).toEqual({
    last_export_at: null,
    last_number: 0,
    backfilled: true,
    waiting_records: 2,
    oldest_waiting_at: TIME,
    running: false,
  });
});

test('users are not told', async () => {
  expect((await ask(user)).status).toBe(403);
});
