import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { CaptureOrder, FromCapture } from '../../../src/capture/messages.ts';
import type { Opened } from '../../../src/contract/exchange.ts';
import type { PostFacts, PostHook } from '../../../src/contract/guardrail.ts';
import { SEND_FIELDS } from '../../../src/contract/guardrail.ts';
import type { ExchangeId } from '../../../src/contract/ids.ts';
import { zeroUsage } from '../../../src/contract/usage.ts';
import { PostCall } from '../../../src/guardrails/hooks/post-call.ts';
import type { Journal } from '../../../src/journal/journal.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { DELIVERER_DEFAULTS } from '../../../src/sinks/deliverer.ts';
import type { HookSettings } from '../../../src/sinks/hook.ts';
import type { DatabaseAddress } from '../../../src/store/database.ts';
import { createDeliveryStore } from '../../../src/store/deliveries.ts';
import { createHookPayloadStore, hookDeliveryId } from '../../../src/store/hook-payloads.ts';
import { createRecordStore } from '../../../src/store/records.ts';
import { runCapture } from '../../../workers/run-capture.ts';
import type { CaptureWorker } from '../../../workers/run-capture.ts';
import { runDeliveries } from '../../../workers/run-deliveries.ts';
import type { Deliveries } from '../../../workers/run-deliveries.ts';
import { newId, openJournal, sampleClosed, sampleOpened, scratchFolder, written } from '../../journal/support.ts';
import { startTestPostgres } from '../../support/postgres.ts';
import type { TestPostgres } from '../../support/postgres.ts';
import { aRecord } from '../../support/records.ts';
import { until } from '../../support/until.ts';
import { startHookServer } from './hook-server.ts';
import type { HookServer } from './hook-server.ts';

