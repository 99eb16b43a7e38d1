import { createServer } from 'node:http';
import * as fc from 'fast-check';
import { request } from 'undici';
import { expect, test } from 'vitest';
import { answerTo } from '../../src/contract/fault.ts';
import { providerId } from '../../src/contract/ids.ts';
import { createIdentifier } from '../../src/identity/identify.ts';
import { createKeys } from '../../src/keys/provider-key.ts';
import { clientResponseHeaders, redactHeaders, upstreamHeaders, upstreamQuery } from '../../src/proxy/headers.ts';
import type { UpstreamAuthorization } from '../../src/proxy/headers.ts';

const KEY: UpstreamAuthorization = { headers: [['authorization', 'Bearer ours']], fromClient: false };
const NO_KEY: UpstreamAuthorization = { headers: [], fromClient: false };

type Input = Parameters<typeof upstreamHeaders>[0];

function sent(clientHeaders: [string, string][], more: Partial<Input> = {}): [string, string][] {
  const flat = upstreamHeaders({
    clientHeaders,
    host: 'api.example.com',
    auth: NO_KEY,
    addHeaders: [],
    dialect: 'openai',
    bodyBytes: 0,
    ...more,
  });
  expect(flat.length % 2).toBe(0);
  return Array.from({ length: flat.length / 2 }, (_, at) => [flat[2 * at] ?? '', flat[2 * at + 1] ?? '']);
}

const HOST: [string, string] = ['host', 'api.example.com'];

/** wire-formats.md, section 13: the column "strip from the client", and what stands around it in the text. */
const STRIPPED = [
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'cookie',
  'proxy-authorization',
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'proxy-connection',
  'openai-organization',
  'openai-project',
  'sec-websocket-protocol',
  'anthropic-workspace-id',
  'x-goog-user-project',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-content-sha256',
  'amz-sdk-invocation-id',
  'amz-sdk-request',
  'tailscale-user-login',
  'tailscale-user-name',
  'tailscale-app-capabilities',
  'tailscale-headers-info',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-prefix',
  'forwarded',
  'x-real-ip',
  'via',
  'expect',
  'content-length',
];

/** The column "pass unchanged". */
const PASSED = [
  'content-type',
  'accept',
  'user-agent',
  'traceparent',
  'tracestate',
  'baggage',
  'x-anything-unknown',
  'openai-beta',
  'idempotency-key',
  'x-client-request-id',
  'session-id',
  'thread-id',
  'x-codex-turn-state',
  'x-codex-window-id',
  'originator',
  'version',
  'x-stainless-lang',
  'anthropic-version',
  'anthropic-beta',
  'anthropic-dangerous-direct-browser-access',
  'x-app',
  'x-goog-api-client',
  'x-goog-request-params',
  'x-server-timeout',
  'x-amzn-bedrock-trace',
  'x-ms-region',
  'content-encoding',
  'accept-encoding',
];

test.each(STRIPPED)('the client header %s does not reach a provider', (name) => {
  expect(sent([[name, 'canary']])).toEqual([HOST]);
  expect(sent([[name.toUpperCase(), 'canary']])).toEqual([HOST]);
});

test.each(PASSED)('the client header %s reaches the provider unchanged', (name) => {
  expect(sent([[name, 'a, B ;c="d"']])).toEqual([HOST, [name, 'a, B ;c="d"']]);
});

test('headers keep their order, and repeated ones stay repeated', () => {
  const headers: [string, string][] = [
    ['x-b', '1'],
    ['x-a', '2'],
    ['x-b', '3'],
  ];
  expect(sent(headers)).toEqual([HOST, ...headers]);
});

test("headers that the client's connection header names are of its connection only", () => {
  expect(
    sent([
      ['connection', 'keep-alive, X-Private'],
      ['x-private', '1'],
      ['x-kept', '2'],
    ]),
  ).toEqual([HOST, ['x-kept', '2']]);
});

