import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Pool, PoolClient } from 'pg';
import { databaseUrl, startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { APIS, errorOf, startFlow } from './support.ts';
import type { Api, Flow } from './support.ts';

/** What `server.journal` says holds in the running binary; its parts are tested in test/journal and test/fault. */
let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres('journal-settings');
});
afterAll(() => postgres.stop());

interface Started {
  flow: Flow;
  pool: Pool;
}

async function started(journal: Record<string, unknown>): Promise<Started> {
  const { address, pool } = await postgres.migrated();
  const flow = await startFlow({ env: { DATABASE_URL: databaseUrl(address) }, server: { journal } });
  // The day's tables are there once something is stored.
  await (await flow.ask('openai')).text();
  await flow.gateway.records(1);
  return { flow, pool };
}

/** The database takes no records until this is rolled back, so the journal lets go of nothing. */
async function blocked(pool: Pool): Promise<PoolClient> {
  const client = await pool.connect();
  await client.query('BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0');
  await client.query('LOCK TABLE aperture.records IN EXCLUSIVE MODE');
  return client;
}

/** A request of 1.5 MB: a dozen are more than the smallest journal holds. */
const CONTENT = 'all work and no play '.repeat(75_000);

function large(flow: Flow, api: Api): Promise<Response> {
  return flow.ask(api, { sim: 'output=5', body: { messages: [{ role: 'user', content: CONTENT }] } });
}

async function metric(flow: Flow, name: string): Promise<number> {
  const text = await (await fetch(`${flow.gateway.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1]);
}

describe('a journal that is strict, synced always, and refuses when full', () => {
  let here: Started;
  beforeAll(async () => {
    here = await started({ mode: 'strict', fsync: 'always', max_bytes: '16MiB', when_full: 'refuse' });
  });
  afterAll(() => here.flow.close());

  test('says so in its metrics', async () => {
    expect(await metric(here.flow, 'aperture_journal_strict')).toBe(1);
    expect(await metric(here.flow, 'aperture_journal_syncs_total')).toBeGreaterThan(1);
  });

  test('failure mode 39: is a 503 in the shape of each API while it is full, and takes requests again afterwards', async () => {
    const { flow, pool } = here;
    const client = await blocked(pool);
    try {
      let status = 200;
      for (let sent = 0; sent < 20 && status === 200; sent += 1) {
        const response = await large(flow, 'openai');
        await response.text();
        status = response.status;
      }
      expect(status).toBe(503);
      for (const api of APIS) {
        const response = await flow.ask(api);
        expect(response.status).toBe(503);
        expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
        expect(errorOf(api, await response.text()).code).toBe('gateway_journal_full');
      }
      expect(await metric(flow, 'aperture_journal_refused_total')).toBeGreaterThanOrEqual(3);
      expect(await metric(flow, 'aperture_journal_bytes')).toBeLessThan(16 * 1024 * 1024);
    } finally {
      client.release(true);
    }
    await until('requests are taken again', async () => (await flow.ask('openai')).status === 200, 30_000);
    expect(await metric(flow, 'aperture_journal_segments_removed_total')).toBeGreaterThan(0);
    expect(await metric(flow, 'aperture_journal_body_frames_dropped_total')).toBe(0);
  });
});

describe('a journal that is behind, never synced, and drops bodies when full', () => {
  let here: Started;
  beforeAll(async () => {
    here = await started({ mode: 'behind', fsync: 'none', max_bytes: '16MiB', when_full: 'drop_bodies' });
  });
  afterAll(() => here.flow.close());

  test('says so in its metrics', async () => {
    expect(await metric(here.flow, 'aperture_journal_strict')).toBe(0);
    expect(await metric(here.flow, 'aperture_journal_syncs_total')).toBe(0);
  });

  test('failure mode 39: answers all the same while it is full; records are whole, bodies are counted and told as missing', async () => {
    const { flow, pool } = here;
    const ids: string[] = [];
    const client = await blocked(pool);
    try {
      for (let sent = 0; sent < 16; sent += 1) {
        const response = await large(flow, 'anthropic');
        expect(response.status).toBe(200);
        await response.text();
        ids.push(response.headers.get('x-aperture-request-id') ?? '');
      }
      expect(await metric(flow, 'aperture_journal_body_frames_dropped_total')).toBeGreaterThan(0);
      expect(await metric(flow, 'aperture_journal_refused_total')).toBe(0);
    } finally {
      client.release(true);
    }
    const records = await flow.gateway.records(1 + ids.length);
    const mine = records.filter(({ id }) => ids.includes(id));
    expect(mine.map(({ state, usage }) => [state, usage?.output])).toEqual(ids.map(() => ['complete', 5]));
    const last = await until('the last capture is told', async () => {
      const found = (await flow.gateway.json(`/api/requests/${ids.at(-1) ?? ''}`)) as {
        capture: { missing_frames: number } | null;
      };
      return found.capture ?? undefined;
    });
    expect(last.missing_frames).toBeGreaterThan(0);
  });
});
