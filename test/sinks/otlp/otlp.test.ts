import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import type { Delivery } from '../../../src/contract/delivery.ts';
import type { ExchangeRecord } from '../../../src/contract/record.ts';
import { readTraceParent } from '../../../src/contract/trace.ts';
import { logRecordOf } from '../../../src/sinks/otlp/logs.ts';
import { metricsOf } from '../../../src/sinks/otlp/metrics.ts';
import type { Measured } from '../../../src/sinks/otlp/metrics.ts';
import { providerNameOf } from '../../../src/sinks/otlp/names.ts';
import { SpanFacts } from '../../../src/sinks/otlp/span-facts.ts';
import { spansOf } from '../../../src/sinks/otlp/spans.ts';
import { spanEvent } from '../../../src/sinks/span-event.ts';
import { messagesOf } from '../../../workers/otlp-messages.ts';
import { readLogs, readMetrics, readTraces } from '../../support/otlp.ts';
import type { TestSpan } from '../../support/otlp.ts';
import { aRecord, TEST_TIME_MS } from '../../support/records.ts';

const resource = { attributes: [] };
const scope = { name: 'test', version: '1' };
const PROVIDERS = { anthropic: { address: 'api.anthropic.com', port: 443 } };

/** As a receiver reads them. */
function spans(change: Partial<ExchangeRecord>): TestSpan[] {
  const facts = SpanFacts.parse(JSON.parse(spanEvent(aRecord(change))));
  const own = spansOf(facts, PROVIDERS);
  return readTraces(JSON.parse(JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope, spans: own }] }] })));
}

test('a record becomes the same spans each time, with what it knows, and times to the nanosecond', () => {
  const record = aRecord({
    id: '019aafc0-b5db-7000-8abc-0123456789ab',
    quota_charges: [{ bucket: 'daily:alice', nanodollars: 5 }],
  });
  const [server, attempt] = spans(record);
  expect(spans(record)).toEqual([server, attempt]);
  expect(server).toMatchObject({
    traceId: '019aafc0b5db70008abc0123456789ab',
    spanId: '8abc0123456789ab',
    name: 'chat claude-sonnet-4-5',
    // 2026-11-23T10:20:30.123456Z, which no double holds to the nanosecond.
    startTimeUnixNano: '1795429230123456055',
    attributes: {
      'gen_ai.usage.input_tokens': 2139,
      'gen_ai.usage.output_tokens': 670,
      'gen_ai.usage.cache_read.input_tokens': 2000,
      'gen_ai.usage.cache_creation.input_tokens': 39,
      'gen_ai.usage.reasoning.output_tokens': 70,
      'gen_ai.response.time_to_first_chunk': 0.2505,
      'gen_ai.response.id': 'msg_1',
      'gen_ai.conversation.id': 's-1',
      'server.address': 'api.anthropic.com',
      'aperture.cost.nanodollars': 12345678,
      'aperture.quotas': ['daily:alice'],
    },
  });
  expect(attempt!.spanId).not.toBe(server!.spanId);
});

test('each attempt has a span, which ends where the next begins', () => {
  const at = (ms: number) => TEST_TIME_MS + ms;
  const [server, first, second] = spans({
    state: 'error',
    status: 200,
    error: { code: 'stream_incomplete', message: 'canary' },
    attempts: [
      { provider: 'anthropic', started_at_ms: at(1), outcome: 'broken' },
      { provider: 'anthropic', started_at_ms: at(5), outcome: '200' },
    ],
  });
  expect(first).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'broken', 'aperture.attempt': 1 } });
  expect(first!.endTimeUnixNano).toBe(second!.startTimeUnixNano);
  expect(second).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'stream_incomplete' } });
  expect(second!.endTimeUnixNano).toBe(server!.endTimeUnixNano);
  expect(server).toMatchObject({ status: { code: 2 }, attributes: { 'error.type': 'stream_incomplete' } });
  expect(JSON.stringify([server, first, second])).not.toContain('canary');
});

test('a client that leaves is no error of ours, and usage that is booked is no request', () => {
  const [left, attempt] = spans({ state: 'aborted', error: { code: 'client_gone', message: '' } });
  expect([left!.status, attempt!.status]).toEqual([{}, {}]);
  expect(attempt!.attributes['error.type']).toBe('client_gone');
  const booked = spans({ segment: -1, attempts: [], status: 200 });
  expect(booked).toMatchObject([{ kind: 1 }]);
  expect(booked[0]!.attributes).not.toHaveProperty('http.request.method');
});

test('a record that does not fit is told by what it is, in a span that can be read', () => {
  const huge = aRecord({
    session_id: 'x'.repeat(70_000),
    trace: { trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16), flags: 0 },
  });
  const facts = SpanFacts.parse(JSON.parse(spanEvent(huge)));
  expect(Buffer.byteLength(spanEvent(huge))).toBeLessThan(65_536);
  expect(spansOf(facts, {})).toMatchObject([{ traceId: 'a'.repeat(32), name: 'request', flags: 0x300 }]);
});

