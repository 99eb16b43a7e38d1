import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PricingSlice } from '../../src/contract/messages.ts';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { zeroUsage } from '../../src/contract/usage.ts';
import type { ApiCaller } from '../../src/dashboard/messages.ts';
import { chargesOf } from '../../src/dashboard/focus-groups.ts';
import { answer } from '../../src/dashboard/routes.ts';
import { silentLog } from '../../src/lib/log.ts';
import { packageRoot } from '../../src/lib/package-root.ts';
import { tableOf } from '../../src/pricing/overrides.ts';
import { loadPriceTable } from '../../src/pricing/table.ts';
import { showFocus } from '../../src/serve/show-focus.ts';
import { amend } from '../../src/store/amendments.ts';
import { inTransaction } from '../../src/store/database.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { csvTable, parsedCsv } from '../support/csv.ts';
import { idAt } from '../support/ids.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord } from '../support/records.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Yesterday, as the clock has it; the day before is in another month. */
const NOON = Date.UTC(2026, 10, 1, 12);
const clock = { nowMs: () => NOON + DAY };
const admin: ApiCaller = { login: 'root@example.com', role: 'admin', readCaptures: true, filterableHeaders: [] };
const prices = loadPriceTable(join(packageRoot(), 'config', 'prices.json'));
const HOSTILE = '=cmd|\' /C calc\'!A0,"x"';

const terms = (costBasis: string, modelCostMap: { match: string; as: string; adjustment: string }[] = []) => ({
  costBasis,
  compatibility: [],
  modelCostMap,
});
const pricing: PricingSlice = {
  autoCostBasis: true,
  prices: [],
  providers: {
    anthropic: terms('anthropic'),
    google: terms('google'),
    discount: terms('openai', [{ match: '*', as: 'gpt-5-nano', adjustment: '0.01' }]),
  },
};

const OPUS = {
  provider: 'anthropic',
  model: 'claude-opus-4-8',
  model_served: 'claude-opus-4-8',
  cost_basis: 'anthropic/claude-opus-4-8',
};
const SONNET = {
  provider: 'anthropic',
  model: 'claude-sonnet-4-5',
  model_served: null,
  cost_basis: 'anthropic/claude-sonnet-4-5',
};
const PRO = { provider: 'google', model: 'gemini-2.5-pro', model_served: null, cost_basis: 'google/gemini-2.5-pro' };
const NANO = { provider: 'discount', model: 'ours', model_served: null, cost_basis: 'openai/gpt-5-nano' };
const BY_HAND = { input_uncached: 21, cache_read: 18_944, cache_write_5m: 1456, cache_write_1h: 2048, output: 6 };

/** Costs are the worked examples of docs/money.md, worked by hand there. */
const RECORDS = [
  used(OPUS, BY_HAND, '39307000', { received_at: NOON - DAY }),
  used(OPUS, BY_HAND, '39307000', { tags: ['tag:ci'], groups: ['group:dev', 'group:all'] }),
  used(SONNET, { input_uncached: 9870, output: 164 }, '42070000', { server_tools: { web_search: 1 } }),
  used(PRO, { input_uncached: 300_000, output: 1000 }, '382500000', { service_tier: 'batch' }),
  used(NANO, { input_uncached: 1 }, '0'),
  used(NANO, { input_uncached: 3 }, '2'),
  // What no rate explains: corrected below; named by the provider; not known; nothing to be charged at all.
  used({ ...OPUS, provider: 'elsewhere' }, { output: 3 }, '75000', { agent: 'corrected' }),
  used({ provider: 'router', model: HOSTILE, model_served: 'x', cost_basis: 'reported/x' }, { output: 7 }, '5'),
  used({ provider: 'router', model: 'picture', model_served: null, cost_basis: 'reported/picture' }, null, '40000000'),
  used({ provider: 'router', model: 'new', model_served: null, cost_basis: null }, { output: 9 }, null),
  used(OPUS, null, null, { state: 'denied', attempts: [], cost_basis: null }),
  used(OPUS, BY_HAND, '39307000', { login: HOSTILE, received_at: NOON + 5 * HOUR }),
];

