import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import type { RecordRow, TestGateway } from '../support/gateway.ts';
import { removeDataDir } from '../support/postgres.ts';
import type { BucketItem } from '../support/quota-gateways.ts';
import { until } from '../support/until.ts';
import { PROVIDER_KEY } from './support.ts';

const ALICE = 'alice@example.com';
const BOB = 'bob@example.com';
const CAROL = 'carol@example.com';
/** Has little, and for one model alone. */
const DAVE = 'dave@example.com';
const ROOT = 'root@example.com';

/** A quota each, so that tests do not meet. Prices a million tokens: gpt-5 $1.25 and $10, gpt-5-mini $0.25 and $2. */
const CHAINED = 'gpt-5';
const PLAIN = 'gpt-5-mini';
const SPENT = 'gpt-5-nano';
const MISSPELT = 'gpt-5.1';
const CLAUDE = 'claude-haiku-4-5';

const NO_RATE = '$0.00/day';
const QUOTAS: Record<string, unknown> = {
  // As the example of docs/quotas.md stands when its request comes.
  'daily:<user>': { capacity: '$0.50', rate: NO_RATE, overdraft: ['reserve'] },
  reserve: { capacity: '$200.00', rate: NO_RATE },
  'opus:<user>': { capacity: '$5.00', rate: NO_RATE, reserve: 'strict', deny_status: 402 },
  // 10,000 nanodollars a second.
  'plain:<user>': { capacity: '$1.00', rate: '$0.864/day' },
  'spent:<user>': { capacity: '$0.00', rate: NO_RATE },
  'pocket:<user>': { capacity: '$0.01', rate: NO_RATE },
};
const ATTACH = [
  { models: `*/${CHAINED}`, quotas: [{ bucket: 'daily:<user>' }, { bucket: 'opus:<user>' }] },
  { models: `*/${PLAIN}`, quotas: [{ bucket: 'plain:<user>' }] },
  { models: `*/${SPENT}`, quotas: [{ bucket: 'spent:<user>' }] },
  { models: `*/${CLAUDE}`, quotas: [{ bucket: 'spent:<user>' }] },
  { models: `*/${MISSPELT}`, quotas: [{ bucket: 'dialy:<user>' }] },
];

interface Page {
  items: BucketItem[];
  next: string | null;
}

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0, expectedKey: PROVIDER_KEY });
});
afterAll(() => simulator.close());

function start(options: { quotas?: Record<string, unknown>; dataDir?: string } = {}): Promise<TestGateway> {
  const { quotas = QUOTAS, dataDir } = options;
  return startGateway({
    ...(dataDir === undefined ? {} : { dataDir }),
    headers: { 'tailscale-user-login': ROOT },
    config: {
      providers: {
        openai: {
          baseurl: simulator.url,
          apikey: PROVIDER_KEY,
          models: [CHAINED, PLAIN, SPENT, MISSPELT],
          compatibility: { openai_chat: true, openai_responses: true },
        },
        anthropic: {
          baseurl: simulator.url,
          apikey: PROVIDER_KEY,
          authorization: 'x-api-key',
          models: [CLAUDE],
          compatibility: { openai_chat: false, anthropic_messages: true },
        },
      },
      quotas,
      server: {
        trusted_proxies: ['127.0.0.1'],
        listen: [{ address: '127.0.0.1:0', identity: ['proxy_headers'] }],
      },
      grants: [
        { src: [ALICE, BOB, CAROL, DAVE], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: '**' }] } },
        { src: [ALICE, BOB, CAROL], app: { 'tailscale.com/cap/aperture': ATTACH } },
        {
          src: [DAVE],
          app: { 'tailscale.com/cap/aperture': [{ models: '**', quotas: [{ bucket: 'pocket:<user>' }] }] },
        },
        { src: [ROOT], app: { 'tailscale.com/cap/aperture': [{ role: 'admin' }, { read_metrics: true }] } },
      ],
    },
  });
}

