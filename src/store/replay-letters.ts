import type { Pool } from 'pg';
import { removeLetter } from './dead-letters.ts';
import type { FoundLetter } from './dead-letters.ts';
import { recordsOf } from './job-data.ts';
import type { RecordStore } from './records.ts';

/**
 * Tries a letter again: stored, it is removed; otherwise it stays with the new reason, and false is answered. Idempotent:
 * what was stored already, by whomever, is stored no second time.
 *
 * @throws Error when the database is away; the letter stays.
 */
export async function replayLetter(pool: Pool, records: RecordStore, letter: FoundLetter): Promise<boolean> {
  if (!(await storeAgain(records, letter))) return false;
  await removeLetter(pool, letter.id);
  return true;
}

async function storeAgain(records: RecordStore, { kind, body }: FoundLetter): Promise<boolean> {
  const content: unknown = JSON.parse(body);
  if (kind === 'record') return (await records.store([content])).dead === 0;
  const batch = kind === 'job' ? recordsOf(content) : undefined;
  if (batch === undefined) return false;
  // What of it still cannot be stored is a letter by itself now.
  await records.store(batch);
  return true;
}
