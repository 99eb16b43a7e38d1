import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import type { ApiCaller } from '../../src/dashboard/messages.ts';
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

const DAY = 86_400_000;
const clock = { nowMs: () => TEST_TIME_MS };
const admin: ApiCaller = { login: 'root@example.com', role: 'admin', readCaptures: true, filterableHeaders: [] };
const bob: ApiCaller = { ...admin, login: 'bob@example.com', role: 'user' };

type Verdict = ExchangeRecord['verdicts'][number];

const random = seeded(21);
const below = (limit: number): number => Math.floor(random() * limit);
const one = <T>(of: readonly T[]): T => of[below(of.length)]!;

const LOGINS = ['alice@example.com', 'bob@example.com', 'carol@example.com'];
const RULES = { pii: 'personal_data', projects: 'words', review: 'hook', ['x'.repeat(300)]: 'regex' };
const KINDS = ['email', 'iban', '<b>?</b>', 'k'.repeat(400)];

function aVerdict(rule = one(Object.keys(RULES)), action?: Verdict['action']): Verdict {
  const counts = Object.fromEntries(KINDS.filter(() => random() < 0.4).map((kind) => [kind, 1 + below(9)]));
  return {
    rule,
    type: RULES[rule] ?? '',
    side: one(['request', 'response'] as const),
    action: action ?? one(['allow', 'block', 'modify', 'redact', 'tokenise', 'flag', 'error'] as const),
    shadow: action === undefined && random() < 0.3,
    at_ms: TEST_TIME_MS,
    took_ms: 1.5,
    scanned_chars: 100,
    scanned: ['user'],
    counts,
    matches: ['0123456789abcdef'],
    untouched: 0,
    error: null,
  };
}

/** Each code, and whose word it is. */
const CODES: [code: string | null, denial: string, last?: Verdict][] = [
  [null, ''],
  [null, ''],
  ['gateway_model_unknown', 'grant'],
  ['gateway_quota_exceeded', 'quota'],
  ['gateway_quota_unavailable', 'quota'],
  ['gateway_revoked', 'kill_switch'],
  ['gateway_guardrail_blocked', 'rule', aVerdict('projects', 'block')],
  ['gateway_guardrail_blocked', 'hook', aVerdict('review', 'block')],
  ['gateway_guardrail_unavailable', 'rule'],
  ['gateway_body_bad_field', 'other'],
];

const told = new Map<string, string>();
/** Four days. */
const records = Array.from({ length: 240 }, () => {
  const received_at = TEST_TIME_MS - below(4 * DAY);
  const [denied_by, denial, last] = one(CODES);
  const verdicts = Array.from({ length: denial === 'rule' && last === undefined ? 0 : below(4) }, () => aVerdict());
  const record = aRecord({
    received_at,
    id: idAt(received_at),
    login: one(LOGINS),
    model: one(['gpt-5', 'claude-sonnet-4-5']),
    state: denied_by === null ? 'complete' : denied_by.includes('guardrail') ? 'blocked' : 'denied',
    denied_by,
    verdicts: [...verdicts, ...(last === undefined ? [] : [last])],
  });
  told.set(record.id, denial);
  return record;
});

beforeAll(async () => {
  postgres = await startTestPostgres('guardrail-counts');
  ({ pool } = await postgres.migrated());
  const store = createRecordStore(pool, clock);
  // Retried, by several at a time: once is once.
  await Promise.all(
    [records.slice(0, 150), records.slice(100), [...records].reverse()].map((each) => store.store(each)),
  );
});
afterAll(() => postgres.stop());

interface Body {
  [member: string]: unknown;
  items: Record<string, unknown>[];
}

async function ask(path: string, caller: ApiCaller = admin, at = pool): Promise<{ status: number; body: Body }> {
  const [where = '', query = ''] = path.split('?');
  const { status, body } = await answer(
    { pool: at, clock, log: silentLog },
    { method: 'GET', path: where, query, caller },
  );
  return { status, body: JSON.parse(String(body)) as Body };
}

const ALL = 'from=2026-11-19&to=2026-11-24';

interface Told {
  record: ExchangeRecord;
  verdict: Verdict;
}

/** Of records in the range, one by one. */
function all(isTold: (told: Told) => boolean = () => true): Told[] {
  return records
    .flatMap((record) => record.verdicts.map((verdict) => ({ record, verdict })))
    .filter(({ verdict }) => verdict.action !== 'allow')
    .filter(isTold);
}

const sum = (numbers: number[]): number => numbers.reduce((total, each) => total + each, 0);
const foundIn = ({ verdict }: Told): number => sum(Object.values(verdict.counts));

function sumsOf(these: readonly Told[], found: (told: Told) => number = foundIn): Record<string, number> {
  const actions = ['block', 'modify', 'redact', 'tokenise', 'flag', 'error'];
  return {
    verdicts: these.length,
    requests: new Set(these.map(({ record }) => record.id)).size,
    ...Object.fromEntries(
      actions.map((action) => [action, these.filter(({ verdict }) => verdict.action === action).length]),
    ),
    found: sum(these.map(found)),
  };
}

