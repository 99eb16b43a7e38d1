import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { DestinationState, PushState } from '../sinks/messages.ts';
import type { DeliveriesState } from './deliveries-thread.ts';
import { grown } from './grown.ts';

const GAUGES: { name: string; help: string; read: (state: DestinationState) => number }[] = [
  { name: 'waiting', help: 'Deliveries that wait', read: ({ waiting }) => waiting },
  { name: 'oldest_seconds', help: 'Age of the oldest that waits', read: ({ oldestSeconds }) => oldestSeconds },
  { name: 'dead', help: 'Dead letters kept', read: ({ dead }) => dead },
  { name: 'failures', help: 'Failed attempts in a row', read: ({ failures }) => failures },
];

/** Deliveries by destination; the label has the names of the config, and no others. */
export class DeliveryMetrics {
  readonly #gauges: { gauge: Gauge<'destination'>; read: (state: DestinationState) => number }[];
  readonly #attempts: Counter<'destination' | 'outcome'>;
  readonly #dropped: Counter<'destination'>;
  readonly #takenBack: Counter<'destination'>;
  readonly #unconfigured: Gauge<'state'>;
  readonly #registry: Registry;
  /** Of OTLP exporters: not there before one is configured. */
  #otlp: OtlpCounters | undefined;
  #before = new Map<string, DestinationState>();
  #pushesBefore = new Map<string, PushState>();

  constructor(registry: Registry) {
    this.#registry = registry;
    const registers = [registry];
    const labelNames = ['destination'] as const;
    this.#gauges = GAUGES.map(({ name, help, read }) => ({
      gauge: new Gauge({ name: `aperture_deliveries_${name}`, help, labelNames, registers }),
      read,
    }));
    this.#attempts = new Counter({
      name: 'aperture_delivery_attempts_total',
      help: 'Attempts to deliver, by outcome: taken, rejected as bad, or failed',
      labelNames: ['destination', 'outcome'],
      registers,
    });
    this.#dropped = new Counter({
      name: 'aperture_deliveries_dropped_total',
      help: 'Deliveries dropped because too many waited',
      labelNames,
      registers,
    });
    this.#takenBack = new Counter({
      name: 'aperture_deliveries_taken_back_total',
      help: 'Deliveries that are made once more, as the connection to a syslog receiver broke behind them',
      labelNames,
      registers,
    });
    this.#unconfigured = new Gauge({
      name: 'aperture_deliveries_unconfigured',
      help: 'Deliveries to destinations that the config does not name (any more)',
      labelNames: ['state'],
      registers,
    });
  }

  take({ destinations, unconfigured, pushes = [] }: DeliveriesState): void {
    for (const { gauge, read } of this.#gauges) {
      gauge.reset();
      for (const state of destinations) gauge.set({ destination: state.name }, read(state));
    }
    for (const state of destinations) this.#count(state, this.#before.get(state.name));
    for (const state of destinations)
      this.#countRefused(state.name, state.refused, this.#before.get(state.name)?.refused);
    for (const state of pushes) this.#countPushes(state, this.#pushesBefore.get(state.exporter));
    this.#pushesBefore = new Map(pushes.map((state) => [state.exporter, state]));
    this.#before = new Map(destinations.map((state) => [state.name, state]));
    this.#unconfigured.set({ state: 'waiting' }, unconfigured.waiting);
    this.#unconfigured.set({ state: 'dead' }, unconfigured.dead);
  }

  #count({ name, attempts, dropped, takenBack }: DestinationState, before: DestinationState | undefined): void {
    for (const outcome of ['delivered', 'rejected', 'failed'] as const) {
      this.#attempts.inc({ destination: name, outcome }, grown(attempts[outcome], before?.attempts[outcome]));
    }
    this.#dropped.inc({ destination: name }, grown(dropped, before?.dropped));
    this.#takenBack.inc({ destination: name }, grown(takenBack, before?.takenBack));
  }

  #countRefused(destination: string, now: number | undefined, before: number | undefined): void {
    if (!destination.startsWith('otlp.')) return;
    this.#otlp ??= otlpCounters(this.#registry);
    this.#otlp.refused.inc({ destination }, grown(now ?? 0, before));
  }

  #countPushes({ exporter, pushed, failed, refused }: PushState, before: PushState | undefined): void {
    this.#otlp ??= otlpCounters(this.#registry);
    this.#otlp.pushes.inc({ exporter, outcome: 'pushed' }, grown(pushed, before?.pushed));
    this.#otlp.pushes.inc({ exporter, outcome: 'failed' }, grown(failed, before?.failed));
    this.#otlp.refused.inc({ destination: `otlp.${exporter}.metrics` }, grown(refused, before?.refused));
  }
}

interface OtlpCounters {
  pushes: Counter<'exporter' | 'outcome'>;
  refused: Counter<'destination'>;
}

function otlpCounters(registry: Registry): OtlpCounters {
  const registers = [registry];
  return {
    pushes: new Counter({
      name: 'aperture_otlp_pushes_total',
      help: 'Pushes of metrics; one that failed is made up for by the next',
      labelNames: ['exporter', 'outcome'],
      registers,
    }),
    refused: new Counter({
      name: 'aperture_otlp_refused_total',
      help: 'Spans, log records and points that a receiver took and says that it threw away',
      labelNames: ['destination'],
      registers,
    }),
  };
}
