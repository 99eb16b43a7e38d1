import { join } from 'node:path';
import type { Opened } from '../contract/exchange.ts';
import type { ExchangeId } from '../contract/ids.ts';
import { readOpened, readPace, readResponseHead } from './notes.ts';
import { JOIN_GAP_BYTES } from './places.ts';
import type { Extent } from './places.ts';
import { readExtents } from './scan.ts';
import type { RawFrame } from './scan.ts';
import { segmentName } from './segment.ts';

/** A frame as it is read by somebody who is not the journal: another thread. */
export interface CapturedFrame {
  exchange: ExchangeId;
  /** Counts up from 0 with every frame of the exchange; a hole is a frame that was lost or dropped. */
  sequence: number;
  says:
    | { kind: 'opened'; opened: Opened }
    | { kind: 'head'; status: number; headers: [string, string][] }
    /** `bytes` are a view that stays valid, on a window of 256 KiB or more: copy what is kept for long. */
    | { kind: 'request' | 'response'; bytes: Uint8Array }
    /** Of all that an end says, what a capture keeps. */
    | { kind: 'closed'; responsePace: number[] };
}

/**
 * The frames of some exchanges, in order, a window at a time: what lies close together in the files is read once, whoever's
 * it is. Frames that cannot be read are left out.
 *
 * @throws Error when a file is gone or damaged.
 */
export async function* readCaptured(
  folder: string,
  exchanges: readonly { id: ExchangeId; extents: readonly Extent[] }[],
): AsyncGenerator<CapturedFrame[]> {
  const wanted = new Set(exchanges.map(({ id }) => id));
  const extents = joined(exchanges.flatMap((exchange) => exchange.extents));
  for await (const frames of readExtents((segment) => join(folder, segmentName(segment)), extents, wanted)) {
    yield frames.flatMap(captured);
  }
}

/** The same bytes in as few runs as can be. */
function joined(extents: readonly Extent[]): Extent[] {
  const runs: Extent[] = [];
  for (const next of extents.toSorted((a, b) => a.segment - b.segment || a.offset - b.offset)) {
    const last = runs.at(-1);
    if (last?.segment === next.segment && next.offset - (last.offset + last.bytes) <= JOIN_GAP_BYTES) {
      last.bytes = Math.max(last.bytes, next.offset + next.bytes - last.offset);
    } else runs.push({ ...next });
  }
  return runs;
}

/** Nothing where this build does not understand the payload; an end is one in any case. */
function captured({ exchange, sequence, kind, payload }: RawFrame): CapturedFrame[] {
  switch (kind) {
    case 'opened': {
      const opened = readOpened(payload);
      return opened === undefined ? [] : [{ exchange, sequence, says: { kind, opened } }];
    }
    case 'head': {
      const head = readResponseHead(payload);
      return head === undefined ? [] : [{ exchange, sequence, says: { kind, ...head } }];
    }
    case 'request':
    case 'response':
      return [{ exchange, sequence, says: { kind, bytes: payload } }];
    case 'closed':
      return [{ exchange, sequence, says: { kind, responsePace: readPace(payload) } }];
    case 'charged':
      return []; // may come after whoever reads here has been
  }
}
