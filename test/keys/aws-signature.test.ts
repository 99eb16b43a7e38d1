import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { providerId } from '../../src/contract/ids.ts';
import { awsScope, awsSigner, readAwsKey } from '../../src/keys/aws-signature.ts';
import type { SignableRequest } from '../../src/keys/aws-signature.ts';
import { createKeys } from '../../src/keys/provider-key.ts';
import { signatureOf } from '../support/aws-signature.ts';

const ID = 'AKIDEXAMPLE0000000';
const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const TOKEN = 'IQoJb3JpZ2luX2VjEXAMPLE/+=';
const AT_MS = Date.UTC(2026, 10, 29, 4, 5, 6, 789);

const request: SignableRequest = {
  origin: 'https://bedrock-runtime.us-east-1.amazonaws.com',
  path: '/model/amazon.nova-lite-v1%3A0/converse',
  method: 'POST',
  headers: [
    'Content-Type',
    'application/json',
    'user-agent',
    'x',
    'x-amzn-bedrock-trace',
    'ENABLED',
    'authorization',
    'no',
  ],
  body: Buffer.from('{"messages":[]}'),
};

test.each([
  ['https://bedrock-runtime.us-east-1.amazonaws.com', '', { region: 'us-east-1', service: 'bedrock' }],
  ['https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com', '', { region: 'us-gov-west-1', service: 'bedrock' }],
  ['https://bedrock-runtime.cn-north-1.amazonaws.com.cn', '', { region: 'cn-north-1', service: 'bedrock' }],
  [
    'https://vpce-1-a.bedrock-runtime.eu-central-1.vpce.amazonaws.com',
    '',
    { region: 'eu-central-1', service: 'bedrock' },
  ],
  ['https://bedrock-mantle.ap-southeast-2.api.aws/openai', '', { region: 'ap-southeast-2', service: 'bedrock-mantle' }],
  ['http://127.0.0.1:9', 'eu-west-1', { region: 'eu-west-1', service: 'bedrock' }],
  ['https://bedrock-runtime.us-east-1.amazonaws.com', 'eu-west-1', { region: 'eu-west-1', service: 'bedrock' }],
])('%s and "%s" are signed for %j', (baseUrl, region, scope) => {
  expect(awsScope(baseUrl, region)).toEqual({ ok: true, value: scope });
});

test('without a region nothing is signed', () => {
  expect(awsScope('http://127.0.0.1:9', '')).toMatchObject({ ok: false });
  expect(awsScope('', '')).toMatchObject({ ok: false });
});

test('a key is its id, its secret, and the token of temporary ones', () => {
  const plain = { accessKeyId: ID, secretAccessKey: SECRET, sessionToken: undefined };
  expect(readAwsKey(`${ID}:${SECRET}`)).toEqual({ ok: true, value: plain });
  // The token comes from a variable that may be empty.
  expect(readAwsKey(`${ID}:${SECRET}:`)).toEqual({ ok: true, value: plain });
  expect(readAwsKey(`${ID}:${SECRET}:${TOKEN}`)).toEqual({ ok: true, value: { ...plain, sessionToken: TOKEN } });
  for (const text of [
    '',
    ID,
    `${ID}:`,
    `:${SECRET}`,
    `${ID} ${SECRET}`,
    `${ID}:${SECRET}:a b`,
    'bedrock-api-key-abc',
  ]) {
    const read = readAwsKey(text);
    expect(read).toMatchObject({ ok: false });
    expect(text !== '' && JSON.stringify(read).includes(text)).toBe(false);
  }
});

