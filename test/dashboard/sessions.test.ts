import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { USAGE_KINDS } from '../../src/contract/usage.ts';
import type { ApiCaller } from '../../src/dashboard/messages.ts';
import { answer } from '../../src/dashboard/routes.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { aTurn } from '../support/conversations.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { TEST_TIME_MS } from '../support/records.ts';

let postgres: TestPostgres;
let pool: Pool;

const HOUR = 3600;
const clock = { nowMs: () => TEST_TIME_MS + HOUR * 1000 };
const ALICE = 'alice@example.com';
const BOB = 'bob@example.com';
const alice = { login: ALICE, role: 'user', readCaptures: false, filterableHeaders: [] } as const;
const bob = { login: BOB, role: 'user', readCaptures: false, filterableHeaders: [] } as const;
const admin = { login: 'root@example.com', role: 'admin', readCaptures: true, filterableHeaders: [] } as const;

type Shown = Record<string, unknown>;
interface Body extends Shown {
  items: Shown[];
  next: string | null;
  session: Shown;
  requests: Shown[];
  children: Shown[];
}

async function get(path: string, caller: ApiCaller = admin): Promise<{ status: number; body: Body }> {
  const [where, query = ''] = path.split('?');
  const { status, body } = await answer(
    { pool, clock, log: silentLog },
    { method: 'GET', path: where!, query, caller },
  );
  return { status, body: JSON.parse(String(body)) };
}

/** A request of a session under a client's own id; `calls` as names of tools, `results` as ids of calls. */
function request(
  atSeconds: number,
  session: string,
  { calls = [], results = [], ...change }: Omit<Partial<ExchangeRecord>, 'tool_calls'> & Tools = {},
): ExchangeRecord {
  return aTurn(atSeconds, [], {
    session_id: session,
    session_base: session,
    history: null,
    tool_calls: calls.map(([id, name]) => ({ id, name, arguments: '{"a":1}', bytes: 7 })),
    tool_results: results.map(([id, bytes, is_error]) => ({ id, bytes, is_error })),
    cost_nanodollars: '1000000007',
    ...change,
  });
}

interface Tools {
  calls?: [string | null, string][];
  results?: [string, number, boolean][];
}

const main = [
  request(0, 'main', {
    calls: [
      ['call-1', 'Read'],
      ['call-2', 'Bash'],
    ],
  }),
  request(10, 'main', {
    results: [
      ['call-1', 5, false],
      ['call-2', 9, true],
    ],
    calls: [['call-3', 'Read']],
  }),
  // A retry carries the results again.
  request(20, 'main', {
    results: [
      ['call-1', 55, true],
      ['call-2', 99, false],
    ],
    state: 'aborted',
  }),
  request(30, 'main', { state: 'error', status: 529, usage: null, usage_state: 'absent', cost_nanodollars: null }),
] as const;
const child = request(15, 'child', {
  parent_session_id: 'main',
  model: 'claude-haiku-4-5',
  calls: [['call-4', 'Grep']],
});
const odd = request(40, 'a/b ü?', { agent: 'codex', model: 'gpt-5', provider: 'openai', api: 'openai_responses' });
// Servers number calls, and Gemini may have no ids: what belongs together is told by the session.
const numbered = [
  request(50, 'numbered', {
    login: BOB,
    calls: [
      ['call_0', 'Read'],
      [null, 'glob'],
    ],
  }),
  request(55, 'other', {
    login: BOB,
    results: [
      ['call_0', 1, true],
      ['glob', 1, true],
    ],
  }),
  request(60, 'numbered', {
    login: BOB,
    results: [
      ['call_0', 2, false],
      ['glob', 3, false],
    ],
  }),
] as const;
const sameId = request(70, 'main', { login: BOB, calls: [['call-3', 'Edit']] });
const lastYear = request(-400 * 24 * HOUR, 'old', { calls: [['call-9', 'Read']] });
const all = [...main, child, odd, ...numbered, sameId, lastYear];

