import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { USAGE_KINDS } from '../../src/contract/usage.ts';
import type { ApiCaller, FromApi } from '../../src/dashboard/messages.ts';
import { answer } from '../../src/dashboard/routes.ts';
import { silentLog } from '../../src/lib/log.ts';
import { uuid7Floor } from '../../src/lib/uuid7.ts';
import { openPool } from '../../src/store/database.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { READERS, runApi } from '../../workers/run-api.ts';
import { idAt } from '../support/ids.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord, TEST_TIME_MS } from '../support/records.ts';
import { until } from '../support/until.ts';

let postgres: TestPostgres;
let pool: Pool;
let address: Awaited<ReturnType<TestPostgres['migrated']>>['address'];

const HOUR = 3_600_000;
const clock = { nowMs: () => TEST_TIME_MS + HOUR / 4 };
const alice = { login: 'alice@example.com', role: 'user', readCaptures: false, filterableHeaders: [] } as const;
const bob = { login: 'bob@example.com', role: 'user', readCaptures: false, filterableHeaders: [] } as const;
const admin = { login: 'root@example.com', role: 'admin', readCaptures: true, filterableHeaders: [] } as const;

type Answer = Extract<FromApi, { kind: 'answer' }>;

interface Shown {
  [field: string]: unknown;
  id: string;
}

async function get(
  path: string,
  caller: ApiCaller = admin,
): Promise<{ status: number; body: Record<string, unknown> & { items: Shown[]; next: string | null; total: Shown } }> {
  const [where, query = ''] = path.split('?');
  const { status, body } = await answer(
    { pool, clock, log: silentLog },
    { method: 'GET', path: where!, query, caller },
  );
  return { status, body: JSON.parse(String(body)) };
}

/** What the API's thread answers. */
function answers(): { told: Answer[]; post: (message: FromApi) => void } {
  const told: Answer[] = [];
  return {
    told,
    post: (message) => {
      if (message.kind === 'answer') told.push(message);
    },
  };
}

const ids = (items: Shown[]): string[] => items.map((item) => item.id);

const CHARGES = [
  { bucket: 'daily:alice@example.com', nanodollars: 400_000_000 },
  { bucket: 'extra', nanodollars: 600_000_007 },
];

// Three days of two callers, an hour apart, the newest last.
const records = Array.from({ length: 60 }, (_, index) => {
  const received_at = TEST_TIME_MS - (59 - index) * HOUR;
  const ofBob = index % 3 === 0;
  return aRecord({
    received_at,
    id: idAt(received_at),
    login: ofBob ? 'bob@example.com' : 'alice@example.com',
    groups: ofBob ? ['group:ops', 'group:dev'] : [],
    model: index % 2 === 0 ? 'gpt-5' : 'claude-sonnet-4-5',
    provider: index % 2 === 0 ? 'openai' : 'anthropic',
    api: index % 2 === 0 ? 'openai_chat' : 'anthropic_messages',
    session_id: `s-${index % 5}`,
    state: index % 10 === 0 ? 'error' : 'complete',
    status: index % 10 === 0 ? 529 : 200,
    cost_nanodollars: index % 10 === 0 ? null : '1000000007',
    quota_charges: index === 59 ? CHARGES : [],
    ...(index % 10 === 0 ? { usage: null, usage_state: 'absent' } : {}),
  });
});
const newestFirst = records.map(({ id }) => id).reverse();

beforeAll(async () => {
  postgres = await startTestPostgres('dashboard');
  ({ pool, address } = await postgres.migrated());
  const store = createRecordStore(pool, clock);
  expect(await store.store(records)).toEqual({ inserted: 60, dead: 0 });
});

afterAll(async () => {
  await postgres.stop();
});

