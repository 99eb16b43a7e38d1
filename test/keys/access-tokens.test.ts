import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { providerId } from '../../src/contract/ids.ts';
import { AccessTokens } from '../../src/keys/access-tokens.ts';
import type { AskTokenServer } from '../../src/keys/access-tokens.ts';
import { createKeys } from '../../src/keys/provider-key.ts';
import { readKeyFile, tokenForm } from '../../src/keys/service-account.ts';
import { failed, ok } from '../../src/lib/result.ts';

const PAIR = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = PAIR.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
const FILE = {
  type: 'service_account',
  project_id: 'proj-1',
  private_key_id: 'kid-1',
  private_key: PEM,
  client_email: 'gateway@proj-1.iam.gserviceaccount.com',
  token_uri: 'https://oauth2.example/token',
};
const keyfile = (more: Record<string, unknown> = {}): string =>
  `keyfile::${Buffer.from(JSON.stringify({ ...FILE, ...more })).toString('base64')}`;

function account() {
  const read = readKeyFile(keyfile());
  if (!read.ok) throw new Error(read.fault);
  return read.value;
}

const AT_MS = Date.UTC(2026, 10, 29, 7);
const HOUR_MS = 3_600_000;

/** Answers in order; the last one again and again. */
function server(...answers: Awaited<ReturnType<AskTokenServer>>[]): { ask: AskTokenServer; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    ask: (url) => {
      asked.push(url);
      return Promise.resolve(answers[Math.min(asked.length, answers.length) - 1] ?? failed('nothing'));
    },
  };
}

/** Whatever needs no more than turns of promises is done. */
const allDone = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const token = (name: string, more: Record<string, unknown> = {}) =>
  ok({ status: 200, body: JSON.stringify({ access_token: name, expires_in: 3600, token_type: 'Bearer', ...more }) });

describe('a key file', () => {
  test('is read', () => {
    expect(account()).toMatchObject({ email: FILE.client_email, projectId: 'proj-1', tokenUrl: FILE.token_uri });
  });

  test.each<[string, string]>([
    ['nothing', 'keyfile::'],
    ['no base64', 'keyfile::%%%'],
    ['no JSON', `keyfile::${Buffer.from('canary').toString('base64')}`],
    ['no key', keyfile({ private_key: 'canary' })],
    ['no account', keyfile({ client_email: '' })],
    ['a token server in the clear', keyfile({ token_uri: 'http://oauth2.example/token' })],
    ['a token server with a password', keyfile({ token_uri: 'https://a:canary@oauth2.example/token' })],
    ['a token server that is none', keyfile({ token_uri: 'file:///canary' })],
    [
      'a key of another kind',
      keyfile({
        private_key: generateKeyPairSync('ec', { namedCurve: 'P-256' })
          .privateKey.export({ type: 'pkcs8', format: 'pem' })
          .toString(),
      }),
    ],
  ])('with %s is refused, and quoted nowhere', (_what, apikey) => {
    const read = readKeyFile(apikey);
    expect(read.ok).toBe(false);
    expect(JSON.stringify(read)).not.toMatch(/canary|PRIVATE/);
  });
});

test('the assertion says who asks, of whom and until when, and is signed with the key', () => {
  const form = new URLSearchParams(tokenForm(account(), AT_MS + 789));
  expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
  const [head = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
  const json = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
  expect(json(head)).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'kid-1' });
  expect(json(claims)).toEqual({
    iss: FILE.client_email,
    scope: 'https://www.googleapis.com/auth/cloud-platform',
    aud: FILE.token_uri,
    iat: AT_MS / 1000,
    exp: AT_MS / 1000 + 3600,
  });
  const key = createPublicKey(PAIR.privateKey);
  expect(verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
});

