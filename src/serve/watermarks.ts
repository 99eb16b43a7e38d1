import type { ExchangeId } from '../contract/ids.ts';

/** What the database has of the exchanges that were opened in one journal segment. */
export interface SegmentCount {
  segment: number;
  recordsIn: number;
  capturesIn: number;
}

/** Who knows when a segment of a journal may go. */
export interface SegmentMarks {
  /** A segment takes no more exchanges. */
  sealed(segment: number, opened: number): void;
  /** One more exchange of the segment is to be captured. Told before its record is handed on. */
  capture(segment: number, exchange: ExchangeId): void;
  /** It will not be captured after all. */
  noCapture(segment: number, exchange: ExchangeId): void;
  counted(segments: readonly SegmentCount[]): void;
}

/**
 * When a segment may go that another process left: once the database has as many records of it as exchanges were opened
 * in it, and as many captures as were asked for. Owner of these counts on this side.
 */
export class Watermarks implements SegmentMarks {
  readonly #opened = new Map<number, number>();
  readonly #captures = new Map<number, number>();
  readonly #stored = new Map<number, SegmentCount>();
  readonly #settled: (segment: number) => void;

  constructor(settled: (segment: number) => void) {
    this.#settled = settled;
  }

  sealed(segment: number, opened: number): void {
    this.#opened.set(segment, opened);
    this.#check(segment);
  }

  capture(segment: number): void {
    this.#captures.set(segment, (this.#captures.get(segment) ?? 0) + 1);
  }

  noCapture(segment: number): void {
    this.#captures.set(segment, (this.#captures.get(segment) ?? 0) - 1);
    this.#check(segment);
  }

  counted(segments: readonly SegmentCount[]): void {
    for (const count of segments) {
      this.#stored.set(count.segment, count);
      this.#check(count.segment);
    }
  }

  #check(segment: number): void {
    const opened = this.#opened.get(segment);
    const { recordsIn, capturesIn } = this.#stored.get(segment) ?? { recordsIn: 0, capturesIn: 0 };
    if (opened === undefined || recordsIn < opened || capturesIn < (this.#captures.get(segment) ?? 0)) return;
    this.#opened.delete(segment);
    this.#captures.delete(segment);
    this.#stored.delete(segment);
    this.#settled(segment);
  }
}
