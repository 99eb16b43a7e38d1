import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { packageRoot } from '../../src/lib/package-root.ts';
import { openHouse } from '../support/house.ts';
import type { House } from '../support/house.ts';
import { until } from '../support/until.ts';
import { connectClient, startSocketProvider, transcript, turn } from './socket-provider.ts';
import type { Client, SocketProvider } from './socket-provider.ts';

const KEY = 'sk-provider-key-0123456789';
const MODEL = 'gpt-5.5';
const ALICE = 'alice@example.com';
const BOB = 'bob@example.com';

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
      { src: [BOB], app: { 'tailscale.com/cap/aperture': [{ role: 'user' }, { models: MODEL }] } },
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
    ) as { turns: { response_id: string; model_served: string; stop_reason: unknown; usage: unknown }[] };
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
      found.map(({ response_id, model_served, stop_reason, usage }) => ({ response_id, model_served, stop_reason, usage })),
    ).toEqual(
      expected.turns.map(({ response_id, model_served, stop_reason, usage }) => ({ response_id, model_served, stop_reason: (stop_reason as {canonical: string}).canonical, usage })),
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
});
