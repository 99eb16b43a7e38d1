import type { Pool } from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { Api } from '../../src/contract/api.ts';
import type { PricingSlice } from '../../src/contract/messages.ts';
import { uuid7Floor } from '../../src/lib/uuid7.ts';
import { repriceRecords } from '../../src/serve/reprice.ts';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { createRecordStore } from '../../src/store/records.ts';
import type { RecordStore } from '../../src/store/records.ts';
import { table } from '../pricing/support.ts';
import { inspected } from '../support/inspected.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { TEST_TIME_MS } from '../support/records.ts';

let postgres: TestPostgres;
let simulator: Simulator;
let pool: Pool;
let store: RecordStore;

const clock = { nowMs: () => TEST_TIME_MS + 60_000 };

const PRICING: PricingSlice = {
  autoCostBasis: true,
  prices: [],
  providers: {
    openai: { costBasis: undefined, compatibility: ['openai_chat', 'openai_responses'], modelCostMap: [] },
    anthropic: { costBasis: undefined, compatibility: ['anthropic_messages'], modelCostMap: [] },
    google: { costBasis: undefined, compatibility: ['gemini_generate_content'], modelCostMap: [] },
  },
};

beforeAll(async () => {
  postgres = await startTestPostgres('stored-money');
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
  ({ pool } = await postgres.migrated());
  store = createRecordStore(pool, clock);
});

afterAll(async () => {
  await simulator.close();
  await postgres.stop();
});

/** How an API is asked for the same, in one piece and in several. */
interface Way {
  api: Api;
  provider: string;
  unary: Question;
  streams: Question[];
}
interface Question {
  path: string;
  body: Record<string, unknown>;
}

const said = 'What does it cost?';
const messages = [{ role: 'user', content: said }];
const contents = [{ role: 'user', parts: [{ text: said }] }];

const WAYS: Record<string, (model: string) => Way> = {
  chat: (model) => ({
    api: 'openai_chat',
    provider: 'openai',
    unary: { path: '/v1/chat/completions', body: { model, messages } },
    streams: [
      {
        path: '/v1/chat/completions',
        body: { model, messages, stream: true, stream_options: { include_usage: true } },
      },
    ],
  }),
  responses: (model) => ({
    api: 'openai_responses',
    provider: 'openai',
    unary: { path: '/v1/responses', body: { model, input: said } },
    streams: [{ path: '/v1/responses', body: { model, input: said, stream: true } }],
  }),
  messages: (model) => ({
    api: 'anthropic_messages',
    provider: 'anthropic',
    unary: { path: '/v1/messages', body: { model, max_tokens: 100, messages } },
    streams: [{ path: '/v1/messages', body: { model, max_tokens: 100, messages, stream: true } }],
  }),
  gemini: (model) => ({
    api: 'gemini_generate_content',
    provider: 'google',
    unary: { path: `/v1beta/models/${model}:generateContent`, body: { contents } },
    streams: [
      { path: `/v1beta/models/${model}:streamGenerateContent?alt=sse`, body: { contents } },
      { path: `/v1beta/models/${model}:streamGenerateContent`, body: { contents } },
    ],
  }),
  embeddings: (model) => ({
    api: 'openai_embeddings',
    provider: 'openai',
    unary: { path: '/v1/embeddings', body: { model, input: said } },
    streams: [],
  }),
  'gemini embeddings': (model) => ({
    api: 'gemini_embed_content',
    provider: 'google',
    unary: { path: `/v1beta/models/${model}:embedContent`, body: { content: { parts: [{ text: said }] } } },
    streams: [],
  }),
};

/** By hand, from the published prices: nanodollars are tokens x dollars a million x 1000. */
const CASES: [way: string, model: string, script: string, nanodollars: number][] = [
  ['chat', 'gpt-5', 'input=901; output=41', 901 * 1250 + 41 * 10_000],
  ['chat', 'gpt-5', 'input=300; cached=600; output=41; reasoning=160', 300 * 1250 + 600 * 125 + (41 + 160) * 10_000],
  // failure mode 12: half, and twice.
  ['chat', 'gpt-5', 'input=300; cached=600; output=41; tier=flex', (300 * 1250 + 600 * 125 + 41 * 10_000) / 2],
  ['chat', 'gpt-5', 'input=300; cached=600; output=41; tier=priority', (300 * 1250 + 600 * 125 + 41 * 10_000) * 2],
  [
    'responses',
    'gpt-5',
    'input=300; cached=600; output=41; reasoning=160',
    300 * 1250 + 600 * 125 + (41 + 160) * 10_000,
  ],
  ['responses', 'gpt-5', 'input=300; output=41; web_searches=2', 300 * 1250 + 41 * 10_000 + 2 * 10_000_000],
  ['responses', 'gpt-5', 'input=300; output=41; tier=flex', (300 * 1250 + 41 * 10_000) / 2],
  // failure mode 6: each kind of cache at its own rate, once.
  [
    'messages',
    'claude-sonnet-4-5',
    'input=21; cached=18944; write5m=1456; write1h=2048; output=6',
    21 * 3000 + 18_944 * 300 + 1456 * 3750 + 2048 * 6000 + 6 * 15_000,
  ],
  // The closing delta of a stream tells four times the input of its start.
  ['messages', 'claude-sonnet-4-5', 'input=9870; output=164; web_searches=1', 9870 * 3000 + 164 * 15_000 + 10_000_000],
  ['messages', 'claude-opus-4-8', 'input=9; output=5; speed=fast', 9 * 10_000 + 5 * 50_000],
  ['messages', 'claude-sonnet-4-5', 'input=250000; output=7', 250_000 * 6000 + 7 * 22_500],
  [
    'gemini',
    'gemini-2.5-pro',
    'input=1552; cached=4096; output=310; reasoning=1466',
    1552 * 1250 + 4096 * 125 + (310 + 1466) * 10_000,
  ],
  ['gemini', 'gemini-2.5-pro', 'input=1552; tool_prompt=52; output=310', 1552 * 1250 + 310 * 10_000],
  ['gemini', 'gemini-2.5-pro', 'input=300000; output=1000', 300_000 * 2500 + 1000 * 15_000],
  ['embeddings', 'text-embedding-3-small', 'input=12345', 12_345 * 20],
  ['gemini embeddings', 'gemini-embedding-001', 'input=12345; usage=always', 12_345 * 150],
];

