import { expect, test } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import { deliveriesOf } from '../../config/slices.ts';

const GOOD = { address: 'siem.example:6514' };

function load(siem: Record<string, unknown>): ReturnType<typeof loadConfig> {
  const text = JSON.stringify({ exporters: { syslog: { siem } } });
  return loadConfig({ text, file: 'test.hujson', env: {}, listen: undefined, strict: false });
}

function errors(siem: Record<string, unknown>): string[] {
  const loaded = load(siem);
  return loaded.ok
    ? []
    : loaded.fault.filter(({ severity }) => severity === 'error').map(({ path, message }) => `${path}: ${message}`);
}

function receiver(siem: Record<string, unknown>): unknown {
  const loaded = load(siem);
  return loaded.ok ? deliveriesOf(loaded.value.config).syslog?.[0] : loaded.fault;
}

const NO_FILTER = { logins: [], groups: [], models: [], providers: [], states: [] };

test('a syslog receiver is read with its defaults: TLS, lengths before messages, 8 KiB', () => {
  expect(receiver(GOOD)).toEqual({
    destination: 'syslog.siem',
    target: {
      host: 'siem.example',
      port: 6514,
      text: 'siem.example:6514',
      tls: { caFile: undefined, serverName: undefined, client: undefined },
      plain: false,
    },
    format: 'json',
    facility: 'local0',
    framing: 'octet_counting',
    messageBytes: 8_192,
    bom: false,
    events: ['request.closed'],
    filter: NO_FILTER,
    batch: { most: 100, waitMs: 0 },
    timeoutMs: 10_000,
  });
});

test('a syslog receiver is read with all that it can have', () => {
  expect(
    receiver({
      address: '[2001:db8::7]:514',
      tls: false,
      plain_tcp: true,
      format: 'cef',
      facility: 'authpriv',
      framing: 'newline',
      message_bytes: '2KiB',
      bom: true,
      events: ['*'],
      filter: { states: ['den*'] },
      batch: { most: 1, wait: '1s' },
      timeout: '30s',
    }),
  ).toMatchObject({
    target: { host: '2001:db8::7', port: 514, tls: undefined, plain: true },
    format: 'cef',
    facility: 'authpriv',
    framing: 'newline',
    messageBytes: 2_048,
    bom: true,
    filter: { ...NO_FILTER, states: ['den*'] },
    batch: { most: 1, waitMs: 1_000 },
    timeoutMs: 30_000,
  });
  const tls = { ca_file: '/ca.pem', server_name: 'logs.example', cert_file: '/c.pem', key_file: '/k.pem' };
  expect(receiver({ address: '10.0.0.7:6514', tls })).toMatchObject({
    target: {
      host: '10.0.0.7',
      tls: {
        caFile: '/ca.pem',
        serverName: 'logs.example',
        client: { certFile: '/c.pem', keyFile: '/k.pem' },
      },
    },
  });
});

test.each([
  [{}, /^exporters\.syslog\.siem\.address: syslog siem: .*host and a port/],
  [{ address: 'siem.example' }, /address: .*host and a port/],
  [{ address: 'tcp://siem.example:514' }, /address: .*host and a port/],
  [{ address: 'siem.example:0' }, /address: .*host and a port/],
  [{ address: 'siem.example:65536' }, /address: .*host and a port/],
  [{ address: '2001:db8::7:514' }, /address: .*host and a port/],
  [{ address: '[siem]:514' }, /address: .*host and a port/],
  [{ ...GOOD, tls: 'yes' }, /tls: .*neither true nor false/],
  [{ ...GOOD, tls: { ca: '/ca.pem' } }, /tls\.ca: unknown config key/],
  [{ ...GOOD, tls: { server_name: '10.0.0.7' } }, /tls\.server_name: .*not the name of a host/],
  [{ ...GOOD, tls: { cert_file: '/c.pem' } }, /tls\.cert_file: .*without key_file/],
  [{ ...GOOD, tls: { key_file: '/k.pem' } }, /tls\.key_file: .*without cert_file/],
  [{ ...GOOD, framing: 'newline' }, /framing: .*octet_counting/],
  [{ ...GOOD, plain_tcp: true }, /plain_tcp: .*"tls": false/],
  [{ ...GOOD, framing: 'lines' }, /framing: .*not one of octet_counting, newline/],
  [{ ...GOOD, format: 'splunk_hec' }, /format: .*not one of json, ocsf, ecs, cef/],
  [{ ...GOOD, facility: 'local8' }, /facility: .*not one of kern/],
  [{ ...GOOD, message_bytes: '1KiB' }, /message_bytes: .*2KiB/],
  [{ ...GOOD, events: [] }, /events: .*no event/],
  [{ ...GOOD, events: ['request.opened'] }, /events\[0\]: .*not one of/],
  [{ ...GOOD, filter: { states: ['denyed'] } }, /filter\.states\[0\]: .*no request ends/],
  [{ ...GOOD, batch: { most: 1001 } }, /batch\.most: /],
  [{ ...GOOD, timeout: '2h' }, /timeout: /],
  [{ ...GOOD, secret: 'x' }, /unknown config key/],
] as const)('%j is refused, with its place', (siem, message) => {
  const found = errors(siem);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(message);
});

test('destinations of all kinds are bounded together', () => {
  const named = (count: number, one: unknown): Record<string, unknown> =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`d${at}`, one]));
  const of = (webhooks: number, receivers: number, exporters: number): string[] => {
    const secret = `whsec_${Buffer.alloc(24, 'c').toString('base64')}`;
    const loaded = loadConfig({
      text: JSON.stringify({
        exporters: {
          webhooks: named(webhooks, { url: 'https://siem.example/', secret }),
          syslog: named(receivers, GOOD),
          otlp: named(exporters, { endpoint: 'https://otel.example' }),
        },
      }),
      file: 'test.hujson',
      env: {},
      listen: undefined,
      strict: false,
    });
    return loaded.ok ? [] : loaded.fault.filter(({ severity }) => severity === 'error').map(({ message }) => message);
  };
  expect(of(24, 20, 10)).toEqual([]);
  for (const many of [of(25, 20, 10), of(65, 0, 0), of(0, 65, 0), of(0, 0, 33)]) {
    expect(many).toEqual([expect.stringMatching(/destinations, of at most 64$/)]);
  }
});
