import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect as connectTo } from 'node:net';
import OpenAI from 'openai';
import { ResponsesWS } from 'openai/resources/responses/ws';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/lib/package-root.ts';
import { ALLOW, startHookServer } from '../guardrails/hooks/hook-server.ts';
import type { HookServer } from '../guardrails/hooks/hook-server.ts';
import { openHouse } from '../support/house.ts';
import type { House } from '../support/house.ts';
import { until } from '../support/until.ts';
import { connectClient, startSocketProvider, transcript, turn } from './socket-provider.ts';
import type { Client, SocketProvider } from './socket-provider.ts';

const KEY = 'sk-provider-key-0123456789';
const MODEL = 'gpt-5.5';
const ALICE = 'alice@example.com';
const BOB = 'bob@example.com';
const CAROL = 'carol@example.com';

function create(text: string, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { type: 'response.create', model: MODEL, store: false, input: [{ role: 'user', content: text }], ...more };
}

let provider: SocketProvider;
let house: House;
beforeAll(async () => {
  provider = await startSocketProvider();
  house = await openHouse({
    providers: {
      openai: {
        baseurl: provider.url,
        apikey: KEY,
        models: [MODEL, 'gpt-5-mini'],
        compatibility: { openai_chat: true, openai_responses: true },
      },
    },
    server: {
      limits: { body_bytes: '64KiB' },
      trusted_proxies: ['127.0.0.1'],
      listen: [{ address: '127.0.0.1:0', identity: ['proxy_headers'] }],
    },
    grants: [
      { src: [ALICE], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: '**' }] } },
      { src: [BOB], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: `openai/${MODEL}` }] } },
      { src: ['carol@example.com'], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }] } },
    ],
  });
});
afterAll(async () => {
  await house.close();
  await provider.close();
});

const clients: Client[] = [];
async function connect(login = ALICE, headers: Record<string, string> = {}, path = '/v1/responses'): Promise<Client> {
  const client = await connectClient((house.urls[0] ?? '') + path, { 'tailscale-user-login': login, ...headers });
  clients.push(client);
  return client;
}

let firstSocket = 0;
let firstRecord = 0;
beforeEach(() => {
  firstSocket = provider.sockets.length;
  firstRecord = house.records.length;
  provider.refuse = undefined;
  provider.answer = (upstream, text) => {
    const { stream_id } = JSON.parse(text) as { stream_id?: string };
    upstream.say(...turn(`resp_${upstream.got.length}`, 'Fine.', stream_id === undefined ? {} : { stream_id }));
  };
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.terminate();
  await house.quiescent();
  await until('no socket is left', () => house.clientSockets.size === 0);
});

async function records(count: number): Promise<House['records']> {
  await until(`${count} records are there`, () => house.records.length - firstRecord >= count);
  return house.records.slice(firstRecord);
}

