import type { ServerResponse } from 'node:http';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { DELIVERER_DEFAULTS } from '../../src/sinks/deliverer.ts';
import type { WebhookSettings } from '../../src/sinks/webhook.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { createDeliveryStore, enqueueDeliveries } from '../../src/store/deliveries.ts';
import { tellEvents } from '../../src/store/events.ts';
import { runDeliveries } from '../../workers/run-deliveries.ts';
import type { Deliveries } from '../../workers/run-deliveries.ts';
import { startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { isSigned, startReceiver } from '../support/receiver.ts';
import type { Arrived, TestEvent, TestReceiver } from '../support/receiver.ts';
import { until } from '../support/until.ts';

const SECRET = `whsec_${Buffer.alloc(32, 'k').toString('base64')}`;
const NEWER = `whsec_${Buffer.alloc(24, 'n').toString('base64')}`;

let postgres: TestPostgres;
let address: DatabaseAddress;
let pool: Pool;
const running: Deliveries[] = [];
const receivers: TestReceiver[] = [];

beforeAll(async () => {
  postgres = await startTestPostgres('webhooks');
  ({ address, pool } = await postgres.migrated());
});

beforeEach(async () => {
  await pool.query('TRUNCATE aperture.deliveries, aperture.delivery_destinations');
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((deliveries) => deliveries.close()));
  await Promise.all(receivers.splice(0).map((one) => one.away()));
});

afterAll(() => postgres.stop());

/** In milliseconds what are seconds and minutes elsewhere. */
function start(webhooks: WebhookSettings[]): Deliveries {
  const deliveries = runDeliveries({
    data: { database: address },
    clock: systemClock,
    log: silentLog,
    post: () => {},
    options: {
      sweepMs: 20,
      lookMs: 1_000,
      waitingMost: 1_000_000,
      deliverer: {
        ...DELIVERER_DEFAULTS,
        leaseMs: 2_000,
        backoff: { fromMs: 20, toMs: 100, random: () => 0.5 },
        rejectedAttempts: 3,
        fillMs: 20,
      },
    },
  });
  running.push(deliveries);
  configure(deliveries, webhooks);
  return deliveries;
}

function configure(deliveries: Deliveries, webhooks: WebhookSettings[]): void {
  deliveries.take({ kind: 'settings', settings: { webhooks, allow: ['127.0.0.1'], caFile: undefined } });
}

async function receiver(): Promise<TestReceiver> {
  const one = await startReceiver();
  receivers.push(one);
  return one;
}

function webhook({ port }: TestReceiver, change: Partial<WebhookSettings> = {}): WebhookSettings {
  const target = { origin: `http://127.0.0.1:${port}`, path: '/events', host: `127.0.0.1:${port}`, plainHttp: false };
  return {
    destination: 'webhooks.siem',
    target,
    secrets: [SECRET],
    authorization: '',
    format: 'json',
    events: ['request.closed'],
    filter: { logins: [], groups: [], models: [], providers: [], states: [] },
    batch: { most: 1, waitMs: 0 },
    timeoutMs: 1_000,
    ...change,
  };
}

async function enqueue(count: number, from = 1, more: Record<string, unknown> = {}): Promise<void> {
  const deliveries = Array.from({ length: count }, (_, index) => ({
    destination: 'webhooks.siem',
    kind: 'request.closed',
    payload: JSON.stringify({ n: from + index, ...more }),
  }));
  await enqueueDeliveries(pool, deliveries, systemClock.nowMs());
}

async function states(): Promise<Record<string, number>> {
  const { rows } = await pool.query<{ state: string; n: number }>(
    'SELECT state, count(*)::int AS n FROM aperture.deliveries GROUP BY state',
  );
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
}

async function delivered(count: number): Promise<void> {
  await until(`${count} are delivered`, async () => (await states())['delivered'] === count, 20_000);
}

const numbers = (count: number, from = 1): number[] => Array.from({ length: count }, (_, index) => from + index);
const taken = (arrived: readonly Arrived[]): TestEvent[] => arrived.flatMap(({ events }) => events);
/** As a receiver that drops the events that it has. */
const once = (events: readonly TestEvent[]): TestEvent[] => [...new Map(events.map((one) => [one.id, one])).values()];
const sequences = (events: readonly TestEvent[]): number[] => events.map(({ sequence }) => sequence);

test('while secrets are rotated, a receiver verifies with the old one as with the new', async () => {
  const siem = await receiver();
  const deliveries = start([webhook(siem, { secrets: [NEWER, SECRET] })]);
  await enqueue(3);
  await delivered(3);
  for (const one of siem.arrived) expect([isSigned(one, NEWER), isSigned(one, SECRET)]).toEqual([true, true]);
  configure(deliveries, [webhook(siem, { secrets: [NEWER] })]);
  await enqueue(3, 4);
  await delivered(6);
  for (const one of siem.arrived.slice(3)) expect([isSigned(one, NEWER), isSigned(one, SECRET)]).toEqual([true, false]);
});

