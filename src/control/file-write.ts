import { errorChain } from '../lib/log.ts';
import type { ConfigFile } from './config-file.ts';

/** The file's part of a save, which is undone when the store's part fails after it. */
export class FileWrite {
  readonly #file: ConfigFile;
  readonly #before: string;
  readonly #text: string;
  #written = false;
  /** Why it was not written. */
  refused: string | undefined;

  constructor(file: ConfigFile, before: string, text: string) {
    this.#file = file;
    this.#before = before;
    this.#text = text;
  }

  /** Throws when it cannot, so that the transaction around it is given up. */
  run(): void {
    try {
      if (this.#file.read() !== this.#before) throw new Error('it was edited by hand; SIGHUP makes it hold');
      this.#file.write(this.#text);
      this.#written = true;
    } catch (error) {
      this.refused = `the config file was not written: ${errorChain(error)}`;
      throw error;
    }
  }

  undo(): void {
    if (this.#written) this.#file.write(this.#before);
  }
}
