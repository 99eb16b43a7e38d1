/** What one key has waiting, and how much it may still take in this round. */
interface Lane<T> {
  key: string;
  items: { item: T; size: number }[];
  head: number;
  size: number;
  credit: number;
}

export interface FairQueueOptions {
  name: string;
  /** Items at most, all keys together. */
  capacity: number;
  /** The same of their sizes. */
  capacitySize: number;
  /** What a key may take in a round: large enough for most items, small enough that a round is short. */
  quantum: number;
}

/**
 * One queue for many, of whom none can delay another by more than a round: first in, first out by key, and the keys in
 * turn, each as much by size as the others (deficit round robin).
 *
 * Bounded in items and in size; what does not fit is refused, and the caller settles it. A key may have no more waiting
 * than there is room left, so that whoever floods the queue gets half of it, and who comes later still finds room.
 */
export class FairQueue<T> {
  readonly #options: FairQueueOptions;
  readonly #lanes = new Map<string, Lane<T>>();
  /** Keys with something waiting, the next one first. */
  readonly #turns: Lane<T>[] = [];
  depth = 0;
  size = 0;
  refused = 0;

  constructor(options: FairQueueOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get capacity(): number {
    return this.#options.capacity;
  }

  /** Keys that have something waiting: no more than there are items. */
  get keys(): number {
    return this.#lanes.size;
  }

  /** False when there is no room for this key: the item was not taken. */
  offer(key: string, item: T, size: number): boolean {
    const lane = this.#lanes.get(key);
    if (!this.#hasRoom(lane, size)) {
      this.refused += 1;
      return false;
    }
    if (lane === undefined) {
      const fresh: Lane<T> = { key, items: [{ item, size }], head: 0, size, credit: 0 };
      this.#lanes.set(key, fresh);
      this.#turns.push(fresh);
    } else {
      lane.items.push({ item, size });
      lane.size += size;
    }
    this.depth += 1;
    this.size += size;
    return true;
  }

  take(): T | undefined {
    for (;;) {
      const lane = this.#turns[0];
      const next = lane?.items[lane.head];
      if (lane === undefined || next === undefined) return undefined;
      if (this.#turns.length > 1 && lane.credit < next.size) {
        lane.credit += this.#options.quantum;
        this.#turns.shift();
        this.#turns.push(lane);
        continue;
      }
      lane.credit = Math.max(0, lane.credit - next.size);
      this.#remove(lane, next.size);
      return next.item;
    }
  }

  /** An item larger than all the room there is is taken when nothing else of its key waits: it has to go some time. */
  #hasRoom(lane: Lane<T> | undefined, size: number): boolean {
    const { capacity, capacitySize } = this.#options;
    if (this.depth >= capacity || this.size >= capacitySize) return false;
    if (lane === undefined) return true;
    const waiting = lane.items.length - lane.head;
    return waiting < capacity - this.depth && lane.size + size <= capacitySize - this.size;
  }

  #remove(lane: Lane<T>, size: number): void {
    lane.head += 1;
    lane.size -= size;
    this.depth -= 1;
    this.size -= size;
    if (lane.head === lane.items.length) {
      this.#lanes.delete(lane.key);
      this.#turns.shift();
    } else if (lane.head > 1024 && lane.head * 2 > lane.items.length) {
      // Drop the taken half now and then, so that `take` stays constant on average.
      lane.items = lane.items.slice(lane.head);
      lane.head = 0;
    }
  }
}
