import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { Delivery } from '../../../src/contract/delivery.ts';
import type { EgressRequest } from '../../../src/contract/egress.ts';
import { REQUEST_SPAN } from '../../../src/contract/event.ts';
import type { ExchangeRecord } from '../../../src/contract/record.ts';
import type { Batch } from '../../../src/sinks/destination.ts';
import { createOtlpLogs, createOtlpTraces } from '../../../src/sinks/otlp/destination.ts';
import type { OtlpSettings } from '../../../src/sinks/otlp/settings.ts';
import { recordEventsFor } from '../../../src/sinks/record-events.ts';
import { readLogs, readTraces } from '../../support/otlp.ts';
import { aRecord } from '../../support/records.ts';

const filter = { logins: [], groups: [], models: [], providers: [], states: [] };
const target = { origin: 'https://otel.example', path: '/v1/traces', host: 'otel.example', plainHttp: false };
const settings: OtlpSettings = {
  name: 'main',
  targets: { traces: target, logs: target },
  headers: [['x-team', 'secret']],
  events: ['request.closed'],
  filter,
  content: false,
  resource: { 'service.name': 'mine' },
  batch: { most: 200, waitMs: 0 },
  intervalMs: 1000,
  timeoutMs: 7_000,
  gzip: true,
  providers: {},
};
const refused = new Map<string, number>();
const parts = {
  version: '1.2.3',
  refused: (name: string, count: number): void => {
    refused.set(name, count);
  },
  contentOf: (_: Batch, ids: readonly string[]) =>
    Promise.resolve(new Map([[ids[0] ?? '', [{ key: 'said', value: { stringValue: 'hello' } }]]])),
};

function deliveries(kind: string, ...records: ExchangeRecord[]): Batch {
  const all = recordEventsFor([{ destination: 'otlp.main', events: [kind], filter }])(records).map(
    (delivery, at): Delivery => ({
      id: `00000000-0000-7000-8000-00000000000${at}`,
      sequence: at + 1,
      attempts: 0,
      rejections: 0,
      createdAtMs: 0,
      ...delivery,
    }),
  );
  const [first, ...rest] = all;
  if (first === undefined) throw new Error('nothing is to be told');
  return [first, ...rest];
}

function bodyOf({ body }: EgressRequest): unknown {
  const bytes = body instanceof Uint8Array ? gunzipSync(body) : Buffer.from(body ?? '');
  return JSON.parse(bytes.toString()) as unknown;
}

test('a message has the spans of several gateways, each under its own, and what was said only where it is to be', async () => {
  const batch = deliveries(REQUEST_SPAN, aRecord(), aRecord({ gateway: 'gateway-b' }), aRecord());
  const request = await createOtlpTraces(settings, target, parts).request(batch);
  expect(request).toMatchObject({ destination: 'otlp.main.traces', method: 'POST', target, totalMs: 7_000 });
  expect(Object.fromEntries(request.headers)).toEqual({
    'content-type': 'application/json',
    'content-encoding': 'gzip',
    accept: 'application/json',
    'user-agent': 'aperture-gateway',
    'x-team': 'secret',
  });
  const spans = readTraces(bodyOf(request));
  expect(spans.filter(({ kind }) => kind === 2).map(({ resource }) => resource)).toEqual(
    ['gateway-a', 'gateway-a', 'gateway-b'].map((gateway) => ({
      'service.name': 'mine',
      'service.version': '1.2.3',
      'service.instance.id': gateway,
    })),
  );
  expect(spans.some(({ attributes }) => 'said' in attributes)).toBe(false);

  const telling = createOtlpTraces({ ...settings, content: true, gzip: false }, target, parts);
  // Prompts are long: fewer requests go together.
  expect(telling.batch.most).toBe(32);
  const told = readTraces(bodyOf(await telling.request(batch)));
  expect(told.filter(({ attributes }) => attributes['said'] === 'hello').map(({ kind }) => kind)).toEqual([2]);
});

test('a log record has the trace that the client said', async () => {
  const trace = { trace_id: 'a'.repeat(32), span_id: 'b'.repeat(16), flags: 0 };
  const record = aRecord({ trace });
  const destination = createOtlpLogs(settings, target, parts);
  const [log] = readLogs(bodyOf(await destination.request(deliveries('request.closed', record))));
  expect(log).toMatchObject({
    traceId: trace.trace_id,
    spanId: record.id.replaceAll('-', '').slice(16),
    flags: 0,
    eventName: 'aperture.request.closed',
    attributes: { 'aperture.id': record.id, 'aperture.usage': { output: 600 } },
  });
  expect(log!.attributes).not.toHaveProperty('aperture.trace');
});

test.each([
  ['{"partialSuccess":{"rejectedSpans":"3","errorMessage":"x"}}', 3],
  ['{"partialSuccess":{"rejectedSpans":3}}', 3],
  ['{"partialSuccess":{"rejectedLogRecords":"2"}}', 2],
  ['{"partialSuccess":{}}', 0],
  ['{}', 0],
  ['', 0],
  ['<html>', 0],
  ['{"partialSuccess":{"rejectedSpans":"-5"}}', 0],
])('of the answer %s, so many were thrown away: %d', (text, count) => {
  createOtlpTraces(settings, target, parts).taken?.({ status: 200, headers: [], body: Buffer.from(text), cut: false });
  expect(refused.get('otlp.main.traces')).toBe(count);
});

test('a payload that is no request is not sent', async () => {
  const [delivery] = deliveries(REQUEST_SPAN, aRecord());
  const destination = createOtlpTraces(settings, target, parts);
  const sent = Promise.resolve().then(() => destination.request([{ ...delivery, payload: '{"id":7}' }]));
  await expect(sent).rejects.toThrow();
});
