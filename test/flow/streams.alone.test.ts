import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { freePort } from '../../bench/targets.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { until } from '../support/until.ts';
import { APIS, MODELS, PATHS, bodyOf, errorOf, newTag, rawRequest, startFlow } from './support.ts';
import type { Api, Flow } from './support.ts';
import { WIRES, WIRE_HEADERS, WIRE_NAMES, textProviders } from './wires.ts';

const FIRST_BYTE_MS = 700;
const IDLE_MS = 1600;
const TOTAL_MS = 6000;
/** The watchdog looks every 100 ms; the rest is for a busy machine. */
const LATE_MS = 1500;

/** Streams and what breaks them, with the real binary between a client and a provider that are both ours. */
let flow: Flow;

beforeAll(async () => {
  const port = await freePort();
  flow = await startFlow({
    simulator: { port },
    providers: textProviders(`http://127.0.0.1:${port}`),
    server: {
      timeouts: { first_byte: `${FIRST_BYTE_MS}ms`, idle: `${IDLE_MS}ms`, total: `${TOTAL_MS / 1000}s` },
    },
  });
});
afterAll(async () => {
  await flow.close();
});

/** Asked for its usage, so that the gateway edits nothing. */
function streamBody(api: Api): Record<string, unknown> {
  return { ...bodyOf(api), stream: true, ...(api === 'openai' ? { stream_options: { include_usage: true } } : {}) };
}

function rawStream(api: Api, tag: string, sim: string): string {
  return rawRequest(PATHS[api], JSON.stringify(streamBody(api)), {
    'x-sim': `tag=${tag};${sim}`,
    'user-agent': tag,
    connection: 'keep-alive',
  });
}

interface Taken {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  bytes: Buffer;
  /** The body ended as HTTP says it should. */
  whole: boolean;
  tookMs: number;
}

/** Takes an answer as it comes: no decoding, and what came before a break is kept. */
async function take(api: Api, tag: string, sim: string, stream = true): Promise<Taken> {
  const began = performance.now();
  const sent = request(flow.gateway.url + PATHS[api], {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-sim': `tag=${tag};${sim}`, 'user-agent': tag },
    body: JSON.stringify(stream ? streamBody(api) : bodyOf(api)),
  });
  const chunks: Buffer[] = [];
  let whole = true;
  let answer: Awaited<typeof sent> | undefined;
  try {
    answer = await sent;
    for await (const chunk of answer.body) chunks.push(Buffer.from(chunk as Uint8Array));
  } catch {
    whole = false;
  }
  return {
    status: answer?.statusCode ?? 0,
    headers: answer?.headers ?? {},
    bytes: Buffer.concat(chunks),
    whole,
    tookMs: performance.now() - began,
  };
}

/** An event of the gateway's own, or what ends a whole stream; not the same words in a model's text. */
const OWN_OR_LAST = /gateway_|^data: \[DONE\]|^event: (?:message_stop|response\.completed)/m;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

