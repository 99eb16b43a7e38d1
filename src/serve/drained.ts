/** Those who wait for a thread to say that it has drained. */
export class Drained {
  readonly #waiting: (() => void)[] = [];

  /** Resolves when the thread has said so, has died, or `withinMs` is over. `ask`: false where nobody hears it. */
  within(withinMs: number, ask: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, withinMs);
      this.#waiting.push(() => {
        clearTimeout(timer);
        resolve();
      });
      if (!ask()) this.settle();
    });
  }

  settle(): void {
    for (const settle of this.#waiting.splice(0)) settle();
  }
}
