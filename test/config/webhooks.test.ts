import { expect, test } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import { deliveriesOf } from '../../config/slices.ts';

const SECRET = `whsec_${Buffer.alloc(24, 'c').toString('base64')}`;

function load(siem: Record<string, unknown>, egress?: Record<string, unknown>): ReturnType<typeof loadConfig> {
  const server = egress === undefined ? {} : { server: { egress } };
  const text = JSON.stringify({ exporters: { webhooks: { siem } }, ...server });
  return loadConfig({ text, file: 'test.hujson', env: {}, listen: undefined, strict: false });
}

/** Path and message of what is wrong with it. */
function errors(siem: Record<string, unknown>, egress?: Record<string, unknown>): string[] {
  const loaded = load(siem, egress);
  return loaded.ok
    ? []
    : loaded.fault.filter(({ severity }) => severity === 'error').map(({ path, message }) => `${path}: ${message}`);
}

test('a webhook is read with its defaults', () => {
  const loaded = load(
    { url: 'https://siem.example/in?x=1', secret: SECRET },
    { allow: ['10.0.0.0/8'], ca_file: '/ca.pem' },
  );
  expect(loaded.ok && deliveriesOf(loaded.value.config)).toEqual({
    webhooks: [
      {
        destination: 'webhooks.siem',
        target: { origin: 'https://siem.example', path: '/in?x=1', host: 'siem.example', plainHttp: false },
        secret: SECRET,
        timeoutMs: 10_000,
        events: ['request.closed'],
      },
    ],
    allow: ['10.0.0.0/8'],
    caFile: '/ca.pem',
  });
});

test.each([
  [{ secret: SECRET }, /^exporters\.webhooks\.siem\.url: /],
  [{ url: 'ftp://siem.example/', secret: SECRET }, /url: .*http/],
  [{ url: 'https://u:canary@siem.example/', secret: SECRET }, /url: .*user or password/],
  [{ url: 'https://siem.example/' }, /secret: .*missing/],
  [{ url: 'https://siem.example/', secret: '' }, /secret: .*missing/],
  [{ url: 'https://siem.example/', secret: 'canary' }, /secret: .*whsec_/],
  [{ url: 'https://siem.example/', secret: 'whsec_Y2FuYXJ5' }, /secret: .*24/],
  [
    { url: 'https://siem.example/', secret: SECRET, format: 'canary-format-that-is-long-enough' },
    /format: .*not one of json/,
  ],
  [{ url: 'https://siem.example/', secret: SECRET, events: ['request.opened'] }, /events\[0\]: .*not one of/],
  [{ url: 'https://siem.example/', secret: SECRET, timeout: '2h' }, /timeout: /],
  [{ url: 'https://siem.example/', secret: SECRET, retries: 3 }, /unknown config key/],
] as const)('%j is refused, and quotes no secret', (siem, message) => {
  const found = errors(siem);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(message);
  expect(found[0]).not.toMatch(/canary@|"canary"|canary-format-that/);
});

test.each(['localhost', '10.0.0.0/33', '::ffff:10.0.0.0/104', '10.0.0.1-10.0.0.9', ''])(
  '%j is no range to allow',
  (range) => {
    expect(errors({ url: 'https://siem.example/', secret: SECRET }, { allow: [range] })).toHaveLength(1);
  },
);

test('what later versions serve is warned of, and nothing is delivered of it', () => {
  const loaded = load({
    url: 'https://siem.example/',
    secret: SECRET,
    format: 'ocsf',
    events: ['request.closed', 'kill_switch'],
  });
  expect(loaded.ok && deliveriesOf(loaded.value.config).webhooks).toEqual([]);
  const warnings = loaded.ok ? loaded.value.warnings.map(({ path, message }) => `${path}: ${message}`) : [];
  expect(warnings.filter((line) => line.includes('not served yet'))).toEqual([
    expect.stringContaining('exporters.webhooks.siem.format'),
    expect.stringContaining('exporters.webhooks.siem.events[1]'),
  ]);
});