function used(
  names: Partial<ExchangeRecord>,
  usage: Partial<ReturnType<typeof zeroUsage>> | null,
  cost: string | null,
  change: Partial<ExchangeRecord> = {},
): ExchangeRecord {
  const received_at = change.received_at ?? NOON;
  return aRecord({
    id: idAt(received_at),
    received_at,
    usage: usage === null ? null : { ...zeroUsage(), ...usage },
    cost_nanodollars: cost,
    server_tools: {},
    service_tier: null,
    groups: [],
    ...names,
    ...change,
  });
}

let postgres: TestPostgres;
let pool: Pool;
beforeAll(async () => {
  postgres = await startTestPostgres('focus');
  ({ pool } = await postgres.migrated());
  await createRecordStore(pool, clock).store(RECORDS);
  const corrected = RECORDS.find(({ agent }) => agent === 'corrected')!;
  const amendment = {
    recordId: corrected.id,
    after: null,
    kind: 'price',
    body: { cost_nanodollars: '76001' },
  } as const;
  await inTransaction(pool, (client) => amend(client, [amendment], NOON));
});
afterAll(() => postgres.stop());

async function ask(
  path: string,
  query: string,
  caller = admin,
): Promise<{ status: number; text: string; headers: Map<string, string> }> {
  const parts = { pool, clock, log: silentLog, prices: (slice: PricingSlice) => tableOf(prices, slice) };
  const { status, headers, body } = await answer(parts, { method: 'GET', path, query, caller, pricing });
  return { status, headers: new Map(headers), text: String(body) };
}

const charges = async (query = ''): Promise<Record<string, string>[]> =>
  csvTable((await ask('/api/usage/focus.csv', query)).text);

/** Dollars as whole nanodollars, by their digits. */
function nano(dollars: string): bigint {
  const [whole = '', fraction = ''] = dollars.split('.');
  if (fraction.length > 9) throw new Error(`${dollars} is no whole number of nanodollars`);
  return BigInt(whole + fraction.padEnd(9, '0'));
}

const sumOf = (rows: readonly Record<string, string>[], column: string): bigint =>
  rows.reduce((sum, row) => sum + nano(row[column] ?? ''), 0n);

interface Usage {
  total: { cost_nanodollars: string; usage: Record<string, number> };
}

describe('sums', () => {
  test.each(['', 'group=login', 'group=tags,groups,agent', 'from=2026-10-31&to=2026-11-01'])(
    'are those of the books, to the nanodollar: %s',
    async (query) => {
      const rows = await charges(query);
      const range = query.startsWith('from') ? query : 'from=2026-10-01&to=2026-11-03';
      const { total } = JSON.parse((await ask('/api/usage', range)).text) as Usage;
      for (const column of ['BilledCost', 'EffectiveCost']) {
        expect(sumOf(rows, column), column).toBe(BigInt(total.cost_nanodollars));
      }
      const consumed = rows
        .filter((row) => row['ConsumedUnit'] === 'Tokens')
        .reduce((sum, row) => sum + Number(row['ConsumedQuantity']), 0);
      expect(consumed).toBe(Object.values(total.usage).reduce((sum, count) => sum + count, 0));
    },
  );
});

test('a busy day is read by the hour, and is the same', async () => {
  const dayMs = Date.UTC(2026, 10, 1);
  const question = { groups: ['agent'] as const, limits: [200_000], most: 100 };
  const read = async (requests: number): Promise<unknown[]> => chargesOf(pool, { dayMs, requests }, question);
  const byTheDay = await read(1);
  expect(byTheDay.length).toBeGreaterThan(5);
  for (const requests of [250_000, 1e9]) {
    const byTheHour = await read(requests);
    expect(byTheHour).toHaveLength(byTheDay.length);
    expect(byTheHour).toEqual(expect.arrayContaining(byTheDay));
  }
});

