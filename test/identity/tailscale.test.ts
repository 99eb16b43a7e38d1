import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createIdentifier } from '../../src/identity/identify.ts';
import { createLocalApi } from '../../src/identity/tailscale.ts';
import type { LocalApi } from '../../src/identity/tailscale.ts';
import { createWhoisCache } from '../../src/identity/whois-cache.ts';
import { HandClock } from '../support/hand-clock.ts';
import { TailscaledDouble } from './tailscaled-double.ts';

let tailscaled: TailscaledDouble;
let api: LocalApi;
let clock: HandClock;

beforeEach(async () => {
  tailscaled = new TailscaledDouble();
  await tailscaled.start();
  api = createLocalApi({ socketPath: tailscaled.socketPath, timeoutMs: 300 });
  clock = new HandClock();
  tailscaled.nodes.set('100.83.165.96', { stableId: 'nAlice1CNTRL', name: 'alice-laptop', login: 'alice@example.com' });
});

afterEach(async () => {
  await api.close();
  await tailscaled.dispose();
});

const ALICE = '100.83.165.96';

test('a user device is its login, with node, groups and capabilities', async () => {
  tailscaled.nodes.set('fd7a:115c:a1e0::6639:a560', {
    stableId: 'nBob1CNTRL',
    name: 'bob-desktop',
    login: 'bob@example.com',
    groups: ['group:sre', 'group:eng'],
    capMap: { 'tailscale.com/cap/aperture': [{ role: 'user' }], 'https://tailscale.com/cap/is-admin': null },
  });
  expect(await api.lookup('fd7a:115c:a1e0::6639:a560')).toEqual({
    kind: 'caller',
    caller: {
      login: 'bob@example.com',
      nodeId: 'nBob1CNTRL',
      nodeName: 'bob-desktop',
      tags: [],
      groups: ['group:eng', 'group:sre'],
      source: 'tailscale',
      capabilities: { 'tailscale.com/cap/aperture': [{ role: 'user' }], 'https://tailscale.com/cap/is-admin': [] },
    },
  });
});

test('a tagged device is its sorted tags, and no user', async () => {
  tailscaled.nodes.set('100.64.0.7', { stableId: 'nCi1CNTRL', name: 'ci', tags: ['tag:prod', 'tag:api'] });
  const answer = await api.lookup('100.64.0.7');
  expect(answer).toMatchObject({
    kind: 'caller',
    caller: { login: 'tag:api,tag:prod', tags: ['tag:api', 'tag:prod'] },
  });
});

test.each([
  ['no profile and no tags', { stableId: 'n1', name: 'x' }],
  ['a profile of tagged devices without tags', { stableId: 'n1', name: 'x', login: 'tagged-devices' }],
  ['a login that is a word of the grants', { stableId: 'n1', name: 'x', login: '*' }],
  ['a login that looks like a tag', { stableId: 'n1', name: 'x', login: 'tag:admin' }],
  ['a login that looks like loopback', { stableId: 'n1', name: 'x', login: '(loopback)' }],
])('%s is nobody', async (_, node) => {
  tailscaled.nodes.set('100.64.0.9', node);
  expect(await api.lookup('100.64.0.9')).toMatchObject({ kind: 'unknown' });
});

test('a user of another tailnet is their own login, without groups, with what our policy gives them', async () => {
  tailscaled.nodes.set('100.64.0.20', {
    stableId: 'nCarol1CNTRL',
    name: 'carols-laptop',
    login: 'carol@other.example',
    groups: ['group:admins'],
    shareeNode: true,
    capMap: { 'tailscale.com/cap/aperture': [{ models: 'openai/**' }] },
  });
  expect(await api.lookup('100.64.0.20')).toMatchObject({
    kind: 'caller',
    caller: {
      login: 'carol@other.example',
      nodeId: 'nCarol1CNTRL',
      groups: [],
      capabilities: { 'tailscale.com/cap/aperture': [{ models: 'openai/**' }] },
    },
  });
});

test.each([
  ['that was shared with us', { sharer: 4130514042221012 }],
  ['that ours was shared with', { shareeNode: true }],
])("a tagged device of another tailnet %s is nobody: its tags are not this tailnet's", async (_, of) => {
  tailscaled.nodes.set('100.64.0.21', { stableId: 'n21', name: 'theirs', tags: ['tag:admin'], ...of });
  expect(await api.lookup('100.64.0.21')).toEqual({
    kind: 'unknown',
    why: 'a tagged device of another tailnet has no identity here',
  });
});

