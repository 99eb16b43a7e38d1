import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../bench/targets.ts';
import { bodyOf } from '../../src/dashboard/bodies.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { findCapture } from '../../src/store/captures.ts';
import type { StoredBody, StoredCapture } from '../../src/store/captures.ts';
import { databaseUrl, startTestPostgres } from '../support/postgres.ts';
import type { TestPostgres } from '../support/postgres.ts';
import { until } from '../support/until.ts';
import { ADMIN_GRANT, bodyOf as askedBody, newTag, PROVIDER_KEY, startFlow } from './support.ts';
import type { Flow } from './support.ts';

/** Rules look at the responses of this one. */
const RULED_MODEL = 'gpt-5-ruled';

/** What goes through the gateway, and what the database gives back of it. */
let postgres: TestPostgres;
let pool: pg.Pool;
let flow: Flow;

beforeAll(async () => {
  postgres = await startTestPostgres('captures');
  const database = await postgres.migrated();
  pool = database.pool;
  const port = await freePort();
  flow = await startFlow({
    env: { DATABASE_URL: databaseUrl(database.address) },
    simulator: { port },
    providers: { ruled: { baseurl: `http://127.0.0.1:${port}`, apikey: PROVIDER_KEY, models: [RULED_MODEL] } },
    hooks: { birds: { builtin: { kind: 'words', action: 'block', sides: ['response'], words: ['heron nest'] } } },
    grants: [
      ADMIN_GRANT,
      {
        src: ['(loopback)'],
        app: { 'tailscale.com/cap/aperture': [{ models: 'ruled/**', send_hooks: [{ name: 'birds' }] }] },
      },
    ],
  });
});
afterAll(async () => {
  await flow.close();
  await postgres.stop();
});

async function captureOf(response: Response): Promise<StoredCapture & { id: string }> {
  const id = response.headers.get('x-aperture-request-id') ?? '';
  const capture = await until(`${id} is captured`, () => findCapture(pool, id, undefined), 20_000);
  return { ...capture, id };
}

async function bytesOf({ id, login }: { id: string; login: string }, body: StoredBody | null): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  if (body !== null) for await (const part of bodyOf(pool, { id, login, body })) parts.push(part);
  return Buffer.concat(parts);
}