describe('a charge', () => {
  const of = (rows: Record<string, string>[], kind: string, like: Record<string, string>): Record<string, string>[] =>
    rows.filter(
      (row) => row['x_UsageKind'] === kind && Object.entries(like).every(([name, value]) => row[name] === value),
    );

  test('has the price of the list for each kind of token, and a day and a month', async () => {
    const rows = of(await charges(), 'cache_read', { ChargePeriodStart: '2026-11-01T00:00:00Z' });
    expect(rows).toHaveLength(1);
    // Two exchanges of 18,944 tokens at $0.50 a million.
    expect(rows[0]).toMatchObject({
      BilledCost: '0.018944',
      ListCost: '0.018944',
      ListUnitPrice: '0.5',
      ContractedCost: '0.018944',
      ConsumedQuantity: '37888',
      ConsumedUnit: 'Tokens',
      PricingQuantity: '0.037888',
      PricingUnit: '1000000 Tokens',
      ChargePeriodEnd: '2026-11-02T00:00:00Z',
      BillingPeriodStart: '2026-11-01T00:00:00Z',
      BillingPeriodEnd: '2026-12-01T00:00:00Z',
      ServiceProviderName: 'Anthropic',
      SkuId: 'anthropic/claude-opus-4-8/cache_read',
      SkuPriceId: 'anthropic/claude-opus-4-8/cache_read/standard',
      SkuMeter: 'Cached Input Tokens',
      ResourceId: 'anthropic/claude-opus-4-8',
      Tags: '',
      x_UnitPriceDerived: 'false',
      x_CostUnknown: 'false',
    });
    const [before] = of(await charges(), 'cache_write_1h', { ChargePeriodEnd: '2026-11-01T00:00:00Z' });
    expect(before).toMatchObject({
      BillingPeriodStart: '2026-10-01T00:00:00Z',
      BillingPeriodEnd: '2026-11-01T00:00:00Z',
      ListUnitPrice: '10',
      BilledCost: '0.02048',
    });
  });

  test('knows searches, long contexts, batches, and what was agreed', async () => {
    const rows = await charges();
    expect(of(rows, 'web_search', {})).toMatchObject([
      { ListUnitPrice: '10', PricingQuantity: '0.001', PricingUnit: '1000 Searches', BilledCost: '0.01' },
    ]);
    expect(of(rows, 'output', { x_Provider: 'google' })).toMatchObject([
      { ListUnitPrice: '7.5', BilledCost: '0.0075', SkuPriceId: 'google/gemini-2.5-pro/output/batch-above-200000' },
    ]);
    // A hundredth of $0.05 a million; a half was rounded down and one and a half up.
    expect(of(rows, 'input_uncached', { x_Provider: 'discount' })).toMatchObject([
      {
        ListUnitPrice: '0.05',
        ContractedUnitPrice: '0.0005',
        ListCost: '0.0000002',
        ContractedCost: '0.000000002',
        BilledCost: '0.000000002',
        SkuId: 'openai/gpt-5-nano/input_uncached',
        ResourceName: 'ours',
      },
    ]);
  });

  test('that no rate explains says so, and what is not known is zero and says so', async () => {
    const rows = await charges('group=agent');
    expect(of(rows, 'output', { Tags: '{"aperture/agent":"corrected"}' })).toMatchObject([
      // 76,001 nanodollars for three tokens.
      {
        BilledCost: '0.000076001',
        ListCost: '0.000076001',
        ListUnitPrice: '25.333666666666667',
        x_UnitPriceDerived: 'true',
      },
    ]);
    expect(of(rows, 'tokens', { x_CostBasis: 'reported/x' })).toMatchObject([
      { BilledCost: '0.000000005', ConsumedQuantity: '7', PricingCategory: 'Other', x_UnitPriceDerived: 'true' },
    ]);
    expect(of(rows, 'requests', {})).toMatchObject([
      { BilledCost: '0.04', ListUnitPrice: '0.04', ConsumedQuantity: '1', ConsumedUnit: 'Requests' },
    ]);
    expect(of(rows, 'tokens', { x_Model: 'new' })).toMatchObject([
      { BilledCost: '0', ListUnitPrice: '0', ConsumedQuantity: '9', x_CostUnknown: 'true' },
    ]);
  });

  test('is told apart by what is asked for, and no name begins a formula', async () => {
    const byLogin = await charges('group=login');
    const tagsOf = (rows: Record<string, string>[]): unknown[] =>
      rows.flatMap(({ Tags: text = '' }) => (text === '' ? [] : [JSON.parse(text) as unknown]));
    const tags = tagsOf(byLogin);
    expect(tags).toContainEqual({ 'aperture/login': HOSTILE });
    expect(tags).toContainEqual({ 'aperture/login': 'alice@example.com' });
    const byTags = await charges('group=tags,groups');
    expect(tagsOf(byTags)).toContainEqual({ 'tag:ci': true, 'group:dev': true, 'group:all': true });
    expect(byLogin.find((row) => row['x_CostBasis'] === 'reported/x')).toMatchObject({ x_Model: `'${HOSTILE}` });
  });
});

