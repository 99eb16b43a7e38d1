import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startSimulator } from '../../src/simulator/provider.ts';
import type { Simulator } from '../../src/simulator/provider.ts';
import { ALLOW, startHookServer } from '../guardrails/hooks/hook-server.ts';
import type { Called, HookAnswer, HookServer } from '../guardrails/hooks/hook-server.ts';
import { removeDataDir } from '../support/postgres.ts';
import { startGateway, temporaryFolder } from '../support/gateway.ts';
import type { RecordRow, TestGateway } from '../support/gateway.ts';
import { until } from '../support/until.ts';
import { bodyOf, MODELS, PATHS, PROVIDER_KEY } from './support.ts';
import type { Api } from './support.ts';

/** Hooks of a real gateway, each a server that knows of Aperture's document and of nothing else. */
const POLICY = { 'example.com/cap/policy': [{ tier: 'gold' }] };
const POST_SEND = [
  'request_body',
  'user_message',
  'response_body',
  'raw_responses',
  'tools',
  'estimated_cost',
  'grants',
  'quotas',
];
const TOOL = {
  type: 'function',
  function: { name: 'read_file', parameters: { type: 'object', properties: { path: { type: 'string' } } } },
};
const PRICES = 'input=1500;cached=200;output=800';

let simulator: Simulator;
/** By name of hook. */
const hooks = new Map<string, HookServer>();
const NAMES = ['first', 'second', 'audit', 'tools'] as const;

const hook = (name: (typeof NAMES)[number]): HookServer => {
  const found = hooks.get(name);
  if (found === undefined) throw new Error(`no hook ${name}`);
  return found;
};

beforeAll(async () => {
  simulator = await startSimulator({ host: '127.0.0.1', port: 0, expectedKey: PROVIDER_KEY });
  for (const name of NAMES) hooks.set(name, await startHookServer());
});
afterEach(() => {
  for (const each of hooks.values()) {
    each.calls.length = 0;
    each.answer = ALLOW;
  }
});
afterAll(async () => {
  for (const each of hooks.values()) await each.away().catch(() => undefined);
  await simulator.close();
});

function config(change: Record<string, unknown> = {}): Record<string, unknown> {
  const wired = (name: string, events: string[], send: string[]) => ({ send_hooks: [{ name, events, send }] });
  return {
    providers: {
      openai: { baseurl: simulator.url, apikey: PROVIDER_KEY, models: [MODELS.openai] },
      anthropic: {
        baseurl: simulator.url,
        apikey: PROVIDER_KEY,
        authorization: 'x-api-key',
        models: [MODELS.anthropic],
        compatibility: { openai_chat: false, anthropic_messages: true },
      },
    },
    quotas: { daily: { capacity: '$10.00', rate: '$5.00/day', on_exceed: 'reject' } },
    hooks: {
      first: { url: hook('first').url, apikey: 'first-key', preference: 5, fail_policy: 'fail_closed', timeout: '2s' },
      second: {
        url: hook('second').url,
        apikey: 'second-key',
        authorization: 'x-api-key',
        fail_policy: 'fail_open',
        timeout: '2s',
      },
      audit: { url: hook('audit').url, apikey: 'audit-key' },
      tools: { url: hook('tools').url },
    },
    grants: [
      {
        src: ['(loopback)'],
        app: {
          'tailscale.com/cap/aperture': [
            { role: 'admin' },
            { models: '**', quotas: [{ bucket: 'daily' }] },
            { read_metrics: true },
            wired('second', ['pre_request'], ['user_message']),
            wired('first', ['pre_request'], ['user_message', 'grants', 'raw_responses', 'tools']),
            // The same hook again: one call, with all that both ask for.
            wired('first', ['pre_request'], ['request_body', 'quotas']),
            wired('audit', ['entire_request'], POST_SEND),
            wired('tools', ['tool_call_entire_request'], ['tools']),
          ],
          ...POLICY,
        },
      },
    ],
    ...change,
  };
}

interface Asked {
  status: number;
  id: string;
  text: string;
}

async function ask(
  gateway: TestGateway,
  api: Api,
  options: { sim?: string; stream?: boolean; text?: string; body?: Record<string, unknown> } = {},
): Promise<Asked> {
  const { sim = '', stream = false, text = 'Say hello', body = {} } = options;
  const response = await fetch(gateway.url + PATHS[api], {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'hook-test/1',
      ...(sim === '' ? {} : { 'x-sim': sim }),
    },
    body: JSON.stringify({ ...bodyOf(api), stream, messages: [{ role: 'user', content: text }], ...body }),
  });
  const id = response.headers.get('x-aperture-request-id') ?? '';
  return { status: response.status, id, text: await response.text() };
}

/** The calls that a hook got about one request. */
const callsOf = (name: (typeof NAMES)[number], id: string): Called[] =>
  hook(name).calls.filter(({ body }) => body.metadata['request_id'] === id);