describe('turns', () => {
  test('two turns of the fixture: bytes, records and usage as expected, with the key of the provider', async () => {
    const lines = transcript('openai-responses-ws/two-turns');
    const asked = lines.filter(({ dir }) => dir === 'client').map(({ text }) => text);
    const expected = JSON.parse(
      readFileSync(join(packageRoot(), 'test/fixtures/openai-responses-ws/two-turns.expected.json'), 'utf8'),
    ) as { turns: { response_id: string; model_served: string; stop_reason: { raw: string }; usage: unknown }[] };
    let at = 0;
    provider.answer = (upstream) => {
      at = lines.findIndex(({ dir }, index) => index >= at && dir === 'client') + 1;
      for (; lines[at]?.dir === 'server'; at++) upstream.say(lines[at]?.text ?? '');
    };
    const client = await connect(ALICE, {
      authorization: 'Bearer client-placeholder',
      'openai-beta': 'responses_websockets=2026-02-06',
    });
    for (const [index, text] of asked.entries()) {
      client.send(text);
      await client.until('response.completed', index);
    }
    expect(client.got).toEqual(lines.filter(({ dir }) => dir === 'server').map(({ text }) => text));

    expect(provider.sockets.length - firstSocket).toBe(1);
    const upstream = await provider.socket(firstSocket);
    expect(upstream.got).toEqual(asked);
    const { headers } = upstream.request;
    expect(headers.authorization).toBe(`Bearer ${KEY}`);
    expect(headers['openai-beta']).toBe('responses_websockets=2026-02-06');
    expect(headers['sec-websocket-extensions']).toBeUndefined();
    expect(JSON.stringify(headers)).not.toContain('client-placeholder');
    expect(headers['tailscale-user-login']).toBeUndefined();

    const found = await records(2);
    expect(
      found.map(({ response_id, model_served, stop_reason, usage }) => ({
        response_id,
        model_served,
        stop_reason,
        usage,
      })),
    ).toEqual(
      expected.turns.map(({ response_id, model_served, stop_reason, usage }) => ({
        response_id,
        model_served,
        stop_reason: stop_reason.raw,
        usage,
      })),
    );
    for (const record of found) {
      expect(record).toMatchObject({
        state: 'complete',
        method: 'GET',
        path: '/v1/responses',
        api: 'openai_responses',
        status: 200,
        stream: true,
        usage_state: 'final',
        login: ALICE,
      });
    }
  });

  test('turns that share the socket by stream_id may interleave, and each has its own record', async () => {
    const [one, two] = ['a', 'b'].map((stream_id) => turn(`resp_${stream_id}`, `Said by ${stream_id}.`, { stream_id }));
    provider.answer = (upstream) => {
      if (upstream.got.length < 2) return;
      for (const [index, text] of (one ?? []).entries()) upstream.say(text, two?.[index] ?? '');
    };
    const client = await connect();
    client.send(create('first', { stream_id: 'a' }));
    await provider.socket(firstSocket);
    client.send(create('second', { stream_id: 'b' }));
    const got = await client.messages(12);
    expect(got.filter((text) => text.includes('"stream_id":"a"'))).toEqual(one);
    expect(got.filter((text) => text.includes('"stream_id":"b"'))).toEqual(two);
    const upstream = await provider.socket(firstSocket);
    expect(upstream.got.map((text) => JSON.parse(text) as unknown)).toEqual([
      create('first', { stream_id: 'a' }),
      create('second', { stream_id: 'b' }),
    ]);
    const found = await records(2);
    expect(found.map(({ response_id, usage }) => [response_id, usage?.input_uncached, usage?.output]).sort()).toEqual([
      ['resp_a', 11, 7],
      ['resp_b', 11, 7],
    ]);
  });

  test('a name of a turn that is under way is not taken twice', async () => {
    provider.answer = () => undefined;
    const client = await connect();
    client.send(create('first', { stream_id: 'a' }));
    await until('it is under way', async () => (await provider.socket(firstSocket)).got.length === 1);
    client.send(create('second', { stream_id: 'a' }));
    expect(await client.until('error')).toMatchObject({
      status: 400,
      stream_id: 'a',
      error: { code: 'gateway_frame_refused' },
    });
    expect((await provider.socket(firstSocket)).got.length).toBe(1);
  });

  test("an error of the provider is the turn's, with its status, and the socket lives on", async () => {
    const refusal =
      '{"type":"error","status":429,"error":{"type":"rate_limit_error","code":"slow_down","message":"Slow."}}';
    provider.answer = (upstream) =>
      upstream.say(...(upstream.got.length === 1 ? [refusal] : turn('resp_later', 'Now.')));
    const client = await connect();
    client.send(create('first'));
    await client.until('error');
    expect(client.got).toEqual([refusal]);
    client.send(create('again'));
    await client.until('response.completed');
    expect(await records(2)).toMatchObject([
      { status: 429, state: 'error', usage: null, error: { message: 'Slow.' } },
      { status: 200, state: 'complete', response_id: 'resp_later' },
    ]);
  });

  test('what the provider says before or after a turn comes through', async () => {
    const note = '{"type":"codex.rate_limits","left":3}';
    provider.answer = (upstream) => upstream.say(...turn('resp_1', 'Fine.'), note);
    const client = await connect();
    client.send(create('hello'));
    expect((await client.messages(7)).at(-1)).toBe(note);
  });

  test('a provider that knows no WebSockets gets a POST for each turn, and is not tried again', async () => {
    provider.refuse = { status: 426, body: '' };
    const other = await startSocketProvider();
    other.refuse = provider.refuse;
    const posting = await openHouse({
      providers: { openai: { baseurl: other.url, models: [MODEL], compatibility: { openai_responses: true } } },
      grants: [{ src: ['(loopback)'], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: '**' }] } }],
    });
    const client = await connectClient(`${posting.urls[0] ?? ''}/v1/responses`);
    for (const text of ['one', 'two']) client.send(create(text, { stream_id: text }));
    const got = await client.messages(12);
    expect(got.filter((text) => text.includes('"stream_id":"one"')).length).toBe(6);
    expect(other.posts.map((text) => JSON.parse(text) as unknown)).toEqual(
      ['one', 'two'].map((text) => {
        const { type: _, ...body } = create(text);
        return { stream: true, ...body };
      }),
    );
    expect(other.sockets.length).toBe(0);
    await until('both have a record', () => posting.records.length === 2);
    expect(posting.records.map(({ state, usage }) => [state, usage?.output])).toEqual([
      ['complete', 7],
      ['complete', 7],
    ]);
    client.socket.close();
    await posting.close();
    await other.close();
  });
});

