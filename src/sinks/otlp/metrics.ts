import { operationOf, providerNameOf } from './names.ts';
import type { OtlpProvider } from './names.ts';
import { attributes, CUMULATIVE, nanos } from './wire.ts';
import type { HistogramPoint, KeyValue, Metric, NumberPoint } from './wire.ts';

/** A metric as it stands in a registry of prom-client. */
export interface Measured {
  name: string;
  help: string;
  type: string;
  values: readonly Sample[];
}

export interface Sample {
  value: number;
  labels: Readonly<Record<string, string | number | undefined>>;
  /** Of a histogram's parts: its name, and `_bucket`, `_sum` or `_count`. */
  metricName?: string | undefined;
}

/** What all metrics of a process were at a moment. */
export interface Snapshot {
  atMs: number;
  /** Since when they count. */
  startedAtMs: number;
  /** As `/metrics` has them. */
  own: readonly Measured[];
  /** Those of the conventions; labels are `api`, `provider`, `model`, `token_type` and `error`. */
  genAi: readonly Measured[];
  genAiStartedAtMs: number;
}

export function metricsOf(snapshot: Snapshot, providers: Readonly<Record<string, OtlpProvider>>): Metric[] {
  const { atMs, startedAtMs, genAiStartedAtMs } = snapshot;
  const own = snapshot.own.flatMap((measured) => metricOf(measured, { atMs, startedAtMs, named: attributes }) ?? []);
  const named = (labels: Sample['labels']): KeyValue[] => genAiAttributes(labels, providers);
  const genAi = snapshot.genAi.flatMap((measured) => {
    const times = { atMs, startedAtMs: genAiStartedAtMs, named };
    return metricOf({ ...measured, name: GEN_AI_NAMES[measured.name] ?? measured.name }, times) ?? [];
  });
  return [...own, ...genAi];
}

/** prom-client takes no dots. */
export const GEN_AI_NAMES: Readonly<Record<string, string>> = {
  gen_ai_client_token_usage: 'gen_ai.client.token.usage',
  gen_ai_client_operation_duration: 'gen_ai.client.operation.duration',
  gen_ai_server_request_duration: 'gen_ai.server.request.duration',
  gen_ai_server_time_to_first_token: 'gen_ai.server.time_to_first_token',
};

interface Context {
  atMs: number;
  startedAtMs: number;
  named: (labels: Sample['labels']) => KeyValue[];
}

/** Undefined where nothing was measured yet, or the type is none of ours. */
function metricOf({ name, help, type, values }: Measured, context: Context): Metric | undefined {
  const head = { name, description: help, unit: unitOf(name) };
  switch (type) {
    case 'counter': {
      const dataPoints = numberPoints(values, context, nanos(context.startedAtMs));
      const sum = { dataPoints, aggregationTemporality: CUMULATIVE, isMonotonic: true } as const;
      return dataPoints.length === 0 ? undefined : { ...head, sum };
    }
    case 'gauge': {
      const dataPoints = numberPoints(values, context);
      return dataPoints.length === 0 ? undefined : { ...head, gauge: { dataPoints } };
    }
    case 'histogram': {
      const dataPoints = histogramPoints(values, context);
      return dataPoints.length === 0
        ? undefined
        : { ...head, histogram: { dataPoints, aggregationTemporality: CUMULATIVE } };
    }
    default:
      return undefined;
  }
}

/** Where the name says it; a unit that it does not say would become a part of the name in some stores. */
function unitOf(name: string): string {
  if (name === GEN_AI_NAMES['gen_ai_client_token_usage']) return '{token}';
  if (name.startsWith('gen_ai.') || /_seconds(?:_total)?$/.test(name)) return 's';
  return /_bytes(?:_total)?$/.test(name) ? 'By' : '';
}

/** A value that is not known (NaN in `/metrics`) is no value. */
function numberPoints(values: readonly Sample[], { atMs, named }: Context, start?: string): NumberPoint[] {
  return values
    .filter(({ value }) => Number.isFinite(value))
    .map(({ value, labels }) => ({
      attributes: named(labels),
      ...(start === undefined ? {} : { startTimeUnixNano: start }),
      timeUnixNano: nanos(atMs),
      asDouble: value,
    }));
}

/** prom-client counts in a bucket all that is below its bound; here each has its own. */
function histogramPoints(values: readonly Sample[], { atMs, startedAtMs, named }: Context): HistogramPoint[] {
  const series = new Map<string, Series>();
  for (const { value, labels, metricName = '' } of values) {
    const { le, ...rest } = labels;
    const key = JSON.stringify(rest);
    const one = series.get(key) ?? { labels: rest, bounds: [], upTo: [], count: 0, sum: 0 };
    series.set(key, one);
    if (metricName.endsWith('_sum')) one.sum = value;
    else if (metricName.endsWith('_count')) one.count = value;
    else if (le !== '+Inf') {
      one.bounds.push(Number(le));
      one.upTo.push(value);
    }
  }
  return [...series.values()].map(({ labels, bounds, upTo, count, sum }) => ({
    attributes: named(labels),
    startTimeUnixNano: nanos(startedAtMs),
    timeUnixNano: nanos(atMs),
    count: String(count),
    sum,
    bucketCounts: [...upTo, count].map((all, at) => String(all - (upTo[at - 1] ?? 0))),
    explicitBounds: bounds,
  }));
}

interface Series {
  labels: Sample['labels'];
  bounds: number[];
  /** Of each bound: all that is not above it. */
  upTo: number[];
  count: number;
  sum: number;
}

function genAiAttributes(
  { api, provider, model, token_type, error }: Sample['labels'],
  providers: Readonly<Record<string, OtlpProvider>>,
): KeyValue[] {
  const id = String(provider ?? '');
  const server = Object.hasOwn(providers, id) ? providers[id] : undefined;
  return attributes({
    'gen_ai.operation.name': operationOf(String(api)),
    'gen_ai.provider.name': providerNameOf(String(api), id, server),
    'gen_ai.request.model': model,
    'gen_ai.token.type': token_type,
    'error.type': error,
    'server.address': server?.address,
    'server.port': server?.port,
  });
}