/**
 * Columns of FOCUS 1.3 for costs and usage as its pages have them: level, type, and whether null is allowed, where charges are
 * "Usage" and no corrections. `null` in values: always null here.
 */
const SPECIFIED: [
  name: string,
  level: 'M' | 'C' | 'R',
  type: 'Decimal' | 'String' | 'Date/Time' | 'JSON',
  nulls: boolean,
][] = [
  ['BilledCost', 'M', 'Decimal', false],
  ['BillingAccountId', 'M', 'String', false],
  ['BillingAccountName', 'M', 'String', true],
  ['BillingCurrency', 'M', 'String', false],
  ['BillingPeriodEnd', 'M', 'Date/Time', false],
  ['BillingPeriodStart', 'M', 'Date/Time', false],
  ['ChargeCategory', 'M', 'String', false],
  ['ChargeClass', 'M', 'String', true],
  ['ChargeDescription', 'M', 'String', true],
  ['ChargeFrequency', 'R', 'String', false],
  ['ChargePeriodEnd', 'M', 'Date/Time', false],
  ['ChargePeriodStart', 'M', 'Date/Time', false],
  ['ConsumedQuantity', 'C', 'Decimal', false],
  ['ConsumedUnit', 'C', 'String', false],
  ['ContractedCost', 'M', 'Decimal', false],
  ['ContractedUnitPrice', 'C', 'Decimal', false],
  ['EffectiveCost', 'M', 'Decimal', false],
  ['HostProviderName', 'M', 'String', false],
  ['InvoiceIssuerName', 'M', 'String', false],
  ['ListCost', 'M', 'Decimal', false],
  ['ListUnitPrice', 'C', 'Decimal', false],
  ['PricingCategory', 'C', 'String', false],
  ['PricingQuantity', 'M', 'Decimal', false],
  ['PricingUnit', 'M', 'String', false],
  ['ProviderName', 'M', 'String', false],
  ['PublisherName', 'M', 'String', false],
  ['ResourceId', 'C', 'String', true],
  ['ResourceName', 'C', 'String', true],
  ['ResourceType', 'C', 'String', true],
  ['ServiceCategory', 'M', 'String', false],
  ['ServiceName', 'M', 'String', false],
  ['ServiceProviderName', 'M', 'String', false],
  ['ServiceSubcategory', 'R', 'String', false],
  ['SkuId', 'C', 'String', false],
  ['SkuMeter', 'C', 'String', false],
  ['SkuPriceDetails', 'C', 'JSON', true],
  ['SkuPriceId', 'C', 'String', false],
  ['Tags', 'C', 'JSON', true],
];
const ALLOWED: Record<string, string[]> = {
  BillingCurrency: ['USD'],
  ChargeCategory: ['Usage'],
  ChargeFrequency: ['Usage-Based'],
  PricingCategory: ['Standard', 'Dynamic', 'Committed', 'Other'],
  ServiceCategory: ['AI and Machine Learning'],
  ServiceSubcategory: ['Generative AI'],
  ChargeClass: [''],
};
const FORMS = {
  Decimal: /^(0|[1-9]\d*)(\.\d+)?$/,
  'Date/Time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
  String: /^(?=.*\S)/s,
  JSON: /^\{.*\}$/s,
};

/** Exact, as whole millionths of a billionth of a billionth. */
function exact(decimal: string): bigint {
  const [whole = '', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(24, '0'));
}

