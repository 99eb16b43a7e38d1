import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { ExportState } from '../export/messages.ts';
import { grown } from './grown.ts';

/** How the export to a bucket stands. Nothing of it is there before a bucket is configured. */
export class ExportMetrics {
  readonly #registry: Registry;
  #metrics: Metrics | undefined;
  #before: ExportState | undefined;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  take(state: ExportState): void {
    this.#metrics ??= register(this.#registry);
    const { waiting, lastSuccess, files, failures } = this.#metrics;
    waiting.set(state.waiting);
    lastSuccess.set((state.lastSuccessAtMs ?? 0) / 1000);
    files.inc(grown(state.files, this.#before?.files));
    failures.inc(grown(state.failures, this.#before?.failures));
    this.#before = state;
  }
}

interface Metrics {
  waiting: Gauge;
  lastSuccess: Gauge;
  files: Counter;
  failures: Counter;
}

function register(registry: Registry): Metrics {
  const registers = [registry];
  const gauge = (name: string, help: string): Gauge => new Gauge({ name: `aperture_export_${name}`, help, registers });
  const total = (name: string, help: string): Counter =>
    new Counter({ name: `aperture_export_${name}_total`, help, registers });
  return {
    waiting: gauge('waiting_records', 'Records that no bucket has yet; counted up to a million'),
    lastSuccess: gauge('last_success_seconds', 'Unix time of the last upload, by any process; 0 before the first'),
    files: total('files', 'Files that this process has uploaded'),
    failures: total('failures', 'Uploads by this process that failed'),
  };
}
