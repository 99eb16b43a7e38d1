import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { until } from './raw.ts';

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0, expectedKey: 'sk-real', booksCapacity: 50 });
});
afterAll(() => simulator.close());
beforeEach(() => {
  simulator.reset();
});

interface Ask {
  path?: string;
  settings?: string;
  stream?: boolean;
  headers?: Record<string, string>;
  body?: object;
}

async function ask({ path = '/v1/chat/completions', settings = '', stream = false, headers = {}, body }: Ask) {
  const response = await fetch(simulator.url + path, {
    method: 'POST',
    headers: { 'x-sim': settings, 'anthropic-version': '2023-06-01', ...headers },
    body: JSON.stringify(
      body ?? { model: 'm', max_tokens: 5000, stream, messages: [{ role: 'user', content: 'Tides?' }] },
    ),
  });
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
}

const ended = (count: number) =>
  until('all have ended', () => {
    const books = simulator.books();
    return books.totals.requests >= count && books.totals.live === 0 && books;
  });

test('equal requests get equal bytes, in every dialect, streamed or not', async () => {
  for (const path of ['/v1/chat/completions', '/v1/messages']) {
    for (const stream of [false, true]) {
      const settings = 'reasoning=4;cached=3';
      const [one, two, other] = await Promise.all([
        ask({ path, stream, settings }),
        ask({ path, stream, settings }),
        ask({ path, stream, settings: `${settings};seed=2` }),
      ]);
      expect(one.bytes.equals(two.bytes)).toBe(true);
      expect(one.bytes.equals(other.bytes)).toBe(false);
    }
  }
});

test('an entry has what was asked for, what was sent, and its digest', async () => {
  const { bytes } = await ask({
    stream: true,
    settings:
      'input=5;cached=6;write=7;output=8;reasoning=9;audio_in=10;audio_out=11;events=4;tag=t1;served=m-2;usage=always',
  });
  const { entries } = await ended(1);
  expect(entries).toHaveLength(1);
  expect(entries[0]).toMatchObject({
    tag: 't1',
    api: 'openai_chat',
    model: 'm',
    model_served: 'm-2',
    stream: true,
    status: 200,
    usage: {
      input_uncached: 5,
      cache_read: 6,
      cache_write_5m: 0,
      cache_write_1h: 0,
      cache_write_other: 7,
      output: 8,
      reasoning: 9,
      audio_in: 10,
      image_in: 0,
      audio_out: 11,
      image_out: 0,
    },
    usage_state: 'final',
    stop: 'stop',
    ending: 'complete',
    events_sent: 8,
    bytes_sent: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  });
  expect(bytes.toString()).toContain(`"id":"${entries[0]?.id ?? ''}"`);
});

test('what the client was told differs from what it cost, when the stream breaks', async () => {
  await ask({ path: '/v1/messages', stream: true, settings: 'input=40;output=30;events=10;error_after=5' });
  await ask({ stream: true, settings: 'input=40;output=30;events=10;unterminated' });
  await ask({ stream: false, settings: 'input=40;output=30;usage=none' });
  const { entries, totals } = await ended(3);
  expect(entries.map((entry) => entry.ending)).toEqual(['error_event', 'unterminated', 'complete']);
  expect(entries.map((entry) => entry.usage_state)).toEqual(['partial', 'absent', 'absent']);
  expect(entries.map((entry) => entry.usage?.output)).toEqual([30, 30, 30]);
  expect(entries[0]?.usage_told).toMatchObject({ input_uncached: 40, output: 2 });
  expect(totals.usage).toMatchObject({ input_uncached: 120, output: 90 });
  expect(totals.usage_told).toMatchObject({ input_uncached: 40, output: 2 });
});

test('nothing is billed for an error, a count or a model list', async () => {
  await ask({ settings: 'status=500' });
  await ask({ path: '/v1/messages/count_tokens' });
  await fetch(`${simulator.url}/v1/models`);
  const { entries } = await ended(3);
  expect(entries.map((entry) => [entry.api, entry.status, entry.usage])).toEqual([
    ['openai_chat', 500, null],
    ['anthropic_count_tokens', 200, null],
    ['models', 200, null],
  ]);
});