beforeAll(async () => {
  postgres = await startTestPostgres('dashboard-sessions');
  ({ pool } = await postgres.migrated());
  const store = createRecordStore(pool, clock);
  // Stored in the wrong order on purpose.
  for (const record of [...all].reverse()) await store.store([record]);
});

afterAll(async () => {
  await postgres.stop();
});

const ids = (items: Shown[]): unknown[] => items.map((item) => item['session_id']);

describe('GET /api/sessions', () => {
  test('lists the newest activity first, each with its sums', async () => {
    const { status, body } = await get('/api/sessions');
    expect(status).toBe(200);
    expect(body.next).toBeNull();
    expect(body.items.map((item) => [item['login'], item['session_id']])).toEqual([
      [BOB, 'main'],
      [BOB, 'numbered'],
      [BOB, 'other'],
      [ALICE, 'a/b ü?'],
      [ALICE, 'main'],
      [ALICE, 'child'],
      [ALICE, 'old'],
    ]);
    const usage = Object.fromEntries(USAGE_KINDS.map((kind) => [kind, 3 * (main[0].usage?.[kind] ?? 0)]));
    expect(body.items[4]).toEqual({
      session_id: 'main',
      session_base: 'main',
      parent_session_id: null,
      login: ALICE,
      node_id: 'n1',
      first_record_id: main[0].id,
      last_record_id: main[3].id,
      first_at: '2026-11-23T10:20:30.123456Z',
      last_at: '2026-11-23T10:21:01.123706Z',
      requests: 4,
      errors: 1,
      usage_absent: 1,
      cost_unknown: 1,
      usage,
      cost_nanodollars: (3n * 1_000_000_007n).toString(),
      tool_calls: 3,
      models: ['claude-sonnet-4-5'],
      agents: ['claude-code'],
    });
  });

  test.each([1, 2, 3, 7])('pages of %i are complete, in order and without repeats', async (limit) => {
    const seen: unknown[] = [];
    let before = '';
    for (let pages = 0; pages <= 7; pages += 1) {
      const { body } = await get(`/api/sessions?limit=${limit}${before}`);
      seen.push(...body.items);
      if (body.next === null) break;
      before = `&before=${body.next}`;
    }
    expect(seen).toEqual((await get('/api/sessions')).body.items);
  });

  test.each([
    [`login=${BOB}`, ['main', 'numbered', 'other']],
    ['agent=codex', ['a/b ü?']],
    ['model=claude-haiku-4-5', ['child']],
    ['to=2026-11-01', ['old']],
    ['from=2026-11-23T10:21:05Z', ['main', 'numbered', 'other', 'a/b ü?']],
    ["model='; DROP TABLE aperture.sessions; --", []],
  ])('?%s selects exactly what it says', async (query, expected) => {
    expect(ids((await get(`/api/sessions?${query}`)).body.items)).toEqual(expected);
  });

  test('users see their own sessions only, whatever they ask for', async () => {
    expect(ids((await get('/api/sessions', bob)).body.items)).toEqual(['main', 'numbered', 'other']);
    expect((await get(`/api/sessions?login=${ALICE}`, bob)).body.items).toEqual([]);
  });

  test.each([['before=x'], ['limit=0'], ['state=error'], ['from=never']])('?%s is a 400', async (query) => {
    const { status, body } = await get(`/api/sessions?${query}`);
    expect([status, body['code']]).toEqual([400, 'gateway_bad_parameter']);
    expect(body['error']).toContain(query.split('=')[0]);
  });
});

