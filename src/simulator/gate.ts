/** Where held streams wait until all are let go at once: a test then knows that they were open together. */
export class Gate {
  #open: () => void = () => undefined;
  #opened = this.#closed();

  #closed(): Promise<void> {
    return new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  /** Settles at the next release. */
  opened(): Promise<void> {
    return this.#opened;
  }

  /** Those that wait now; who comes later waits for the next. */
  release(): void {
    this.#open();
    this.#opened = this.#closed();
  }
}
