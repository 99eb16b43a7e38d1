import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import type { ApiCaller } from '../../src/dashboard/messages.ts';
import { answer } from '../../src/dashboard/routes.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { seeded } from '../protocols/fixtures.ts';
import { idAt } from '../support/ids.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord } from '../support/records.ts';

let postgres: TestPostgres;
let pool: Pool;

const DAY = 86_400_000;
const TODAY = Date.UTC(2026, 10, 28);
const clock = { nowMs: () => TODAY + 0.6 * DAY };
const admin: ApiCaller = { login: 'root@example.com', role: 'admin', readCaptures: true, filterableHeaders: [] };
const user: ApiCaller = { ...admin, login: 'user-1@example.com', role: 'user' };

type Shown = Record<string, unknown>;
interface Report {
  [field: string]: unknown;
  totals: Shown;
  days: Shown[];
  distribution: Record<'requests' | 'tokens', { from: number; to: number | null; users: number }[]>;
  users: Shown[];
  teams: Shown[];
}

async function ask(at: Pool, query: string, caller = admin): Promise<{ status: number; body: Report }> {
  const request = { method: 'GET', path: '/api/adoption', query, caller };
  const { status, body } = await answer({ pool: at, clock, log: silentLog }, request);
  return { status, body: JSON.parse(String(body)) };
}

const dayText = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const dayOf = ({ received_at }: ExchangeRecord): number => Math.floor(received_at / DAY) * DAY;
const isRefused = ({ state, attempts }: ExchangeRecord): boolean =>
  (state === 'denied' || state === 'blocked') && attempts.length === 0;
const tokensOf = ({ usage }: ExchangeRecord): number => Object.values(usage ?? {}).reduce((sum, n) => sum + n, 0);
const distinct = <T>(values: T[]): T[] => [...new Set(values)].sort();

function sums(of: readonly ExchangeRecord[]): Shown {
  return {
    requests: of.length,
    tokens: of.reduce((sum, record) => sum + tokensOf(record), 0),
    cost_nanodollars: of.reduce((sum, record) => sum + BigInt(record.cost_nanodollars ?? 0), 0n).toString(),
  };
}

const byCost = (a: Shown, b: Shown): number =>
  Number(BigInt(String(b['cost_nanodollars'])) - BigInt(String(a['cost_nanodollars'])));

/** Counted record by record and day by day, in the plainest way. */
function naive(all: readonly ExchangeRecord[], from: number, to: number): Report {
  const counted = all.filter((record) => !isRefused(record));
  const days = Array.from({ length: (to - from) / DAY }, (_, at) => from + at * DAY);
  const activeOn = (day: number): string[] => distinct(counted.filter((r) => dayOf(r) === day).map((r) => r.login));
  const activeIn = (day: number, length: number): string[] =>
    distinct(Array.from({ length }, (_, back) => activeOn(day - back * DAY)).flat());
  const wasBefore = (login: string, day: number): boolean => counted.some((r) => r.login === login && dayOf(r) < day);
  const inRange = counted.filter((r) => dayOf(r) >= from && dayOf(r) < to);
  const logins = distinct(inRange.map(({ login }) => login));
  const perDay = (login: string): { requests: number; tokens: number } => {
    const own = inRange.filter((r) => r.login === login);
    const active = new Set(own.map(dayOf)).size;
    return { requests: own.length / active, tokens: own.reduce((sum, r) => sum + tokensOf(r), 0) / active };
  };
  const spread = (of: 'requests' | 'tokens', edges: number[]): Report['distribution']['requests'] =>
    edges.map((from_, at) => {
      const to_ = edges[at + 1] ?? Infinity;
      const users = logins.filter((login) => perDay(login)[of] >= from_ && perDay(login)[of] < to_).length;
      return { from: from_, to: to_ === Infinity ? null : to_, users };
    });
  const pairs = inRange.flatMap((r) => (r.groups.length === 0 ? [''] : r.groups).map((group) => `${group}|${r.agent}`));
  return {
    totals: {
      users: logins.length,
      new_users: logins.filter((login) => !wasBefore(login, from)).length,
      returning_users: logins.filter((login) => wasBefore(login, from)).length,
      ...sums(inRange),
    },
    days: days.map((day) => ({
      day: dayText(day),
      active: activeOn(day).length,
      active_7d: activeIn(day, 7).length,
      active_30d: activeIn(day, 30).length,
      four_of_seven: activeIn(day, 7).filter(
        (login) => [0, 1, 2, 3, 4, 5, 6].filter((back) => activeOn(day - back * DAY).includes(login)).length >= 4,
      ).length,
      new: activeOn(day).filter((login) => !wasBefore(login, day)).length,
      returning: activeOn(day).filter((login) => wasBefore(login, day)).length,
    })),
    distribution: {
      requests: spread('requests', [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]),
      tokens: spread('tokens', [0, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9]),
    },
    users: logins
      .map((login): Shown => {
        const own = inRange.filter((r) => r.login === login);
        return {
          login,
          groups: distinct(own.flatMap(({ groups }) => groups)),
          first_day: dayText(Math.min(...counted.filter((r) => r.login === login).map(dayOf))),
          last_day: dayText(Math.max(...own.map(dayOf))),
          days_active: new Set(own.map(dayOf)).size,
          ...sums(own),
        };
      })
      .sort(byCost),
    users_truncated: false,
    teams: distinct(pairs)
      .map((pair): Shown => {
        const [group = '', agent = ''] = pair.split('|');
        const of = inRange.filter(
          (r) => r.agent === agent && (group === '' ? r.groups.length === 0 : r.groups.includes(group)),
        );
        return { group, agent, users: new Set(of.map(({ login }) => login)).size, ...sums(of) };
      })
      .sort(byCost),
    teams_truncated: false,
  };
}

