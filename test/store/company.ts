import type { Pool, PoolClient } from 'pg';
import { openPool } from '../../src/store/database.ts';
import type { DatabaseAddress } from '../../src/store/database.ts';
import { uuid7Floor } from '../../src/lib/uuid7.ts';
import { DAY_MS, ensurePartitions } from '../../src/store/partitions.ts';
import { LATENCY_PARTS, LATENCY_READS } from '../../src/store/latencies.ts';
import { addToRollups, REFUSED, ROLLUP_READS } from '../../src/store/rollups.ts';
import { SESSION_PARTS } from '../../src/store/session-rows.ts';
import { VERDICT_PARTS } from '../../src/store/verdicts.ts';

/**
 * A month of a company, made by SQL, of which everything is known by arithmetic: 500 people take turns, ten hours a day,
 * three models each. The exchange of number `i` is of the person `i % 500`, who has had `floor(i / 500)` before: its
 * `turn`, from which everything else follows. A seed turns the people, so that two runs are not of the same ones.
 */
export interface Company {
  records: number;
  seed: number;
}

export const DAYS = 30;
export const PEOPLE = 500;
/** 2026-10-24T00:00:00Z, a midnight; the month ends at 2026-11-23. */
export const FIRST_DAY = Date.UTC(2026, 9, 24) / DAY_MS;
export const END_MS = (FIRST_DAY + DAYS) * DAY_MS;

const HOUR_MS = 3_600_000;
const WORK_BEGINS_MS = 8 * HOUR_MS;
const WORK_MS = 10 * HOUR_MS;

export const PROVIDERS = ['anthropic', 'openai', 'azure', 'google'] as const;
export const API_OF_PROVIDER: Record<(typeof PROVIDERS)[number], string> = {
  anthropic: 'anthropic_messages',
  openai: 'openai_responses',
  azure: 'openai_chat',
  google: 'gemini_generate_content',
};
export const MODELS = 20;

/** What one exchange is: the same in SQL (`MADE`) and here, where sums are counted by hand. */
export function exchangeOf(i: number, { records, seed }: Company) {
  const person = i % PEOPLE;
  const turn = Math.floor(i / PEOPLE);
  const model = (person * 7 + [0, 0, 0, 0, 0, 0, 1, 1, 1, 2][turn % 10]! * 5) % MODELS;
  const kind = turn % 100;
  const perDay = Math.ceil(records / DAYS);
  const day = Math.floor(i / perDay);
  return {
    login: `person-${(person + seed) % PEOPLE}@example.com`,
    person,
    model: `model-${model}`,
    provider: PROVIDERS[model % PROVIDERS.length]!,
    day,
    hour: Math.floor(((i - day * perDay) * 10) / perDay) + 8,
    // Of a hundred: two are refused, one fails, two are told to wait.
    status: kind === 7 || kind === 57 ? 403 : kind === 13 ? 500 : kind === 31 || kind === 83 ? 429 : 200,
    output: (turn * 13) % 1000,
    input: (turn * 101) % 5000,
    cached: (turn * 1009) % 20_000,
  };
}

export type Exchange = ReturnType<typeof exchangeOf>;

/** Nanodollars: $3, $0.30 and $15 a million. */
export function costOf({ status, input, cached, output }: Exchange): number {
  return status === 200 ? input * 3000 + cached * 300 + output * 15_000 : 0;
}

/** SQL: the exchanges from number `$1` to before `$2`, with the same arithmetic; `$3` records in all, `$4` the seed. */
const MADE = `
  SELECT *,
    'model-' || model_number AS model,
    (ARRAY['anthropic', 'openai', 'azure', 'google'])[model_number % 4 + 1] AS provider,
    (ARRAY['anthropic_messages', 'openai_responses', 'openai_chat', 'gemini_generate_content'])[model_number % 4 + 1] AS api,
    CASE WHEN kind IN (7, 57) THEN 403 WHEN kind = 13 THEN 500 WHEN kind IN (31, 83) THEN 429 ELSE 200 END AS status,
    kind NOT IN (7, 57, 13, 31, 83) AS good,
    (turn * 13) % 1000 AS output, (turn * 101) % 5000 AS input, (turn * 1009) % 20000 AS cached,
    timestamptz 'epoch' + ms * interval '1 millisecond' AS received_at,
    's-' || person || '-' || ms / ${HOUR_MS} AS session_id,
    (lpad(to_hex(ms), 12, '0') || '7' || lpad(to_hex(i % 4096), 3, '0') || '8' || lpad(to_hex(i), 15, '0'))::uuid AS id
  FROM (
    SELECT *, (person * 7 + (ARRAY[0, 0, 0, 0, 0, 0, 1, 1, 1, 2])[turn % 10 + 1] * 5) % ${MODELS} AS model_number,
      turn % 100 AS kind,
      (${FIRST_DAY} + i / per_day) * ${DAY_MS} + ${WORK_BEGINS_MS} + (i % per_day) * ${WORK_MS} / per_day AS ms
    FROM (
      SELECT i, i % ${PEOPLE} AS person, i / ${PEOPLE} AS turn, ($3::bigint + ${DAYS - 1}) / ${DAYS} AS per_day
        FROM generate_series($1::bigint, $2::bigint - 1) AS i
    ) AS numbered
  ) AS timed`;