describe('GET /api/requests', () => {
  test('lists the newest first, with the names of the record, RFC 3339 times and money as text', async () => {
    const { status, body } = await get('/api/requests?limit=1');
    expect(status).toBe(200);
    expect(body.next).toBe(newestFirst[0]);
    expect(body.items).toHaveLength(1);
    const record = records[59]!;
    expect(body.items[0]).toEqual({
      id: record.id,
      gateway: 'gateway-a',
      segment: 1,
      received_at: '2026-11-23T10:20:30.123456Z',
      first_byte_at: '2026-11-23T10:20:30.373956Z',
      ended_at: '2026-11-23T10:20:31.123706Z',
      login: 'alice@example.com',
      node_id: 'n1',
      node_name: 'laptop',
      tags: [],
      groups: [],
      identity_source: 'tailscale',
      agent: 'claude-code',
      client_version: '2.0.1',
      user_agent: 'claude-cli/2.0.1',
      provider: 'anthropic',
      key_id: 'key-1',
      model: 'claude-sonnet-4-5',
      model_served: 'claude-sonnet-4-5-20250929',
      api: 'anthropic_messages',
      method: 'POST',
      path: '/v1/messages',
      status: 200,
      stream: true,
      state: 'complete',
      denied_by: null,
      usage: record.usage,
      usage_state: 'final',
      usage_flags: [],
      cost_nanodollars: '1000000007',
      cost_basis: 'anthropic/claude-sonnet-4-5',
      price_version: '2026-11-01',
      service_tier: 'standard',
      session_id: 's-4',
      session_base: 's-1',
      parent_session_id: null,
      agent_id: null,
      previous_response: null,
      stop_reason: 'end_turn',
      tool_call_count: 1,
      // Without the arguments: they are told of one request at a time.
      tool_calls: [{ id: 'toolu_1', name: 'Read', bytes: 15 }],
      server_tools: { web_search: 2 },
      attempts: record.attempts,
      edits: record.edits,
      grant_ids: ['config:0'],
      config_version: 'c1',
      request_bytes: 2048,
      response_bytes: 4096,
      request_sha256: 'a'.repeat(64),
      response_sha256: 'b'.repeat(64),
      provider_request_id: 'req_1',
      response_id: 'msg_1',
      error: null,
    });
  });

  test.each([1, 7, 20, 60, 1000])('pages of %i are complete, in order and without repeats', async (limit) => {
    const seen: string[] = [];
    let before = '';
    for (let pages = 0; pages <= 60; pages += 1) {
      const { body } = await get(`/api/requests?limit=${limit}${before}`);
      seen.push(...ids(body.items));
      if (body.next === null) break;
      before = `&before=${body.next}`;
    }
    expect(seen).toEqual(newestFirst);
  });

  test('a page keeps its place while new records arrive', async () => {
    const { pool: other } = await postgres.migrated();
    const store = createRecordStore(other, clock);
    await store.store(records.slice(0, 20));
    const ask = async (query: string): Promise<{ items: Shown[]; next: string }> => {
      const parts = { pool: other, clock, log: silentLog };
      const { body } = await answer(parts, { method: 'GET', path: '/api/requests', query, caller: admin });
      const page: { items: Shown[]; next: string } = JSON.parse(String(body));
      return page;
    };
    const first = await ask('limit=10');
    await store.store(records.slice(20));
    const second = await ask(`limit=10&before=${first.next}`);
    expect([...ids(first.items), ...ids(second.items)]).toEqual(newestFirst.slice(40));
  });

  const matching = (of: (record: (typeof records)[number]) => boolean): string[] =>
    records
      .filter(of)
      .map(({ id }) => id)
      .reverse();
  test.each([
    ['login=bob@example.com', matching((r) => r.login === 'bob@example.com')],
    ['model=gpt-5', matching((r) => r.model === 'gpt-5')],
    ['provider=anthropic', matching((r) => r.provider === 'anthropic')],
    ['api=openai_chat', matching((r) => r.api === 'openai_chat')],
    ['state=error', matching((r) => r.state === 'error')],
    ['state=complete', matching((r) => r.state === 'complete')],
    ['status=529', matching((r) => r.status === 529)],
    ['session=s-3', matching((r) => r.session_id === 's-3')],
    ['from=2026-11-22&to=2026-11-23', matching((r) => new Date(r.received_at).getUTCDate() === 22)],
    ['from=2026-11-23T11:00:00%2B01:00', matching((r) => r.received_at >= Date.UTC(2026, 10, 23, 10))],
    [
      'model=gpt-5&login=bob@example.com&state=complete&session=s-1',
      matching(
        (r) => r.model === 'gpt-5' && r.login === 'bob@example.com' && r.state === 'complete' && r.session_id === 's-1',
      ),
    ],
    ["model='; DROP TABLE aperture.records; --", []],
  ])('?%s selects exactly what it says', async (query, expected) => {
    const { body } = await get(`/api/requests?limit=1000&${query}`);
    expect(ids(body.items)).toEqual(expected);
    expect(body.next).toBeNull();
  });

  test('users see their own rows only, whatever they ask for', async () => {
    const own = await get('/api/requests?limit=1000', bob);
    expect(ids(own.body.items)).toEqual(matching((r) => r.login === 'bob@example.com'));
    expect((await get('/api/requests?login=alice@example.com', bob)).body.items).toEqual([]);
  });

  test.each([
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=10&limit=20', 'limit'],
    ['before=123', 'before'],
    ['before=7c9e6679-7425-40de-944b-e07fc1f90ae7', 'before'],
    ['state=done', 'state'],
    ['api=soap', 'api'],
    ['status=-1', 'status'],
    ['from=yesterday', 'from'],
    ['to=2026-02-30T99:00:00Z', 'to'],
    ['modle=gpt-5', 'modle'],
    [`model=${'x'.repeat(601)}`, 'model'],
    ['model=a%00b', 'model'],
  ])('?%s is a 400 that names the parameter', async (query, name) => {
    const { status, body } = await get(`/api/requests?${query}`);
    expect(status).toBe(400);
    expect(body['code']).toBe('gateway_bad_parameter');
    expect(body['error']).toContain(name);
  });
});

