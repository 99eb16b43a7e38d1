import { afterAll, beforeAll, expect, test } from 'vitest';
import { startCollector, takeAll } from '../support/otlp.ts';
import type { TestCollector, TestMetric, TestSpan } from '../support/otlp.ts';
import { until } from '../support/until.ts';
import { MODELS, startFlow } from './support.ts';
import type { AskOptions, Flow } from './support.ts';

/**
 * OpenTelemetry from the real binary to receivers on real sockets: one of all signals, and one of traces with what was
 * said. Spans of both are of the same requests.
 */
const SERVER = 2;
const CLIENT = 3;
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const PARENT = '00f067aa0ba902b7';
const EMAIL = 'ada.lovelace@example.com';
/** By the seed of nobody: in prompts, and nowhere else. */
const WORD = 'quokka';

let flow: Flow;
let all: TestCollector;
let said: TestCollector;

beforeAll(async () => {
  [all, said] = await Promise.all([startCollector(), startCollector()]);
  flow = await startFlow({
    server: { egress: { allow: ['127.0.0.1'] } },
    exporters: {
      otlp: {
        all: {
          endpoint: all.url,
          headers: { Authorization: 'Bearer t0p-canary' },
          resource: { 'service.name': 'gateway-under-test', 'deployment.environment.name': 'test' },
          batch: { wait: '0' },
          interval: '1s',
        },
        said: { endpoint: said.url, signals: ['traces'], content: true, compression: 'none', batch: { wait: '0' } },
      },
    },
    hooks: {
      people: { preference: 9, builtin: { kind: 'personal_data', action: 'tokenise', detect: ['email'] } },
      birds: { builtin: { kind: 'words', action: 'block', sides: ['request'], words: ['heron nest'] } },
    },
    grants: [
      {
        src: ['*'],
        app: {
          'tailscale.com/cap/aperture': [
            { role: 'admin' },
            { models: '**', send_hooks: ['people', 'birds'].map((name) => ({ name, events: ['pre_request'] })) },
            { read_metrics: true },
          ],
        },
      },
    ],
  });
});
afterAll(async () => {
  await flow.close();
  await Promise.all([all.close(), said.close()]);
});

/** Asks, reads the answer to its end, and returns the request's id. */
async function ask(api: 'openai' | 'anthropic', options: AskOptions = {}): Promise<string> {
  const answer = await flow.ask(api, options);
  await answer.text();
  return answer.headers.get('x-aperture-request-id') ?? '';
}

const saying = (content: string, more: Record<string, unknown> = {}): AskOptions => ({
  body: { messages: [{ role: 'user', content }], ...more },
});
const traceparent = { traceparent: `00-${TRACE}-${PARENT}-01` };

/** Spans of a request at a receiver, the server's first; each once, however often it came. */
async function spansOf(collector: TestCollector, id: string): Promise<[TestSpan, ...TestSpan[]]> {
  const found = await until(`the spans of ${id} have come`, () => {
    const own = collector.spans().filter(({ attributes }) => attributes['aperture.request.id'] === id);
    return own.some(({ kind }) => kind === SERVER) && own;
  });
  const once = [...new Map(found.map((span) => [span.spanId, span])).values()];
  const server = once.find(({ kind }) => kind === SERVER)!;
  return [server, ...once.filter((span) => span !== server)];
}

const hexOf = (id: string): string => id.replaceAll('-', '');

