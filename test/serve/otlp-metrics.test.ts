import { Counter, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { GenAiMetrics } from '../../src/serve/gen-ai-metrics.ts';
import { OtlpMetrics } from '../../src/serve/otlp-metrics.ts';
import { metricsOf } from '../../src/sinks/otlp/metrics.ts';
import type { Sample } from '../../src/sinks/otlp/metrics.ts';
import type { DeliverySettings } from '../../src/sinks/messages.ts';
import type { OtlpSettings } from '../../src/sinks/otlp/settings.ts';
import { HandClock } from '../support/hand-clock.ts';
import { readMetrics, plain } from '../support/otlp.ts';
import type { TestMetric } from '../support/otlp.ts';
import { aRecord } from '../support/records.ts';
import { until } from '../support/until.ts';

const target = { origin: 'http://127.0.0.1', path: '/v1/metrics', host: '127.0.0.1', plainHttp: true };
const NOTHING: DeliverySettings = { webhooks: [], allow: [], caFile: undefined };

function exporting(signal: 'traces' | 'metrics'): DeliverySettings {
  const settings: OtlpSettings = {
    name: 'main',
    targets: { [signal]: target },
    headers: [],
    events: [],
    filter: { logins: [], groups: [], models: [], providers: [], states: [] },
    content: false,
    resource: {},
    batch: { most: 1, waitMs: 0 },
    intervalMs: 1000,
    timeoutMs: 1000,
    gzip: true,
    providers: {},
  };
  return { ...NOTHING, otlp: [settings] };
}

async function toldBy(metrics: OtlpMetrics): Promise<TestMetric[]> {
  const resource = { attributes: [] };
  const scope = { name: 't', version: '1' };
  const told = metricsOf(await metrics.snapshot(), { anthropic: { address: 'api.anthropic.com', port: 443 } });
  const json: unknown = JSON.parse(
    JSON.stringify({ resourceMetrics: [{ resource, scopeMetrics: [{ scope, metrics: told }] }] }),
  );
  return readMetrics(json);
}

test('nothing is measured without an exporter of metrics, and from its config on with one', async () => {
  const registry = new Registry();
  new Counter({ name: 'x_total', help: 'h', registers: [registry] }).inc(2);
  const clock = new HandClock();
  const metrics = new OtlpMetrics(registry, clock);
  for (const settings of [NOTHING, exporting('traces')]) {
    metrics.reconfigure(settings);
    expect(metrics.record).toBeUndefined();
    expect((await metrics.snapshot()).genAi).toEqual([]);
  }

  metrics.reconfigure(exporting('metrics'));
  const record = await until('it measures', () => metrics.record);
  record(aRecord());
  record(aRecord({ state: 'error', status: 529, usage_state: 'estimated' }));
  record(aRecord({ state: 'denied', status: 403, attempts: [], provider: '' }));
  const told = await toldBy(metrics);
  const points = (name: string): Record<string, unknown>[] => {
    const metric = told.find((each) => each.name === name)!;
    if (!('histogram' in metric)) throw new Error(`${name} is no histogram`);
    return metric.histogram.dataPoints.map(({ attributes, count, sum }) => ({ ...plain(attributes), count, sum }));
  };
  const asked = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'anthropic',
    'gen_ai.request.model': 'claude-sonnet-4-5',
    'server.address': 'api.anthropic.com',
    'server.port': 443,
  };
  expect(points('gen_ai.client.token.usage')).toEqual([
    { ...asked, 'gen_ai.token.type': 'input', count: '1', sum: 2139 },
    { ...asked, 'gen_ai.token.type': 'output', count: '1', sum: 670 },
  ]);
  expect(points('gen_ai.server.request.duration')).toMatchObject([
    { ...asked, count: '1', sum: 1.00025 },
    { ...asked, 'error.type': '529', count: '1' },
  ]);
  expect(points('gen_ai.client.operation.duration')).toHaveLength(2);
  expect(points('gen_ai.server.time_to_first_token')).toMatchObject([{ ...asked, count: '1', sum: 0.2505 }]);
  expect(told.find(({ name }) => name === 'x_total')).toMatchObject({ sum: { dataPoints: [{ asDouble: 2 }] } });

  metrics.reconfigure(NOTHING);
  expect(metrics.record).toBeUndefined();
});

test('of models, only so many have series of their own', async () => {
  const metrics = new GenAiMetrics(0);
  for (let model = 0; model < 250; model += 1) metrics.record(aRecord({ model: `m${model}` }));
  metrics.record(aRecord({ model: 'm0' }));
  const [tokens] = await metrics.registry.getMetricsAsJSON();
  const values = (tokens?.values ?? []) as Sample[];
  const counts = values.filter(
    ({ metricName, labels }) => metricName?.endsWith('_count') && labels['token_type'] === 'input',
  );
  const of = (model: string): number | undefined => counts.find(({ labels }) => labels['model'] === model)?.value;
  expect(counts).toHaveLength(201);
  expect([of('m0'), of('m199'), of('_OTHER')]).toEqual([2, 1, 50]);
});
