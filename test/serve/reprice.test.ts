import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PricingSlice } from '../../src/contract/messages.ts';
import type { PriceOverride } from '../../src/contract/price.ts';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { zeroUsage } from '../../src/contract/usage.ts';
import { findRequest } from '../../src/dashboard/queries.ts';
import { uuid7Floor } from '../../src/lib/uuid7.ts';
import { tableOf } from '../../src/pricing/overrides.ts';
import { repriceTable } from '../../src/serve/reprice-table.ts';
import { repriceRecords } from '../../src/serve/reprice.ts';
import type { RepriceReport } from '../../src/serve/reprice.ts';
import { openPool } from '../../src/store/database.ts';
import { createRecordStore } from '../../src/store/records.ts';
import type { RecordStore } from '../../src/store/records.ts';
import { table } from '../pricing/support.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord, TEST_TIME_MS } from '../support/records.ts';

let postgres: TestPostgres;
let pool: Pool;
let address: Awaited<ReturnType<TestPostgres['migrated']>>['address'];
let store: RecordStore;

const clock = { nowMs: () => TEST_TIME_MS + 60_000 };

beforeAll(async () => {
  postgres = await startTestPostgres('reprice');
});

afterAll(async () => {
  await postgres.stop();
});

beforeEach(async () => {
  ({ pool, address } = await postgres.migrated());
  store = createRecordStore(pool, clock);
});

/** $0.10 and $0.40 a million: 100 and 400 nanodollars a token. */
const HOUSE: PriceOverride = {
  basis: 'openai',
  model: 'house',
  per_million: { input: '$0.10', output: '$0.40' },
};

function pricingWith(prices: PriceOverride[]): PricingSlice {
  return {
    autoCostBasis: true,
    prices,
    providers: {
      lab: { costBasis: undefined, compatibility: ['openai_chat', 'openai_responses'], modelCostMap: [] },
      router: { costBasis: 'openrouter', compatibility: ['openai_chat'], modelCostMap: [] },
    },
  };
}

function reprice(prices: PriceOverride[], apply: boolean, more: Record<string, string> = {}): Promise<RepriceReport> {
  const pricing = pricingWith(prices);
  const filter = {
    from: uuid7Floor(0),
    to: uuid7Floor(TEST_TIME_MS + 3_600_000),
    model: more['model'],
    provider: more['provider'],
  };
  return repriceRecords({ pool, clock, pricing, table: tableOf(table, pricing), filter, apply });
}

/** 1000 input and 10 output of a model that no list has. */
function unpriced(change: Partial<ExchangeRecord> = {}): ExchangeRecord {
  return aRecord({
    api: 'openai_chat',
    path: '/v1/chat/completions',
    provider: 'lab',
    model: 'lab/house',
    model_served: 'house',
    usage: { ...zeroUsage(), input_uncached: 1000, output: 10 },
    usage_flags: ['clamped:output', 'cost_unknown:model_unknown'],
    server_tools: {},
    service_tier: null,
    cost_nanodollars: null,
    cost_basis: null,
    price_version: null,
    ...change,
  });
}
const HOUSE_COST = 1000n * 100n + 10n * 400n;

interface Books {
  ledger: string;
  rollup: string;
  unknown: number;
  amendments: number;
}

/** The ledger's own sum, by SQL that knows nothing of ours: the last word on each record's cost. */
async function books(): Promise<Books> {
  const { rows } = await pool.query<Books>(`
    SELECT (SELECT coalesce(sum(coalesce(
        (SELECT (body ->> 'cost_nanodollars')::numeric FROM aperture.amendments
          WHERE record_id = records.id ORDER BY id DESC LIMIT 1), cost_nanodollars)), 0)::text
        FROM aperture.records) AS ledger,
      (SELECT coalesce(sum(cost_nanodollars), 0)::text FROM aperture.rollup_hour) AS rollup,
      (SELECT coalesce(sum(cost_unknown), 0)::int FROM aperture.rollup_hour) AS unknown,
      (SELECT count(*)::int FROM aperture.amendments) AS amendments`);
  return rows[0]!;
}

