import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Revocation, RevocationKind } from '../../src/contract/control.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { openHouse } from '../support/house.ts';
import type { House } from '../support/house.ts';
import { slowness, stopwatch } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { ADMIN_GRANT, PROVIDER_KEY } from './support.ts';

let house: House;
let simulator: Simulator;
let url: string;

beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0 });
  const provider = (model: string, compatibility: Record<string, boolean>): unknown => ({
    baseurl: simulator.url,
    apikey: PROVIDER_KEY,
    models: [model, `${model}-other`],
    compatibility,
  });
  house = await openHouse({
    providers: {
      openai: provider('gpt-5-mini', { openai_chat: true, openai_responses: true }),
      anthropic: provider('claude-haiku-4-5', { openai_chat: false, anthropic_messages: true }),
      google: provider('gemini-2.5-flash', { openai_chat: false, gemini_generate_content: true }),
    },
    grants: [ADMIN_GRANT],
    server: { listen: [{ address: '127.0.0.1:0' }] },
  });
  url = house.urls[0] ?? '';
});
afterAll(async () => {
  await house.close();
  await simulator.close();
});
afterEach(async () => {
  house.control({});
  await house.quiescent();
  expect(house.logged).toEqual([]);
});

const REASON = 'laptop "stolen"\n\ndata: x';

function revocation(kind: RevocationKind, value: string): Revocation {
  return { id: 'r1', kind, value, reason: REASON, by: 'root@example.com', createdAtMs: 0, untilMs: null };
}
const HER: Revocation = revocation('login', '(loopback)');
const MESSAGE = `gateway: access was revoked for this login: ${REASON}`;

type Name = 'chat' | 'responses' | 'messages' | 'gemini' | 'gemini array';
const DIALECTS: Record<Name, { path: string; body: (stream: boolean) => Record<string, unknown> }> = {
  chat: {
    path: '/v1/chat/completions',
    body: (stream) => ({ model: 'gpt-5-mini', stream, messages: [{ role: 'user', content: 'Hi' }] }),
  },
  responses: { path: '/v1/responses', body: (stream) => ({ model: 'gpt-5-mini', stream, input: 'Hi' }) },
  messages: {
    path: '/v1/messages',
    body: (stream) => ({
      model: 'claude-haiku-4-5',
      max_tokens: 100,
      stream,
      messages: [{ role: 'user', content: 'Hi' }],
    }),
  },
  gemini: {
    path: '/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
    body: () => ({ contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] }),
  },
  'gemini array': {
    path: '/v1beta/models/gemini-2.5-flash:streamGenerateContent',
    body: () => ({ contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] }),
  },
};

let tags = 0;

interface Asked {
  tag: string;
  response: Response;
}

async function ask(
  name: Name,
  sim: string,
  options: { stream?: boolean; body?: Record<string, unknown>; headers?: Record<string, string> } = {},
): Promise<Asked> {
  const tag = `kill-${(tags += 1)}`;
  const { path, body } = DIALECTS[name];
  const response = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-sim': `tag=${tag};${sim}`, ...options.headers },
    body: JSON.stringify({ ...body(options.stream ?? true), ...options.body }),
  });
  return { tag, response };
}

/** The provider's book entry of one request, once it has begun. */
function begun(tag: string) {
  return until(`the provider has ${tag}`, () => simulator.books(0, tag).entries[0]);
}

function endedAtMs(tag: string): Promise<number> {
  return until(`the provider's ${tag} has ended`, () => simulator.books(0, tag).entries[0]?.ended_at_ms ?? undefined);
}

/** All that comes until the connection ends, and how it ends. */
async function rest(response: Response): Promise<{ text: string; whole: boolean; atMs: number }> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  try {
    for (;;) {
      const read = await reader?.read();
      if (read === undefined || read.done) return { text, whole: true, atMs: systemClock.nowMs() };
      text += decoder.decode(read.value as Uint8Array, { stream: true });
    }
  } catch {
    // A reset: how a broken stream stays broken.
    return { text, whole: false, atMs: systemClock.nowMs() };
  }
}

const LAST_EVENT: Record<Exclude<Name, 'gemini array'>, unknown> = {
  chat: { error: { message: MESSAGE, type: 'permission_error', code: 'gateway_revoked', param: null } },
  responses: { type: 'error', code: 'gateway_revoked', message: MESSAGE, param: null, sequence_number: 0 },
  messages: {
    type: 'error',
    error: { type: 'permission_error', message: MESSAGE, details: { error_code: 'gateway_revoked' } },
    request_id: expect.any(String),
  },
  gemini: {
    error: {
      code: 403,
      message: MESSAGE,
      status: 'PERMISSION_DENIED',
      details: [expect.objectContaining({ reason: 'GATEWAY_REVOKED' })],
    },
  },
};