test("OpenAI's own client", async () => {
  const openai = new OpenAI({ apiKey: 'client-key', baseURL: `${house.urls[0] ?? ''}/v1` });
  const sdk = new ResponsesWS(openai, {
    headers: { 'tailscale-user-login': ALICE },
    // It speaks TLS alone; the address stays, the connection is ours.
    createConnection: () => connectTo(Number(new URL(house.urls[0] ?? '').port), '127.0.0.1'),
  });
  const texts: string[] = [];
  sdk.on('response.output_text.delta', ({ delta }) => texts.push(delta));
  let done = 0;
  sdk.on('response.completed', () => (done += 1));
  sdk.send({ type: 'response.create', model: MODEL, input: 'hello' });
  await until('the answer is there', () => done === 1);
  expect(texts).toEqual(['Fine.']);
  sdk.close();
  expect(await records(1)).toMatchObject([{ state: 'complete', agent: 'openai-sdk-js' }]);
});

describe('who may what', () => {
  test('a model without a grant: an error frame, nothing sent, and the socket lives on', async () => {
    const client = await connect(BOB);
    client.send(create('hello', { model: 'gpt-5-mini', stream_id: 'x' }));
    expect(await client.until('error')).toMatchObject({
      status: 404,
      stream_id: 'x',
      error: { code: 'gateway_model_unknown' },
    });
    expect(provider.sockets.length).toBe(firstSocket);
    client.send(create('hello'));
    await client.until('response.completed');
    expect((await records(2)).map(({ state, denied_by }) => [state, denied_by])).toEqual([
      ['denied', 'gateway_model_unknown'],
      ['complete', null],
    ]);
  });

  test("neither of two users continues the other's response", async () => {
    provider.answer = (upstream) => upstream.say(...turn('resp_of_alice', 'Fine.'));
    const [alice, bob] = [await connect(ALICE), await connect(BOB)];
    alice.send(create('hello'));
    await alice.until('response.completed');
    await records(1);
    bob.send(create('and then?', { previous_response_id: 'resp_of_alice' }));
    expect(await bob.until('error')).toMatchObject({ status: 404, error: { code: 'previous_response_not_found' } });
    expect(provider.sockets.length - firstSocket).toBe(1);
    alice.send(create('and then?', { previous_response_id: 'resp_of_alice' }));
    await alice.until('response.completed', 1);
  });

  test('without any model of this API, or from a page of another site, there is no socket', async () => {
    expect((await connect('carol@example.com')).refused).toMatchObject({ status: 426 });
    expect((await connect(ALICE, { origin: 'https://evil.example' })).refused).toMatchObject({ status: 403 });
    expect((await connect('', {})).refused?.status).toBe(401);
  });

  test('a revoked login: its turns end with a word, and its socket is closed', async () => {
    provider.answer = (upstream) => upstream.say(turn('resp_cut', 'Never.')[0] ?? '');
    const [client, idle] = [await connect(BOB), await connect(BOB)];
    client.send(create('hello'));
    await client.until('response.created');
    house.control({
      revocations: [{ id: 'r1', kind: 'login', value: BOB, reason: 'gone', by: 'root', createdAtMs: 0, untilMs: null }],
    });
    expect(await client.until('error')).toMatchObject({ status: 403, error: { code: 'gateway_revoked' } });
    expect((await client.ended()).code).toBe(1008);
    expect((await idle.ended()).code).toBe(1008);
    house.control({});
    await until('the provider is let go', async () => (await provider.socket(firstSocket)).closed);
    expect(await records(1)).toMatchObject([{ state: 'error', denied_by: 'gateway_revoked' }]);
  });
});