describe('pricing stored records again', () => {
  test('says what would change and writes nothing; with apply books it once, roll-ups too', async () => {
    const priced = unpriced({ model: 'gpt-5', model_served: 'gpt-5', usage_flags: [] });
    // By hand: 1000 x 1250 + 10 x 10,000.
    const right = { ...priced, cost_nanodollars: '1350000', cost_basis: 'openai/gpt-5', price_version: 'x' };
    const [one, two] = [unpriced(), unpriced()];
    await store.store([one, two, right, aRecord({ provider: 'lab', state: 'denied', usage: null, attempts: [] })]);
    const untouched = await books();

    const dry = await reprice([HOUSE], false);
    expect(dry.total).toEqual({
      records: 4,
      changed: 2,
      unknownBefore: 2,
      unknownAfter: 0,
      before: 1_350_000n + 12_345_678n,
      after: 1_350_000n + 12_345_678n + 2n * HOUSE_COST,
    });
    expect(dry.models.get('lab/house')).toEqual({
      records: 2,
      changed: 2,
      unknownBefore: 2,
      unknownAfter: 0,
      before: 0n,
      after: 2n * HOUSE_COST,
    });
    expect(await books()).toEqual(untouched);

    const applied = await reprice([HOUSE], true);
    expect(applied.total).toEqual(dry.total);
    const booked = String(1_350_000n + 12_345_678n + 2n * HOUSE_COST);
    expect(await books()).toEqual({ ledger: booked, rollup: booked, unknown: 0, amendments: 2 });
    expect(await findRequest(pool, one.id, undefined)).toMatchObject({
      cost_nanodollars: String(HOUSE_COST),
      cost_basis: 'openai/house',
      price_version: expect.stringMatching(/^2026-.*\+[0-9a-f]{8}$/),
      usage_flags: ['clamped:output'],
      usage: one.usage,
      booked: { cost_nanodollars: null, usage_flags: ['clamped:output', 'cost_unknown:model_unknown'] },
      amendments: [{ kind: 'price' }],
    });

    expect((await reprice([HOUSE], true)).total).toMatchObject({ changed: 0, unknownBefore: 0 });
    expect((await books()).amendments).toBe(2);
  });

  test('by a price that is gone again makes the cost unknown again, never zero', async () => {
    const record = unpriced();
    await store.store([record]);
    await reprice([HOUSE], true);
    await reprice([{ ...HOUSE, per_million: { input: '1', output: '1' } }], true);
    expect(await books()).toMatchObject({ ledger: String(1_010_000n), rollup: String(1_010_000n), unknown: 0 });
    expect((await reprice([], true)).total).toMatchObject({ changed: 1, unknownAfter: 1, after: 0n });
    expect(await findRequest(pool, record.id, undefined)).toMatchObject({
      cost_nanodollars: null,
      cost_basis: null,
      price_version: null,
      usage_flags: ['clamped:output', 'cost_unknown:model_unknown'],
    });
    expect(await books()).toMatchObject({ rollup: '0', unknown: 1, amendments: 3 });
  });

  test('keeps the sum that the provider named, also in rows that have it as their cost only', async () => {
    const reported = { cost_nanodollars: '777', cost_basis: 'reported/house', price_version: 'reported' };
    const change = { provider: 'router', model: 'house', usage_flags: [], ...reported };
    await store.store([
      unpriced({ ...change, reported_cost_nanodollars: '777' }),
      unpriced(change),
      // It was not the cost while a price was known.
      unpriced({ model: 'house', reported_cost_nanodollars: '555', cost_nanodollars: '1', cost_basis: 'openai/house' }),
    ]);
    const { total } = await reprice([], true);
    expect(total).toMatchObject({ changed: 1, unknownAfter: 0, after: 777n + 777n + 555n });
    expect(await books()).toMatchObject({ ledger: '2109', rollup: '2109' });
  });

  test('leaves alone what it cannot price: a provider that is gone, usage that was cut', async () => {
    const known = { cost_nanodollars: '5', cost_basis: 'openai/house' };
    await store.store([
      unpriced({ provider: 'gone', ...known }),
      unpriced({ usage_flags: ['usage_detail_cut'], ...known }),
    ]);
    const report = await reprice([HOUSE], true);
    expect(report.total).toMatchObject({ changed: 0, before: 10n, after: 10n });
    expect([...report.impossible.values()]).toEqual([1, 1]);
    expect(repriceTable(report)).toContain('1 record left as booked: the provider is not in the config');
  });

  test('only of a model, of a provider, of a time', async () => {
    const early = TEST_TIME_MS - 86_400_000;
    await store.store([
      unpriced(),
      unpriced({ model: 'house' }),
      unpriced({ received_at: early, id: uuid7Floor(early) }),
    ]);
    expect((await reprice([HOUSE], false, { model: 'house' })).total.records).toBe(1);
    expect((await reprice([HOUSE], false, { provider: 'router' })).total.records).toBe(0);
    const pricing = pricingWith([HOUSE]);
    const filter = {
      from: uuid7Floor(early),
      to: uuid7Floor(TEST_TIME_MS - 1),
      model: undefined,
      provider: undefined,
    };
    const parts = { pool, clock, pricing, table: tableOf(table, pricing), filter };
    expect((await repriceRecords({ ...parts, apply: true })).total).toMatchObject({ records: 1, changed: 1 });
  });
});

