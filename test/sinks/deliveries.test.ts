import type { ServerResponse } from 'node:http';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { AdminQuestion } from '../../src/contract/question.ts';
import type { Answer } from '../../src/serve/ask-thread.ts';
import { DELIVERER_DEFAULTS } from '../../src/sinks/deliverer.ts';
import type { DeliverySettings, FromDeliveries } from '../../src/sinks/messages.ts';
import type { WebhookSettings } from '../../src/sinks/webhook.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { createDeliveryStore, enqueueDeliveries } from '../../src/store/deliveries.ts';
import { runDeliveries } from '../../workers/run-deliveries.ts';
import type { Deliveries, DeliveriesOptions } from '../../workers/run-deliveries.ts';
import { uuid7Floor } from '../../src/lib/uuid7.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { isSigned, startReceiver } from '../support/receiver.ts';
import type { Arrived, TestReceiver } from '../support/receiver.ts';
import { startTestRedis } from '../support/redis.ts';
import type { TestRedis } from '../support/redis.ts';
import { until } from '../support/until.ts';

const SECRET = `whsec_${Buffer.alloc(32, 'k').toString('base64')}`;

let postgres: TestPostgres;
let redis: TestRedis;
let address: DatabaseAddress;
let pool: Pool;
let redisDatabases = 0;
const running: Deliveries[] = [];
const receivers: TestReceiver[] = [];
const ownRedis: TestRedis[] = [];

beforeAll(async () => {
  [postgres, redis] = await Promise.all([startTestPostgres('deliveries'), startTestRedis()]);
  ({ address, pool } = await postgres.migrated());
});

beforeEach(async () => {
  await pool.query('TRUNCATE aperture.deliveries, aperture.delivery_destinations');
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((deliveries) => deliveries.close()));
  await Promise.all(receivers.splice(0).map((receiver) => receiver.away()));
  await Promise.all(ownRedis.splice(0).map((own) => own.stop()));
});

afterAll(async () => {
  await Promise.all([postgres.stop(), redis.stop()]);
});

/** In milliseconds what are seconds and minutes elsewhere. */
const QUICK: DeliveriesOptions = {
  sweepMs: 20,
  lookMs: 50,
  waitingMost: 1_000_000,
  deliverer: {
    ...DELIVERER_DEFAULTS,
    leaseMs: 600,
    backoff: { fromMs: 20, toMs: 100, random: () => 0.5 },
    rejectedAttempts: 3,
  },
};

interface Thread {
  deliveries: Deliveries;
  told: FromDeliveries[];
  state: () => Extract<FromDeliveries, { kind: 'state' }> | undefined;
  ask: (body: unknown, role?: 'admin' | 'user') => Promise<{ status: number; body: unknown }>;
}

/** Both ends of the thread in one. */
function thread(webhooks: WebhookSettings[], options: Partial<DeliveriesOptions> & { redisUrl?: string } = {}): Thread {
  const { redisUrl, ...rest } = options;
  const told: FromDeliveries[] = [];
  const answers = new Map<number, Answer>();
  const deliveries = runDeliveries({
    data: { database: address, redisUrl },
    clock: systemClock,
    log: silentLog,
    post: (message) => {
      if (message.kind === 'answer') answers.set(message.ask, message);
      else told.push(structuredClone(message));
    },
    options: { ...QUICK, ...rest },
  });
  running.push(deliveries);
  deliveries.take({ kind: 'settings', settings: settings(webhooks) });
  let asks = 0;
  return {
    deliveries,
    told,
    state: () => told.findLast((message) => message.kind === 'state'),
    ask: async (body, role = 'admin') => {
      const ask = (asks += 1);
      const request: AdminQuestion = {
        method: 'POST',
        path: '/api/deliveries/replay',
        query: '',
        body: Buffer.from(JSON.stringify(body)),
        caller: {
          login: 'a@example.com',
          nodeId: '',
          nodeName: '',
          tags: [],
          groups: [],
          source: 'loopback',
          capabilities: {},
        },
        role,
      };
      deliveries.take({ kind: 'ask', ask, request });
      const answer = await until('it answers', () => answers.get(ask));
      return { status: answer.status, body: JSON.parse(Buffer.from(answer.body).toString()) };
    },
  };
}

