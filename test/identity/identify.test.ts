import { expect, test } from 'vitest';
import type { IdentitySource } from '../../src/contract/caller.ts';
import { createIdentifier } from '../../src/identity/identify.ts';
import { decodeEncodedWords } from '../../src/identity/rfc2047.ts';
import type { Whois } from '../../src/identity/whois-cache.ts';
import { canonicalIp, ipRanges } from '../../src/lib/ip.ts';

const noHeaders: [string, string][] = [];

function listener(sources: IdentitySource[], trustedProxies: string[] = [], whois?: Whois) {
  return createIdentifier({ listener: { sources, trustedProxies }, whois });
}

function whoisThatKnows(asked: string[]): Whois {
  return {
    lookups: 0,
    failures: 0,
    underWay: 0,
    of(address) {
      asked.push(address);
      return { ok: false, fault: { code: 'no_identity', why: 'test' } };
    },
  };
}

test.each([
  '127.0.0.1',
  '127.8.9.10',
  '::1',
  '0000:0000:0000:0000:0000:0000:0000:0001',
  '::ffff:127.0.0.1',
  '0:0:0:0:0:ffff:7f00:1',
])('the machine itself, as %s, is (loopback)', (remoteAddress) => {
  expect(listener(['loopback']).identify({ remoteAddress, headers: noHeaders })).toMatchObject({
    ok: true,
    value: { login: '(loopback)', source: 'loopback', nodeId: '' },
  });
});

test.each(['128.0.0.1', '::2', '10.0.0.1', '169.254.1.1', 'fe80::1%eth0', '', 'localhost', '127.0.0.1, 1.2.3.4'])(
  'another address, as %s, is not the machine itself',
  (remoteAddress) => {
    expect(
      listener(['loopback', 'proxy_headers', 'tailscale']).identify({ remoteAddress, headers: noHeaders }),
    ).toMatchObject({
      ok: false,
      fault: { code: 'no_identity' },
    });
  },
);

test('identity headers from an address that is no listed proxy mean nothing', () => {
  const headers: [string, string][] = [
    ['tailscale-user-login', 'root@example.com'],
    ['x-forwarded-user', 'root@example.com'],
  ];
  expect(listener(['loopback', 'proxy_headers']).identify({ remoteAddress: '127.0.0.1', headers })).toMatchObject({
    ok: true,
    value: { login: '(loopback)' },
  });
  expect(listener(['proxy_headers'], ['10.0.0.0/8']).identify({ remoteAddress: '11.0.0.1', headers })).toMatchObject({
    ok: false,
  });
});

test.each(['x-forwarded-for', 'forwarded', 'x-real-ip'])(
  'what an unlisted proxy on this machine forwarded, as %s says, is not the machine itself',
  (name) => {
    const headers: [string, string][] = [
      ['tailscale-user-login', 'root@example.com'],
      [name, '127.0.0.1'],
    ];
    expect(listener(['loopback']).identify({ remoteAddress: '127.0.0.1', headers })).toEqual({
      ok: false,
      fault: { code: 'no_identity', why: 'a proxy that server.trusted_proxies does not list has forwarded it' },
    });
  },
);

test('loopback is nobody where trusted proxies are configured', () => {
  const answer = listener(['loopback', 'proxy_headers'], ['10.1.2.3']).identify({
    remoteAddress: '127.0.0.1',
    headers: noHeaders,
  });
  expect(answer).toMatchObject({ ok: false });
});

test('a trusted proxy on this machine vouches for its users', () => {
  const identifier = listener(['loopback', 'proxy_headers'], ['127.0.0.1/32', '::1']);
  const headers: [string, string][] = [
    ['tailscale-user-login', 'alice@example.com'],
    ['tailscale-user-name', 'Alice'],
  ];
  expect(identifier.identify({ remoteAddress: '::ffff:127.0.0.1', headers })).toMatchObject({
    ok: true,
    value: { login: 'alice@example.com', source: 'proxy_headers', tags: [], groups: [] },
  });
});

test.each<[string, [string, string][]]>([
  ['without its header', []],
  ['with an empty header', [['tailscale-user-login', '']]],
  [
    'with the header twice',
    [
      ['tailscale-user-login', 'a@example.com'],
      ['tailscale-user-login', 'b@example.com'],
    ],
  ],
  ['with two logins in one header', [['tailscale-user-login', 'a@example.com, b@example.com']]],
  ['with a word of the grants', [['tailscale-user-login', '*']]],
  ['with a tag', [['tailscale-user-login', 'tag:admin']]],
  ['with a group', [['tailscale-user-login', 'group:admins']]],
  ['with the loopback name', [['tailscale-user-login', '(loopback)']]],
  ['with the loopback name, encoded', [['tailscale-user-login', '=?utf-8?q?=28loopback=29?=']]],
  ['with an encoded line break', [['tailscale-user-login', '=?utf-8?q?a=0D=0Ab?=']]],
  ['with an encoded word that is cut', [['tailscale-user-login', '=?utf-8?q?abc']]],
])('a trusted proxy %s is denied', (_, headers) => {
  const answer = listener(['proxy_headers', 'loopback'], ['127.0.0.1']).identify({
    remoteAddress: '127.0.0.1',
    headers,
  });
  expect(answer).toMatchObject({ ok: false, fault: { code: 'no_identity' } });
});

