import type { Pool } from 'pg';
import { z } from 'zod';
import { Conditions } from './conditions.ts';
import { pageOf, timeOf } from './queries.ts';
import type { Page } from './queries.ts';

const TIMES = ['made_at', 'next_attempt_at', 'uploaded_at'];

/** Of a file that is uploaded, when it would be tried next says nothing. */
const SHOWN = `
  id, object_key AS name, CASE WHEN uploaded_at IS NULL THEN 'waiting' ELSE 'uploaded' END AS state, bucket,
  first_number, first_number + records - 1 AS last_number, records, first_record, last_record, bytes, sha256, attempts,
  last_error AS error,
  ${TIMES.map((name) => `${name === 'next_attempt_at' ? `CASE WHEN uploaded_at IS NULL THEN ${timeOf(name)} END` : timeOf(name)} AS ${name}`).join(', ')}`;

const Rows = z.array(z.object({ item: z.record(z.string(), z.unknown()), id: z.string() }));

/** A page of the files that were exported, or are to be, newest first. */
export async function listExports(
  pool: Pool,
  { before, limit }: { before: string | undefined; limit: number },
): Promise<Page> {
  const conditions = new Conditions();
  conditions.add('id < ?', before);
  const count = conditions.parameter(limit + 1);
  const answer = await pool.query(
    `SELECT id, row_to_json(shown) AS item FROM (
       SELECT ${SHOWN} FROM aperture.export_files ${conditions.where} ORDER BY id DESC LIMIT ${count}
     ) AS shown`,
    conditions.values,
  );
  return pageOf(Rows.parse(answer.rows), limit, ({ id }) => id);
}
