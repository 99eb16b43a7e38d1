import type { Registry } from 'prom-client';
import type { ExchangeRecord } from '../contract/record.ts';
import type { Clock } from '../lib/clock.ts';
import type { DeliverySettings } from '../sinks/messages.ts';
import type { Measured, Snapshot } from '../sinks/otlp/metrics.ts';
import type { GenAiMetrics } from './gen-ai-metrics.ts';

/** What metrics are, for the exporters that push them. Without one there is nothing here, and nothing is measured. */
export class OtlpMetrics {
  /** Told of every record once; undefined where nobody wants to know. */
  record: ((record: ExchangeRecord) => void) | undefined;
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #startedAtMs: number;
  #genAi: GenAiMetrics | undefined;
  #wanted = false;

  constructor(registry: Registry, clock: Clock) {
    this.#registry = registry;
    this.#clock = clock;
    this.#startedAtMs = clock.nowMs();
  }

  reconfigure({ otlp = [] }: DeliverySettings): void {
    const wanted = otlp.some(({ targets }) => targets.metrics !== undefined);
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    this.record = undefined;
    this.#genAi = undefined;
    if (wanted) void this.#load();
  }

  async snapshot(): Promise<Snapshot> {
    const genAi = this.#genAi;
    return {
      own: await readAll(this.#registry),
      genAi: genAi === undefined ? [] : await readAll(genAi.registry),
      atMs: this.#clock.nowMs(),
      startedAtMs: this.#startedAtMs,
      genAiStartedAtMs: genAi?.startedAtMs ?? this.#startedAtMs,
    };
  }

  async #load(): Promise<void> {
    const made = new (await import('./gen-ai-metrics.ts')).GenAiMetrics(this.#clock.nowMs());
    if (!this.#wanted || this.#genAi !== undefined) return;
    this.#genAi = made;
    this.record = (record) => {
      made.record(record);
    };
  }
}

/** As plain data, which crosses to another thread. */
async function readAll(registry: Registry): Promise<Measured[]> {
  const all = await registry.getMetricsAsJSON();
  return all.map(({ name, help, type, values }) => ({
    name,
    help,
    type: String(type),
    values: values.map(({ value, labels, ...more }) => ({
      value,
      labels: { ...labels },
      ...('metricName' in more && typeof more.metricName === 'string' ? { metricName: more.metricName } : {}),
    })),
  }));
}
