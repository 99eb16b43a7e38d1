import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import fc from 'fast-check';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Revocation, TokenEntry } from '../../src/contract/control.ts';
import { mintToken } from '../../src/identity/tokens.ts';
import { newTokenText } from '../../src/identity/token-format.ts';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { openHouse } from '../support/house.ts';
import type { House } from '../support/house.ts';
import { until } from '../support/until.ts';
import { PROVIDER_KEY } from './support.ts';

let house: House;
let simulator: Simulator;
/** Listeners that take tokens alone, loopback as well, and loopback alone. */
let urls: { token: string; both: string; loopback: string };

const CI = mint('CI build', 'token:ci-build', ['tag:ci']);
const TAGGED = mint('Deploy', 'token:deploy', ['tag:ci']);
const STRANGER = mint('Nobody', 'token:no-grant', []);
const EXPIRED = mintToken({ name: 'Old', login: 'token:ci-build', tags: [], expiresAtMs: 1000 }, 0);
const REVOKED = mint('Leaked', 'token:ci-build', []);
const ENTRIES: TokenEntry[] = [
  CI.entry,
  TAGGED.entry,
  STRANGER.entry,
  EXPIRED.entry,
  { ...REVOKED.entry, revokedAtMs: 1000 },
];

function mint(name: string, login: string, tags: string[]) {
  return mintToken({ name, login, tags, expiresAtMs: null }, 0);
}

function grant(src: string, ...capabilities: object[]): object {
  return { src: [src], app: { 'tailscale.com/cap/aperture': capabilities } };
}

beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0, expectedKey: PROVIDER_KEY });
  const base = { baseurl: simulator.url, apikey: PROVIDER_KEY };
  const messages = { openai_chat: false, anthropic_messages: true };
  house = await openHouse({
    providers: {
      openai: { ...base, models: ['gpt-5-mini'], compatibility: { openai_chat: true, openai_responses: true } },
      anthropic: { ...base, models: ['claude-haiku-4-5'], compatibility: messages },
      google: {
        ...base,
        models: ['gemini-2.5-flash'],
        compatibility: { openai_chat: false, gemini_generate_content: true },
      },
      own: { ...base, models: ['claude-own'], auth_mode: 'passthrough', compatibility: messages },
    },
    grants: [
      grant('(loopback)', { role: 'admin' }, { models: '**' }, { read_metrics: true }),
      grant('token:ci-build', { role: 'user' }, { models: '**' }),
      grant('tag:ci', { role: 'user' }, { models: 'anthropic/**' }),
    ],
    server: {
      listen: [
        { address: '127.0.0.1:0', identity: ['token'] },
        { address: '127.0.0.1:0', identity: ['loopback', 'token'] },
        { address: '127.0.0.1:0', identity: ['loopback'] },
      ],
    },
  });
  const [token = '', both = '', loopback = ''] = house.urls;
  urls = { token, both, loopback };
  house.control({ tokens: ENTRIES });
});
afterAll(async () => {
  await house.close();
  await simulator.close();
});

type Api = 'chat' | 'responses' | 'messages' | 'own' | 'gemini';
const CALLS: Record<Api, [string, Record<string, unknown>]> = {
  chat: ['/v1/chat/completions', { model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hi' }] }],
  responses: ['/v1/responses', { model: 'gpt-5-mini', input: 'Hi' }],
  messages: ['/v1/messages', { model: 'claude-haiku-4-5', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] }],
  own: ['/v1/messages', { model: 'claude-own', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] }],
  gemini: ['/v1beta/models/gemini-2.5-flash:generateContent', { contents: [{ parts: [{ text: 'Hi' }] }] }],
};

let tags = 0;

async function ask(api: Api, base: string, headers: Record<string, string>, query = '') {
  const tag = `token-${(tags += 1)}`;
  const [path, body] = CALLS[api];
  const response = await fetch(base + path + query, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-sim': `tag=${tag};output=5`, ...headers },
    body: JSON.stringify(body),
  });
  return { tag, status: response.status, headers: response.headers, text: await response.text() };
}