const trace = { trace_id: '4bf92f3577b34da6a3ce929d0e0e4736', span_id: '00f067aa0ba902b7' };
test.each([
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', { ...trace, flags: 1 }],
  [' 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00 ', { ...trace, flags: 0 }],
  // A later version may say more.
  ['cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03-more', { ...trace, flags: 3 }],
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more', undefined],
  ['ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', undefined],
  ['00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01', undefined],
  ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', undefined],
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01', undefined],
  ['', undefined],
])('traceparent %j', (header, expected) => {
  expect(readTraceParent(header)).toEqual(expected);
});

test.each([
  ['openai_chat', 'corp', 'corp-openai.openai.azure.com', 'azure.ai.openai'],
  ['openai_chat', 'mistral', 'api.mistral.ai', 'mistral_ai'],
  ['anthropic_messages', 'a', 'bedrock-runtime.eu-central-1.amazonaws.com', 'aws.bedrock'],
  ['google_generate_content', 'v', 'europe-west1-aiplatform.googleapis.com', 'gcp.vertex_ai'],
  ['gemini_generate_content', 'g', 'generativelanguage.googleapis.com', 'gcp.gemini'],
  // A server of one's own that speaks as OpenAI does.
  ['openai_chat', 'vllm', '10.0.0.7', 'openai'],
  ['rerank', 'jina', 'api.jina.ai', 'jina'],
  ['openai_chat', '', '', undefined],
])('%s at %s (%s) is of %s', (api, id, address, expected) => {
  expect(providerNameOf(api, id, address === '' ? undefined : { address, port: 443 })).toBe(expected);
});

test.each([
  [
    'config.changed',
    { number: 3, hash: 'h', previous_hash: null, by: 'ada', note: '', at: '2026-11-23T10:20:30Z' },
    10,
  ],
  [
    'quota.crossed',
    {
      quota: 'daily',
      bucket: 'daily:ada',
      spent_percent: 100,
      balance_nanodollars: '0',
      capacity_nanodollars: '1',
      at: '2026-11-23T10:20:30Z',
    },
    13,
  ],
  [
    'kill_switch',
    {
      change: 'set',
      id: 'k',
      kind: 'login',
      value: 'ada',
      reason: '',
      by: 'bob',
      at: '2026-11-23T10:20:30Z',
      until: null,
    },
    17,
  ],
  ['something.new', { a: { b: [1, 'x', 1.5, null] }, at: 5 }, 9],
])('the event %s is a log record of its severity, without a trace', (kind, data, severityNumber) => {
  const delivery: Delivery = {
    id: '019aafc0-b5db-7000-8abc-0123456789ab',
    destination: 'otlp.main.logs',
    sequence: 7,
    kind,
    payload: JSON.stringify(data),
    attempts: 0,
    rejections: 0,
    createdAtMs: Date.UTC(2026, 10, 23, 10, 20, 31),
  };
  const logRecords = [logRecordOf(delivery)];
  const json: unknown = JSON.parse(
    JSON.stringify({ resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords }] }] }),
  );
  const [log] = readLogs(json);
  const happened = kind === 'something.new' ? '1795429231000000000' : '1795429230000000000';
  expect(log).toMatchObject({
    eventName: `aperture.${kind}`,
    severityNumber,
    timeUnixNano: happened,
    observedTimeUnixNano: '1795429231000000000',
    attributes: { 'aperture.event.id': delivery.id, 'aperture.event.sequence': 7 },
  });
  expect(log).not.toHaveProperty('traceId');
  if (kind === 'something.new') expect(log!.attributes['aperture.a']).toEqual({ b: [1, 'x', 1.5] });
});

test('what a registry has is told as it is: sums since the start, gauges, buckets of their own', async () => {
  const registry = new Registry();
  const registers = [registry];
  new Counter({ name: 'x_total', help: 'h', labelNames: ['a'], registers }).inc({ a: 'b' }, 3);
  new Gauge({ name: 'x_bytes', help: 'h', registers }).set(1.5);
  new Gauge({ name: 'x_unknown', help: 'h', registers }).set(Number.NaN);
  const histogram = new Histogram({ name: 'x_seconds', help: 'h', labelNames: ['a'], buckets: [1, 2, 4], registers });
  for (const value of [0.5, 1, 3, 9, 9]) histogram.observe({ a: 'b' }, value);
  const own = (await registry.getMetricsAsJSON()) as unknown as Measured[];
  const metrics = metricsOf({ atMs: 2000, startedAtMs: 1000, own, genAi: [], genAiStartedAtMs: 1000 }, {});
  const json: unknown = JSON.parse(
    JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics }] }] }),
  );
  const time = { startTimeUnixNano: '1000000000', timeUnixNano: '2000000000' };
  const attributes = [{ key: 'a', value: { stringValue: 'b' } }];
  expect(readMetrics(json)).toMatchObject([
    {
      name: 'x_total',
      unit: '',
      sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: [{ ...time, attributes, asDouble: 3 }] },
    },
    { name: 'x_bytes', unit: 'By', gauge: { dataPoints: [{ timeUnixNano: '2000000000', asDouble: 1.5 }] } },
    {
      name: 'x_seconds',
      unit: 's',
      histogram: {
        aggregationTemporality: 2,
        dataPoints: [
          { ...time, attributes, count: '5', sum: 22.5, explicitBounds: [1, 2, 4], bucketCounts: ['2', '0', '1', '2'] },
        ],
      },
    },
  ]);
});

