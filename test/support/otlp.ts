import { createServer } from 'node:http';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { z } from 'zod';

/**
 * OTLP's messages in JSON, from the protocol's definitions (opentelemetry-proto) and the rules of its JSON encoding: ids
 * are hex, 64-bit numbers are text, enums are numbers, members are in camel case, and a member that the definitions do not
 * have is an error. Nothing here comes from the gateway's code.
 */
const uint64 = z.string().regex(/^\d{1,20}$/);
const int64 = z.string().regex(/^-?\d{1,19}$/);
const uint32 = z.int().min(0).max(0xffffffff);
const traceId = z.string().regex(/^(?!0{32})[0-9a-f]{32}$/);
const spanId = z.string().regex(/^(?!0{16})[0-9a-f]{16}$/);

export type AnyValue =
  | { stringValue: string }
  | { boolValue: boolean }
  | { intValue: string }
  | { doubleValue: number }
  | { arrayValue: { values: AnyValue[] } }
  | { kvlistValue: { values: { key: string; value: AnyValue }[] } };

const AnyValue: z.ZodType<AnyValue> = z.lazy(() =>
  z.union([
    z.strictObject({ stringValue: z.string() }),
    z.strictObject({ boolValue: z.boolean() }),
    z.strictObject({ intValue: int64 }),
    z.strictObject({ doubleValue: z.number() }),
    z.strictObject({ arrayValue: z.strictObject({ values: z.array(AnyValue) }) }),
    z.strictObject({ kvlistValue: z.strictObject({ values: z.array(KeyValue) }) }),
  ]),
);
const KeyValue = z.strictObject({ key: z.string().min(1), value: AnyValue });
const Attributes = z.array(KeyValue).refine((list) => new Set(list.map(({ key }) => key)).size === list.length);

const Resource = z.strictObject({ attributes: Attributes });
const Scope = z.strictObject({ name: z.string(), version: z.string() });

const Span = z.strictObject({
  traceId,
  spanId,
  traceState: z.string().optional(),
  parentSpanId: spanId.optional(),
  flags: uint32,
  name: z.string().min(1),
  kind: z.int().min(1).max(5),
  startTimeUnixNano: uint64,
  endTimeUnixNano: uint64,
  attributes: Attributes,
  status: z.strictObject({ message: z.string().optional(), code: z.int().min(0).max(2).optional() }),
});

const LogRecord = z.strictObject({
  timeUnixNano: uint64,
  observedTimeUnixNano: uint64,
  severityNumber: z.int().min(1).max(24),
  severityText: z.string(),
  body: AnyValue,
  attributes: Attributes,
  flags: uint32.optional(),
  traceId: traceId.optional(),
  spanId: spanId.optional(),
  eventName: z.string().optional(),
});

const NumberPoint = z.strictObject({
  attributes: Attributes,
  startTimeUnixNano: uint64.optional(),
  timeUnixNano: uint64,
  asDouble: z.number(),
});
const HistogramPoint = z
  .strictObject({
    attributes: Attributes,
    startTimeUnixNano: uint64,
    timeUnixNano: uint64,
    count: uint64,
    sum: z.number(),
    bucketCounts: z.array(uint64),
    explicitBounds: z.array(z.number()),
  })
  .refine(({ bucketCounts, explicitBounds }) => bucketCounts.length === explicitBounds.length + 1)
  .refine(({ explicitBounds: bounds }) => bounds.every((bound, at) => at === 0 || bound > (bounds[at - 1] ?? 0)))
  .refine(({ bucketCounts, count }) => bucketCounts.reduce((sum, each) => sum + Number(each), 0) === Number(count));
const named = { name: z.string().min(1), description: z.string(), unit: z.string() };
const Metric = z.union([
  z.strictObject({ ...named, gauge: z.strictObject({ dataPoints: z.array(NumberPoint).min(1) }) }),
  z.strictObject({
    ...named,
    sum: z.strictObject({
      dataPoints: z.array(NumberPoint).min(1),
      aggregationTemporality: z.int().min(1).max(2),
      isMonotonic: z.boolean(),
    }),
  }),
  z.strictObject({
    ...named,
    histogram: z.strictObject({
      dataPoints: z.array(HistogramPoint).min(1),
      aggregationTemporality: z.int().min(1).max(2),
    }),
  }),
]);

