import type { CaptureOrder } from './messages.ts';

/**
 * Journal bytes that one batch is read from, at most; a single exchange may have more. Its bodies, cut and packed, are in
 * memory together: about three times as much.
 */
const BATCH_BYTES = 8 * 1024 * 1024;
/** Captures of one statement. */
const BATCH_ORDERS = 256;

/**
 * Takes from the front of `waiting` what is read and stored together: of one journal. Exchanges that ran side by side lie side by side in
 * the journal, so each is counted by what it adds to the stretch that the batch covers.
 */
export function takeBatch(waiting: CaptureOrder[]): CaptureOrder[] {
  const stretches = new Map<number, { from: number; to: number }>();
  let count = 0;
  for (const { journal, extents } of waiting.slice(0, BATCH_ORDERS)) {
    if (journal.folder !== waiting[0]?.journal.folder) break;
    for (const { segment, offset, bytes } of extents) {
      const stretch = stretches.get(segment) ?? { from: offset, to: offset };
      stretch.from = Math.min(stretch.from, offset);
      stretch.to = Math.max(stretch.to, offset + bytes);
      stretches.set(segment, stretch);
    }
    let covered = 0;
    for (const { from, to } of stretches.values()) covered += to - from;
    if (count > 0 && covered > BATCH_BYTES) break;
    count += 1;
  }
  return waiting.splice(0, count);
}
