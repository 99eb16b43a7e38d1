import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import { ExchangeRecord } from '../contract/record.ts';
import { USAGE_KINDS } from '../contract/usage.ts';
import type { Clock } from '../lib/clock.ts';
import { storableJson } from '../lib/storable-text.ts';
import { isUuid7, uuid7Floor } from '../lib/uuid7.ts';
import { bookBatches, NO_SEGMENT, tellsBatch } from './batches.ts';
import { inTransaction, isConflict, isPartitionMissing } from './database.ts';
import { bury } from './dead-letters.ts';
import { LATENCY_PARTS } from './latencies.ts';
import { bookLateUsage, lateResponsesOf, lockResponses } from './late-usage.ts';
import { DAY_MS, dayOf, daysAround, ensurePartitions, NOTHING_PURGED } from './partitions.ts';
import type { Day, PurgedThrough } from './partitions.ts';
import { QUOTA_PARTS } from './quota-hours.ts';
import { hasResources, noteResources } from './resources.ts';
import { addToRollups, REFUSED, ROLLUP_READS } from './rollups.ts';
import { SESSION_PARTS } from './session-rows.ts';
import { isToBePlaced } from './session-turns.ts';
import { placedAsIs, placeSessions } from './sessions.ts';
import type { PlacedRecord } from './sessions.ts';
import { missingOf } from './missing.ts';
import { storeWhatFits } from './storing.ts';
import { TOOL_PARTS } from './tools.ts';
import { VERDICT_PARTS } from './verdicts.ts';

export interface RecordStore {
  /**
   * Stores what a job carried. Idempotent: a record that is there already changes nothing, neither rows nor sums nor
   * watermarks, whoever stores it at the same time. What is no record becomes a dead letter, and holds up no other.
   *
   * @throws Error when the database is away or its schema is not ours; nothing is lost then, the job is to be retried.
   */
  store(batch: readonly unknown[]): Promise<Stored>;
  /**
   * How many records and captures are stored of each journal segment of this gateway, from `fromSegment` on. With the `asOf` of an
   * earlier answer, only of those that may have changed since; some are told again.
   */
  watermarks(gateway: string, fromSegment: number, since?: string): Promise<Watermarks>;
  /** Those of the ids that are neither among the records nor among the dead letters, in the order in which they came. */
  missing(ids: readonly string[]): Promise<string[]>;
  /** Makes the partitions of the coming days. Called now and then; `store` makes what is missing by itself. */
  prepareDays(): Promise<void>;
}

export interface Stored {
  /** Rows that are new. */
  inserted: number;
  /** Records that are dead letters now. */
  dead: number;
}

/** What the database has of the exchanges that were opened in one journal segment. */
export interface SegmentMark {
  segment: number;
  recordsIn: number;
  capturesIn: number;
}

export interface Watermarks {
  /** The database's time when it answered. */
  asOf: string;
  segments: SegmentMark[];
}

/**
 * Strings that stand in an index are cut at this many characters: an entry may have 2,704 bytes, a character up to four.
 * What the assembler makes of clients' names is shorter.
 */
const INDEXED_TEXT_CHARS = 600;
const CUT = '…';
/** Two writers of one segment, or of one day's first record, may get in each other's way; then one of them repeats. */
const CONFLICT_ATTEMPTS = 6;
/** A live journal has tens of segments; a gateway of many years comes in pages. */
const WATERMARKS_AT_ONCE = 10_000;
/** A change is dated when its statement runs and seen when it is committed; statements may take 20 seconds. */
const COMMIT_WITHIN = '60 seconds';

/** Told of new records in the transaction that stores them; what it writes on the client is there when they are. */
export interface RecordFollower {
  /** Whether anything is to be told: else a batch stays one statement. */
  readonly follows: boolean;
  /** Rejects only when the database is away: what it writes always fits. */
  stored(client: PoolClient, records: readonly ExchangeRecord[]): Promise<void>;
}

