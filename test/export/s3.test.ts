import { expect, test } from 'vitest';
import { objectKey, objectUrl, putRequest, refusalOf } from '../../src/export/s3.ts';
import type { S3Bucket } from '../../src/export/s3.ts';
import { createEgress } from '../../src/sinks/egress.ts';
import { S3_BUCKET, S3_KEY, signatureOf, startS3 } from '../support/s3.ts';

const BUCKET: S3Bucket = {
  name: 'books',
  region: 'eu-central-1',
  endpoint: undefined,
  prefix: '',
  credentials: undefined,
};

test("the test's store judges signatures as AWS's own examples do", () => {
  // "Authenticating Requests: Using the Authorization Header", GET Object and PUT Object.
  const secret = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
  const common = { query: '', day: '20130524', region: 'us-east-1' };
  expect(
    signatureOf(
      {
        ...common,
        method: 'GET',
        path: '/test.txt',
        headers: [
          ['host', 'examplebucket.s3.amazonaws.com'],
          ['range', 'bytes=0-9'],
          ['x-amz-content-sha256', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
          ['x-amz-date', '20130524T000000Z'],
        ],
      },
      secret,
    ),
  ).toBe('f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41');
  expect(
    signatureOf(
      {
        ...common,
        method: 'PUT',
        path: '/test%24file.text',
        headers: [
          ['date', 'Fri, 24 May 2013 00:00:00 GMT'],
          ['host', 'examplebucket.s3.amazonaws.com'],
          ['x-amz-content-sha256', '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072'],
          ['x-amz-date', '20130524T000000Z'],
          ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
        ],
      },
      secret,
    ),
  ).toBe('98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd');
});

test('an object is named by prefix and time', () => {
  expect(objectKey('', 1_700_000_000, 'cbor')).toBe('ts-aperture-export-1700000000.cbor.zstd');
  expect(objectKey('gateways/eu', 7, 'parquet')).toBe('gateways/eu/ts-aperture-export-7.parquet');
});

test('AWS has the bucket in the host, other services in the path', () => {
  expect(objectUrl(BUCKET, 'a/b.zstd').href).toBe('https://books.s3.eu-central-1.amazonaws.com/a/b.zstd');
  expect(objectUrl({ ...BUCKET, name: 'my.books' }, 'b').href).toBe('https://s3.eu-central-1.amazonaws.com/my.books/b');
  expect(objectUrl({ ...BUCKET, region: 'cn-north-1' }, 'b').href).toBe(
    'https://books.s3.cn-north-1.amazonaws.com.cn/b',
  );
  expect(objectUrl({ ...BUCKET, endpoint: 'https://minio.example:9000/s3/' }, 'b').href).toBe(
    'https://minio.example:9000/s3/books/b',
  );
});

test('an upload is signed, whatever stands in its key, and its temporary token with it', async () => {
  const s3 = await startS3();
  const egress = createEgress({ allow: ['127.0.0.1'], ca: undefined });
  const bucket = { ...BUCKET, ...S3_KEY, name: S3_BUCKET, endpoint: s3.url };
  const put = async (key: string, credentials: { secretAccessKey?: string; sessionToken?: string } = {}) => {
    const all = { ...S3_KEY, sessionToken: undefined, ...credentials };
    const answered = await egress.send(await putRequest(bucket, all, { key, body: Buffer.from('x') }, Date.now()));
    return answered.ok ? (refusalOf(answered.value) ?? 'taken') : answered.fault.code;
  };
  const keys = ['plain/ts-1.cbor.zstd', "a b+c=d&e/(é)'*!~%41.zstd"];
  for (const key of keys) expect(await put(key), key).toBe('taken');
  expect([...s3.objects.keys()]).toEqual(keys.map((key) => `${S3_BUCKET}/${key}`));
  expect(await put('t', { sessionToken: 'tok/en' })).toBe('taken');
  expect(s3.puts.at(-1)!.headers['x-amz-security-token']).toBe('tok/en');
  expect(s3.puts.at(-1)!.headers.authorization).toContain('x-amz-security-token');
  expect(await put('t', { secretAccessKey: 'another' })).toBe('answered 403 SignatureDoesNotMatch');
  await egress.close();
  await s3.away();
});

test('of an answer that is no success, its code is told and nothing else', () => {
  const told = (body: string, headers: [string, string][] = [], status = 403): string | undefined =>
    refusalOf({ status, headers, body: Buffer.from(body), cut: false });
  expect(told('<Error><Code>AccessDenied</Code><Message>AKIASECRET</Message></Error>')).toBe(
    'answered 403 AccessDenied',
  );
  expect(told('<Code><b>x</b></Code> AKIASECRET')).toBe('answered 403');
  expect(told('', [['x-amz-bucket-region', 'eu-west-1']], 301)).toBe('answered 301; the bucket is in eu-west-1');
  expect(told('', [], 200)).toBeUndefined();
});
