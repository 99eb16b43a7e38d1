import { expect, test } from 'vitest';
import { exportOf } from '../../config/export.ts';
import { loadConfig } from '../../config/load.ts';

const ENVIRONMENT = { accessKeyId: 'env-id', secretAccessKey: 'env-secret', sessionToken: 'env-token' };

function load(s3: Record<string, unknown>, others: Record<string, unknown> = {}): ReturnType<typeof loadConfig> {
  const text = JSON.stringify({ exporters: { s3 }, ...others });
  return loadConfig({ text, file: 'test.hujson', env: {}, listen: undefined, strict: false });
}

/** Path and message of what is said of it. */
function warnings(s3: Record<string, unknown>, others?: Record<string, unknown>): string[] {
  const loaded = load(s3, others);
  return (loaded.ok ? loaded.value.warnings : loaded.fault)
    .filter(({ path }) => /^exporters|^database/.test(path))
    .map(({ path, message }) => `${path}: ${message}`);
}

test('without a bucket nothing is exported, and require_export is remarked on', () => {
  const loaded = load({ endpoint: 'not looked at' });
  expect(loaded.ok && exportOf(loaded.value.config, ENVIRONMENT)).toBeUndefined();
  const retention = { database: { retention: { require_export: true } } };
  expect(warnings({}, retention)).toEqual([
    'database.retention.require_export: no exporters.s3.bucket_name is set: with "require_export" nothing is purged that is not exported',
  ]);
  expect(warnings({ bucket_name: 'books' }, retention)).toEqual([]);
});

test('a bucket is read with its defaults, and credentials of the environment', () => {
  const loaded = load({ bucket_name: 'books' });
  expect(loaded.ok && exportOf(loaded.value.config, ENVIRONMENT)).toEqual({
    bucket: { name: 'books', region: 'us-east-1', endpoint: undefined, prefix: '', credentials: ENVIRONMENT },
    format: 'cbor',
    everyMs: 3_600_000,
    limit: 1000,
    allow: [],
    caFile: undefined,
  });
  expect(loaded.ok && exportOf(loaded.value.config, undefined)?.bucket.credentials).toBeUndefined();
});

test('every setting is handed on; credentials of the config win', () => {
  const s3 = {
    bucket_name: 'books',
    endpoint: 'http://10.0.0.1:9000',
    region: 'garage',
    prefix: 'a/b/',
    access_key_id: 'id',
    access_secret: 'secret',
    format: 'parquet',
    every: 60,
    limit: 20_000,
  };
  const loaded = load(s3, { server: { egress: { allow: ['10.0.0.0/8'], ca_file: '/ca.pem' } } });
  expect(loaded.ok && exportOf(loaded.value.config, ENVIRONMENT)).toEqual({
    bucket: {
      name: 'books',
      region: 'garage',
      endpoint: 'http://10.0.0.1:9000',
      prefix: 'a/b',
      credentials: { accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: undefined },
    },
    format: 'parquet',
    everyMs: 60_000,
    limit: 10_000,
    allow: ['10.0.0.0/8'],
    caFile: '/ca.pem',
  });
});

test.each([
  [{ bucket_name: 'Books' }, 'exporters.s3.bucket_name "Books" cannot be the name of a bucket'],
  [{ bucket_name: 'a..b' }, 'exporters.s3.bucket_name "a..b" cannot be the name of a bucket'],
  [{ region: '' }, 'exporters.s3.region "" is not the name of a region, such as us-east-1'],
  [{ region: 'a/b' }, 'exporters.s3.region "a/b" is not the name of a region, such as us-east-1'],
  [{ endpoint: 'minio:9000' }, 'exporters.s3.endpoint "minio:9000" must be an http:// or https:// URL'],
  [{ endpoint: 'http://h/?a=1' }, 'exporters.s3.endpoint "http://h/?…" must not hold a query'],
  [{ access_key_id: 'id' }, 'exporters.s3.access_key_id stands without access_secret'],
  [{ access_secret: 'CANARY' }, 'exporters.s3.access_secret stands without access_key_id'],
])('where no export could run, that is a warning, and none runs: %j', (s3, message) => {
  const given = { bucket_name: 'books', ...s3 };
  const [field = ''] = message.split(' ');
  expect(warnings(given)).toEqual([`${field}: ${message}; nothing is exported`]);
  const loaded = load(given);
  expect(loaded.ok && exportOf(loaded.value.config, ENVIRONMENT)).toBeUndefined();
});