/** The database as a backup has it that is older than all blobs; the connection that captures are stored by breaks. */
async function withoutBlobs(client: Pick<pg.ClientBase, 'query'>): Promise<void> {
  await client.query('DELETE FROM aperture.blobs');
  await client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
      WHERE application_name = 'aperture-captures' AND datname = current_database()`,
  );
}

describe('a database that was restored from a backup', () => {
  const prompt = 'You are a careful assistant. '.repeat(200);
  const ask = (word: string): Promise<Response> =>
    flow.ask('openai', {
      body: {
        messages: [
          { role: 'system', content: prompt },
          { role: 'user', content: word },
        ],
      },
    });

  test('is told again what it had before', async () => {
    await captureOf(await ask('before'));
    await withoutBlobs(pool);
    const after = await captureOf(await ask('after'));
    expect((await bytesOf(after, after.request)).toString()).toContain(prompt);
  });

  test('between the blobs of a capture and what names them is told of the blobs again', async () => {
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('LOCK TABLE aperture.captures IN EXCLUSIVE MODE');
    await client.query('DELETE FROM aperture.blobs');
    const asked = await ask('meanwhile');
    await until('the capture waits', async () => {
      const { rowCount } = await pool.query(
        `SELECT FROM pg_stat_activity WHERE application_name = 'aperture-captures' AND wait_event_type = 'Lock'`,
      );
      return rowCount === 1;
    });
    await withoutBlobs(client);
    await client.query('COMMIT');
    client.release();
    const capture = await captureOf(asked);
    await until('its blobs are there', async () => {
      const bytes = await bytesOf(capture, capture.request).catch(() => undefined);
      return bytes?.toString().includes(prompt);
    });
  });
});

describe('a capture', () => {
  test('has both bodies byte for byte, and the headers without credentials', async () => {
    const response = await flow.ask('anthropic', {
      stream: true,
      sim: 'events=40',
      headers: { 'x-api-key': 'sk-ant-client-secret', 'anthropic-version': '2023-06-01' },
    });
    const received = Buffer.from(await response.arrayBuffer());
    const capture = await captureOf(response);
    expect(JSON.parse((await bytesOf(capture, capture.request)).toString())).toMatchObject({
      ...askedBody('anthropic'),
      stream: true,
    });
    expect((await bytesOf(capture, capture.response)).equals(received)).toBe(true);
    expect(capture).toMatchObject({ login: '(loopback)', missingFrames: 0 });
    expect(capture.requestHeaders).toContainEqual(['anthropic-version', '2023-06-01']);
    expect(JSON.stringify(capture.requestHeaders)).not.toContain('client-secret');
    expect(capture.responseHeaders.find(([name]) => name === 'content-type')?.[1]).toMatch(/^text\/event-stream/);
  });

  test('is told by the API: headers with the record, bodies raw and put together again, to whoever may see them', async () => {
    const response = await flow.ask('openai', { stream: true, sim: 'text=Hello%20there' });
    const received = Buffer.from(await response.arrayBuffer());
    const { id } = await captureOf(response);
    const { gateway } = flow;
    expect(await gateway.json(`/api/requests/${id}`)).toMatchObject({
      capture: { response: { left_out: null }, missing_frames: 0 },
    });
    const raw = await fetch(`${gateway.url}/api/requests/${id}/body?side=response`);
    expect(raw.headers.get('content-disposition')).toBe('attachment');
    // What the provider sent: with the usage event that the gateway asked for and took out again.
    expect(Buffer.from(await raw.arrayBuffer()).includes(received.subarray(0, 40))).toBe(true);
    expect(await gateway.json(`/api/requests/${id}/body?side=response&form=json`)).toMatchObject({
      body: { object: 'chat.completion', choices: [{ message: { content: 'Hello there' } }] },
    });
    expect(await gateway.json(`/api/requests/${id}/body?side=request&form=json`)).toMatchObject({
      body: { model: 'gpt-5-mini', stream: true, stream_options: { include_usage: true } },
    });
    for (const path of [`/api/requests/${id}/body`, `/api/requests/${id}/body?side=both`]) {
      expect((await fetch(gateway.url + path)).status).toBe(400);
    }
    const nobody = '01a21165-a078-7000-a3fd-ace57e2122b2';
    expect((await fetch(`${gateway.url}/api/requests/${nobody}/body?side=request`)).status).toBe(404);
  });

  test('of a request that was denied has its headers and no bodies', async () => {
    const response = await flow.ask('openai', { body: { model: 'no-such-model' } });
    expect(response.status).toBe(404);
    const capture = await captureOf(response);
    expect(capture).toMatchObject({ request: null, response: null, responseHeaders: [] });
    expect(capture.requestHeaders).toContainEqual(['content-type', 'application/json']);
  });

  test('failure mode 47: a request of 20 MB and a stream of 50,000 events come back byte for byte', async () => {
    const content = Array.from({ length: 600_000 }, (_, index) => `${index * 2_654_435_761} words, "quoted" `).join('');
    const body = {
      ...askedBody('openai'),
      stream: true,
      stream_options: { include_usage: true },
      messages: [{ role: 'user', content }],
    };
    const sent = Buffer.from(JSON.stringify(body));
    expect(sent.length).toBeGreaterThan(20_000_000);
    const response = await fetch(`${flow.gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-sim': 'events=50000;bytes=60' },
      body: sent,
    });
    const received = Buffer.from(await response.arrayBuffer());
    expect(received.toString('latin1').match(/^data: /gm)?.length).toBeGreaterThan(50_000);
    const capture = await captureOf(response);
    expect((await bytesOf(capture, capture.request)).equals(sent)).toBe(true);
    expect((await bytesOf(capture, capture.response)).equals(received)).toBe(true);
    expect(capture.missingFrames).toBe(0);
  });

  test('of a conversation that is sent again and again stores what is new, once', async () => {
    const messages: { role: string; content: string }[] = [];
    let rawBytes = 0;
    const asked = new Map<string, string>();
    const before = await storedBytes();
    for (let turn = 0; turn < 60; turn += 1) {
      messages.push({ role: 'user', content: `Question ${turn}: ${`about file ${turn * 31} `.repeat(60)}` });
      const body = JSON.stringify({ model: 'claude-haiku-4-5', max_tokens: 100, messages });
      const response = await fetch(`${flow.gateway.url}/v1/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-sim': 'events=5' },
        body,
      });
      const answer = await response.text();
      rawBytes += body.length + answer.length;
      asked.set(response.headers.get('x-aperture-request-id') ?? '', body);
      messages.push({ role: 'assistant', content: `Answer ${turn}: ${`it does thing ${turn * 17} `.repeat(60)}` });
    }
    for (const [id, body] of asked) {
      const capture = await until(`${id} is captured`, () => findCapture(pool, id, undefined), 20_000);
      expect((await bytesOf({ id, login: capture.login }, capture.request)).toString()).toBe(body);
    }
    const stored = (await storedBytes()) - before;
    console.log(`60 turns: ${rawBytes} bytes raw, ${stored} stored, ${(rawBytes / stored).toFixed(1)} times smaller`);
    expect(rawBytes / stored).toBeGreaterThan(10);
  });
});

describe('the pace of a response', () => {
  type Mark = [bytes: number, ms: number];
  interface Told {
    received_at: string;
    first_byte_at: string;
    ended_at: string;
    response_bytes: number;
    verdicts: unknown[];
    capture: { response_pace: Mark[] | null; response: { bytes: number } };
  }
  const told = async (response: Response): Promise<Told> => {
    const { id } = await captureOf(response);
    return (await flow.gateway.json(`/api/requests/${id}`)) as Told;
  };
  const firstAndLast = ({ capture }: Told): [Mark, Mark] => {
    const marks = capture.response_pace ?? [];
    return [marks[0] ?? [0, 0], marks.at(-1) ?? [0, 0]];
  };
  const EVENTS = 12;
  const PACE_MS = 30;

  test('tells when the first byte of a stream came, when the last did, and how many there were', async () => {
    const tag = newTag();
    const sim = `events=${EVENTS};pace=${PACE_MS}ms;tag=${tag}`;
    const response = await flow.ask('anthropic', { stream: true, sim });
    const reader = response.body?.getReader();
    await reader?.read();
    const firstSeenMs = systemClock.nowMs();
    while ((await reader?.read())?.done === false);
    const record = await told(response);
    const sinceReceivedMs = (time: string): number => Date.parse(time) - Date.parse(record.received_at);
    const [first, last] = firstAndLast(record);
    expect(Math.abs(first[1] - sinceReceivedMs(record.first_byte_at))).toBeLessThanOrEqual(1);
    // The provider keeps to its schedule, so the last byte cannot have come sooner, whoever was slow on the way.
    const lastSentMs = (await flow.ended(tag)).started_at_ms + EVENTS * PACE_MS;
    expect(last[1]).toBeGreaterThanOrEqual(EVENTS * PACE_MS - 1);
    expect(last[1] - first[1]).toBeGreaterThanOrEqual(lastSentMs - firstSeenMs - 2);
    expect(last[1]).toBeLessThanOrEqual(sinceReceivedMs(record.ended_at) + 1);
    expect(last[0]).toBe(record.capture.response.bytes);
    expect(last[0]).toBe(record.response_bytes);
  });

  test('that rules let go is that of their letting go, of all bytes', async () => {
    const sim = `events=${EVENTS};pace=${PACE_MS}ms`;
    const response = await flow.ask('openai', { stream: true, sim, body: { model: RULED_MODEL } });
    await response.arrayBuffer();
    const record = await told(response);
    const [, last] = firstAndLast(record);
    expect(record.verdicts).toHaveLength(1);
    expect(last[1]).toBeGreaterThanOrEqual(EVENTS * PACE_MS - 1);
    expect(last[0]).toBe(record.capture.response.bytes);
  });

  test('is not told of one that is no stream', async () => {
    for (const sim of ['events=3', 'status=429']) {
      const { capture } = await told(await flow.ask('openai', { sim, stream: sim.startsWith('status') }));
      expect(capture.response.bytes).toBeGreaterThan(0);
      expect(capture.response_pace).toBeNull();
    }
  });
});

/** Contents and recipes, without what a row costs beside them. */
async function storedBytes(): Promise<number> {
  const { rows } = await pool.query<{ bytes: string }>(
    `SELECT (SELECT coalesce(sum(length(body)), 0) FROM aperture.blobs)
          + (SELECT coalesce(sum(length(request_recipe) + coalesce(length(response_recipe), 0)), 0) FROM aperture.captures) AS bytes`,
  );
  return Number(rows[0]?.bytes ?? 0);
}