describe('failure mode 10: repricing and the ledger', () => {
  const many = (count: number): ExchangeRecord[] => Array.from({ length: count }, () => unpriced());

  test('a run that breaks in the middle leaves whole pages, and the next one ends the work', async () => {
    const records = many(2_300);
    for (let at = 0; at < records.length; at += 500) await store.store(records.slice(at, at + 500));
    const ordered = records.map(({ id }) => id).sort();
    await pool.query(`
      CREATE FUNCTION aperture.break() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$;
      CREATE TRIGGER break BEFORE INSERT ON aperture.amendments FOR EACH ROW
        WHEN (NEW.record_id = '${ordered[1_500]!}') EXECUTE FUNCTION aperture.break()`);
    await expect(reprice([HOUSE], true)).rejects.toThrow('broken');
    const half = String(1_000n * HOUSE_COST);
    expect(await books()).toEqual({ ledger: half, rollup: half, unknown: 1_300, amendments: 1_000 });
    await pool.query('DROP TRIGGER break ON aperture.amendments');
    expect((await reprice([HOUSE], true)).total).toMatchObject({ records: 2_300, changed: 1_300 });
    const all = String(2_300n * HOUSE_COST);
    expect(await books()).toEqual({ ledger: all, rollup: all, unknown: 0, amendments: 2_300 });
  });

  test('two runs at once, while records and late usage are stored, book each change once', async () => {
    const first = many(1_200);
    for (let at = 0; at < first.length; at += 400) await store.store(first.slice(at, at + 400));
    const made = Array.from({ length: 80 }, (_, at) =>
      unpriced({
        api: 'openai_responses',
        path: '/v1/responses',
        response_id: `resp_${at}_x`,
        usage: null,
        usage_state: 'absent',
      }),
    );
    const told = made.map(({ response_id }) =>
      unpriced({
        api: 'openai_responses',
        path: `/v1/responses/${response_id!}`,
        usage: null,
        usage_state: 'absent',
        late_usage: {
          response_id: response_id!,
          model_served: 'house',
          usage: { ...zeroUsage(), input_uncached: 1000, output: 10 },
          usage_detail: {},
          usage_flags: ['cost_unknown:model_unknown'],
          server_tools: {},
          service_tier: null,
          cost_nanodollars: null,
          cost_basis: null,
          price_version: null,
        },
      }),
    );
    const writers = openPool(address, {
      name: 'test',
      max: 4,
      statementMs: 20_000,
      waitMs: 20_000,
      onError: () => undefined,
    });
    const other = createRecordStore(writers, clock);
    const batches = Array.from({ length: 16 }, (_, at) => [
      ...made.slice(at * 5, at * 5 + 5),
      ...told.slice(80 - at * 5 - 5, 80 - at * 5),
    ]);
    const [a, b] = await Promise.all([
      reprice([HOUSE], true),
      reprice([HOUSE], true),
      ...batches.map((batch) => other.store(batch)),
    ]);
    await writers.end();
    // What came late after its page was read is for the next run.
    const rest = await reprice([HOUSE], true);
    expect(a.total.changed + b.total.changed + rest.total.changed).toBe(1_280);
    const all = String(1_280n * HOUSE_COST);
    // The polls have no usage and no cost of their own.
    expect(await books()).toMatchObject({ ledger: all, rollup: all, unknown: 80 });
    expect((await reprice([HOUSE], true)).total.changed).toBe(0);
  });
});

test('the table has the dearest change first, and says what was done', async () => {
  await store.store([unpriced(), unpriced(), unpriced({ model: 'house\u001b[31m' })]);
  const text = repriceTable(await reprice([HOUSE], false));
  expect(text.split('\n').slice(2)).toEqual([
    'model       records  changed  unknown before  unknown after  cost before  cost after  difference',
    '──────────  ───────  ───────  ──────────────  ─────────────  ───────────  ──────────  ──────────',
    'lab/house         2        2               2              0    $0.000000   $0.000208  +$0.000208',
    'house□[31m        1        1               1              0    $0.000000   $0.000104  +$0.000104',
    '──────────  ───────  ───────  ──────────────  ─────────────  ───────────  ──────────  ──────────',
    'total             3        3               3              0    $0.000000   $0.000312  +$0.000312',
    '',
    'Nothing was written; with --apply, 3 records would be amended.',
  ]);
});
