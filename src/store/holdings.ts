import type { Pool } from 'pg';
import { z } from 'zod';
import type { Whose } from '../contract/holding.ts';

/** The caller's own first: a provider may give an id twice. One row of the index, or none. */
const FIND = `
  SELECT login, provider, model FROM aperture.records
   WHERE response_id = $1 AND api = 'openai_responses'
   ORDER BY (login = $2) DESC, id DESC LIMIT 1`;

const Rows = z.array(z.object({ login: z.string(), provider: z.string(), model: z.string() }));

/**
 * Whose a stored response is, by the records of what made it. A record that retention has dropped is forgotten here too.
 *
 * @throws Error when the database is away.
 */
export async function whoseResponse(pool: Pool, responseId: string, login: string): Promise<Whose> {
  const { rows } = await pool.query(FIND, [responseId, login]);
  const [holding] = Rows.parse(rows);
  if (holding === undefined) return { of: 'nobody' };
  return holding.login === login ? { of: 'caller', holding } : { of: 'another' };
}
