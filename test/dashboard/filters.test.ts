import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import type { ApiCaller } from '../../src/dashboard/messages.ts';
import { answer } from '../../src/dashboard/routes.ts';
import { silentLog } from '../../src/lib/log.ts';
import { uuid7Floor } from '../../src/lib/uuid7.ts';
import { amend } from '../../src/store/amendments.ts';
import { inTransaction } from '../../src/store/database.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { seeded } from '../protocols/fixtures.ts';
import { idAt } from '../support/ids.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord, TEST_TIME_MS } from '../support/records.ts';

let postgres: TestPostgres;
let pool: Pool;

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const clock = { nowMs: () => TEST_TIME_MS };
const ALICE = 'alice@example.com';
const alice: ApiCaller = { login: ALICE, role: 'user', readCaptures: false, filterableHeaders: [] };
const admin: ApiCaller = { ...alice, login: 'root@example.com', role: 'admin' };

const random = seeded(20_261_128);
const oneOf = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!;

/** Two weeks, the newest last. Somebody changes teams in the middle; the agent `rare` and the tool `Rare` were seen once. */
const COUNT = 300;
const records = Array.from({ length: COUNT }, (_, index) => {
  const received_at = TEST_TIME_MS - (COUNT - index) * HOUR;
  const login = oneOf([ALICE, 'bob@example.com', 'carol@example.com']);
  const groups = { [ALICE]: [], 'bob@example.com': ['group:dev', 'group:ops'] }[login] ?? [
    index < COUNT / 2 ? 'group:dev' : 'group:sales',
  ];
  const openai = random() < 0.5;
  const tools = index === 40 ? ['Rare', 'Read'] : oneOf([[], ['Read'], ['Bash', 'Read', 'Read']]);
  return aRecord({
    received_at,
    id: idAt(received_at),
    login,
    groups,
    agent: index === 70 ? 'rare' : oneOf(['claude-code', 'codex']),
    model: openai ? 'gpt-5' : 'claude-sonnet-4-5',
    provider: openai ? 'openai' : 'anthropic',
    api: openai ? 'openai_chat' : 'anthropic_messages',
    status: random() < 0.2 ? 529 : 200,
    session_id: `s-${Math.floor(index / 6)}-${login}`,
    cost_nanodollars: random() < 0.1 ? null : String(Math.floor(random() * 1000) * 1_000_000),
    tool_calls: tools.map((name, at) => ({ id: `call-${index}-${at}`, name, arguments: '{}', bytes: 2 })),
  });
});

/** What some of them cost by what was learned later, by their places: the last of two words, more, less, known, unknown. */
const AMENDED: [number, string | null][] = [
  [10, '5000000000'],
  [11, '1'],
  [12, '9000000000'],
  [12, '7'],
  [13, null],
  [14, '800000000'],
];
const costOf = (record: ExchangeRecord): bigint | null => {
  const place = records.indexOf(record);
  const last = AMENDED.findLast(([at]) => at === place);
  const text = last === undefined ? record.cost_nanodollars : last[1];
  return text === null ? null : BigInt(text);
};
const callsTool = (name: string) => (record: ExchangeRecord) => record.tool_calls.some((call) => call.name === name);
const isDearer = (least: bigint) => (record: ExchangeRecord) => (costOf(record) ?? -1n) >= least;

beforeAll(async () => {
  postgres = await startTestPostgres('filters');
  ({ pool } = await postgres.migrated());
  expect(await createRecordStore(pool, clock).store(records)).toEqual({ inserted: COUNT, dead: 0 });
  let after: string | null = null;
  for (const [place, cost_nanodollars] of AMENDED) {
    const amendment = { recordId: records[place]!.id, after, kind: 'price', body: { cost_nanodollars } } as const;
    await inTransaction(pool, (client) => amend(client, [amendment], TEST_TIME_MS));
    const { rows } = await pool.query<{ id: string }>('SELECT id FROM aperture.amendments ORDER BY id DESC LIMIT 1');
    after = rows[0]!.id;
  }
});
afterAll(async () => {
  await postgres.stop();
});

