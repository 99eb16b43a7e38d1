import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { fixture } from '../protocols/fixtures.ts';
import type { RecordRow } from '../support/gateway.ts';
import { ADMIN_GRANT, newTag, rawRequest, startFlow } from './support.ts';
import type { Flow } from './support.ts';

/** Moderations, reranking, older completions, direct paths and Vertex over the real binary, and what a provider gets of them. */
interface Seen {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  body: string;
}

const KEY = 'box-key-0123456789';
const RULE = { name: 'tickets', events: ['pre_request'] };

let seen: Seen[] = [];
let provider: Server;
let flow: Flow;
/** Lets the second half of a stream go. */
let goOn: () => void = () => undefined;

beforeAll(async () => {
  provider = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      seen.push({ method, url, headers, body: Buffer.concat(chunks).toString('latin1') });
      answer(url, response);
    });
  });
  await new Promise<void>((resolve) => provider.listen(0, '127.0.0.1', resolve));
  const { port } = provider.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const account = keyfile(`${origin}/token`);
  const vertex = { baseurl: origin, compatibility: { google_generate_content: true, google_raw_predict: true } };
  flow = await startFlow({
    providers: {
      box: {
        baseurl: `${origin}/base`,
        apikey: KEY,
        models: ['omni-moderation-latest', 'jina-reranker-v2-base-multilingual'],
      },
      lab: { baseurl: `${origin}/lab`, apikey: KEY, models: ['strict', 'loose'] },
      ruled: { baseurl: `${origin}/ruled`, apikey: KEY, models: ['ruled-model'] },
      metered: { baseurl: `${origin}/metered`, apikey: KEY, models: ['metered-model'] },
      claude: {
        ...vertex,
        apikey: account,
        models: ['claude-sonnet-4-6', 'gemini-2.5-flash'],
        vertex_location: 'us-east5',
      },
      broken: { ...vertex, apikey: keyfile(`${origin}/no-token`), models: ['claude-broken'] },
    },
    hooks: { tickets: ticketRule('fail_closed'), lax: ticketRule('fail_open') },
    quotas: { pot: { capacity: '$1.00', rate: '$1.00/day' } },
    grants: [
      ADMIN_GRANT,
      {
        src: ['(loopback)'],
        app: {
          'tailscale.com/cap/aperture': [
            { models: 'lab/strict', send_hooks: [RULE] },
            { models: 'lab/loose', send_hooks: [{ ...RULE, name: 'lax' }] },
            { models: 'ruled/**', send_hooks: [RULE] },
            { models: 'metered/**', quotas: [{ bucket: 'pot' }] },
            {
              direct_paths: [
                'claude/v1/jobs/**',
                'box/v1/jobs/**',
                'ruled/v1/jobs',
                'metered/v1/jobs',
                'metered/v2/**',
              ],
            },
          ],
        },
      },
    ],
  });
});
afterAll(async () => {
  await flow.close();
  provider.close();
});
beforeEach(() => {
  seen = [];
});

function ticketRule(fail_policy: string): unknown {
  const patterns = [{ name: 'ticket', pattern: 'TICKET-[0-9]{6}' }];
  return { fail_policy, builtin: { kind: 'regex', action: 'redact', sides: ['request', 'response'], patterns } };
}

const keyPair = generateKeyPairSync('rsa', { modulusLength: 2048 });

function keyfile(tokenUrl: string): string {
  const file = {
    type: 'service_account',
    project_id: 'proj-of-the-config',
    private_key: keyPair.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    client_email: 'gateway@proj.iam.gserviceaccount.com',
    token_uri: tokenUrl,
  };
  return `keyfile::${Buffer.from(JSON.stringify(file)).toString('base64')}`;
}

/** By the path's end; whatever is not known is told back. */
function answer(url: string, response: ServerResponse): void {
  const json = (status: number, body: string | Buffer): unknown =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  const known: [RegExp, () => unknown][] = [
    [/\/token$/, () => json(200, '{"access_token":"ya29.secret-of-the-test","expires_in":3600,"token_type":"Bearer"}')],
    [/\/no-token$/, () => json(400, '{"error":"invalid_grant","error_description":"secret-of-the-test"}')],
    [/\/moderations$/, () => json(200, fixture('openai-media/moderation-no-usage').response)],
    [/\/v1\/rerank$/, () => json(200, fixture('rerank/jina').response)],
    [/:streamRawPredict$/, () => sse(response, fixture('vertex-anthropic/stream-raw-predict').response)],
    [/models\/count-tokens:rawPredict$/, () => json(200, '{"input_tokens":7}')],
    [/:generateContent$/, () => json(200, fixture('gemini/generate-basic').response)],
    [/\/completions$/, () => json(200, COMPLETION)],
    [
      /\/stream$/,
      () => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: one\n\n');
        goOn = () => response.end('data: two\n\n');
      },
    ],
  ];
  const found = known.find(([end]) => end.test(url));
  if (found === undefined) json(201, JSON.stringify({ url }));
  else found[1]();
}