describe('a stream that runs when its caller is revoked', () => {
  test.each(['chat', 'responses', 'messages', 'gemini', 'gemini array'] as const)(
    '%s: ends with the error of its API within a second, its upstream at once, and one record says why',
    async (name) => {
      const { tag, response } = await ask(name, 'events=500;pace=20ms');
      expect(response.status).toBe(200);
      const heard = rest(response);
      await until('events flow', () => (simulator.books(0, tag).entries[0]?.events_sent ?? 0) > 3);
      const watch = stopwatch();
      house.control({ revocations: [HER] });
      const { text, whole } = await heard;
      expect(whole, 'a stream that was broken off never looks whole').toBe(false);
      await endedAtMs(tag);
      expect(watch.ms()).toBeLessThan(1_000 * slowness());
      watch.stop();
      expect(simulator.books(0, tag).entries[0]).toMatchObject({ ending: 'client_left' });
      if (name !== 'gemini array') {
        const last = text.trimEnd().split(/\r?\n/).at(-1) ?? '';
        expect(JSON.parse(last.slice('data: '.length))).toEqual(LAST_EVENT[name]);
      } else expect(text).not.toContain('revoked');
      const record = await house.record(response.headers.get('x-aperture-request-id') ?? '');
      expect(record).toMatchObject({
        state: 'error',
        denied_by: 'gateway_revoked',
        status: 200,
        error: { code: 'gateway_revoked' },
      });
      await house.quiescent();
      expect(house.records.filter(({ id }) => id === record.id)).toHaveLength(1);
    },
  );

  // A machine that stands still between the two does so once.
  test('the upstream is closed within 100 ms of the end that the client sees', { retry: 2 }, async () => {
    const { tag, response } = await ask('chat', 'events=500;pace=20ms');
    const heard = rest(response);
    await until('events flow', () => (simulator.books(0, tag).entries[0]?.events_sent ?? 0) > 3);
    house.control({ revocations: [HER] });
    const { atMs } = await heard;
    expect(Math.abs((await endedAtMs(tag)) - atMs)).toBeLessThan(100);
  });

  test('hundreds at once: each is told, each upstream closed, one record each, and nothing is left', async () => {
    const streams = await Promise.all(Array.from({ length: 300 }, () => ask('chat', 'events=100;pace=1s')));
    const heard = streams.map(({ response }) => rest(response));
    expect(house.live.size).toBe(300);
    const revokedAtMs = systemClock.nowMs();
    house.control({ revocations: [HER] });
    const told = await Promise.all(heard);
    const tookMs = systemClock.nowMs() - revokedAtMs;
    console.log(`300 streams told in ${tookMs.toFixed(0)} ms`);
    expect(told.filter(({ text, whole }) => !whole && text.includes('gateway_revoked'))).toHaveLength(300);
    for (const { tag } of streams) await endedAtMs(tag);
    await house.quiescent();
    const ids = new Set(streams.map(({ response }) => response.headers.get('x-aperture-request-id')));
    const records = house.records.filter(({ id }) => ids.has(id));
    expect(records).toHaveLength(300);
    expect(records.every(({ denied_by }) => denied_by === 'gateway_revoked')).toBe(true);
    // 0.1 s on an idle machine; the bound is for one that is busy with other tests.
    expect(tookMs).toBeLessThan(10_000);
  });

  test('a compressed stream is reset, without text that its client could not read', async () => {
    const { tag, response } = await ask('messages', 'events=500;pace=20ms;encoding=gzip');
    expect(response.headers.get('content-encoding')).toBe('gzip');
    const heard = rest(response);
    await until('events flow', () => (simulator.books(0, tag).entries[0]?.events_sent ?? 0) > 3);
    house.control({ revocations: [HER] });
    expect(await heard).toMatchObject({ whole: false });
  });
});