/** Whole: lists leave out what is long. */
async function recordOf(gateway: TestGateway, id: string): Promise<RecordRow> {
  return until(
    'the record is there',
    async () => {
      const answer = await fetch(`${gateway.url}/api/requests/${id}`);
      return answer.ok ? ((await answer.json()) as RecordRow) : undefined;
    },
    20_000,
  );
}

async function forwardedBody(gateway: TestGateway, id: string): Promise<string> {
  return until(
    'the request is captured',
    async () => {
      const response = await fetch(`${gateway.url}/api/requests/${id}/body?side=request`);
      return response.ok && (await response.text());
    },
    20_000,
  );
}

const withoutUsage = ({ usage: _, ...event }: Record<string, unknown>): Record<string, unknown> => event;

async function waitingFor(gateway: TestGateway, destination: string): Promise<number> {
  const page = (await gateway.json(`/api/deliveries?destination=${destination}&state=waiting`)) as { items: unknown[] };
  return page.items.length;
}

describe('a gateway with hooks', () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startGateway({ config: config() });
  });
  afterAll(async () => {
    await gateway.stop();
  });

  describe('before a request', () => {
    test('each is called once, the preferred first, and told what its grants say, field by field', async () => {
      const order: string[] = [];
      for (const name of ['first', 'second'] as const) {
        hook(name).answer = (response, called) => {
          order.push(name);
          ALLOW(response, called);
        };
      }
      const { id, status } = await ask(gateway, 'anthropic');
      expect([status, order]).toEqual([200, ['first', 'second']]);
      const [first] = hook('first').calls;
      const metadata = {
        login_name: '(loopback)',
        user_agent: 'hook-test/1',
        url: '/v1/messages',
        model: MODELS.anthropic,
        provider: 'anthropic',
        request_id: id,
      };
      expect(first?.headers).toMatchObject({ authorization: 'Bearer first-key', 'content-type': 'application/json' });
      expect([first?.method, first?.url]).toEqual(['POST', '/check?v=1']);
      expect(first?.body.metadata).toMatchObject({ ...metadata, grants: POLICY });
      expect(first?.body.metadata).toMatchObject({
        quotas: { daily: { current: expect.any(Number), capacity: 10_000_000_000, rate: '$5.00/day' } },
      });
      for (const name of ['tailnet_name', 'stable_node_id', 'session_id']) {
        expect(first?.body.metadata[name], name).toEqual(expect.any(String));
      }
      expect(Object.keys(first?.body ?? {}).sort()).toEqual(['metadata', 'request_body', 'user_message']);
      expect(first?.body).toMatchObject({
        request_body: { ...bodyOf('anthropic'), stream: false, messages: [{ role: 'user', content: 'Say hello' }] },
        user_message: 'Say hello',
      });
      const [second] = hook('second').calls;
      expect(second?.headers['x-api-key']).toBe('second-key');
      expect(second?.headers.authorization).toBeUndefined();
      expect(second?.body.metadata).toMatchObject(metadata);
      expect(second?.body.metadata).not.toHaveProperty('grants');
      expect(Object.keys(second?.body ?? {}).sort()).toEqual(['metadata', 'user_message']);
    });

    test('what one changes the next sees, the provider gets and the capture holds', async () => {
      hook('first').answer = (response, { body }) => {
        const request_body = {
          ...(body.request_body as object),
          messages: [{ role: 'user', content: 'It is [redacted]' }],
        };
        response.end(JSON.stringify({ action: 'modify', request_body }));
      };
      const { id, status, text } = await ask(gateway, 'openai', { sim: 'echo=1', text: 'It is 123-45-6789' });
      expect(status).toBe(200);
      expect(text).toContain('It is [redacted]');
      expect(callsOf('second', id)[0]?.body.user_message).toBe('It is [redacted]');
      const forwarded = await forwardedBody(gateway, id);
      expect(forwarded).toContain('It is [redacted]');
      expect(forwarded).not.toContain('123-45-6789');
    });

    test.each<[Api, unknown]>([
      ['openai', { error: { message: 'No names, please', type: 'guardrail_blocked' } }],
      ['anthropic', { type: 'error', error: { type: 'invalid_request_error', message: 'No names, please' } }],
    ])('what one blocks goes nowhere, and the client of %s is told in its own way', async (api, shape) => {
      hook('first').answer = (response) =>
        response.end('{"action":"block","status_code":451,"message":"No names, please"}');
      const { status, text, id } = await ask(gateway, api);
      expect(status).toBe(451);
      expect(JSON.parse(text)).toMatchObject(shape as object);
      expect(hook('second').calls).toEqual([]);
      const record = await recordOf(gateway, id);
      expect(record.state).toBe('blocked');
      expect(record.verdicts).toMatchObject([{ rule: 'first', type: 'hook', side: 'request', action: 'block' }]);
    });

    const BAD: [string, HookAnswer][] = [
      ['broken', (response) => response.writeHead(500).end()],
      ['babbling', (response) => response.end('sure, why not')],
      ['hanging up', (response) => response.destroy()],
      ['silent', () => undefined],
    ];
    test.each(BAD)('one that is %s: fail_closed refuses with 503, fail_open lets through', async (_what, answer) => {
      hook('second').answer = answer;
      expect((await ask(gateway, 'openai')).status).toBe(200);
      hook('first').answer = answer;
      const refused = await ask(gateway, 'openai');
      expect(refused.status).toBe(503);
      const record = await recordOf(gateway, refused.id);
      expect(record.verdicts).toMatchObject([{ rule: 'first', action: 'error', error: expect.any(String) }]);
    });
  });

  describe('after a request', () => {
    test.each<[Api, boolean]>([
      ['openai', false],
      ['openai', true],
      ['anthropic', true],
    ])('%s (stream: %s): every documented field', async (api, stream) => {
      const { id, status, text } = await ask(gateway, api, { stream, sim: PRICES });
      expect(status).toBe(200);
      const called = await until('it is told', () => callsOf('audit', id)[0], 20_000);
      const record = await recordOf(gateway, id);
      expect(called.headers.authorization).toBe('Bearer audit-key');
      expect(called.headers['webhook-signature']).toBeUndefined();
      const { metadata } = called.body;
      expect(metadata).toMatchObject({
        login_name: '(loopback)',
        user_agent: 'hook-test/1',
        url: PATHS[api],
        model: MODELS[api],
        provider: api,
        session_id: record.session_base,
        grants: POLICY,
        quotas: { daily: { capacity: 10_000_000_000, rate: '$5.00/day' } },
        estimated_cost: {
          cost_basis: record.cost_basis,
          usage: { input_tokens: 1500, output_tokens: 800, cached_tokens: 200 },
        },
      });
      const { dollars } = metadata['estimated_cost'] as { dollars: number };
      expect(Math.round(dollars * 1e9)).toBe(Number(record.cost_nanodollars));
      expect(called.body).toMatchObject({
        request_body: { model: MODELS[api], stream, messages: [{ role: 'user', content: 'Say hello' }] },
        user_message: 'Say hello',
        tool_calls: [],
      });
      if (stream) {
        const events = text.split('\n').filter((line) => line.startsWith('data: ') && line !== 'data: [DONE]');
        // As the provider sent them: also the usage that the client had not asked for.
        const raw = (called.body.raw_responses as Record<string, unknown>[]).map(withoutUsage);
        const seen = events.map((line) => JSON.parse(line.slice('data: '.length)) as Record<string, unknown>);
        expect(raw.length).toBeGreaterThanOrEqual(seen.length);
        expect(raw.slice(0, seen.length)).toEqual(seen.map(withoutUsage));
      } else {
        expect(called.body.raw_responses).toEqual([JSON.parse(text)]);
        expect(called.body.response_body).toEqual(JSON.parse(text));
      }
      expect(called.body.response_body).toMatchObject(
        api === 'openai' ? { choices: [{ index: 0 }] } : { role: 'assistant' },
      );
    });

    test('tool calls are told once, after a response that had some', async () => {
      const without = await ask(gateway, 'openai');
      const calling = await ask(gateway, 'openai', { stream: true, sim: 'tools=2', body: { tools: [TOOL] } });
      const called = await until('it is told', () => callsOf('tools', calling.id)[0], 20_000);
      expect(called.body.tool_calls).toEqual([
        { name: expect.any(String), params: expect.any(Object) },
        { name: expect.any(String), params: expect.any(Object) },
      ]);
      expect(Object.keys(called.body).sort()).toEqual(['metadata', 'tool_calls']);
      const sent = [without.id, calling.id];
      await until(
        'both are told to the other hook',
        () => sent.every((id) => callsOf('audit', id).length === 1),
        20_000,
      );
      expect(hook('tools').calls).toHaveLength(1);
    });
  });
});