describe('closing', () => {
  async function underWay(): Promise<Client> {
    provider.answer = (upstream) => upstream.say(turn('resp_cut', 'Never.')[0] ?? '');
    const client = await connect();
    client.send(create('hello'));
    await client.until('response.created');
    return client;
  }

  test.for([
    [1000, 'done'],
    [1001, ''],
    [4321, 'mine'],
  ] as const)('the client says %d: so the provider hears, and the turn is aborted', async ([code, reason]) => {
    const client = await underWay();
    client.socket.close(code, reason);
    const upstream = await provider.socket(firstSocket);
    expect(await until('it is closed', () => upstream.closed)).toEqual({ code, reason });
    expect(await records(1)).toMatchObject([{ state: 'aborted', response_id: 'resp_cut', usage_state: 'absent' }]);
  });

  test('a client that is cut cuts the provider; one without a code gives none', async () => {
    const cut = await underWay();
    cut.socket.terminate();
    const first = await provider.socket(firstSocket);
    expect((await until('it is closed', () => first.closed)).code).toBe(1006);
    const mute = await underWay();
    mute.socket.close();
    const second = await provider.socket(firstSocket + 1);
    expect((await until('it is closed', () => second.closed)).code).toBe(1005);
    await records(2);
  });

  test.for([
    [1009, 'message too big'],
    [1000, ''],
    [4000, 'theirs'],
  ] as const)('the provider says %d: so the client hears, and the turn is an error', async ([code, reason]) => {
    const client = await underWay();
    (await provider.socket(firstSocket)).socket.close(code, reason);
    expect(await client.ended()).toEqual({ code, reason });
    expect(await records(1)).toMatchObject([{ state: 'error', error: { code: 'gateway_upstream_broken' } }]);
  });

  test('a provider that is cut cuts the client', async () => {
    const client = await underWay();
    (await provider.socket(firstSocket)).socket.terminate();
    expect((await client.ended()).code).toBe(1006);
    await records(1);
  });

  test('closing either side frees the other within 100 ms', async () => {
    const took = { provider: Infinity, client: Infinity };
    // The best of some: a machine that stands still for a moment says nothing of us.
    for (let round = 0; round < 5; round++) {
      const [one, other] = [await underWay(), await underWay()];
      const [first, second] = await Promise.all([0, 1].map((at) => provider.socket(firstSocket + 2 * round + at)));
      const beganAtMs = performance.now();
      first?.socket.once('close', () => (took.provider = Math.min(took.provider, performance.now() - beganAtMs)));
      other.socket.once('close', () => (took.client = Math.min(took.client, performance.now() - beganAtMs)));
      one.socket.close(1000);
      second?.socket.close(1000);
      await until('both are closed', () => first?.closed !== undefined && other.closed !== undefined);
    }
    expect(took.provider).toBeLessThan(100);
    expect(took.client).toBeLessThan(100);
    await records(10);
  });

  test('an upgrade that the provider refuses: its status and words in a frame, then 1011', async () => {
    provider.refuse = { status: 401, body: '{"error":{"message":"Incorrect API key","type":"invalid_request_error"}}' };
    const client = await connect();
    client.send(create('hello'));
    expect(await client.until('error')).toEqual({
      type: 'error',
      status: 401,
      error: { message: 'Incorrect API key', type: 'invalid_request_error' },
    });
    expect((await client.ended()).code).toBe(1011);
    expect(await records(1)).toMatchObject([{ state: 'error', status: 401 }]);
  });

  test('who is let go keeps the turn under way, and is then told to go', async () => {
    const [client, idle] = [await underWay(), await connect()];
    house.clientSockets.dismiss();
    expect((await idle.ended()).code).toBe(1001);
    client.send(create('one more'));
    expect(await client.until('error')).toMatchObject({ status: 503, error: { code: 'gateway_draining' } });
    expect(client.closed).toBeUndefined();
    (await provider.socket(firstSocket)).say(...turn('resp_cut', 'After all.').slice(1));
    await client.until('response.completed');
    expect((await client.ended()).code).toBe(1001);
    expect(await records(1)).toMatchObject([{ state: 'complete', response_id: 'resp_cut' }]);
    house.clientSockets.take();
  });
});

