import type { Pool } from 'pg';
import type { ExchangeRecord } from '../../src/contract/record.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createRecordStore } from '../../src/store/records.ts';
import { aRecord } from '../support/records.ts';
import { ADMIN, idAt, USER } from './organisation.ts';

/*
 * What a month by chance does not have: rules that found something, requests that were denied for every reason, and
 * deliveries that did not arrive.
 */

const HOUR_MS = 3_600_000;
const DAYS = 20;
export const HOSTILE_FINDING = '<img src=x onerror=alert(1)>\u202e';

type Verdict = ExchangeRecord['verdicts'][number];

function verdict(rule: string, type: string, action: Verdict['action'], more: Partial<Verdict> = {}): Verdict {
  return {
    rule,
    type,
    side: 'request',
    action,
    shadow: false,
    at_ms: 0,
    took_ms: 1.2,
    scanned_chars: 400,
    scanned: ['user'],
    counts: {},
    matches: [],
    untouched: 0,
    error: null,
    ...more,
  };
}

/** In turns, with what each made of the request. */
const CASES: Partial<ExchangeRecord>[] = [
  { verdicts: [verdict('pii', 'personal_data', 'redact', { counts: { email: 2, iban: 1 } })] },
  { verdicts: [verdict('pii', 'personal_data', 'allow'), verdict('limits', 'prompt_size', 'flag', { shadow: true })] },
  {
    verdicts: [
      verdict('pii', 'personal_data', 'tokenise', { counts: { email: 1, card: 1 } }),
      verdict('tools', 'tool_policy', 'flag', { side: 'response', counts: { delete_everything: 1 } }),
    ],
  },
  refused('blocked', 'gateway_guardrail_blocked', [verdict('projects', 'words', 'block', { counts: { nightjar: 1 } })]),
  refused('blocked', 'gateway_guardrail_blocked', [verdict('review', 'hook', 'block', { scanned_chars: null })]),
  { verdicts: [verdict('review', 'hook', 'error', { scanned_chars: null, error: 'answered 500' })] },
  refused('blocked', 'gateway_guardrail_unavailable', [verdict('keys', 'secrets', 'error', { error: 'no JSON' })]),
  refused('denied', 'gateway_model_unknown', []),
  refused('denied', 'gateway_quota_exceeded', []),
  refused('denied', 'gateway_revoked', []),
  { verdicts: [verdict('projects', 'words', 'block', { shadow: true, counts: { heron: 3 } })] },
  refused('denied', 'gateway_quota_exceeded', []),
  { verdicts: [verdict('review', 'hook', 'modify', { scanned_chars: null })] },
  { verdicts: [verdict('tools', 'tool_policy', 'flag', { counts: { [HOSTILE_FINDING]: 1 } })] },
];

function refused(state: 'denied' | 'blocked', denied_by: string, verdicts: Verdict[]): Partial<ExchangeRecord> {
  return {
    state,
    denied_by,
    verdicts,
    status: 403,
    usage: null,
    usage_state: 'absent',
    cost_nanodollars: null,
    attempts: [],
    error: { code: denied_by, message: 'no' },
  };
}

/** Stored as if the last of them had ended some hours before `endMs`. */
export async function storeOperations(pool: Pool, endMs: number): Promise<ExchangeRecord[]> {
  const logins = [ADMIN, USER, 'alan@example.com', 'katherine@example.com', 'ken@example.com'];
  const records = Array.from({ length: DAYS * 23 }, (_, at) => {
    const received_at = endMs - 3 * HOUR_MS - at * 54 * 60_000 - (at % 7) * 61_000;
    const change = CASES[(at * 5 + Math.floor(at / 9)) % CASES.length] ?? {};
    return aRecord({
      id: idAt(received_at),
      received_at,
      first_byte_at: received_at + 300,
      ended_at: received_at + 900,
      login: logins[(at * 3 + (at % 4)) % logins.length] ?? USER,
      model: ['gpt-5-mini', 'claude-sonnet-4-6', 'gemini-2.5-pro'][at % 3] ?? '',
      session_id: `operations-${Math.floor(at / 6)}`,
      session_base: `operations-${Math.floor(at / 6)}`,
      tool_calls: [],
      edits: [],
      ...change,
    });
  });
  await createRecordStore(pool, systemClock).store(records.toReversed());
  await storeDeliveries(pool);
  await storeExport(pool);
  return records;
}

