import { createHash } from 'node:crypto';
import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import { storableJson, storableText } from '../lib/storable-text.ts';
import { uuid7, uuid7Floor } from '../lib/uuid7.ts';

/** What can lie among the dead letters: a record that no build could store, and a job of a queue that no build could read. */
export type LetterKind = 'record' | 'job';

/** What goes there. */
export interface Letter {
  kind: LetterKind;
  /** Id of the record that it is or belongs to, as far as it has one; of a job, its queue. */
  subject: string | null;
  error: string;
  /** As it came: JSON. */
  body: unknown;
}

/** A dead letter in a list. */
export interface LetterLine {
  id: string;
  kind: string;
  /** RFC 3339. */
  at: string;
  subject: string | null;
  error: string;
  /** Of its body, in the database's encoding. */
  bytes: number;
}
export interface FoundLetter extends LetterLine {
  /** JSON text. */
  body: string;
}

/** Kept this long and this many, the newest; whoever wants them longer copies them out. */
export const LETTERS_KEPT_DAYS = 90;
const LETTERS_KEPT = 100_000;
const DAY_MS = 86_400_000;

/** Puts a letter there; one that is there already keeps its id and time, and takes the new reason. */
export async function bury(pool: Pool, clock: Clock, { kind, subject, error, body }: Letter): Promise<void> {
  const text = storableJson(body);
  await pool.query(
    `INSERT INTO aperture.dead_letters (id, kind, sha256, subject, error, body) VALUES ($1, $2, $3, $4, $5, $6)
     ON CONFLICT (kind, sha256) DO UPDATE SET error = excluded.error`,
    [
      uuid7(clock.nowMs()),
      kind,
      createHash('sha256').update(text).digest('hex'),
      subject === null ? null : storableText(subject),
      storableText(error),
      text,
    ],
  );
}

/** The newest first. `before`: letters older than this id. */
export async function listLetters(
  pool: Pool,
  page: { before: string | undefined; limit: number },
): Promise<LetterLine[]> {
  const { rows } = await pool.query(
    `SELECT ${LINE} FROM aperture.dead_letters WHERE $1::uuid IS NULL OR id < $1 ORDER BY id DESC LIMIT $2`,
    [page.before ?? null, page.limit],
  );
  return z.array(Line).parse(rows);
}

export async function findLetter(pool: Pool, id: string): Promise<FoundLetter | undefined> {
  const { rows } = await pool.query(`SELECT ${LINE}, body FROM aperture.dead_letters WHERE id = $1`, [id]);
  return rows.length === 0 ? undefined : Found.parse(rows[0]);
}

/** The oldest ones above `after`, whole: what a replay works through. */
export async function nextLetters(pool: Pool, after: string | undefined, limit: number): Promise<FoundLetter[]> {
  const { rows } = await pool.query(
    `SELECT ${LINE}, body FROM aperture.dead_letters WHERE id > $1 ORDER BY id LIMIT $2`,
    [after ?? uuid7Floor(0), limit],
  );
  return z.array(Found).parse(rows);
}

/** False when there is none. */
export async function removeLetter(pool: Pool | PoolClient, id: string): Promise<boolean> {
  const answer = await pool.query('DELETE FROM aperture.dead_letters WHERE id = $1', [id]);
  return answer.rowCount !== 0;
}

export async function countLetters(pool: Pool): Promise<number> {
  const { rows } = await pool.query('SELECT count(*)::int AS letters FROM aperture.dead_letters');
  return z.object({ letters: z.int() }).parse(rows[0]).letters;
}

/** Removes what is beyond the bounds; returns how many that were. */
export async function pruneLetters(pool: Pool, clock: Clock): Promise<number> {
  const answer = await pool.query(
    `DELETE FROM aperture.dead_letters
      WHERE id < $1 OR id <= (SELECT id FROM aperture.dead_letters ORDER BY id DESC OFFSET $2 LIMIT 1)`,
    [uuid7Floor(Math.max(0, clock.nowMs() - LETTERS_KEPT_DAYS * DAY_MS)), LETTERS_KEPT],
  );
  return answer.rowCount ?? 0;
}

const LINE = `
  id, kind, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at, subject, error,
  octet_length(body) AS bytes`;
const Line = z.object({
  id: z.string(),
  kind: z.string(),
  at: z.string(),
  subject: z.string().nullable(),
  error: z.string(),
  bytes: z.int(),
});
const Found = Line.extend({ body: z.string() });
