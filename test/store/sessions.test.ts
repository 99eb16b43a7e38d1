import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { createRecordStore } from '../../src/store/records.ts';
import type { RecordStore } from '../../src/store/records.ts';
import { aTurn, BASE } from '../support/conversations.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord, TEST_TIME_MS } from '../support/records.ts';

let postgres: TestPostgres;
let pool: Pool;
let store: RecordStore;

const clock = { nowMs: () => TEST_TIME_MS };
const HOUR = 3600;

beforeAll(async () => {
  postgres = await startTestPostgres('sessions');
  ({ pool } = await postgres.migrated());
  store = createRecordStore(pool, clock);
});

afterAll(async () => {
  await postgres.stop();
});

beforeEach(async () => {
  await pool.query(
    'TRUNCATE aperture.records, aperture.session_turns, aperture.sessions, aperture.tool_calls, aperture.tool_results',
  );
});

async function storeEach(...records: ExchangeRecord[]): Promise<void> {
  for (const record of records) expect(await store.store([record])).toEqual({ inserted: 1, dead: 0 });
}

async function sessionsOf(...records: ExchangeRecord[]): Promise<string[]> {
  const { rows } = await pool.query<{ id: string; session_id: string }>('SELECT id, session_id FROM aperture.records');
  const sessions = new Map(rows.map((row) => [row.id, row.session_id]));
  return records.map(({ id }) => sessions.get(id) ?? 'not stored');
}

/** The name of a session that this record began, when it was not the first of its base. */
function begunBy(record: ExchangeRecord): string {
  return `${BASE}_${record.id.slice(-12)}`;
}

const HI = ['hi'];
const A2 = ['hi', 'hello', 'how are you'];
const A3 = [...A2, 'fine', 'good'];
const B2 = ['hi', 'good day', 'what time is it'];
const B3 = [...B2, 'noon', 'thanks'];

