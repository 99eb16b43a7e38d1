/** First in, first out, with a capacity and a name: what does not fit is refused, and the caller settles it. */
export class BoundedQueue<T> {
  readonly name: string;
  readonly capacity: number;
  #items: T[] = [];
  #head = 0;
  refused = 0;

  constructor(name: string, capacity: number) {
    this.name = name;
    this.capacity = capacity;
  }

  get depth(): number {
    return this.#items.length - this.#head;
  }

  /** False when full: the item was not taken. */
  offer(item: T): boolean {
    if (this.depth >= this.capacity) {
      this.refused += 1;
      return false;
    }
    this.#items.push(item);
    return true;
  }

  take(): T | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head += 1;
    // Drop the taken half now and then, so that `take` stays constant on average.
    if (this.#head > 1024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }
}
