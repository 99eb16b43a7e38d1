import { readLocalControl, writeConfirmed, writeLocalControl } from '../src/control/snapshot-file.ts';
import type { LocalControl } from '../src/control/snapshot-file.ts';
import { errorChain } from '../src/lib/log.ts';
import type { Log } from '../src/lib/log.ts';

/** The confirmation on disk is this old at most: after a start without the store it is what the age is counted from. */
const CONFIRM_EVERY_MS = 5_000;

/** Control state in the data directory, for a start without the store. A disk that does not take it keeps nobody out. */
export class LocalCopy {
  readonly #dataDir: string;
  readonly #log: Log;
  #confirmedAtMs = 0;

  constructor(dataDir: string, log: Log) {
    this.#dataDir = dataDir;
    this.#log = log;
  }

  read(): LocalControl | undefined {
    const read = readLocalControl(this.#dataDir);
    if (read.ok) return read.value;
    this.#log.warn({ why: read.fault }, 'the local copy of control state is not used');
    return undefined;
  }

  keep(local: LocalControl): void {
    this.#write(() => {
      writeLocalControl(this.#dataDir, local);
    });
  }

  /** What is kept was what holds at that time. */
  confirm(version: number, atMs: number): void {
    if (atMs - this.#confirmedAtMs < CONFIRM_EVERY_MS) return;
    this.#confirmedAtMs = atMs;
    this.#write(() => {
      writeConfirmed(this.#dataDir, { version, confirmedAtMs: atMs });
    });
  }

  #write(write: () => void): void {
    try {
      write();
    } catch (error) {
      this.#log.error({ error: errorChain(error) }, 'control state could not be kept in the data directory');
    }
  }
}