describe('GET /api/sessions/{id}', () => {
  test('answers the session, its requests in order, and its children', async () => {
    const { status, body } = await get('/api/sessions/main', alice);
    expect(status).toBe(200);
    expect(body.session).toMatchObject({ session_id: 'main', login: ALICE, requests: 4 });
    expect(body['truncated']).toBe(false);
    expect(body.requests.map((item) => item['id'])).toEqual(main.map(({ id }) => id));
    expect(body.requests[0]).toEqual({
      id: main[0].id,
      received_at: '2026-11-23T10:20:30.123456Z',
      ended_at: '2026-11-23T10:20:31.123706Z',
      provider: 'anthropic',
      model: 'claude-sonnet-4-5',
      model_served: 'claude-sonnet-4-5-20250929',
      api: 'anthropic_messages',
      agent: 'claude-code',
      agent_id: null,
      status: 200,
      stream: true,
      state: 'complete',
      stop_reason: 'end_turn',
      usage_state: 'final',
      usage: main[0].usage,
      cost_nanodollars: '1000000007',
      tool_calls: [
        { id: 'call-1', name: 'Read', bytes: 7 },
        { id: 'call-2', name: 'Bash', bytes: 7 },
      ],
      error: null,
    });
    expect(body.requests[3]).toMatchObject({ state: 'error', usage: null, cost_nanodollars: null });
    expect(ids(body.children)).toEqual(['child']);
  });

  test('an id with any characters is found encoded', async () => {
    const { body } = await get(`/api/sessions/${encodeURIComponent('a/b ü?')}`, alice);
    expect(body.session).toMatchObject({ session_id: 'a/b ü?', agents: ['codex'] });
  });

  test('an admin says whose, when two callers have the same id', async () => {
    const both = await get('/api/sessions/main');
    expect([both.status, both.body['code']]).toEqual([400, 'gateway_bad_parameter']);
    expect(both.body['error']).toContain('login');
    const { body } = await get(`/api/sessions/main?login=${BOB}`);
    expect(body.session).toMatchObject({ login: BOB, requests: 1 });
    expect(body.requests).toHaveLength(1);
    expect(body.children).toEqual([]);
    expect((await get('/api/sessions/child')).body.session).toMatchObject({ login: ALICE });
  });

  test("another's id, an unknown one and rubbish are the same 404", async () => {
    const answers = await Promise.all(
      ['numbered', `main?login=${BOB}`, 'nobodys', '', '%E0%A4%A', 'a%00b'].map((path) =>
        get(`/api/sessions/${path}`, alice),
      ),
    );
    for (const found of answers) expect(found).toEqual(answers[0]);
    expect(answers[0]).toMatchObject({ status: 404, body: { code: 'gateway_not_found' } });
  });
});