describe.each(APIS)('%s', (api) => {
  const leavings = [
    ['FIN', 'before the first byte', 'delay=5s'],
    ['RST', 'before the first byte', 'delay=5s'],
    ['FIN', 'mid-stream', 'events=500;pace=20ms'],
    ['RST', 'mid-stream', 'events=500;pace=20ms'],
  ] as const;
  test.each(leavings)(
    'failure mode 9: a client that leaves by %s %s closes the upstream within 100 ms',
    async (how, when, sim) => {
      const tag = newTag();
      const socket = await flow.socket();
      let text = '';
      socket.on('data', (chunk) => (text += chunk.toString('latin1')));
      socket.write(rawStream(api, tag, sim));
      await until('the provider has the request', () => flow.simulator.books(0, tag).entries.length === 1);
      if (when === 'mid-stream') await until('events arrive', () => text.split('data: ').length > 3);
      const leftAtMs = systemClock.nowMs();
      if (how === 'FIN') socket.end();
      else socket.resetAndDestroy();
      const entry = await flow.ended(tag);
      expect(entry.ending).toBe('client_left');
      expect((entry.ended_at_ms ?? Number.NaN) - leftAtMs).toBeLessThan(100);
      const record = await flow.recordOf(tag);
      expect(record).toMatchObject({ state: 'aborted', error: { code: 'gateway_client_gone' } });
      expect(record.attempts).toHaveLength(1);
      expect(flow.simulator.books(0, tag).entries, 'no retry for nobody').toHaveLength(1);
      socket.destroy();
    },
  );

  test('failure mode 16: heartbeats are forwarded at once, and keep a stream alive', async () => {
    const tag = newTag();
    const socket = await flow.socket();
    let text = '';
    const beats: number[] = [];
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      if (text.split(': keep-alive\n\n').length - 1 > beats.length) beats.push(performance.now());
    });
    socket.write(rawStream(api, tag, `stall_after=1;heartbeat=${IDLE_MS / 8}ms`));
    await until('heartbeats came for longer than the idle limit', () => beats.length >= 10);
    const gaps = beats.slice(1).map((at, i) => at - (beats[i] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan((IDLE_MS / 8) * 2);
    expect(text).toMatch(/\r\nx-accel-buffering: no\r\n/);
    expect(text).toMatch(/\r\ncache-control: no-cache/);
    socket.destroy();
    expect((await flow.ended(tag)).ending).toBe('client_left');
  });

  test('failure mode 16: 20-byte events arrive within 5 ms of their making, by the median', async () => {
    const tag = newTag();
    const socket = await flow.socket();
    const lateMs: number[] = [];
    socket.on('data', (chunk) => {
      const nowUs = systemClock.nowMs() * 1000;
      for (const match of chunk.toString('latin1').matchAll(/@t(\d{16});/g))
        lateMs.push((nowUs - Number(match[1])) / 1000);
    });
    socket.write(rawStream(api, tag, 'events=200;bytes=20;stamp;pace=5ms'));
    await until('all events came', () => lateMs.length === 200);
    lateMs.sort((a, b) => a - b);
    expect(lateMs[100]).toBeLessThan(5);
    // Nagle with delayed acknowledgements would cost 40 ms (failure mode 34).
    expect(lateMs[180]).toBeLessThan(30);
    socket.destroy();
  });
});

