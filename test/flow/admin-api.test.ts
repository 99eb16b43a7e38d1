import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { slowness, stopwatch } from '../support/machine.ts';
import { until } from '../support/until.ts';
import { MODELS, startFlow } from './support.ts';
import type { Flow } from './support.ts';

/** Who asks, as a listed proxy vouches for them; `nobody` has an identity and no role, `unknown` no identity. */
const LOGINS = { admin: 'root@example.com', user: 'alice@example.com', nobody: 'eve@example.com' };
type Who = keyof typeof LOGINS | 'unknown';

const CAPABILITY = 'tailscale.com/cap/aperture';
const grant = (src: string[], ...capabilities: unknown[]) => ({ src, app: { [CAPABILITY]: capabilities } });

let flow: Flow;

beforeAll(async () => {
  flow = await startFlow({
    grants: [
      grant([LOGINS.admin], { role: 'admin' }, { models: '**' }, { read_metrics: true }),
      grant([LOGINS.user], { role: 'user' }, { models: 'openai/**' }),
      grant(['tag:ci'], { role: 'user' }, { models: 'openai/**' }),
    ],
    server: {
      listen: [{ address: '127.0.0.1:0', identity: ['proxy_headers', 'token'] }],
      trusted_proxies: ['127.0.0.1'],
    },
    headers: { 'tailscale-user-login': LOGINS.admin },
  });
});
afterAll(() => flow.close());

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

