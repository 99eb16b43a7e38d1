import fc from 'fast-check';
import { expect, test } from 'vitest';
import { coversLoopback, isAddressRange, readAddress } from '../../config/address.ts';
import { loadConfig } from '../../config/load.ts';
import { serverOf } from '../../config/slices.ts';

function listenersOf(server: string, listen?: string) {
  const text = `{ "server": { ${server} } }`;
  const loaded = loadConfig({ text, file: 'test.hujson', env: {}, listen });
  if (!loaded.ok) return loaded.fault.filter(({ severity }) => severity === 'error');
  return serverOf(loaded.value.config).listeners.map(({ address, identity, trustedProxies }) => {
    return [address.text, identity, trustedProxies];
  });
}

const refusal = (path: string, message: string): unknown[] => [
  expect.objectContaining({ path, message, severity: 'error' }),
];

test.each([
  ['127.0.0.1:8080', { kind: 'tcp', host: '127.0.0.1', port: 8080, loopback: true }],
  ['127.9.0.1:0', { kind: 'tcp', host: '127.9.0.1', port: 0, loopback: true }],
  ['[::1]:8080', { kind: 'tcp', host: '::1', port: 8080, loopback: true }],
  ['localhost:1', { kind: 'tcp', host: 'localhost', port: 1, loopback: true }],
  [':8080', { kind: 'tcp', host: '::', port: 8080, loopback: false }],
  ['0.0.0.0:80', { kind: 'tcp', host: '0.0.0.0', port: 80, loopback: false }],
  ['127.0.0.1.example.com:80', { kind: 'tcp', host: '127.0.0.1.example.com', port: 80, loopback: false }],
  ['tailscale:80', { kind: 'tailscale', port: 80 }],
])('%s is an address', (text, address) => {
  expect(readAddress(text)).toEqual({ ok: true, value: { text, ...address } });
});

test.each(['', '8080', '127.0.0.1', '127.0.0.1:', 'a:70000', 'a:b', '::1:80', 'http://a:80', 'a b:80', '[x]:80'])(
  '"%s" is no address',
  (text) => {
    expect(readAddress(text).ok).toBe(false);
  },
);

test.each(['127.0.0.1', '127.0.0.0/8', '127.3.0.0/16', '0.0.0.0/0', '::1', '::/0', '::ffff:127.0.0.1', '64.0.0.0/2'])(
  'the range %s has a loopback address in it',
  (range) => {
    expect(isAddressRange(range)).toBe(true);
    expect(coversLoopback(range)).toBe(true);
  },
);

test.each(['10.0.0.0/8', '192.168.1.1', '128.0.0.0/1', 'fd00::/8', '::2', '::ffff:10.0.0.1'])(
  'the range %s has none',
  (range) => {
    expect(isAddressRange(range)).toBe(true);
    expect(coversLoopback(range)).toBe(false);
  },
);

test('ranges are judged without an exception, whatever they say', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.ipV4(),
        fc.ipV6(),
        fc.tuple(fc.ipV6(), fc.nat(200)).map((it) => it.join('/')),
      ),
      (text) => {
        if (isAddressRange(text)) coversLoopback(text);
      },
    ),
  );
});

test('identity is loopback on loopback addresses and tailscale on the tailnet', () => {
  expect(
    listenersOf('"listen": [{ "address": "127.0.0.1:1" }, { "address": "[::1]:1" }, { "address": "tailscale:80" }]'),
  ).toEqual([
    ['127.0.0.1:1', ['loopback'], []],
    ['[::1]:1', ['loopback'], []],
    ['tailscale:80', ['tailscale'], []],
  ]);
});

test('any other address says how callers are known, or the gateway does not start', () => {
  expect(listenersOf('"listen": [{ "address": "0.0.0.0:80" }]')).toEqual(
    refusal(
      'server.listen[0].identity',
      '"0.0.0.0:80" is not a loopback address, so it must say how callers are known',
    ),
  );
  expect(listenersOf('"listen": [{ "address": "0.0.0.0:80", "identity": ["token"] }]')).toEqual([
    ['0.0.0.0:80', ['token'], []],
  ]);
});

test('trusted proxies are handed to the listeners that ask them for identities', () => {
  const listen = '{ "address": "10.0.0.1:80", "identity": ["proxy_headers"] }, { "address": "127.0.0.1:1" }';
  expect(listenersOf(`"trusted_proxies": ["10.0.0.2"], "listen": [${listen}]`)).toEqual([
    ['10.0.0.1:80', ['proxy_headers'], ['10.0.0.2']],
    ['127.0.0.1:1', ['loopback'], []],
  ]);
});

test('proxy_headers without a trusted proxy lets nobody in, and is an error', () => {
  expect(listenersOf('"listen": [{ "address": "127.0.0.1:1", "identity": ["proxy_headers"] }]')).toEqual(
    refusal('server.listen[0].identity', 'proxy_headers needs server.trusted_proxies: no request could ever be let in'),
  );
});

test('whoever comes through a proxy on this machine cannot pass for (loopback)', () => {
  expect(listenersOf('"trusted_proxies": ["127.0.0.1"]')).toEqual(
    refusal('server.listen[0].identity', 'loopback identity cannot stand beside a trusted proxy on a loopback address'),
  );
  const both = '"listen": [{ "address": "127.0.0.1:1", "identity": ["loopback", "proxy_headers"] }]';
  expect(listenersOf(`"trusted_proxies": ["10.0.0.1"], ${both}`)).toEqual(
    refusal('server.listen[0].identity', 'loopback identity cannot stand beside proxy_headers on the same listener'),
  );
});

test('an address is listed once', () => {
  const twice = '"listen": [{ "address": "127.0.0.1:1" }], "listen_h2c": [{ "address": "127.0.0.1:1" }]';
  expect(listenersOf(twice)).toEqual(refusal('server.listen_h2c[0].address', '"127.0.0.1:1" is listed twice'));
});

test('HTTP/2 in the clear has no certificate', () => {
  const h2c = '"listen_h2c": [{ "address": "127.0.0.1:1", "tls": { "cert_file": "c", "key_file": "k" } }]';
  expect(listenersOf(h2c)).toEqual(refusal('server.listen_h2c[0].tls', 'HTTP/2 in the clear has no certificate'));
});

test('APERTURE_LISTEN replaces the addresses and keeps how callers are known', () => {
  expect(listenersOf('', '127.0.0.1:9')).toEqual([['127.0.0.1:9', ['loopback'], []]]);
  const behindProxy =
    '"trusted_proxies": ["10.0.0.2"], "listen": [{ "address": "10.0.0.1:80", "identity": ["proxy_headers"] }]';
  expect(listenersOf(behindProxy, '127.0.0.1:9')).toEqual([['127.0.0.1:9', ['proxy_headers'], ['10.0.0.2']]]);
  expect(listenersOf('', '0.0.0.0:9')).toEqual([
    {
      severity: 'error',
      path: 'APERTURE_LISTEN',
      line: 0,
      column: 0,
      message: '"0.0.0.0:9" is not a loopback address, so it must say how callers are known',
      advisory: false,
    },
  ]);
  expect(listenersOf('', 'nine')).toEqual([expect.objectContaining({ path: 'APERTURE_LISTEN', severity: 'error' })]);
});