/** What takes seconds of waiting waits at the same time. */
describe.concurrent.each(APIS)('%s', (api) => {
  test.each(['fin', 'rst'])(
    'failure modes 21, 22: an upstream cut by %s stays broken for the client, and nothing is added',
    async (cut) => {
      const tag = newTag();
      const taken = await take(api, tag, `events=20;cut_after=5;cut=${cut}`);
      expect(taken).toMatchObject({ status: 200, whole: false });
      const entry = await flow.ended(tag);
      expect(entry.ending).toBe('cut');
      // A reset may overtake bytes on its way to us; what came is never more than what was sent.
      if (cut === 'fin') expect(sha256(taken.bytes)).toBe(entry.sha256);
      expect(taken.bytes.toString()).not.toMatch(OWN_OR_LAST);
      const record = await flow.recordOf(tag);
      expect(record).toMatchObject({ state: 'error', error: { code: 'gateway_upstream_broken' } });
      expect(flow.simulator.books(0, tag).entries, 'never a second answer').toHaveLength(1);
    },
  );

  test.each([
    ['at once', 'error_after=0'],
    ['mid-stream', 'events=20;error_after=4'],
    ['overloaded', 'events=20;error_after=2;error=overloaded_error'],
  ])('failure mode 21: an error event %s passes byte for byte, and is an error in the record', async (_what, sim) => {
    const tag = newTag();
    const taken = await take(api, tag, sim);
    const entry = await flow.ended(tag);
    expect(taken.whole).toBe(true);
    expect(sha256(taken.bytes)).toBe(entry.sha256);
    expect(taken.bytes.toString()).toContain('"error"');
    expect((await flow.recordOf(tag)).state).toBe('error');
  });

  test('a provider that is silent for too long before its head is a 504, and its connection is closed', async () => {
    const tag = newTag();
    const taken = await take(api, tag, 'delay=20s');
    expect(taken.status).toBe(504);
    expect(errorOf(api, taken.bytes.toString()).code).toBe('gateway_upstream_timeout');
    expect(taken.tookMs).toBeGreaterThan(FIRST_BYTE_MS);
    expect(taken.tookMs).toBeLessThan(FIRST_BYTE_MS + LATE_MS);
    expect((await flow.ended(tag)).ending).toBe('client_left');
    expect(await flow.recordOf(tag)).toMatchObject({ state: 'error', status: 504 });
  });

  test('a stream that falls silent ends with an error event of its API, others go on', async () => {
    const tag = newTag();
    const bodyTag = newTag();
    const silentTag = newTag();
    const [stalled, body, silent] = await Promise.all([
      take(api, tag, 'events=20;stall_after=4'),
      take(api, bodyTag, 'stall_after=0', false),
      // Failure mode 25: silence that is within our own limit is nobody's business.
      take(api, silentTag, `events=3;first_event=${IDLE_MS * 0.7}ms`),
    ]);
    expect(stalled.whole).toBe(false);
    expect(stalled.tookMs).toBeGreaterThan(IDLE_MS);
    expect(stalled.tookMs).toBeLessThan(IDLE_MS + LATE_MS);
    const last = stalled.bytes.toString().trimEnd().split('\n\n').at(-1) ?? '';
    expect(last.startsWith('event: error\n')).toBe(api === 'anthropic');
    expect(errorOf(api, (last.split('data: ')[1] ?? '').trim()).code).toBe('gateway_upstream_timeout');
    expect(await flow.recordOf(tag)).toMatchObject({ state: 'error', error: { code: 'gateway_upstream_timeout' } });
    expect((await flow.ended(tag)).ending).toBe('client_left');

    expect(body, 'a body under a declared length has no room for our words').toMatchObject({ whole: false });
    expect(await flow.recordOf(bodyTag)).toMatchObject({ state: 'error', error: { code: 'gateway_upstream_timeout' } });

    expect(silent).toMatchObject({ whole: true, status: 200 });
    expect((await flow.recordOf(silentTag)).state).toBe('complete');
  });

  test('failure mode 28: a stream without its terminator ends for the client too', async () => {
    const tag = newTag();
    const taken = await take(api, tag, 'events=6;output=6;no_done');
    expect(taken.whole).toBe(true);
    expect(sha256(taken.bytes)).toBe((await flow.ended(tag)).sha256);
    expect(await flow.recordOf(tag)).toMatchObject({ state: 'complete', usage: { output: 6 } });
  });

  test('failure mode 28: a stream that stays open after its end is ended, and its usage known', async () => {
    const tag = newTag();
    const taken = await take(api, tag, 'events=6;output=6;stall_after=end');
    expect(taken.tookMs).toBeLessThan(IDLE_MS + LATE_MS);
    expect((await flow.ended(tag)).ending).toBe('client_left');
    expect((await flow.recordOf(tag)).usage).toMatchObject({ output: 6 });
  });

  const forms = [
    ['gzip, streamed', 'encoding=gzip;events=12', true],
    ['br, streamed', 'encoding=br;events=12', true],
    ['deflate, streamed', 'encoding=deflate;events=12', true],
    ['gzip, whole', 'encoding=gzip', false],
    ['br, whole', 'encoding=br', false],
    ['one byte at a time', 'chunk=1;events=3;text=%C3%A9%F0%9F%98%80%C3%A9', true],
    ['of 4,000 large events', 'events=4000;bytes=500', true],
  ] as const;
  test.each(forms)(
    'failure modes 17, 30: an answer %s passes byte for byte, and is metered',
    async (_what, sim, stream) => {
      const tag = newTag();
      const taken = await take(api, tag, `${sim};input=123;output=45`, stream);
      const entry = await flow.ended(tag);
      expect(taken).toMatchObject({ status: 200, whole: true });
      expect(sha256(taken.bytes)).toBe(entry.sha256);
      expect(taken.headers['content-encoding']).toBe(/encoding=(\w+)/.exec(sim)?.[1]);
      expect(await flow.recordOf(tag)).toMatchObject({
        state: 'complete',
        usage_state: 'final',
        usage: { input_uncached: 123, output: 45 },
        response_bytes: taken.bytes.byteLength,
        response_sha256: entry.sha256,
      });
    },
  );

  test.each([400, 429, 500, 529])('a provider that answers %i is passed on as it is', async (status) => {
    const tag = newTag();
    const taken = await take(api, tag, `status=${status}`, false);
    expect(taken.status).toBe(status);
    expect(sha256(taken.bytes)).toBe((await flow.ended(tag)).sha256);
    expect(await flow.recordOf(tag)).toMatchObject({ state: 'error', status });
  });
});

