import type { Closed, Opened } from '../contract/exchange.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { Charged } from '../contract/quota.ts';
import { readCharged, readClosed, readOpened, readResponseHead } from './notes.ts';
import type { Extent } from './places.ts';
import { readExtents } from './scan.ts';
import type { FrameKind } from './segment.ts';

/** What an inspector needs to read an exchange again, in the order it happened. */
export type StoredFrame =
  /** A part of the request body as forwarded. */
  | { kind: 'request'; bytes: Uint8Array }
  | { kind: 'head'; status: number; headers: [string, string][] }
  /** A part of the response body as the provider sent it. */
  | { kind: 'response'; bytes: Uint8Array };

/** One exchange as the journal has it. */
export interface StoredExchange {
  opened: Opened;
  /** Whose journal, and the segment that holds the `opened` frame. */
  gateway: string;
  segment: number;
  /** Undefined when the process died before the end, or the end is not yet. */
  closed: Closed | undefined;
  /** Undefined when it was not charged yet: its record was not made. */
  charged: Charged | undefined;
  /** Frames that were dropped, lost or damaged: above zero, the bodies are not whole. */
  missingFrames: number;
  /** Where its frames stand. */
  extents: readonly Extent[];
  /** Reads the bodies from disk, each time anew; at most a few MiB are in memory at once. */
  frames(): AsyncIterable<StoredFrame>;
}

/** Gathers what the frames of one exchange say, one after another; bodies are counted and not kept. */
export class Gathering {
  opened: Opened | undefined;
  closed: Closed | undefined;
  charged: Charged | undefined;
  #frames = 0;
  #lastSequence = -1;

  /** False when the payload is not what this build understands. */
  add(kind: FrameKind, sequence: number, payload: Buffer): boolean {
    // No part of the exchange's sequence.
    if (kind === 'charged') return (this.charged = readCharged(payload)) !== undefined;
    const understood = this.#read(kind, payload);
    if (understood) this.#frames += 1;
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
    return understood;
  }

  /** A frame is there, but not its payload. */
  missed(sequence: number): void {
    this.#lastSequence = Math.max(this.#lastSequence, sequence);
  }

  get missingFrames(): number {
    return this.#lastSequence + 1 - this.#frames;
  }

  #read(kind: Exclude<FrameKind, 'charged'>, payload: Buffer): boolean {
    switch (kind) {
      case 'opened':
        return (this.opened = readOpened(payload)) !== undefined;
      case 'closed':
        return (this.closed = readClosed(payload)) !== undefined;
      case 'head':
        return readResponseHead(payload) !== undefined;
      case 'request':
      case 'response':
        return true;
    }
  }
}

/** What stands of one exchange, whose newest frame has the number `last`. */
export async function gather(
  pathOf: (segment: number) => string,
  extents: readonly Extent[],
  exchange: ExchangeId,
  last: number,
): Promise<Gathering> {
  const gathering = new Gathering();
  for await (const frames of readExtents(pathOf, extents, new Set([exchange]))) {
    for (const { kind, sequence, payload } of frames) gathering.add(kind, sequence, payload);
  }
  gathering.missed(last);
  return gathering;
}

/** The bodies of one exchange and the response's head. What cannot be read is left out. */
export async function* storedFrames(
  pathOf: (segment: number) => string,
  extents: readonly Extent[],
  exchange: ExchangeId,
): AsyncGenerator<StoredFrame> {
  for await (const frames of readExtents(pathOf, extents, new Set([exchange]))) {
    for (const { kind, payload } of frames) {
      if (kind === 'request' || kind === 'response') yield { kind, bytes: payload };
      else if (kind === 'head') {
        const head = readResponseHead(payload);
        if (head !== undefined) yield { kind, status: head.status, headers: head.headers };
      }
    }
  }
}
