import { createHash } from 'node:crypto';
import type { PoolClient } from 'pg';
import { z } from 'zod';
import type { BatchSum, BatchUsage } from '../contract/batch.ts';
import type { ExchangeRecord } from '../contract/record.ts';
import { storableJson } from '../lib/storable-text.ts';

/** A record that is no exchange is in no journal: no watermark counts it. */
export const NO_SEGMENT = -1;

/** A record that tells the usage of a batch. */
type Reading = ExchangeRecord & { batch_usage: BatchUsage };

export function tellsBatch(record: ExchangeRecord): record is Reading {
  return record.batch_usage !== undefined && record.batch_usage.sums.length > 0;
}

/**
 * The records that these reads of results lead to: of each batch that nobody has booked before, one for each model. Until
 * the transaction ends, nobody else books those batches; with it, they are booked.
 */
export async function bookBatches(client: PoolClient, records: readonly ExchangeRecord[]): Promise<ExchangeRecord[]> {
  const readings = firstOfEach(records.filter(tellsBatch));
  const rows = readings.map((reading) => {
    const { provider, login, id, batch_usage } = reading;
    const { of, id: readId, batch, sums } = batch_usage;
    const booked = sums.map((sum) => recordOf(reading, sum));
    return { row: { provider, login, read_of: of, read_id: readId, batch: batch.id, first_read: id }, booked };
  });
  const { rows: found } = await client.query(BOOK, [
    storableJson(rows.map(({ row, booked }) => ({ ...row, records: booked.map(({ id }) => id) }))),
  ]);
  const first = new Set(
    z
      .array(Booked)
      .parse(found)
      .map(({ first_read }) => first_read),
  );
  return rows.flatMap(({ row, booked }) => (first.has(row.first_read) ? booked : []));
}

const Booked = z.object({ first_read: z.string() });

/** In the order of the keys, so that two writers wait for one another rather than deadlock. */
const BOOK = `
  INSERT INTO aperture.booked_batches (provider, login, read_of, read_id, batch, first_read, records)
  SELECT provider, login, read_of, read_id, batch, first_read, records
    FROM json_to_recordset($1::json) AS (
      provider text, login text, read_of text, read_id text, batch text, first_read uuid, records uuid[]
    )
   ORDER BY read_of, read_id, provider, login
  ON CONFLICT (read_of, read_id, provider, login) DO NOTHING
  RETURNING first_read::text`;

/** A statement may not meet a batch twice. The records come in the order of their ids. */
function firstOfEach(readings: readonly Reading[]): Reading[] {
  const first = new Map<string, Reading>();
  for (const reading of readings) {
    const { provider, login, batch_usage } = reading;
    const key = JSON.stringify([provider, login, batch_usage.of, batch_usage.id]);
    if (!first.has(key)) first.set(key, reading);
  }
  return [...first.values()];
}

/** What the batch came to with one model: as the record of a request that whoever read it had made then. */
function recordOf(reading: Reading, sum: BatchSum): ExchangeRecord {
  const { of, id, batch, lines, failed } = reading.batch_usage;
  return {
    ...reading,
    // Those are the read's.
    batch_usage: undefined,
    resources: undefined,
    quota_charges: [],
    id: idOf(reading.id, sum),
    segment: NO_SEGMENT,
    api: BATCH_API[reading.api] ?? reading.api,
    model: sum.model,
    model_served: sum.model_served,
    stream: false,
    state: 'complete',
    error: null,
    usage: sum.usage,
    usage_state: 'final',
    usage_detail: {
      batch: { id: batch.id, of, results: id, lines, failed, lines_of_model: sum.lines, read_by: reading.id },
    },
    // Lines that could not be read are missing in every sum.
    usage_flags: [...new Set([...sum.usage_flags, ...reading.usage_flags])],
    cost_nanodollars: sum.cost_nanodollars,
    cost_basis: sum.cost_basis,
    price_version: sum.price_version,
    reported_cost_nanodollars: null,
    service_tier: 'batch',
    session_id: batch.id,
    session_base: batch.id,
    parent_session_id: null,
    agent_id: null,
    previous_response: null,
    history: null,
    late_usage: null,
    tool_results: [],
    stop_reason: null,
    tool_calls: [],
    server_tools: sum.server_tools,
    attempts: [],
    edits: [],
    verdicts: [],
    // Took no time and no bytes of its own: those are the read's.
    first_byte_at: null,
    ended_at: reading.received_at,
    request_bytes: 0,
    response_bytes: 0,
    request_sha256: null,
    response_sha256: null,
    provider_request_id: null,
    response_id: null,
  };
}

/** What the batch was made by, where its results are a file. */
const BATCH_API: Partial<Record<ExchangeRecord['api'], ExchangeRecord['api']>> = {
  openai_files: 'openai_batches',
  gemini_files: 'gemini_batches',
};

/** Of the read's millisecond, so that both are of one day; made again, the same. */
function idOf(readId: string, { model, model_served }: BatchSum): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([readId, model, model_served]))
    .digest('hex');
  return `${readId.slice(0, 14)}7${hash.slice(0, 3)}-8${hash.slice(3, 6)}-${hash.slice(6, 18)}`;
}