test.each([
  ['json', 'application/json'],
  ['ocsf', 'application/json'],
  ['ecs', 'application/x-ndjson'],
  ['cef', 'text/plain; charset=utf-8'],
  ['splunk_hec', 'application/json'],
] as const)('a batch in the format %s is signed, and says what it is', async (format, mediaType) => {
  const siem = await receiver();
  start([webhook(siem, { format, authorization: 'Splunk 6c1f', batch: { most: 5, waitMs: 0 } })]);
  await enqueue(5);
  await delivered(5);
  for (const one of siem.arrived) {
    expect(one.headers).toMatchObject({ 'content-type': mediaType, authorization: 'Splunk 6c1f' });
    expect(isSigned(one, SECRET)).toBe(true);
  }
});

test('without a secret there is no signature, and an id all the same', async () => {
  const siem = await receiver();
  start([webhook(siem, { format: 'splunk_hec', secrets: [], authorization: 'Splunk 6c1f' })]);
  await enqueue(1);
  await delivered(1);
  const [one] = siem.arrived;
  expect(one!.headers).not.toHaveProperty('webhook-signature');
  expect(one!.id).toMatch(/^[0-9a-f-]{36}$/);
});

test('batches hold what waits in its order, at most as many as are wanted', async () => {
  const siem = await receiver();
  await enqueue(25);
  start([webhook(siem, { batch: { most: 10, waitMs: 0 } })]);
  await delivered(25);
  expect(siem.arrived.map(({ events }) => events.length)).toEqual([10, 10, 5]);
  expect(sequences(taken(siem.arrived))).toEqual(numbers(25));
  expect(siem.arrived.every((one) => isSigned(one, SECRET))).toBe(true);
  expect(new Set(siem.arrived.map(({ id }) => id)).size).toBe(3);
  // One event is a list too, under its own id.
  await enqueue(1, 26);
  await delivered(26);
  const last = siem.arrived.at(-1)!;
  expect(last.events.map(({ id }) => id)).toEqual([last.id]);
});

test('a batch that failed comes again as it was, under its id, whatever has come after it', async () => {
  const siem = await receiver();
  siem.answer = (response) => response.writeHead(503, { 'retry-after': '1' }).end();
  await enqueue(3);
  start([webhook(siem, { batch: { most: 10, waitMs: 0 } })]);
  await until('it was turned away', () => siem.arrived.length === 1);
  siem.answer = (response) => response.end();
  await enqueue(3, 4);
  await delivered(6);
  expect(siem.arrived.map(({ events }) => sequences(events))).toEqual([
    [1, 2, 3],
    [1, 2, 3],
    [4, 5, 6],
  ]);
  const [first, again] = siem.arrived;
  expect([again!.id, again!.text]).toEqual([first!.id, first!.text]);
});