interface Body {
  items: Record<string, unknown>[];
  next: string | null;
  total: Record<string, unknown>;
  error: string;
}

async function get(path: string, caller = admin): Promise<{ status: number; body: Body; text: string }> {
  const [where = '', query = ''] = path.split('?');
  const { status, body } = await answer({ pool, clock, log: silentLog }, { method: 'GET', path: where, query, caller });
  const text = String(body);
  return { status, text, body: text.startsWith('{') ? JSON.parse(text) : {} };
}

/** A filter in words of the API, and what it says of a record. */
type Filter = [query: string, holds: (record: ExchangeRecord) => boolean];

const ABOUT: Filter[] = [
  ['login=bob@example.com', ({ login }) => login === 'bob@example.com'],
  ['member_of=group:dev', ({ groups }) => groups.includes('group:dev')],
  ['member_of=group:sales', ({ groups }) => groups.includes('group:sales')],
  ['member_of=group', () => false],
  ['model=gpt-5', ({ model }) => model === 'gpt-5'],
  ['provider=anthropic', ({ provider }) => provider === 'anthropic'],
  ['agent=codex', ({ agent }) => agent === 'codex'],
  ['agent=rare', ({ agent }) => agent === 'rare'],
  ['api=openai_chat', ({ api }) => api === 'openai_chat'],
  ['status=529', ({ status }) => status === 529],
  [
    'member_of=group:dev&agent=codex&status=200&model=gpt-5',
    ({ groups, agent, status, model }) =>
      groups.includes('group:dev') && agent === 'codex' && status === 200 && model === 'gpt-5',
  ],
  ["agent='; DROP TABLE aperture.records; --", () => false],
];

const newestOf = (records_: readonly ExchangeRecord[]): string[] => records_.map(({ id }) => id).reverse();

