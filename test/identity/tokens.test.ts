import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Caller, IdentitySource } from '../../src/contract/caller.ts';
import type { TokenEntry } from '../../src/contract/control.ts';
import { answerTo } from '../../src/contract/fault.ts';
import { createIdentifier } from '../../src/identity/identify.ts';
import { isPlainLogin } from '../../src/identity/login.ts';
import { takeTokens } from '../../src/identity/presented-tokens.ts';
import { newTokenText, readTokenText, tokenHash } from '../../src/identity/token-format.ts';
import { TokenDirectory, mintToken } from '../../src/identity/tokens.ts';
import type { Whois } from '../../src/identity/whois-cache.ts';
import { HandClock } from '../support/hand-clock.ts';

const clock = new HandClock();

function mint(change: Partial<TokenEntry> = {}): { text: string; entry: TokenEntry } {
  const minted = mintToken(
    { name: 'CI build', login: 'token:ci-build', tags: ['tag:ci'], expiresAtMs: null },
    clock.nowMs(),
  );
  return { text: minted.text, entry: { ...minted.entry, ...change } };
}

function directory(...entries: TokenEntry[]): TokenDirectory {
  const tokens = new TokenDirectory(clock);
  tokens.reconfigure(entries);
  return tokens;
}

const refusal = (why: string): unknown => ({ ok: false, fault: { code: 'token_refused', why } });

describe('the text of a token', () => {
  test('has a fixed form, holds its id, and is never made twice', () => {
    const made = Array.from({ length: 2000 }, newTokenText);
    for (const { id, text } of made) {
      expect(text).toMatch(/^apt_[a-z2-7]{16}_[0-9A-Za-z]{49}$/);
      expect(readTokenText(text)).toEqual({ ok: true, value: id });
      expect(text.slice(4, 20)).toBe(id);
    }
    expect(new Set(made.map(({ id }) => id)).size).toBe(2000);
    expect(new Set(made.map(({ text }) => text.slice(21, 64))).size).toBe(2000);
  });

  test('ends in the CRC-32 of what is before it, in base62', () => {
    const body = `apt_${'a'.repeat(16)}_${'0'.repeat(43)}`;
    // 2607543922 by Python's zlib.crc32: 2·62^5 + 52·62^4 + 28·62^3 + 61·62^2 + 18·62 + 2.
    expect(readTokenText(`${body}2qSzI2`)).toEqual({ ok: true, value: 'a'.repeat(16) });
    expect(readTokenText(`${body}2qSzI3`)).toEqual({ ok: false, fault: 'malformed' });
  });

  test('any single character that is mistyped, swapped or left out is noticed', () => {
    fc.assert(
      fc.property(fc.nat(69), fc.constantFrom('0', 'a', 'Z', '_', '-', 'é', ' '), (at, typo) => {
        const { text } = newTokenText();
        const mistyped = text.slice(0, at) + typo + text.slice(at + 1);
        if (mistyped !== text) expect(readTokenText(mistyped).ok).toBe(false);
        expect(readTokenText(text.slice(0, at) + text.slice(at + 1)).ok).toBe(false);
      }),
    );
  });

  test('is kept as its SHA-256 alone', () => {
    const { text, entry } = mint();
    expect(entry.sha256).toBe(createHash('sha256').update(text).digest('hex'));
    expect(JSON.stringify(entry)).not.toContain(text.slice(21));
  });
});