interface Asking {
  model?: string;
  sim?: string;
  stream?: boolean;
  body?: Record<string, unknown>;
  path?: string;
}

function ask(
  { url }: TestGateway,
  login: string,
  { model = PLAIN, sim = '', stream = false, body = {}, path = '/v1/chat/completions' }: Asking = {},
): Promise<Response> {
  return fetch(url + path, {
    method: 'POST',
    headers: {
      'tailscale-user-login': login,
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'x-sim': sim,
    },
    body: JSON.stringify({
      model,
      messages: [{ role: 'user', content: 'Say hello' }],
      ...(path === '/v1/chat/completions' ? { max_completion_tokens: 100, stream } : {}),
      ...body,
    }),
  });
}

/** The whole record of an answer, once it is there. */
async function recordOf(gateway: TestGateway, answer: Response): Promise<RecordRow> {
  await answer.text();
  const id = answer.headers.get('x-aperture-request-id') ?? '';
  return until(
    `the record of ${id} is there`,
    () =>
      gateway.json(`/api/requests/${id}`).then(
        (record) => record as RecordRow,
        () => undefined,
      ),
    60_000,
  );
}

function charges({ quota_charges }: RecordRow): Record<string, number> {
  return Object.fromEntries(quota_charges.map(({ bucket, nanodollars }) => [bucket, nanodollars]));
}

function get({ url }: TestGateway, login: string, path: string): Promise<Response> {
  return fetch(url + path, { headers: { 'tailscale-user-login': login } });
}

async function page(gateway: TestGateway, login: string, query = ''): Promise<Page> {
  const answer = await get(gateway, login, `/api/quotas${query}`);
  expect(answer.status).toBe(200);
  return (await answer.json()) as Page;
}

/** An admin's look; undefined where there is no such bucket. */
async function balance(gateway: TestGateway, name: string): Promise<number | undefined> {
  const item = (await page(gateway, ROOT, '?limit=1000')).items.find(({ bucket }) => bucket === name);
  return item === undefined ? undefined : Number(item.balance_nanodollars);
}

/** The store is told within seconds. */
async function balanceBecomes(gateway: TestGateway, name: string, expected: number): Promise<void> {
  let last: number | undefined;
  await until(`${name} is at ${expected}`, async () => (last = await balance(gateway, name)) === expected).catch(
    () => undefined,
  );
  expect(last, name).toBe(expected);
}

