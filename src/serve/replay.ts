import type { ExchangeId } from '../contract/ids.ts';
import type { Charged } from '../contract/quota.ts';
import type { Facts } from '../contract/facts.ts';
import type { Fault } from '../contract/fault.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import type { StoredFrame } from '../inspect/lane.ts';
import type { InspectorPool } from '../inspect/pool.ts';
import type { StoredExchange } from '../journal/stored.ts';
import type { Log } from '../lib/log.ts';
import { failed } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import type { Remains } from '../records/assemble.ts';
import type { BookIds } from '../records/messages.ts';
import type { JournaledExchange } from '../records/settle.ts';
import type { Lost } from './segment-books.ts';

/** An exchange read back from the journal and through an inspector. */
export interface ReadBack {
  exchange: JournaledExchange;
  outcome: Result<Facts, Fault>;
}

type Inspectors = Pick<InspectorPool, 'inspectStored'>;

/** Reads a stored exchange; what never reached a provider has no facts, and needs none. */
export async function readBack(inspectors: Inspectors, stored: StoredExchange): Promise<ReadBack> {
  const { opened, closed, charged, segment, missingFrames } = stored;
  const remains: Remains = { status: 0, request_bytes: 0, response_bytes: 0, last_at_ms: null };
  const exchange: JournaledExchange = { opened, segment, closed, charged, remains, missingFrames };
  if (opened.provider === '' || closed?.state === 'denied' || closed?.state === 'blocked') {
    return { exchange, outcome: failed({ code: 'inspector_failed', why: 'nothing to inspect' }) };
  }
  const whole = closed?.state === 'complete' && missingFrames === 0;
  const outcome = await inspectors.inspectStored({
    opened,
    how: whole ? 'complete' : 'cut',
    frames: () => counted(stored.frames(), remains),
  });
  return { exchange, outcome };
}

async function* counted(frames: AsyncIterable<StoredFrame>, remains: Remains): AsyncIterable<StoredFrame> {
  for await (const frame of frames) {
    if (frame.kind === 'head') remains.status = frame.status;
    else if (frame.kind === 'request') remains.request_bytes += frame.bytes.byteLength;
    else remains.response_bytes += frame.bytes.byteLength;
    yield frame;
  }
}

export interface ShipParts {
  inspectors: Inspectors;
  assemble(exchange: JournaledExchange, facts: Facts | undefined): ExchangeRecord;
  ship(record: ExchangeRecord): boolean;
}

/** Told what the journal has of charges: a life had spent as much as the most that any of them says. */
export type OnCharged = (charged: Charged, exchange: ExchangeId) => void;

export interface ReplayParts extends ShipParts {
  exchanges: AsyncIterable<StoredExchange>;
  /** Which of these the database does not have; undefined where it does not say. */
  missing(ids: BookIds): Promise<BookIds | undefined>;
  /** Told of each exchange before its record is shipped. */
  capture(stored: StoredExchange): void;
  /** Told of each exchange that was charged, also where the database has its record. */
  onCharged: OnCharged;
  log: Log;
}

/** Pause while the queue has no room: a replay has all the time it needs. */
const WAIT_MS = 50;
/** Exchanges that the database is asked about at once. */
const LOOK_AT_ONCE = 500;
/** Exchanges under way to an inspector: each waits for the disk and for the inspector in turn. */
const READ_AT_ONCE = 8;

/**
 * After a start: every exchange that the last process left in the journal becomes its record, `interrupted` where the
 * end is missing. What the database has already is not read again: a process that is killed over and over gets further
 * with each life.
 */
export async function replayJournal(parts: ReplayParts): Promise<number> {
  let found = 0;
  let replayed = 0;
  let batch: StoredExchange[] = [];
  const next = async (): Promise<void> => {
    found += batch.length;
    replayed += await replayMissing(batch, parts);
    batch = [];
  };
  for await (const stored of parts.exchanges) {
    if (stored.charged !== undefined) parts.onCharged(stored.charged, stored.opened.id);
    batch.push(stored);
    if (batch.length === LOOK_AT_ONCE) await next();
  }
  await next();
  if (found > 0) parts.log.info({ found, replayed }, 'exchanges of an earlier process replayed from the journal');
  return replayed;
}

/** Answers how many records were made. */
async function replayMissing(batch: readonly StoredExchange[], parts: ReplayParts): Promise<number> {
  if (batch.length === 0) return 0;
  const ids = batch.map(({ opened }) => opened.id);
  const missing = await parts.missing({ records: ids, captures: ids });
  const isMissing = (of: keyof BookIds): ((stored: StoredExchange) => boolean) => {
    const those = new Set(missing?.[of] ?? ids);
    return ({ opened }) => those.has(opened.id);
  };
  batch.filter(isMissing('captures')).forEach((stored) => {
    parts.capture(stored);
  });
  const records = batch.filter(isMissing('records'));
  const rest = records.values();
  const reader = async (): Promise<void> => {
    for (const stored of rest) await shipAgain(stored, parts);
  };
  await Promise.all(Array.from({ length: READ_AT_ONCE }, reader));
  return records.length;
}

export interface OfferParts extends ShipParts {
  /** Exchanges of the segment and later ones, read from the journal's files as far as they are written. */
  exchanges(from: number, only: ReadonlySet<ExchangeId>): AsyncIterable<StoredExchange>;
  /** Segments from here on are this process's own: an exchange of theirs without an end is still being written. */
  firstSegment: number;
  capture(stored: StoredExchange): void;
}

/** Hands on again what a queue has lost; answers those of which the journal has no beginning. */
export async function offerAgain(parts: OfferParts, lost: Lost): Promise<ReadonlySet<ExchangeId>> {
  const { segment, records, captures } = lost;
  const left = new Set([...records, ...captures]);
  for await (const stored of parts.exchanges(segment, new Set(left))) {
    const { id } = stored.opened;
    left.delete(id);
    if (stored.closed === undefined && stored.segment >= parts.firstSegment) continue;
    if (captures.has(id)) parts.capture(stored);
    if (records.has(id)) await shipAgain(stored, parts);
  }
  return left;
}

async function shipAgain(stored: StoredExchange, parts: ShipParts): Promise<void> {
  const { exchange, outcome } = await readBack(parts.inspectors, stored);
  const record = parts.assemble(exchange, outcome.ok ? outcome.value : undefined);
  while (!parts.ship(record)) await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
}