test('the credential comes last and alone, whatever else would set it', () => {
  const flat = sent([['authorization', 'Bearer client']], {
    auth: KEY,
    addHeaders: [['authorization', 'Bearer added']],
  });
  expect(flat).toEqual([HOST, ['authorization', 'Bearer ours']]);
});

test("an operator's header replaces the client's of that name, and adds to lists of beta features", () => {
  const addHeaders: [string, string][] = [
    ['x-team', 'research'],
    ['anthropic-beta', 'ours'],
    ['anthropic-version', '2024-01-01'],
  ];
  const client: [string, string][] = [
    ['x-team', 'spoofed'],
    ['anthropic-beta', 'theirs,oauth-2025-04-20'],
  ];
  expect(sent(client, { addHeaders, dialect: 'anthropic' })).toEqual([
    HOST,
    ['anthropic-beta', 'theirs,oauth-2025-04-20'],
    ...addHeaders,
  ]);
});

test("an operator's header cannot change framing or target", () => {
  const addHeaders: [string, string][] = [
    ['host', 'evil'],
    ['content-length', '0'],
    ['transfer-encoding', 'chunked'],
    ['connection', 'close'],
  ];
  expect(sent([], { addHeaders })).toEqual([HOST]);
});

test('failure mode 24: anthropic-beta passes verbatim, unknown values too', () => {
  const beta = 'claude-code-20250219,interleaved-thinking-2025-05-14,not-invented-yet-2027-01-01';
  expect(sent([['anthropic-beta', beta]], { dialect: 'anthropic' })).toContainEqual(['anthropic-beta', beta]);
  expect(upstreamQuery('beta=true')).toBe('beta=true');
});

test('anthropic-version is added for Anthropic only, and only where it is missing', () => {
  expect(sent([], { dialect: 'anthropic' })).toEqual([HOST, ['anthropic-version', '2023-06-01']]);
  expect(sent([['anthropic-version', '2023-01-01']], { dialect: 'anthropic' })).toEqual([
    HOST,
    ['anthropic-version', '2023-01-01'],
  ]);
  expect(sent([], { dialect: 'openai' })).toEqual([HOST]);
});

test("with the client's own credential its account headers go along, and no other credential", () => {
  const auth: UpstreamAuthorization = { headers: [['authorization', 'Bearer client']], fromClient: true };
  const client: [string, string][] = [
    ['authorization', 'Bearer client'],
    ['x-goog-api-key', 'other'],
    ['cookie', 'session=1'],
    ['openai-organization', 'org-1'],
    ['chatgpt-account-id', 'acc-1'],
  ];
  expect(sent(client, { auth })).toEqual([
    HOST,
    ['openai-organization', 'org-1'],
    ['chatgpt-account-id', 'acc-1'],
    ['authorization', 'Bearer client'],
  ]);
});

test('identity is asked for instead of what the client accepts', () => {
  expect(sent([['accept-encoding', 'gzip, br']], { acceptEncoding: 'identity' })).toEqual([
    HOST,
    ['accept-encoding', 'identity'],
  ]);
});

test("an operator's accept-encoding does not stand beside ours", () => {
  expect(sent([], { acceptEncoding: 'identity', addHeaders: [['accept-encoding', 'gzip']] })).toEqual([
    HOST,
    ['accept-encoding', 'identity'],
  ]);
});

test('the length is that of the body we send', () => {
  expect(sent([['content-length', '99']], { bodyBytes: 5 })).toEqual([HOST, ['content-length', '5']]);
});

test.each(['a\r\nx: y', 'a\ny', 'a\ry', 'a\0b', 'a\x7fb', '\x01'])(
  'a value with the control characters of %j never passes',
  (value) => {
    expect(
      sent([['x-a', value]], { addHeaders: [['x-b', value]], auth: { headers: [['x-c', value]], fromClient: false } }),
    ).toEqual([HOST]);
    expect(clientResponseHeaders([['x-a', value]])).toEqual([]);
  },
);

