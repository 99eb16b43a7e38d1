/** Those who wait for a thread to say that it has drained, and what it left. */
export class Drained<Left = void> {
  readonly #waiting: ((left: Left) => void)[] = [];

  /**
   * Resolves when the thread has said so, has died, or `withinMs` is over: then with what is left by our own count. `ask`:
   * false where nobody hears it.
   */
  within(withinMs: number, ask: () => boolean, leftNow: () => Left): Promise<Left> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        resolve(leftNow());
      }, withinMs);
      this.#waiting.push((left) => {
        clearTimeout(timer);
        resolve(left);
      });
      if (!ask()) this.settle(leftNow());
    });
  }

  settle(left: Left): void {
    for (const settle of this.#waiting.splice(0)) settle(left);
  }
}