test('a receiver of batches that fails, hangs, redirects, answers junk and goes away gets everything, in sequence', async () => {
  const siem = await receiver();
  const bad: ((response: ServerResponse) => void)[] = [
    (response) => response.writeHead(500).end('broken'),
    () => undefined,
    (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    (response) => response.destroy(),
    (response) => response.writeHead(401).end(),
    (response) => response.writeHead(413).end(),
  ];
  let asked = 0;
  siem.answer = (response) => {
    asked += 1;
    // Each kind of failure once, between what is taken.
    const fails = asked % 2 === 0 ? bad.shift() : undefined;
    if (fails === undefined) response.end('x'.repeat(20_000));
    else fails(response);
  };
  await enqueue(60);
  start([webhook(siem, { batch: { most: 4, waitMs: 0 }, timeoutMs: 300 })]);
  await until('every failure was seen', () => bad.length === 0, 20_000);
  await siem.away();
  await enqueue(10, 61);
  await until('the failure is noted', async () => {
    const { rows } = await pool.query(`SELECT FROM aperture.deliveries WHERE last_error LIKE '%reached%'`);
    return rows.length > 0;
  });
  await siem.back();
  await delivered(70);
  expect(sequences(once(taken(siem.arrived)))).toEqual(numbers(70));
  expect(siem.arrived.every((one) => isSigned(one, SECRET))).toBe(true);
});

test('one bad event in a batch is found, and kills none of its neighbours', async () => {
  const siem = await receiver();
  siem.answer = (response, { events }) =>
    response.writeHead(events.some(({ data }) => data['n'] === 7) ? 422 : 200).end();
  await enqueue(20);
  start([webhook(siem, { batch: { most: 20, waitMs: 0 } })]);
  await delivered(19);
  expect(await states()).toEqual({ delivered: 19, dead: 1 });
  const good = siem.arrived.filter(({ events }) => events.every(({ data }) => data['n'] !== 7));
  expect(sequences(taken(good))).toEqual(numbers(20).filter((n) => n !== 7));
  const { rows } = await pool.query(`SELECT attempts, last_error FROM aperture.deliveries WHERE state = 'dead'`);
  expect(rows).toEqual([{ attempts: 3, last_error: 'the receiver answered 422' }]);
});

test('a receiver that takes less than it was configured for gets less', async () => {
  const siem = await receiver();
  siem.answer = (response, { events }) => response.writeHead(events.length > 3 ? 413 : 200).end();
  await enqueue(20);
  start([webhook(siem, { batch: { most: 20, waitMs: 0 } })]);
  await delivered(20);
  expect(sequences(once(taken(siem.arrived)))).toEqual(numbers(20));
  expect(await states()).toEqual({ delivered: 20 });
});

test('the first event waits for more to go with it, and no longer than it has to', async () => {
  const siem = await receiver();
  const deliveries = start([webhook(siem, { batch: { most: 5, waitMs: 60_000 } })]);
  await enqueue(3);
  await until('somebody waits', async () => {
    const { rows } = await pool.query(`SELECT FROM aperture.delivery_destinations WHERE holder IS NOT NULL`);
    return rows.length === 1;
  });
  await enqueue(2, 4);
  await delivered(5);
  expect(siem.arrived.map(({ events }) => sequences(events))).toEqual([numbers(5)]);
  configure(deliveries, [webhook(siem, { batch: { most: 5, waitMs: 50 } })]);
  await enqueue(2, 6);
  await delivered(7);
  expect(sequences(taken(siem.arrived))).toEqual(numbers(7));
});

test('large events make small batches: no more than a megabyte and one event is held', async () => {
  const siem = await receiver();
  await enqueue(40, 1, { text: 'x'.repeat(60_000) });
  start([webhook(siem, { batch: { most: 1_000, waitMs: 60_000 }, timeoutMs: 5_000 })]);
  await until('the first have come', () => siem.arrived.length >= 2, 20_000);
  expect(siem.arrived[0]!.events.length).toBeGreaterThan(10);
  expect(Math.max(...siem.arrived.map(({ text }) => text.length))).toBeLessThan(1_200_000);
});

test('a thousand events are one request', async () => {
  const siem = await receiver();
  await enqueue(1_000);
  start([webhook(siem, { batch: { most: 1_000, waitMs: 0 }, timeoutMs: 10_000 })]);
  await delivered(1_000);
  expect(siem.arrived.map(({ events }) => events.length)).toEqual([1_000]);
});

test('a flood is numbered only as far as it may be sent soon, and arrives whole and in sequence', async () => {
  const numbered = async (): Promise<number> => {
    const { rows } = await pool.query<{ n: number }>(
      'SELECT count(*)::int AS n FROM aperture.deliveries WHERE sequence IS NOT NULL',
    );
    return rows[0]!.n;
  };
  await enqueue(12_000);
  const store = createDeliveryStore(pool);
  await store.know([{ name: 'webhooks.siem', events: [] }]);
  expect(await store.due(['webhooks.siem'])).toEqual(['webhooks.siem']);
  expect(await numbered()).toBe(10_000);
  await store.due(['webhooks.siem']);
  expect(await numbered()).toBe(10_000);
  const siem = await receiver();
  start([webhook(siem, { batch: { most: 1_000, waitMs: 0 }, timeoutMs: 10_000 })]);
  await delivered(12_000);
  expect(sequences(taken(siem.arrived))).toEqual(numbers(12_000));
  expect(taken(siem.arrived).map(({ data }) => data['n'])).toEqual(numbers(12_000));
});

test('who wants events that no record causes is told of them, and who has left the config is not', async () => {
  const [wants, other] = await Promise.all([receiver(), receiver()]);
  const event = {
    kind: 'kill_switch',
    data: {
      change: 'set',
      id: '1',
      kind: 'login',
      value: 'mallory@example.com',
      reason: '',
      by: 'admin@example.com',
      at: '2026-11-23T10:20:31.000Z',
      until: null,
    },
  } as const;
  const known = async (events: string): Promise<void> => {
    await until(`it is known who wants ${events}`, async () => {
      const { rows } = await pool.query<{ events: string[] }>(
        `SELECT events FROM aperture.delivery_destinations WHERE name = 'webhooks.siem'`,
      );
      return rows[0]?.events.join(' ') === events;
    });
  };
  const deliveries = start([
    webhook(wants, { events: ['request.closed', 'kill_switch', 'token.created'] }),
    webhook(other, { destination: 'webhooks.other' }),
  ]);
  await known('request.closed kill_switch token.created');
  await tellEvents(pool, [event], systemClock.nowMs());
  await delivered(1);
  expect(wants.arrived.map(({ body }) => [body.type, body.data])).toEqual([['kill_switch', event.data]]);
  configure(deliveries, []);
  await known('');
  await tellEvents(pool, [event], systemClock.nowMs());
  expect(await states()).toEqual({ delivered: 1 });
  expect(other.arrived).toEqual([]);
});