const Traces = z.strictObject({
  resourceSpans: z.array(
    z.strictObject({
      resource: Resource,
      scopeSpans: z.array(z.strictObject({ scope: Scope, spans: z.array(Span).min(1) })),
    }),
  ),
});
const Logs = z.strictObject({
  resourceLogs: z.array(
    z.strictObject({
      resource: Resource,
      scopeLogs: z.array(z.strictObject({ scope: Scope, logRecords: z.array(LogRecord).min(1) })),
    }),
  ),
});
const Metrics = z.strictObject({
  resourceMetrics: z.array(
    z.strictObject({
      resource: Resource,
      scopeMetrics: z.array(z.strictObject({ scope: Scope, metrics: z.array(Metric).min(1) })),
    }),
  ),
});

type Plain = Record<string, unknown>;
/** Attributes as plain values: whole numbers as numbers. */
export type TestSpan = Omit<z.output<typeof Span>, 'attributes'> & { attributes: Plain; resource: Plain };
export type TestLog = Omit<z.output<typeof LogRecord>, 'attributes'> & { attributes: Plain; resource: Plain };
export type TestMetric = z.output<typeof Metric> & { resource: Plain };

export function readTraces(json: unknown): TestSpan[] {
  return Traces.parse(json).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({ ...span, attributes: plain(span.attributes), resource: plain(resource.attributes) })),
    ),
  );
}

export function readLogs(json: unknown): TestLog[] {
  return Logs.parse(json).resourceLogs.flatMap(({ resource, scopeLogs }) =>
    scopeLogs.flatMap(({ logRecords }) =>
      logRecords.map((one) => ({ ...one, attributes: plain(one.attributes), resource: plain(resource.attributes) })),
    ),
  );
}

export function readMetrics(json: unknown): TestMetric[] {
  return Metrics.parse(json).resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) =>
      metrics.map((metric) => ({ ...metric, resource: plain(resource.attributes) })),
    ),
  );
}

export function plain(list: readonly { key: string; value: AnyValue }[]): Plain {
  return Object.fromEntries(list.map(({ key, value }) => [key, plainValue(value)]));
}

function plainValue(value: AnyValue): unknown {
  if ('arrayValue' in value) return value.arrayValue.values.map(plainValue);
  if ('kvlistValue' in value) return plain(value.kvlistValue.values);
  if ('intValue' in value) return Number(value.intValue);
  return Object.values(value)[0] as unknown;
}

/** A request as it came. */
export interface Exported {
  path: string;
  headers: IncomingHttpHeaders;
  json: unknown;
}

/** A receiver of OTLP/HTTP on a real socket. */
export interface TestCollector {
  url: string;
  /** All that came, also what was not taken. */
  exported: Exported[];
  /** Of what was taken, in its order; what came twice, twice. What is no OTLP fails the test that looks. */
  spans(): TestSpan[];
  logs(): TestLog[];
  metrics(): TestMetric[][];
  /** Answers from now on; by default it takes everything. True: it was taken. */
  answer: (response: ServerResponse, exported: Exported) => boolean;
  close(): Promise<void>;
}

export async function startCollector(): Promise<TestCollector> {
  const exported: Exported[] = [];
  const taken: Exported[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const bytes = Buffer.concat(chunks);
      const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes;
      const one = { path: request.url ?? '', headers: request.headers, json: JSON.parse(body.toString()) as unknown };
      exported.push(one);
      if (collector.answer(response, one)) taken.push(one);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const of = (path: string): unknown[] => taken.filter((one) => one.path === path).map(({ json }) => json);
  const collector: TestCollector = {
    url: `http://127.0.0.1:${port}/base`,
    exported,
    spans: () => of('/base/v1/traces').flatMap(readTraces),
    logs: () => of('/base/v1/logs').flatMap(readLogs),
    metrics: () => of('/base/v1/metrics').map(readMetrics),
    answer: takeAll,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
  return collector;
}

export function takeAll(response: ServerResponse): boolean {
  response.setHeader('content-type', 'application/json').end('{}');
  return true;
}