function settings(webhooks: WebhookSettings[]): DeliverySettings {
  return { webhooks, allow: ['127.0.0.1'], caFile: undefined };
}

async function receiver(): Promise<TestReceiver> {
  const one = await startReceiver();
  receivers.push(one);
  return one;
}

function webhook(name: string, { port }: { port: number }, timeoutMs = 1_000): WebhookSettings {
  const target = { origin: `http://127.0.0.1:${port}`, path: '/events', host: `127.0.0.1:${port}`, plainHttp: false };
  return {
    destination: `webhooks.${name}`,
    target,
    secrets: [SECRET],
    authorization: '',
    format: 'json',
    events: ['request.closed'],
    filter: { logins: [], groups: [], models: [], providers: [], states: [] },
    batch: { most: 1, waitMs: 0 },
    timeoutMs,
  };
}

async function enqueue(name: string, count: number, from = 1): Promise<void> {
  const deliveries = Array.from({ length: count }, (_, index) => ({
    destination: `webhooks.${name}`,
    kind: 'request.closed',
    payload: JSON.stringify({ n: from + index }),
  }));
  await enqueueDeliveries(pool, deliveries, systemClock.nowMs());
}

interface Row {
  id: string;
  destination: string;
  sequence: string | null;
  state: string;
  attempts: number;
  last_error: string | null;
}

async function rows(name = 'siem'): Promise<Row[]> {
  const answer = await pool.query<Row>(
    'SELECT id, destination, sequence, state, attempts, last_error FROM aperture.deliveries WHERE destination = $1 ORDER BY id',
    [`webhooks.${name}`],
  );
  return answer.rows;
}

const numbers = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => from + index);
/** As a receiver that drops what it has. */
const once = (arrived: Arrived[]): Arrived[] => [...new Map(arrived.map((one) => [one.id, one])).values()];
const sequences = (arrived: Arrived[]): number[] => arrived.map(({ body }) => body.sequence);

async function delivered(name: string, count: number, withinMs = 15_000): Promise<void> {
  await until(
    `${count} are delivered to ${name}`,
    async () => (await rows(name)).filter(({ state }) => state === 'delivered').length === count,
    withinMs,
  );
}