let postgres: TestPostgres;
let address: DatabaseAddress;
let pool: Pool;
const closing: (() => unknown)[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres('hooks');
  ({ address, pool } = await postgres.migrated());
});
beforeEach(async () => {
  await pool.query('TRUNCATE aperture.deliveries, aperture.delivery_destinations, aperture.hook_payloads');
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(async () => {
  await postgres.stop();
});

const ALL: PostHook = {
  name: 'audit',
  events: ['entire_request'],
  send: [...SEND_FIELDS],
  tailnet: 'example.com',
  grants: { 'example.com/cap/policy': [{ tier: 'gold' }] },
  quotas: { q: { current: 1, capacity: 2, rate: '$1.00/day' } },
};

const FACTS: PostFacts = {
  session_base: 'oacc_1a2b3c4d5e6f7890',
  cost_nanodollars: '34200000',
  cost_basis: 'openai/gpt-5',
  usage: { ...zeroUsage(), input_uncached: 1500, output: 800, cache_read: 200 },
  server_tools: {},
  tool_calls: [],
};

interface Exchange {
  opened?: Partial<Opened>;
  request?: string | Uint8Array;
  /** Null where the provider never answered. */
  response?: string | Uint8Array | null;
  status?: number;
  headers?: [string, string][];
  post?: PostFacts | null;
}

const REQUEST = '{"model":"gpt-5","seed":12345678901234567890,"messages":[{"role":"user","content":"Hello"}]}';
const RESPONSE =
  '{"id":"c1","choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}]}';

async function written1(journal: Journal, folder: string, exchange: Exchange): Promise<CaptureOrder> {
  const { request = REQUEST, response = RESPONSE, status = 200, post = FACTS } = exchange;
  const { headers = [['content-type', 'application/json']] } = exchange;
  const id = newId();
  journal.append(id, 'opened', { ...sampleOpened(id), hooks: [ALL], ...exchange.opened });
  if (request.length > 0) journal.append(id, 'request', Buffer.from(request));
  if (response !== null) {
    journal.append(id, 'head', { status, headers });
    journal.append(id, 'response', Buffer.from(response));
  }
  journal.append(id, 'closed', sampleClosed());
  await written(journal, id);
  const extents = (await journal.extentsOf(id)) ?? [];
  const segment = journal.currentSegment ?? 0;
  const order = { id, journal: { folder, gateway: 'gw-test' }, segment, extents, hooked: true };
  return post === null ? order : { ...order, post };
}

/** The capture thread's part in this thread, on a journal of its own. */
async function capturing(keep = true): Promise<{
  worker: CaptureWorker;
  told: FromCapture[];
  exchange: (exchange?: Exchange) => Promise<CaptureOrder>;
  /** Orders it, and waits until it is captured. */
  capture: (...orders: CaptureOrder[]) => Promise<void>;
}> {
  const folder = scratchFolder();
  const journal = await openJournal(folder);
  const told: FromCapture[] = [];
  const worker = runCapture({
    data: { database: address, logLevel: 'silent' },
    log: silentLog,
    post: (message) => told.push(structuredClone(message)),
  });
  closing.push(() => worker.close());
  worker.take({ kind: 'settings', settings: { keep, saveRaws: false, filterable: [] } });
  return {
    worker,
    told,
    exchange: (exchange = {}) => written1(journal, folder, exchange),
    capture: async (...orders) => {
      const before = idsIn(told, 'captured').length;
      worker.take({ kind: 'capture', orders });
      await until('all are captured', () => idsIn(told, 'captured').length === before + orders.length);
    },
  };
}

const idsIn = (told: readonly FromCapture[], kind: 'captured' | 'early' | 'unreadable'): ExchangeId[] =>
  told.flatMap((message) => (message.kind === kind ? message.ids : []));

async function server(): Promise<HookServer> {
  const hook = await startHookServer();
  closing.push(() => hook.away().catch(() => undefined));
  return hook;
}

function delivering(hooks: Record<string, HookServer>): Deliveries {
  const settings = Object.entries(hooks).map(([name, { port }]): HookSettings => ({
    destination: `hooks.${name}`,
    target: { origin: `http://127.0.0.1:${port}`, path: '/told', host: `127.0.0.1:${port}`, plainHttp: false },
    headers: [['authorization', 'Bearer hook-key']],
    timeoutMs: 5_000,
  }));
  const deliveries = runDeliveries({
    data: { database: address },
    clock: systemClock,
    log: silentLog,
    post: () => undefined,
    options: {
      sweepMs: 20,
      lookMs: 50,
      waitingMost: 1_000_000,
      deliverer: { ...DELIVERER_DEFAULTS, backoff: { fromMs: 20, toMs: 100, random: () => 0.5 } },
    },
  });
  closing.push(() => deliveries.close());
  deliveries.take({ kind: 'settings', settings: { webhooks: [], hooks: settings, allow: [], caFile: undefined } });
  return deliveries;
}

interface Row {
  id: string;
  destination: string;
  kind: string;
  state: string;
  sequence: string | null;
}

async function rows(): Promise<Row[]> {
  const { rows } = await pool.query<Row>(
    'SELECT id, destination, kind, state, sequence FROM aperture.deliveries ORDER BY destination, kind, id',
  );
  return rows;
}

async function bodiesKept(): Promise<number> {
  return (await pool.query('SELECT FROM aperture.hook_payloads')).rowCount ?? 0;
}

const METADATA = {
  login_name: 'alice@example.com',
  user_agent: 'test/1',
  url: '/v1/chat/completions',
  model: 'gpt-5',
  provider: 'sim',
  tailnet_name: 'example.com',
  stable_node_id: 'n1',
  session_id: 'oacc_1a2b3c4d5e6f7890',
};

describe('what a hook is told when an exchange is over', () => {
  test('every documented field, of a unary exchange; not signed, with the credential', async () => {
    const hook = await server();
    delivering({ audit: hook });
    const { exchange, capture } = await capturing();
    const order = await exchange();
    await capture(order);
    await until('it is told', () => hook.calls.length === 1);
    const [called] = hook.calls;
    expect([called?.method, called?.url]).toEqual(['POST', '/told']);
    expect(called?.headers).toMatchObject({
      'content-type': 'application/json',
      authorization: 'Bearer hook-key',
      'x-aperture-event': 'entire_request',
    });
    expect(Object.keys(called?.headers ?? {}).filter((name) => name.startsWith('webhook-'))).toEqual([]);
    expect(called?.body).toEqual({
      metadata: {
        ...METADATA,
        request_id: order.id,
        estimated_cost: {
          dollars: 0.0342,
          cost_basis: 'openai/gpt-5',
          usage: { input_tokens: 1500, output_tokens: 800, cached_tokens: 200 },
        },
        grants: { 'example.com/cap/policy': [{ tier: 'gold' }] },
        quotas: { q: { current: 1, capacity: 2, rate: '$1.00/day' } },
      },
      request_body: JSON.parse(REQUEST),
      user_message: 'Hello',
      tool_calls: [],
      response_body: JSON.parse(RESPONSE),
      raw_responses: [JSON.parse(RESPONSE)],
    });
    expect(called?.text).toContain(REQUEST);
    await until('it is noted', async () => (await rows()).every(({ state }) => state === 'delivered'));
    expect(await rows()).toMatchObject([{ destination: 'hooks.audit', kind: 'entire_request', sequence: '1' }]);
    // Nobody needs it any more.
    expect(await bodiesKept()).toBe(0);
  });

  test('what it asked for and no more; a cost that is not known is left out', async () => {
    const hook = await server();
    delivering({ audit: hook });
    const { exchange, capture } = await capturing();
    const bare = { ...ALL, send: [], grants: null, quotas: null };
    const orders = [
      await exchange({ opened: { hooks: [bare] } }),
      await exchange({
        opened: { hooks: [{ ...bare, send: ['estimated_cost'] }] },
        post: { ...FACTS, cost_nanodollars: null, cost_basis: null },
      }),
    ];
    await capture(...orders);
    await until('both are told', () => hook.calls.length === 2);
    expect(new Set(hook.calls.map(({ body }) => body.metadata['request_id']))).toEqual(
      new Set(orders.map(({ id }) => id)),
    );
    for (const { body } of hook.calls) {
      expect(body).toEqual({ metadata: { ...METADATA, request_id: body.metadata['request_id'] } });
    }
  });

  const EVENTS = [
    { id: 'c1', choices: [{ index: 0, delta: { role: 'assistant', content: 'Hel' } }] },
    { id: 'c1', choices: [{ index: 0, delta: { content: 'lo' } }] },
    {
      id: 'c1',
      choices: [
        {
          index: 0,
          delta: {
            tool_calls: [{ index: 0, id: 't1', type: 'function', function: { name: 'Bash', arguments: '{"n":' } }],
          },
        },
      ],
    },
    {
      id: 'c1',
      choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: '12345678901234567890}' } }] } }],
    },
    { id: 'c1', choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] },
  ];
  const SSE = `: ping\n\n${EVENTS.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')}data: [DONE]\n\n`;
  const STREAM: [string, string][] = [['content-type', 'text/event-stream']];

  test.each<[string, [string, string][], Uint8Array]>([
    ['plain', STREAM, Buffer.from(SSE)],
    ['gzip', [...STREAM, ['content-encoding', 'gzip']], gzipSync(SSE)],
    ['brotli', [...STREAM, ['content-encoding', 'br']], brotliCompressSync(SSE)],
  ])(
    'a stream (%s): its messages, the response rebuilt, and its tool calls, which the record has cut',
    async (_, headers, response) => {
      const hook = await server();
      delivering({ audit: hook });
      const { exchange, capture } = await capturing();
      await capture(await exchange({ response, headers, post: { ...FACTS, tool_calls: null } }));
      await until('it is told', () => hook.calls.length === 1);
      const [called] = hook.calls;
      expect(called?.body.raw_responses).toEqual(EVENTS);
      expect(called?.body.tool_calls).toEqual([{ name: 'Bash', params: { n: Number('12345678901234567890') } }]);
      expect(called?.text).toContain('"params":{"n":12345678901234567890}');
      expect(called?.body.response_body).toMatchObject({
        choices: [
          {
            message: {
              role: 'assistant',
              content: 'Hello',
              tool_calls: [{ id: 't1', function: { name: 'Bash', arguments: '{"n":12345678901234567890}' } }],
            },
            finish_reason: 'tool_calls',
          },
        ],
      });
    },
  );

  test("Gemini's array of messages is a stream as well", async () => {
    const hook = await server();
    delivering({ audit: hook });
    const { exchange, capture } = await capturing();
    const messages = ['Hel', 'lo'].map((text) => ({ candidates: [{ content: { role: 'model', parts: [{ text }] } }] }));
    await capture(
      await exchange({
        opened: { api: 'gemini_generate_content', path: '/v1beta/models/gemini-2.5-pro:streamGenerateContent' },
        request: '{"contents":[{"role":"user","parts":[{"text":"Hello there"}]}]}',
        response: JSON.stringify(messages, null, 1),
      }),
    );
    await until('it is told', () => hook.calls.length === 1);
    expect(hook.calls[0]?.body).toMatchObject({ raw_responses: messages, user_message: 'Hello there' });
    expect(JSON.stringify(hook.calls[0]?.body.response_body)).toContain('Hello');
  });

  test('a stream that was cut, an error, a request without a body: what there is', async () => {
    const hook = await server();
    delivering({ audit: hook });
    const { exchange, capture } = await capturing();
    const cut = await exchange({ response: SSE.slice(0, SSE.indexOf('lo"') + 1), headers: STREAM });
    const error = await exchange({ status: 429, response: '{"error":{"message":"slow down"}}' });
    const page = await exchange({ status: 502, response: '<html>', headers: [['content-type', 'text/html']] });
    const read = await exchange({ opened: { api: 'openai_responses_stored', method: 'GET' }, request: '' });
    await capture(cut, error, page, read);
    await until('all are told', () => hook.calls.length === 4);
    const of = (id: string) => hook.calls.find(({ body }) => body.metadata['request_id'] === id)?.body;
    expect(of(cut.id)?.raw_responses).toEqual(EVENTS.slice(0, 1));
    expect(of(cut.id)?.response_body).toMatchObject({ choices: [{ message: { content: 'Hel' } }] });
    expect(of(error.id)?.response_body).toEqual({ error: { message: 'slow down' } });
    expect(of(page.id)).not.toHaveProperty('response_body');
    expect(of(page.id)?.raw_responses).toEqual([]);
    expect(of(read.id)).not.toHaveProperty('request_body');
    expect(of(read.id)?.user_message).toBe('');
  });

  test('what a provider never answered is told to nobody', async () => {
    const { exchange, capture } = await capturing();
    await capture(await exchange({ response: null }));
    expect(await rows()).toEqual([]);
  });

  test('each event once per hook: that of tool calls only where there were some, and once for all of them', async () => {
    const { exchange, capture } = await capturing();
    const hooks: PostHook[] = [
      { ...ALL, name: 'both', events: ['entire_request', 'tool_call_entire_request'] },
      { ...ALL, name: 'tools', events: ['tool_call_entire_request'] },
    ];
    const calls = [
      { name: 'a', arguments: '{}' },
      { name: 'b', arguments: '{}' },
    ];
    await capture(
      await exchange({ opened: { hooks } }),
      await exchange({ opened: { hooks }, post: { ...FACTS, tool_calls: calls } }),
    );
    expect((await rows()).map(({ destination, kind }) => `${destination} ${kind}`)).toEqual([
      'hooks.both entire_request',
      'hooks.both entire_request',
      'hooks.both tool_call_entire_request',
      'hooks.tools tool_call_entire_request',
    ]);
  });

  test('bodies of megabytes arrive whole', async () => {
    const hook = await server();
    delivering({ audit: hook });
    const { exchange, capture } = await capturing();
    const request = `{"messages":[{"role":"user","content":"${'ä'.repeat(1_500_000)}"}]}`;
    const response = `{"id":"c1","pad":"${'y'.repeat(2_000_000)}"}`;
    await capture(await exchange({ request, response }));
    await until('it is told', () => hook.calls.length === 1);
    expect(hook.calls[0]?.text.includes(`"request_body":${request}`)).toBe(true);
    expect(hook.calls[0]?.text.includes(`"response_body":${response}`)).toBe(true);
  });

  test('beyond the bound members are left out, and named; the largest first', async () => {
    const tell = async (request: number, response: number, hook = ALL): Promise<Record<string, unknown>> => {
      const call = new PostCall(10_000);
      const id = newId();
      call.add({ kind: 'opened', opened: { ...sampleOpened(id), hooks: [hook] } });
      call.add({ kind: 'request', bytes: Buffer.from(`{"a":"${'x'.repeat(request)}"}`) });
      call.add({ kind: 'head', status: 200, headers: [['content-type', 'application/json']] });
      call.add({ kind: 'response', bytes: Buffer.from(`{"b":"${'y'.repeat(response)}"}`) });
      for await (const { body } of call.calls(FACTS))
        return JSON.parse(Buffer.from(body).toString()) as Record<string, unknown>;
      throw new Error('nothing was told');
    };
    const leftOut = (body: Record<string, unknown>): unknown =>
      (body['metadata'] as Record<string, unknown>)['left_out'];
    expect(leftOut(await tell(1000, 1000))).toBeUndefined();
    const raws = await tell(1000, 6000);
    expect(leftOut(raws)).toEqual(['raw_responses']);
    expect(raws).toHaveProperty('response_body');
    expect(leftOut(await tell(6000, 6000))).toEqual(['raw_responses', 'response_body']);
    const ungranted = await tell(1000, 1000, { ...ALL, grants: null });
    expect(leftOut(ungranted)).toEqual(['grants']);
    expect(ungranted['metadata']).not.toHaveProperty('grants');
    const request = await tell(20_000, 1000);
    expect(leftOut(request)).toEqual(['request_body', 'user_message']);
    expect(request).toHaveProperty('response_body');
  });

  test('a response too long to be read is told to those who wait for tool calls, unless its record says there were none', async () => {
    const tell = async (post: PostFacts): Promise<unknown> => {
      const call = new PostCall(1_000);
      const hooks: PostHook[] = [{ ...ALL, events: ['tool_call_entire_request'], send: ['tools'] }];
      call.add({ kind: 'opened', opened: { ...sampleOpened(newId()), hooks } });
      call.add({ kind: 'head', status: 200, headers: [['content-type', 'application/json']] });
      for (let at = 0; at < 3; at += 1) call.add({ kind: 'response', bytes: Buffer.alloc(500, 'x') });
      for await (const { body } of call.calls(post)) return JSON.parse(Buffer.from(body).toString());
      return undefined;
    };
    expect(await tell({ ...FACTS, tool_calls: null })).toMatchObject({ metadata: { left_out: ['tools'] } });
    expect(await tell({ ...FACTS, tool_calls: [{ name: 'Bash', arguments: '{}' }] })).toMatchObject({
      tool_calls: [{ name: 'Bash', params: {} }],
    });
    expect(await tell(FACTS)).toBeUndefined();
  });
});

