import type { Opened } from '../contract/exchange.ts';
import type { PostFacts } from '../contract/guardrail.ts';
import type { ExchangeId } from '../contract/ids.ts';

/** A run of a journal segment's bytes that holds frames of an exchange, as `journal/places.ts` tells it. */
export interface CaptureExtent {
  segment: number;
  offset: number;
  bytes: number;
}

/** A journal's folder, and the name that its segments are counted under. */
export interface CaptureJournal {
  folder: string;
  gateway: string;
}

/** An exchange that has ended and is to be captured: where the journal has it. */
export interface CaptureOrder {
  id: ExchangeId;
  journal: CaptureJournal;
  /** The segment that holds its `opened` frame. */
  segment: number;
  extents: readonly CaptureExtent[];
  /** Hooks are told of it, also where nothing is kept of it here. */
  hooked?: boolean;
  /** What they are told by its record. Absent where that is not at hand: then it is looked up in the database. */
  post?: PostFacts;
  /** How often its record was looked for in vain. */
  waited?: number;
}

/** What the operator's config says of captures. */
export interface CaptureSettings {
  /** False: nothing is captured that ends from now on. */
  keep: boolean;
  saveRaws: boolean;
  /** Lower-case names. */
  filterable: { name: string; redactValues: boolean }[];
}

/** Main thread -> capture thread. */
export type ToCapture =
  | { kind: 'settings'; settings: CaptureSettings }
  | { kind: 'capture'; orders: CaptureOrder[] }
  | { kind: 'drain'; withinMs: number };

/** Capture thread -> main thread. */
export type FromCapture =
  | { kind: 'ready' }
  /** These are in the database: room for as many new orders. */
  | { kind: 'captured'; ids: ExchangeId[] }
  /** These cannot be read (a file is gone or damaged): they have no capture, and nobody waits for one. */
  | { kind: 'unreadable'; ids: ExchangeId[] }
  /** Hooks are to be told of these, and their records are not in the database yet: order them again, later. */
  | { kind: 'early'; ids: ExchangeId[] }
  | { kind: 'drained'; left: number };

/** What is added to an order of an exchange that was read back from the journal. */
export function hookedBy({ hooks }: Pick<Opened, 'hooks'>): Pick<CaptureOrder, 'hooked'> {
  return hooks.length === 0 ? {} : { hooked: true };
}
