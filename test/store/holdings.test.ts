import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import type { ResourceNote } from '../../src/contract/resource.ts';
import type { FromApi } from '../../src/dashboard/messages.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { ownOf, whose } from '../../src/store/holdings.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { runApi } from '../../workers/run-api.ts';
import { idAt } from '../support/ids.ts';
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
  ].map((record, at) => ({ ...record, id: idAt(TEST_TIME_MS + at) }));
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

describe('whose anything else is that a provider keeps', () => {
  const file = { kind: 'file', id: 'file-1' } as const;
  const told = (
    login: string,
    at: number,
    op: 'made' | 'deleted',
    more: Partial<ExchangeRecord> & { resource?: Partial<ResourceNote> } = {},
  ): ExchangeRecord => {
    const { resource, ...rest } = more;
    const note: ResourceNote = { op, ...file, at_ms: TEST_TIME_MS + at, ...resource };
    return {
      ...aRecord({ login, api: 'openai_files', provider: 'openai', ...rest }),
      id: idAt(TEST_TIME_MS + at),
      resources: [note],
    };
  };
  const store = createRecordStoreLater();

  test("its maker's, with provider, key and a batch's models; told again and in any order, the same", async () => {
    const resource = { id: 'file-order', models: ['m-1'] };
    const named = { ...file, id: 'file-order' };
    const made = told(ALICE, 1_000, 'made', { resource, key_id: 'key_7', model: '' });
    const deleted = told(ALICE, 2_000, 'deleted', { resource });
    await store([deleted]);
    await store([made]);
    expect(await whose(pool, named, ALICE)).toEqual({ of: 'nobody' });
    await store([
      { ...made, id: idAt(TEST_TIME_MS + 3_000), resources: [{ ...note(made), at_ms: TEST_TIME_MS + 3_000 }] },
    ]);
    const holding = { login: ALICE, provider: 'openai', model: '', keyId: 'key_7', models: ['m-1'] };
    expect(await whose(pool, named, ALICE)).toEqual({ of: 'caller', holding, madeAtMs: TEST_TIME_MS + 3_000 });
    expect(await whose(pool, named, BOB)).toEqual({ of: 'another' });
    await store([made]);
    expect(await whose(pool, named, ALICE)).toEqual({ of: 'caller', holding, madeAtMs: TEST_TIME_MS + 3_000 });
  });

  test('made again by another at the same provider, it is that maker’s; at another provider each has one', async () => {
    const resource = { id: 'chosen' };
    const named = { ...file, id: 'chosen' };
    await store([told(ALICE, 10, 'made', { resource }), told(BOB, 20, 'made', { resource, provider: 'other' })]);
    expect(await whose(pool, named, ALICE)).toMatchObject({ holding: { provider: 'openai' } });
    expect(await whose(pool, named, BOB)).toMatchObject({ holding: { provider: 'other' } });
    await store([told(ALICE, 30, 'deleted', { resource }), told(BOB, 40, 'made', { resource })]);
    expect(await whose(pool, named, ALICE)).toEqual({ of: 'another' });
    await store([told(BOB, 50, 'deleted', { resource })]);
    expect(await whose(pool, named, ALICE), 'what was deleted does not come back').toEqual({ of: 'another' });
    const own = { kind: 'file', ids: ['chosen', 'file-order', 'none'], provider: 'openai' } as const;
    expect(await ownOf(pool, { ...own, ids: [...own.ids], login: ALICE })).toEqual(['file-order']);
    expect(await ownOf(pool, { ...own, ids: [...own.ids], login: BOB })).toEqual([]);
  });

  test('rows of what is long gone are taken away', async () => {
    const old = -40 * 86_400_000;
    await store([
      told(ALICE, old, 'deleted', { resource: { id: 'gone' } }),
      told(ALICE, 60, 'made', { resource: { id: 'expired', expires_at_ms: TEST_TIME_MS + old } }),
    ]);
    await pool.query(`UPDATE aperture.resources SET deleted_at = now() - interval '31 days' WHERE id = 'gone'`);
    await pool.query(`UPDATE aperture.resources SET expires_at = now() - interval '31 days' WHERE id = 'expired'`);
    await store([told(ALICE, 70, 'made', { resource: { id: 'new' } })]);
    const { rows } = await pool.query(`SELECT id FROM aperture.resources WHERE id IN ('gone', 'expired', 'new')`);
    expect(rows).toEqual([{ id: 'new' }]);
  });

  function note({ resources }: ExchangeRecord): ResourceNote {
    const [first] = resources ?? [];
    if (first === undefined) throw new Error('it has a note');
    return first;
  }

  function createRecordStoreLater(): (records: ExchangeRecord[]) => Promise<unknown> {
    return (records) => createRecordStore(pool, systemClock).store(records);
  }
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