describe('what clients send', () => {
  test.for([
    ['not JSON', 'hello', 'gateway_body_not_json'],
    ['a list', '[1]', 'gateway_body_not_json'],
    ['no type', '{"model":"gpt-5.5"}', 'gateway_body_bad_field'],
    ['two types', '{"type":"response.create","type":"response.steer"}', 'gateway_body_duplicate_key'],
    ['two spellings', '{"type":"response.create","Type":"response.steer"}', 'gateway_body_duplicate_key'],
    ['two models', '{"type":"response.create","model":"gpt-5.5","model":"gpt-5-mini"}', 'gateway_body_duplicate_key'],
    ['a type of ours alone', '{"type":"session.update","model":"gpt-5.5"}', 'gateway_frame_refused'],
    ['a steer with a model', '{"type":"response.steer","model":"gpt-5-mini"}', 'gateway_frame_refused'],
    ['a steer with a file', '{"type":"response.steer","input":[{"file_id":"file-1"}]}', 'gateway_frame_refused'],
    ['a steer to nowhere', '{"type":"response.steer","input":"x"}', 'gateway_frame_refused'],
    ['a name that is no text', '{"type":"response.create","stream_id":7}', 'gateway_body_bad_field'],
    ['no model', '{"type":"response.create","input":"x"}', 'gateway_model_missing'],
  ])('%s: an error frame, nothing sent, and the socket lives on', async ([, text, code]) => {
    const client = await connect();
    client.send(text ?? '');
    expect(await client.until('error')).toMatchObject({ error: { code } });
    expect(provider.sockets.length).toBe(firstSocket);
    client.send(create('hello'));
    await client.until('response.completed');
  });

  test('a binary message is refused, one beyond the limit of bodies ends the socket with 1009', async () => {
    const client = await connect();
    client.socket.send(Buffer.from(JSON.stringify(create('hello'))), { binary: true });
    expect(await client.until('error')).toMatchObject({ error: { code: 'gateway_frame_refused' } });
    client.send(create('x'.repeat(65 * 1024)));
    expect((await client.ended()).code).toBe(1009);
    expect(provider.sockets.length).toBe(firstSocket);
  });

  test('steering goes to the turn that it names', async () => {
    const upstreams: string[] = [];
    provider.answer = (upstream, text) => {
      upstreams.push(text);
      if (text.includes('response.steer')) upstream.say(...turn('resp_steered', 'As you like.', { stream_id: 'a' }));
    };
    const client = await connect();
    client.send(create('hello', { stream_id: 'a' }));
    await until('it is under way', () => upstreams.length === 1);
    const steer = '{"type":"response.steer","stream_id":"a","input":"shorter"}';
    client.send(steer);
    await client.until('response.completed');
    expect(upstreams[1]).toBe(steer);
    expect(await records(1)).toMatchObject([{ response_id: 'resp_steered' }]);
  });

  test('a client that does not read pauses its provider', async () => {
    const piece = JSON.stringify({ type: 'response.output_text.delta', output_index: 0, delta: 'x'.repeat(32 * 1024) });
    const pieces = 1500;
    provider.answer = (upstream) => {
      const [first = '', ...rest] = turn('resp_long', 'x');
      upstream.say(first);
      for (let i = 0; i < pieces; i++) upstream.say(piece);
      upstream.say(rest.at(-1) ?? '');
    };
    const client = await connect();
    client.send(create('hello'));
    await client.until('response.created');
    client.socket.pause();
    const upstream = await provider.socket(firstSocket);
    // What the system and we take, and no more of 48 MiB: the rest waits at the provider.
    await until('the provider waits', () => upstream.socket.bufferedAmount > 8 * 1024 * 1024);
    const metrics = await house.metrics();
    const inflight = Number(/^aperture_inflight_bytes (\d+)/m.exec(metrics)?.[1] ?? '0');
    expect(inflight).toBeLessThan(4 * 1024 * 1024);
    client.socket.resume();
    await client.until('response.completed');
    expect(client.got.length).toBe(pieces + 2);
    await records(1);
  });
});