/** A destination that takes nothing any more, with dead letters; one that has nothing to tell. */
export const FAILING = { name: 'webhooks.archive', waiting: 40, dead: 25, delivered: 60 };

async function storeDeliveries(pool: Pool): Promise<void> {
  const { name, waiting, dead, delivered } = FAILING;
  await pool.query(
    `INSERT INTO aperture.delivery_destinations (name, last_sequence, failures) VALUES ($1, $2, 9), ('webhooks.old', 0, 0)`,
    [name, waiting + dead + delivered],
  );
  const nowMs = Date.now();
  const rows = Array.from({ length: waiting + dead + delivered }, (_, at) => {
    const createdMs = nowMs - (waiting + dead + delivered - at) * 11 * 60_000;
    const state = at < delivered ? 'delivered' : at < delivered + dead ? 'dead' : 'waiting';
    const error =
      state === 'delivered' ? null : state === 'dead' ? 'answered 422' : 'connect ECONNREFUSED 192.0.2.7:443';
    return { id: idAt(createdMs), at: new Date(createdMs).toISOString(), sequence: at + 1, state, error };
  });
  await pool.query(
    `INSERT INTO aperture.deliveries
       (id, destination, sequence, kind, payload, state, attempts, created_at, next_attempt_at, expires_at, finished_at, last_error)
     SELECT id, $2, sequence, 'request.closed', '{"id":"x"}', state, CASE state WHEN 'delivered' THEN 1 ELSE 9 END, at,
       now() + interval '3 minutes', at + interval '3 days', CASE WHEN state <> 'waiting' THEN at + interval '1 second' END, error
       FROM json_to_recordset($1::json) AS (id uuid, at timestamptz, sequence bigint, state text, error text)`,
    [JSON.stringify(rows), name],
  );
}

export const EXPORTED = { files: 130, records: 250 };

async function storeExport(pool: Pool): Promise<void> {
  const { files, records } = EXPORTED;
  await pool.query(
    `INSERT INTO aperture.exporters (name, backfilled_through, backfill_end, last_number, last_export_at)
     VALUES ('s3', $1, $1, $2, now() - interval '40 minutes')`,
    [idAt(0), files * records],
  );
  await pool.query(
    'INSERT INTO aperture.export_waiting (record_id) SELECT id FROM aperture.records ORDER BY id DESC LIMIT 120',
  );
  const rows = Array.from({ length: files }, (_, at) => {
    const madeMs = Date.now() - (files - at) * HOUR_MS;
    return { id: idAt(madeMs), at: new Date(madeMs).toISOString(), number: at * records + 1, open: at === files - 1 };
  });
  await pool.query(
    `INSERT INTO aperture.export_files (id, object_key, first_number, records, first_record, last_record, bytes, sha256,
       made_at, attempts, last_error, bucket, uploaded_at)
     SELECT id, 'gateways/eu/ts-aperture-export-' || extract(epoch FROM at)::bigint || '.cbor.zstd', number, $2, id, id,
       184320 + number, repeat('ab', 32), at, CASE WHEN open THEN 4 ELSE 1 END,
       CASE WHEN open THEN 'answered 503 SlowDown' END, CASE WHEN NOT open THEN 'gateway-books' END,
       CASE WHEN NOT open THEN at + interval '2 seconds' END
       FROM json_to_recordset($1::json) AS (id uuid, at timestamptz, number bigint, open boolean)`,
    [JSON.stringify(rows), records],
  );
}