test.concurrent('failure mode 28: heartbeats after the end of a stream do not keep it for ever', async () => {
  await Promise.all(
    WIRE_NAMES.map(async (wire) => {
      const tag = newTag();
      const { path, body, model } = WIRES[wire];
      const began = performance.now();
      const answer = await request(flow.gateway.url + path(model, true), {
        method: 'POST',
        headers: {
          ...WIRE_HEADERS,
          'user-agent': tag,
          'x-sim': `tag=${tag};events=6;output=6;stall_after=end;heartbeat=200ms`,
        },
        body: JSON.stringify(body(model, true)),
      });
      await expect(answer.body.text()).rejects.toThrow();
      expect(performance.now() - began).toBeLessThan(TOTAL_MS + LATE_MS);
      expect((await flow.ended(tag)).ending).toBe('client_left');
      const record = await flow.recordOf(tag);
      expect(record).toMatchObject({ usage_state: 'final', usage: { output: 6 } });
      // Gemini has no event that ends a stream: one that is kept open has not ended well.
      expect(record.state).toBe(wire.startsWith('gemini') ? 'error' : 'complete');
    }),
  );
});

test('a slow client pauses its own upstream and no other', async () => {
  const tag = newTag();
  const socket = await flow.socket();
  let received = 0;
  let tail = '';
  const sent = (): number => flow.simulator.books(0, tag).entries[0]?.bytes_sent ?? 0;
  socket.pause();
  socket.on('data', (chunk) => {
    received += chunk.byteLength;
    tail = (tail + chunk.toString('latin1')).slice(-2000);
  });
  socket.pause();
  socket.write(rawStream('openai', tag, 'events=12000;bytes=4000;output=77'));
  let seen = 0;
  let stillSince = performance.now();
  await until('the provider can send no more', () => {
    if (sent() !== seen) {
      seen = sent();
      stillSince = performance.now();
    }
    return seen > 0 && performance.now() - stillSince > 300;
  });
  // Of 48 MB: what fits in the kernel's buffers on both sides, and a little of ours.
  expect(seen).toBeLessThan(30_000_000);
  const other = await take('openai', newTag(), 'events=50;bytes=100');
  expect(other.whole).toBe(true);
  expect(other.tookMs).toBeLessThan(1000);
  expect(sent(), 'still paused').toBe(seen);
  socket.resume();
  await until('the rest came', () => tail.endsWith('data: [DONE]\n\n\r\n0\r\n\r\n'));
  expect(received).toBeGreaterThan(48_000_000);
  expect(await flow.recordOf(tag)).toMatchObject({ state: 'complete', usage: { output: 77 } });
  socket.destroy();
});

test('a client that stops reading for good is let go', async () => {
  const tag = newTag();
  const socket = await flow.socket();
  socket.pause();
  socket.write(rawStream('openai', tag, 'events=20000;bytes=4000'));
  expect((await flow.ended(tag, IDLE_MS + 6000)).ending).toBe('client_left');
  expect((await flow.recordOf(tag)).state).toBe('aborted');
  socket.destroy();
});

test.each(['fin', 'rst'])(
  'failure mode 26: connections that the provider closes when idle (%s) fail nobody',
  async (cut) => {
    const before = flow.simulator.books().totals.connections;
    for (let burst = 0; burst < 12; burst++) {
      const answers = await Promise.all(
        Array.from({ length: 6 }, () => flow.ask('openai', { sim: `output=3;idle_close=15ms;cut=${cut}` })),
      );
      for (const answer of answers) expect(answer.status, await answer.text()).toBe(200);
      // The pace of the bursts: long enough for the provider to have closed, or to be at it.
      await sleep(30);
    }
    expect(flow.simulator.books().totals.connections - before, 'they were closed').toBeGreaterThan(40);
  },
);

test('failure mode 34: a request in two writes waits for no delayed acknowledgement', async () => {
  const socket = await flow.socket();
  const body = JSON.stringify(bodyOf('openai'));
  const head = rawRequest(PATHS.openai, '', {
    'content-length': String(body.length),
    connection: 'keep-alive',
    'x-sim': 'text=done',
  });
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1')));
  const tookMs: number[] = [];
  for (let i = 1; i <= 40; i++) {
    const began = performance.now();
    socket.write(head);
    socket.write(body);
    await answered(() => text.split(`"${MODELS.openai}"`).length > i && text.endsWith('}'));
    tookMs.push(performance.now() - began);
  }
  tookMs.sort((a, b) => a - b);
  expect(tookMs[20]).toBeLessThan(20);
  socket.destroy();
});

test('nothing is left of any request', async () => {
  await flow.quiescent();
});

/** Finer than `until`, which looks every 10 ms. */
async function answered(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('no answer in 5 s');
    await sleep(0);
  }
}