test('over an outage of its hook and a kill -9, each exchange is told once, also where nothing is retained', async () => {
  const dataDir = temporaryFolder();
  const options = { dataDir, config: config({ database: { retention: { duration: '0' } } }) };
  let gateway = await startGateway(options);
  try {
    const audit = hook('audit');
    await audit.away();
    const ids: string[] = [];
    const more = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at += 1) ids.push((await ask(gateway, 'openai')).id);
    };
    await more(3);
    await until('they wait in the outbox', async () => (await waitingFor(gateway, 'hooks.audit')) === 3, 20_000);
    // These are in the journal alone, some of them.
    await more(3);
    await gateway.kill();
    await audit.back();
    gateway = await startGateway(options);
    ids.push((await ask(gateway, 'openai')).id);
    await until('all are told', () => ids.every((id) => callsOf('audit', id).length > 0), 60_000);
    const deliveries = new Map(
      audit.calls.map(({ headers, body }) => [headers['x-aperture-delivery'], body.metadata['request_id']]),
    );
    expect([...deliveries.values()].sort()).toEqual(ids.toSorted());
    const capture = (await gateway.json(`/api/requests/${ids[0]}`)) as { capture: unknown };
    expect(capture.capture).toBeNull();
  } finally {
    await gateway.stop();
    removeDataDir(dataDir);
  }
}, 120_000);