describe('rules and quotas', () => {
  let ruled: House;
  let theirs: SocketProvider;
  let hook: HookServer;
  beforeAll(async () => {
    theirs = await startSocketProvider();
    hook = await startHookServer();
    const grant = (login: string, more: Record<string, unknown>): Record<string, unknown> => ({
      src: [login],
      app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: '**', ...more }] },
    });
    ruled = await openHouse({
      providers: {
        openai: { baseurl: theirs.url, apikey: KEY, models: [MODEL], compatibility: { openai_responses: true } },
      },
      quotas: { 'pocket:<user>': { capacity: '$0.10', rate: '$0.00/day' } },
      hooks: {
        birds: { builtin: { kind: 'words', action: 'block', words: ['heron'], message: 'no birds' } },
        people: { builtin: { kind: 'personal_data', action: 'tokenise', detect: ['email'] } },
        tickets: { builtin: { kind: 'words', action: 'redact', sides: ['response'], words: ['TICKET'] } },
        outside: { url: hook.url, fail_policy: 'fail_closed', timeout: '60s' },
      },
      server: {
        trusted_proxies: ['127.0.0.1'],
        listen: [{ address: '127.0.0.1:0', identity: ['proxy_headers'] }],
      },
      grants: [
        grant(ALICE, { send_hooks: [{ name: 'birds' }, { name: 'people' }, { name: 'tickets' }] }),
        grant(BOB, { quotas: [{ bucket: 'pocket:<user>' }] }),
        grant(CAROL, { send_hooks: [{ name: 'outside', events: ['response'], send: ['response_body'] }] }),
      ],
    });
  });
  afterAll(async () => {
    await ruled.quiescent();
    await ruled.close();
    await hook.away();
    await theirs.close();
  });

  function connectAs(login: string): Promise<Client> {
    return connectClient(`${ruled.urls[0] ?? ''}/v1/responses`, { 'tailscale-user-login': login });
  }

  test('a rule that blocks a turn: an error frame, and nothing is sent', async () => {
    const client = await connectAs(ALICE);
    client.send(create('a heron', { stream_id: 'x' }));
    expect(await client.until('error')).toMatchObject({ stream_id: 'x', error: { message: 'no birds' } });
    expect(theirs.sockets.length).toBe(0);
    await until('it has a record', () => ruled.records.length === 1);
    expect(ruled.records[0]).toMatchObject({ state: 'blocked', usage: null });
    client.socket.close();
  });

  test('values are replaced on the way out, put back on the way in, and words are taken out of answers', async () => {
    const before = ruled.records.length;
    theirs.answer = (upstream, text) => {
      const placeholder = /EMAIL_[0-9a-f]+/.exec(text)?.[0] ?? 'none';
      upstream.say(...turn('resp_ruled', `To ${placeholder} about TICKET.`));
    };
    const client = await connectAs(ALICE);
    client.send(create('write to ada.lovelace@example.com'));
    const completed = await client.until('response.completed');
    expect(JSON.stringify(completed)).toContain('To ada.lovelace@example.com about [redacted:word].');
    expect(client.got.join()).not.toContain('TICKET');
    const [upstream] = theirs.sockets;
    expect(upstream?.got[0]).toMatch(/^\{"type":"response\.create".*EMAIL_[0-9a-f]+/);
    expect(upstream?.got[0]).not.toContain('ada.lovelace');
    expect(upstream?.got[0]).not.toContain('"stream"');
    await until('it has a record', () => ruled.records.length === before + 1);
    expect(ruled.records.at(-1)).toMatchObject({ state: 'complete', usage: { input_uncached: 11, output: 7 } });
    // What changes a turn under way would go around the rules.
    theirs.answer = () => undefined;
    client.send(create('and more'));
    await until('it is under way', () => upstream?.got.length === 2);
    client.send('{"type":"response.steer","input":"a heron"}');
    expect(await client.until('error')).toMatchObject({ error: { code: 'gateway_frame_refused' } });
    expect(upstream?.got.length).toBe(2);
    client.socket.close();
    await ruled.quiescent();
  });

  test('a hook is asked about the answer of a turn: all of it comes, or an error frame with its status', async () => {
    theirs.answer = (upstream) => {
      upstream.say(...turn('resp_asked', 'a heron in the reeds'));
    };
    hook.answer = ALLOW;
    const client = await connectAs(CAROL);
    client.send(create('tell me'));
    expect(JSON.stringify(await client.until('response.completed'))).toContain('a heron in the reeds');
    expect(JSON.stringify(hook.calls[0]?.body.response_body)).toContain('a heron in the reeds');
    client.socket.close();

    hook.answer = (response) => response.end('{"action":"block","status_code":451,"message":"Not for your eyes"}');
    const other = await connectAs(CAROL);
    other.send(create('tell me'));
    expect(await other.until('error')).toMatchObject({ status: 451, error: { message: 'Not for your eyes' } });
    expect(other.got.join()).not.toContain('heron');
    other.socket.close();
    await ruled.quiescent();
  });

  test('an empty budget: an error frame, and nothing is sent', async () => {
    const usage = { input_tokens: 1_000_000, output_tokens: 100_000, total_tokens: 1_100_000 };
    theirs.answer = (upstream) => {
      const [first = ''] = turn('resp_dear', 'x');
      upstream.say(first, {
        type: 'response.completed',
        response: { id: 'resp_dear', object: 'response', model: MODEL, status: 'completed', output: [], usage },
      });
    };
    const before = ruled.records.length;
    const client = await connectAs(BOB);
    client.send(create('spend it', { max_output_tokens: 100 }));
    await client.until('response.completed');
    await until('it has a record', () => ruled.records.length === before + 1);
    client.send(create('more', { max_output_tokens: 100 }));
    expect(await client.until('error')).toMatchObject({ status: 429, error: { code: 'insufficient_quota' } });
    expect(theirs.sockets.at(-1)?.got.length).toBe(1);
    client.socket.close();
  });
});