test("the node's own addresses and name", async () => {
  tailscaled.self.addresses = ['100.64.0.1', 'FD7A:115C:A1E0:0::1'];
  tailscaled.self.dnsName = 'AI.tail9da30d.ts.net.';
  expect(await api.node()).toEqual({
    kind: 'running',
    addresses: ['100.64.0.1', 'fd7a:115c:a1e0::1'],
    dnsName: 'ai.tail9da30d.ts.net',
    tailnet: '',
    userspace: false,
  });
});

test.each([
  ['stopped', { backendState: 'Stopped' }, 'tailscale is not running here: Stopped'],
  ['logged out', { backendState: 'NeedsLogin', addresses: null }, 'tailscale is not running here: NeedsLogin'],
  ['not given an address', { addresses: null }, 'the node has no address yet'],
])('a node that is %s is away', async (_, self, why) => {
  Object.assign(tailscaled.self, self);
  expect(await api.node()).toEqual({ kind: 'away', why });
});

test.each(['hang', 'junk', 'other-shape', 'forbidden'] as const)(
  'with tailscaled that answers with %s the node is away',
  async (mode) => {
    tailscaled.mode = mode;
    expect(await api.node()).toMatchObject({ kind: 'away' });
  },
);

test('a certificate is key and chain, or why there is none', async () => {
  tailscaled.certificates.set('ai.tail9da30d.ts.net', 'KEY AND CHAIN');
  expect(await api.certificate('ai.tail9da30d.ts.net')).toEqual({ kind: 'pair', pem: 'KEY AND CHAIN' });
  expect(await api.certificate('other.ts.net')).toEqual({
    kind: 'refused',
    why: 'your Tailscale account does not support getting TLS certs',
  });
  await tailscaled.stop();
  expect(await api.certificate('ai.tail9da30d.ts.net')).toMatchObject({ kind: 'unavailable' });
});

test('an address that the tailnet does not know is nobody', async () => {
  expect(await api.lookup('100.64.9.9')).toEqual({ kind: 'unknown', why: 'the tailnet knows no such address' });
});

test.each(['hang', 'junk', 'other-shape', 'forbidden'] as const)(
  'tailscaled that answers with %s is unavailable',
  async (mode) => {
    tailscaled.mode = mode;
    const answer = await api.lookup(ALICE);
    expect(answer.kind).toBe('unavailable');
    expect(JSON.stringify(answer)).not.toContain(tailscaled.folder);
  },
);

test('tailscaled that is not there is unavailable, and the socket path is not told', async () => {
  await tailscaled.stop();
  const answer = await api.lookup(ALICE);
  expect(answer).toMatchObject({ kind: 'unavailable' });
  expect(JSON.stringify(answer)).not.toContain(tailscaled.folder);
});

test('a known address is answered at once, without another look-up', async () => {
  const whois = createWhoisCache(api.lookup, clock);
  const first = await whois.of(ALICE);
  const second = whois.of(ALICE);
  expect(second).toBe(first);
  expect(first).toMatchObject({ ok: true, value: { login: 'alice@example.com' } });
  expect(tailscaled.asked).toEqual([`${ALICE}:0`]);
});

test('many requests from one address make one look-up', async () => {
  let open = (): void => {};
  tailscaled.gate = new Promise((resolve) => (open = resolve));
  const whois = createWhoisCache(api.lookup, clock);
  const waiting = Array.from({ length: 50 }, async () => whois.of(ALICE));
  open();
  const answers = await Promise.all(waiting);
  expect(answers.every((answer) => answer.ok)).toBe(true);
  expect(tailscaled.asked).toHaveLength(1);
  expect(whois.lookups).toBe(1);
});

test('an old identity is used while it is renewed in passing, and a changed one is seen', async () => {
  const whois = createWhoisCache(api.lookup, clock, { freshMs: 1_000, maxAgeMs: 10_000 });
  await whois.of(ALICE);
  tailscaled.nodes.set(ALICE, { stableId: 'nAlice1CNTRL', name: 'alice-laptop', tags: ['tag:kiosk'] });
  clock.advance(1_500);
  expect(whois.of(ALICE)).toMatchObject({ ok: true, value: { login: 'alice@example.com' } });
  await vi.waitFor(() => {
    expect(whois.of(ALICE)).toMatchObject({ ok: true, value: { login: 'tag:kiosk' } });
  });
  expect(tailscaled.asked).toHaveLength(2);
});

