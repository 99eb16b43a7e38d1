import { setImmediate } from 'node:timers/promises';

/** What a text costs beside its characters: ten thousand short ones are work too. */
const TEXT_CHARS = 64;

/** Text after which others have their turn: a few milliseconds of the dearest rules. */
const TURN_CHARS = 16 * 1024;

/** Lets a long piece of work give way now and then, so that no large prompt keeps small ones waiting. */
export class Pace {
  #chars = 0;

  /** Undefined while there is no need to wait: a promise for each text would be work of its own. */
  spend(chars: number): Promise<void> | undefined {
    this.#chars += chars + TEXT_CHARS;
    if (this.#chars < TURN_CHARS) return undefined;
    this.#chars = 0;
    return setImmediate();
  }
}
