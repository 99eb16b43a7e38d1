import { Histogram, Registry } from 'prom-client';
import type { ExchangeRecord } from '../contract/record.ts';
import { totalInput, totalOutput } from '../contract/usage.ts';

/** Bounds of the conventions: they are part of what a metric of this name is. */
const TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];
const SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const FIRST_TOKEN_SECONDS = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** Models with series of their own. Only routed requests are measured, so these are models of the config, as a rule. */
const MODELS = 200;
const OTHER_MODEL = '_OTHER';

type Label = 'api' | 'provider' | 'model' | 'error' | 'token_type';

/**
 * The metrics of OpenTelemetry's conventions for generative AI, made only where an exporter sends them (`sinks/otlp`, which
 * gives them and their labels the names of the conventions). We are both sides: a client of the provider, and the server
 * of our clients.
 */
export class GenAiMetrics {
  readonly startedAtMs: number;
  readonly registry = new Registry();
  readonly #tokens = this.#histogram('gen_ai_client_token_usage', 'Tokens used, as the provider counts them', TOKENS, [
    'token_type',
  ]);
  readonly #operation = this.#histogram(
    'gen_ai_client_operation_duration',
    'From the first attempt at a provider to the end of its answer',
    SECONDS,
    ['error'],
  );
  readonly #request = this.#histogram('gen_ai_server_request_duration', 'From acceptance to the last byte', SECONDS, [
    'error',
  ]);
  readonly #firstToken = this.#histogram(
    'gen_ai_server_time_to_first_token',
    'From acceptance to the first byte of a stream that succeeded',
    FIRST_TOKEN_SECONDS,
    [],
  );
  readonly #models = new Set<string>();

  constructor(nowMs: number) {
    this.startedAtMs = nowMs;
  }

  /** Of what was refused before a provider there is nothing to measure here. */
  record(record: ExchangeRecord): void {
    const { attempts, provider, received_at, first_byte_at, ended_at } = record;
    const [first] = attempts;
    if (first === undefined) return;
    const common = { api: record.api, provider, model: this.#modelOf(record.model) };
    const failed = { ...common, ...errorOf(record) };
    this.#operation.observe(failed, Math.max(0, ended_at - first.started_at_ms) / 1000);
    this.#request.observe(failed, (ended_at - received_at) / 1000);
    if (record.stream && record.state === 'complete' && first_byte_at !== null) {
      this.#firstToken.observe(common, (first_byte_at - received_at) / 1000);
    }
    const { usage, usage_state } = record;
    // What we have estimated, the provider has not counted.
    if (usage === null || usage_state === 'estimated') return;
    this.#tokens.observe({ ...common, token_type: 'input' }, totalInput(usage));
    this.#tokens.observe({ ...common, token_type: 'output' }, totalOutput(usage));
  }

  #modelOf(model: string): string {
    if (this.#models.has(model)) return model;
    if (this.#models.size >= MODELS) return OTHER_MODEL;
    this.#models.add(model);
    return model;
  }

  #histogram(name: string, help: string, buckets: number[], more: Label[]): Histogram<Label> {
    const labelNames: Label[] = ['api', 'provider', 'model', ...more];
    return new Histogram({ name, help, buckets, labelNames, registers: [this.registry] });
  }
}

/** A status or a state: both are few. */
function errorOf({ state, status }: ExchangeRecord): { error?: string } {
  if (state === 'complete') return {};
  return { error: status >= 400 ? String(status) : state };
}
