import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchEndpoint } from '../../src/protocols/registry.ts';
import { isPlainPath, upstreamUrl } from '../../src/proxy/url.ts';

test.each([
  ['https://api.openai.com', '/v1/chat/completions', '', 'https://api.openai.com', '/v1/chat/completions'],
  ['https://api.openai.com/', '/v1/chat/completions', '', 'https://api.openai.com', '/v1/chat/completions'],
  ['https://openrouter.ai/api', '/v1/chat/completions', '', 'https://openrouter.ai', '/api/v1/chat/completions'],
  // Doubled versions collapse.
  ['http://host:8080/v1', '/v1/chat/completions', '', 'http://host:8080', '/v1/chat/completions'],
  ['https://x.example/openai/v1', '/v1/responses', '', 'https://x.example', '/openai/v1/responses'],
  [
    'https://x.example/v1beta',
    '/v1beta/models/m:generateContent',
    'alt=sse',
    'https://x.example',
    '/v1beta/models/m:generateContent?alt=sse',
  ],
  ['https://x.example/v1', '/v1', '', 'https://x.example', '/v1'],
  // Others do not.
  ['https://x.example/v1', '/v1beta/models', '', 'https://x.example', '/v1/v1beta/models'],
  ['https://x.example/v1', '/v10/chat', '', 'https://x.example', '/v1/v10/chat'],
  ['https://x.example/v1', '/chat/completions', '', 'https://x.example', '/v1/chat/completions'],
  ['https://x.example/model', '/model/m/invoke', '', 'https://x.example', '/model/model/m/invoke'],
  [
    'https://z.example/api/coding/paas/v4',
    '/chat/completions',
    '',
    'https://z.example',
    '/api/coding/paas/v4/chat/completions',
  ],
  ['http://[fd7a::1]:8000', '/v1/models', 'limit=1', 'http://[fd7a::1]:8000', '/v1/models?limit=1'],
])('%s with %s?%s', (base, path, query, origin, expected) => {
  expect(upstreamUrl(base, path, query)).toMatchObject({ origin, path: expected });
});

test('the host has the port where it is not the usual one', () => {
  expect(upstreamUrl('https://a.example:443', '/v1', '').host).toBe('a.example');
  expect(upstreamUrl('https://a.example:8443', '/v1', '').host).toBe('a.example:8443');
});

test('a model in the path keeps its encoding', () => {
  const path = '/bedrock/model/us.anthropic.claude-sonnet-4-6%3A0/invoke';
  expect(upstreamUrl('https://a.example', path, '').path).toBe(path);
  expect(isPlainPath('/v1beta/models/org%2Fname..v2:generateContent')).toBe(true);
  expect(isPlainPath('/v1/models/...')).toBe(true);
});

test.each([
  '',
  'v1/chat',
  '//evil.example/v1',
  '/v1/../admin',
  '/v1/..',
  '/..',
  '/.',
  '/v1/./chat',
  '/v1/%2e%2e/admin',
  '/v1/%2E./x',
  '/v1/.%2e',
  '/v1/%252e%252e/x',
  '/v1/%25252e./x',
  '/v1\\..\\x',
  '/v1\\x',
  '/v1/..%2fadmin',
  '/v1%2f..%2fadmin',
  '/v1%252f%252e%252e/x',
  '/v1/..%5cadmin',
  '/v1/..;/admin',
  '/v1/..;a=b/admin',
  '/v1/..%3b/admin',
  '/v1?x=1',
  '/v1#x',
  '/v1 /x',
  '/v1/\r\nhost: x',
])('the path %j is not sent on', (path) => {
  expect(isPlainPath(path)).toBe(false);
  expect(() => upstreamUrl('https://a.example/tenant', path, '')).toThrow('judged at the door');
});

test('a path beyond ASCII is encoded, and names no dots', () => {
  const path = (given: string) => upstreamUrl('https://a.example/t', given, '').path;
  expect(path('/v1/é')).toBe('/t/v1/%C3%A9');
  expect(path('/v1/\u2024\u2024/x')).toBe('/t/v1/%E2%80%A4%E2%80%A4/x');
  expect(path('/v1/\0\x7f')).toBe('/t/v1/%00%7F');
});

test('a query that is no query line is encoded, any other is sent as it is', () => {
  const path = (query: string) => upstreamUrl('https://a.example', '/v1', query).path;
  expect(path('a=%zz&b=[1]&&c="x"')).toBe('/v1?a=%zz&b=[1]&&c="x"');
  expect(path('a=b c#d\r\nx: é€')).toBe('/v1?a=b%20c%23d%0D%0Ax:%20%C3%A9%E2%82%AC');
  expect(path('a=\ud800')).toBe('/v1?a=%EF%BF%BD');
});

test('whatever the path and query, the origin and the base path stay', () => {
  const piece = fc.constantFrom(
    '/',
    '.',
    '..',
    '%2e',
    '%2E',
    '%25',
    '2e',
    '%2f',
    '%5c',
    '\\',
    ';',
    '@',
    ':',
    '//',
    'evil.example',
    'v1',
    'a',
    '?',
    '#',
    '%',
    '~',
  );
  const path = fc.oneof(
    fc.string({ unit: 'binary-ascii' }),
    fc.array(piece, { maxLength: 10 }).map((p) => `/${p.join('')}`),
  );
  const bases = fc.constantFrom('https://a.example', 'https://a.example/tenant/x', 'http://a.example:8080/v1');
  let sent = 0;
  fc.assert(
    fc.property(bases, path, fc.string(), (base, given, query) => {
      if (!isPlainPath(given)) return;
      sent += 1;
      const target = upstreamUrl(base, given, query);
      const from = new URL(base);
      expect(target.origin).toBe(from.origin);
      // What any URL parser makes of the request line: same origin, below the base path, also when decoded once or twice.
      let seen = target.path;
      for (let times = 0; times < 3; times += 1) {
        const resolved = new URL(target.origin + seen.replaceAll('\\', '/'));
        expect(resolved.origin).toBe(from.origin);
        expect(resolved.pathname.startsWith(from.pathname.replace(/\/$/, ''))).toBe(true);
        seen = seen.replace(/%([2-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
      }
      expect(target.path).toMatch(/^[!-~]+$/);
    }),
    { numRuns: 5_000 },
  );
  expect(sent).toBeGreaterThan(500);
});

test('every path that is taken for an exchange can be sent on', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.constantFrom('/', '.', '..', '%2e', '%25', '%2f', '%5c', '\\', ';', '//', '%3A', ':', 'é', '%', '?'),
  );
  const model = fc.array(piece, { minLength: 1, maxLength: 6 }).map((p) => p.join(''));
  let taken = 0;
  fc.assert(
    fc.property(fc.constantFrom('/v1beta/models/', '/v1/models/', '/v1beta/tunedModels/'), model, (prefix, name) => {
      const path = `${prefix}${name}:generateContent`;
      const endpoint = matchEndpoint('POST', path, '', () => undefined);
      if (endpoint.kind !== 'exchange') return;
      taken += 1;
      expect(upstreamUrl('https://a.example/t', endpoint.upstreamPath, '').path).toMatch(/^\/t\/v1(?:beta)?\/[!-~]+$/);
    }),
    { numRuns: 5_000 },
  );
  expect(taken).toBeGreaterThan(500);
});