describe('whose a token is', () => {
  test('its bearer has its login, tags, id and name, and nothing else', () => {
    const { text, entry } = mint({ tags: ['tag:b', 'tag:a', 'tag:b'] });
    expect(directory(entry).callerOf([text])).toEqual({
      ok: true,
      value: {
        login: 'token:ci-build',
        nodeId: entry.id,
        nodeName: 'CI build',
        tags: ['tag:a', 'tag:b'],
        groups: [],
        source: 'token',
        capabilities: {},
      },
    });
  });

  test('expiry is judged with the clock on every request', () => {
    const { text, entry } = mint({ expiresAtMs: clock.nowMs() + 1000 });
    const tokens = directory(entry);
    clock.advance(999);
    expect(tokens.callerOf([text])).toMatchObject({ ok: true });
    clock.advance(1);
    expect(tokens.callerOf([text])).toEqual(refusal('expired'));
  });

  test('revoked, unknown, mistyped and doubled tokens are told apart, and nobody is named', () => {
    const [good, gone, strange] = [mint(), mint({ revokedAtMs: clock.nowMs() + 60_000 }), mint()];
    const tokens = directory(good.entry, gone.entry);
    const answers = [
      tokens.callerOf([gone.text]),
      tokens.callerOf([strange.text]),
      tokens.callerOf([good.text.slice(0, -1)]),
      tokens.callerOf([good.text, gone.text]),
    ];
    expect(answers).toEqual(['revoked', 'unknown', 'malformed', 'several'].map(refusal));
    for (const answer of answers) {
      if (answer.ok) throw new Error('it should have been refused');
      const { status, code, message, shouldRetry } = answerTo(answer.fault);
      expect([status, code, shouldRetry]).toEqual([401, 'gateway_token_refused', false]);
      for (const secret of ['ci-build', 'CI build', 'tag:ci', good.entry.id, gone.text]) {
        expect(message).not.toContain(secret);
      }
    }
  });

  test('a new snapshot replaces all of the old one', () => {
    const { text, entry } = mint();
    const tokens = directory(entry);
    tokens.reconfigure([]);
    expect(tokens.callerOf([text])).toEqual(refusal('unknown'));
  });

  test.each<[string, Partial<TokenEntry>]>([
    ["a person's login", { login: 'alice@example.com' }],
    ["a tagged device's login", { login: 'tag:ci' }],
    ['(loopback)', { login: '(loopback)' }],
    ['a group as a tag', { tags: ['group:admins'] }],
    ['a login as a tag', { tags: ['alice@example.com'] }],
    ['a cut hash', { sha256: 'ab' }],
    ['no hash', { sha256: '' }],
  ])('an entry with %s lets nobody in, whatever the store says', (_, change) => {
    const { text, entry } = mint(change);
    expect(directory(entry).callerOf([text])).toEqual(refusal('unknown'));
  });

  test('no other source can call somebody as tokens are called', () => {
    expect(isPlainLogin('token:ci-build')).toBe(false);
  });
});

describe('failure mode CVE-2026-35030 (part 2): identities do not collide', () => {
  test('a token with the id, the beginning or the end of another is not that one', () => {
    const alice = mint({ login: 'token:alice' });
    const mallory = mint({ login: 'token:mallory' });
    const tokens = directory(alice.entry, mallory.entry);
    fc.assert(
      fc.property(fc.integer({ min: 21, max: 64 }), (at) => {
        // Right check sums, so that the hash is what has to tell them apart.
        const mixed = checked(alice.text.slice(0, at) + mallory.text.slice(at, 64));
        const answer = tokens.callerOf([mixed]);
        if (mixed === alice.text) expect(answer).toMatchObject({ value: { login: 'token:alice' } });
        else expect(answer).toEqual(refusal('unknown'));
      }),
    );
    // Asked for in turns, each stays itself.
    for (let round = 0; round < 3; round += 1) {
      expect(tokens.callerOf([alice.text])).toMatchObject({ value: { login: 'token:alice' } });
      expect(tokens.callerOf([mallory.text])).toMatchObject({ value: { login: 'token:mallory' } });
    }
  });

  test('the whole hash counts: an entry whose hash differs in any one digit knows nobody', () => {
    const { text, entry } = mint();
    for (let at = 0; at < 64; at += 1) {
      const digit = entry.sha256[at] === '0' ? '1' : '0';
      const sha256 = entry.sha256.slice(0, at) + digit + entry.sha256.slice(at + 1);
      expect(directory({ ...entry, sha256 }).callerOf([text])).toEqual(refusal('unknown'));
    }
  });
});

/** The one check sum that fits, by trying the digits of it: six base62 digits of a CRC-32. */
function checked(body: string): string {
  let table = crcOf(body);
  let digits = '';
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  for (let i = 0; i < 6; i += 1) {
    digits = (alphabet[table % 62] ?? '') + digits;
    table = Math.floor(table / 62);
  }
  return body + digits;
}