/** @param keepsTools whether names, arguments and results of tool calls are stored at all; the count of calls always is. */
export function createRecordStore(
  pool: Pool,
  clock: Clock,
  keepsTools: () => boolean = () => true,
  follower?: RecordFollower,
): RecordStore {
  /** Days whose partitions were seen. One that was dropped since announces itself (`isPartitionMissing`). */
  let known = new Set<Day>();
  let purged = NOTHING_PURGED;

  const prepare = async (days: readonly Day[]): Promise<void> => {
    const missing = [...new Set(days)].filter((day) => !known.has(day)).sort((a, b) => a - b);
    if (missing.length === 0) return;
    purged = await ensurePartitions(pool, missing);
    for (const day of missing) known.add(day);
  };

  const insert = async (records: readonly ExchangeRecord[]): Promise<number> => {
    const kept = records.map(withCutNames);
    const days = records.map((record) => dayOf(record.id));
    for (let attempt = 1; ; attempt += 1) {
      try {
        await prepare(days);
        return await insertNow(kept);
      } catch (error) {
        if (attempt === CONFLICT_ATTEMPTS || !(isPartitionMissing(error) || isConflict(error))) throw error;
        if (isPartitionMissing(error)) known = new Set();
      }
    }
  };

  /** One statement; where something has to be looked up or booked beside it, a transaction around it. */
  const insertNow = async (records: readonly ExchangeRecord[]): Promise<number> => {
    const responses = lateResponsesOf(records);
    const places = records.some(isToBePlaced);
    const kept = (placed: PlacedRecord[]): StorableRecord[] =>
      placed.map((record) => withoutPurged(record, purged, keepsTools()));
    const following = follower?.follows === true ? follower : undefined;
    const notes = records.some(hasResources);
    const batches = records.some(tellsBatch);
    if (responses.length === 0 && !places && !notes && !batches && following === undefined) {
      return (await insertPlaced(pool, kept(records.map(placedAsIs)))).length;
    }
    return inTransaction(pool, async (client) => {
      if (responses.length > 0) await lockResponses(client, responses);
      const own = places ? await placeSessions(client, records) : records.map(placedAsIs);
      const booked = batches ? await bookBatches(client, records) : [];
      const placed = [...own, ...booked.map(placedAsIs)];
      const inserted = await insertPlaced(client, kept(placed));
      if (responses.length > 0) await bookLateUsage(client, responses, clock.nowMs());
      if (notes) {
        await noteResources(
          client,
          records.filter(({ id }) => inserted.includes(id)),
        );
      }
      if (following !== undefined && inserted.length > 0) {
        await following.stored(
          client,
          placed.filter(({ id }) => inserted.includes(id)),
        );
      }
      return own.filter(({ id }) => inserted.includes(id)).length;
    });
  };

  const buryRecord = (record: unknown, error: string): Promise<void> => {
    const id = WithId.safeParse(record);
    return bury(pool, clock, { kind: 'record', subject: id.success ? id.data.id : null, error, body: record });
  };

  return {
    store: async (batch) => {
      const good: ExchangeRecord[] = [];
      let dead = 0;
      for (const candidate of batch) {
        const parsed = ExchangeRecord.safeParse(candidate);
        const problem = parsed.success ? problemOf(parsed.data) : z.prettifyError(parsed.error);
        if (parsed.success && problem === undefined) good.push(parsed.data);
        else {
          dead += 1;
          await buryRecord(candidate, problem ?? '');
        }
      }
      const stored = await storeWhatFits(inOrder(good), insert, buryRecord);
      return { inserted: stored.inserted, dead: dead + stored.dead };
    },
    watermarks: async (gateway, fromSegment, since = '-infinity') => {
      const segments: Watermarks['segments'] = [];
      const asOf = AsOf.parse((await pool.query('SELECT now()::text AS as_of')).rows[0]).as_of;
      for (let from = fromSegment; ; from = (segments.at(-1)?.segment ?? from) + 1) {
        const answer = await pool.query(WATERMARKS, [gateway, from, since, COMMIT_WITHIN, WATERMARKS_AT_ONCE]);
        const page = z.array(WatermarkRow).parse(answer.rows);
        segments.push(
          ...page.map((row) => ({ segment: row.segment, recordsIn: row.records_in, capturesIn: row.captures_in })),
        );
        if (page.length < WATERMARKS_AT_ONCE) return { asOf, segments };
      }
    },
    missing: (ids) => missingOf(pool, ids, FIND_RECORDS),
    prepareDays: () => prepare(daysAround(clock.nowMs())),
  };
}

