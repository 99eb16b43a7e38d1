/**
 * When a journal segment may go: once the database has as many records of it as exchanges were opened in it. Owner of
 * the two counts on this side.
 */
export class Watermarks {
  readonly #opened = new Map<number, number>();
  readonly #stored = new Map<number, number>();
  readonly #settled: (segment: number) => void;

  constructor(settled: (segment: number) => void) {
    this.#settled = settled;
  }

  /** A segment takes no more exchanges. */
  sealed(segment: number, opened: number): void {
    this.#opened.set(segment, opened);
    this.#check(segment);
  }

  stored(segments: readonly { segment: number; recordsIn: number }[]): void {
    for (const { segment, recordsIn } of segments) {
      this.#stored.set(segment, recordsIn);
      this.#check(segment);
    }
  }

  #check(segment: number): void {
    const opened = this.#opened.get(segment);
    if (opened === undefined || (this.#stored.get(segment) ?? 0) < opened) return;
    this.#opened.delete(segment);
    this.#stored.delete(segment);
    this.#settled(segment);
  }
}