describe('GET /api/requests/{id}', () => {
  test('answers the whole record, with what was learned later', async () => {
    const record = records[59]!;
    await pool.query(
      `INSERT INTO aperture.amendments (record_id, id, at, kind, body) VALUES ($1, $2, '2026-11-23T11:00:00Z', 'price', '{"cost_nanodollars":"5"}')`,
      [record.id, idAt(TEST_TIME_MS)],
    );
    const { status, body } = await get(`/api/requests/${record.id}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      id: record.id,
      tool_calls: record.tool_calls,
      usage_detail: {},
      verdicts: [],
      quota_charges: CHARGES,
      cost_nanodollars: '5',
      usage: record.usage,
      booked: { cost_nanodollars: '1000000007', usage: record.usage, usage_state: 'final' },
      amendments: [{ at: '2026-11-23T11:00:00.000000Z', kind: 'price', body: { cost_nanodollars: '5' } }],
    });
    expect((await get(`/api/requests/${record.id.toUpperCase()}`)).body['id']).toBe(record.id);
  });

  test('absent usage is null', async () => {
    const { body } = await get(`/api/requests/${records[0]!.id}`);
    expect(body).toMatchObject({ usage: null, usage_state: 'absent', cost_nanodollars: null, booked: null });
  });

  test("another's id, an unknown one and rubbish are the same 404", async () => {
    const foreign = records.find(({ login }) => login === 'bob@example.com')!;
    expect((await get(`/api/requests/${foreign.id}`, bob)).status).toBe(200);
    const answers = [
      await get(`/api/requests/${foreign.id}`, alice),
      await get(`/api/requests/${idAt(TEST_TIME_MS)}`, alice),
      await get('/api/requests/rubbish', alice),
      await get('/api/requests/', alice),
    ];
    for (const found of answers) expect(found).toEqual(answers[0]);
    expect(answers[0]).toEqual({ status: 404, body: { error: expect.any(String), code: 'gateway_not_found' } });
  });
});

describe('GET /api/usage', () => {
  const all = 'from=2026-11-01&to=2026-12-01';
  // 6 of 60 have neither usage nor cost.
  const usageOf = (exchanges: number): Record<string, number> => ({
    ...Object.fromEntries(USAGE_KINDS.map((kind) => [kind, 0])),
    input_uncached: 100 * exchanges,
    cache_read: 2000 * exchanges,
    cache_write_5m: 30 * exchanges,
    cache_write_1h: 4 * exchanges,
    cache_write_other: 5 * exchanges,
    output: 600 * exchanges,
    reasoning: 70 * exchanges,
  });

  test('failure mode 41: sums of roll-ups by model, exactly, and counts beside the sums what they lack', async () => {
    const { status, body } = await get(`/api/usage?${all}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      from: '2026-11-01T00:00:00.000Z',
      to: '2026-12-01T00:00:00.000Z',
      group: 'model',
      interval: null,
      truncated: false,
    });
    expect(body.items).toEqual([
      {
        model: 'claude-sonnet-4-5',
        requests: 30,
        refused: 0,
        errors: 0,
        usage_absent: 0,
        usage_partial: 0,
        usage_estimated: 0,
        cost_unknown: 0,
        usage: usageOf(30),
        cost_nanodollars: (30n * 1_000_000_007n).toString(),
        request_bytes: 30 * 2048,
        response_bytes: 30 * 4096,
      },
      {
        model: 'gpt-5',
        requests: 30,
        refused: 0,
        errors: 6,
        usage_absent: 6,
        usage_partial: 0,
        usage_estimated: 0,
        cost_unknown: 6,
        usage: usageOf(24),
        cost_nanodollars: (24n * 1_000_000_007n).toString(),
        request_bytes: 30 * 2048,
        response_bytes: 30 * 4096,
      },
    ]);
    expect(body.total).toMatchObject({
      requests: 60,
      errors: 6,
      cost_unknown: 6,
      cost_nanodollars: (54n * 1_000_000_007n).toString(),
    });
  });

  test.each([
    ['login', { 'alice@example.com': 40, 'bob@example.com': 20 }],
    ['group', { '': 40, 'group:dev': 20, 'group:ops': 20 }],
    ['node', { n1: 60 }],
    ['provider', { anthropic: 30, openai: 30 }],
    ['agent', { 'claude-code': 60 }],
    ['api', { anthropic_messages: 30, openai_chat: 30 }],
  ])('group=%s', async (group, expected) => {
    const { body } = await get(`/api/usage?${all}&group=${group}`);
    expect(Object.fromEntries(body.items.map((item) => [item[group], item['requests']]))).toEqual(expected);
    expect(body.total['requests']).toBe(60);
  });

  test('by day and by hour, in order of time', async () => {
    const days = await get(`/api/usage?${all}&interval=day&group=node`);
    expect(days.body.items.map((item) => [item['time'], item['requests']])).toEqual([
      ['2026-11-20T00:00:00.000000Z', 1],
      ['2026-11-21T00:00:00.000000Z', 24],
      ['2026-11-22T00:00:00.000000Z', 24],
      ['2026-11-23T00:00:00.000000Z', 11],
    ]);
    const hours = await get(`/api/usage?${all}&interval=hour&group=node`);
    expect(hours.body.items).toHaveLength(60);
    expect(hours.body.items[0]!['time']).toBe('2026-11-20T23:00:00.000000Z');
  });

  test('without a range: the last day, in whole hours', async () => {
    const { body } = await get('/api/usage?group=node');
    expect([body['from'], body['to']]).toEqual(['2026-11-22T10:00:00.000Z', '2026-11-23T11:00:00.000Z']);
    expect(body.total['requests']).toBe(25);
  });

  test('by status, and by the hours of a broken day beside whole days', async () => {
    const { body } = await get(`/api/usage?${all}&group=status`);
    // One of ten failed.
    expect(body.items.map((item) => [item['status'], item['requests']])).toEqual([
      [200, 54],
      [529, 6],
    ]);
    // Records are an hour apart, the newest in the hour of 10: from 3 hours before midnight of the first to 5 after the last.
    const day = await get('/api/usage?from=2026-11-21T21:00:00Z&to=2026-11-23T05:00:00Z&group=api&interval=day');
    const hour = await get('/api/usage?from=2026-11-21T21:00:00Z&to=2026-11-23T05:00:00Z&group=api&interval=hour');
    const byDay = new Map<unknown, number>();
    for (const item of day.body.items)
      byDay.set(item['time'], (byDay.get(item['time']) ?? 0) + Number(item['requests']));
    expect([...byDay.values()]).toEqual([3, 24, 5]);
    expect([day.body.total['requests'], hour.body.total['requests'], hour.body.items.length]).toEqual([32, 32, 32]);
  });

  test.each(['model', 'group', 'login', 'status'])(
    'with the groups of a report by time: what it says of them without an interval (group=%s)',
    async (group) => {
      const { body: whole } = await get(`/api/usage?${all}&group=${group}`);
      for (const interval of ['day', 'hour']) {
        const { body } = await get(`/api/usage?${all}&group=${group}&interval=${interval}&with=groups`);
        expect(body['groups']).toEqual(whole.items);
        expect(body.total).toEqual(whole.total);
        expect(body).not.toHaveProperty('users');
      }
    },
  );

  test('with how many people were not refused, of those that one may see', async () => {
    const users = async (query: string, caller?: ApiCaller): Promise<unknown> =>
      (await get(`/api/usage?${all}&${query}`, caller)).body['users'];
    expect(await users('with=users')).toBe(2);
    expect(await users('with=groups,users&interval=day')).toBe(2);
    expect(await users('with=users&login=alice@example.com')).toBe(1);
    expect(await users('with=users&login=nobody@example.com')).toBe(0);
    expect(await users('with=users', bob)).toBe(1);
    expect(await users('interval=day')).toBeUndefined();
    for (const query of ['with=groups', 'with=everything&interval=day', 'with=users,users']) {
      expect((await get(`/api/usage?${query}`)).status).toBe(400);
    }
  });

  test('users see their own sums only', async () => {
    const { body } = await get(`/api/usage?${all}&group=login`, bob);
    expect(body.items.map((item) => item['login'])).toEqual(['bob@example.com']);
    expect(body.total['requests']).toBe(20);
  });

  test.each([
    ['group=team', 'group'],
    ['interval=week', 'interval'],
    ['from=2026-11-23&to=2026-11-22', 'from'],
    ['session=x', 'session'],
  ])('?%s is a 400 that names the parameter', async (query, name) => {
    const { status, body } = await get(`/api/usage?${query}`);
    expect(status).toBe(400);
    expect(body['error']).toContain(name);
  });
});

