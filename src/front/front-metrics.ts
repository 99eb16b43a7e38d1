import { Counter, Gauge, Histogram } from 'prom-client';
import type { Registry } from 'prom-client';
import type { BatchUsage } from '../contract/batch.ts';
import type { FaultCode } from '../contract/fault.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import { USAGE_KINDS } from '../contract/usage.ts';
import { Lru } from '../lib/lru.ts';

/** Powers of about two from a tenth of a millisecond: what the gateway itself adds. */
const OVERHEAD_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
/** From a fast unary reply to a long agent turn. */
const DURATION_SECONDS = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800];

/**
 * Responses whose usage was counted. One that is told of again after so many others, or after a restart, is counted
 * again: the database counts exactly.
 */
const RESPONSES_REMEMBERED = 65_536;

/**
 * The front door's metrics. Labels are bounded: APIs, states and fault codes are closed lists, providers come from
 * config, as do rules. Logins and models are in the database, never in a label (failure-modes row 44).
 */
export class FrontMetrics {
  readonly registry: Registry;
  readonly #requests: Counter<'api' | 'provider' | 'state'>;
  readonly #refused: Counter<'code'>;
  readonly #duration: Histogram<'api'>;
  readonly #firstByte: Histogram<'api'>;
  readonly #overhead: Histogram;
  readonly #tokens: Counter<'provider' | 'kind'>;
  readonly #cost: Counter<'provider'>;
  readonly #unpriced: Counter<'provider'>;
  readonly #verdicts: Counter<'rule' | 'side' | 'action' | 'shadow'>;
  readonly #ruleSeconds: Histogram<'type'>;
  readonly #usageStates: Counter<'provider' | 'usage_state'>;
  readonly #told = new Lru<string, 'by its own' | 'late'>(RESPONSES_REMEMBERED);

  constructor(registry: Registry) {
    this.registry = registry;
    const registers = [registry];
    this.#requests = new Counter({
      name: 'aperture_requests_total',
      help: 'Accepted requests, by how they ended',
      labelNames: ['api', 'provider', 'state'],
      registers,
    });
    this.#refused = new Counter({
      name: 'aperture_refused_total',
      help: 'Requests answered by the gateway itself, by the fault',
      labelNames: ['code'],
      registers,
    });
    this.#duration = new Histogram({
      name: 'aperture_request_duration_seconds',
      help: 'From acceptance to the last byte',
      labelNames: ['api'],
      buckets: DURATION_SECONDS,
      registers,
    });
    this.#firstByte = new Histogram({
      name: 'aperture_first_byte_seconds',
      help: "From acceptance to the provider's first body byte",
      labelNames: ['api'],
      buckets: DURATION_SECONDS,
      registers,
    });
    this.#overhead = new Histogram({
      name: 'aperture_overhead_seconds',
      help: "What the gateway adds: from acceptance to the send upstream, and from the provider's head to its release",
      buckets: OVERHEAD_SECONDS,
      registers,
    });
    this.#tokens = new Counter({
      name: 'aperture_tokens_total',
      help: 'Tokens by kind (disjoint)',
      labelNames: ['provider', 'kind'],
      registers,
    });
    this.#cost = new Counter({
      name: 'aperture_cost_dollars_total',
      help: 'Known cost; rounded by the exposition format, exact in the database',
      labelNames: ['provider'],
      registers,
    });
    this.#unpriced = new Counter({
      name: 'aperture_unknown_cost_total',
      help: 'Requests with usage but without a known price',
      labelNames: ['provider'],
      registers,
    });
    this.#verdicts = new Counter({
      name: 'aperture_guardrail_verdicts_total',
      help: 'Verdicts of hooks and built-in rules, by rule, side and what came of it; error: it could not judge',
      labelNames: ['rule', 'side', 'action', 'shadow'],
      registers,
    });
    this.#ruleSeconds = new Histogram({
      name: 'aperture_guardrail_seconds',
      help: 'How long a hook or rule worked on one side of an exchange; waiting for the provider is not counted',
      labelNames: ['type'],
      buckets: OVERHEAD_SECONDS,
      registers,
    });
    this.#usageStates = new Counter({
      name: 'aperture_usage_state_total',
      help: "Accepted requests by what is known of their usage: the provider's last word, a part, an estimate, nothing",
      labelNames: ['provider', 'usage_state'],
      registers,
    });
  }

  /** A gauge read when metrics are rendered. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }

  /** A counter kept elsewhere, read when metrics are rendered. */
  total(name: string, help: string, read: () => number): void {
    let before = 0;
    new Counter({
      name,
      help,
      registers: [this.registry],
      collect() {
        const now = read();
        if (now > before) this.inc(now - before);
        before = now;
      },
    });
  }

  refused(code: FaultCode): void {
    this.#refused.inc({ code });
  }

  overhead(ms: number): void {
    this.#overhead.observe(ms / 1000);
  }

  record(record: ExchangeRecord): void {
    const { api, provider, state } = record;
    this.#requests.inc({ api, provider, state });
    this.#duration.observe({ api }, (record.ended_at - record.received_at) / 1000);
    if (record.first_byte_at !== null) {
      this.#firstByte.observe({ api }, (record.first_byte_at - record.received_at) / 1000);
    }
    this.#usageStates.inc({ provider, usage_state: record.usage_state });
    for (const { rule, type, side, action, shadow, took_ms } of record.verdicts) {
      this.#verdicts.inc({ rule, side, action, shadow: String(shadow) });
      this.#ruleSeconds.observe({ type }, took_ms / 1000);
    }
    if (this.#isTold(record)) return;
    for (const { usage, cost_nanodollars } of record.batch_usage?.sums ?? [record.late_usage ?? record]) {
      if (usage === null) continue;
      for (const kind of USAGE_KINDS) {
        if (usage[kind] > 0) this.#tokens.inc({ provider, kind }, usage[kind]);
      }
      if (cost_nanodollars === null) this.#unpriced.inc({ provider });
      else this.#cost.inc({ provider }, Number(cost_nanodollars) / 1e9);
    }
  }

  /** A response is counted once: with the exchange that made it, or with the first that told of it late. */
  #isTold(record: ExchangeRecord): boolean {
    if (record.batch_usage !== undefined) return this.#isBatchTold(record, record.batch_usage);
    const late = record.late_usage;
    const id = late?.response_id ?? (record.usage === null ? null : record.response_id);
    if (id === null || (late === null && record.api !== 'openai_responses')) return false;
    const key = `${record.login} ${record.provider} ${id}`;
    const told = this.#told.get(key);
    this.#told.set(key, late === null ? 'by its own' : 'late');
    // An id that a provider gives twice is two responses, and each has its own usage.
    return late === null ? told === 'late' : told !== undefined;
  }

  /** The results of a batch are counted once, however often they are read. */
  #isBatchTold({ login, provider }: ExchangeRecord, { of, id, sums }: BatchUsage): boolean {
    if (sums.length === 0) return true;
    const key = `${login} ${provider} ${of} ${id}`;
    const told = this.#told.get(key);
    this.#told.set(key, 'late');
    return told !== undefined;
  }
}
