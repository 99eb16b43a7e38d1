import { createHash } from 'node:crypto';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import { isPriceFlag } from '../contract/amendment.ts';
import type { AmendmentBody } from '../contract/amendment.ts';
import { LateUsage } from '../contract/record.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import { amend, shareAmendments } from './amendments.ts';

/** A response whose usage may be told later than by the exchange that made it. */
export interface LateResponse {
  login: string;
  provider: string;
  responseId: string;
}

/** The API whose responses can be asked for after their exchange. */
const API = 'openai_responses';
/** Locks of a transaction are few, however many responses a batch holds; two that share one wait without need. */
const LOCKS = 256;
/** "aplu": the first half of those locks' keys. */
const LOCK_CLASS = 0x61706c75;

/**
 * Which responses a batch of records has to do with: those that a record tells the late usage of, and those that a
 * record made without telling their usage to the end. Ordinary batches have none. The records' indexed strings are cut
 * already.
 */
export function lateResponsesOf(records: readonly ExchangeRecord[]): LateResponse[] {
  return records.flatMap((record) => {
    const { login, provider, response_id, late_usage } = record;
    if (late_usage !== null) return [{ login, provider, responseId: late_usage.response_id }];
    return response_id !== null && isOpenEnded(record, response_id)
      ? [{ login, provider, responseId: response_id }]
      : [];
  });
}

/** The request that made a response cannot name it yet; those that poll or cancel it do. */
function isOpenEnded({ api, usage_state, path }: ExchangeRecord, responseId: string): boolean {
  return api === API && usage_state !== 'final' && !path.includes(responseId);
}

/** Until the transaction ends, nobody else stores or books what concerns these responses. */
export async function lockResponses(client: PoolClient, responses: readonly LateResponse[]): Promise<void> {
  await shareAmendments(client);
  const keys = [...new Set(responses.map(lockOf))].sort((a, b) => a - b);
  await client.query('SELECT pg_advisory_xact_lock($1, key) FROM unnest($2::int[]) AS key', [LOCK_CLASS, keys]);
}

function lockOf({ login, provider, responseId }: LateResponse): number {
  const digest = createHash('sha256')
    .update(JSON.stringify([login, provider, responseId]))
    .digest();
  return digest.readUInt32BE(0) % LOCKS;
}

/**
 * Books what was told late on the exchanges that made these responses: once per response, by the first record that told
 * it, and only where both are stored. The transaction holds `lockResponses`.
 */
export async function bookLateUsage(
  client: PoolClient,
  responses: readonly LateResponse[],
  nowMs: number,
): Promise<void> {
  const answer = await client.query(DUE, [
    responses.map(({ login }) => login),
    responses.map(({ provider }) => provider),
    responses.map(({ responseId }) => responseId),
    API,
  ]);
  const due = z.array(Due).parse(answer.rows);
  await amend(
    client,
    due.map(({ id, after, usage_flags, late_usage }) => ({
      recordId: id,
      after,
      kind: 'usage',
      body: bodyOf(late_usage, usage_flags),
    })),
    nowMs,
  );
}

const Due = z.object({
  id: z.string(),
  after: z.string().nullable(),
  usage_flags: z.array(z.string()),
  late_usage: LateUsage,
});

const DUE = `
WITH asked AS (
  SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[]) AS asked (login, provider, response_id)
)
SELECT maker.id, maker.usage_flags, carrier.late_usage,
  (SELECT id FROM aperture.amendments WHERE record_id = maker.id ORDER BY id DESC LIMIT 1) AS after
FROM asked
CROSS JOIN LATERAL (
  SELECT id, usage_flags, usage_state FROM aperture.records AS record
   WHERE record.response_id = asked.response_id AND record.login = asked.login AND record.provider = asked.provider
     AND late_usage IS NULL AND api = $4 AND strpos(path, asked.response_id) = 0
   ORDER BY id LIMIT 1
) AS maker
CROSS JOIN LATERAL (
  SELECT late_usage FROM aperture.records AS record
   WHERE late_usage ->> 'response_id' = asked.response_id AND record.login = asked.login
     AND record.provider = asked.provider AND late_usage IS NOT NULL
   ORDER BY id LIMIT 1
) AS carrier
WHERE maker.usage_state <> 'final'
  AND NOT EXISTS (
    SELECT FROM aperture.records AS record
      JOIN aperture.amendments AS amendment ON amendment.record_id = record.id AND amendment.kind = 'usage'
     WHERE record.response_id = asked.response_id AND record.login = asked.login AND record.provider = asked.provider
  )`;

/** As if the record had carried it at once; what flags said of the exchange itself stays true. */
function bodyOf(late: LateUsage, flags: readonly string[]): AmendmentBody {
  const { usage, usage_detail, server_tools, cost_nanodollars, cost_basis, price_version } = late;
  return {
    usage,
    usage_state: 'final',
    usage_detail,
    usage_flags: [...new Set([...flags.filter((flag) => !isPriceFlag(flag)), ...late.usage_flags])],
    server_tools,
    ...(late.model_served === null ? {} : { model_served: late.model_served }),
    ...(late.service_tier === null ? {} : { service_tier: late.service_tier }),
    cost_nanodollars,
    cost_basis,
    price_version,
    reported_cost_nanodollars: price_version === 'reported' ? cost_nanodollars : null,
  };
}
