import type { PoolClient } from 'pg';
import type { ExchangeRecord } from '../contract/record.ts';
import { storableJson } from '../lib/storable-text.ts';

/** How long a row outlives its object: a record of the object's making may still be on its way, with the queue away. */
const KEPT_FOR = '30 days';
/** Rows that one batch of records takes away: more go with the next ones. */
const SWEPT_AT_ONCE = 200;

const NOTE = `
  INSERT INTO aperture.resources AS old (kind, id, provider, login, key_id, model, models, batch, batch_model, made_at, deleted_at, expires_at)
  SELECT kind, id, provider, login, key_id, model, models, batch, batch_model,
         coalesce(timestamptz 'epoch' + made_ms * interval '1 millisecond', '-infinity'),
         coalesce(timestamptz 'epoch' + deleted_ms * interval '1 millisecond', '-infinity'),
         timestamptz 'epoch' + expires_ms * interval '1 millisecond'
    FROM json_to_recordset($1::json) AS (
      kind text, id text, provider text, login text, key_id text, model text, models text[], batch text,
      batch_model text, made_ms float8, deleted_ms float8, expires_ms float8
    )
   ORDER BY kind, id, provider, login
  ON CONFLICT (kind, id, provider, login) DO UPDATE SET
    key_id = CASE WHEN excluded.made_at > old.made_at THEN excluded.key_id ELSE old.key_id END,
    model = CASE WHEN excluded.made_at > old.made_at THEN excluded.model ELSE old.model END,
    models = CASE WHEN excluded.made_at > old.made_at THEN coalesce(excluded.models, old.models) ELSE old.models END,
    batch = CASE WHEN excluded.made_at > old.made_at THEN excluded.batch ELSE old.batch END,
    batch_model = CASE WHEN excluded.made_at > old.made_at THEN excluded.batch_model ELSE old.batch_model END,
    expires_at = CASE WHEN excluded.made_at > old.made_at THEN excluded.expires_at ELSE old.expires_at END,
    made_at = greatest(old.made_at, excluded.made_at),
    deleted_at = greatest(old.deleted_at, excluded.deleted_at)`;

const SWEEP = `
  DELETE FROM aperture.resources WHERE ctid IN (
    SELECT ctid FROM aperture.resources
     WHERE (deleted_at > '-infinity' AND deleted_at < now() - $1::interval) OR expires_at < now() - $1::interval
     LIMIT $2 FOR UPDATE SKIP LOCKED
  )`;

/** What records tell of objects at providers, in the transaction that stores those records. Told again, it changes nothing. */
export async function noteResources(client: PoolClient, records: readonly ExchangeRecord[]): Promise<void> {
  const rows = rowsOf(records);
  if (rows.length === 0) return;
  await client.query(NOTE, [storableJson(rows)]);
  await client.query(SWEEP, [KEPT_FOR, SWEPT_AT_ONCE]);
}

export function hasResources({ resources }: ExchangeRecord): boolean {
  return resources !== undefined && resources.length > 0;
}

interface Row {
  kind: string;
  id: string;
  provider: string;
  login: string;
  key_id: string;
  model: string;
  models: string[] | null;
  batch: string | null;
  batch_model: string | null;
  made_ms: number | null;
  deleted_ms: number | null;
  expires_ms: number | null;
}

/** One row an object: a statement may not meet one twice. */
function rowsOf(records: readonly ExchangeRecord[]): Row[] {
  const rows = new Map<string, Row>();
  for (const { login, provider, key_id, model, resources = [] } of records) {
    for (const { op, kind, id, at_ms, models, batch, expires_at_ms } of resources) {
      const key = JSON.stringify([kind, id, provider, login]);
      const row = rows.get(key) ?? {
        ...{ kind, id, provider, login, key_id, model },
        ...{ models: null, batch: null, batch_model: null, made_ms: null, deleted_ms: null, expires_ms: null },
      };
      if (op === 'deleted') row.deleted_ms = Math.max(row.deleted_ms ?? 0, at_ms);
      else if (at_ms >= (row.made_ms ?? 0)) {
        Object.assign(row, {
          key_id,
          model,
          models: models ?? row.models,
          batch: batch?.id ?? null,
          batch_model: batch?.model ?? null,
          made_ms: at_ms,
          expires_ms: expires_at_ms ?? null,
        });
      }
      rows.set(key, row);
    }
  }
  return [...rows.values()];
}
