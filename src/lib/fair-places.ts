/**
 * Places for what is under way, for many of whom none takes more than leaves room for others: a key may have no more than
 * are left, as in a `FairQueue`. Whoever floods them gets half, and who comes later still finds one.
 */
export class FairPlaces {
  readonly capacity: number;
  /** By key; those with none are not there. */
  readonly #taken = new Map<string, number>();
  taken = 0;
  refused = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** False where there is none for this key. `give` must follow where there is. */
  take(key: string): boolean {
    const own = this.#taken.get(key) ?? 0;
    if (own >= this.capacity - this.taken) {
      this.refused += 1;
      return false;
    }
    this.#taken.set(key, own + 1);
    this.taken += 1;
    return true;
  }

  give(key: string): void {
    const own = this.#taken.get(key);
    if (own === undefined) return;
    this.taken -= 1;
    if (own === 1) this.#taken.delete(key);
    else this.#taken.set(key, own - 1);
  }
}