const ASK = { type: 'text', content: 'ask' };
const CALL = { type: 'tool_call', id: 'c1', name: 'look', arguments: { at: 'a' } };
const RESULT = { type: 'tool_call_response', id: 'c1', response: 'seen' };
const SAY = { type: 'text', content: 'say' };
const image = 'data:image/png;base64,canary';

test.each<[string, unknown, unknown, string]>([
  [
    'chat',
    {
      messages: [
        { role: 'system', content: 'be' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'ask' },
            { type: 'image_url', image_url: { url: image } },
          ],
        },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c1', function: { name: 'look', arguments: '{"at":"a"}' } }],
        },
        { role: 'tool', tool_call_id: 'c1', content: 'seen' },
      ],
    },
    { choices: [{ message: { role: 'assistant', content: 'say' }, finish_reason: 'stop' }] },
    'image_url',
  ],
  [
    'responses',
    {
      instructions: 'be',
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'ask' },
            { type: 'input_image', image_url: image },
          ],
        },
        { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{"at":"a"}' },
        { type: 'function_call_output', call_id: 'c1', output: 'seen' },
      ],
    },
    {
      output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'say' }] }],
      status: 'stop',
    },
    'input_image',
  ],
  [
    'messages',
    {
      system: [{ type: 'text', text: 'be' }],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'ask' },
            { type: 'image', source: { data: image } },
          ],
        },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'c1', name: 'look', input: { at: 'a' } }] },
        {
          role: 'user',
          content: [{ type: 'tool_result', tool_use_id: 'c1', content: [{ type: 'text', text: 'seen' }] }],
        },
      ],
    },
    { role: 'assistant', content: [{ type: 'text', text: 'say' }], stop_reason: 'stop' },
    'image',
  ],
  [
    'gemini',
    {
      systemInstruction: { parts: [{ text: 'be' }] },
      contents: [
        { role: 'user', parts: [{ text: 'ask' }, { inlineData: { data: image } }] },
        { role: 'model', parts: [{ functionCall: { id: 'c1', name: 'look', args: { at: 'a' } } }] },
        { role: 'user', parts: [{ functionResponse: { id: 'c1', response: 'seen' } }] },
      ],
    },
    { candidates: [{ content: { parts: [{ text: 'say' }] }, finishReason: 'stop' }] },
    'inlineData',
  ],
  [
    'converse',
    {
      system: [{ text: 'be' }],
      messages: [
        { role: 'user', content: [{ text: 'ask' }, { image: { source: { bytes: image } } }] },
        { role: 'assistant', content: [{ toolUse: { toolUseId: 'c1', name: 'look', input: { at: 'a' } } }] },
        { role: 'user', content: [{ toolResult: { toolUseId: 'c1', content: [{ text: 'seen' }] } }] },
      ],
    },
    { output: { message: { role: 'assistant', content: [{ text: 'say' }] } }, stopReason: 'stop' },
    'image',
  ],
])('messages of %s are read, and no image with them', (api, request, response, type) => {
  const said = messagesOf(request, response);
  const system = [{ type: 'text', content: 'be' }];
  // Where the API has them among the messages, they stay there.
  expect(api === 'chat' ? said.input.shift()?.parts : said.system).toEqual(system);
  expect(said.input.map(({ parts }) => parts)).toEqual([[ASK, { type }], [CALL], [RESULT]]);
  expect(said.output).toEqual([{ role: 'assistant', parts: [SAY], finish_reason: 'stop' }]);
  expect(JSON.stringify(said)).not.toContain('canary');
});

test('texts alone are messages, long ones are cut, and what is neither says nothing', () => {
  const long = `${'a'.repeat(16_383)}\u{1F600}`;
  expect(messagesOf({ prompt: long }, { choices: [{ text: 'say', finish_reason: 'length' }] })).toEqual({
    system: [],
    input: [{ role: 'user', parts: [{ type: 'text', content: `${'a'.repeat(16_383)}\uFFFD…` }] }],
    output: [{ role: 'assistant', parts: [SAY], finish_reason: 'length' }],
  });
  expect(messagesOf(null, undefined)).toEqual({ system: [], input: [], output: [] });
  expect(messagesOf([1, 'x'], { content: 7 })).toEqual({ system: [], input: [], output: [] });
});