describe('exactly once', () => {
  test('an exchange that is captured again, by another process, is told to nobody again', async () => {
    const hook = await server();
    const { exchange, capture } = await capturing();
    const order = await exchange();
    await capture(order);
    // As after a crash between the two: the call is in the outbox, the capture is not there.
    await pool.query('DELETE FROM aperture.captures');
    delivering({ audit: hook });
    const other = await capturing();
    await other.capture(order);
    await until('it is told', async () => (await rows()).every(({ state }) => state === 'delivered'));
    await capture(order);
    // One that comes after it has been told, and is the only one that comes.
    const next = await exchange();
    await capture(next);
    await until('the next is told', () => hook.calls.length > 1);
    expect(hook.calls.map(({ body }) => body.metadata['request_id'])).toEqual([order.id, next.id]);
    await until('that is noted', async () => (await rows()).every(({ state }) => state === 'delivered'));
    expect(await rows()).toHaveLength(2);
    expect(await bodiesKept()).toBe(0);
    expect((await pool.query('SELECT FROM aperture.captures WHERE id = $1', [order.id])).rowCount).toBe(1);
  });

  test('ids are of the exchange, the hook and the event, and UUIDs of its time', () => {
    const exchange = newId();
    const id = hookDeliveryId(exchange, 'hooks.a', 'entire_request');
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(id.slice(0, 13)).toBe(exchange.slice(0, 13));
    expect(hookDeliveryId(exchange, 'hooks.a', 'entire_request')).toBe(id);
    const others = [
      hookDeliveryId(exchange, 'hooks.b', 'entire_request'),
      hookDeliveryId(exchange, 'hooks.a', 'tool_call_entire_request'),
      hookDeliveryId(newId(), 'hooks.a', 'entire_request'),
    ];
    expect(new Set([id, ...others]).size).toBe(4);
  });

  test('a hook that is broken, and then away, gets everything once it is well', async () => {
    const hook = await server();
    hook.answer = (response) => response.writeHead(503).end();
    delivering({ audit: hook });
    const { exchange, capture } = await capturing();
    const orders = [await exchange(), await exchange(), await exchange()];
    await capture(...orders);
    await until('it was asked in vain', () => hook.calls.length > 0);
    await hook.away();
    await until('it is told that nobody is there', async () => {
      const { rows } = await pool.query(
        `SELECT FROM aperture.deliveries WHERE last_error LIKE '%could not be reached%'`,
      );
      return rows.length > 0;
    });
    hook.calls.length = 0;
    hook.answer = (response) => response.end('whatever it says');
    await hook.back();
    await until('all are delivered', async () => (await rows()).every(({ state }) => state === 'delivered'));
    expect(new Set(hook.calls.map(({ body }) => body.metadata['request_id']))).toEqual(
      new Set(orders.map(({ id }) => id)),
    );
    expect(new Set(hook.calls.map(({ headers }) => headers['x-aperture-delivery']))).toEqual(
      new Set((await rows()).map(({ id }) => id)),
    );
  });
});