const COMPLETION = JSON.stringify({
  id: 'cmpl-1',
  object: 'text_completion',
  model: 'strict',
  choices: [{ text: 'see TICKET-654321', index: 0, logprobs: null, finish_reason: 'stop' }],
  usage: { prompt_tokens: 5, completion_tokens: 4, total_tokens: 9 },
});

function sse(response: ServerResponse, body: Buffer): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body);
}

interface Told {
  status: number;
  body: string;
}

async function post(
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Told & { tag: string }> {
  const tag = newTag();
  const response = await fetch(flow.gateway.url + path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': tag,
      authorization: 'Bearer of-the-client',
      ...headers,
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: await response.text(), tag };
}

const only = (): Seen => {
  expect(seen).toHaveLength(1);
  return seen[0] ?? { method: '', url: '', headers: {}, body: '' };
};

describe('moderations', () => {
  test('a request that names no model is judged, and sent, with the one that the API takes', async () => {
    const { status, body, tag } = await post('/v1/moderations', { input: 'hello' });
    expect([status, body]).toEqual([200, fixture('openai-media/moderation-no-usage').response.toString()]);
    expect(only()).toMatchObject({
      url: '/base/v1/moderations',
      body: '{"model":"omni-moderation-latest","input":"hello"}',
    });
    expect(only().headers.authorization).toBe(`Bearer ${KEY}`);
    expect(await flow.recordOf(tag)).toMatchObject({
      state: 'complete',
      api: 'openai_moderations',
      provider: 'box',
      model: 'omni-moderation-latest',
      usage: null,
      usage_state: 'absent',
      // No list has its price, and unknown is not zero.
      cost_nanodollars: null,
      edits: [{ kind: 'model_name', side: 'request' }],
    });
  });

  test('one that names a model which nobody has is refused', async () => {
    expect(await post('/v1/moderations', { model: 'none', input: 'hello' })).toMatchObject({ status: 404 });
    expect(seen).toEqual([]);
  });
});

test('reranking goes through as it is, and its tokens are booked', async () => {
  const asked = fixture('rerank/jina').request.body;
  const { status, body, tag } = await post('/v1/rerank', asked);
  expect([status, body]).toEqual([200, fixture('rerank/jina').response.toString()]);
  expect(only().body).toBe(JSON.stringify(asked));
  expect(await flow.recordOf(tag)).toMatchObject({
    state: 'complete',
    api: 'rerank',
    usage: { input_uncached: 38, output: 0 },
    usage_state: 'final',
    edits: [],
  });
});

describe('older completions with a rule', () => {
  test('what it is to take out leaves in neither direction', async () => {
    const { status, body, tag } = await post('/v1/completions', { model: 'strict', prompt: ['is TICKET-123456 open'] });
    expect(status).toBe(200);
    expect(body).not.toContain('TICKET-654321');
    expect(only().body).not.toContain('TICKET-123456');
    expect(await flow.recordOf(tag)).toMatchObject({
      api: 'openai_text_completions',
      usage: { input_uncached: 5, output: 4 },
    });
  });

  test.each([{ prompt: [1, 2, 3] }, { prompt: [[1], [2]] }, { prompt: ['a', [1]] }, { prompt_embeds: 'AAAA' }])(
    'a prompt that it cannot read is refused before it is sent: %j',
    async (prompt) => {
      const { status, body } = await post('/v1/completions', { model: 'strict', ...prompt });
      expect(status).toBe(400);
      expect(body).toContain('gateway_unguarded');
      expect(seen).toEqual([]);
    },
  );
});

test('a rule that lets pass what it cannot read says so', async () => {
  const { status, tag } = await post('/v1/completions', { model: 'loose', prompt: [1, 2, 3] });
  expect(status).toBe(200);
  const { id } = await flow.recordOf(tag);
  // Lists leave out what is long.
  const { verdicts } = (await flow.gateway.json(`/api/requests/${id}`)) as RecordRow;
  expect(verdicts.find(({ side }) => side === 'request')).toMatchObject({
    rule: 'lax',
    action: 'allow',
    error: 'a prompt of tokens was not read',
  });
});

describe('a direct path', () => {
  test('passes as it is, with the key of the provider that a grant names', async () => {
    const tag = newTag();
    const bytes = Buffer.from([0, 1, 0xff, 0x7b]);
    const response = await fetch(`${flow.gateway.url}/v1/jobs/%6A-1/a%3Ab?x=1&key=of-the-client&y=2`, {
      method: 'PUT',
      headers: {
        'user-agent': tag,
        'content-type': 'application/octet-stream',
        'content-encoding': 'br',
        authorization: 'Bearer of-the-client',
        'x-api-key': 'of-the-client',
        'x-aperture-provider': 'box',
      },
      body: bytes,
    });
    expect(response.status).toBe(201);
    const got = only();
    expect(got).toMatchObject({
      method: 'PUT',
      url: '/base/v1/jobs/j-1/a%3Ab?x=1&y=2',
      body: bytes.toString('latin1'),
    });
    expect(got.headers).toMatchObject({ authorization: `Bearer ${KEY}`, 'content-encoding': 'br' });
    expect(JSON.stringify(got.headers)).not.toMatch(/of-the-client|x-aperture/);
    const record = await flow.recordOf(tag);
    expect(record).toMatchObject({
      state: 'complete',
      status: 201,
      api: 'direct',
      method: 'PUT',
      provider: 'box',
      model: '',
      usage: null,
      usage_state: 'absent',
      cost_nanodollars: null,
      request_bytes: 4,
      grant_ids: ['grants[1]'],
    });
  });

  test('without a word of the caller goes to the first provider that a grant names', async () => {
    expect((await post('/v1/jobs', {})).status).toBe(201);
    expect(seen.map(({ url }) => url).filter((url) => url !== '/token')).toEqual(['/base/v1/jobs']);
  });

  test('streams as the provider does', async () => {
    const response = await fetch(`${flow.gateway.url}/v1/jobs/stream`, { headers: { 'x-aperture-provider': 'box' } });
    const reader = response.body?.getReader();
    const first = await reader?.read();
    expect(Buffer.from(first?.value ?? []).toString()).toBe('data: one\n\n');
    goOn();
    const second = await reader?.read();
    expect(Buffer.from(second?.value ?? []).toString()).toBe('data: two\n\n');
    expect((await reader?.read())?.done).toBe(true);
  });

  test.each([
    '/v1/job',
    '/v1/jobsx',
    '/v1/other',
    '/V1/jobs',
    '/v1/jobs/../other',
    '/v1/jobs/%2e%2e/other',
    '/v1/jobs/..%2fother',
    '/v1/jobs/%252e%252e/other',
    '/v1/jobs/..;/other',
    '/v1/jobs/.%2E/.%2e/token',
    '/v1//jobs',
    '//v1/jobs',
    '/v1/jobs;x',
    '/v1/jobs\\..\\other',
    '/v1/jobs/..%5cother',
    '/v1/jobs/x.',
    '/v1/jobs/x%3F/../y',
    '/v1/jobs/x%23y',
    '/v1/jobs/%C0%AE%C0%AE/other',
    '/v1/jobs/%EF%BC%8E%EF%BC%8E/other',
    '/v1/jobs%00',
    '/v1/jobs/chat/completions',
    '/v1/jobs/x/embeddings',
    '/v1/jobs/v1/files',
    '/v1/jobs/v1beta/models/m:generateContent',
  ])('opens nothing else, and nothing that grants give otherwise: %s', async (path) => {
    const { status, body } = await flow.raw(rawRequest(path, '{}', { 'x-aperture-provider': 'box' }));
    expect([400, 404]).toContain(status);
    expect(body).not.toContain('"url"');
    expect(seen).toEqual([]);
  });

  test('is open by its own provider alone, by plain methods, and to no other method in disguise', async () => {
    expect(await post('/v1/jobs', {}, { 'x-aperture-provider': 'openai' })).toMatchObject({ status: 404 });
    expect(await post('/v1/jobs', {}, { 'x-http-method-override': 'DELETE' })).toMatchObject({ status: 400 });
    const head = await fetch(`${flow.gateway.url}/v1/jobs`, { method: 'HEAD' });
    expect(head.status).toBe(404);
    expect(seen).toEqual([]);
  });

  test('is no socket', async () => {
    const { status } = await flow.raw(
      rawRequest('/v1/jobs', '', { upgrade: 'websocket', connection: 'upgrade' }, 'GET'),
      { enough: (text) => text.includes('\r\n\r\n') },
    );
    expect(status).toBeGreaterThanOrEqual(400);
    expect(seen).toEqual([]);
  });

  test('is closed to whom rules are attached, and starts nothing for whom a quota is', async () => {
    const ruled = await post('/v1/jobs', {}, { 'x-aperture-provider': 'ruled' });
    expect(ruled).toMatchObject({ status: 403 });
    expect(await flow.recordOf(ruled.tag)).toMatchObject({
      state: 'denied',
      api: 'direct',
      denied_by: 'gateway_forbidden',
    });
    expect(await post('/v1/jobs', {}, { 'x-aperture-provider': 'metered' })).toMatchObject({ status: 403 });
    expect(seen).toEqual([]);
    const looked = await fetch(`${flow.gateway.url}/v2/anything`);
    expect([looked.status, only().url]).toEqual([201, '/metered/v2/anything']);
  });
});

describe('Vertex', () => {
  const PATH = '/v1/projects/of-the-caller/locations/elsewhere/publishers';
  const OURS = '/v1/projects/proj-of-the-config/locations/us-east5/publishers';
  const token = 'Bearer ya29.secret-of-the-test';

  test('Claude: the bytes, the usage, and a place and a token that are the config’s', async () => {
    const { request, response, expected } = fixture('vertex-anthropic/stream-raw-predict');
    const answers = await Promise.all(
      [1, 2, 3].map(() => post(`${PATH}/anthropic/models/claude-sonnet-4-6:streamRawPredict`, request.body)),
    );
    for (const { status, body } of answers) expect([status, body]).toEqual([200, response.toString()]);
    const asked = seen.filter(({ url }) => url !== '/token');
    expect(asked.map(({ url }) => url)).toEqual(
      Array(3).fill(`${OURS}/anthropic/models/claude-sonnet-4-6:streamRawPredict`),
    );
    for (const { headers, body } of asked) {
      expect([headers.authorization, body]).toEqual([token, JSON.stringify(request.body)]);
    }
    // One for all, unless a test before has one.
    expect(seen.length - asked.length).toBeLessThanOrEqual(1);
    const record = await flow.recordOf(answers[0]?.tag ?? '');
    expect(record).toMatchObject({
      state: 'complete',
      api: 'google_raw_predict',
      provider: 'claude',
      model: 'claude-sonnet-4-6',
      stream: true,
      usage: expected.usage,
      usage_state: 'final',
      // $3, cached $0.30, output $15 a million: 8, 3072 and 6 tokens.
      cost_nanodollars: String(8 * 3000 + 3072 * 300 + 6 * 15_000),
      cost_basis: 'vertex/claude-sonnet-4-6',
      key_id: expect.stringMatching(/^key_[0-9a-f]{8}$/),
    });
    expect(JSON.stringify(record)).not.toContain('secret-of-the-test');
  });

  test('Gemini, a count, and a name with its provider', async () => {
    const { response, request } = fixture('gemini/generate-basic');
    const one = await post(`${PATH}/google/models/claude/gemini-2.5-flash:generateContent`, request.body);
    expect([one.status, one.body]).toEqual([200, response.toString()]);
    const two = await post(`${PATH}/anthropic/models/count-tokens:rawPredict`, {
      model: 'claude-sonnet-4-6',
      messages: [],
    });
    expect([two.status, two.body]).toEqual([200, '{"input_tokens":7}']);
    expect(seen.map(({ url }) => url).filter((url) => url !== '/token')).toEqual([
      `${OURS}/google/models/gemini-2.5-flash:generateContent`,
      `${OURS}/anthropic/models/count-tokens:rawPredict`,
    ]);
    expect(await flow.recordOf(one.tag)).toMatchObject({ api: 'google_generate_content', usage_state: 'final' });
    expect(await flow.recordOf(two.tag)).toMatchObject({ api: 'google_raw_count_tokens', usage: null });
  });

  test("Google's own SDK, as it asks in express mode", async () => {
    const client = new GoogleGenAI({
      vertexai: true,
      apiKey: 'of-the-client',
      httpOptions: { baseUrl: flow.gateway.url },
    });
    const told = await client.models.generateContent({ model: 'gemini-2.5-flash', contents: 'hello' });
    expect(told.text).toBe(fixture('gemini/generate-basic').expected.text);
    const asked = seen.filter(({ url }) => url !== '/token');
    expect(asked.map(({ url }) => url.replace('/v1beta1/', '/v1/'))).toEqual([
      `${OURS}/google/models/gemini-2.5-flash:generateContent`,
    ]);
    expect(asked[0]?.headers).toMatchObject({ authorization: token });
    expect(asked[0]?.headers).not.toHaveProperty('x-goog-api-key');
  });

  test('without a token nothing is sent, and the answer says why in words of ours', async () => {
    const told = await post(`${PATH}/anthropic/models/claude-broken:rawPredict`, { max_tokens: 1, messages: [] });
    expect(told.status).toBeGreaterThanOrEqual(500);
    expect(told.body).toContain('invalid_grant');
    expect(told.body).not.toContain('secret-of-the-test');
    expect(seen.every(({ url }) => url === '/no-token')).toBe(true);
    expect(await flow.recordOf(told.tag)).toMatchObject({ state: 'denied', provider: 'broken' });
  });
});

test('nothing is left of any of them', async () => {
  await flow.quiescent();
  expect(flow.gateway.output()).not.toMatch(/secret-of-the-test|PRIVATE KEY/);
});