const REFUSED_PERSON = 19;

/** Ninety days of twenty people: some every day, some at times, some gone for long and back; one was only refused. */
function randomRecords(seed: number): ExchangeRecord[] {
  const random = seeded(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const made: ExchangeRecord[] = [];
  for (let person = 0; person < 20; person += 1) {
    const eagerness = person === REFUSED_PERSON ? 0.5 : random() ** 2;
    const joined = person === REFUSED_PERSON ? 40 : below(90);
    const restsFrom = below(90);
    for (let day = joined; day < 90; day += 1) {
      if (random() > eagerness || (day >= restsFrom && day < restsFrom + 35)) continue;
      for (let left = 1 + below(5); left > 0; left -= 1) {
        const received_at = TODAY - (89 - day) * DAY + below(DAY);
        const refused = person === REFUSED_PERSON || random() < 0.2;
        made.push(
          aRecord({
            received_at,
            id: idAt(TODAY + made.length),
            login: `user-${person}@example.com`,
            groups: [[], ['group:dev'], ['group:dev', 'group:ops']][(person + (day > 60 ? 1 : 0)) % 3]!,
            agent: ['claude-code', 'codex', 'curl'][below(3)]!,
            ...(refused
              ? {
                  state: 'denied',
                  status: 403,
                  attempts: [],
                  usage: null,
                  usage_state: 'absent',
                  cost_nanodollars: null,
                }
              : {
                  state: random() < 0.1 ? 'error' : 'complete',
                  // All different, so that the order by cost is one.
                  cost_nanodollars: String(below(1e9) * 1000 + made.length),
                  usage: { ...aRecord().usage!, output: Math.floor(10 ** ((person % 10) + random())) },
                }),
          }),
        );
      }
    }
  }
  return made;
}

const SEEDS = [1, 2];
const records = SEEDS.map(randomRecords);
const pools: Pool[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres('adoption');
  for (const all of records) {
    const { pool: one } = await postgres.migrated();
    pools.push(one);
    expect(await createRecordStore(one, clock).store(all)).toEqual({ inserted: all.length, dead: 0 });
  }
  pool = pools[0]!;
});
afterAll(async () => {
  await postgres.stop();
});