function by(these: readonly Told[], nameOf: (told: Told) => string): Map<string, Told[]> {
  const groups = new Map<string, Told[]>();
  for (const each of these) groups.set(nameOf(each), [...(groups.get(nameOf(each)) ?? []), each]);
  return groups;
}

/** Without an order: of equals, the database's alphabet says which comes first. */
const named = (items: Record<string, unknown>[], name: string): Record<string, unknown> =>
  Object.fromEntries(items.map(({ [name]: key, ...rest }) => [String(key), rest]));

const cut = (text: string): string => text.slice(0, 256);

describe('GET /api/verdicts', () => {
  test('by rule and by user: each verdict that says more than allow, once a record', async () => {
    const { status, body } = await ask(`/api/verdicts?${ALL}`);
    expect(status).toBe(200);
    expect(body['total']).toEqual(sumsOf(all()));
    const rules = [...by(all(), ({ verdict }) => verdict.rule)];
    expect(named(body.items, 'rule')).toEqual(
      Object.fromEntries(rules.map(([rule, these]) => [cut(rule), { type: RULES[rule], ...sumsOf(these) }])),
    );
    const users = await ask(`/api/verdicts?${ALL}&group=login`);
    expect(named(users.body.items, 'login')).toEqual(
      Object.fromEntries([...by(all(), ({ record }) => record.login)].map(([login, these]) => [login, sumsOf(these)])),
    );
    expect([body['truncated'], body['group'], body['interval']]).toEqual([false, 'rule', null]);
  });

  test('by what was found: only how much of which kind', async () => {
    const { body } = await ask(`/api/verdicts?${ALL}&group=finding`);
    const expected = KINDS.map((kind) => {
      const these = all(({ verdict }) => kind in verdict.counts);
      return [cut(kind), sumsOf(these, ({ verdict }) => verdict.counts[kind] ?? 0)];
    });
    expect(named(body.items, 'finding')).toEqual(Object.fromEntries(expected));
  });

  test('by day, narrowed: what was only tried is told apart', async () => {
    for (const shadow of [true, false]) {
      const { body } = await ask(`/api/verdicts?${ALL}&interval=day&shadow=${shadow}&login=${LOGINS[0]!}`);
      const these = all(({ record, verdict }) => record.login === LOGINS[0] && verdict.shadow === shadow);
      const day = ({ record }: Told): string => new Date(record.received_at).toISOString().slice(0, 10);
      const expected = [...by(these, (each) => `${day(each)} ${cut(each.verdict.rule)}`)].map(([key, sums]) => [
        key,
        sumsOf(sums),
      ]);
      const found = body.items.map(({ time, rule, type: _, ...sums }) => {
        return [`${String(time).slice(0, 10)} ${String(rule)}`, sums];
      });
      expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
      expect(body.items.map(({ time }) => String(time))).toEqual(body.items.map(({ time }) => String(time)).sort());
      expect(body['total']).toEqual(sumsOf(these));
    }
  });

  test('equals SQL over the ledger', async () => {
    const { rows } = await pool.query(
      `SELECT verdict->>'rule' AS rule, verdict->>'action' AS action, (verdict->>'shadow')::boolean AS shadow, count(*)::int
         FROM aperture.records CROSS JOIN jsonb_array_elements(verdicts) AS verdict
        WHERE verdict->>'action' <> 'allow' GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`,
    );
    for (const { rule, action, shadow, count } of rows as Record<string, unknown>[]) {
      const { body } = await ask(
        `/api/verdicts?${ALL}&rule=${cut(String(rule))}&verdict=${String(action)}&shadow=${String(shadow)}`,
      );
      expect(body['total']).toMatchObject({ verdicts: count, [String(action)]: count });
    }
    expect(rows.length).toBeGreaterThan(30);
  });

  test('users see their own, whatever they ask for', async () => {
    const own = all(({ record }) => record.login === bob.login);
    expect((await ask(`/api/verdicts?${ALL}`, bob)).body['total']).toEqual(sumsOf(own));
    expect((await ask(`/api/verdicts?${ALL}&login=${LOGINS[0]!}`, bob)).body.items).toEqual([]);
  });

  test('a count that is no whole number, or beyond all of them, costs nobody their record', async () => {
    const { pool: other } = await postgres.migrated();
    const counts = [{ email: 1.5 }, { email: 1e30 }, {}];
    const odd = counts.map((each) => aRecord({ verdicts: [{ ...aVerdict('pii', 'redact'), counts: each }] }));
    expect(await createRecordStore(other, clock).store(odd)).toEqual({ inserted: 3, dead: 0 });
    expect((await ask(`/api/verdicts?${ALL}`, admin, other)).body['total']).toMatchObject({ verdicts: 3, redact: 3 });
    expect((await ask(`/api/verdicts?${ALL}&group=finding`, admin, other)).body.items).toMatchObject([{ requests: 2 }]);
  });

  test('what was stored before the table was there is in it', async () => {
    const { pool: older } = await postgres.migrated();
    await createRecordStore(older, clock).store(records);
    await older.query('DROP TABLE aperture.verdicts; DROP INDEX aperture.records_denied');
    await older.query('DELETE FROM aperture.migrations WHERE number = 21');
    expect(await migrate(older)).toEqual([21]);
    expect((await ask(`/api/verdicts?${ALL}`, admin, older)).body['total']).toEqual(sumsOf(all()));
  });
});