describe('the requirements of FOCUS 1.3', () => {
  test('its columns stand first, ours after them with their prefix', async () => {
    const [head = []] = parsedCsv((await ask('/api/usage/focus.csv', '')).text);
    expect(head.slice(0, SPECIFIED.length)).toEqual(SPECIFIED.map(([name]) => name));
    expect(head.slice(SPECIFIED.length).every((name) => /^x_[A-Z]\w+$/.test(name))).toBe(true);
  });

  test.each(SPECIFIED)('%s', async (name, _level, type, nulls) => {
    const values = (await charges('group=login,tags')).map((row) => row[name] ?? '');
    expect(values.length).toBeGreaterThan(10);
    for (const value of values) {
      if (value !== '') expect(value).toMatch(FORMS[type]);
      else expect(nulls, 'null').toBe(true);
      if (type === 'JSON' && value !== '') {
        const members = Object.values(JSON.parse(value) as object);
        expect(members.every((each) => each === null || ['string', 'number', 'boolean'].includes(typeof each))).toBe(
          true,
        );
      }
    }
    const allowed = ALLOWED[name];
    if (allowed !== undefined) expect(allowed).toEqual(expect.arrayContaining(values));
  });

  test('prices times quantities are costs, periods lie within their months, and a price belongs to one SKU', async () => {
    const rows = await charges();
    const parents = new Map<string, string>();
    for (const row of rows) {
      for (const kind of ['List', 'Contracted']) {
        const product = exact(row[`${kind}UnitPrice`]!) * exact(row['PricingQuantity']!);
        const cost = exact(row[`${kind}Cost`]!) * 10n ** 24n;
        const off = product > cost ? product - cost : cost - product;
        // Exact where it is the list's; what is derived has fifteen digits.
        expect(off < (row['x_UnitPriceDerived'] === 'true' ? 10n ** 36n : 1n), `${kind} ${row['SkuPriceId']!}`).toBe(
          true,
        );
      }
      expect(row['ChargePeriodStart']! >= row['BillingPeriodStart']!).toBe(true);
      expect(row['ChargePeriodEnd']! <= row['BillingPeriodEnd']!).toBe(true);
      const parent = parents.get(row['SkuPriceId']!) ?? row['SkuId']!;
      expect(parent).toBe(row['SkuId']);
      parents.set(row['SkuPriceId']!, parent);
    }
  });
});

test('it is for admins, for a quarter at most, and downloads as a file', async () => {
  const user = { ...admin, login: 'bob@example.com', role: 'user' } as const;
  expect((await ask('/api/usage/focus.csv', '', user)).status).toBe(403);
  expect((await ask('/api/usage/focus.csv', 'group=model')).status).toBe(400);
  expect((await ask('/api/usage/focus.csv', 'from=2026-01-01&to=2026-11-01')).status).toBe(400);
  const { status, headers, text } = await ask('/api/usage/focus.csv', 'from=2025-01-01&to=2025-02-01');
  expect([status, parsedCsv(text).length]).toEqual([200, 1]);
  expect(headers.get('content-type')).toMatch(/^text\/csv/);
  expect(headers.get('content-disposition')).toBe('attachment; filename="aperture-focus-2025-01-01-2025-02-01.csv"');
});

test('aperture usage focus prints days one after the other, as one file', async () => {
  const days: string[] = [];
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
    days.push(searchParams.get('from') ?? '');
    void ask(pathname, searchParams.toString()).then(({ status, text }) => response.writeHead(status).end(text));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const written = { out: '', error: '' };
  const run = (options: Record<string, string>): Promise<number> =>
    showFocus(
      { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ...options },
      {
        write: (text) => {
          written.out += text;
          return Promise.resolve();
        },
        complain: (text) => {
          written.error += text;
        },
      },
      NOON + DAY,
    );
  const range = { from: '2026-10-30', to: '2026-11-02', group: 'login' };
  expect(await run(range)).toBe(0);
  expect(days.map((day) => day.slice(0, 10))).toEqual(['2026-10-30', '2026-10-31', '2026-11-01']);
  expect(csvTable(written.out)).toEqual(await charges('from=2026-10-30&to=2026-11-02&group=login'));
  expect(await run({ from: 'yesterday' })).toBe(1);
  expect(await run({ ...range, group: 'nothing' })).toBe(1);
  expect(written.error).toContain('400');
  server.close();
});