test.each([true, false])("a request's spans belong to the trace of its client (streamed: %s)", async (stream) => {
  const sim = 'input=100;cached=2000;write=30;output=70;events=5';
  const id = await ask('anthropic', { stream, sim, headers: { ...traceparent, 'user-agent': 'otel-test/1' } });
  const [server, ...attempts] = await spansOf(all, id);
  expect(server).toMatchObject({
    traceId: TRACE,
    parentSpanId: PARENT,
    // Of the last 8 bytes of the request's id.
    spanId: hexOf(id).slice(16),
    // Sampled, as the client said; and its parent is another process's.
    flags: 0x301,
    name: `chat ${MODELS.anthropic}`,
    kind: SERVER,
    status: {},
    resource: { 'service.name': 'gateway-under-test', 'deployment.environment.name': 'test' },
  });
  expect(server.attributes).toMatchObject({
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'anthropic',
    'gen_ai.request.model': MODELS.anthropic,
    'gen_ai.response.model': MODELS.anthropic,
    'gen_ai.response.finish_reasons': ['end_turn'],
    'gen_ai.usage.input_tokens': 2130,
    'gen_ai.usage.output_tokens': 70,
    'gen_ai.usage.cache_read.input_tokens': 2000,
    'gen_ai.usage.cache_creation.input_tokens': 30,
    'server.address': '127.0.0.1',
    'server.port': Number(new URL(flow.simulator.url).port),
    'http.request.method': 'POST',
    'http.response.status_code': 200,
    'url.path': '/v1/messages',
    'user_agent.original': 'otel-test/1',
    'aperture.state': 'complete',
    'aperture.login': '(loopback)',
    'aperture.provider': 'anthropic',
  });
  const record = (await flow.gateway.json(`/api/requests/${id}`)) as { session_id: string; cost_nanodollars: string };
  expect(server.attributes['gen_ai.conversation.id']).toBe(record.session_id);
  expect(server.attributes['aperture.cost.nanodollars']).toBe(Number(record.cost_nanodollars));
  expect(server.attributes['gen_ai.request.stream']).toBe(stream ? true : undefined);
  expect(typeof server.attributes['gen_ai.response.time_to_first_chunk']).toBe(stream ? 'number' : 'undefined');
  expect(server.attributes).not.toHaveProperty('error.type');

  expect(attempts).toHaveLength(1);
  const [attempt] = attempts;
  expect(attempt).toMatchObject({
    traceId: TRACE,
    parentSpanId: server.spanId,
    kind: CLIENT,
    status: {},
    attributes: { 'gen_ai.provider.name': 'anthropic', 'http.response.status_code': 200, 'aperture.attempt': 1 },
  });
  // Who sums a trace counts each token once.
  expect(Object.keys(attempt!.attributes).filter((name) => name.startsWith('gen_ai.usage'))).toEqual([]);
  const times = [server.startTimeUnixNano, attempt!.startTimeUnixNano, attempt!.endTimeUnixNano].map(BigInt);
  expect(times[0]! <= times[1]! && times[1]! <= times[2]!).toBe(true);
  expect(attempt!.endTimeUnixNano).toBe(server.endTimeUnixNano);

  const { headers } = all.exported[0]!;
  expect(headers).toMatchObject({
    'content-type': 'application/json',
    'content-encoding': 'gzip',
    authorization: 'Bearer t0p-canary',
  });
  // Off unless it is asked for.
  expect(JSON.stringify(all.exported)).not.toContain('Say hello');
});

test.each(['00-1-2-01', `00-${'0'.repeat(32)}-${PARENT}-01`, `ff-${TRACE}-${PARENT}-01`, undefined])(
  'without a trace that counts (%s), the id of the request is that of its trace',
  async (header) => {
    const id = await ask('openai', header === undefined ? {} : { headers: { traceparent: header } });
    const [server] = await spansOf(all, id);
    expect(server.traceId).toBe(hexOf(id));
    expect(server.parentSpanId).toBeUndefined();
  },
);