describe('GET /api/adoption', () => {
  test.each(SEEDS.map((seed, at) => [seed, at] as const))(
    'seed %i: all numbers are those of a naive count',
    async (_, at) => {
      for (const [from, to] of [
        [TODAY - 29 * DAY, TODAY + DAY],
        [TODAY - 89 * DAY, TODAY + DAY],
        [TODAY - 50 * DAY, TODAY - 20 * DAY],
        [TODAY - 3 * DAY, TODAY - 2 * DAY],
        // A week before anybody came, to a week that has not come.
        [TODAY - 96 * DAY, TODAY + 7 * DAY],
      ] as const) {
        const { status, body } = await ask(pools[at]!, `from=${dayText(from)}&to=${dayText(to)}`);
        const { from: told, to: until, ...report } = body;
        expect([status, told, until]).toEqual([200, new Date(from).toISOString(), new Date(to).toISOString()]);
        expect(report).toEqual(naive(records[at]!, from, to));
      }
    },
  );

  test('the random people are not all alike: every number says something', () => {
    const { totals, days, distribution, users } = naive(records[0]!, TODAY - 29 * DAY, TODAY + DAY);
    expect(Number(totals['new_users'])).toBeGreaterThan(1);
    expect(Number(totals['returning_users'])).toBeGreaterThan(1);
    expect(days.some((day) => Number(day['four_of_seven']) > 0 && day['four_of_seven'] !== day['active_7d'])).toBe(
      true,
    );
    expect(days.some((day) => day['active_7d'] !== day['active_30d'])).toBe(true);
    expect(distribution.tokens.filter((range) => range.users > 0).length).toBeGreaterThan(2);
    expect(users.some(({ login }) => login === 'user-19@example.com')).toBe(false);
    expect(records[0]!.some(({ login }) => login === 'user-19@example.com')).toBe(true);
  });

  test('the sums are those of the ledger', async () => {
    const { body } = await ask(pool, `from=${dayText(TODAY - 29 * DAY)}&to=${dayText(TODAY + DAY)}`);
    const { rows } = await pool.query<Shown>(
      `SELECT count(*)::int AS requests, count(DISTINCT login)::int AS users, sum(cost_nanodollars)::text AS cost_nanodollars,
              sum(input_uncached + cache_read + cache_write_5m + cache_write_1h + cache_write_other + output + reasoning
                + audio_in + image_in + audio_out + image_out)::float8 AS tokens
         FROM aperture.records WHERE received_at >= '2026-10-30Z' AND NOT (state = 'denied' AND attempts = '[]')`,
    );
    expect(body.totals).toMatchObject(rows[0]!);
  });

  test('without a range: the last 30 days, today among them; days that are begun are told whole', async () => {
    const { body } = await ask(pool, '');
    expect([body['from'], body['to'], body.days.length]).toEqual([
      '2026-10-30T00:00:00.000Z',
      '2026-11-29T00:00:00.000Z',
      30,
    ]);
    const begun = await ask(pool, 'from=2026-10-30T13:00:00Z&to=2026-11-28T00:00:01Z');
    expect(begun.body).toEqual(body);
  });

  test('nobody at all is zeros, not an error', async () => {
    const { status, body } = await ask(pool, 'from=2020-01-01&to=2020-01-03');
    expect(status).toBe(200);
    expect(body).toEqual({
      from: '2020-01-01T00:00:00.000Z',
      to: '2020-01-03T00:00:00.000Z',
      ...naive([], Date.UTC(2020, 0, 1), Date.UTC(2020, 0, 3)),
    });
  });

  test('a thousand users are told, the dearest first; the sums are of all', async () => {
    const { pool: other } = await postgres.migrated();
    await other.query(
      `INSERT INTO aperture.rollup_day
       SELECT '2026-11-05Z', sha256(n::text::bytea), 'u' || n, 'n', '{}', 'm', 'p', 'a', 'api', 200,
              1, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n, 1, 1
         FROM generate_series(1, 1001) AS n`,
    );
    const { status, body } = await ask(other, '');
    expect(status).toBe(200);
    expect([body.users.length, body['users_truncated']]).toEqual([1000, true]);
    expect(body.users.map(({ login }) => login).slice(0, 2)).toEqual(['u1001', 'u1000']);
    expect(body.users.at(-1)).toMatchObject({ login: 'u2' });
    expect(body.totals).toMatchObject({ users: 1001, cost_nanodollars: String((1001 * 1002) / 2), tokens: 9009 });
  });

  test('is for admins', async () => {
    expect(await ask(pool, '', user)).toEqual({
      status: 403,
      body: { code: 'gateway_forbidden', error: expect.stringContaining('/api/adoption needs admin') },
    });
  });

  test.each([
    ['from=2026-11-02&to=2026-11-01', 'from'],
    ['from=2026-11-02&to=2026-11-02', 'from'],
    ['from=2025-01-01&to=2026-11-01', '400 days'],
    ['from=today', 'from'],
    ['group=login', 'group'],
  ])('?%s is a 400 that names the parameter', async (query, name) => {
    const { status, body } = await ask(pool, query);
    expect([status, body['error']]).toEqual([400, expect.stringContaining(name)]);
  });

  test('400 days are answered', async () => {
    const to = Date.UTC(2026, 10, 29);
    const { status, body } = await ask(pool, `from=${dayText(to - 400 * DAY)}&to=2026-11-29`);
    expect([status, body.days.length]).toEqual([200, 400]);
  });
});
