/** Something that is to be told to a destination, as the outbox keeps it. */
export interface Delivery {
  /** A UUIDv7: the same at every attempt, so that a receiver can drop what it has. */
  id: string;
  /** `webhooks.siem`: the section of the config and the name in it. */
  destination: string;
  /** From 1, per destination, without a gap: a number that a receiver misses is late, or a dead letter. */
  sequence: number;
  /** `request.closed` */
  kind: string;
  /** JSON text. */
  payload: string;
  /** Attempts that were made before. */
  attempts: number;
  /** Those of them that the receiver rejected. */
  rejections: number;
  createdAtMs: number;
}

/** A delivery before it is in the outbox. */
export interface NewDelivery {
  destination: string;
  kind: string;
  /**
   * JSON text of at most `DELIVERY_PAYLOAD_BYTES`: larger things are kept elsewhere, and the payload says where. The
   * destination looks them up when it makes the request.
   */
  payload: string;
}

/** Which records a destination is told of: lists of globs as grants have them. An empty list stands for all. */
export interface RecordFilter {
  logins: readonly string[];
  groups: readonly string[];
  /** Over the model's name, and over `provider/model`. */
  models: readonly string[];
  providers: readonly string[];
  states: readonly string[];
}

/** A destination that is told what becomes of requests, through the outbox. */
export interface Told {
  destination: string;
  /** Those of its kinds that records cause (`RECORD_EVENTS` of contract/event.ts), and maybe others. */
  events: readonly string[];
  filter: RecordFilter;
}

/** How an attempt ended, for the outbox. */
export interface Attempted {
  id: string;
  /** Whether it is over; `waiting` comes again after `waitMs`. */
  state: 'delivered' | 'dead' | 'waiting';
  waitMs: number;
  /** Whether the receiver said that it is this delivery that is bad. */
  rejected: boolean;
  /** Null where it was delivered. Nothing secret. */
  error: string | null;
}

/** Where finished deliveries are put back. */
export const REPLAY_PATH = '/api/deliveries/replay';