test('what was refused has a span without attempts, and what a provider refused has its error', async () => {
  const denied = await ask('openai', { headers: traceparent, body: { model: 'nobody-has-this' } });
  const blocked = await ask('openai', { headers: traceparent, ...saying('Where is the heron nest?') });
  const failed = await ask('openai', { headers: traceparent, sim: 'status=503' });
  const [deniedSpan, ...noAttempts] = await spansOf(all, denied);
  expect(noAttempts).toEqual([]);
  expect(deniedSpan).toMatchObject({ traceId: TRACE, parentSpanId: PARENT, name: 'chat nobody-has-this', status: {} });
  expect(deniedSpan.attributes).toMatchObject({ 'aperture.state': 'denied' });
  expect(deniedSpan.attributes['error.type']).toBe(deniedSpan.attributes['aperture.denied_by']);
  const [blockedSpan] = await spansOf(all, blocked);
  expect(blockedSpan.attributes).toMatchObject({
    'aperture.state': 'blocked',
    'aperture.rules': ['birds'],
    'aperture.verdicts.block': 1,
  });
  const [failedSpan, attempt] = await spansOf(all, failed);
  expect(failedSpan).toMatchObject({ status: { code: 2 }, attributes: { 'http.response.status_code': 503 } });
  expect(attempt).toMatchObject({ kind: CLIENT, status: { code: 2 }, attributes: { 'error.type': '503' } });

  // The events of a SIEM, as logs of the same traces.
  const logs = await until('the events have come', () => {
    const own = all.logs().filter(({ spanId }) => spanId === blockedSpan.spanId);
    return own.length === 3 && own;
  });
  expect(new Set(logs.map(({ eventName }) => eventName))).toEqual(
    new Set(['aperture.request.closed', 'aperture.request.denied', 'aperture.guardrail.verdict']),
  );
  expect(logs.every(({ traceId, severityNumber }) => traceId === TRACE && severityNumber >= 9)).toBe(true);
  const verdict = logs.find(({ eventName }) => eventName === 'aperture.guardrail.verdict')!;
  expect(verdict.attributes).toMatchObject({
    'aperture.request_id': blocked,
    'aperture.login': '(loopback)',
    'aperture.verdict': { rule: 'birds', action: 'block' },
  });
});

test('prompts and answers are told where they are asked for, as they were kept', async () => {
  const prompt = `Say OK to the ${WORD} of ${EMAIL}`;
  const id = await ask('anthropic', { stream: true, ...saying(prompt, { system: 'Be brief.' }) });
  const [server] = await spansOf(said, id);
  const json = (name: string): unknown => JSON.parse(String(server.attributes[name]));
  expect(json('gen_ai.system_instructions')).toEqual([{ type: 'text', content: 'Be brief.' }]);
  const [asked] = json('gen_ai.input.messages') as { role: string; parts: { type: string; content: string }[] }[];
  expect(asked).toMatchObject({ role: 'user', parts: [{ type: 'text' }] });
  // A placeholder stays one.
  expect(asked!.parts[0]!.content).toContain(WORD);
  expect(asked!.parts[0]!.content).not.toContain(EMAIL);
  expect(json('gen_ai.output.messages')).toMatchObject([
    { role: 'assistant', parts: [{ type: 'text', content: 'OK' }], finish_reason: 'end_turn' },
  ]);
  // The same request, where nobody asked for it.
  const [silent] = await spansOf(all, id);
  expect(Object.keys(silent.attributes).filter((name) => /messages|instructions/.test(name))).toEqual([]);
  expect(JSON.stringify(all.exported)).not.toContain(WORD);
});

test('metrics are those of the gateway, and those of the conventions', async () => {
  await ask('anthropic', { sim: 'input=100;output=70' });
  const found = await until('all kinds of metrics have come', () => {
    const last = all.metrics().at(-1) ?? [];
    const of = (name: string): TestMetric | undefined => last.find((metric) => metric.name === name);
    const tokens = of('gen_ai.client.token.usage');
    const names = ['aperture_requests_total', 'aperture_live_exchanges', 'aperture_request_duration_seconds'];
    return tokens !== undefined && names.every((name) => of(name) !== undefined) && { of, tokens };
  });
  expect(found.of('aperture_requests_total')).toMatchObject({
    sum: { aggregationTemporality: 2, isMonotonic: true },
    resource: { 'service.name': 'gateway-under-test' },
  });
  expect(found.of('aperture_live_exchanges')).toHaveProperty('gauge');
  expect(found.of('aperture_request_duration_seconds')).toMatchObject({
    unit: 's',
    histogram: { aggregationTemporality: 2 },
  });
  expect(found.tokens).toMatchObject({ unit: '{token}' });
  if (!('histogram' in found.tokens)) throw new Error('tokens are no histogram');
  const attributes = found.tokens.histogram.dataPoints.map((point) => JSON.stringify(point.attributes));
  for (const type of ['input', 'output']) {
    expect(attributes.some((text) => text.includes(`{"stringValue":"${type}"}`))).toBe(true);
  }
  expect(found.of('gen_ai.client.operation.duration')).toMatchObject({ unit: 's' });
  expect(found.of('gen_ai.server.request.duration')).toMatchObject({ unit: 's' });
});

