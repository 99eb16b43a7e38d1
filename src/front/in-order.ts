interface Waiting {
  ready: boolean;
  bytes: number;
  go: () => void;
}

/** What must leave in the order in which it came, though some of it is ready before what was there first. */
export class InOrder {
  readonly #waiting: Waiting[] = [];
  #bytes = 0;

  /** Of those that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `go` runs when `whenReady` has told, and all before it went. */
  add(bytes: number, whenReady: (ready: () => void) => void, go: () => void): void {
    const entry: Waiting = { ready: false, bytes, go };
    this.#waiting.push(entry);
    this.#bytes += bytes;
    whenReady(() => {
      entry.ready = true;
      this.#run();
    });
  }

  #run(): void {
    while (this.#waiting[0]?.ready === true) {
      const [first] = this.#waiting.splice(0, 1);
      this.#bytes -= first?.bytes ?? 0;
      first?.go();
    }
  }
}