/** What the provider was shown. */
function shown(tag: string) {
  const entry = simulator.books(0, tag).entries[0];
  return [entry?.credential, Object.keys(entry?.other_credentials ?? {})];
}

const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
const basic = (plain: string) => ({ authorization: `Basic ${Buffer.from(plain).toString('base64')}` });

describe('a token says who calls', () => {
  test.each<[string, Api, Record<string, string>, string]>([
    ['a bearer', 'chat', bearer(CI.text), ''],
    ['x-api-key', 'messages', { 'x-api-key': CI.text }, ''],
    ['api-key', 'responses', { 'api-key': CI.text }, ''],
    ['x-goog-api-key', 'gemini', { 'x-goog-api-key': CI.text }, ''],
    ['?key=', 'gemini', {}, `?key=${CI.text}`],
    ['basic auth', 'chat', basic(`ci:${CI.text}`), ''],
    ['both of Claude Code', 'messages', { ...bearer(CI.text), 'x-api-key': CI.text }, ''],
  ])('by %s, and the provider sees its own key alone', async (_, api, headers, query) => {
    const { tag, status, headers: answer, text } = await ask(api, urls.token, headers, query);
    expect(status, text).toBe(200);
    expect(shown(tag)).toEqual(['expected', []]);
    expect(await house.record(answer.get('x-aperture-request-id') ?? '')).toMatchObject({
      state: 'complete',
      login: 'token:ci-build',
      node_id: CI.entry.id,
      node_name: 'CI build',
      tags: ['tag:ci'],
      groups: [],
      identity_source: 'token',
    });
  });

  test('whoami names it, and its grants are its own: by login, by tag, or none', async () => {
    const whoami = async (base: string, text: string) =>
      (await fetch(`${base}/api/whoami`, { headers: bearer(text) })).json();
    expect(await whoami(urls.token, CI.text)).toMatchObject({
      login: 'token:ci-build',
      node_id: CI.entry.id,
      identity_source: 'token',
      role: 'user',
    });
    // Explicit beats ambient: the admin of this machine is a user while it shows a user's token.
    expect(await whoami(urls.both, CI.text)).toMatchObject({ login: 'token:ci-build', role: 'user' });
    expect((await ask('messages', urls.token, bearer(TAGGED.text))).status).toBe(200);
    expect((await ask('chat', urls.token, bearer(TAGGED.text))).status).toBe(404);
    const none = await ask('chat', urls.token, bearer(STRANGER.text));
    expect([none.status, none.text]).toEqual([403, expect.stringContaining('gateway_no_role')]);
  });

  test('where tokens are not taken, one is a credential like any other: dropped', async () => {
    const { tag, status, headers } = await ask('chat', urls.loopback, bearer(CI.text));
    expect([status, shown(tag)]).toEqual([200, ['expected', []]]);
    const record = await house.record(headers.get('x-aperture-request-id') ?? '');
    expect(record).toMatchObject({ login: '(loopback)', node_id: '' });
  });

  test.each(['both', 'loopback'] as const)(
    'a provider of passthrough gets what stands beside the token, and never the token (%s)',
    async (at) => {
      const beside = await ask('own', urls[at], { 'x-api-key': CI.text, ...bearer('sk-ant-oat01-of-the-client') });
      expect([beside.status, shown(beside.tag)]).toEqual([200, ['other', ['authorization']]]);
      // Alone, it leaves the request without a credential: then the provider's own is used.
      const alone = await ask('own', urls[at], bearer(CI.text));
      expect([alone.status, shown(alone.tag)]).toEqual([200, ['expected', []]]);
      const hidden = await ask('own', urls[at], { 'x-note': `see ${CI.text}`, ...basic(`${CI.text}:x`) });
      expect([hidden.status, shown(hidden.tag)]).toEqual([200, ['expected', []]]);
    },
  );
});

