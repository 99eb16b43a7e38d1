import { setTimeout as sleep } from 'node:timers/promises';
import { isDataError } from '../src/store/database.ts';

/** Pause before a database that is away is tried again. */
const RETRY_MS = 1_000;

/**
 * Does what needs the database, again and again until it is done.
 *
 * @throws Error what the database rejects for what it is, and whatever it was when we are told to stop.
 */
export type UntilDone = <T>(work: () => Promise<T>) => Promise<T>;

export function createUntilDone(stop: AbortSignal, onFailed: (error: unknown) => void): UntilDone {
  return async (work) => {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (isDataError(error) || stop.aborted) throw error;
        onFailed(error);
        await sleep(RETRY_MS, undefined, { signal: stop }).catch(() => undefined);
      }
    }
  };
}
