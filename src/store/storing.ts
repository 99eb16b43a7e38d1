import { isDataError } from './database.ts';
import { storableText } from '../lib/storable-text.ts';

/**
 * Stores all at once or, where the database rejects a row, finds that one by halves and gives it to `bury` with the
 * reason, so that the others get in. Returns the sum of what `store` answered, and how many were buried.
 *
 * @throws Error when it is not about a row: the database is away, or its schema is not ours.
 */
export async function storeWhatFits<T>(
  rows: readonly T[],
  store: (rows: readonly T[]) => Promise<number>,
  bury: (row: T, error: string) => Promise<void>,
): Promise<{ inserted: number; dead: number }> {
  if (rows.length === 0) return { inserted: 0, dead: 0 };
  try {
    return { inserted: await store(rows), dead: 0 };
  } catch (error) {
    if (!isDataError(error)) throw error;
    const [only] = rows;
    if (rows.length === 1 && only !== undefined) {
      await bury(only, messageOf(error));
      return { inserted: 0, dead: 1 };
    }
    const middle = rows.length >> 1;
    const first = await storeWhatFits(rows.slice(0, middle), store, bury);
    const second = await storeWhatFits(rows.slice(middle), store, bury);
    return { inserted: first.inserted + second.inserted, dead: first.dead + second.dead };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? storableText(error.message) : 'rejected by the database';
}