describe('conversations that are known by their content', () => {
  test('requests that extend one another are one session, under the name of its base', async () => {
    const turns = [aTurn(0, HI), aTurn(10, A2), aTurn(20, A3)];
    await storeEach(...turns);
    expect(await sessionsOf(...turns)).toEqual([BASE, BASE, BASE]);
  });

  test('the same in one batch, in any order within it', async () => {
    const turns = [aTurn(0, HI), aTurn(10, A2), aTurn(20, HI), aTurn(30, B2), aTurn(40, A3)];
    await store.store([...turns].reverse());
    const second = begunBy(turns[2]!);
    expect(await sessionsOf(...turns)).toEqual([BASE, BASE, second, second, BASE]);
  });

  test('the same first words again, when the first conversation had gone on, are a second one; each goes on', async () => {
    const [a1, a2, b1, b2, a3, b3] = [
      aTurn(0, HI),
      aTurn(10, A2),
      aTurn(20, HI),
      aTurn(30, B2),
      aTurn(40, A3),
      aTurn(50, B3),
    ] as const;
    await storeEach(a1, a2, b1, b2, a3, b3);
    const second = begunBy(b1);
    expect(await sessionsOf(a1, a2, a3)).toEqual([BASE, BASE, BASE]);
    expect(await sessionsOf(b1, b2, b3)).toEqual([second, second, second]);
  });

  test('the same conversation, answers and all, is held again', async () => {
    const [first, second] = [0, 100].map((at) => [aTurn(at, HI), aTurn(at + 10, A2), aTurn(at + 20, A3)]);
    await storeEach(...first!, ...second!);
    expect(await sessionsOf(...first!)).toEqual([BASE, BASE, BASE]);
    expect(new Set(await sessionsOf(...second!))).toEqual(new Set([begunBy(second![0]!)]));
  });

  test('a retry is in the session of what it repeats, at its beginning and later', async () => {
    const turns = [
      aTurn(0, HI, { state: 'error', status: 529 }),
      aTurn(2, HI),
      aTurn(10, A2),
      aTurn(12, A2),
      aTurn(20, A3),
    ];
    await storeEach(...turns);
    expect(new Set(await sessionsOf(...turns))).toEqual(new Set([BASE]));
  });

  test('a retry that is stored after its continuation is in its session too', async () => {
    const turns = [aTurn(0, HI), aTurn(10, A2), aTurn(2, HI)];
    await storeEach(...turns);
    expect(await sessionsOf(...turns)).toEqual([BASE, BASE, BASE]);
  });

  test('a message that was edited is the same conversation as far as a request of it is known', async () => {
    const edited = aTurn(20, ['hi', 'hello', 'who are you']);
    await storeEach(aTurn(0, HI), aTurn(10, A2), edited);
    expect(await sessionsOf(edited)).toEqual([BASE]);
  });

  test('a history that was rewritten is a new one', async () => {
    const rewritten = aTurn(20, ['hi', 'summary of what was said', 'go on']);
    const after = aTurn(30, ['hi', 'summary of what was said', 'go on', 'yes', 'and?']);
    await storeEach(aTurn(0, A2), aTurn(10, A3), rewritten, after);
    expect(await sessionsOf(rewritten, after)).toEqual([begunBy(rewritten), begunBy(rewritten)]);
  });

  test('a conversation that rests for more than eight hours has ended', async () => {
    const [first, second, third] = [aTurn(0, HI), aTurn(7.9 * HOUR, A2), aTurn(16 * HOUR, A3)] as const;
    await storeEach(first, second, third);
    expect(await sessionsOf(first, second, third)).toEqual([BASE, BASE, begunBy(third)]);
  });

  test('the turns of a conversation are one session in whatever order they are stored', async () => {
    const orders = permutations([0, 1, 2, 3]);
    for (const [index, order] of orders.entries()) {
      const login = `user${index}@example.com`;
      const turns = [HI, A2, A3, [...A3, 'bye', 'bye']].map((said, at) => aTurn(at, said, { login }));
      await storeEach(...order.map((at) => turns[at]!));
      expect(await sessionsOf(...turns), order.join()).toEqual([BASE, BASE, BASE, BASE]);
    }
  });

  test('two callers with the same base have nothing to do with one another', async () => {
    const bob = { login: 'bob@example.com' };
    const [a1, a2, b2] = [aTurn(0, HI), aTurn(10, A2), aTurn(20, B2, bob)] as const;
    const b1 = aTurn(15, HI, bob);
    await storeEach(a1, a2, b1, b2);
    expect(await sessionsOf(a1, a2, b1, b2)).toEqual([BASE, BASE, BASE, BASE]);
    const { rows } = await pool.query('SELECT login, requests::int FROM aperture.sessions ORDER BY login');
    expect(rows).toEqual([
      { login: 'alice@example.com', requests: 2 },
      { login: 'bob@example.com', requests: 2 },
    ]);
  });

  test("a client's own id is never split", async () => {
    const own = { session_id: 'own', session_base: 'own' };
    const turns = [aTurn(0, HI, own), aTurn(10, A2, own), aTurn(20, HI, own), aTurn(90 * HOUR, ['bye'], own)];
    await storeEach(...turns);
    expect(new Set(await sessionsOf(...turns))).toEqual(new Set(['own']));
  });

  test('what has no history is in the session of its base', async () => {
    const turns = [aTurn(0, HI, { history: null }), aTurn(30 * HOUR, HI, { history: null })];
    await storeEach(...turns);
    expect(await sessionsOf(...turns)).toEqual([BASE, BASE]);
  });

  test('failure mode 10: jobs that are tried again, alone or with others, decide the same', async () => {
    const turns = [aTurn(0, HI), aTurn(10, A2), aTurn(20, HI), aTurn(30, B2)];
    await store.store(turns.slice(0, 3));
    const before = await sessionsOf(...turns.slice(0, 3));
    expect(await store.store(turns.slice(0, 3))).toEqual({ inserted: 0, dead: 0 });
    expect(await store.store(turns.slice(2))).toEqual({ inserted: 1, dead: 0 });
    expect(await sessionsOf(...turns)).toEqual([...before, begunBy(turns[2]!)]);
    const { rows } = await pool.query('SELECT sum(requests)::int AS requests FROM aperture.sessions');
    expect(rows).toEqual([{ requests: 4 }]);
  });

  test('several processors that store the same conversations at once agree, and none fails', async () => {
    const stores = Array.from({ length: 4 }, () => createRecordStore(pool, clock));
    const callers = Array.from({ length: 10 }, (_, index) => `user${index}@example.com`);
    // A first conversation each, so that a session that is begun twice would have two names.
    await store.store(callers.flatMap((login) => [aTurn(0, HI, { login }), aTurn(1, A2, { login })]));
    let said = ['hi'];
    const turns: ExchangeRecord[] = [];
    for (let at = 0; at < 24; at += 1) {
      turns.push(...callers.map((login) => aTurn(10 + at, said, { login })));
      said = [...said, `answer ${at}`, `question ${at}`];
    }
    const batches = Array.from({ length: 16 }, (_, batch) => turns.filter((_turn, index) => index % 16 === batch));
    const stored = await Promise.all(
      batches.map((batch, index) => stores[index % 4]!.store(index % 2 === 0 ? batch : [...batch].reverse())),
    );
    expect(stored.reduce((sum, { inserted }) => sum + inserted, 0)).toBe(240);
    const { rows } = await pool.query<{ login: string; sessions: number }>(
      `SELECT login, count(DISTINCT session_id)::int AS sessions FROM aperture.records GROUP BY login`,
    );
    expect(rows).toHaveLength(10);
    // The new one, and perhaps the first: turns of the new that came in before its beginning may have gone there.
    for (const { sessions } of rows) expect(sessions).toBeLessThanOrEqual(2);
  });
});