describe.each(['Redis', 'Postgres'])('with the queue on %s', (backend) => {
  const queue = (): { redisUrl?: string } =>
    backend === 'Redis' ? { redisUrl: `${redis.url}?db=${(redisDatabases += 1)}` } : {};

  test('a receiver gets everything once, in sequence, signed', async () => {
    const siem = await receiver();
    thread([webhook('siem', siem)], queue());
    await enqueue('siem', 60);
    await delivered('siem', 60);
    expect(sequences(siem.arrived)).toEqual(numbers(60));
    expect(siem.arrived.map(({ body }) => body.data['n'])).toEqual(numbers(60));
    expect(siem.arrived.every((one) => isSigned(one, SECRET))).toBe(true);
    expect(siem.arrived.map(({ id }) => id)).toEqual((await rows()).map(({ id }) => id));
    expect(siem.arrived[0]!.body.type).toBe('request.closed');
    expect(Date.parse(siem.arrived[0]!.body.timestamp)).toBeGreaterThan(systemClock.nowMs() - 60_000);
  });

  test('a receiver that fails, hangs, redirects, answers junk and goes away gets everything, in sequence', async () => {
    const siem = await receiver();
    const bad: ((response: ServerResponse) => void)[] = [
      (response) => response.writeHead(500).end('broken'),
      () => undefined,
      (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
      (response) => response.destroy(),
      (response) => response.writeHead(503, { 'retry-after': '0' }).end(),
      (response) => response.writeHead(401).end(),
    ];
    let asked = 0;
    siem.answer = (response) => {
      asked += 1;
      // Each kind of failure once, between what is taken.
      const fails = asked % 3 === 0 ? bad.shift() : undefined;
      if (fails === undefined) response.end('x'.repeat(20_000));
      else fails(response);
    };
    thread([webhook('siem', siem, 200)], queue());
    await enqueue('siem', 30);
    await until('every failure was seen', () => bad.length === 0);
    await siem.away();
    await enqueue('siem', 10, 31);
    await until('the failure is noted', async () =>
      (await rows()).some(({ last_error }) => last_error?.includes('reached')),
    );
    await siem.back();
    await delivered('siem', 40);
    expect(sequences(once(siem.arrived))).toEqual(numbers(40));
    // A repeat is the same in every byte but its time: a receiver can drop it by its id.
    for (const one of siem.arrived) {
      expect(siem.arrived.filter(({ id }) => id === one.id).every(({ text }) => text === one.text)).toBe(true);
    }
    expect(siem.arrived.length).toBeGreaterThan(40);
  });
});

test('failure mode 48: one dead destination delays no other', async () => {
  const good = await receiver();
  const hanging = await Promise.all([receiver(), receiver(), receiver(), receiver()]);
  for (const one of hanging) one.answer = () => undefined;
  thread([webhook('good', good), ...hanging.map((one, index) => webhook(`hangs-${index}`, one, 1_000))]);
  for (const index of hanging.keys()) await enqueue(`hangs-${index}`, 50);
  await until('all hang', () => hanging.every(({ arrived }) => arrived.length > 0));
  const startedMs = performance.now();
  await enqueue('good', 50);
  await delivered('good', 50);
  const tookMs = Math.round(performance.now() - startedMs);
  console.log(`50 deliveries beside four receivers that hang: ${tookMs} ms`);
  expect(sequences(good.arrived)).toEqual(numbers(50));
  // No more than one attempt hangs at each.
  expect(hanging.every(({ arrived }) => new Set(sequences(arrived)).size === 1)).toBe(true);
});

test('what a receiver rejects is dead after some attempts, and holds up nothing for good', async () => {
  const siem = await receiver();
  siem.answer = (response, { body }) => response.writeHead(body.data['n'] === 2 ? 422 : 200).end('no, because canary');
  const { state } = thread([webhook('siem', siem)]);
  await enqueue('siem', 4);
  await delivered('siem', 3);
  expect(sequences(siem.arrived)).toEqual([1, 2, 2, 2, 3, 4]);
  expect((await rows())[1]).toMatchObject({ state: 'dead', attempts: 3, last_error: 'the receiver answered 422' });
  // It is told in parts, while the rest is under way.
  await until('all of it is told', () => {
    const { dead, waiting } = state()?.destinations[0] ?? {};
    return dead === 1 && waiting === 0;
  });
  expect(state()?.destinations).toMatchObject([
    { name: 'webhooks.siem', waiting: 0, dead: 1, failures: 0, attempts: { delivered: 3, rejected: 3, failed: 0 } },
  ]);
});

test('attempts that failed are no rejections: an outage makes no dead letter of what is rejected once after it', async () => {
  const siem = await receiver();
  const outage = 7;
  siem.answer = (response) => {
    const answers = siem.arrived.length;
    response.writeHead(answers <= outage ? 503 : answers <= outage + 2 ? 400 : 200).end();
  };
  thread([webhook('siem', siem)]);
  await enqueue('siem', 2);
  await until('all is over', async () => (await rows()).every(({ state }) => state !== 'waiting'));
  // Of the third rejection it would die.
  expect(await rows()).toMatchObject([
    { state: 'delivered', attempts: outage + 3 },
    { state: 'delivered', attempts: 1 },
  ]);
});

test('failure mode 35: an address that is not allowed gets nothing, and the reason that is kept tells no secret', async () => {
  const siem = await receiver();
  const { deliveries } = thread([]);
  const one = webhook('siem', siem);
  const target = { ...one.target, path: '/canary-path?token=canary-query' };
  deliveries.take({ kind: 'settings', settings: { webhooks: [{ ...one, target }], allow: [], caFile: undefined } });
  await enqueue('siem', 1);
  const reason = await until('it was tried', async () => (await rows())[0]?.last_error ?? undefined);
  expect(reason).toBe('127.0.0.1 is at 127.0.0.1, which is not a public address and not in server.egress.allow');
  expect(siem.arrived).toEqual([]);
});

test('retry-after is waited for, and no longer than is sensible', async () => {
  const siem = await receiver();
  siem.answer = (response) => response.writeHead(siem.arrived.length === 1 ? 429 : 200, { 'retry-after': '1' }).end();
  thread([webhook('siem', siem)]);
  await enqueue('siem', 1);
  await until('it was turned away', () => siem.arrived.length === 1);
  const turnedAwayMs = performance.now();
  await delivered('siem', 1);
  expect(performance.now() - turnedAwayMs).toBeGreaterThan(950);

  const greedy = await receiver();
  greedy.answer = (response) => response.writeHead(429, { 'retry-after': '31536000' }).end();
  thread([webhook('greedy', greedy)]);
  await enqueue('greedy', 1);
  const open = await until('it is left alone', async () => {
    const answer = await pool.query<{ seconds: number }>(
      `SELECT extract(epoch FROM open_until - now())::float8 AS seconds
         FROM aperture.delivery_destinations WHERE name = 'webhooks.greedy' AND open_until IS NOT NULL`,
    );
    return answer.rows[0]?.seconds;
  });
  expect(open).toBeGreaterThan(3_500);
  expect(open).toBeLessThan(3_700);
});

test('what is too old is a dead letter, with its reason, also where its destination is gone', async () => {
  const siem = await receiver();
  siem.answer = (response) => response.writeHead(500).end();
  const { state } = thread([webhook('siem', siem)]);
  await enqueue('siem', 2);
  await enqueue('removed', 1);
  await until('it was tried', async () => ((await rows())[0]?.attempts ?? 0) > 0);
  await until('what nobody asks for is told', () => state()?.unconfigured.waiting === 1);
  await pool.query(`UPDATE aperture.deliveries SET expires_at = now()`);
  await until('all are dead', async () => {
    return [...(await rows()), ...(await rows('removed'))].every((row) => row.state === 'dead');
  });
  const [first, second] = await rows();
  expect(first).toMatchObject({ sequence: '1', last_error: 'not delivered within 3 days; the receiver answered 500' });
  expect(second).toMatchObject({ sequence: '2', attempts: 0, last_error: 'not delivered within 3 days' });
  expect(await rows('removed')).toMatchObject([{ last_error: 'no destination of this name is configured' }]);
});

test('dead letters and a span of time are replayed under their old ids and numbers', async () => {
  const siem = await receiver();
  siem.answer = (response) => response.writeHead(400).end();
  const { ask } = thread([webhook('siem', siem)]);
  await enqueue('siem', 3);
  await until('all are dead', async () => (await rows()).every(({ state }) => state === 'dead'), 20_000);
  const before = await rows();
  siem.arrived.length = 0;
  siem.answer = (response) => response.end();
  expect(await ask({ ids: [before[1]!.id, '0193b2a0-0000-7000-8000-000000000000'] })).toEqual({
    status: 200,
    body: { replayed: 1, more: false },
  });
  await delivered('siem', 1);
  const span = { destination: 'webhooks.siem', from: '2020-01-01T00:00:00Z', to: '2120-01-01T00:00:00Z' };
  expect(await ask({ ...span, state: 'dead' })).toEqual({ status: 200, body: { replayed: 2, more: false } });
  await delivered('siem', 3);
  expect(await ask(span)).toEqual({ status: 200, body: { replayed: 3, more: false } });
  await until('all came again', () => siem.arrived.length === 6);
  await delivered('siem', 3);
  expect(sequences(siem.arrived)).toEqual([2, 1, 3, 1, 2, 3]);
  expect(new Set(siem.arrived.map(({ id }) => id))).toEqual(new Set(before.map(({ id }) => id)));

  for (const wrong of [
    {},
    { ids: [] },
    { ids: ['x'] },
    { destination: 'webhooks.siem' },
    { ...span, to: span.from },
    [],
  ]) {
    expect(await ask(wrong), JSON.stringify(wrong)).toMatchObject({ status: 400 });
  }
  expect(await ask({ ids: [before[0]!.id] }, 'user')).toMatchObject({ status: 403 });
});

test('several processes deliver each once, in sequence', async () => {
  const siem = await receiver();
  for (let at = 0; at < 3; at += 1) thread([webhook('siem', siem)]);
  for (let at = 0; at < 5; at += 1) await enqueue('siem', 20, at * 20 + 1);
  await delivered('siem', 100);
  expect(sequences(siem.arrived)).toEqual(numbers(100));
});

test('writers at the same time, some of whom roll back, leave no gap in the sequence', async () => {
  const siem = await receiver();
  thread([webhook('siem', siem)]);
  const write = async (writer: number): Promise<void> => {
    const client = await pool.connect();
    await client.query('BEGIN');
    const payload = JSON.stringify({ n: writer });
    await enqueueDeliveries(
      client,
      [{ destination: 'webhooks.siem', kind: 'request.closed', payload }],
      systemClock.nowMs(),
    );
    await client.query(writer % 3 === 0 ? 'ROLLBACK' : 'COMMIT');
    client.release();
  };
  for (let at = 0; at < 60; at += 6) await Promise.all(numbers(6, at).map(write));
  await delivered('siem', 40);
  expect(sequences(siem.arrived)).toEqual(numbers(40));
});

test('a holder that died is followed by another once its lease has run out', async () => {
  const siem = await receiver();
  const store = createDeliveryStore(pool);
  await store.know([{ name: 'webhooks.siem', events: [] }]);
  await enqueue('siem', 3);
  await store.due(['webhooks.siem']);
  expect(await store.hold('webhooks.siem', 'the dead one', 500)).toBe(0);
  expect(await store.hold('webhooks.siem', 'another', 500)).toBeUndefined();
  thread([webhook('siem', siem)]);
  await delivered('siem', 3);
  // What the dead one might still say of the destination counts for nothing.
  expect(await store.settle('webhooks.siem', 'the dead one', [], { failures: 9, openMs: 60_000 })).toBe(false);
  await enqueue('siem', 1, 4);
  await delivered('siem', 4);
});

test('a receiver that is slower than a lease is not called by two', async () => {
  const siem = await receiver();
  siem.answer = (response) => void setTimeout(() => response.end(), 1_500);
  const webhooks = [webhook('siem', siem, 5_000)];
  thread(webhooks);
  thread(webhooks);
  await enqueue('siem', 2);
  await delivered('siem', 2);
  expect(sequences(siem.arrived)).toEqual([1, 2]);
});

test('a span means the same in a list and in a replay: the time that ids carry', async () => {
  const siem = await receiver();
  const { ask } = thread([webhook('siem', siem)]);
  const at = Date.parse('2026-11-23T10:00:00Z');
  await pool.query(
    `INSERT INTO aperture.deliveries (id, destination, sequence, kind, payload, state, expires_at, finished_at)
     SELECT id, 'webhooks.siem', n, 'request.closed', '{}', 'delivered', now(), now()
       FROM unnest($1::uuid[]) WITH ORDINALITY AS made (id, n)`,
    [[at - 1, at, at + 59_999, at + 60_000].map(uuid7Floor)],
  );
  const span = { destination: 'webhooks.siem', from: '2026-11-23T10:00:00Z', to: '2026-11-23T10:01:00Z' };
  expect(await ask(span)).toEqual({ status: 200, body: { replayed: 2, more: false } });
  await until('they came again', () => siem.arrived.length === 2);
  expect(sequences(siem.arrived)).toEqual([2, 3]);
  expect(await ask({ ...span, from: '0000-01-01T00:00:00Z', to: '0001-01-01T00:00:00Z' })).toEqual({
    status: 200,
    body: { replayed: 0, more: false },
  });
});

test('failure mode 39: deliveries go on while Redis is killed, and are not repeated by what it remembers', async () => {
  const own = await startTestRedis();
  ownRedis.push(own);
  const siem = await receiver();
  thread([webhook('siem', siem)], { redisUrl: own.url });
  await enqueue('siem', 5);
  await delivered('siem', 5);
  await own.kill();
  await enqueue('siem', 20, 6);
  await delivered('siem', 25);
  await own.start();
  await enqueue('siem', 5, 26);
  await delivered('siem', 30);
  expect(sequences(siem.arrived)).toEqual(numbers(30));
});

test('beyond the bound the oldest go, which the receiver sees in the sequence', async () => {
  const store = createDeliveryStore(pool);
  await store.know([{ name: 'webhooks.siem', events: [] }]);
  await enqueue('siem', 10);
  await store.due(['webhooks.siem']);
  expect(await store.dropOldest('webhooks.siem', 4)).toBe(4);
  const siem = await receiver();
  thread([webhook('siem', siem)]);
  await delivered('siem', 6);
  expect(sequences(siem.arrived)).toEqual(numbers(6, 5));
});

test('beyond the bound several processes drop no more than one', async () => {
  const siem = await receiver();
  siem.answer = (response) => response.writeHead(503).end();
  await enqueue('siem', 20_000);
  const options = { waitingMost: 1_000 };
  const threads = Array.from({ length: 4 }, () => thread([webhook('siem', siem)], options));
  const dropped = (): number => threads.reduce((sum, { state }) => sum + (state()?.destinations[0]?.dropped ?? 0), 0);
  await until('as many as are too many are dropped', () => dropped() >= 19_000);
  expect(dropped()).toBe(19_000);
  expect((await rows()).map(({ sequence, state }) => `${sequence} ${state}`)).toEqual(
    numbers(1_000, 19_001).map((sequence) => `${sequence} waiting`),
  );
});

test('failure mode 40: finished deliveries go after their time, in batches', async () => {
  await enqueue('siem', 3);
  await pool.query(`UPDATE aperture.deliveries SET state = 'delivered', finished_at = now() - interval '73 hours'`);
  await enqueue('siem', 3);
  await pool.query(
    `UPDATE aperture.deliveries SET state = 'dead', finished_at = now() - interval '31 days' WHERE state = 'waiting'`,
  );
  await enqueue('siem', 1);
  await pool.query(
    `UPDATE aperture.deliveries SET state = 'dead', finished_at = now() - interval '29 days' WHERE state = 'waiting'`,
  );
  thread([]);
  await until('two kinds are gone', async () => (await rows()).length === 1);
  expect(await rows()).toMatchObject([{ state: 'dead' }]);
});

test('however many are too old or were kept long enough, one look is enough', async () => {
  await pool.query(
    `INSERT INTO aperture.deliveries (id, destination, kind, payload, state, expires_at, finished_at)
     SELECT gen_random_uuid(), 'webhooks.siem', 'request.closed', '{}', 'delivered', now(), now() - interval '73 hours'
       FROM generate_series(1, 10001)
     UNION ALL
     SELECT gen_random_uuid(), 'webhooks.removed', 'request.closed', '{}', 'waiting', now() - interval '1 hour', NULL
       FROM generate_series(1, 2001)`,
  );
  // No second look in the time of a test.
  thread([], { lookMs: 3_600_000 });
  const left = async (): Promise<unknown> =>
    (await pool.query('SELECT state, count(*)::int AS count FROM aperture.deliveries GROUP BY state ORDER BY state'))
      .rows;
  await until('the old are gone, and the others dead', async () => {
    return JSON.stringify(await left()) === JSON.stringify([{ state: 'dead', count: 2_001 }]);
  });
});

test('a thread that is told to stop ends the attempt under way and begins no other', async () => {
  const siem = await receiver();
  const waiting: ServerResponse[] = [];
  siem.answer = (response) => void waiting.push(response);
  const { deliveries, told } = thread([webhook('siem', siem, 5_000)]);
  await enqueue('siem', 3);
  await until('the first is under way', () => waiting.length === 1);
  deliveries.take({ kind: 'drain', withinMs: 5_000 });
  waiting[0]!.end();
  await until('it is drained', () => told.some(({ kind }) => kind === 'drained'));
  expect((await rows()).map(({ state }) => state)).toEqual(['delivered', 'waiting', 'waiting']);
  expect(siem.arrived).toHaveLength(1);
});
