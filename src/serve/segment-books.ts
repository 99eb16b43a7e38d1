import type { ExchangeId } from '../contract/ids.ts';
import type { Clock } from '../lib/clock.ts';
import { errorChain } from '../lib/log.ts';
import type { Log } from '../lib/log.ts';
import { UuidList } from '../lib/uuid-list.ts';
import { uuidBytes } from '../lib/uuid7.ts';
import type { BookIds } from '../records/messages.ts';
import { Roll } from './roll.ts';
import type { SegmentCount, SegmentMarks } from './watermarks.ts';

/** What is needed of the journal. */
export interface BookedJournal {
  readonly currentSegment: number | undefined;
  openedIn(segment: number): number | undefined;
  idsIn(segment: number, from: number, to: number): ExchangeId[];
  holds(exchange: ExchangeId): boolean;
  segmentSettled(segment: number): void;
  leaveOut(segment: number, exchange: ExchangeId): void;
}

/** Exchanges of one segment that the database lacks, although the queue had taken what belongs to them. */
export interface Lost {
  segment: number;
  records: ReadonlySet<ExchangeId>;
  captures: ReadonlySet<ExchangeId>;
}

export interface SegmentBooksParts {
  journal: BookedJournal;
  clock: Clock;
  log: Log;
  /** Which of these the database does not have; undefined when it does not say. */
  missing(ids: BookIds): Promise<BookIds | undefined>;
  /** Nothing that the queue took a few seconds ago can still be waiting there, and the journal's files are written. */
  isQuiet(): boolean;
  /** The exchange is to be captured, and the capture is not yet in the queue. */
  isBeingCaptured(exchange: ExchangeId): boolean;
  /** Reads them from the journal and hands them on again; resolves with those of which the journal has no beginning. */
  offerAgain(lost: Lost): Promise<ReadonlySet<ExchangeId>>;
}

interface Books {
  segment: number;
  /** It takes no more exchanges. */
  sealed: boolean;
  recordsIn: number;
  capturesIn: number;
  /** Those that are to be captured. */
  captures: UuidList;
  recordRoll: Roll;
  captureRoll: Roll;
  /** All of it is looked at once more, from the first to the last: then its file may go. */
  closing: boolean;
  nextLookAtMs: number;
}

/** A record is in the database within a second or two of its exchange; what is missing at two such looks is lost. */
const LOOK_EVERY_MS = 5_000;
/** Ids of one question to the jobs thread: what is posted and read in about a millisecond. */
const IDS_PER_QUESTION = 2_000;
/** Where all that is missing is under way here (a stream of hours), there is no hurry. */
const LOOK_SELDOM_MS = 30_000;
/** What was offered again gets this long. */
const OFFERED_MS = 15_000;

/**
 * Holds the journal against the database, segment by segment and id by id: a queue that took a record and then forgot it
 * costs nothing but time. What is missing is read from the journal and handed on again; a segment's file goes when the
 * database has every one of its ids, and not before.
 *
 * Counts alone say when it is worth to look: they may match while a row is missing. One segment is looked at, or offered
 * again, at a time. In memory are 16 bytes for each exchange of the journal, twice where it is captured.
 */
export class SegmentBooks implements SegmentMarks {
  readonly #parts: SegmentBooksParts;
  readonly #books = new Map<number, Books>();
  #working = false;
  #stopped = false;
  readonly offered = { records: 0, captures: 0 };
  /** Of which nothing is left: neither in the database nor in the journal. */
  gone = 0;

  constructor(parts: SegmentBooksParts) {
    this.#parts = parts;
  }

  /** A segment takes no more exchanges. */
  sealed(segment: number): void {
    this.#of(segment).sealed = true;
  }

  /** One more exchange of the segment is to be captured. Told before its record is handed on. */
  capture(segment: number, exchange: ExchangeId): void {
    this.#of(segment).captures.add(uuidBytes(exchange));
  }

  /** It will not be captured after all. */
  noCapture(segment: number, exchange: ExchangeId): void {
    this.#of(segment).captures.remove(uuidBytes(exchange));
  }