describe('conversations that the provider remembers', () => {
  const chained = (at: number, previous: string, change: Partial<ExchangeRecord> = {}): ExchangeRecord =>
    aTurn(at, ['go on'], { previous_response: previous, session_base: 'oacc_ffeeddccbbaa9988', ...change });

  test('a request is in the session of the response that it continues, after any pause', async () => {
    const first = aTurn(0, HI, { response_id: 'resp_1' });
    const second = chained(10, 'resp_1', { response_id: 'resp_2' });
    const third = chained(200 * HOUR, 'resp_2', { response_id: 'resp_3' });
    await storeEach(first, second, third);
    expect(await sessionsOf(first, second, third)).toEqual([BASE, BASE, BASE]);
  });

  test('the same within one batch', async () => {
    const turns = [aTurn(0, HI, { response_id: 'resp_1' }), chained(10, 'resp_1', { response_id: 'resp_2' })];
    await store.store([...turns, chained(20, 'resp_2')]);
    expect(new Set(await sessionsOf(...turns))).toEqual(new Set([BASE]));
  });

  test("another caller's response is none; each request is then by itself", async () => {
    const first = aTurn(0, HI, { response_id: 'resp_1' });
    const strangers = [10, 20].map((at) => chained(at, 'resp_1', { login: 'bob@example.com' }));
    await storeEach(first, ...strangers);
    expect(await sessionsOf(...strangers)).toEqual(strangers.map(({ id }) => `oacc_ffeeddccbbaa9988_${id.slice(-12)}`));
  });

  test("with a client's own id, that one counts", async () => {
    const first = aTurn(0, HI, { response_id: 'resp_1' });
    const second = chained(10, 'resp_1', { session_id: 'own', session_base: 'own' });
    await storeEach(first, second);
    expect(await sessionsOf(second)).toEqual(['own']);
  });
});

describe('sums of sessions', () => {
  test('are those of their records, whoever stores them in whatever order', async () => {
    const all = Array.from({ length: 200 }, (_, index) =>
      aRecord({
        session_id: `s-${index % 7}`,
        login: index % 3 === 0 ? 'bob@example.com' : 'alice@example.com',
        cost_nanodollars: index % 5 === 0 ? null : String(index * 1_000_000_007),
        state: (['complete', 'aborted', 'error', 'interrupted'] as const)[index % 4]!,
        model: `model-${index % 2}`,
        ...(index % 11 === 0 ? { usage: null, usage_state: 'absent' as const, cost_nanodollars: null } : {}),
      }),
    );
    const batches = [all.slice(0, 80), all.slice(40, 120).reverse(), all.slice(100), all.slice(0, 200)];
    await Promise.all(batches.map((batch) => store.store(batch)));
    const sums = `count(*)::int AS requests, sum(output)::int AS output, sum(cost_nanodollars)::text AS cost,
      count(*) FILTER (WHERE state IN ('error', 'interrupted'))::int AS errors,
      count(*) FILTER (WHERE cost_nanodollars IS NULL)::int AS cost_unknown,
      sum(tool_call_count)::int AS tool_calls,
      min(id::text) AS first, max(id::text) AS last, array_agg(DISTINCT model) AS models`;
    const expected = await pool.query(
      `SELECT login, session_id, ${sums} FROM aperture.records GROUP BY 1, 2 ORDER BY 1, 2`,
    );
    const { rows } = await pool.query(
      `SELECT login, session_id, requests::int, output::int, cost_nanodollars::text AS cost, errors::int,
        cost_unknown::int, tool_calls::int, first_record_id AS first, last_record_id AS last, models
       FROM aperture.sessions ORDER BY 1, 2`,
    );
    expect(rows).toHaveLength(14);
    expect(rows).toEqual(expected.rows);
  });

  test('refused requests lack neither usage nor cost', async () => {
    const denied = { state: 'denied', usage: null, usage_state: 'absent', cost_nanodollars: null } as const;
    await store.store([aRecord({ ...denied, attempts: [] }), aRecord(denied)]);
    const { rows } = await pool.query(
      'SELECT requests::int, errors::int, usage_absent::int, cost_unknown::int FROM aperture.sessions',
    );
    expect(rows).toEqual([{ requests: 2, errors: 2, usage_absent: 1, cost_unknown: 1 }]);
  });

  test('32 names of models are kept', async () => {
    for (const from of [0, 20]) {
      await store.store(Array.from({ length: 20 }, (_, index) => aRecord({ model: `model-${100 + from + index}` })));
    }
    const { rows } = await pool.query<{ models: string[] }>('SELECT models FROM aperture.sessions');
    expect(rows[0]!.models).toEqual(Array.from({ length: 32 }, (_, index) => `model-${100 + index}`));
  });

  test('the parent that is told later is kept; a session is no parent of itself', async () => {
    await store.store([aRecord({ parent_session_id: 's-1' })]);
    await store.store([aRecord({ parent_session_id: 'p' })]);
    await store.store([aRecord({ parent_session_id: null })]);
    const { rows } = await pool.query('SELECT parent_session_id FROM aperture.sessions');
    expect(rows).toEqual([{ parent_session_id: 'p' }]);
  });
});

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]];
  return items.flatMap((item, at) =>
    permutations([...items.slice(0, at), ...items.slice(at + 1)]).map((rest) => [item, ...rest]),
  );
}
