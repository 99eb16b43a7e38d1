/** Runs steps in order: at once, unless one before is still at work. One that fails is told of, and the next runs. */
export class Steps {
  readonly #onBroken: (error: unknown) => void;
  #tail: Promise<void> | undefined;

  constructor(onBroken: (error: unknown) => void) {
    this.#onBroken = onBroken;
  }

  /** Runs a step after those before it; undefined when it is done already. */
  run(step: () => Promise<void> | undefined): Promise<void> | undefined {
    const next = this.#tail === undefined ? this.#guarded(step) : this.#tail.then(() => this.#guarded(step));
    if (next === undefined) return undefined;
    const tail = next.then(() => {
      if (this.#tail === tail) this.#tail = undefined;
    });
    this.#tail = tail;
    return tail;
  }

  /** Resolves when all steps so far are done. */
  async done(): Promise<void> {
    await this.#tail;
  }

  #guarded(step: () => Promise<void> | undefined): Promise<void> | undefined {
    try {
      return step()?.catch((error: unknown) => {
        this.#onBroken(error);
      });
    } catch (error) {
      this.#onBroken(error);
      return undefined;
    }
  }
}