test('a receiver that fails gets everything once more, and one that takes a part is not told again', async () => {
  const traces = (path: string): boolean => path.endsWith('/traces');
  let refusals = 0;
  all.answer = (response, { path }) => {
    if (!traces(path) || refusals === 2) return takeAll(response);
    refusals += 1;
    response.writeHead(503, { 'retry-after': '0' }).end();
    return false;
  };
  const ids = await Promise.all([ask('openai'), ask('openai')]);
  for (const id of ids) await spansOf(all, id);
  expect(refusals).toBe(2);

  all.answer = (response, { path }) => {
    const partialSuccess = traces(path) ? { rejectedSpans: '2', errorMessage: 'too old' } : {};
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ partialSuccess }));
    return true;
  };
  const partly = await ask('openai');
  await spansOf(all, partly);
  all.answer = takeAll;
  const next = await ask('openai');
  await spansOf(all, next);
  const servers = all
    .spans()
    .filter(({ kind, attributes }) => kind === SERVER && attributes['aperture.request.id'] === partly);
  expect(servers).toHaveLength(1);
  await until(
    'what was thrown away is counted',
    async () => {
      const metrics = await (await fetch(`${flow.gateway.url}/metrics`)).text();
      return /aperture_otlp_refused_total\{destination="otlp\.all\.traces"\} 2\b/.test(metrics);
    },
    60_000,
  );

  // As destinations like others: listed, looked at and sent again.
  const { destinations } = (await flow.gateway.json('/api/destinations')) as {
    destinations: { name: string; events: string[]; last_sequence: number }[];
  };
  expect(destinations.map(({ name }) => name)).toEqual(['otlp.all.logs', 'otlp.all.traces', 'otlp.said.traces']);
  expect(destinations.every(({ events }) => events.length > 0)).toBe(true);
  const delivery = await until('it is noted as delivered', async () => {
    const query = '?destination=otlp.all.traces&state=delivered&limit=1';
    const { items } = (await flow.gateway.json(`/api/deliveries${query}`)) as { items: { id: string }[] };
    const [newest] = items;
    if (newest === undefined) return undefined;
    const whole = (await flow.gateway.json(`/api/deliveries/${newest.id}`)) as typeof newest & {
      kind: string;
      payload: { id: string };
    };
    return whole.payload.id === next && whole;
  });
  expect(delivery.kind).toBe('request.span');
  const replayed = await fetch(`${flow.gateway.url}/api/deliveries/replay`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ids: [delivery.id] }),
  });
  expect(await replayed.json()).toEqual({ replayed: 1, more: false });
  const twice = await until('it came again', () => {
    const own = all
      .spans()
      .filter(({ kind, attributes }) => kind === SERVER && attributes['aperture.request.id'] === next);
    return own.length === 2 && own;
  });
  expect(twice[0]).toEqual(twice[1]);
});

test('what stands in headers is nowhere to be read', async () => {
  const config = JSON.stringify(await flow.gateway.json('/api/config'));
  const metrics = await (await fetch(`${flow.gateway.url}/metrics`)).text();
  for (const text of [config, metrics, flow.gateway.output()]) expect(text).not.toContain('t0p-canary');
});