/** Each third exchange had something in it that a rule took out; of each fifth, a rule that is only tried says something. */
const VERDICTS = `jsonb_build_array(${verdict('pii', 'redact', 3, false)}, ${verdict('limits', 'flag', 5, true)})`;

function verdict(rule: string, action: string, each: number, shadow: boolean): string {
  return `jsonb_build_object('rule', '${rule}', 'type', 'words', 'side', 'request', 'shadow', ${shadow},
    'action', CASE WHEN turn % ${each} = 0 THEN '${action}' ELSE 'allow' END,
    'counts', jsonb_build_object('email', turn % 4, 'iban', 1))`;
}

const RECORDS = `
INSERT INTO aperture.records (
  id, gateway, segment, received_at, first_byte_at, ended_at, login, node_id, node_name, tags, groups, identity_source,
  agent, client_version, user_agent, provider, key_id, model, model_served, api, method, path, status, stream, state,
  denied_by, input_uncached, cache_read, cache_write_5m, cache_write_1h, cache_write_other, output, reasoning, audio_in,
  image_in, audio_out, image_out, usage_state, usage_detail, usage_flags, cost_nanodollars, cost_basis, price_version,
  service_tier, session_id, session_base, parent_session_id, agent_id, stop_reason, tool_call_count, server_tools,
  attempts, edits, verdicts, grant_ids, quota_charges, config_version, request_bytes, response_bytes, request_sha256,
  response_sha256, provider_request_id, response_id, error, previous_response
)
SELECT
  id, 'gateway-a', i / 10000, received_at, received_at + (200 + (i * 7919) % 3000) * interval '1 millisecond',
  received_at + (3500 + (i * 104729) % 30000) * interval '1 millisecond',
  'person-' || (person + $4) % ${PEOPLE} || '@example.com', 'node-' || person, 'laptop-' || person, '{}',
  CASE WHEN person % 7 = 0 THEN ARRAY['group:all', 'group:team-' || person % 10] ELSE ARRAY['group:team-' || person % 10] END,
  'tailscale', (ARRAY['claude-code', 'codex', 'opencode', 'curl'])[person % 4 + 1], '2.0.1', 'cli/2.0.1', provider,
  'key-1', model, model, api, 'POST', '/v1/messages', status, true,
  CASE status WHEN 200 THEN 'complete' WHEN 403 THEN 'denied' ELSE 'error' END,
  CASE kind WHEN 7 THEN 'gateway_model_unknown' WHEN 57 THEN 'gateway_quota_exceeded' END,
  ${['input', 'cached', '0', '0', '0', 'output', '0', '0', '0', '0', '0'].map((sql) => `CASE WHEN good THEN ${sql} END`).join(', ')},
  CASE WHEN good THEN 'final' ELSE 'absent' END, '{}', '{}',
  CASE WHEN good THEN input * 3000 + cached * 300 + output * 15000 END, 'anthropic', '2026-11-01', 'standard', session_id,
  session_id, NULL, NULL, 'end_turn', (turn % 5 < 2)::int, '{}',
  CASE WHEN status = 403 THEN '[]' ELSE jsonb_build_array(jsonb_build_object('provider', provider, 'outcome', status)) END,
  '[]', ${VERDICTS}, '{config:0}', '[]', 'c1', 2048 + input, 4096 + output, encode(sha256(int8send(i)), 'hex'),
  encode(sha256(int8send(-i)), 'hex'), 'req_' || i, 'resp_' || i, NULL, NULL
FROM (${MADE}) AS made`;

const KEY = (number: string): string =>
  `substr(sha256(convert_to(json_build_array('person-' || (person + $4) % ${PEOPLE} || '@example.com', session_id, 'call_' || ${number})::text, 'UTF8')), 1, 16)`;

/** Two of five turns call a tool; the same person's next turn carries the result. */
const CALLS = `
INSERT INTO aperture.tool_calls (
  record_id, position, key, call_id, name, arguments, bytes, login, session_id, model, agent, at
)
SELECT id, 1, ${KEY('i')}, 'call_' || i, (ARRAY['Read', 'Write', 'Bash', 'Grep', 'Edit', 'Task'])[turn % 6 + 1],
  '{"path":"src/file-' || i || '.ts"}', 30, 'person-' || (person + $4) % ${PEOPLE} || '@example.com', session_id, model,
  (ARRAY['claude-code', 'codex', 'opencode', 'curl'])[person % 4 + 1], received_at
FROM (${MADE}) AS made WHERE turn % 5 < 2`;

const RESULTS = `
INSERT INTO aperture.tool_results (record_id, position, key, call_id, login, session_id, bytes, is_error, at)
SELECT id, 1, ${KEY(`(i - ${PEOPLE})`)}, 'call_' || (i - ${PEOPLE}),
  'person-' || (person + $4) % ${PEOPLE} || '@example.com', session_id, 500, turn % 50 = 1, received_at
FROM (${MADE}) AS made WHERE turn % 5 IN (1, 2)`;