test('a caller that did not change stays the same object over a renewal', async () => {
  const whois = createWhoisCache(api.lookup, clock, { freshMs: 1_000, maxAgeMs: 10_000 });
  const first = await whois.of(ALICE);
  clock.advance(10_000);
  const second = await whois.of(ALICE);
  expect(tailscaled.asked).toHaveLength(2);
  expect(first.ok && second.ok && first.value === second.value).toBe(true);
});

test('with tailscaled away, a known caller goes on up to the maximum age and is then denied', async () => {
  const failures: string[] = [];
  const settings = { freshMs: 1_000, maxAgeMs: 10_000, retryMs: 500 };
  const whois = createWhoisCache(api.lookup, clock, settings, (why) => failures.push(why));
  await whois.of(ALICE);
  await tailscaled.stop();

  clock.advance(2_000);
  expect(whois.of(ALICE)).toMatchObject({ ok: true });
  await vi.waitFor(() => {
    expect(failures).toHaveLength(1);
  });
  // Within the retry time nobody asks again.
  expect(whois.of(ALICE)).toMatchObject({ ok: true });
  expect(whois.lookups).toBe(2);

  clock.advance(7_999);
  expect(whois.of(ALICE)).toMatchObject({ ok: true });
  await vi.waitFor(() => {
    expect(failures).toHaveLength(2);
  });

  clock.advance(1);
  expect(await whois.of(ALICE)).toEqual({
    ok: false,
    fault: { code: 'no_identity', why: 'tailscaled on the gateway does not answer' },
  });

  await tailscaled.start();
  clock.advance(500);
  expect(await whois.of(ALICE)).toMatchObject({ ok: true, value: { login: 'alice@example.com' } });
});

test('a "no such address" stands for a short while only', async () => {
  const whois = createWhoisCache(api.lookup, clock, { unknownMs: 5_000 });
  expect(await whois.of('100.64.5.5')).toMatchObject({ ok: false });
  tailscaled.nodes.set('100.64.5.5', { stableId: 'n5', name: 'new', login: 'eve@example.com' });
  clock.advance(4_999);
  expect(whois.of('100.64.5.5')).toMatchObject({ ok: false });
  clock.advance(1);
  expect(await whois.of('100.64.5.5')).toMatchObject({ ok: true, value: { login: 'eve@example.com' } });
});

test('a device that left the tailnet is refused after its renewal', async () => {
  const whois = createWhoisCache(api.lookup, clock, { freshMs: 1_000, maxAgeMs: 10_000 });
  await whois.of(ALICE);
  tailscaled.nodes.delete(ALICE);
  clock.advance(1_000);
  void whois.of(ALICE);
  await vi.waitFor(async () => {
    expect(await whois.of(ALICE)).toMatchObject({ ok: false });
  });
});

test('the cache holds no more addresses than its capacity', async () => {
  const whois = createWhoisCache(api.lookup, clock, { capacity: 2 });
  await whois.of('100.64.1.1');
  await whois.of('100.64.1.2');
  await whois.of('100.64.1.3');
  await whois.of('100.64.1.1');
  expect(tailscaled.asked).toHaveLength(4);
});

test('no more addresses are asked for at once than allowed; one more is told that nobody answers, and may come again', async () => {
  let open = (): void => undefined;
  tailscaled.gate = new Promise((resolve) => {
    open = resolve;
  });
  const whois = createWhoisCache(api.lookup, clock, { atOnce: 2 });
  const asked = [ALICE, '100.64.1.2'].map(async (address) => whois.of(address));
  expect(whois.underWay).toBe(2);
  expect(await whois.of('100.64.1.3')).toMatchObject({ ok: false, fault: { code: 'no_identity' } });
  open();
  await Promise.all(asked);
  expect(whois.underWay).toBe(0);
  await whois.of('100.64.1.3');
  expect(tailscaled.asked).toHaveLength(3);
});

test('a request over the tailnet is who whois says, whatever its headers say', async () => {
  const whois = createWhoisCache(api.lookup, clock);
  const identifier = createIdentifier({ listener: { sources: ['tailscale'], trustedProxies: [] }, whois });
  const headers: [string, string][] = [['tailscale-user-login', 'root@example.com']];
  expect(await identifier.identify({ remoteAddress: ALICE, headers })).toMatchObject({
    ok: true,
    value: { login: 'alice@example.com', source: 'tailscale' },
  });
});
