import { expect, test } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import { deliveriesOf } from '../../config/slices.ts';

const SECRET = `whsec_${Buffer.alloc(24, 'c').toString('base64')}`;
const OLDER = `whsec_${Buffer.alloc(32, 'd').toString('base64')}`;
const URL = 'https://siem.example/';
const GOOD = { url: URL, secret: SECRET };

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

function warnings(siem: Record<string, unknown>): string[] {
  const loaded = load(siem);
  return loaded.ok ? loaded.value.warnings.map(({ path, message }) => `${path}: ${message}`) : [];
}

function webhook(siem: Record<string, unknown>): unknown {
  const loaded = load(siem);
  return loaded.ok ? deliveriesOf(loaded.value.config).webhooks[0] : loaded.fault;
}

const NO_FILTER = { logins: [], groups: [], models: [], providers: [], states: [] };

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
        secrets: [SECRET],
        authorization: '',
        format: 'json',
        events: ['request.closed'],
        filter: NO_FILTER,
        batch: { most: 1, waitMs: 0 },
        timeoutMs: 10_000,
      },
    ],
    allow: ['10.0.0.0/8'],
    caFile: '/ca.pem',
  });
});

test('a webhook is read with all that it can have', () => {
  expect(
    webhook({
      url: 'https://siem.example/services/collector/event',
      secret: [SECRET, OLDER],
      authorization: 'Splunk 6c1f',
      format: 'splunk_hec',
      events: ['kill_switch', 'request.denied', 'kill_switch'],
      filter: { logins: ['*@example.com'], states: ['den*'] },
      batch: { most: 1000, wait: '1m' },
      timeout: '30s',
    }),
  ).toMatchObject({
    secrets: [SECRET, OLDER],
    authorization: 'Splunk 6c1f',
    format: 'splunk_hec',
    events: ['request.denied', 'kill_switch'],
    filter: { ...NO_FILTER, logins: ['*@example.com'], states: ['den*'] },
    batch: { most: 1000, waitMs: 60_000 },
    timeoutMs: 30_000,
  });
});

test('a star stands for every event, and splunk_hec needs no secret', () => {
  expect(webhook({ ...GOOD, events: ['*'] })).toMatchObject({
    events: [
      'request.closed',
      'request.denied',
      'guardrail.verdict',
      'quota.crossed',
      'config.changed',
      'token.created',
      'token.revoked',
      'kill_switch',
    ],
  });
  expect(webhook({ url: URL, format: 'splunk_hec', authorization: 'Splunk t' })).toMatchObject({ secrets: [] });
});

test.each([
  [{ secret: SECRET }, /^exporters\.webhooks\.siem\.url: /],
  [{ url: 'ftp://siem.example/', secret: SECRET }, /url: .*http/],
  [{ url: 'https://u:canary@siem.example/', secret: SECRET }, /url: .*user or password/],
  [{ url: URL }, /secret: .*missing/],
  [{ url: URL, secret: '' }, /secret: .*missing/],
  [{ url: URL, secret: [] }, /secret: .*missing/],
  [{ url: URL, secret: 'canary' }, /secret: .*whsec_/],
  [{ url: URL, secret: 'whsec_Y2FuYXJ5' }, /secret: .*24/],
  [{ url: URL, secret: [SECRET, 'canary'] }, /secret\[1\]: .*whsec_/],
  [{ url: URL, secret: [SECRET, ''] }, /secret\[1\]: .*empty/],
  [{ url: URL, secret: [SECRET, SECRET] }, /secret: .*the same/],
  [
    { url: URL, secret: ['a', 'b', 'c', 'd', 'e'].map((fill) => `whsec_${Buffer.alloc(24, fill).toString('base64')}`) },
    /secret: .*more than 4/,
  ],
  [{ url: URL, secret: 7 }, /secret: .*neither a secret nor a list/],
  [{ url: URL, secret: [SECRET, 7] }, /secret: .*neither a secret nor a list/],
  [{ ...GOOD, authorization: 'Splunk "canary"\r\nx: y' }, /authorization: .*header/],
  [{ ...GOOD, authorization: ' canary' }, /authorization: .*header/],
  [{ ...GOOD, format: 'splunk_hec' }, /authorization: .*splunk_hec needs/],
  [{ ...GOOD, format: 'canary-format-that-is-long-enough' }, /format: .*not one of json, ocsf, ecs, cef, splunk_hec/],
  [{ ...GOOD, events: ['request.opened'] }, /events\[0\]: .*not one of/],
  [{ ...GOOD, events: [] }, /events: .*no event/],
  [{ ...GOOD, filter: { states: ['complete', 'denyed'] } }, /filter\.states\[1\]: .*no request ends as "denyed"/],
  [{ ...GOOD, filter: { logins: [''] } }, /filter\.logins\[0\]: .*empty/],
  [{ ...GOOD, filter: { users: ['a'] } }, /filter\.users: unknown config key/],
  [{ ...GOOD, batch: { most: 0 } }, /batch\.most: /],
  [{ ...GOOD, batch: { most: 1001 } }, /batch\.most: /],
  [{ ...GOOD, batch: { wait: '61s' } }, /batch\.wait: /],
  [{ ...GOOD, timeout: '2h' }, /timeout: /],
  [{ ...GOOD, retries: 3 }, /unknown config key/],
] as const)('%j is refused, and quotes no secret', (siem, message) => {
  const found = errors(siem);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(message);
  expect(found[0]).not.toMatch(/canary@|"canary"|canary-format-that/);
});

test.each(['localhost', '10.0.0.0/33', '::ffff:10.0.0.0/104', '10.0.0.1-10.0.0.9', ''])(
  '%j is no range to allow',
  (range) => {
    expect(errors(GOOD, { allow: [range] })).toHaveLength(1);
  },
);

test('a filter that nothing goes through is remarked on', () => {
  const filter = { logins: ['alice@example.com'] };
  const remarked = (events: string[]): boolean =>
    warnings({ ...GOOD, events, filter }).some((line) => /siem\.filter: .*does nothing/.test(line));
  expect(remarked(['kill_switch'])).toBe(true);
  expect(remarked(['kill_switch', 'request.denied'])).toBe(false);
});
