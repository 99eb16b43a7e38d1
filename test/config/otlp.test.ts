import { expect, test } from 'vitest';
import { loadConfig } from '../../config/load.ts';
import { deliveriesOf } from '../../config/slices.ts';

const ENDPOINT = 'https://otel.example/otlp';

function load(collector: Record<string, unknown>, more: Record<string, unknown> = {}): ReturnType<typeof loadConfig> {
  const text = JSON.stringify({ ...more, exporters: { otlp: { collector } } });
  return loadConfig({ text, file: 'test.hujson', env: {}, listen: undefined, strict: false });
}

/** Path and message of what is wrong with it. */
function errors(collector: Record<string, unknown>): string[] {
  const loaded = load(collector);
  return loaded.ok
    ? []
    : loaded.fault.filter(({ severity }) => severity === 'error').map(({ path, message }) => `${path}: ${message}`);
}

function settings(collector: Record<string, unknown>, more: Record<string, unknown> = {}): unknown {
  const loaded = load(collector, more);
  return loaded.ok ? deliveriesOf(loaded.value.config).otlp : loaded.fault;
}

const target = (signal: string) => ({
  origin: 'https://otel.example',
  path: `/otlp/v1/${signal}`,
  host: 'otel.example',
  plainHttp: false,
});

test('an exporter is read with its defaults: all signals, no content, a minute between metrics', () => {
  const providers = {
    openai: { baseurl: 'https://api.openai.com/', models: ['gpt-5'] },
    own: { baseurl: 'http://[::1]:8000/v1', models: ['llama'] },
    bad: { baseurl: 'nowhere', models: [] },
  };
  expect(settings({ endpoint: `${ENDPOINT}/` }, { providers })).toEqual([
    {
      name: 'collector',
      targets: { traces: target('traces'), metrics: target('metrics'), logs: target('logs') },
      headers: [],
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
      filter: { logins: [], groups: [], models: [], providers: [], states: [] },
      content: false,
      resource: {},
      batch: { most: 200, waitMs: 1000 },
      intervalMs: 60_000,
      timeoutMs: 10_000,
      gzip: true,
      providers: { openai: { address: 'api.openai.com', port: 443 }, own: { address: '::1', port: 8000 } },
    },
  ]);
});

test('an exporter is read with all that it can have', () => {
  expect(
    settings({
      endpoint: ENDPOINT,
      headers: { 'X-Team': 'Bearer abc' },
      signals: ['traces'],
      events: ['kill_switch'],
      filter: { states: ['den*'] },
      content: true,
      resource: { 'service.name': 'gateway-7' },
      batch: { most: 1000, wait: '0' },
      interval: '1s',
      timeout: '30s',
      compression: 'none',
    }),
  ).toMatchObject([
    {
      targets: { traces: target('traces') },
      headers: [['x-team', 'Bearer abc']],
      events: ['kill_switch'],
      content: true,
      resource: { 'service.name': 'gateway-7' },
      batch: { most: 1000, waitMs: 0 },
      intervalMs: 1000,
      gzip: false,
    },
  ]);
});

test.each([
  [{}, /^exporters\.otlp\.collector\.endpoint: /],
  [{ endpoint: 'otel.example:4318' }, /endpoint: .*http/],
  [{ endpoint: 'https://u:canary@otel.example' }, /endpoint: .*user or password/],
  [{ endpoint: `${ENDPOINT}?token=canary` }, /endpoint: .*query/],
  [{ endpoint: `${ENDPOINT}/v1/traces` }, /endpoint: .*one signal/],
  [{ endpoint: ENDPOINT, headers: { authorization: 'canary\r\nx: y' } }, /headers\.authorization: .*value/],
  [{ endpoint: ENDPOINT, headers: { 'a b': 'canary' } }, /headers\["a b"\]: .*name of a header/],
  [{ endpoint: ENDPOINT, headers: { 'Content-Type': 'canary' } }, /headers\.Content-Type: .*gateway itself/],
  [{ endpoint: ENDPOINT, signals: [] }, /signals: .*no signal/],
  [{ endpoint: ENDPOINT, signals: ['traces', 'profiles'] }, /signals\[1\]: .*not one of traces, metrics, logs/],
  [{ endpoint: ENDPOINT, events: ['request.span'] }, /events\[0\]: .*not one of/],
  [{ endpoint: ENDPOINT, filter: { states: ['denyed'] } }, /filter\.states\[0\]: .*no request ends as/],
  [{ endpoint: ENDPOINT, batch: { most: 1001 } }, /batch\.most: /],
  [{ endpoint: ENDPOINT, interval: '10ms' }, /interval: /],
  [{ endpoint: ENDPOINT, compression: 'br' }, /compression: /],
  [{ endpoint: ENDPOINT, protocol: 'grpc' }, /unknown config key/],
] as const)('%j is refused, and quotes no secret', (collector, message) => {
  const found = errors(collector);
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(message);
  expect(found[0]).not.toContain('canary');
});

test('content that cannot be there is remarked on', () => {
  const remarks = (collector: Record<string, unknown>, more = {}): string[] => {
    const loaded = load({ endpoint: ENDPOINT, content: true, ...collector }, more);
    if (!loaded.ok) throw new Error('it is no good config');
    return loaded.value.warnings.filter(({ path }) => path.endsWith('.content')).map(({ message }) => message);
  };
  expect(remarks({})).toEqual([]);
  expect(remarks({ signals: ['logs'] })).toHaveLength(1);
  const kept = { database: { retention: { duration: '0' } } };
  expect(remarks({}, kept)).toHaveLength(1);
  expect(settings({ endpoint: ENDPOINT, content: true }, kept)).toMatchObject([{ content: false }]);
});