describe('before a byte of the response', () => {
  test.each(['chat', 'responses', 'messages', 'gemini'] as const)('%s: a request in flight is 403', async (name) => {
    const tag = `kill-${tags + 1}`;
    const asked = ask(name, 'delay=10s', { stream: false });
    await begun(tag);
    const watch = stopwatch();
    house.control({ revocations: [HER] });
    const { response } = await asked;
    expect(response.status).toBe(403);
    expect(response.headers.get('x-should-retry')).toBe('false');
    const told = await response.text();
    expect(told).toContain(JSON.stringify(MESSAGE));
    expect(told).not.toContain('root@example.com');
    await endedAtMs(tag);
    expect(watch.ms()).toBeLessThan(1_000 * slowness());
    watch.stop();
    expect(await house.record(response.headers.get('x-aperture-request-id') ?? '')).toMatchObject({
      state: 'error',
      denied_by: 'gateway_revoked',
      status: 403,
    });
  });

  test.each(['chat', 'responses', 'messages', 'gemini'] as const)(
    '%s: a new request is 403 and reaches no provider; once lifted, all works again',
    async (name) => {
      house.control({ revocations: [HER] });
      const refused = await ask(name, 'output=5', { stream: false });
      expect(refused.response.status).toBe(403);
      expect(await refused.response.text()).toContain(JSON.stringify(MESSAGE));
      expect(simulator.books(0, refused.tag).entries).toEqual([]);
      house.control({});
      const { response } = await ask(name, 'output=5', { stream: false });
      expect(response.status).toBe(200);
      await response.arrayBuffer();
    },
  );

  test('a revoked caller lists no models and asks the API nothing, whatever was cached of their access', async () => {
    const list = async (): Promise<number> => {
      const response = await fetch(`${url}/v1/models`);
      await response.arrayBuffer();
      return response.status;
    };
    expect(await list()).toBe(200);
    house.control({ revocations: [HER] });
    expect(await list()).toBe(403);
    const whoami = await fetch(`${url}/api/whoami`);
    expect([whoami.status, await whoami.json()]).toEqual([
      403,
      { error: `access was revoked for this login: ${REASON}`, code: 'gateway_revoked' },
    ]);
    house.control({});
    expect(await list()).toBe(200);
  });

  test('a body that was still coming when its caller was revoked is refused, and recorded', async () => {
    let finish: () => void = () => undefined;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        const text = Buffer.from(JSON.stringify(DIALECTS.chat.body(false)));
        controller.enqueue(text.subarray(0, 20));
        finish = () => {
          controller.enqueue(text.subarray(20));
          controller.close();
        };
      },
    });
    const before = house.records.length;
    const init: RequestInit = { method: 'POST', headers: { 'content-type': 'application/json' }, body, duplex: 'half' };
    const asked = fetch(url + DIALECTS.chat.path, init);
    // Past the door: another request that was sent later is through.
    await (await fetch(`${url}/v1/models`)).arrayBuffer();
    house.control({ revocations: [HER] });
    finish();
    const response = await asked;
    expect(response.status).toBe(403);
    await response.arrayBuffer();
    await until('it is recorded', () => house.records.length > before);
    expect(house.records.at(-1)).toMatchObject({ state: 'denied', denied_by: 'gateway_revoked', status: 403 });
  });
});

