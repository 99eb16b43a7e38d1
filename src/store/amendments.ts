import type { PoolClient } from 'pg';
import { z } from 'zod';
import { AMENDMENT_KINDS } from '../contract/amendment.ts';
import type { AmendmentBody, AmendmentKind } from '../contract/amendment.ts';
import { USAGE_KINDS } from '../contract/usage.ts';
import { storableJson } from '../lib/storable-text.ts';
import { uuid7, uuid7Ms } from '../lib/uuid7.ts';
import { addToRollups, REFUSED, ROLLUP_READS } from './rollups.ts';
import { AMENDED_SESSIONS } from './session-rows.ts';

/** "apam": held shared by who books what came late, alone by who prices again. */
const AMENDMENT_LOCK = 0x6170616d;

/** A correction of one record's money. */
export interface Amendment {
  recordId: string;
  /** The newest amendment of that record, read in this transaction; the new one's id is greater. */
  after: string | null;
  kind: AmendmentKind;
  body: AmendmentBody;
}

const KINDS = AMENDMENT_KINDS.map((kind) => `'${kind}'`).join(', ');

/** SQL: what amendments say of costs; of one record, the greatest `id` has the last word. Null: it is not known. */
export const COST_AMENDMENTS = `(
  SELECT record_id, id, (body ->> 'cost_nanodollars')::bigint AS cost
    FROM aperture.amendments WHERE kind IN (${KINDS}) AND body ? 'cost_nanodollars'
)`;

/**
 * SQL to join to a record: `changes`, what its amendments say of its money, as one object with the last word on each
 * member; null where there is none. `id` is SQL for the record's. A join rather than a column, which the planner would
 * compute anew for each member that reads it.
 */
export function joinChanges(id: string): string {
  return `CROSS JOIN LATERAL (
    SELECT jsonb_object_agg(member.key, member.value ORDER BY amendment.id) AS changes
      FROM aperture.amendments AS amendment CROSS JOIN LATERAL jsonb_each(amendment.body) AS member
     WHERE amendment.record_id = ${id} AND amendment.kind IN (${KINDS})
  ) AS amended_by`;
}

const changed = (name: string, to: string, booked = name): string =>
  `CASE WHEN changes ? '${name}' THEN ${to} ELSE ${booked} END`;
type NameAndSql = [name: string, sql: string];
const asText = (name: string): NameAndSql => [name, changed(name, `changes ->> '${name}'`)];
const asJson = (name: string): NameAndSql => [name, changed(name, `changes -> '${name}'`)];

/**
 * SQL for the effective value of each member that amendments may change, by its name.
 */
const EFFECTIVE: Record<string, string> = Object.fromEntries<string>([
  ...USAGE_KINDS.map((kind): NameAndSql => [
    kind,
    `CASE WHEN changes ? 'usage' THEN (changes -> 'usage' ->> '${kind}')::bigint ELSE ${kind} END`,
  ]),
  ...['usage_state', 'model_served', 'service_tier', 'cost_basis', 'price_version'].map(asText),
  ...['usage_detail', 'server_tools'].map(asJson),
  ['usage_flags', changed('usage_flags', `ARRAY(SELECT jsonb_array_elements_text(changes -> 'usage_flags'))`)],
  ['cost_nanodollars', changed('cost_nanodollars', `(changes ->> 'cost_nanodollars')::bigint`)],
  [
    'reported_cost_nanodollars',
    changed(
      'reported_cost_nanodollars',
      `(changes ->> 'reported_cost_nanodollars')::numeric`,
      // Rows of the first builds have it as their cost only.
      `coalesce(reported_cost_nanodollars, CASE WHEN price_version = 'reported' THEN cost_nanodollars END)`,
    ),
  ],
]);

/** SQL for a member's effective value, over the columns of a record and `changes`, which `joinChanges` joins to it. */
export function effective(name: string): string {
  return EFFECTIVE[name] ?? name;
}

/** Until the transaction ends, no record is amended by anybody else. */
export async function lockAllAmendments(client: PoolClient): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock($1)', [AMENDMENT_LOCK]);
}

/** Until the transaction ends, nobody has `lockAllAmendments`. */
export async function shareAmendments(client: PoolClient): Promise<void> {
  await client.query('SELECT pg_advisory_xact_lock_shared($1)', [AMENDMENT_LOCK]);
}

/**
 * Writes amendments, at most one of a record, and corrects roll-ups and sessions by what each of them changed. The caller's
 * transaction holds a lock that keeps others from amending the same records.
 *
 * @returns how many were written.
 */
export async function amend(client: PoolClient, amendments: readonly Amendment[], nowMs: number): Promise<number> {
  if (amendments.length === 0) return 0;
  const rows = amendments.map(({ recordId, after, kind, body }) => ({
    record_id: recordId,
    // By whatever clock the one before was written: the order of ids is the order in which they apply.
    id: uuid7(Math.max(nowMs, after === null ? 0 : uuid7Ms(after) + 1)),
    kind,
    body,
  }));
  const answer = await client.query(AMEND, [storableJson(rows)]);
  return Amended.parse(answer.rows[0]).amended;
}

const Amended = z.object({ amended: z.int() });

/** The members of a record that roll-ups and sessions read, and as they are once `changes` apply. */
const READS = [...ROLLUP_READS, 'session_id'];
const READ = READS.join(', ');
const COUNTED = READS.map((name) => `${effective(name)} AS ${name}`).join(', ');

/**
 * Every part of a statement sees the tables as they were before it: so `amended` is what was booked until now, and each
 * record is taken out of its roll-up as it was and put in as it is.
 */
const AMEND = `
WITH input AS (
  SELECT * FROM json_to_recordset($1::json) AS (record_id uuid, id uuid, kind text, body jsonb)
), inserted AS (
  INSERT INTO aperture.amendments (record_id, id, kind, body)
  SELECT record_id, id, kind, body FROM input ORDER BY record_id
  RETURNING record_id, body
), amended AS (
  SELECT changes, inserted.body, ${REFUSED} AS refused, ${READ}
  FROM inserted JOIN aperture.records AS record ON record.id = inserted.record_id ${joinChanges('record.id')}
), states AS (
  SELECT -1 AS sign, changes, refused, ${READ} FROM amended
  UNION ALL
  SELECT 1, coalesce(changes, '{}') || body, refused, ${READ} FROM amended
), effects AS (
  SELECT sign, refused, ${COUNTED} FROM states
), ${addToRollups('effects', 'sign')}, session AS (${AMENDED_SESSIONS}
)
SELECT count(*)::int AS amended FROM inserted`;
