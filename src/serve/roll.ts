/** Ids of exchanges in the order in which they were opened; more may come. */
export interface RollIds {
  readonly count: number;
  slice(from: number, to: number): string[];
}

/**
 * What of a list of exchanges has been found in the database, and what was nowhere: neither there nor under way here. One
 * that was nowhere at two looks is lost: the first may have been too early.
 */
export class Roll {
  readonly #ids: RollIds;
  /** All before this place were found. */
  #found = 0;
  #nowhere = new Set<string>();

  constructor(ids: RollIds) {
    this.#ids = ids;
  }

  get allFound(): boolean {
    return this.#found >= this.#ids.count;
  }

  /** Looks at all of it anew. */
  again(): void {
    this.#found = 0;
  }

  /** The ids to look for, a part at a time. */
  *parts(size: number): Generator<string[]> {
    const end = this.#ids.count;
    for (let at = this.#found; at < end; at += size) yield this.#ids.slice(at, Math.min(end, at + size));
  }

  /**
   * Takes what a look over all parts did not find, of `looked` ids; what `isHere` is no wonder. Returns those that were
   * nowhere at the last look either.
   */
  told(looked: readonly string[], missing: ReadonlySet<string>, isHere: (id: string) => boolean): string[] {
    const first = looked.findIndex((id) => missing.has(id));
    this.#found += first < 0 ? looked.length : first;
    const nowhere = [...missing].filter((id) => !isHere(id));
    const lost = nowhere.filter((id) => this.#nowhere.has(id));
    this.#nowhere = new Set(nowhere);
    return lost;
  }

  /** Something was nowhere at the last look. */
  get hasDoubts(): boolean {
    return this.#nowhere.size > 0;
  }

  /** What was lost is on its way again. */
  forgive(): void {
    this.#nowhere = new Set();
  }
}