describe('with what is kept', () => {
  test('where nothing is retained, hooks are told and nothing stays', async () => {
    const hook = await server();
    delivering({ audit: hook });
    const { exchange, capture } = await capturing(false);
    await pool.query('TRUNCATE aperture.blobs');
    const order = await exchange();
    await capture(order);
    await until('it is told', async () => (await rows()).every(({ state }) => state === 'delivered'));
    expect(hook.calls[0]?.body.request_body).toEqual(JSON.parse(REQUEST));
    expect(await bodiesKept()).toBe(0);
    expect((await pool.query('SELECT FROM aperture.blobs')).rowCount).toBe(0);
    expect((await pool.query('SELECT FROM aperture.captures WHERE id = $1', [order.id])).rowCount).toBe(0);
    // Counted, so that its segment of the journal may go.
    expect((await pool.query('SELECT FROM aperture.late_captures WHERE id = $1', [order.id])).rowCount).toBe(1);
  });

  test('an exchange of an earlier process is told with what its record says, once that is there', async () => {
    const hook = await server();
    delivering({ audit: hook });
    const { worker, told, exchange, capture } = await capturing();
    const order = await exchange({ post: null });
    const ready = await exchange();
    worker.take({ kind: 'capture', orders: [order, ready] });
    await until('it is too early', () => idsIn(told, 'early').includes(order.id));
    // Which holds up nobody else.
    await until('the other is captured', () => idsIn(told, 'captured').includes(ready.id));
    await until('the other is told', () => hook.calls.length === 1);
    expect(hook.calls[0]?.body.metadata['request_id']).toBe(ready.id);
    const record = aRecord({
      id: order.id,
      session_base: 's-base',
      cost_nanodollars: '5000000',
      server_tools: { web_search: 2 },
    });
    expect(await createRecordStore(pool, systemClock).store([record])).toEqual({ inserted: 1, dead: 0 });
    await capture(order);
    await until('it is told', () => hook.calls.length === 2);
    expect(hook.calls[1]?.body.metadata).toMatchObject({
      request_id: order.id,
      session_id: 's-base',
      estimated_cost: {
        dollars: 0.005,
        cost_basis: 'anthropic/claude-sonnet-4-5',
        usage: { input_tokens: 100, output_tokens: 670, cached_tokens: 2000, web_search_count: 2 },
      },
    });
  });

  test('a record that never comes costs the facts, and not the call', async () => {
    const { exchange, capture } = await capturing();
    const order = await exchange({ post: null });
    await capture({ ...order, waited: 10_000 });
    expect(await rows()).toHaveLength(1);
  });

  test('bodies that wait for days go; what was delivered or has no body is not put back', async () => {
    const payloads = createHookPayloadStore(pool);
    const payload = { bytes: 2, encoding: 'plain', body: Buffer.from('{}') };
    const ids = [newId(), newId()];
    for (const exchange of ids) await payloads.tell({ exchange, hook: 'audit', event: 'entire_request', payload });
    await pool.query(`UPDATE aperture.deliveries SET state = 'dead', finished_at = now()`);
    const [old = '', young = ''] = ids.map((id) => hookDeliveryId(id, 'hooks.audit', 'entire_request'));
    await pool.query(
      `UPDATE aperture.hook_payloads SET created_at = now() - interval '8 days' WHERE delivery_id = $1`,
      [old],
    );
    expect(await payloads.dropOld()).toBe(false);
    expect(await payloads.read(old)).toBeUndefined();
    expect((await payloads.read(young))?.body.toString()).toBe('{}');
    expect(await createDeliveryStore(pool).replay({ ids: [old, young] })).toEqual({ replayed: 1, more: false });
  });
});
