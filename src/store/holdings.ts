import type { Pool } from 'pg';
import { z } from 'zod';
import type { Holding, Whose } from '../contract/holding.ts';
import type { NamedResource, ResourceKind } from '../contract/resource.ts';

/** The caller's own first: a provider may give an id twice. One row of the index, or none. */
const FIND_RESPONSE = `
  SELECT login, provider, model FROM aperture.records
   WHERE response_id = $1 AND api = 'openai_responses'
   ORDER BY (login = $2) DESC, id DESC LIMIT 1`;

/** At each provider it is its last maker's, if it is there: names that callers choose are free again (`resources`). */
const FIND = `
  SELECT login, provider, model, key_id, models, batch, batch_model, extract(epoch FROM made_at) * 1000 AS made_ms FROM (
    SELECT DISTINCT ON (provider) * FROM aperture.resources WHERE kind = $1 AND id = $2 ORDER BY provider, made_at DESC
  ) AS last
   WHERE made_at > deleted_at
   ORDER BY (login = $3) DESC, made_at DESC LIMIT 1`;

/** A row, as its holding and when it was made. */
const Response = z
  .object({ login: z.string(), provider: z.string(), model: z.string() })
  .transform((holding): Found => ({ holding }));
const Other = z
  .object({
    login: z.string(),
    provider: z.string(),
    model: z.string(),
    key_id: z.string(),
    models: z.array(z.string()).nullable(),
    batch: z.string().nullable(),
    batch_model: z.string().nullable(),
    made_ms: z.coerce.number(),
  })
  .transform(({ login, provider, model, key_id: keyId, models, batch, batch_model, made_ms }): Found => ({
    holding: {
      login,
      provider,
      model,
      keyId,
      ...(models === null ? {} : { models }),
      ...(batch === null ? {} : { batch: { id: batch, model: batch_model ?? '' } }),
    },
    madeAtMs: made_ms,
  }));

interface Found {
  holding: Holding;
  madeAtMs?: number;
}

/**
 * Whose something is that a provider keeps: a response by the records of what made it, all else by the table that its
 * maker's record was noted in.
 *
 * @throws Error when the database is away.
 */
export async function whose(pool: Pool, { kind, id }: NamedResource, login: string): Promise<Whose> {
  const { rows } = await pool.query(
    kind === 'response' ? FIND_RESPONSE : FIND,
    kind === 'response' ? [id, login] : [kind, id, login],
  );
  if (rows.length === 0) return { of: 'nobody' };
  const found = (kind === 'response' ? Response : Other).parse(rows[0]);
  return found.holding.login === login ? { of: 'caller', ...found } : { of: 'another' };
}

const FIND_OWN = `
  SELECT id FROM (
    SELECT DISTINCT ON (id) id, login, made_at, deleted_at FROM aperture.resources
     WHERE kind = $1 AND id = ANY($2) AND provider = $4 ORDER BY id, made_at DESC
  ) AS last
   WHERE login = $3 AND made_at > deleted_at`;
const Ids = z.array(z.object({ id: z.string() }));

/**
 * Those of the ids that are the login's at that provider.
 *
 * @throws Error when the database is away.
 */
export async function ownOf(
  pool: Pool,
  { kind, ids, login, provider }: { kind: ResourceKind; ids: string[]; login: string; provider: string },
): Promise<string[]> {
  const { rows } = await pool.query(FIND_OWN, [kind, ids, login, provider]);
  return Ids.parse(rows).map(({ id }) => id);
}