describe('GET /api/requests', () => {
  const afterMiddle = records[COUNT / 2]!.id;
  const FILTERS: Filter[] = [
    ...ABOUT,
    ['tool=Read', callsTool('Read')],
    ['tool=Rare', callsTool('Rare')],
    ['tool=read', () => false],
    ['tool=Bash&login=alice@example.com', (record) => callsTool('Bash')(record) && record.login === ALICE],
    ['min_cost_nanodollars=0', (record) => costOf(record) !== null],
    ['min_cost_nanodollars=700000000', isDearer(700_000_000n)],
    ['min_cost_nanodollars=5000000000', isDearer(5_000_000_000n)],
    ['min_cost_nanodollars=999999999999999999', () => false],
    [
      'min_cost_nanodollars=500000000&tool=Read&member_of=group:dev',
      (record) => isDearer(500_000_000n)(record) && callsTool('Read')(record) && record.groups.includes('group:dev'),
    ],
    [`after=${afterMiddle}`, ({ id }) => id > afterMiddle],
    [`after=${afterMiddle}&tool=Bash`, (record) => record.id > afterMiddle && callsTool('Bash')(record)],
    [`after=${afterMiddle}&agent=rare`, () => false],
    [
      `after=${records[20]!.id}&before=${afterMiddle}&min_cost_nanodollars=300000000`,
      (record) => record.id > records[20]!.id && record.id < afterMiddle && isDearer(300_000_000n)(record),
    ],
  ];

  test.each(FILTERS)('?%s selects exactly what it says, newest first, in pages too', async (query, holds) => {
    const expected = newestOf(records.filter(holds));
    const whole = await get(`/api/requests?limit=1000&${query}`);
    expect(whole.body.items.map(({ id }) => id)).toEqual(expected);
    expect(whole.body.next).toBeNull();
    // A page that is not the first has the same conditions and one more.
    if (expected.length < 60 || query.includes('before=')) return;
    const seen: unknown[] = [];
    for (let before = ''; ;) {
      const { body } = await get(`/api/requests?limit=60&${query}${before}`);
      seen.push(...body.items.map(({ id }) => id));
      if (body.next === null) break;
      before = `&before=${body.next}`;
    }
    expect(seen).toEqual(expected);
  });

  test.each(FILTERS)('?%s shows users their own alone', async (query, holds) => {
    const { body } = await get(`/api/requests?limit=1000&${query}`, alice);
    const own = records.filter((record) => record.login === ALICE && holds(record));
    expect(body.items.map(({ id }) => id)).toEqual(newestOf(own));
  });

  test('the cost that is asked for is the one that is shown', async () => {
    const { body } = await get('/api/requests?limit=1000&min_cost_nanodollars=400000000');
    expect(body.items.length).toBeGreaterThan(100);
    for (const { cost_nanodollars } of body.items)
      expect(BigInt(String(cost_nanodollars))).toBeGreaterThanOrEqual(400_000_000n);
    expect(body.items.map(({ id }) => id)).toContain(records[10]!.id);
    expect(body.items.map(({ id }) => id)).not.toContain(records[12]!.id);
  });

  test('a live tail asks for what is newer than the newest that it has, and gets it once', async () => {
    const { pool: other } = await postgres.migrated();
    const store = createRecordStore(other, clock);
    const ask = async (query: string): Promise<string[]> => {
      const request = { method: 'GET', path: '/api/requests', query, caller: admin };
      const { body } = await answer({ pool: other, clock, log: silentLog }, request);
      return (JSON.parse(String(body)) as Body).items.map(({ id }) => String(id));
    };
    await store.store(records.slice(0, 10));
    const [newest = ''] = await ask('limit=1');
    expect(await ask(`after=${newest}`)).toEqual([]);
    await store.store(records.slice(10, 14));
    expect(await ask(`after=${newest}`)).toEqual(newestOf(records.slice(10, 14)));
    // More than a page: the newest of it, from which pages lead back to where the tail was.
    expect(await ask(`after=${newest}&limit=3`)).toEqual(newestOf(records.slice(11, 14)));
    expect(await ask(`after=${newest}&before=${records[11]!.id}`)).toEqual([records[10]!.id]);
    // Any id of that form will do, so that a tail can look a little further back.
    expect(await ask(`after=${uuid7Floor(records[12]!.received_at)}`)).toEqual(newestOf(records.slice(12, 14)));
  });
});

describe('GET /api/usage', () => {
  const FROM = TEST_TIME_MS - 9.3 * DAY;
  const range = `from=${new Date(FROM).toISOString()}&to=${new Date(TEST_TIME_MS).toISOString()}`;
  const inRange = records.filter(({ received_at }) => received_at >= Math.floor(FROM / HOUR) * HOUR);
  const sums = (of: readonly ExchangeRecord[]): unknown => ({
    requests: of.length,
    cost_unknown: of.filter((record) => costOf(record) === null).length,
    cost_nanodollars: of.reduce((sum, record) => sum + (costOf(record) ?? 0n), 0n).toString(),
  });
  const nanodollars = (dollars: string): bigint => BigInt(dollars.replace('.', ''));

  test.each(ABOUT)('?%s sums exactly what it selects, in JSON and CSV alike', async (query, holds) => {
    for (const [caller, own] of [
      [admin, inRange],
      [alice, inRange.filter(({ login }) => login === ALICE)],
    ] as const) {
      const expected = sums(own.filter(holds));
      for (const interval of ['', '&interval=hour']) {
        const { body } = await get(`/api/usage?group=login&${range}&${query}${interval}`, caller);
        expect(body.total).toMatchObject(expected as object);
        const items = body.items.reduce((sum, { cost_nanodollars }) => sum + BigInt(String(cost_nanodollars)), 0n);
        expect(items).toBe(BigInt(String(body.total['cost_nanodollars'])));
      }
      const { text } = await get(`/api/usage?format=csv&group=login&${range}&${query}`, caller);
      const [head = [], ...rows] = text
        .trimEnd()
        .split('\r\n')
        .map((line) => line.split(','));
      const column = (name: string): string[] => rows.map((row) => row[head.indexOf(name)]!);
      expect({
        requests: column('requests').reduce((sum, cell) => sum + Number(cell), 0),
        cost_unknown: column('cost_unknown').reduce((sum, cell) => sum + Number(cell), 0),
        cost_nanodollars: column('cost_dollars')
          .reduce((sum, cell) => sum + nanodollars(cell), 0n)
          .toString(),
      }).toEqual(expected);
    }
  });
});