/** As the product notes them when it stores a record. */
const JUDGED = `
WITH inserted AS (SELECT id, received_at, login, verdicts FROM aperture.records WHERE id >= $1 AND id < $2), ${VERDICT_PARTS}
SELECT count(*)::int AS judged FROM inserted`;

/** The product's own sums, over the rows of one day, with nothing of what they need a job for. */
const SUMS = `
WITH input AS (SELECT NULL::uuid AS id, NULL::json AS turn WHERE false),
inserted AS (
  SELECT id, ${LATENCY_READS.filter((name) => name !== 'status').join(', ')}, session_id, session_base, parent_session_id, tool_call_count, ${REFUSED} AS refused,
    ${ROLLUP_READS.join(', ')}
    FROM aperture.records WHERE id >= $1 AND id < $2
), ${addToRollups('inserted', '1')}, ${SESSION_PARTS}, ${LATENCY_PARTS}
SELECT count(*)::int AS summed FROM inserted`;

/** Loads the month, a day at a time. Returns seconds. */
export async function loadCompany(address: DatabaseAddress, company: Company): Promise<number> {
  const beganAt = performance.now();
  const pool = loader(address);
  const { records, seed } = company;
  const perDay = Math.ceil(records / DAYS);
  await ensurePartitions(
    pool,
    Array.from({ length: DAYS + 1 }, (_, day) => FIRST_DAY + day),
  );
  const client = await pool.connect();
  try {
    await client.query('SET synchronous_commit = off');
    const putBack = await takeIndexes(client);
    for (let day = 0; day < DAYS; day += 1) {
      const range = [day * perDay, Math.min(records, (day + 1) * perDay), records, seed];
      for (const sql of [RECORDS, CALLS, RESULTS]) await client.query(sql, range);
      const ids = [FIRST_DAY + day, FIRST_DAY + day + 1].map((each) => uuid7Floor(each * DAY_MS));
      for (const sql of [SUMS, JUDGED]) await client.query(sql, ids);
    }
    await putBack();
    // As autovacuum does while rows come in over a month, and the jobs thread of the tables as wholes.
    const tables = [
      'records',
      'tool_calls',
      'tool_results',
      'rollup_hour',
      'rollup_day',
      'sessions',
      'verdicts',
      'latency_day',
    ];
    await client.query(`VACUUM (ANALYZE) ${tables.map((table) => `aperture.${table}`).join(', ')}`);
  } finally {
    client.release();
    await pool.end();
  }
  return (performance.now() - beganAt) / 1000;
}

/**
 * Takes away the indexes that only readers use, and returns what makes them again as they were: one that is made of all rows at
 * once costs a fraction of one that grows row by row.
 */
async function takeIndexes(client: PoolClient): Promise<() => Promise<void>> {
  const { rows } = await client.query<{ name: string; made: string }>(
    `SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS made
       FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
       WHERE relnamespace = 'aperture'::regnamespace AND NOT indisunique AND NOT relispartition`,
  );
  await client.query(`DROP INDEX ${rows.map(({ name }) => name).join(', ')}`);
  return async () => {
    // Of a table in partitions the definition says ONLY: that of the parent alone.
    for (const { made } of rows) await client.query(made.replace(' ON ONLY ', ' ON '));
  };
}

const HOUR_OF_LOADING_MS = 3_600_000;

function loader(address: DatabaseAddress): Pool {
  return openPool(address, {
    name: 'loader',
    max: 1,
    statementMs: HOUR_OF_LOADING_MS,
    waitMs: 20_000,
    workMemory: '256MB',
    onError: () => undefined,
  });
}

/** A capture for every record of these days, with a blob of half a KiB for every tenth. */
export async function loadCaptures(
  address: DatabaseAddress,
  { records, seed }: Company,
  days: readonly number[],
): Promise<void> {
  const pool = loader(address);
  const perDay = Math.ceil(records / DAYS);
  const client = await pool.connect();
  try {
    for (const day of days) {
      const range = [day * perDay, Math.min(records, (day + 1) * perDay), records, seed];
      await client.query(
        `INSERT INTO aperture.captures
         SELECT id, 'person-' || (person + $4) % ${PEOPLE} || '@example.com', '[["content-type","application/json"]]',
           '[["content-type","text/event-stream"]]', decode(repeat('01' || encode(sha256(int8send(i)), 'hex'), 8), 'hex'),
           2048, NULL, decode(repeat('01' || encode(sha256(int8send(-i)), 'hex'), 2), 'hex'), 4096, NULL, 0
         FROM (${MADE}) AS made`,
        range,
      );
      await client.query(
        `INSERT INTO aperture.blobs
         SELECT ms / ${DAY_MS}, substr(sha256(int8send(person)), 1, 16), sha256(int8send(i)), 512, 'plain',
           decode(repeat(encode(sha256(int8send(i)), 'hex'), 16), 'hex')
         FROM (${MADE}) AS made WHERE i % 10 = 0 AND $4 >= 0`,
        range,
      );
    }
    await client.query('ANALYZE aperture.captures, aperture.blobs');
  } finally {
    client.release();
    await pool.end();
  }
}
