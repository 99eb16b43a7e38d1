import * as z from 'zod/mini';
import { pageOf } from '../../api/shapes.ts';
import { countExact } from '../../design/format.ts';
import { DELIVERY_STATES } from './search.ts';

const Destination = z.looseObject({
  /** `webhooks.siem`, `syslog.siem`, `otlp.collector.traces`, `hooks.review`. */
  name: z.string(),
  /** What it is told of; nothing for what is in the config no more. */
  events: z.array(z.string()),
  last_sequence: z.number(),
  /** Attempts in a row that failed. */
  failures: z.number(),
  /** Nobody tries before. */
  paused_until: z.nullable(z.string()),
  waiting: z.number(),
  oldest_waiting_at: z.nullable(z.string()),
  oldest_attempts: z.nullable(z.number()),
  delivered_24h: z.number(),
  last_delivered_at: z.nullable(z.string()),
  dead: z.number(),
  last_error: z.nullable(z.string()),
});
export type Destination = z.infer<typeof Destination>;

const Exporter = z.looseObject({
  last_export_at: z.nullable(z.string()),
  last_number: z.number(),
  /** What was stored before the bucket was configured is noted for it by and by. */
  backfilled: z.boolean(),
  waiting_records: z.number(),
  oldest_waiting_at: z.nullable(z.string()),
  running: z.boolean(),
});
export type Exporter = z.infer<typeof Exporter>;

/** `GET /api/destinations`. */
export const Destinations = z.looseObject({
  destinations: z.array(Destination),
  exporter: z.nullable(Exporter),
  /** A count that is as high may be higher. */
  counted_at_most: z.number(),
});
export type Destinations = z.infer<typeof Destinations>;

export const Delivery = z.looseObject({
  id: z.string(),
  destination: z.string(),
  sequence: z.nullable(z.number()),
  kind: z.string(),
  state: z.enum(DELIVERY_STATES),
  attempts: z.number(),
  payload_bytes: z.number(),
  last_error: z.nullable(z.string()),
  created_at: z.string(),
  next_attempt_at: z.nullable(z.string()),
  expires_at: z.string(),
  finished_at: z.nullable(z.string()),
});
export type Delivery = z.infer<typeof Delivery>;
/** `GET /api/deliveries`, the newest first. */
export const DeliveryPage = pageOf(Delivery);
/** `GET /api/deliveries/{id}`. */
export const WholeDelivery = z.extend(Delivery, { payload: z.unknown() });

/** `POST /api/deliveries/replay`; `more`: there are more than go out again at once. */
export const Replayed = z.looseObject({ replayed: z.number(), more: z.boolean() });

export const ExportFile = z.looseObject({
  id: z.string(),
  name: z.string(),
  state: z.enum(['waiting', 'uploaded']),
  bucket: z.nullable(z.string()),
  first_number: z.number(),
  last_number: z.number(),
  records: z.number(),
  bytes: z.number(),
  sha256: z.string(),
  attempts: z.number(),
  error: z.nullable(z.string()),
  made_at: z.string(),
  next_attempt_at: z.nullable(z.string()),
  uploaded_at: z.nullable(z.string()),
});
export type ExportFile = z.infer<typeof ExportFile>;
/** `GET /api/exports`, the newest first. */
export const ExportPage = pageOf(ExportFile);

export type Counted = 'delivered_24h' | 'waiting' | 'dead';

export function sumOf(destinations: readonly Destination[], name: Counted): number {
  return destinations.reduce((sum, each) => sum + each[name], 0);
}

/** Whether there may be more than was counted: rows of all destinations are counted together, or of one to its end. */
export function isCut(destinations: readonly Destination[], name: Counted, atMost: number): boolean {
  return sumOf(destinations, name) >= atMost;
}

/** `1,234`, or `100,000+` where nobody counted further. */
export function counted(number: number, atMost: number): string {
  return number >= atMost ? `${countExact(atMost)}+` : countExact(number);
}

export type Health = 'good' | 'failing' | 'gone' | 'idle';

/** How a destination does: from whether its attempts fail, and whether the config still has it. */
export function healthOf({ name, events, failures, waiting, delivered_24h }: Destination): Health {
  if (failures > 0) return 'failing';
  if (/^(?:webhooks|syslog|otlp)\./.test(name) && events.length === 0) return 'gone';
  return waiting > 0 || delivered_24h > 0 ? 'good' : 'idle';
}