describe('GET /api/tools', () => {
  const places = (items: Shown[]): unknown[] => items.map((item) => [item['session_id'], item['id'], item['name']]);

  test('lists single calls, newest first, each with its first result', async () => {
    const { status, body } = await get('/api/tools');
    expect(status).toBe(200);
    expect(body.next).toBeNull();
    expect(places(body.items)).toEqual([
      ['main', 'call-3', 'Edit'],
      ['numbered', null, 'glob'],
      ['numbered', 'call_0', 'Read'],
      ['child', 'call-4', 'Grep'],
      ['main', 'call-3', 'Read'],
      ['main', 'call-2', 'Bash'],
      ['main', 'call-1', 'Read'],
      ['old', 'call-9', 'Read'],
    ]);
    expect(body.items[6]).toEqual({
      id: 'call-1',
      name: 'Read',
      bytes: 7,
      record_id: main[0].id,
      login: ALICE,
      session_id: 'main',
      model: 'claude-sonnet-4-5',
      agent: 'claude-code',
      at: '2026-11-23T10:20:30.123456Z',
      result: { bytes: 5, is_error: false, record_id: main[1].id, at: '2026-11-23T10:20:40.123456Z' },
    });
    expect(body.items.map((item) => (item['result'] as { bytes: number } | null)?.bytes)).toEqual([
      undefined,
      3,
      2,
      undefined,
      undefined,
      9,
      5,
      undefined,
    ]);
  });

  test.each([1, 2, 3, 8])('pages of %i are complete, in order and without repeats', async (limit) => {
    const seen: unknown[] = [];
    let before = '';
    for (let pages = 0; pages <= 8; pages += 1) {
      const { body } = await get(`/api/tools?limit=${limit}${before}`);
      seen.push(...body.items);
      if (body.next === null) break;
      before = `&before=${body.next}`;
    }
    expect(seen).toEqual((await get('/api/tools')).body.items);
  });

  test.each([
    [`login=${BOB}`, ['Edit', 'glob', 'Read']],
    ['name=Read', ['Read', 'Read', 'Read', 'Read']],
    ['model=claude-haiku-4-5', ['Grep']],
    ['session=numbered', ['glob', 'Read']],
    ['agent=codex', []],
    ['to=2026-01-01', ['Read']],
    ['from=2026-11-23T10:21:00Z', ['Edit', 'glob', 'Read']],
  ])('?%s selects exactly what it says', async (query, expected) => {
    expect((await get(`/api/tools?${query}`)).body.items.map((item) => item['name'])).toEqual(expected);
  });

  test('users see their own calls only, whatever they ask for', async () => {
    const own = await get('/api/tools', bob);
    expect(own.body.items.map((item) => item['name'])).toEqual(['Edit', 'glob', 'Read']);
    expect((await get(`/api/tools?login=${ALICE}`, bob)).body.items).toEqual([]);
    const counted = await get('/api/tools?group=login', bob);
    expect(counted.body.items.map((item) => item['login'])).toEqual([BOB]);
  });

  test('counts by name over the last day', async () => {
    const { body } = await get('/api/tools?group=name');
    expect(body).toEqual({
      from: '2026-11-22T11:20:30.123Z',
      to: '2026-11-23T11:20:30.123Z',
      group: 'name',
      interval: null,
      truncated: false,
      items: [
        { name: 'Read', calls: 3, with_result: 2, errors: 0, bytes: 21, result_bytes: 7 },
        { name: 'Bash', calls: 1, with_result: 1, errors: 1, bytes: 7, result_bytes: 9 },
        { name: 'Edit', calls: 1, with_result: 0, errors: 0, bytes: 7, result_bytes: 0 },
        { name: 'Grep', calls: 1, with_result: 0, errors: 0, bytes: 7, result_bytes: 0 },
        { name: 'glob', calls: 1, with_result: 1, errors: 0, bytes: 7, result_bytes: 3 },
      ],
    });
  });

  test.each([
    ['login', { [ALICE]: 4, [BOB]: 3 }],
    ['model', { 'claude-sonnet-4-5': 6, 'claude-haiku-4-5': 1 }],
    ['agent', { 'claude-code': 7 }],
  ])('counts by %s', async (group, expected) => {
    const { body } = await get(`/api/tools?group=${group}`);
    expect(Object.fromEntries(body.items.map((item) => [item[group], item['calls']]))).toEqual(expected);
  });

  test('counts by hour and by day, narrowed like the list', async () => {
    const days = await get('/api/tools?group=name&interval=day&from=2025-01-01&name=Read');
    expect(days.body.items.map((item) => [item['time'], item['calls']])).toEqual([
      ['2025-10-19T00:00:00.000000Z', 1],
      ['2026-11-23T00:00:00.000000Z', 3],
    ]);
    const hours = await get(`/api/tools?group=agent&interval=hour&login=${ALICE}`);
    expect(hours.body.items.map((item) => [item['time'], item['calls']])).toEqual([['2026-11-23T10:00:00.000000Z', 4]]);
  });

  test.each([
    ['before=x', 'before'],
    [`before=${main[0].id}`, 'before'],
    ['interval=hour', 'interval'],
    ['group=session', 'group'],
    ['group=name&limit=10', 'limit'],
    ['group=name&from=2026-11-23&to=2026-11-22', 'from'],
    ['tool=x', 'tool'],
  ])('?%s is a 400 that names the parameter', async (query, name) => {
    const { status, body } = await get(`/api/tools?${query}`);
    expect([status, body['code']]).toEqual([400, 'gateway_bad_parameter']);
    expect(body['error']).toContain(name);
  });

  test('there is nothing below it', async () => {
    expect((await get('/api/tools/x')).status).toBe(404);
  });
});