test('the sums equal those of what was asked, whatever that was', async () => {
  const tokens = fc.integer({ min: 0, max: 3_000_000 });
  const one = fc.record({
    input: tokens,
    cached: tokens,
    output: tokens,
    reasoning: tokens,
    anthropic: fc.boolean(),
    stream: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(one, { minLength: 1, maxLength: 12 }), async (asked) => {
      simulator.reset();
      await Promise.all(
        asked.map(({ anthropic, stream, ...kinds }) =>
          ask({
            path: anthropic ? '/v1/messages' : '/v1/chat/completions',
            stream,
            settings: `events=2;${Object.entries(kinds)
              .map(([kind, count]) => `${kind}=${count}`)
              .join(';')}`,
          }),
        ),
      );
      const { totals } = await ended(asked.length);
      const sum = (kind: 'input' | 'cached' | 'output' | 'reasoning'): number =>
        asked.reduce((total, next) => total + next[kind], 0);
      expect(totals.usage).toMatchObject({
        input_uncached: sum('input'),
        cache_read: sum('cached'),
        output: sum('output'),
        reasoning: sum('reasoning'),
      });
    }),
    { numRuns: 15 },
  );
});

test('the ring forgets, the sums do not; a reset forgets both', async () => {
  for (let i = 0; i < 130; i += 1) await ask({ settings: 'input=2;output=1' });
  const { totals, entries } = await ended(130);
  expect(entries).toHaveLength(50);
  expect(entries.at(-1)?.number).toBe(130);
  expect(totals).toMatchObject({ requests: 130, usage: { input_uncached: 260, output: 130 } });
  expect(simulator.books(128).entries.map((entry) => entry.number)).toEqual([129, 130]);
  await fetch(`${simulator.url}/__sim/reset`, { method: 'POST' });
  expect(simulator.books()).toMatchObject({ totals: { requests: 0 }, entries: [] });
});

test('books are served as JSON and do not count themselves', async () => {
  await ask({ settings: 'tag=a' });
  await ask({ settings: 'tag=b' });
  await ended(2);
  const response = await fetch(`${simulator.url}/__sim/books?tag=b`);
  const books: unknown = await response.json();
  expect(books).toMatchObject({ totals: { requests: 2 }, entries: [{ tag: 'b' }] });
});

test('a credential that is not the expected one is noted by a hash, wherever it came', async () => {
  await ask({ headers: { authorization: 'Bearer sk-real' } });
  await ask({});
  await ask({ headers: { authorization: 'Bearer sk-real', cookie: 'session=canary' } });
  await ask({ headers: { 'x-api-key': 'canary' } });
  await ask({ path: '/v1/chat/completions?key=canary' });
  const { entries, totals } = await ended(5);
  expect(entries.map((entry) => entry.credential)).toEqual(['expected', 'none', 'other', 'other', 'other']);
  const canary = createHash('sha256').update('canary').digest('hex').slice(0, 16);
  expect(entries[2]?.other_credentials).toHaveProperty('cookie');
  expect(entries[3]?.other_credentials).toEqual({ 'x-api-key': canary });
  expect(entries[4]?.other_credentials).toEqual({ '?key': canary });
  expect(totals.credentials).toEqual({ expected: 1, none: 1, other: 3 });
  expect(JSON.stringify(simulator.books())).not.toContain('canary');
});

test('a provider that insists on its key', async () => {
  const strict = await startSimulator({ host: '127.0.0.1', port: 0, expectedKey: 'k', requireKey: true });
  expect((await fetch(`${strict.url}/v1/models`)).status).toBe(401);
  expect((await fetch(`${strict.url}/v1/models`, { headers: { 'x-api-key': 'k' } })).status).toBe(200);
  await strict.close();
});

test('a compressed request is read', async () => {
  const { gzipSync } = await import('node:zlib');
  const body = gzipSync(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: '[[sim: input=3]]' }] }));
  const response = await fetch(`${simulator.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-encoding': 'gzip' },
    body,
  });
  expect(await response.json()).toMatchObject({ usage: { prompt_tokens: 3 } });
});

test('with blind=1 nobody looks at the body', async () => {
  const response = await fetch(`${simulator.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'x-sim': 'blind;input=7;output=2;served=big' },
    body: '{not json',
  });
  expect(await response.json()).toMatchObject({ model: 'big', usage: { prompt_tokens: 7, completion_tokens: 2 } });
});
