import { hookedBy } from '../capture/messages.ts';
import type { CaptureOrder } from '../capture/messages.ts';
import type { Facts } from '../contract/facts.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import type { InspectorPool } from '../inspect/pool.ts';
import { replay } from '../journal/replay.ts';
import type { SegmentReport } from '../journal/replay.ts';
import type { Log } from '../lib/log.ts';
import type { BookIds } from '../records/messages.ts';
import type { JournaledExchange } from '../records/settle.ts';
import { replayJournal } from './replay.ts';
import type { OnCharged } from './replay.ts';
import type { SegmentMarks } from './watermarks.ts';

/** What every replay of this process uses. */
export interface SlotReplayParts {
  inspectors: Pick<InspectorPool, 'inspectStored'>;
  assemble(gateway: string, exchange: JournaledExchange, facts: Facts | undefined): ExchangeRecord;
  ship(record: ExchangeRecord): boolean;
  /** Which of these the database does not have; undefined where it does not say. */
  missing(ids: BookIds): Promise<BookIds | undefined>;
  /** An exchange that the replay found; told before its record is shipped. */
  capture(order: CaptureOrder, login: string): void;
  /** Whoever keeps accounts of what was charged. */
  quotas: {
    /** A slot is taken up: of the accounts that lie there. */
    takeUp(folder: string): Promise<void>;
    /** Told of every charge in the slot once, also of exchanges that are gone from it. */
    onCharged: OnCharged;
    /** All of a slot was read. Resolves when its accounts are settled. */
    settleEarlier(): Promise<void>;
  };
  log: Log;
}

/** What earlier processes left in one slot of the journal. */
export interface SlotPast {
  folder: string;
  gatewayId: string;
  /** Segments from here on are not read: somebody writes them. */
  before: number;
  marks: SegmentMarks;
  /** Told once per segment, before its exchanges count. A segment that is `unreadable` holds nothing to wait for. */
  onSegment(report: SegmentReport): void;
}

/**
 * Hands on what a slot holds. Its files may go when all of it was read: an exchange may end in a later one than it began
 * in, and what is left of it to capture is known only then.
 */
export async function replaySlot(parts: SlotReplayParts, past: SlotPast): Promise<void> {
  const { folder, gatewayId, before, marks } = past;
  await parts.quotas.takeUp(folder);
  const read: { segment: number; opened: number }[] = [];
  const exchanges = replay({
    folder,
    before,
    onSegment: (report) => {
      const { segment, opened, unreadable } = report;
      if (unreadable || report.lostOpened > 0 || report.skippedBytes > 0) {
        parts.log.warn({ ...report, opened: opened.length }, 'a journal segment is damaged');
      }
      past.onSegment(report);
      if (!unreadable) read.push({ segment, opened: opened.length });
    },
    onStrayCharge: (charged, exchange) => {
      parts.quotas.onCharged(charged, exchange);
    },
  });
  await replayJournal({
    exchanges,
    inspectors: parts.inspectors,
    assemble: (exchange, facts) => parts.assemble(gatewayId, exchange, facts),
    ship: (record) => parts.ship(record),
    missing: (ids) => parts.missing(ids),
    capture: ({ opened, segment, extents }) => {
      const journal = { folder, gateway: gatewayId };
      parts.capture({ id: opened.id, journal, segment, extents, ...hookedBy(opened) }, opened.login);
    },
    onCharged: (charged, exchange) => {
      parts.quotas.onCharged(charged, exchange);
    },
    log: parts.log,
  });
  await parts.quotas.settleEarlier();
  for (const { segment, opened } of read) marks.sealed(segment, opened);
}