describe('GET /api/denials', () => {
  const denied = records.filter(({ denied_by }) => denied_by !== null);
  const count = (these: ExchangeRecord[], nameOf: (record: ExchangeRecord) => string): Record<string, number> => {
    const counts: Record<string, number> = {};
    for (const record of these) counts[nameOf(record)] = (counts[nameOf(record)] ?? 0) + 1;
    return counts;
  };
  const counts = (items: Body['items'], nameOf: (item: Record<string, unknown>) => string): Record<string, unknown> =>
    Object.fromEntries(items.map((item) => [nameOf(item), item['requests']]));

  test('by whose word and code, by user and by model', async () => {
    const { body } = await ask(`/api/denials?${ALL}`);
    const codes = counts(body.items, ({ denial, code }) => `${String(denial)} ${String(code)}`);
    expect(codes).toEqual(count(denied, ({ id, denied_by }) => `${told.get(id)!} ${denied_by!}`));
    expect(body['total']).toEqual({ requests: denied.length, users: 3 });
    for (const group of ['login', 'model'] as const) {
      const { body: grouped } = await ask(`/api/denials?${ALL}&group=${group}`);
      expect(counts(grouped.items, (item) => String(item[group]))).toEqual(count(denied, (record) => record[group]));
    }
  });

  test('by day, and of one alone; users see their own', async () => {
    const day = (record: ExchangeRecord): string => new Date(record.received_at).toISOString().slice(0, 10);
    const { body } = await ask(`/api/denials?${ALL}&interval=day&denial=quota`);
    const quota = denied.filter(({ id }) => told.get(id) === 'quota');
    expect(counts(body.items, ({ time, code }) => `${String(time).slice(0, 10)} ${String(code)}`)).toEqual(
      count(quota, (record) => `${day(record)} ${record.denied_by!}`),
    );
    const own = denied.filter(({ login }) => login === bob.login);
    expect((await ask(`/api/denials?${ALL}`, bob)).body['total']).toEqual({ requests: own.length, users: 1 });
  });
});

describe('GET /api/requests', () => {
  const ids = async (query: string, caller?: ApiCaller): Promise<unknown[]> =>
    (await ask(`/api/requests?${ALL}&limit=1000&${query}`, caller)).body.items.map(({ id }) => id);
  const newestFirst = (these: ExchangeRecord[]): string[] =>
    these
      .map(({ id }) => id)
      .sort()
      .reverse();

  test('is filtered by one verdict that fits all that is asked', async () => {
    const cases: [string, (verdict: Verdict) => boolean][] = [
      ['rule=pii', ({ rule }) => rule === 'pii'],
      ['verdict=redact,tokenise', ({ action }) => action === 'redact' || action === 'tokenise'],
      [
        'rule=pii&verdict=block&shadow=false',
        ({ rule, action, shadow }) => rule === 'pii' && action === 'block' && !shadow,
      ],
      ['finding=email&shadow=true', ({ counts, shadow }) => 'email' in counts && shadow],
    ];
    for (const [query, fits] of cases) {
      const expected = records.filter(({ verdicts }) => verdicts.some((each) => each.action !== 'allow' && fits(each)));
      expect(await ids(query), query).toEqual(newestFirst(expected));
      expect(expected.length).toBeGreaterThan(0);
    }
    const own = records.filter(({ login, verdicts }) => {
      return login === bob.login && verdicts.some(({ action }) => action === 'block');
    });
    expect(await ids('verdict=block', bob)).toEqual(newestFirst(own));
  });

  test.each(['grant', 'quota', 'kill_switch', 'hook', 'rule', 'other'])('is filtered by denial=%s', async (denial) => {
    const expected = records.filter(({ id }) => told.get(id) === denial);
    expect(await ids(`denial=${denial}`)).toEqual(newestFirst(expected));
    expect(expected.length).toBeGreaterThan(0);
  });

  test('is filtered by whether it was denied at all, and by the code of it', async () => {
    const denied = records.filter(({ denied_by }) => denied_by !== null);
    expect(await ids('denial=any')).toEqual(newestFirst(denied));
    const away = denied.filter(({ denied_by }) => denied_by === 'gateway_quota_unavailable');
    expect(await ids('denial=quota&denied_by=gateway_quota_unavailable')).toEqual(newestFirst(away));
  });
});

test.each([
  ['/api/verdicts?verdict=allow', 'verdict'],
  ['/api/verdicts?group=side', 'group'],
  ['/api/denials?denial=x', 'denial'],
  ['/api/requests?shadow=1', 'shadow'],
])('%s is a 400 that names the parameter', async (path, name) => {
  const { status, body } = await ask(path);
  expect([status, body['error']]).toEqual([400, expect.stringContaining(name)]);
});