describe('a token that is no good is 401 in the caller’s dialect, and says which way', () => {
  const cut = CI.text.slice(0, -3);
  const REFUSALS: [string, Record<string, string>, string][] = [
    ['expired', bearer(EXPIRED.text), 'the token has expired'],
    ['revoked', bearer(REVOKED.text), 'the token was revoked'],
    ['unknown', bearer(newTokenText().text), 'this gateway has issued no such token'],
    ['cut', bearer(cut), 'its check sum does not fit'],
    ['two different ones', { ...bearer(CI.text), 'x-api-key': TAGGED.text }, 'two different tokens'],
  ];
  test.each(REFUSALS)('%s', async (_, headers, why) => {
    const answers = await Promise.all(
      (['chat', 'responses', 'messages', 'gemini'] as const).map((api) => ask(api, urls.token, headers)),
    );
    const message = expect.stringContaining(why);
    const code = 'gateway_token_refused';
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
    expect(answers.map(({ text }) => JSON.parse(text) as unknown)).toEqual([
      { error: { message, type: 'authentication_error', code, param: null } },
      { error: { message, type: 'authentication_error', code, param: null } },
      {
        type: 'error',
        error: { type: 'authentication_error', message, details: { error_code: code } },
        request_id: expect.any(String),
      },
      {
        error: {
          code: 401,
          message,
          status: 'UNAUTHENTICATED',
          details: [expect.objectContaining({ reason: code.toUpperCase() })],
        },
      },
    ]);
    for (const { tag, text } of answers) {
      expect(simulator.books(0, tag).entries).toEqual([]);
      for (const secret of ['ci-build', 'CI build', 'Leaked', CI.entry.id, REVOKED.entry.id]) {
        expect(text).not.toContain(secret);
      }
    }
    // Nor does the machine's own identity step in for it.
    expect((await ask('chat', urls.both, headers)).status).toBe(401);
  });

  test('none at all', async () => {
    const { status, text } = await ask('chat', urls.token, bearer('sk-not-ours'));
    expect([status, text]).toEqual([401, expect.stringContaining('the request has no token of this gateway')]);
  });

  test('the official SDKs throw AuthenticationError, and do not try again', async () => {
    const openai = new OpenAI({ baseURL: `${urls.token}/v1`, apiKey: EXPIRED.text });
    const anthropic = new Anthropic({ baseURL: urls.token, apiKey: EXPIRED.text });
    const [first, second]: unknown[] = await Promise.all([
      openai.chat.completions
        .create({ model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hi' }] })
        .catch((error: unknown) => error),
      anthropic.messages
        .create({ model: 'claude-haiku-4-5', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] })
        .catch((error: unknown) => error),
    ]);
    expect(first).toBeInstanceOf(OpenAI.AuthenticationError);
    expect(second).toBeInstanceOf(Anthropic.AuthenticationError);
    expect(String(first)).toContain('expired');
    expect(String(second)).toContain('expired');
  });
});

describe('the kill switch and tokens', () => {
  const revocation = (kind: Revocation['kind'], value: string): Revocation => {
    return { id: 'r', kind, value, reason: '', by: 'root', createdAtMs: 0, untilMs: null };
  };
  const stream = async (base: string, text: string) => {
    const tag = `token-${(tags += 1)}`;
    const [path, body] = CALLS.messages;
    const response = await fetch(base + path, {
      method: 'POST',
      headers: { ...bearer(text), 'x-sim': `tag=${tag};events=500;pace=20ms` },
      body: JSON.stringify({ ...body, stream: true }),
    });
    expect(response.status).toBe(200);
    const over = response.text().then(
      () => 'whole',
      () => 'broken off',
    );
    await until('events flow', () => (simulator.books(0, tag).entries[0]?.events_sent ?? 0) > 2);
    return { over };
  };

  test('a token that is revoked for good ends what runs with it; others go on', async () => {
    const hers = await stream(urls.token, CI.text);
    const others = await stream(urls.token, TAGGED.text);
    house.control({ tokens: ENTRIES.map((each) => (each.id === CI.entry.id ? { ...each, revokedAtMs: 1 } : each)) });
    expect(await hers.over).toBe('broken off');
    expect((await ask('chat', urls.token, bearer(CI.text))).text).toContain('the token was revoked');
    expect((await ask('messages', urls.token, bearer(TAGGED.text))).status).toBe(200);
    house.control({ tokens: ENTRIES, revocations: [revocation('login', 'tag:ci')] });
    expect(await others.over).toBe('broken off');
    house.control({ tokens: ENTRIES });
  });

  test('a revocation of its id is 403 until it is lifted', async () => {
    house.control({ tokens: ENTRIES, revocations: [revocation('token', CI.entry.id)] });
    const { status, text } = await ask('chat', urls.token, bearer(CI.text));
    expect([status, text]).toEqual([403, expect.stringContaining('access was revoked for this token')]);
    house.control({ tokens: ENTRIES });
    expect((await ask('chat', urls.token, bearer(CI.text))).status).toBe(200);
  });

  test('whoever is revoked is shut out with whatever token they hold', async () => {
    const running = await stream(urls.both, CI.text);
    house.control({ tokens: ENTRIES, revocations: [revocation('login', '(loopback)')] });
    expect(await running.over).toBe('broken off');
    expect((await ask('chat', urls.both, bearer(CI.text))).status).toBe(403);
    // This listener knows nobody from the network.
    expect((await ask('chat', urls.token, bearer(CI.text))).status).toBe(200);
    house.control({ tokens: ENTRIES });
  });
});

test('credentials of any form are answered, never with a 500, and never as somebody', async () => {
  // What a client library lets through as a header's value.
  const printable = fc.string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCodePoint(code)) });
  const piece = fc.oneof(
    printable,
    fc.constantFrom('apt_', 'Bearer ', 'bearer', 'Basic ', ':', '=', ',', CI.text.slice(0, 40), CI.text.slice(20), '%'),
    fc.constantFrom('A'.repeat(3000), 'é', `Basic ${Buffer.from('apt_:apt_').toString('base64')}`),
  );
  const value = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join('').trim());
  const name = fc.constantFrom('authorization', 'x-api-key', 'api-key', 'x-goog-api-key');
  const api = fc.constantFrom<Api>('chat', 'responses', 'messages', 'gemini');
  await fc.assert(
    fc.asyncProperty(fc.dictionary(name, value, { maxKeys: 4 }), value, api, async (headers, query, which) => {
      const { status, text } = await ask(which, urls.token, headers, `?key=${query.replace(/[#é ]/g, '')}`);
      expect(status, text).toBe(401);
    }),
    { numRuns: 200 },
  );
  expect(house.logged).toEqual([]);
});

