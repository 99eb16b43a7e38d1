import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { IndexedHeader } from '../../src/contract/capture.ts';
import type { ApiCaller } from '../../src/dashboard/messages.ts';
import { answer } from '../../src/dashboard/routes.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createCaptureStore } from '../../src/store/captures.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { idAt } from '../support/ids.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord, TEST_TIME_MS } from '../support/records.ts';

let postgres: TestPostgres;
let pool: Pool;

const clock = { nowMs: () => TEST_TIME_MS };
const MAY = ['x-team', 'x-request-id', 'authorization'];
const alice: ApiCaller = { login: 'alice@example.com', role: 'user', readCaptures: false, filterableHeaders: MAY };
const admin: ApiCaller = { login: 'root@example.com', role: 'admin', readCaptures: true, filterableHeaders: MAY };

const LONG = 'v'.repeat(500);
const HOUR = 3_600_000;
/** Headers of each record, an hour apart, the newest last. */
const INDEXED: { login: string; headers: IndexedHeader[] }[] = [
  { login: 'alice@example.com', headers: [{ side: 'request', name: 'x-team', value: 'Blue' }] },
  { login: 'bob@example.com', headers: [{ side: 'request', name: 'x-team', value: 'Blue' }] },
  { login: 'alice@example.com', headers: [{ side: 'request', name: 'x-team', value: 'red' }] },
  { login: 'alice@example.com', headers: [{ side: 'response', name: 'x-request-id', value: 'req: 7' }] },
  { login: 'bob@example.com', headers: [{ side: 'request', name: 'authorization', value: null }] },
  { login: 'bob@example.com', headers: [{ side: 'request', name: 'x-team', value: LONG.slice(0, 256) }] },
  { login: 'bob@example.com', headers: [] },
];
const records = INDEXED.map(({ login }, index) => {
  const received_at = TEST_TIME_MS - (INDEXED.length - index) * HOUR;
  return aRecord({ received_at, id: idAt(received_at), login });
});

beforeAll(async () => {
  postgres = await startTestPostgres('header-filter');
  ({ pool } = await postgres.migrated());
  await createRecordStore(pool, clock).store(records);
  await createCaptureStore(pool).storeCaptures(
    'gateway-a',
    records.map(({ id, login }, index) => ({
      id,
      login,
      segment: 1,
      requestHeaders: [],
      responseHeaders: [],
      request: null,
      response: null,
      responsePace: null,
      missingFrames: 0,
      indexedHeaders: INDEXED[index]?.headers ?? [],
    })),
  );
});
afterAll(async () => {
  await postgres.stop();
});

async function ask(query: string, caller = admin): Promise<{ status: number; body: Record<string, unknown> }> {
  const { status, body } = await answer(
    { pool, clock, log: silentLog },
    { method: 'GET', path: '/api/requests', query, caller },
  );
  return { status, body: JSON.parse(String(body)) as Record<string, unknown> };
}

/** Which of `records` are listed, newest first, by their places. */
async function listed(header: string, caller = admin, more = ''): Promise<number[]> {
  const { status, body } = await ask(`header=${encodeURIComponent(header)}${more}`, caller);
  expect(status).toBe(200);
  return (body['items'] as { id: string }[]).map(({ id }) => records.findIndex((record) => record.id === id));
}

describe('GET /api/requests?header=', () => {
  test('a value finds the requests that had it, the name in any case, the value as it is', async () => {
    expect(await listed('x-team:Blue')).toEqual([1, 0]);
    expect(await listed('X-Team: Blue')).toEqual([1, 0]);
    expect(await listed('x-team:blue')).toEqual([]);
    expect(await listed('x-request-id:req: 7')).toEqual([3]);
    expect(await listed(`x-team:${LONG}`)).toEqual([5]);
  });

  test('a name alone finds those that had the header, with an indexed value or without', async () => {
    expect(await listed('x-team')).toEqual([5, 2, 1, 0]);
    expect(await listed('authorization')).toEqual([4]);
    expect(await listed('authorization:secret')).toEqual([]);
  });

  test('goes with other filters and with pages; users see their own alone', async () => {
    expect(await listed('x-team:Blue', alice)).toEqual([0]);
    expect(await listed('x-team', admin, '&login=bob@example.com')).toEqual([5, 1]);
    expect(await listed('x-team', admin, `&before=${records[2]?.id ?? ''}`)).toEqual([1, 0]);
    expect(await listed('x-team', admin, `&from=${new Date(TEST_TIME_MS - 5.5 * HOUR).toISOString()}`)).toEqual([5, 2]);
    expect((await ask('header=x-team&limit=3')).body).toMatchObject({ next: records[1]?.id });
  });

  test('needs a grant for that header, of an admin too', async () => {
    for (const caller of [admin, alice]) {
      const some = { ...caller, filterableHeaders: ['x-team'] };
      expect(await ask('header=authorization', some)).toMatchObject({
        status: 403,
        body: { code: 'gateway_forbidden' },
      });
      expect((await ask('header=x-team', { ...caller, filterableHeaders: [] })).status).toBe(403);
    }
  });

  test.each(['', ':blue', 'x team:blue', 'x-te\nam', 'ü'])('what is no header is a 400: %j', async (header) => {
    expect((await ask(`header=${encodeURIComponent(header)}`)).body).toMatchObject({ code: 'gateway_bad_parameter' });
  });
});