describe('GET /api/sessions', () => {
  const FILTERS: [query: string, holds: (of: readonly ExchangeRecord[]) => boolean][] = [
    ['member_of=group:dev', (of) => of.some(({ groups }) => groups.includes('group:dev'))],
    ['member_of=group:sales', (of) => of.some(({ groups }) => groups.includes('group:sales'))],
    ['member_of=nobody', () => false],
    ['tool=Bash', (of) => of.some(callsTool('Bash'))],
    ['tool=Rare', (of) => of.some(callsTool('Rare'))],
    ['tool=nothing', () => false],
    ['min_cost_nanodollars=1500000000', (of) => total(of) >= 1_500_000_000n],
    ['min_cost_nanodollars=99999999999', () => false],
    [
      'tool=Bash&member_of=group:ops&min_cost_nanodollars=700000000&model=gpt-5',
      (of) =>
        of.some(callsTool('Bash')) &&
        of.some(({ groups }) => groups.includes('group:ops')) &&
        of.some(({ model }) => model === 'gpt-5') &&
        total(of) >= 700_000_000n,
    ],
  ];
  const total = (of: readonly ExchangeRecord[]): bigint => of.reduce((sum, record) => sum + (costOf(record) ?? 0n), 0n);

  test.each(FILTERS)('?%s selects exactly what it says, of users their own', async (query, holds) => {
    const sessions = new Map<string, ExchangeRecord[]>();
    for (const record of records) {
      sessions.set(record.session_id, [...(sessions.get(record.session_id) ?? []), record]);
    }
    const expected = (isSeen: (login: string) => boolean): string[] =>
      [...sessions]
        .filter(([, of]) => isSeen(of[0]!.login) && holds(of))
        .sort(([, a], [, b]) => (a.at(-1)!.id < b.at(-1)!.id ? 1 : -1))
        .map(([id]) => id);
    for (const [caller, isSeen] of [
      [admin, () => true],
      [alice, (login: string) => login === ALICE],
    ] as const) {
      const { body } = await get(`/api/sessions?limit=1000&${query}`, caller);
      expect(body.items.map(({ session_id }) => session_id)).toEqual(expected(isSeen));
    }
  });
});

describe('a filter', () => {
  test.each([
    ['/api/requests?min_cost_nanodollars=-1', 'min_cost_nanodollars'],
    ['/api/requests?min_cost_nanodollars=1.5', 'min_cost_nanodollars'],
    ['/api/requests?min_cost_nanodollars=1000000000000000000', 'min_cost_nanodollars'],
    ['/api/requests?after=yesterday', 'after'],
    ['/api/requests?memberof=x', 'memberof'],
    ['/api/sessions?min_cost_nanodollars=$1', 'min_cost_nanodollars'],
    ['/api/sessions?after=x', 'after'],
    ['/api/usage?tool=Read', 'tool'],
    ['/api/usage?status=20x', 'status'],
    ['/api/usage?api=soap', 'api'],
  ])('%s is a 400 that names the parameter', async (path, name) => {
    const { status, body } = await get(path);
    expect([status, body.error]).toEqual([400, expect.stringContaining(name)]);
  });
});