/** One that became a dead letter needs no journal any more. */
const FIND_RECORDS = `
SELECT id::text FROM aperture.records WHERE id = ANY($1::text[]::uuid[]) AND id BETWEEN $2 AND $3
 UNION ALL SELECT subject FROM aperture.dead_letters WHERE kind = 'record' AND subject = ANY($1::text[])`;

/** What the schema cannot say. */
function problemOf({ id }: ExchangeRecord): string | undefined {
  return isUuid7(id) ? undefined : 'the id is not a UUIDv7';
}

/** By id, each once. */
function inOrder(records: readonly ExchangeRecord[]): ExchangeRecord[] {
  const all = [...new Map(records.map((record) => [record.id, record])).values()];
  return all.sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** A record, its session decided, with what may be kept of it. */
interface StorableRecord extends PlacedRecord {
  tool_call_count: number;
}

/**
 * Returns the ids of those that are new. Prepared once a connection: to plan the statement takes the database 4 ms, and to
 * store one record by it 2. Not where earlier results are looked for: a plan that was made while their table had a few rows
 * reads all of it for each, and is kept for a minute in which they become very many.
 */
async function insertPlaced(database: Pool | PoolClient, records: readonly StorableRecord[]): Promise<string[]> {
  const values = [storableJson(records.map(rowOf)), earliestDay(records)];
  const looks = records.some(({ tool_results }) => tool_results.length > 0);
  const answer = await database.query({ ...(looks ? {} : { name: 'store-records' }), text: INSERT, values });
  return Inserted.parse(answer.rows[0]).inserted;
}

/** The id from which on earlier rows that concern these records are looked for: the day before theirs. */
function earliestDay(records: readonly PlacedRecord[]): string {
  return uuid7Floor(Math.max(0, Math.min(...records.map(({ id }) => dayOf(id))) - 1) * DAY_MS);
}

const Inserted = z.object({ inserted: z.array(z.string()) });
const WithId = z.object({ id: z.string() });
const AsOf = z.object({ as_of: z.string() });
const WATERMARKS = `
  SELECT segment, records_in, captures_in FROM aperture.journal_segments
   WHERE gateway = $1 AND segment >= $2 AND changed_at > $3::timestamptz - $4::interval
   ORDER BY segment LIMIT $5`;
const WatermarkRow = z.object({
  segment: z.coerce.number(),
  records_in: z.coerce.number(),
  captures_in: z.coerce.number(),
});

/** Indexed strings cut: the same text is the same key in every record. */
function withCutNames(record: ExchangeRecord): ExchangeRecord {
  const { parent_session_id, response_id, late_usage } = record;
  return {
    ...record,
    gateway: cut(record.gateway),
    login: cut(record.login),
    node_id: cut(record.node_id),
    provider: cut(record.provider),
    model: cut(record.model),
    session_id: cut(record.session_id),
    parent_session_id: parent_session_id === null ? null : cut(parent_session_id),
    response_id: response_id === null ? null : cut(response_id),
    late_usage: late_usage === null ? null : { ...late_usage, response_id: cut(late_usage.response_id) },
  };
}

/** A record to be stored, without what retention has purged of its day, which is not made again by who comes late. */
function withoutPurged(record: PlacedRecord, purged: PurgedThrough, keepsTools: boolean): StorableRecord {
  const day = dayOf(record.id);
  const tools = keepsTools && day > purged.tools;
  return {
    tool_call_count: record.tool_calls.length,
    ...record,
    tool_calls: tools ? record.tool_calls : [],
    tool_results: tools ? record.tool_results : [],
    turn: day > purged.turns ? record.turn : null,
  };
}

/** A record as the statement reads it: times in whole microseconds. */
function rowOf(record: StorableRecord): unknown {
  return {
    received_us: microseconds(record.received_at),
    first_byte_us: record.first_byte_at === null ? null : microseconds(record.first_byte_at),
    ended_us: microseconds(record.ended_at),
    // Behind what is added, which costs microseconds otherwise; before what is replaced.
    ...record,
    // Said by `turn`, as far as it is kept.
    history: undefined,
    groups: [...record.groups].sort(),
  };
}

function microseconds(ms: number): number {
  return Math.round(ms * 1000);
}

function cut(text: string): string {
  return text.length <= INDEXED_TEXT_CHARS ? text : text.slice(0, INDEXED_TEXT_CHARS) + CUT;
}

const TIMES = ['received', 'first_byte', 'ended'];
const TEXTS = [
  'login',
  'node_id',
  'node_name',
  'identity_source',
  'agent',
  'client_version',
  'user_agent',
  'provider',
  'key_id',
  'model',
  'model_served',
  'api',
  'method',
  'path',
  'state',
  'denied_by',
  'usage_state',
  'cost_basis',
  'price_version',
  'service_tier',
  'session_id',
  'session_base',
  'parent_session_id',
  'agent_id',
  'previous_response',
  'stop_reason',
  'config_version',
  'request_sha256',
  'response_sha256',
  'provider_request_id',
  'response_id',
];
const OTHERS: Record<string, string> = {
  id: 'uuid',
  gateway: 'text',
  segment: 'bigint',
  tags: 'text[]',
  groups: 'text[]',
  status: 'int',
  stream: 'boolean',
  tool_call_count: 'int',
  usage_detail: 'jsonb',
  usage_flags: 'text[]',
  cost_nanodollars: 'bigint',
  reported_cost_nanodollars: 'numeric',
  late_usage: 'jsonb',
  server_tools: 'jsonb',
  attempts: 'jsonb',
  edits: 'jsonb',
  verdicts: 'jsonb',
  grant_ids: 'text[]',
  quota_charges: 'jsonb',
  request_bytes: 'bigint',
  response_bytes: 'bigint',
  error: 'jsonb',
};
const PLAIN: Record<string, string> = { ...OTHERS, ...Object.fromEntries(TEXTS.map((name) => [name, 'text'])) };

const list = (names: readonly string[], of: (name: string) => string): string => names.map(of).join(', ');

/**
 * One statement, hence one transaction and one round trip: the rows; of those that were new, the watermark; of those,
 * the roll-ups, sessions, tool calls, charges, verdicts and times. Each part goes through its keys in order, so that two writers wait
 * for one another rather than deadlock.
 */
const INSERT = `
WITH input AS (
  SELECT * FROM json_to_recordset($1::json) AS (
    usage json,
    turn json,
    tool_calls json,
    tool_results json,
    ${list(TIMES, (name) => `${name}_us bigint`)},
    ${list(Object.keys(PLAIN), (name) => `${name} ${PLAIN[name] ?? ''}`)}
  )
), inserted AS (
  INSERT INTO aperture.records (
    ${list(TIMES, (name) => `${name}_at`)},
    ${list(USAGE_KINDS, (kind) => kind)},
    ${list(Object.keys(PLAIN), (name) => name)}
  )
  SELECT
    ${list(TIMES, (name) => `timestamptz 'epoch' + ${name}_us * interval '1 microsecond'`)},
    ${list(USAGE_KINDS, (kind) => `(usage->>'${kind}')::bigint`)},
    ${list(Object.keys(PLAIN), (name) => name)}
  FROM input
  ORDER BY id
  ON CONFLICT (id) DO NOTHING
  RETURNING id, gateway, segment, first_byte_at, ended_at, stream, state, session_id, session_base, parent_session_id, tool_call_count,
    quota_charges, verdicts, ${REFUSED} AS refused, ${list(ROLLUP_READS, (name) => name)}
), watermark AS (
  INSERT INTO aperture.journal_segments AS old (gateway, segment, records_in)
  SELECT gateway, segment, count(*) FROM inserted WHERE segment > ${NO_SEGMENT} GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (gateway, segment) DO UPDATE
    SET records_in = old.records_in + excluded.records_in, changed_at = clock_timestamp()
), ${addToRollups('inserted', '1')}, ${SESSION_PARTS}, ${TOOL_PARTS}, ${QUOTA_PARTS}, ${VERDICT_PARTS}, ${LATENCY_PARTS}
SELECT coalesce(array_agg(id::text), '{}') AS inserted FROM inserted`;
