import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Pool } from 'pg';
import { z } from 'zod';
import { answer } from '../../src/dashboard/routes.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { bury, countLetters, LETTERS_KEPT_DAYS, pruneLetters } from '../../src/store/dead-letters.ts';
import { createRecordStore } from '../../src/store/records.ts';
import type { RecordStore } from '../../src/store/records.ts';
import { HandClock } from '../support/hand-clock.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { aRecord } from '../support/records.ts';

let postgres: TestPostgres;
let pool: Pool;
let store: RecordStore;

beforeAll(async () => {
  postgres = await startTestPostgres('dead-letters');
  pool = (await postgres.migrated()).pool;
  store = createRecordStore(pool, systemClock);
});
afterAll(() => postgres.stop());
beforeEach(() => pool.query('TRUNCATE aperture.dead_letters'));

const Letter = z.object({
  id: z.string(),
  kind: z.string(),
  subject: z.string().nullable(),
  error: z.string(),
  bytes: z.int(),
  body: z.unknown().optional(),
});
const Page = z.object({ items: z.array(Letter), next: z.string().nullable() });

async function ask(
  method: string,
  path: string,
  { role = 'admin', readCaptures = true }: { role?: 'admin' | 'user'; readCaptures?: boolean } = {},
): Promise<{ status: number; body: unknown }> {
  const [bare = '', query = ''] = path.split('?');
  const caller = { login: 'root@example.com', role, readCaptures, filterableHeaders: [] };
  const answered = await answer({ pool, clock: systemClock, log: silentLog }, { method, path: bare, query, caller });
  const text = answered.body.toString();
  return { status: answered.status, body: text === '' ? undefined : JSON.parse(text) };
}

async function list(query = ''): Promise<z.infer<typeof Page>> {
  return Page.parse((await ask('GET', `/api/dead-letters${query}`)).body);
}

/** Fits the schema, and no bigint. */
const tooDear = () => aRecord({ cost_nanodollars: '9'.repeat(30) });

describe('dead letters', () => {
  test('are listed newest first, in pages, and shown one by one', async () => {
    const records = [tooDear(), tooDear(), tooDear()];
    for (const record of records) await store.store([record]);
    const first = await list('?limit=2');
    expect(first.items.map(({ kind, subject }) => [kind, subject])).toEqual([
      ['record', records[2]?.id],
      ['record', records[1]?.id],
    ]);
    const second = await list(`?limit=2&before=${first.next ?? ''}`);
    expect(second.items.map(({ subject }) => subject)).toEqual([records[0]?.id]);
    expect(second.next).toBeNull();
    const [newest] = first.items;
    const shown = await ask('GET', `/api/dead-letters/${newest?.id ?? ''}`);
    expect(shown.body).toMatchObject({
      error: newest?.error,
      body: { id: records[2]?.id, login: 'alice@example.com' },
    });
    expect(newest?.bytes).toBe(Buffer.byteLength(JSON.stringify(records[2])));
  });

  test('are for admins alone, and headers of callers for those who may read captures', async () => {
    const body = { v: 9, request_headers: [['x', 'y']] };
    await bury(pool, systemClock, { kind: 'job', subject: 'records', error: 'not a job', body });
    const [letter] = (await list()).items;
    expect(letter).toMatchObject({ kind: 'job', subject: 'records' });
    const path = `/api/dead-letters/${letter?.id ?? ''}`;
    expect((await ask('GET', path)).body).toMatchObject({ body: { v: 9 } });
    expect((await ask('GET', path, { readCaptures: false })).body).toMatchObject({ body: null });
    for (const method of ['GET', 'DELETE']) expect((await ask(method, path, { role: 'user' })).status).toBe(403);
  });

  test('that can be stored by now are stored once and gone; the others stay with the reason of today', async () => {
    const later = aRecord({ login: 'later@example.com' });
    await bury(pool, systemClock, {
      kind: 'record',
      subject: later.id,
      error: 'the build before could not',
      body: later,
    });
    const batch = { v: 1, records: [aRecord({ login: 'job@example.com' })] };
    await bury(pool, systemClock, { kind: 'job', subject: 'records', error: 'not a job', body: batch });
    await bury(pool, systemClock, { kind: 'job', subject: 'records', error: 'not a job', body: { v: 99 } });
    await bury(pool, systemClock, { kind: 'record', subject: null, error: 'of the build before', body: tooDear() });
    expect(await ask('POST', '/api/dead-letters/replay?all=true')).toEqual({
      status: 200,
      body: { replayed: 2, failed: 2, next: null },
    });
    expect((await ask('POST', '/api/dead-letters/replay?all=true')).body).toEqual({
      replayed: 0,
      failed: 2,
      next: null,
    });
    const { items } = await list();
    expect(items.map(({ kind }) => kind).sort()).toEqual(['job', 'record']);
    expect(items.find(({ kind }) => kind === 'record')?.error).toContain('out of range');
    const { rows } = await pool.query(
      `SELECT login, count(*)::int AS n FROM aperture.records WHERE login LIKE '%er@example.com' OR login LIKE 'job@%'
        GROUP BY 1 ORDER BY 1`,
    );
    expect(rows).toEqual([
      { login: 'job@example.com', n: 1 },
      { login: 'later@example.com', n: 1 },
    ]);
  });

  test('one is replayed or removed by its id; asked amiss, nothing happens', async () => {
    await store.store([tooDear(), tooDear()]);
    const [one, other] = (await list()).items;
    expect((await ask('POST', `/api/dead-letters/replay?id=${one?.id ?? ''}`)).body).toMatchObject({ failed: 1 });
    expect((await ask('DELETE', `/api/dead-letters/${other?.id ?? ''}`)).status).toBe(204);
    expect((await ask('DELETE', `/api/dead-letters/${other?.id ?? ''}`)).status).toBe(404);
    expect((await ask('POST', '/api/dead-letters/replay')).status).toBe(400);
    expect((await ask('POST', `/api/dead-letters/replay?all=true&id=${one?.id ?? ''}`)).status).toBe(400);
    expect((await list()).items).toHaveLength(1);
  });

  test('count as stored where the journal is asked what is missing', async () => {
    const [good, dead, nowhere] = [aRecord(), tooDear(), aRecord()];
    await store.store([good, dead]);
    expect(await store.missing([good.id, dead.id, nowhere.id])).toEqual([nowhere.id]);
  });

  test('are kept for so long and no longer', async () => {
    const clock = new HandClock();
    // Ids of a thread never go back in time.
    clock.advance(Date.now() - clock.nowMs() + 60_000);
    await bury(pool, clock, { kind: 'job', subject: 'records', error: 'old', body: { v: 2 } });
    clock.advance((LETTERS_KEPT_DAYS - 1) * 86_400_000);
    await bury(pool, clock, { kind: 'job', subject: 'records', error: 'new', body: { v: 3 } });
    expect(await pruneLetters(pool, clock)).toBe(0);
    clock.advance(2 * 86_400_000);
    expect(await pruneLetters(pool, clock)).toBe(1);
    expect(await countLetters(pool)).toBe(1);
  });
});
