/**
 * What the gateway tells others of, by the names that `exporters.webhooks.<name>.events` has. Each event of a kind is
 * one delivery in the outbox to each destination that wants the kind; its payload is JSON text of the kind's type below.
 */
export const EVENT_KINDS = [
  'request.closed',
  'request.denied',
  'guardrail.verdict',
  'quota.crossed',
  'config.changed',
  'token.created',
  'token.revoked',
  'kill_switch',
] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

/** Kinds that records cause; the others are caused by the thread that changes what they tell of. */
export const RECORD_EVENTS = ['request.closed', 'request.denied', 'guardrail.verdict'] as const satisfies EventKind[];

/**
 * Not an event: what the span of a request is made of, in the outbox of who is told traces (`sinks/span-event.ts`). Records
 * cause it too.
 */
export const REQUEST_SPAN = 'request.span';

/** A spent share of a quota's bucket was passed, upwards. Amounts are whole nanodollars, as text. */
export interface QuotaCrossed {
  quota: string;
  /** The quota with its template filled in: `daily:alice@example.com`. */
  bucket: string;
  /** Of the capacity: 50, 80, 95 or 100. */
  spent_percent: number;
  balance_nanodollars: string;
  capacity_nanodollars: string;
  /** RFC 3339. */
  at: string;
}

/** A config took the place of another. */
export interface ConfigChanged {
  number: number;
  hash: string;
  /** Hash of the one before; null: there was none. */
  previous_hash: string | null;
  by: string;
  note: string;
  at: string;
}

/** `token.created` and `token.revoked`. Nothing of the token's secret. */
export interface TokenEvent {
  token_id: string;
  name: string;
  login: string;
  tags: readonly string[];
  by: string;
  at: string;
  /** Null: until it is revoked. */
  expires_at: string | null;
}

/** An entry of the kill switch was made or lifted. */
export interface KillSwitchEvent {
  change: 'set' | 'lifted';
  id: string;
  kind: string;
  value: string;
  reason: string;
  by: string;
  at: string;
  /** Null: until it is lifted. */
  until: string | null;
}

/** An event that no record causes, before it is in the outbox. */
export type ControlEvent =
  | { kind: 'quota.crossed'; data: QuotaCrossed }
  | { kind: 'config.changed'; data: ConfigChanged }
  | { kind: 'token.created' | 'token.revoked'; data: TokenEvent }
  | { kind: 'kill_switch'; data: KillSwitchEvent };
