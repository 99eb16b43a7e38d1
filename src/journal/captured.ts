import { join } from 'node:path';
import type { Opened } from '../contract/exchange.ts';
import type { ExchangeId } from '../contract/ids.ts';
import type { Extent } from './places.ts';
import { readOpened, readResponseHead } from './notes.ts';
import { readExtents } from './scan.ts';
import { segmentName } from './segment.ts';
import type { StoredFrame } from './stored.ts';

/** An exchange in the journal's files, read by somebody who is not the journal: another thread. */
export interface CapturedExchange {
  opened: Opened;
  /** The bodies and the response's head, in order. Read once, from disk; at most a few MiB are in memory at once. */
  frames(): AsyncIterable<StoredFrame>;
  /** After the last frame: how many were dropped, lost or damaged. */
  missingFrames(): number;
}

/** Undefined when its `opened` frame cannot be read: who asked for what is not known then. */
export async function readCaptured(
  folder: string,
  { id, extents }: { id: ExchangeId; extents: readonly Extent[] },
): Promise<CapturedExchange | undefined> {
  const frames = readExtents((segment) => join(folder, segmentName(segment)), extents, id);
  const first = await frames.next();
  const opened = first.done === true || first.value.kind !== 'opened' ? undefined : readOpened(first.value.payload);
  if (opened === undefined) {
    await frames.return(undefined);
    return undefined;
  }
  let read = 1;
  let last = 0;
  return {
    opened,
    missingFrames: () => last + 1 - read,
    async *frames() {
      for await (const { kind, payload, sequence } of frames) {
        read += 1;
        last = Math.max(last, sequence);
        if (kind === 'request' || kind === 'response') yield { kind, bytes: payload };
        else if (kind === 'head') {
          const head = readResponseHead(payload);
          if (head !== undefined) yield { kind, status: head.status, headers: head.headers };
        }
      }
    },
  };
}
