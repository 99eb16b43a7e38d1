import type { Registry } from 'prom-client';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { DeliverySettings } from '../sinks/messages.ts';
import { exportOf } from '../../config/export.ts';
import type { AwsCredentials } from '../../config/environment.ts';
import { hookDestinationsOf } from '../../config/rules.ts';
import type { Config } from '../../config/schema.ts';
import { deliveriesOf } from '../../config/slices.ts';
import { builtFile } from './built-file.ts';
import { DeliveriesThread } from './deliveries-thread.ts';
import { DeliveryMetrics } from './delivery-metrics.ts';
import { ExportMetrics } from './export-metrics.ts';
import { ExportThread } from './export-thread.ts';
import { OtlpMetrics } from './otlp-metrics.ts';

/**
 * The threads that hand on to others what is in the database: to webhooks, hooks and OpenTelemetry, and to a bucket. And what
 * OpenTelemetry is told of metrics, which are in no database.
 */
export class Outlets {
  readonly deliveries: DeliveriesThread;
  readonly exporter: ExportThread;
  readonly otlpMetrics: OtlpMetrics;
  readonly #aws: AwsCredentials | undefined;

  constructor(
    parts: {
      workerData: Record<string, unknown>;
      aws: AwsCredentials | undefined;
      registry: Registry;
      clock: Clock;
      log: Log;
    },
    config: Config,
  ) {
    const { workerData, registry, log } = parts;
    this.#aws = parts.aws;
    const deliveryMetrics = new DeliveryMetrics(registry);
    this.otlpMetrics = new OtlpMetrics(registry, parts.clock);
    this.otlpMetrics.reconfigure(toldOf(config));
    this.deliveries = new DeliveriesThread({
      file: builtFile('deliveries'),
      workerData,
      settings: toldOf(config),
      log,
      onState: (state) => {
        deliveryMetrics.take(state);
      },
      snapshot: () => this.otlpMetrics.snapshot(),
    });
    const exportMetrics = new ExportMetrics(registry);
    this.exporter = new ExportThread(
      {
        file: builtFile('export'),
        workerData,
        log,
        onState: (state) => {
          exportMetrics.take(state);
        },
      },
      exportOf(config, parts.aws),
    );
  }

  reconfigure(config: Config): void {
    this.otlpMetrics.reconfigure(toldOf(config));
    this.deliveries.reconfigure(toldOf(config));
    this.exporter.reconfigure(exportOf(config, this.#aws));
  }

  /** What they have not handed on by then, the database has. */
  async drain(withinMs: number): Promise<void> {
    await Promise.all([this.deliveries.drain(withinMs), this.exporter.drain(withinMs)]);
  }

  async close(): Promise<void> {
    await Promise.all([this.deliveries.close(), this.exporter.close()]);
  }
}

/** Webhooks of every exchange, and hooks of those whose grants name them. */
function toldOf(config: Config): DeliverySettings {
  return { ...deliveriesOf(config), hooks: hookDestinationsOf(config) };
}