/** CRC-32 bit by bit (ISO 3309), the test's own. */
function crcOf(text: string): number {
  let crc = 0xffffffff;
  for (const byte of Buffer.from(text)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

describe('tokens are taken out of a request', () => {
  const { text } = newTokenText();
  const other = newTokenText().text;
  const basic = (plain: string): string => `Basic ${Buffer.from(plain).toString('base64')}`;

  test.each<[string, [string, string], string]>([
    ['a bearer', ['authorization', `Bearer ${text}`], ''],
    ['a bearer in other letters', ['authorization', `  bEARER   ${text} `], ''],
    ['no scheme', ['authorization', text], ''],
    ['x-api-key', ['x-api-key', text], ''],
    ['api-key', ['api-key', text], ''],
    ['x-goog-api-key', ['x-goog-api-key', text], ''],
    ["basic auth's password", ['authorization', basic(`user:${text}`)], ''],
    ["basic auth's user", ['authorization', basic(`${text}:`)], ''],
    ['?key=', ['accept', '*/*'], `alt=sse&key=${text}`],
    ['?key= in escapes', ['accept', '*/*'], `alt=sse&%6bey=%61pt${encodeURIComponent(text.slice(3))}`],
    ['?access_token=', ['accept', '*/*'], `access_token=${text}&alt=sse`],
  ])('%s presents one', (_, header, query) => {
    const taken = takeTokens([['user-agent', 'x'], header], query);
    expect(taken?.tokens).toEqual([text]);
    expect(JSON.stringify([taken?.headers, taken?.query])).not.toContain(text.slice(25));
    expect(taken?.headers).toContainEqual(['user-agent', 'x']);
    if (query !== '') expect(taken?.query).toBe('alt=sse');
  });

  test.each<[string, [string, string], string]>([
    ['a header of any name', ['x-whatever', `the token is ${text}`], ''],
    ['a cookie', ['cookie', `a=b; t=${text}`], ''],
    ['a bearer behind another', ['authorization', `Bearer sk-1, Bearer ${text}`], ''],
    ['a parameter of any name', ['accept', '*/*'], `note=${text}`],
    ["a parameter's name", ['accept', '*/*'], `${text}=1`],
  ])('%s presents none, and goes nowhere', (_, header, query) => {
    const taken = takeTokens([header], query);
    expect(taken?.tokens).toEqual([]);
    expect(JSON.stringify([taken?.headers, taken?.query])).not.toContain(text.slice(25));
  });

  test('the same one in two places is one, two different ones are two', () => {
    const headers = (second: string): [string, string][] => [
      ['authorization', `Bearer ${text}`],
      ['x-api-key', second],
    ];
    expect(takeTokens(headers(text), '')?.tokens).toEqual([text]);
    expect(takeTokens(headers(other), '')?.tokens).toEqual([text, other]);
    expect(takeTokens(headers(text), `key=${other}`)?.tokens).toEqual([text, other]);
  });

  test("others' credentials, and words that only look so, stay", () => {
    const headers: [string, string][] = [
      ['authorization', 'Bearer sk-ant-oat01-xyz'],
      ['x-api-key', 'sk-1234'],
      ['user-agent', 'apt_tool/1.0 apt_abc_'],
    ];
    expect(takeTokens(headers, 'key=AIza1234&q=100%25')).toBeUndefined();
    const taken = takeTokens([...headers, ['x-goog-api-key', text]], 'key=AIza');
    expect(taken).toEqual({ tokens: [text], headers, query: 'key=AIza' });
  });

  test('whatever comes in, it never throws, and no token is left in what goes on', () => {
    const place = fc.constantFrom('authorization', 'x-api-key', 'api-key', 'x-goog-api-key', 'x-a', 'cookie');
    const around = fc.oneof(
      fc.constantFrom('', 'Bearer ', 'Basic ', 'basic', ':', ',', '=', '%', '\0', 'Bearer Bearer '),
      fc.string({ unit: 'binary' }),
    );
    const value = fc.tuple(around, fc.constantFrom(text, other, '', text.slice(0, 30)), around).map((p) => p.join(''));
    fc.assert(
      fc.property(fc.array(fc.tuple(place, value), { maxLength: 6 }), value, (headers, query) => {
        const taken = takeTokens(headers, query);
        const left = JSON.stringify([taken?.headers ?? headers, taken?.query ?? query]);
        expect(left).not.toContain(text);
        expect(left).not.toContain(other);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('one identity a request', () => {
  const alice: Caller = {
    login: 'alice@example.com',
    nodeId: 'n-alice',
    nodeName: 'laptop',
    tags: [],
    groups: ['group:eng'],
    source: 'tailscale',
    capabilities: {},
  };
  const whois: Whois = { of: () => Promise.resolve({ ok: true, value: alice }), lookups: 0, failures: 0, underWay: 0 };
  const { text, entry } = mint();
  const expired = mint({ expiresAtMs: clock.nowMs() - 1 });
  const tokens = directory(entry, expired.entry);
  const ask = (sources: IdentitySource[], remoteAddress: string, presented: string[], proxies: string[] = []) =>
    createIdentifier({ listener: { sources, trustedProxies: proxies }, whois, tokens }).identify({
      remoteAddress,
      headers: proxies.length > 0 ? [['tailscale-user-login', 'bob@example.com']] : [],
      tokens: presented,
    });

  test('the token is who calls; the network goes along for the kill switch, without groups or capabilities', async () => {
    expect(ask(['loopback', 'token'], '127.0.0.1', [text])).toMatchObject({
      value: { login: 'token:ci-build', source: 'token', network: { login: '(loopback)', nodeId: '', tags: [] } },
    });
    const onTailnet = await ask(['tailscale', 'token'], '100.64.1.2', [text]);
    expect(onTailnet).toEqual({
      ok: true,
      value: {
        login: 'token:ci-build',
        nodeId: entry.id,
        nodeName: 'CI build',
        tags: ['tag:ci'],
        groups: [],
        source: 'token',
        capabilities: {},
        network: { login: 'alice@example.com', nodeId: 'n-alice', tags: [] },
      },
    });
    expect(ask(['proxy_headers', 'token'], '10.0.0.1', [text], ['10.0.0.0/8'])).toMatchObject({
      value: { login: 'token:ci-build', network: { login: 'bob@example.com' } },
    });
    expect(ask(['token'], '8.8.8.8', [text])).toMatchObject({ value: { login: 'token:ci-build' } });
  });

  test.each(['loopback', 'tailscale'] as const)('a refused token never falls back to %s', async (source) => {
    const address = source === 'loopback' ? '127.0.0.1' : '100.64.1.2';
    expect(await ask([source, 'token'], address, [expired.text])).toEqual(refusal('expired'));
    expect(await ask([source, 'token'], address, ['apt_typo'])).toEqual(refusal('malformed'));
    expect(await ask([source, 'token'], address, [])).toMatchObject({ value: { source } });
  });

  test('where tokens are not taken they mean nothing', () => {
    expect(ask(['loopback'], '127.0.0.1', [text])).toMatchObject({ value: { login: '(loopback)' } });
    expect(ask(['loopback'], '127.0.0.1', ['apt_typo'])).toMatchObject({ value: { login: '(loopback)' } });
    expect(ask(['loopback'], '8.8.8.8', [text])).toMatchObject({ fault: { code: 'no_identity' } });
  });

  test('without one, a listener that takes only tokens says what it wants', () => {
    const answer = ask(['token'], '127.0.0.1', []);
    if (answer instanceof Promise || answer.ok) throw new Error('it should have been refused');
    expect(answerTo(answer.fault)).toMatchObject({ status: 401, code: 'gateway_no_identity' });
    expect(answerTo(answer.fault).message).toContain('the request has no token of this gateway');
  });
});

test('a usual request and a token cost microseconds', () => {
  const headers: [string, string][] = Array.from({ length: 20 }, (_, i) => [
    `x-header-${i}`,
    `value ${i} of a request`,
  ]);
  headers.push(['authorization', 'Bearer sk-not-ours'], ['x-api-key', 'also-not-ours']);
  const { text, entry } = mint();
  const tokens = directory(entry);
  const time = (run: () => void): number => {
    for (let i = 0; i < 20_000; i += 1) run();
    const before = performance.now();
    for (let i = 0; i < 20_000; i += 1) run();
    return (performance.now() - before) / 20;
  };
  const taking = time(() => takeTokens(headers, 'beta=true'));
  const knowing = time(() => tokens.callerOf([text]));
  console.log(`takeTokens, 22 headers: ${taking.toFixed(2)} µs; callerOf: ${knowing.toFixed(2)} µs`);
  // A bound for a loaded machine, ten times what an idle one needs.
  expect(taking).toBeLessThan(30);
  expect(knowing).toBeLessThan(100);
  expect(tokenHash(text)).toHaveLength(64);
});
