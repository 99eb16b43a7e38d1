/** What the database has of the exchanges that were opened in one journal segment. */
interface Stored {
  recordsIn: number;
  capturesIn: number;
}

/**
 * When a journal segment may go: once the database has as many records of it as exchanges were opened in it, and as many
 * captures as were asked for. Owner of these counts on this side.
 */
export class Watermarks {
  readonly #opened = new Map<number, number>();
  readonly #captures = new Map<number, number>();
  readonly #stored = new Map<number, Stored>();
  readonly #settled: (segment: number) => void;

  constructor(settled: (segment: number) => void) {
    this.#settled = settled;
  }

  /** A segment takes no more exchanges. */
  sealed(segment: number, opened: number): void {
    this.#opened.set(segment, opened);
    this.#check(segment);
  }

  /** One more exchange of the segment is to be captured (1), or will not be after all (-1). Asked for before its record is. */
  capture(segment: number, change: 1 | -1): void {
    this.#captures.set(segment, (this.#captures.get(segment) ?? 0) + change);
    if (change === -1) this.#check(segment);
  }

  stored(segments: readonly (Stored & { segment: number })[]): void {
    for (const { segment, recordsIn, capturesIn } of segments) {
      this.#stored.set(segment, { recordsIn, capturesIn });
      this.#check(segment);
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
