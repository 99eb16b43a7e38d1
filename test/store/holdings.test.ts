import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { FromApi } from '../../src/dashboard/messages.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { uuid7 } from '../../src/lib/uuid7.ts';
import { whose } from '../../src/store/holdings.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { runApi } from '../../workers/run-api.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord, TEST_TIME_MS } from '../support/records.ts';
import { until } from '../support/until.ts';

const ALICE = 'alice@example.com';
const BOB = 'bob@example.com';

let postgres: TestPostgres;
let pool: Pool;
let address: Awaited<ReturnType<TestPostgres['migrated']>>['address'];
beforeAll(async () => {
  postgres = await startTestPostgres('holdings');
  ({ pool, address } = await postgres.migrated());
  const made = { api: 'openai_responses', provider: 'openai', model: 'openai/gpt-5' } as const;
  const records = [
    aRecord({ ...made, login: ALICE, response_id: 'resp_1' }),
    aRecord({ ...made, login: ALICE, response_id: 'resp_twice', provider: 'old' }),
    aRecord({ ...made, login: ALICE, response_id: 'resp_twice', provider: 'new' }),
    aRecord({ ...made, login: BOB, response_id: 'resp_twice', provider: 'bobs' }),
    aRecord({ login: BOB, response_id: 'msg_1' }),
  ].map((record, at) => ({ ...record, id: uuid7(TEST_TIME_MS + at) }));
  expect(await createRecordStore(pool, systemClock).store(records)).toEqual({ inserted: records.length, dead: 0 });
});
afterAll(async () => {
  await postgres.stop();
});

describe('whose a stored response is', () => {
  test("its maker's, with the provider and the model as asked", async () => {
    const holding = { login: ALICE, provider: 'openai', model: 'openai/gpt-5' };
    expect(await whose(pool, { kind: 'response', id: 'resp_1' }, ALICE)).toEqual({ of: 'caller', holding });
  });

  test("another's tells nothing but that", async () => {
    expect(await whose(pool, { kind: 'response', id: 'resp_1' }, BOB)).toEqual({ of: 'another' });
  });

  test("the caller's own newest first, where a provider gave an id twice", async () => {
    expect(await whose(pool, { kind: 'response', id: 'resp_twice' }, ALICE)).toMatchObject({
      holding: { provider: 'new' },
    });
    expect(await whose(pool, { kind: 'response', id: 'resp_twice' }, BOB)).toMatchObject({
      holding: { provider: 'bobs' },
    });
  });

  test("nobody's: an id that is not there, another API's, and what only looks like SQL", async () => {
    for (const id of ['resp_2', 'msg_1', "' OR 1=1 --", '']) {
      expect(await whose(pool, { kind: 'response', id: id }, BOB)).toEqual({ of: 'nobody' });
    }
  });
});

test.each([
  ['is there', () => address, { ok: true, value: { of: 'another' } }],
  [
    'is away',
    () => ({ host: '/nonexistent', port: 5432, user: 'x', password: 'x', database: 'x' }),
    { ok: false, fault: { code: 'store_unavailable' } },
  ],
])('the thread answers for a database that %s', async (_, database, outcome) => {
  const told: FromApi[] = [];
  const api = runApi({
    data: { database: database(), logLevel: 'silent' },
    clock: systemClock,
    log: silentLog,
    post: (message) => told.push(message),
  });
  api.take({ kind: 'whose', ask: 7, resource: { kind: 'response', id: 'resp_1' }, login: BOB });
  expect(await until('it is answered', () => told[0])).toMatchObject({ kind: 'whose', ask: 7, outcome });
  await api.close();
});