  counted(segments: readonly SegmentCount[]): void {
    for (const { segment, recordsIn, capturesIn } of segments) {
      const books = this.#books.get(segment);
      // One that is settled already is told once more.
      if (books === undefined && this.#parts.journal.openedIn(segment) === undefined) continue;
      Object.assign(this.#of(segment), { recordsIn, capturesIn });
    }
  }

  /** To be called each second or so: looks where there is reason to. */
  tick(): void {
    const { currentSegment } = this.#parts.journal;
    if (currentSegment !== undefined) this.#of(currentSegment);
    if (this.#working || this.#stopped) return;
    this.#working = true;
    this.#work()
      .catch((error: unknown) => {
        this.#parts.log.error({ error: errorChain(error) }, 'holding the journal against the database failed');
      })
      .finally(() => {
        this.#working = false;
      });
  }

  stop(): void {
    this.#stopped = true;
  }

  #of(segment: number): Books {
    const known = this.#books.get(segment);
    if (known !== undefined) return known;
    const { journal, clock } = this.#parts;
    const captures = new UuidList();
    const books: Books = {
      segment,
      sealed: false,
      recordsIn: 0,
      capturesIn: 0,
      captures,
      recordRoll: new Roll({
        get count() {
          return journal.openedIn(segment) ?? 0;
        },
        slice: (from, to) => journal.idsIn(segment, from, to),
      }),
      captureRoll: new Roll(captures),
      closing: false,
      nextLookAtMs: clock.nowMs() + LOOK_EVERY_MS,
    };
    this.#books.set(segment, books);
    return books;
  }

  async #work(): Promise<void> {
    for (const books of [...this.#books.values()].sort((a, b) => a.segment - b.segment)) {
      if (this.#stopped) return;
      if (this.#isDue(books) && !(await this.#look(books))) return;
    }
  }

  #isDue(books: Books): boolean {
    const { clock, journal } = this.#parts;
    const isTime = clock.nowMs() >= books.nextLookAtMs;
    if (this.#mayClose(books)) return !books.closing || isTime;
    const allFound = books.recordRoll.allFound && books.captureRoll.allFound;
    return (books.sealed || books.segment === journal.currentSegment) && !allFound && isTime && this.#parts.isQuiet();
  }

  #mayClose(books: Books): boolean {
    const allFound = books.recordRoll.allFound && books.captureRoll.allFound;
    return books.sealed && (allFound || this.#isComplete(books));
  }

  #isComplete(books: Books): boolean {
    const opened = this.#parts.journal.openedIn(books.segment) ?? 0;
    return books.recordsIn >= opened && books.capturesIn >= books.captures.count;
  }

  /** False when the database does not answer. */
  async #look(books: Books): Promise<boolean> {
    const { clock, journal } = this.#parts;
    const { recordRoll, captureRoll } = books;
    if (this.#mayClose(books)) {
      books.closing = true;
      recordRoll.again();
      captureRoll.again();
    }
    const records = await this.#lostOf(recordRoll, 'records', (id) => journal.holds(id));
    const captures = await this.#lostOf(
      captureRoll,
      'captures',
      (id) => journal.holds(id) || this.#parts.isBeingCaptured(id),
    );
    books.nextLookAtMs =
      clock.nowMs() + (isSettling(recordRoll) && isSettling(captureRoll) ? LOOK_EVERY_MS : LOOK_SELDOM_MS);
    if (records === undefined || captures === undefined) return false;
    if (records.size > 0 || captures.size > 0) {
      if (this.#parts.isQuiet()) await this.#offerAgain(books, records, captures);
    } else if (books.closing && recordRoll.allFound && captureRoll.allFound) {
      this.#books.delete(books.segment);
      journal.segmentSettled(books.segment);
    }
    return true;
  }

  /** Those of a roll that are lost. Undefined: the database does not say. */
  async #lostOf(
    roll: Roll,
    which: keyof BookIds,
    isHere: (id: ExchangeId) => boolean,
  ): Promise<Set<ExchangeId> | undefined> {
    const looked: string[] = [];
    const missing = new Set<string>();
    for (const ids of roll.parts(IDS_PER_QUESTION)) {
      const answer = await this.#parts.missing({ records: [], captures: [], [which]: ids });
      if (answer === undefined) return undefined;
      looked.push(...ids);
      for (const id of answer[which]) missing.add(id);
    }
    return new Set(roll.told(looked, missing, (id) => isHere(id as ExchangeId)).map((id) => id as ExchangeId));
  }

  async #offerAgain(books: Books, records: Set<ExchangeId>, captures: Set<ExchangeId>): Promise<void> {
    const { log, journal, clock } = this.#parts;
    const { segment } = books;
    log.warn(
      { segment, records: records.size, captures: captures.size },
      'the database has not what the queue had taken; it is offered again, from the journal',
    );
    const gone = await this.#parts.offerAgain({ segment, records, captures });
    this.offered.records += records.size;
    this.offered.captures += captures.size;
    for (const id of gone) {
      journal.leaveOut(segment, id);
      this.noCapture(segment, id);
    }
    this.gone += gone.size;
    if (gone.size > 0) log.error({ segment, gone: gone.size }, 'exchanges are neither in the database nor the journal');
    books.recordRoll.forgive();
    books.captureRoll.forgive();
    books.nextLookAtMs = clock.nowMs() + OFFERED_MS;
  }
}

/** False where what is missing is all under way here. */
function isSettling(roll: Roll): boolean {
  return roll.allFound || roll.hasDoubts;
}