describe('what else can be revoked', () => {
  test.each(['gpt-5-mini', 'openai/gpt-5-mini'])('the model %s, and no other', async (value) => {
    const running = await ask('chat', 'events=500;pace=20ms');
    const other = await ask('chat', 'events=20;pace=20ms', { body: { model: 'gpt-5-mini-other' } });
    const heard = [rest(running.response), rest(other.response)];
    house.control({ revocations: [revocation('model', value)] });
    const [ended, went] = await Promise.all(heard);
    expect([ended?.whole, went?.whole]).toEqual([false, true]);
    expect(ended?.text).toContain('access was revoked for this model');
    for (const model of ['gpt-5-mini', 'openai/gpt-5-mini']) {
      const { response } = await ask('chat', 'output=5', { stream: false, body: { model } });
      expect(response.status).toBe(403);
      await response.arrayBuffer();
    }
    // A model that the body names as a fallback is used like any other.
    const { response } = await ask('chat', '', { body: { model: 'gpt-5-mini-other', models: ['gpt-5-mini'] } });
    expect(response.status).toBe(403);
    await response.arrayBuffer();
  });

  const uuid = '0f0e0d0c-0b0a-4908-8706-050403020100';
  test.each<[string, Name, Record<string, string>, Record<string, unknown>]>([
    ["Claude Code's header", 'messages', { 'x-claude-code-session-id': uuid }, {}],
    ["Claude Code's metadata", 'messages', {}, { metadata: { user_id: JSON.stringify({ session_id: uuid }) } }],
    ["older Claude Code's metadata", 'messages', {}, { metadata: { user_id: `user_x_account_y_session_${uuid}` } }],
    ["Codex' header", 'responses', { 'session-id': uuid }, {}],
    ['prompt_cache_key', 'responses', {}, { prompt_cache_key: uuid }],
    ['a body that only an inspector reads', 'chat', {}, { prompt_cache_key: uuid, user: 'x'.repeat(300 * 1024) }],
  ])('a session, by %s', async (where, name, headers, body) => {
    const running = await ask(name, 'events=500;pace=20ms', { headers, body });
    // Not yet answered: the inspector has the request alone.
    const silentTag = `kill-${tags + 1}`;
    const silent = ask(name, 'delay=10s', { headers, body });
    const other = await ask(name, 'events=20;pace=20ms', { headers: { 'x-session-id': 'another' } });
    await begun(silentTag);
    const heard = [rest(running.response), rest(other.response)];
    const watch = stopwatch();
    house.control({ revocations: [revocation('session', uuid)] });
    const { response } = await silent;
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('access was revoked for this session');
    expect((await heard[0])?.text).toContain('access was revoked for this session');
    expect(watch.ms()).toBeLessThan(1_000 * slowness());
    watch.stop();
    expect((await heard[1])?.whole).toBe(true);

    const again = await ask(name, 'events=500;pace=20ms', { headers, body });
    if (where === 'a body that only an inspector reads') {
      // Sent, or on its way, before it was read whole, and ended as soon as it was: it would have run for ten seconds.
      await rest(again.response);
      const record = await house.record(again.response.headers.get('x-aperture-request-id') ?? '');
      expect(record).toMatchObject({ denied_by: 'gateway_revoked', session_base: uuid });
      expect(record.ended_at - record.received_at).toBeLessThan(3000);
    } else {
      expect(again.response.status).toBe(403);
      await again.response.arrayBuffer();
      expect(simulator.books(0, again.tag).entries).toEqual([]);
    }
    expect((await house.record(running.response.headers.get('x-aperture-request-id') ?? '')).session_base).toBe(uuid);
  });

  test('a session without an id of its own, by the base that its records show', async () => {
    const first = await ask('chat', 'output=5', { stream: false });
    await first.response.arrayBuffer();
    const { session_base } = await house.record(first.response.headers.get('x-aperture-request-id') ?? '');
    expect(session_base).toMatch(/^oacc_[0-9a-f]{16}$/);
    house.control({ revocations: [revocation('session', session_base)] });
    const { response } = await ask('chat', 'output=5', { stream: false });
    expect(response.status).toBe(403);
    await response.arrayBuffer();
  });
});

describe('the official SDKs', () => {
  test('openai: PermissionDenied before the response, an error out of a running stream, and no retry', async () => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: '-' });
    const stream = await client.chat.completions.create(
      { model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hi' }], stream: true },
      { headers: { 'x-sim': 'events=500;pace=20ms' } },
    );
    const running = (async () => {
      for await (const _ of stream) house.control({ revocations: [HER] });
    })();
    const error: unknown = await running.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({ code: 'gateway_revoked' });
    const { totals } = simulator.books();
    const refused: unknown = await client.chat.completions
      .create({ model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hi' }] })
      .catch((thrown: unknown) => thrown);
    expect(refused).toBeInstanceOf(OpenAI.PermissionDeniedError);
    expect(String(refused)).toContain('access was revoked');
    expect(simulator.books().totals.requests).toBe(totals.requests);
  });

  test('@anthropic-ai/sdk: the same', async () => {
    const client = new Anthropic({ baseURL: url, apiKey: '-' });
    const asked = {
      model: 'claude-haiku-4-5',
      max_tokens: 100,
      messages: [{ role: 'user' as const, content: 'Hi' }],
    };
    const stream = await client.messages.create(
      { ...asked, stream: true },
      { headers: { 'x-sim': 'events=500;pace=20ms' } },
    );
    const running = (async () => {
      for await (const _ of stream) house.control({ revocations: [HER] });
    })();
    const error: unknown = await running.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Anthropic.APIError);
    expect(error).toMatchObject({ type: 'permission_error' });
    const refused: unknown = await client.messages.create(asked).catch((thrown: unknown) => thrown);
    expect(refused).toBeInstanceOf(Anthropic.PermissionDeniedError);
    expect(String(refused)).toContain('access was revoked');
  });
});