describe('a token', () => {
  test('is asked for once by many, and kept', async () => {
    const { ask, asked } = server(token('one'), token('two'));
    const tokens = new AccessTokens(ask);
    const all = await Promise.all([1, 2, 3].map(() => tokens.token('k', account(), 'p', AT_MS)));
    expect(all).toEqual([ok('one'), ok('one'), ok('one')]);
    expect(await tokens.token('k', account(), 'p', AT_MS + HOUR_MS / 2)).toEqual(ok('one'));
    expect(asked).toEqual([FILE.token_uri]);
    // Another key is another account.
    expect(await tokens.token('other', account(), 'p', AT_MS)).toEqual(ok('two'));
  });

  test('is renewed before its end, while it serves on', async () => {
    const { ask, asked } = server(token('one'), token('two'));
    const tokens = new AccessTokens(ask);
    await tokens.token('k', account(), 'p', AT_MS);
    const late = AT_MS + HOUR_MS - 4 * 60_000;
    expect(await tokens.token('k', account(), 'p', late)).toEqual(ok('one'));
    expect(asked).toHaveLength(2);
    await allDone();
    expect(await tokens.token('k', account(), 'p', late)).toEqual(ok('two'));
    expect(asked).toHaveLength(2);
  });

  test('that cannot be renewed serves until its end, and then no more', async () => {
    const { ask, asked } = server(token('one'), failed('ECONNREFUSED'));
    const tokens = new AccessTokens(ask);
    await tokens.token('k', account(), 'p', AT_MS);
    const late = AT_MS + HOUR_MS - 4 * 60_000;
    expect(await tokens.token('k', account(), 'p', late)).toEqual(ok('one'));
    await allDone();
    expect(await tokens.token('k', account(), 'p', late + 500)).toEqual(ok('one'));
    // A server that failed is left alone for a moment.
    expect(asked).toHaveLength(2);
    expect(await tokens.token('k', account(), 'p', AT_MS + HOUR_MS - 5000)).toMatchObject({
      ok: false,
      fault: { code: 'upstream_unreachable', provider: 'p' },
    });
    expect(asked).toHaveLength(3);
  });

  test.each<[string, Awaited<ReturnType<AskTokenServer>>, string]>([
    ['is away', failed('ECONNREFUSED'), 'upstream_unreachable'],
    ['is broken', ok({ status: 503, body: 'canary' }), 'upstream_unreachable'],
    ['refuses the key', ok({ status: 400, body: '{"error":"invalid_grant","x":"canary"}' }), 'provider_misconfigured'],
    ['gives none', ok({ status: 200, body: '{"access_token":""}' }), 'provider_misconfigured'],
    ['gives one that splits a header', token('canary\r\nx: y'), 'provider_misconfigured'],
    ['leads elsewhere', ok({ status: 302, body: '' }), 'provider_misconfigured'],
  ])('of a server that %s is a fault, and asked for again later', async (_what, answer, code) => {
    const { ask, asked } = server(answer, token('good'));
    const tokens = new AccessTokens(ask);
    const fault = await tokens.token('k', account(), 'p', AT_MS);
    expect(fault).toMatchObject({ ok: false, fault: { code, provider: 'p' } });
    expect(JSON.stringify(fault)).not.toContain('canary');
    expect(await tokens.token('k', account(), 'p', AT_MS + 999)).toEqual(fault);
    expect(asked).toHaveLength(1);
    expect(await tokens.token('k', account(), 'p', AT_MS + 1000)).toEqual(ok('good'));
  });
});

test('the keys room sends it as a bearer token, whatever the header of the config, and shows it nowhere', async () => {
  const provider = { id: providerId('vertex') };
  const credential = { apikey: `${keyfile()}\n`, authorization: 'x-goog-api-key', authMode: 'override' } as const;
  const tokens = new AccessTokens(server(token('ya29.canary')).ask);
  const keys = createKeys(new Map([[provider.id, credential]]), 'name', tokens);
  const answer = keys.authorize(provider, [['authorization', 'Bearer client']]);
  if (!answer.ok || answer.value.sign === undefined) throw new Error('no key');
  expect(answer.value).toMatchObject({ headers: [], fromClient: false });
  expect(answer.value.keyId).toMatch(/^key_[0-9a-f]{8}$/);
  const request = { origin: 'http://x', path: '/', method: 'POST', headers: [], body: null };
  expect(await answer.value.sign(request, AT_MS)).toEqual(ok([['authorization', 'Bearer ya29.canary']]));
  for (const shown of [JSON.stringify([keys, answer]), inspect([keys, answer], { depth: 20 })]) {
    expect(shown).not.toMatch(/canary|PRIVATE|iam/);
  }
});