describe('the API', () => {
  test('other paths are 404 and other verbs 405', async () => {
    for (const path of ['/api/nothing', '/api/usage/x', `/api/requests/${records[0]!.id}/x`, '/other']) {
      expect((await get(path)).status).toBe(404);
    }
    const put = await answer(
      { pool, clock, log: silentLog },
      { method: 'PUT', path: '/api/usage', query: '', caller: admin },
    );
    expect(put.status).toBe(405);
  });

  test('the thread answers each question once, in JSON bytes', async () => {
    const { told, post } = answers();
    const api = runApi({ data: { database: address, logLevel: 'silent' }, clock, log: silentLog, post });
    for (let ask = 1; ask <= 80; ask += 1) {
      api.take({
        kind: 'ask',
        ask,
        request: { method: 'GET', path: '/api/requests', query: 'limit=2', caller: alice },
      });
    }
    await until('all are answered', () => told.length === 80);
    expect(told.map(({ ask }) => ask).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 80 }, (_, index) => index + 1),
    );
    const statuses = told.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(64);
    expect(statuses.filter((status) => status === 503)).toHaveLength(16);
    const good = told.find(({ status }) => status === 200)!;
    expect(JSON.parse(new TextDecoder().decode(good.body))).toMatchObject({ items: [{}, {}] });
    await api.close();
  });

  test('failure mode 43: readers who hold all their connections keep nobody from the books, nor from looking up whose a response is', async () => {
    const told: FromApi[] = [];
    const post = (message: FromApi): void => {
      told.push(message);
    };
    const api = runApi({ data: { database: address, logLevel: 'silent' }, clock, log: silentLog, post });
    const blocker = await pool.connect();
    await blocker.query('BEGIN');
    // Only readers need it.
    await blocker.query('LOCK TABLE aperture.held_tool_calls IN ACCESS EXCLUSIVE MODE');
    const question = { method: 'GET', path: '/api/requests', query: '', caller: admin } as const;
    for (let ask = 1; ask <= 20; ask += 1) api.take({ kind: 'ask', ask, request: question });
    await until('every reader waits', async () => {
      const { rows } = await pool.query(
        `SELECT FROM pg_stat_activity WHERE application_name = 'aperture-reads' AND datname = current_database()
            AND wait_event_type = 'Lock'`,
      );
      return rows.length === READERS.max;
    });
    const ledger = openPool(address, {
      name: 'ledger',
      max: 1,
      statementMs: 5_000,
      waitMs: 1_000,
      onError: () => undefined,
    });
    const late = aRecord({ received_at: TEST_TIME_MS - 90 * 24 * HOUR, id: uuid7Floor(TEST_TIME_MS - 90 * 24 * HOUR) });
    expect(await createRecordStore(ledger, clock).store([late])).toEqual({ inserted: 1, dead: 0 });
    api.take({ kind: 'whose', ask: 21, resource: { kind: 'response', id: 'resp-of-nobody' }, login: alice.login });
    await until('it is looked up', () => told.length === 1);
    expect(told[0]).toMatchObject({ kind: 'whose', ask: 21, outcome: { ok: true } });
    await blocker.query('COMMIT');
    blocker.release();
    await until('the readers are answered', () => told.length === 21);
    await pool.query('DELETE FROM aperture.records WHERE id = $1', [late.id]);
    await Promise.all([api.close(), ledger.end()]);
  });

  test.each([
    ['no server', { host: '/nonexistent', port: 5432, user: 'x', password: 'canary-password', database: 'x' }],
    ['no tables yet', undefined],
  ])('a database with %s is a 503 that tells no secret', async (_name, database) => {
    const { told, post } = answers();
    const at = database ?? (await postgres.database());
    const api = runApi({ data: { database: at, logLevel: 'silent' }, clock, log: silentLog, post });
    api.take({ kind: 'ask', ask: 1, request: { method: 'GET', path: '/api/usage', query: '', caller: admin } });
    const message = await until('it is answered', () => told[0]);
    expect(message.status).toBe(503);
    expect(message.headers).toContainEqual(['retry-after', '1']);
    const text = new TextDecoder().decode(message.body);
    expect(JSON.parse(text)).toMatchObject({ code: 'gateway_store_unavailable' });
    expect(text).not.toContain('canary');
    expect(text).not.toContain('nonexistent');
    await api.close();
  });
});