async function call(who: Who, method: string, path: string, body?: unknown, headers = {}): Promise<Answer> {
  const response = await fetch(flow.gateway.url + path, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(who === 'unknown' ? {} : { 'tailscale-user-login': LOGINS[who] }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const json = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : { text };
  return { status: response.status, body: json };
}

function ask(headers: Record<string, string>, more: Record<string, unknown> = {}, sim = ''): Promise<Response> {
  return fetch(`${flow.gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(sim === '' ? {} : { 'x-sim': sim }), ...headers },
    body: JSON.stringify({ model: MODELS.openai, messages: [{ role: 'user', content: 'Say hello' }], ...more }),
  });
}

/** Method, path, and what an admin and a user get; who has no role gets 403 everywhere, who has no identity 401. */
const ROUTES: [string, string, number, number][] = [
  ['GET', '/api/config', 200, 403],
  ['PUT', '/api/config', 400, 403],
  ['GET', '/api/config/versions', 200, 403],
  ['GET', '/api/config/versions/1', 200, 403],
  ['POST', '/api/config/rollback', 400, 403],
  ['GET', '/aperture/config', 200, 403],
  ['PUT', '/aperture/config', 400, 403],
  ['POST', '/aperture/config:validate', 400, 403],
  ['GET', '/api/tokens', 200, 403],
  ['POST', '/api/tokens', 400, 403],
  ['DELETE', '/api/tokens/nobody', 404, 403],
  ['GET', '/api/revocations', 200, 403],
  ['POST', '/api/revocations', 400, 403],
  ['DELETE', '/api/revocations/nobody', 404, 403],
  ['GET', '/api/dead-letters', 200, 403],
  ['GET', '/api/dead-letters/01a21165-a078-7000-a3fd-ace57e2122b2', 404, 403],
  ['DELETE', '/api/dead-letters/01a21165-a078-7000-a3fd-ace57e2122b2', 404, 403],
  ['POST', '/api/dead-letters', 405, 403],
  ['POST', '/api/dead-letters/replay', 400, 403],
  ['POST', '/api/dead-letters/replay?all=true', 200, 403],
  ['GET', '/api/audit', 200, 403],
  ['GET', '/api/audit/key', 200, 200],
  ['GET', '/api/requests/01a21165-a078-7000-a3fd-ace57e2122b2/receipt', 404, 404],
  ['GET', '/metrics', 200, 403],
  ['GET', '/api/explain?login=alice@example.com', 200, 200],
  ['GET', '/api/explain?login=root@example.com', 200, 403],
  ['GET', '/api/explain?tags=tag:ci', 200, 403],
  ['GET', '/api/explain', 200, 200],
  ['GET', '/api/providers', 200, 200],
  ['GET', '/api/connectors', 200, 200],
  ['GET', '/api/whoami', 200, 200],
  ['GET', '/api/requests', 200, 200],
  ['GET', '/api/sessions', 200, 200],
  ['GET', '/api/tools', 200, 200],
  ['GET', '/api/usage', 200, 200],
  ['GET', '/v1/models', 200, 200],
];

describe('every route of the API against every role', () => {
  test.each(ROUTES)('%s %s', async (method, path, forAdmin, forUser) => {
    const body = method === 'GET' || method === 'DELETE' ? undefined : {};
    const statuses = { admin: forAdmin, user: forUser, nobody: 403, unknown: 401 };
    for (const who of ['admin', 'user', 'nobody', 'unknown'] as const) {
      expect(await call(who, method, path, body), who).toMatchObject({ status: statuses[who] });
    }
  });

  test('a write from another site is refused, whatever the role', async () => {
    for (const [method, path] of ROUTES.filter(([method]) => method !== 'GET')) {
      const answer = await call('admin', method, path, {}, { origin: 'https://evil.example' });
      expect(answer.status, `${method} ${path}`).toBe(403);
    }
  });
});

describe('what an Aperture client asks', () => {
  test('the providers as an array, disabled ones too, with every flag', async () => {
    const response = await fetch(`${flow.gateway.url}/api/providers`, {
      headers: { 'tailscale-user-login': LOGINS.user },
    });
    expect(await response.json()).toMatchObject([
      {
        id: 'openai',
        name: '',
        models: [MODELS.openai],
        compatibility: { openai_chat: true, bedrock_converse: false },
      },
      { id: 'anthropic', compatibility: { openai_chat: false, anthropic_messages: true } },
    ]);
  });

  test("the models with provider, endpoints, prices and limits, and only the caller's", async () => {
    const { body } = await call('user', 'GET', '/v1/models');
    expect(body).toMatchObject({
      object: 'list',
      data: [
        {
          id: MODELS.openai,
          object: 'model',
          metadata: { provider: { id: 'openai', requires_client_auth: false } },
          supported_endpoints: ['/v1/chat/completions'],
          // gpt-5-mini: $0.25, $2.00 and $0.025 a million.
          pricing: { input: '0.00000025', output: '0.00000200', input_cache_read: '0.000000025' },
          context_window_tokens: 400000,
        },
      ],
    });
    expect((body['data'] as unknown[]).length).toBe(1);
  });

  test('why a model may be used', async () => {
    const own = await call('user', 'GET', `/api/explain?model=${MODELS.openai}`);
    expect(own.body).toMatchObject({ role: 'user', model: { allowed: true, route: { provider: 'openai' } } });
    const none = await call('admin', 'GET', `/api/explain?login=alice@example.com&model=${MODELS.anthropic}`);
    expect(none.body).toMatchObject({ role: 'user', model: { allowed: false, route: null } });
    const bad = await call('admin', 'GET', '/api/explain?modle=x');
    expect(bad.status).toBe(400);
  });
});

describe('a token', () => {
  test('opens what its tags are granted, is never seen again, and closes within a second of its revocation', async () => {
    const made = await call('admin', 'POST', '/api/tokens', { name: 'build', tags: ['tag:ci'] });
    expect(made.status).toBe(201);
    const token = String(made.body['token']);
    const bearer = { authorization: `Bearer ${token}` };
    await until('the token is known', async () => (await ask(bearer)).status === 200, 2_000 * slowness());
    const answered = await ask(bearer);
    await answered.text();
    const record = await flow.record(answered.headers.get('x-aperture-request-id') ?? '');
    expect(record).toMatchObject({ identity_source: 'token', node_id: made.body['id'], tags: ['tag:ci'] });
    expect(JSON.stringify(record)).not.toContain(token);
    expect(JSON.stringify((await call('admin', 'GET', '/api/tokens')).body)).not.toContain(token);
    expect(flow.gateway.output()).not.toContain(token);

    expect((await call('admin', 'DELETE', `/api/tokens/${String(made.body['id'])}`)).status).toBe(204);
    await until('the token is refused', async () => (await ask(bearer)).status === 401, 1_000 * slowness());
  });
});

describe('the kill switch', () => {
  test('ends a running stream with an error event within a second, refuses new requests, and can be lifted', async () => {
    const alice = { 'tailscale-user-login': LOGINS.user };
    const stream = await ask(alice, { stream: true }, 'events=1000;pace=20ms;tag=killed');
    const reading = stream.text().catch(() => 'reset');
    const withinMs = 1_000 * slowness();
    const watch = stopwatch();
    const made = await call('admin', 'POST', '/api/revocations', {
      kind: 'login',
      value: LOGINS.user,
      reason: 'laptop lost',
    });
    expect(made.status).toBe(201);
    await flow.ended('killed', withinMs);
    expect(watch.ms()).toBeLessThan(withinMs);
    watch.stop();
    await reading;
    const record = await flow.record(stream.headers.get('x-aperture-request-id') ?? '');
    expect(record).toMatchObject({ state: 'error', denied_by: 'gateway_revoked' });
    const refused = await ask(alice);
    expect(refused.status).toBe(403);
    expect(await refused.text()).toContain('laptop lost');
    expect((await call('admin', 'DELETE', `/api/revocations/${String(made.body['id'])}`)).status).toBe(204);
    await until('access is back', async () => (await ask(alice)).status === 200, 1_000 * slowness());
  });
});