function refill({ url }: TestGateway, login: string, body: unknown): Promise<Response> {
  return fetch(`${url}/api/quotas/refill`, {
    method: 'POST',
    headers: { 'tailscale-user-login': login, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
}

describe('one gateway', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await start();
  });
  afterAll(async () => {
    await gateway.stop();
  });

  test('the example of the docs: each chain pays the whole cost, and what the day lacks the reserve pays', async () => {
    // 8,000 tokens in and 79,000 out are $0.80.
    const answer = await ask(gateway, ALICE, {
      model: CHAINED,
      sim: 'input=8000;output=79000;text=hello',
      body: { max_completion_tokens: 90_000 },
    });
    expect(answer.status).toBe(200);
    const record = await recordOf(gateway, answer);
    expect(record.cost_nanodollars).toBe('800000000');
    expect(charges(record)).toEqual({
      [`opus:${ALICE}`]: 800_000_000,
      [`daily:${ALICE}`]: 500_000_000,
      reserve: 300_000_000,
    });
    await balanceBecomes(gateway, `opus:${ALICE}`, 4_200_000_000);
    await balanceBecomes(gateway, `daily:${ALICE}`, 0);
    await balanceBecomes(gateway, 'reserve', 199_700_000_000);

    // Strict, and too dear for what is left of $5.00: at the dearest rates, 128,000 tokens cost more than $1.28.
    const dear = await ask(gateway, ALICE, { model: CHAINED, body: { max_completion_tokens: 128_000, n: 4 } });
    expect(dear.status).toBe(402);
    expect(await dear.json()).toMatchObject({
      error: { code: 'gateway_quota_exceeded', message: expect.stringContaining(`opus:${ALICE}`) },
    });
    expect(dear.headers.get('retry-after')).toBeNull();
  });

  test('users have buckets of their own, and hear where they stand, streamed or not', async () => {
    for (const stream of [false, true]) {
      const login = stream ? BOB : CAROL;
      const answer = await ask(gateway, login, { sim: 'input=400;output=100', stream });
      expect(answer.status).toBe(200);
      const remaining = Number(answer.headers.get('x-aperture-quota-remaining'));
      const reserved = 1_000_000_000 - remaining;
      // 100 tokens out at most cost $0.0002; the body is a few hundred bytes.
      expect(reserved).toBeGreaterThanOrEqual(200_000);
      expect(reserved).toBeLessThan(300_000);
      expect(Number(answer.headers.get('x-aperture-quota-reset'))).toBe(Math.ceil(reserved / 10_000));
      const record = await recordOf(gateway, answer);
      expect(record.stream).toBe(stream);
      expect(charges(record)).toEqual({ [`plain:${login}`]: 300_000 });
    }
  });

  test('what was charged is told by the hour: to admins of all buckets, to users of their own and the shared', async () => {
    const spent = async (login: string): Promise<Record<string, number>> => {
      const answer = await get(gateway, login, '/api/quota-spend?interval=day');
      expect(answer.status).toBe(200);
      const { items } = (await answer.json()) as { items: { bucket: string; nanodollars: string }[] };
      const sums: Record<string, number> = {};
      for (const { bucket, nanodollars } of items) sums[bucket] = (sums[bucket] ?? 0) + Number(nanodollars);
      return sums;
    };
    // By the two tests before: the same statement stores a record and its charges, and the records were there.
    const carols = { [`plain:${CAROL}`]: 300_000 };
    const alices = { [`opus:${ALICE}`]: 800_000_000, [`daily:${ALICE}`]: 500_000_000 };
    const shared = { reserve: 300_000_000 };
    expect(await spent(CAROL)).toEqual({ ...carols, ...shared });
    expect(await spent(ALICE)).toEqual({ ...alices, ...shared });
    expect(await spent(DAVE)).toEqual({});
    expect(await spent(ROOT)).toEqual({ ...carols, ...alices, ...shared, [`plain:${BOB}`]: 300_000 });
  });

  test('a request of 300 KB, scanned on another thread, is charged too', async () => {
    const answer = await ask(gateway, ALICE, {
      sim: 'input=100000;output=10',
      body: { messages: [{ role: 'user', content: 'word '.repeat(60_000) }] },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-aperture-quota-remaining')).toMatch(/^\d+$/);
    expect(charges(await recordOf(gateway, answer))).toEqual({ [`plain:${ALICE}`]: 100_000 * 250 + 10 * 2_000 });
  });

  test('a misspelt bucket in a grant refuses what it matches, and nothing else', async () => {
    const refused = await ask(gateway, ALICE, { model: MISSPELT });
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ error: { code: 'insufficient_quota' } });
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect((await ask(gateway, ALICE)).status).toBe(200);
  });

  test('what costs nothing passes with an empty budget, and what costs something does not', async () => {
    const messages = { model: CLAUDE, path: '/v1/messages', body: { max_tokens: 10 } };
    const refused = await ask(gateway, ALICE, messages);
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ type: 'error', error: { type: 'rate_limit_error' } });
    const counted = await ask(gateway, ALICE, { model: CLAUDE, path: '/v1/messages/count_tokens' });
    expect(counted.status).toBe(200);
    expect(charges(await recordOf(gateway, counted))).toEqual({});
  });

  test("official SDKs see the refusal in their API's shape, and do not repeat it", async () => {
    let sent = 0;
    const counting: typeof fetch = (...request) => {
      sent += 1;
      return fetch(...request);
    };
    const shared = { apiKey: 'client-key', maxRetries: 3, fetch: counting };
    const defaultHeaders = { 'tailscale-user-login': ALICE };
    const messages = [{ role: 'user' as const, content: 'Say hello' }];
    const openai = new OpenAI({ ...shared, baseURL: `${gateway.url}/v1`, defaultHeaders });
    for (const stream of [false, true]) {
      sent = 0;
      const error = await errorOf(openai.chat.completions.create({ model: SPENT, messages, stream }));
      expect(error).toBeInstanceOf(OpenAI.RateLimitError);
      expect(error).toMatchObject({ status: 429, code: 'insufficient_quota', type: 'insufficient_quota' });
      expect(error.message).toContain(`"spent:${ALICE}"`);
      expect(sent).toBe(1);
    }
    const anthropic = new Anthropic({ ...shared, baseURL: gateway.url, defaultHeaders });
    for (const stream of [false, true]) {
      sent = 0;
      const error = await errorOf(anthropic.messages.create({ model: CLAUDE, max_tokens: 10, messages, stream }));
      expect(error).toBeInstanceOf(Anthropic.RateLimitError);
      expect(error.message).toContain('rate_limit_error');
      expect(error.message).toContain(`spent:${ALICE}`);
      expect(sent).toBe(1);
    }
  });

  test('who is no admin sees own and shared buckets, never those of others; pages join up', async () => {
    await balanceBecomes(gateway, `opus:${ALICE}`, 4_200_000_000);
    const { items } = await page(gateway, BOB);
    expect(items.map(({ bucket }) => bucket)).toEqual([
      `daily:${BOB}`,
      `opus:${BOB}`,
      `plain:${BOB}`,
      'reserve',
      `spent:${BOB}`,
    ]);
    // Never charged yet.
    expect(items[1]).toEqual({
      bucket: `opus:${BOB}`,
      capacity_nanodollars: '5000000000',
      rate: { nanodollars: '0', per_ms: 86_400_000 },
      balance_nanodollars: '5000000000',
      held_nanodollars: '0',
      updated_at: null,
    });
    expect(items[3]?.updated_at).toMatch(/^\d{4}-.*Z$/);

    for (const login of [BOB, ROOT]) {
      const whole = (await page(gateway, login, '?limit=1000')).items.map(({ bucket }) => bucket);
      const joined: string[] = [];
      for (let after: string | null = ''; after !== null;) {
        const next: Page = await page(
          gateway,
          login,
          `?limit=2${after === '' ? '' : `&after=${encodeURIComponent(after)}`}`,
        );
        expect(next.items.length).toBeLessThanOrEqual(2);
        joined.push(...next.items.map(({ bucket }) => bucket));
        after = next.next;
      }
      expect(joined).toEqual(whole);
    }
    const all = (await page(gateway, ROOT, '?limit=1000')).items.map(({ bucket }) => bucket);
    expect(all).toEqual(expect.arrayContaining([`opus:${ALICE}`, `plain:${BOB}`, `plain:${CAROL}`, 'reserve']));
    for (const query of ['?limit=0', '?limit=x', '?nonsense=1']) {
      expect((await get(gateway, BOB, `/api/quotas${query}`)).status, query).toBe(400);
    }
  });

  test('a refill is for admins, stays below the capacity, and says what it did not understand', async () => {
    await balanceBecomes(gateway, `opus:${ALICE}`, 4_200_000_000);
    const wish = { bucket: `opus:${ALICE}`, amount: '$0.30' };
    expect((await refill(gateway, ALICE, wish)).status).toBe(403);
    const refilled = await refill(gateway, ROOT, wish);
    expect(refilled.status).toBe(200);
    expect(await refilled.json()).toMatchObject({ bucket: `opus:${ALICE}`, balance_nanodollars: '4500000000' });
    const full = await refill(gateway, ROOT, { ...wish, amount: '$100.00' });
    expect(await full.json()).toMatchObject({ balance_nanodollars: '5000000000' });
    for (const bad of [
      'not JSON',
      {},
      { ...wish, amount: 5 },
      { ...wish, amount: '5' },
      { ...wish, amount: '$0.00' },
      { ...wish, amount: '$-1.00' },
      { ...wish, more: 1 },
      { ...wish, bucket: '' },
    ]) {
      expect((await refill(gateway, ROOT, bad)).status, JSON.stringify(bad)).toBe(400);
    }
    expect((await refill(gateway, ROOT, { ...wish, bucket: 'nobody' })).status).toBe(404);
    expect((await get(gateway, ROOT, '/api/quotas/refill')).status).toBe(405);
    await balanceBecomes(gateway, `opus:${ALICE}`, 5_000_000_000);
  });

  test('a stored response is polled when its budget is spent, and nothing more is made', async () => {
    const client = new OpenAI({
      baseURL: `${gateway.url}/v1`,
      apiKey: 'client-key',
      maxRetries: 0,
      defaultHeaders: { 'tailscale-user-login': DAVE },
    });
    const create = () =>
      client.responses.create(
        { model: PLAIN, input: 'Hello' },
        { headers: { 'x-sim': 'input=10;output=10000;text=hello' } },
      );
    const made = await create();
    // $0.02 for 10,000 tokens, of which $0.01 was there.
    await balanceBecomes(gateway, `pocket:${DAVE}`, 10_000_000 - (10 * 250 + 10_000 * 2_000));
    expect(await errorOf(create())).toMatchObject({ status: 429, code: 'insufficient_quota' });
    expect((await client.responses.retrieve(made.id)).status).toBe('completed');
  });
});