test('failure modes 35, 36: no token is in journal, records, metrics, logs or answers', async () => {
  const queries = await ask('gemini', urls.loopback, { cookie: `t=${CI.text}` }, `?key=${CI.text}&note=${CI.text}`);
  const noted = await ask('chat', urls.both, { 'x-note': CI.text, ...basic(`x:${CI.text}`) });
  expect([queries.status, noted.status]).toEqual([200, 200]);
  await house.quiescent();
  const secrets = [CI, TAGGED, EXPIRED, REVOKED, STRANGER].map(({ text }) => text.slice(25, 60));
  const encoded = secrets.map((secret) => Buffer.from(secret).toString('base64').slice(4, 24));
  const leaking = (text: string): string[] => [...secrets, ...encoded].filter((secret) => text.includes(secret));
  expect(house.records.length).toBeGreaterThan(10);
  expect(leaking(JSON.stringify(house.records)), 'records').toEqual([]);
  expect(leaking(await house.metrics()), 'metrics').toEqual([]);
  expect(leaking(house.logged.join('\n')), 'the log').toEqual([]);
  expect(leaking(queries.text + noted.text), 'answers').toEqual([]);
  const folder = join(house.dataDir, 'journal');
  const files = readdirSync(folder).map((file) => readFileSync(join(folder, file)).toString('latin1'));
  expect(files.some((text) => text.includes('token:ci-build'))).toBe(true);
  expect(files.flatMap(leaking), 'the journal').toEqual([]);
});