async function exchange({ api, provider }: Way, model: string, { path, body }: Question, script: string) {
  const request = JSON.stringify(body);
  const answer = await fetch(simulator.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-sim': script },
    body: request,
  });
  expect(answer.status).toBe(200);
  const seen = {
    api,
    provider,
    model,
    path: path.split('?')[0] ?? '',
    request,
    status: answer.status,
    contentType: answer.headers.get('content-type') ?? '',
    response: new Uint8Array(await answer.arrayBuffer()),
  };
  return inspected(seen, PRICING);
}

const Row = z.object({
  id: z.string(),
  stream: z.boolean(),
  cost_nanodollars: z.string().nullable(),
  cost_basis: z.string().nullable(),
  tokens: z.unknown(),
  usage_state: z.string(),
  usage_flags: z.array(z.string()),
});

async function rows(ids: string[]): Promise<z.infer<typeof Row>[]> {
  const answer = await pool.query(
    `SELECT id, stream, cost_nanodollars, cost_basis, usage_state, usage_flags,
       json_build_array(input_uncached, cache_read, cache_write_5m, cache_write_1h, cache_write_other, output, reasoning)
         AS tokens
     FROM aperture.records WHERE id = ANY ($1) ORDER BY id`,
    [ids],
  );
  return z.array(Row).parse(answer.rows);
}

describe('failure modes 1, 6, 12: of one script, a stored stream costs what the stored unary answer costs', () => {
  test.each(CASES)('%s, %s: %s', async (way, model, script, nanodollars) => {
    const asked = WAYS[way]!(model);
    const records = [await exchange(asked, model, asked.unary, script)];
    for (const each of asked.streams) records.push(await exchange(asked, model, each, script));
    expect(await store.store(records)).toEqual({ inserted: 1 + asked.streams.length, dead: 0 });
    const [unary, ...streamed] = await rows(records.map(({ id }) => id));
    expect(unary).toMatchObject({
      stream: false,
      cost_nanodollars: String(nanodollars),
      usage_state: 'final',
      usage_flags: [],
    });
    expect(streamed).toHaveLength(asked.streams.length);
    for (const each of streamed) expect({ ...each, id: '', stream: false }).toEqual({ ...unary, id: '' });
    expect(streamed.every(({ stream }) => stream)).toBe(true);
  });
});

test('a model that no list has costs null in the ledger, and counts as unknown: never zero', async () => {
  const { pool: other } = await postgres.migrated();
  const asked = WAYS['chat']!('house-model');
  const record = await exchange(asked, 'house-model', asked.unary, 'input=900; output=40');
  await createRecordStore(other, clock).store([record]);
  const { rows: stored } = await other.query(
    `SELECT cost_nanodollars, usage_flags, (SELECT sum(cost_unknown)::int FROM aperture.rollup_hour) AS unknown
     FROM aperture.records`,
  );
  expect(stored).toEqual([{ cost_nanodollars: null, usage_flags: ['cost_unknown:model_unknown'], unknown: 1 }]);
});

test("an operator's own prices hold for the exchanges of their world, and the record says so", async () => {
  const prices = [{ basis: 'openai', model: 'house-model', per_million: { input: '$0.10', output: '$0.40' } }];
  const asked = WAYS['chat']!('house-model');
  const request = JSON.stringify(asked.unary.body);
  const answer = await fetch(simulator.url + asked.unary.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-sim': 'input=900; output=40' },
    body: request,
  });
  const record = await inspected(
    {
      ...{ api: 'openai_chat', provider: 'openai', model: 'openai/house-model', path: asked.unary.path, request },
      ...{ status: 200, contentType: 'application/json', response: new Uint8Array(await answer.arrayBuffer()) },
    },
    { ...PRICING, prices },
  );
  expect(record).toMatchObject({ cost_nanodollars: String(900 * 100 + 40 * 400), cost_basis: 'openai/house-model' });
  expect(record.price_version).toMatch(/\+[0-9a-f]{8}$/);
});

test('priced again by the same table, every stored exchange of every API costs the same, to the nanodollar', async () => {
  const filter = { from: uuid7Floor(0), to: uuid7Floor(TEST_TIME_MS + 60_000), model: undefined, provider: undefined };
  const parts = { pool, clock, pricing: PRICING, table, filter };
  const stored = CASES.reduce((sum, [way, model]) => sum + 1 + WAYS[way]!(model).streams.length, 0);
  for (const apply of [false, true]) {
    const report = await repriceRecords({ ...parts, apply });
    expect(report.total).toMatchObject({ records: stored, changed: 0, unknownBefore: 0, unknownAfter: 0 });
    expect(report.total.after).toBe(report.total.before);
    expect(report.total.before).toBeGreaterThan(0n);
    expect(report.impossible.size).toBe(0);
  }
  expect((await pool.query('SELECT FROM aperture.amendments')).rowCount).toBe(0);
});
