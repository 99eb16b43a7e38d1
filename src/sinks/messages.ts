import type { AttemptCounts } from './deliverer.ts';
import type { HookSettings } from './hook.ts';
import type { SyslogSettings } from './syslog/syslog.ts';
import type { WebhookSettings } from './webhook.ts';

/** What the deliveries thread is configured with. Holds secrets. */
export interface DeliverySettings {
  webhooks: readonly WebhookSettings[];
  /** None where it is absent. */
  syslog?: readonly SyslogSettings[];
  /** Hooks that are told of exchanges when these are over; none where it is absent. */
  hooks?: readonly HookSettings[];
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
}

/** Main thread -> deliveries thread, besides questions. */
export type ToDeliveries = { kind: 'settings'; settings: DeliverySettings } | { kind: 'drain'; withinMs: number };

/** Deliveries thread -> main thread, besides answers. */
export type FromDeliveries =
  /** Every few seconds. What waits for destinations that are not configured is summed. */
  | { kind: 'state'; destinations: DestinationState[]; unconfigured: { waiting: number; dead: number } }
  /** No attempt is under way any more, or time is up. */
  | { kind: 'drained' };