test('no header that goes out could split a message, whatever comes in', () => {
  const text = fc.string({ unit: 'binary', maxLength: 12 });
  const headers = fc.array(fc.tuple(fc.oneof(text, fc.constantFrom('connection', 'x-a', 'anthropic-beta')), text), {
    maxLength: 8,
  });
  fc.assert(
    fc.property(headers, headers, (client, added) => {
      for (const [name, value] of sent(client, { addHeaders: added, auth: KEY })) {
        expect(name).toMatch(/^[!#$%&'*+.^_`|~0-9a-z-]+$/);
        expect(value).toMatch(/^[\t\x20-\x7e\x80-\xff]*$/);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('values beyond ASCII arrive at a provider as the bytes they came as', async () => {
  const received: string[] = [];
  const server = createServer((incoming, response) => {
    received.push(...incoming.rawHeaders);
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const headers = upstreamHeaders({
    clientHeaders: [
      ['x-name', 'Zoë €'],
      ['expect', '100-continue'],
      ['upgrade', 'h2c'],
    ],
    host: `127.0.0.1:${port}`,
    auth: KEY,
    addHeaders: [],
    dialect: 'openai',
    bodyBytes: 2,
  });
  await request(`http://127.0.0.1:${port}/`, { method: 'POST', headers, body: '{}' });
  server.close();
  const value = received[received.indexOf('x-name') + 1] ?? '';
  expect(Buffer.from(value, 'latin1').toString('utf8')).toBe('Zoë €');
  expect(received).toContain('Bearer ours');
});

test("a provider's headers reach the client, without those of the connection and cookies", () => {
  const kept: [string, string][] = [
    ['content-type', 'text/event-stream'],
    ['content-encoding', 'br'],
    ['x-request-id', 'req_1'],
    ['request-id', 'req_2'],
    ['x-codex-turn-state', 'abc'],
    ['retry-after', '3'],
    ['x-ratelimit-remaining-tokens', '7'],
  ];
  const dropped: [string, string][] = [
    ['connection', 'keep-alive, X-Hop'],
    ['keep-alive', 'timeout=5'],
    ['x-hop', '1'],
    ['transfer-encoding', 'chunked'],
    ['content-length', '12'],
    ['set-cookie', '__cf_bm=1'],
    ['trailer', 'x'],
    ['upgrade', 'h2'],
  ];
  expect(clientResponseHeaders([...dropped, ...kept])).toEqual(kept);
});

test.each([
  ['key=SECRET', ''],
  ['alt=sse&key=SECRET', 'alt=sse'],
  ['key=SECRET&alt=sse', 'alt=sse'],
  ['a=1&access_token=SECRET&b=%2f+%zz&&c', 'a=1&b=%2f+%zz&&c'],
  ['%6bey=SECRET&x=1', 'x=1'],
  ['KEY=SECRET', ''],
  ['key', ''],
  ['keys=1&monkey=2&x=key=3', 'keys=1&monkey=2&x=key=3'],
  ['X-Amz-Signature=SECRET&X-Amz-Credential=SECRET&q=1', 'q=1'],
  ['%zz%6bey=1&access%5Ftoken=SECRET', '%zz%6bey=1'],
  ['', ''],
])('the query %s is sent as %s', (query, expected) => {
  expect(upstreamQuery(query)).toBe(expected);
});

test('a query without credentials is sent byte for byte', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary-ascii' }), (query) => {
      fc.pre(!/key|token|amz|%/i.test(query));
      expect(upstreamQuery(query)).toBe(query);
    }),
  );
});

test('redaction keeps what support needs', () => {
  const plain: [string, string][] = [
    ['user-agent', 'claude-cli/2.1 (external, cli)'],
    ['idempotency-key', 'stainless-node-retry-1'],
    ['x-claude-code-session-id', '0f0f0f0f-0000-4000-8000-000000000001'],
    ['anthropic-ratelimit-tokens-remaining', '12'],
    ['x-amzn-bedrock-input-token-count', '7'],
    ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
    ['anthropic-beta', 'oauth-2025-04-20'],
    ['content-type', 'application/json'],
  ];
  expect(redactHeaders(plain)).toEqual(plain);
});

const CANARY = 'canary-9d41c7';

test('failure mode 35: a secret in any credential header, or of any known form in any header, is not shown', () => {
  const names = [
    'authorization',
    'Authorization',
    'proxy-authorization',
    'x-api-key',
    'api-key',
    'x-goog-api-key',
    'cookie',
    'set-cookie',
    'sec-websocket-protocol',
    'x-amz-security-token',
    'cf-aig-authorization',
    'x-auth-token',
    'x-my-secret',
    'x-client-secret-2',
    'x-password',
    'x-some-token',
    'x-other-key',
    'x-session-cookie',
    'x-jwt',
    'x-goog-upload-url',
    'cf-access-client-secret',
    'x-hub-signature',
    'x-vault-token',
    'private-token',
    'token',
    'key',
  ];
  const planted: [string, string][] = names.map((name) => [name, CANARY]);
  const forms = [
    `Bearer ${CANARY}`,
    `Basic ${Buffer.from(CANARY).toString('base64')}${CANARY}`,
    `sk-ant-${CANARY}`,
    `sk-proj-${CANARY}`,
    `AIzaSyA1234567${CANARY}`,
    `tskey-${CANARY}`,
    `ghp_0123456789${CANARY}`,
    `eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.${CANARY}`,
    `AKIA0123456789${CANARY}`,
    `AWS4-HMAC-SHA256 Credential=${CANARY}`,
    `https://x/?q=sk-0123456789${CANARY}`,
  ];
  for (const name of ['x-note', 'user-agent', 'referer', 'x-stainless-lang']) {
    for (const form of forms) planted.push([name, form]);
  }
  const shown = redactHeaders(planted);
  expect(shown.map(([name]) => name)).toEqual(planted.map(([name]) => name));
  expect(JSON.stringify(shown)).not.toContain(CANARY);
});

test('failure mode 35: a secret in the query is not shown, and not sent on where it is a credential', () => {
  expect(upstreamQuery(`key=${CANARY}&access_token=${CANARY}&oauth_token=${CANARY}&alt=sse`)).toBe('alt=sse');
});

test('failure mode 36: no fault of ours repeats a secret', () => {
  const id = providerId('p');
  const faults = [
    createKeys(
      new Map([[id, { apikey: `${CANARY}\r\n${CANARY}`, authorization: 'bearer', authMode: 'override' }]]),
    ).authorize({ id }, []),
    createKeys(new Map()).authorize({ id }, [['authorization', `Bearer ${CANARY}`]]),
    createIdentifier({ listener: { sources: ['token'], trustedProxies: [] } }).identify({
      remoteAddress: '127.0.0.1',
      headers: [
        ['authorization', `Bearer ${CANARY}`],
        ['tailscale-user-login', CANARY],
      ],
    }),
  ];
  for (const answer of faults) {
    if (answer instanceof Promise || answer.ok) throw new Error('it should have failed');
    expect(JSON.stringify([answer.fault, answerTo(answer.fault)])).not.toContain(CANARY);
  }
});

test('building the headers of a usual request takes microseconds', () => {
  const client: [string, string][] = [...PASSED, ...STRIPPED]
    .slice(0, 25)
    .map((name) => [name, 'a usual value of a header']);
  const input: Input = {
    clientHeaders: client,
    host: 'api.example.com',
    auth: KEY,
    addHeaders: [],
    dialect: 'anthropic',
    bodyBytes: 9,
  };
  for (let warm = 0; warm < 20_000; warm += 1) upstreamHeaders(input);
  const before = process.cpuUsage();
  for (let round = 0; round < 20_000; round += 1) upstreamHeaders(input);
  const { user, system } = process.cpuUsage(before);
  const each = (user + system) / 20_000;
  console.log(`upstreamHeaders, 25 headers: ${each.toFixed(2)} µs`);
  expect(each).toBeLessThan(50);
});
