import type { RecordFilter, Told } from '../../contract/delivery.ts';
import type { EgressTarget } from '../../contract/egress.ts';
import { REQUEST_SPAN } from '../../contract/event.ts';
import type { OtlpProvider } from './names.ts';

export const SIGNALS = ['traces', 'metrics', 'logs'] as const;
export type Signal = (typeof SIGNALS)[number];

export function isSignal(name: string): name is Signal {
  return SIGNALS.some((signal) => signal === name);
}

/** Those that go through the outbox: a metric is a state, and the next one says the same. */
export const DELIVERED_SIGNALS = ['traces', 'logs'] as const satisfies Signal[];
export type DeliveredSignal = (typeof DELIVERED_SIGNALS)[number];

/** An OTLP exporter of the config. Holds secrets. */
export interface OtlpSettings {
  /** The config's. */
  name: string;
  /** Where each signal goes; those that are not exported are missing. */
  targets: Partial<Record<Signal, EgressTarget>>;
  headers: readonly (readonly [string, string])[];
  /** What logs tell: kinds of `src/contract/event.ts`. */
  events: readonly string[];
  filter: RecordFilter;
  /** Prompts and answers, as far as they were kept. */
  content: boolean;
  resource: Readonly<Record<string, string>>;
  batch: { most: number; waitMs: number };
  /** Between two pushes of metrics. */
  intervalMs: number;
  timeoutMs: number;
  gzip: boolean;
  /** By id. */
  providers: Readonly<Record<string, OtlpProvider>>;
}

/**
 * A signal of an exporter, as the outbox names it: each has a sequence and a circuit of its own, so that a receiver
 * without logs holds up no traces.
 */
export function destinationOf({ name }: Pick<OtlpSettings, 'name'>, signal: DeliveredSignal): string {
  return `otlp.${name}.${signal}`;
}

/** What its signals are told, through the outbox. */
export function otlpTold(settings: Pick<OtlpSettings, 'name' | 'targets' | 'events' | 'filter'>): Told[] {
  const { targets, events, filter } = settings;
  const told: Told[] = [];
  if (targets.traces !== undefined) {
    told.push({ destination: destinationOf(settings, 'traces'), events: [REQUEST_SPAN], filter });
  }
  if (targets.logs !== undefined) told.push({ destination: destinationOf(settings, 'logs'), events, filter });
  return told;
}