test('a refusal does not repeat what the header said', () => {
  const headers: [string, string][] = [['tailscale-user-login', 'tag:canary-5512']];
  const answer = listener(['proxy_headers'], ['127.0.0.1']).identify({ remoteAddress: '127.0.0.1', headers });
  expect(JSON.stringify(answer)).not.toContain('canary-5512');
});

test('a trusted proxy has no identity of its own on a listener that takes none from proxies', () => {
  const asked: string[] = [];
  const identifier = listener(['tailscale'], ['100.64.0.5'], whoisThatKnows(asked));
  expect(identifier.identify({ remoteAddress: '100.64.0.5', headers: noHeaders })).toMatchObject({ ok: false });
  expect(asked).toEqual([]);
});

test('only addresses of the tailnet are looked up, each in its one form', async () => {
  const asked: string[] = [];
  const identifier = listener(['tailscale'], [], whoisThatKnows(asked));
  const addresses = [
    '100.63.255.255',
    '100.64.0.0',
    '100.127.255.255',
    '100.128.0.0',
    '192.168.0.1',
    '127.0.0.1',
    '::ffff:100.64.0.1',
    'fd7a:115c:a1e0:0000:0000:0000:6639:a560',
    'fd7a:115c:a1e1::1',
    'fd7b::1',
  ];
  for (const remoteAddress of addresses) await identifier.identify({ remoteAddress, headers: noHeaders });
  expect(asked).toEqual(['100.64.0.0', '100.127.255.255', '100.64.0.1', 'fd7a:115c:a1e0::6639:a560']);
});

test('a tailnet address is nobody where the listener does not take tailscale, or there is no tailscaled', () => {
  const asked: string[] = [];
  expect(
    listener(['loopback'], [], whoisThatKnows(asked)).identify({ remoteAddress: '100.64.0.1', headers: noHeaders }),
  ).toMatchObject({ ok: false });
  expect(asked).toEqual([]);
  expect(listener(['tailscale']).identify({ remoteAddress: '100.64.0.1', headers: noHeaders })).toMatchObject({
    ok: false,
  });
});

test('tokens and OIDC are refused for now', () => {
  const headers: [string, string][] = [['authorization', 'Bearer anything']];
  expect(listener(['token', 'oidc']).identify({ remoteAddress: '127.0.0.1', headers })).toMatchObject({ ok: false });
});

// The first is Go's mime.QEncoding of "Zoë Müller"; the second pair splits a long name in two words.
test.each([
  ['plain@example.com', 'plain@example.com'],
  ['=?utf-8?q?Zo=C3=AB_M=C3=BCller?=', 'Zoë Müller'],
  ['=?utf-8?q?Zo=C3=AB?= =?utf-8?q?_M=C3=BCller?=', 'Zoë Müller'],
  ['=?UTF-8?B?Wm/Dqw==?=', 'Zoë'],
  ['=?iso-8859-1?Q?Zo=EB?= x', 'Zoë x'],
  ['a =?utf-8?q?b?= c', 'a b c'],
])('the encoded words %s read %s', (encoded, text) => {
  expect(decodeEncodedWords(encoded)).toBe(text);
});

test.each([
  '=?utf-8?q?=FF?=',
  '=?utf-8?x?a?=',
  '=?koi8-r?q?a?=',
  '=?utf-8?q?a',
  '=?utf-8',
  '=?utf-8?b?***?=',
  '=?utf-8?q?=4?=',
])('the malformed encoded word %s is unreadable', (encoded) => {
  expect(decodeEncodedWords(encoded)).toBeUndefined();
});

test('a login in encoded words is decoded', () => {
  const headers: [string, string][] = [['tailscale-user-login', '=?utf-8?q?zo=C3=AB@example.com?=']];
  expect(listener(['proxy_headers'], ['127.0.0.1']).identify({ remoteAddress: '127.0.0.1', headers })).toMatchObject({
    ok: true,
    value: { login: 'zoë@example.com' },
  });
});

test('addresses have one text each', () => {
  expect(canonicalIp('FD7A:115C:A1E0:0:0:0:0:1')).toBe('fd7a:115c:a1e0::1');
  expect(canonicalIp('::FFFF:10.0.0.1')).toBe('10.0.0.1');
  expect(canonicalIp('fe80::1%eth0')).toBe('fe80::1');
  expect(canonicalIp('10.0.0.256')).toBeUndefined();
  expect(canonicalIp('010.0.0.1')).toBeUndefined();
});

test.each(['10.0.0.0/33', '10.0.0.0/x', 'example.com', '10.0.0.0/8/9', '10.0.0.0/', '::/129'])(
  '%s is no range',
  (cidr) => {
    expect(() => ipRanges([cidr])).toThrow('neither an address nor a CIDR');
  },
);

test('a range mapped into IPv6 with a prefix of IPv6 is refused, not misread', () => {
  expect(() => ipRanges(['::ffff:10.0.0.0/104'])).toThrow();
});