describe('the signature is what AWS computes', () => {
  test.each([
    ['an encoded id', request],
    ['an id as it is', { ...request, path: '/model/amazon.nova-lite-v1:0/converse' }],
    ['an ARN', { ...request, path: '/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/invoke' }],
    ['no body', { ...request, method: 'GET', body: null }],
    ['a query', { ...request, path: '/x?b=2&a=%20' }],
  ])('%s', async (_, signed) => {
    for (const sessionToken of [undefined, TOKEN]) {
      const key = { accessKeyId: ID, secretAccessKey: SECRET, sessionToken };
      const made = await awsSigner(key, { region: 'us-east-1', service: 'bedrock' })(signed, AT_MS);
      const headers = new Map(made);
      expect(headers.get('x-amz-date')).toBe('20261129T040506Z');
      expect(headers.get('x-amz-security-token')).toBe(sessionToken);
      const authorization = headers.get('authorization') ?? '';
      expect(authorization).toContain(`Credential=${ID}/20261129/us-east-1/bedrock/aws4_request`);
      const seen: Record<string, string> = {
        host: 'bedrock-runtime.us-east-1.amazonaws.com',
        ...Object.fromEntries(made),
      };
      for (let i = 0; i < signed.headers.length; i += 2) {
        const name = (signed.headers[i] ?? '').toLowerCase();
        if (name !== 'authorization') seen[name] = signed.headers[i + 1] ?? '';
      }
      const body = signed.body ?? new Uint8Array(0);
      expect(authorization).toContain(`Signature=${signatureOf({ ...signed, headers: seen, body }, SECRET)}`);
      // What says something to AWS is part of it; what others change on the way is not.
      expect(authorization).toMatch(/SignedHeaders=content-type;host;x-amz-date;.*x-amzn-bedrock-trace,/);
    }
  });
});

test('the keys room signs with it, tells its name, and shows it nowhere', () => {
  const provider = { id: providerId('aws') };
  const credential = (apikey: string, region: string) => {
    const aws = { baseUrl: 'http://127.0.0.1:9', region };
    const full = { apikey, authorization: 'aws_sigv4', authMode: 'override', aws } as const;
    return createKeys(new Map([[provider.id, full]])).authorize(provider, []);
  };
  const good = credential(`${ID}:${SECRET}:${TOKEN}`, 'us-east-1');
  expect(good).toMatchObject({ ok: true, value: { headers: [], fromClient: false } });
  expect(good.ok && good.value.sign).toBeTypeOf('function');
  expect(good.ok && good.value.keyId).toMatch(/^key_[0-9a-f]{8}$/);
  // The token changes each hour.
  expect(credential(`${ID}:${SECRET}`, 'us-east-1')).toMatchObject({
    value: { keyId: good.ok ? good.value.keyId : '' },
  });
  for (const shown of [JSON.stringify(good), inspect(good, { depth: 9 })]) {
    for (const secret of [SECRET, TOKEN]) expect(shown).not.toContain(secret);
  }
  for (const bad of [credential('nonsense', 'us-east-1'), credential(`${ID}:${SECRET}`, '')]) {
    expect(bad).toMatchObject({ ok: false, fault: { code: 'provider_misconfigured', provider: 'aws' } });
    expect(JSON.stringify(bad)).not.toContain(SECRET);
  }
});

test("in passthrough a client's Bedrock key goes on, and its signature never", () => {
  const provider = { id: providerId('aws') };
  const aws = { baseUrl: 'http://127.0.0.1:9', region: 'us-east-1' };
  const full = { apikey: `${ID}:${SECRET}`, authorization: 'aws_sigv4', authMode: 'passthrough', aws } as const;
  const keys = createKeys(new Map([[provider.id, full]]));
  const own: [string, string][] = [['authorization', 'Bearer bedrock-api-key-abc']];
  expect(keys.authorize(provider, own)).toMatchObject({
    ok: true,
    value: { headers: own, fromClient: true, sign: undefined },
  });
  const theirs: [string, string][] = [['authorization', 'AWS4-HMAC-SHA256 Credential=AKIACLIENT/x, Signature=0']];
  const ours = keys.authorize(provider, theirs);
  expect(ours).toMatchObject({ ok: true, value: { headers: [], fromClient: false } });
  expect(ours.ok && ours.value.sign).toBeTypeOf('function');
});