test('balances outlive a restart; a lower capacity cuts them, and a deleted quota takes its buckets along', async () => {
  const dataDir = temporaryFolder();
  let gateway = await start({ dataDir });
  try {
    const answer = await ask(gateway, ALICE, {
      model: CHAINED,
      sim: 'input=8000;output=79000;text=hello',
      body: { max_completion_tokens: 90_000 },
    });
    expect(answer.status).toBe(200);
    await recordOf(gateway, answer);
    await gateway.stop();

    gateway = await start({ dataDir });
    // At once: what was spent was told before the process ended, and nothing is held for it.
    const after = await page(gateway, ROOT);
    expect(
      after.items.map(({ bucket, balance_nanodollars, held_nanodollars }) => [
        bucket,
        balance_nanodollars,
        held_nanodollars,
      ]),
    ).toEqual([
      [`daily:${ALICE}`, '0', '0'],
      [`opus:${ALICE}`, '4200000000', '0'],
      ['reserve', '199700000000', '0'],
    ]);
    await gateway.stop();

    gateway = await start({
      dataDir,
      quotas: {
        ...QUOTAS,
        'daily:<user>': { capacity: '$0.50', rate: NO_RATE },
        reserve: undefined,
        'opus:<user>': { capacity: '$3.00', rate: NO_RATE },
      },
    });
    await until(
      'the bucket of the deleted quota is gone',
      async () => (await balance(gateway, 'reserve')) === undefined,
    );
    // Its day is spent, and nobody lends it anything any more.
    expect((await ask(gateway, ALICE, { model: CHAINED })).status).toBe(429);
    await balanceBecomes(gateway, `opus:${ALICE}`, 3_000_000_000);
    expect(await balance(gateway, `daily:${ALICE}`)).toBe(0);
  } finally {
    await gateway.stop();
    removeDataDir(dataDir);
  }
}, 120_000);

async function errorOf(call: PromiseLike<unknown>): Promise<Error> {
  try {
    await call;
  } catch (error) {
    if (error instanceof Error) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
