import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { providerId } from '../../src/contract/ids.ts';
import { createKeys } from '../../src/keys/provider-key.ts';
import type { Credential } from '../../src/keys/provider-key.ts';

const CANARY = 'sk-canary-7f3a91';
const provider = { id: providerId('p') };

function keysWith(credential: Partial<Credential>) {
  const full: Credential = { apikey: CANARY, authorization: 'bearer', authMode: 'override', ...credential };
  return createKeys(new Map([[provider.id, full]]));
}

function sent(credential: Partial<Credential>, clientHeaders: [string, string][] = []) {
  const answer = keysWith(credential).authorize(provider, clientHeaders);
  return answer.ok ? answer.value.headers : answer.fault;
}

test.each([
  ['bearer', ['authorization', `Bearer ${CANARY}`]],
  ['x-api-key', ['x-api-key', CANARY]],
  ['x-goog-api-key', ['x-goog-api-key', CANARY]],
  ['hec', ['authorization', `Splunk ${CANARY}`]],
  ['cf-aig-authorization', ['cf-aig-authorization', `Bearer ${CANARY}`]],
] as const)('authorization %s', (authorization, header) => {
  expect(sent({ authorization })).toEqual([header]);
});

const client: [string, string][] = [
  ['content-type', 'application/json'],
  ['authorization', 'Bearer client-token'],
  ['x-api-key', 'client-key'],
];

test('override uses the configured key, whatever the client sent', () => {
  expect(sent({ authMode: 'override' }, client)).toEqual([['authorization', `Bearer ${CANARY}`]]);
});

test('passthrough forwards what the client sent, unchanged', () => {
  expect(sent({ authMode: 'passthrough' }, client)).toEqual([
    ['authorization', 'Bearer client-token'],
    ['x-api-key', 'client-key'],
  ]);
  const answer = keysWith({ authMode: 'passthrough' }).authorize(provider, client);
  expect(answer).toMatchObject({ ok: true, value: { keyId: 'client' } });
});

test('passthrough falls back to the configured key where the client sent none', () => {
  expect(sent({ authMode: 'passthrough' }, [['authorization', ' ']])).toEqual([['authorization', `Bearer ${CANARY}`]]);
  expect(sent({ authMode: 'passthrough', apikey: '' })).toEqual([]);
});

test("passthrough takes the header of the provider's own kind too", () => {
  const google: [string, string][] = [['x-goog-api-key', 'client-google']];
  expect(sent({ authMode: 'passthrough', authorization: 'x-goog-api-key' }, google)).toEqual(google);
  expect(sent({ authMode: 'passthrough', authorization: 'bearer' }, google)).toEqual([
    ['authorization', `Bearer ${CANARY}`],
  ]);
});

test('none sends no credential, and neither does an empty key', () => {
  expect(sent({ authMode: 'none' }, client)).toEqual([]);
  expect(sent({ apikey: '' }, client)).toEqual([]);
  expect(sent({ apikey: ' \n' }, client)).toEqual([]);
  expect(keysWith({ authMode: 'none' }).authorize(provider, [])).toMatchObject({ ok: true, value: { keyId: '' } });
});

test('a line end around a key is not part of it', () => {
  expect(sent({ apikey: `${CANARY}\n` })).toEqual([['authorization', `Bearer ${CANARY}`]]);
});

test('what cannot be used is a fault that does not tell the key', () => {
  for (const apikey of [`${CANARY}\r\nx: y`, `${CANARY}\0`, `keyfile::${CANARY}`, `${CANARY}é`]) {
    const fault = sent({ apikey });
    expect(fault).toMatchObject({ code: 'provider_misconfigured', provider: 'p' });
    expect(JSON.stringify(fault)).not.toContain('canary');
  }
  expect(createKeys(new Map()).authorize(provider, [])).toMatchObject({ ok: false });
});

test("a key's name is the same for the same key, another for another, and holds nothing of it", () => {
  const name = (apikey: string, nameKey?: string) => {
    const credential: Credential = { apikey, authorization: 'bearer', authMode: 'override' };
    const answer = createKeys(new Map([[provider.id, credential]]), nameKey).authorize(provider, []);
    return answer.ok ? answer.value.keyId : '';
  };
  expect(name(CANARY)).toMatch(/^key_[0-9a-f]{8}$/);
  expect(name(CANARY)).toBe(name(`${CANARY} `));
  expect(name(CANARY)).not.toBe(name(`${CANARY}x`));
  expect(name(CANARY, 'secret of the operator')).not.toBe(name(CANARY));
});

test('failure mode 35: neither the keys nor an authorization show a secret when logged, inspected or serialised', () => {
  for (const authMode of ['override', 'passthrough'] as const) {
    const keys = keysWith({ authMode });
    const answers = [keys.authorize(provider, []), keys.authorize(provider, [['x-api-key', 'client-canary']])];
    for (const thing of [keys, ...answers]) {
      const texts = [
        inspect(thing, { depth: 20, showHidden: true }),
        JSON.stringify(thing),
        JSON.stringify(Object.entries(thing)),
        String(Object.values(thing)),
      ];
      expect(texts.join('\n')).not.toContain('canary');
    }
  }
});

test('authorizing does not allocate a new answer for a configured key', () => {
  const keys = keysWith({});
  expect(keys.authorize(provider, client)).toBe(keys.authorize(provider, []));
});
