import type { AttemptCounts } from './deliverer.ts';
import type { HookSettings } from './hook.ts';
import type { Snapshot } from './otlp/metrics.ts';
import type { OtlpSettings } from './otlp/settings.ts';
import type { SyslogSettings } from './syslog/syslog.ts';
import type { WebhookSettings } from './webhook.ts';

/** What the deliveries thread is configured with. Holds secrets. */
export interface DeliverySettings {
  webhooks: readonly WebhookSettings[];
  /** None where it is absent. */
  syslog?: readonly SyslogSettings[];
  /** Hooks that are told of exchanges when these are over; none where it is absent. */
  hooks?: readonly HookSettings[];
  /** OTLP exporters; none where it is absent. */
  otlp?: readonly OtlpSettings[];
  /** Ranges that are not public and may be connected to. */
  allow: readonly string[];
  /** PEM file of further authorities. */
  caFile: string | undefined;
}

/** What a destination's deliveries are at, for `/metrics`. */
export interface DestinationState {
  name: string;
  waiting: number;
  oldestSeconds: number;
  dead: number;
  /** In a row. */
  failures: number;
  /** Since the thread began. */
  attempts: AttemptCounts;
  dropped: number;
  /** Made once more, as their connection broke behind them. */
  takenBack: number;
  /** Of what its receiver took, what it says that it threw away. */
  refused?: number;
}

/** What became of an exporter's metrics since the thread began. */
export interface PushState {
  exporter: string;
  pushed: number;
  failed: number;
  /** Points that the receiver took and threw away. */
  refused: number;
}

/** Main thread -> deliveries thread, besides questions. */
export type ToDeliveries =
  | { kind: 'settings'; settings: DeliverySettings }
  /** Answers `collect`. */
  | { kind: 'metrics'; exporter: string; snapshot: Snapshot }
  | { kind: 'drain'; withinMs: number };

/** Deliveries thread -> main thread, besides answers. */
export type FromDeliveries =
  /** Every few seconds. What waits for destinations that are not configured is summed. */
  | {
      kind: 'state';
      destinations: DestinationState[];
      unconfigured: { waiting: number; dead: number };
      pushes?: PushState[];
    }
  /** What metrics are now is to be sent to this exporter: answered by one `metrics`. */
  | { kind: 'collect'; exporter: string }
  /** No attempt is under way any more, or time is up. */
  | { kind: 'drained' };
