import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { z } from 'zod';
import { APIS } from '../contract/api.ts';
import type { Api } from '../contract/api.ts';
import { Capture } from '../contract/capture.ts';
import type { CapturedBody } from '../contract/capture.ts';
import type { Clock } from '../lib/clock.ts';
import { storableJson } from '../lib/storable-text.ts';
import { isUuid7 } from '../lib/uuid7.ts';
import { bury } from './dead-letters.ts';
import { missingOf } from './missing.ts';
import { dayOf, ensurePartitions, isPartitionMissing } from './partitions.ts';
import type { Day } from './partitions.ts';
import { storeWhatFits } from './storing.ts';

/** A blob as a row: its content as it is stored, and the length of what it unpacks to. */
export interface BlobRow {
  sha256: Buffer;
  bytes: number;
  encoding: string;
  body: Uint8Array;
}

/** Whose blobs: those of one login on the day of the record that names them. */
export interface BlobOwner {
  day: Day;
  login: string;
}

export interface CaptureStore {
  /**
   * Stores blobs, those that are there already without a trace. Committed when it resolves: only then may a capture
   * name them.
   */
  storeBlobs(owner: BlobOwner, blobs: readonly BlobRow[]): Promise<void>;
  /** Stores what a job carried. Idempotent. What is no capture becomes a dead letter. */
  storeCaptures(batch: readonly unknown[]): Promise<{ inserted: number; dead: number }>;
  /** Those of the ids that are neither among the captures nor among the dead letters, in the order in which they came. */
  missing(ids: readonly string[]): Promise<string[]>;
}

/** Rows of one statement: a statement of megabytes keeps a connection from the others for long. */
const STATEMENT_BYTES = 4 * 1024 * 1024;

export function createCaptureStore(pool: Pool, clock: Clock): CaptureStore {
  /** Runs what needs the partitions of these days; makes them where they are missing, as on a day's first exchange. */
  const withPartitions = async <T>(days: readonly Day[], run: () => Promise<T>): Promise<T> => {
    try {
      return await run();
    } catch (error) {
      if (!isPartitionMissing(error)) throw error;
      await ensurePartitions(
        pool,
        [...new Set(days)].sort((a, b) => a - b),
      );
      return await run();
    }
  };

  const insert = async (captures: readonly Capture[]): Promise<number> => {
    const answer = await withPartitions(
      captures.map(({ id }) => dayOf(id)),
      () => pool.query(INSERT_CAPTURES, [storableJson(captures.map(rowOf))]),
    );
    return z.object({ inserted: z.int() }).parse(answer.rows[0]).inserted;
  };

  const buryCapture = (capture: unknown, error: string): Promise<void> => {
    const id = WithId.safeParse(capture);
    return bury(pool, clock, { kind: 'capture', subject: id.success ? id.data.id : null, error, body: capture });
  };

  return {
    storeBlobs: async ({ day, login }, blobs) => {
      for (const some of inStatements(blobs)) {
        // In order of their hashes: two writers of the same blobs wait for one another rather than deadlock.
        const ordered = [...some].sort((a, b) => Buffer.compare(a.sha256, b.sha256));
        await withPartitions([day], () =>
          pool.query(INSERT_BLOBS, [
            day,
            ownerOf(login),
            ordered.map(({ sha256 }) => sha256),
            ordered.map(({ bytes }) => bytes),
            ordered.map(({ encoding }) => encoding),
            ordered.map(({ body }) => Buffer.from(body.buffer, body.byteOffset, body.byteLength)),
          ]),
        );
      }
    },
    storeCaptures: async (batch) => {
      const good: Capture[] = [];
      let dead = 0;
      for (const candidate of batch) {
        const parsed = StorableCapture.safeParse(candidate);
        if (parsed.success) good.push(parsed.data);
        else {
          dead += 1;
          await buryCapture(candidate, z.prettifyError(parsed.error));
        }
      }
      const stored = await storeWhatFits(good, insert, buryCapture);
      return { inserted: stored.inserted, dead: dead + stored.dead };
    },
    missing: (ids) =>
      missingOf(pool, ids, 'SELECT id FROM aperture.captures WHERE id = ANY($1) AND id BETWEEN $2 AND $3', 'capture'),
  };
}

const StorableCapture = Capture.refine(({ id }) => isUuid7(id), { error: 'the id is not a UUIDv7', path: ['id'] });
const WithId = z.object({ id: z.string() });

/** A capture as it is read back, for whoever may see it. */
export interface StoredCapture {
  login: string;
  /** The record's: which reader the response is for. */
  api: Api;
  status: number;
  requestHeaders: [string, string][];
  responseHeaders: [string, string][];
  request: StoredBody | null;
  response: StoredBody | null;
  missingFrames: number;
}
export interface StoredBody {
  /** Null where the body was left out; `leftOut` says why. */
  recipe: Buffer | null;
  bytes: number;
  leftOut: string | null;
}

/** Undefined when there is none (not yet, or no more), or it is not the owner's. `owner` undefined: anybody's. */
export async function findCapture(
  pool: Pool,
  id: string,
  owner: string | undefined,
): Promise<StoredCapture | undefined> {
  const { rows } = await pool.query(
    `SELECT capture.login, api, status, request_headers, response_headers, request_recipe, capture.request_bytes,
            request_left_out, response_recipe, capture.response_bytes, response_left_out, missing_frames
       FROM aperture.captures AS capture JOIN aperture.records USING (id)
      WHERE id = $1 AND ($2::text IS NULL OR capture.login = $2)`,
    [id, owner ?? null],
  );
  if (rows.length === 0) return undefined;
  const row = CaptureRow.parse(rows[0]);
  const body = (recipe: Buffer | null, bytes: number | null, leftOut: string | null): StoredBody | null =>
    bytes === null ? null : { recipe, bytes, leftOut };
  return {
    login: row.login,
    api: row.api,
    status: row.status,
    requestHeaders: row.request_headers,
    responseHeaders: row.response_headers,
    request: body(row.request_recipe, row.request_bytes, row.request_left_out),
    response: body(row.response_recipe, row.response_bytes, row.response_left_out),
    missingFrames: row.missing_frames,
  };
}

/** Those of the blobs that are there, by hex hash. */
export async function findBlobs(
  pool: Pool,
  { day, login }: BlobOwner,
  hashes: readonly Buffer[],
): Promise<Map<string, BlobRow>> {
  if (hashes.length === 0) return new Map();
  const { rows } = await pool.query(
    'SELECT sha256, bytes, encoding, body FROM aperture.blobs WHERE day = $1 AND owner = $2 AND sha256 = ANY($3)',
    [day, ownerOf(login), hashes],
  );
  return new Map(
    z
      .array(FoundBlob)
      .parse(rows)
      .map((row) => [row.sha256.toString('hex'), row]),
  );
}

const Bytes = z.custom<Buffer>((value) => Buffer.isBuffer(value));
const Headers = z.array(z.tuple([z.string(), z.string()]));
const CaptureRow = z.object({
  login: z.string(),
  api: z.enum(APIS),
  status: z.int(),
  request_headers: Headers,
  response_headers: Headers,
  request_recipe: Bytes.nullable(),
  request_bytes: z.coerce.number().nullable(),
  request_left_out: z.string().nullable(),
  response_recipe: Bytes.nullable(),
  response_bytes: z.coerce.number().nullable(),
  response_left_out: z.string().nullable(),
  missing_frames: z.int(),
});
const FoundBlob = z.object({ sha256: Bytes, bytes: z.int(), encoding: z.string(), body: Bytes });

function* inStatements(blobs: readonly BlobRow[]): Generator<BlobRow[]> {
  let some: BlobRow[] = [];
  let bytes = 0;
  for (const blob of blobs) {
    if (some.length > 0 && bytes + blob.body.length > STATEMENT_BYTES) {
      yield some;
      some = [];
      bytes = 0;
    }
    some.push(blob);
    bytes += blob.body.length;
  }
  if (some.length > 0) yield some;
}

/** Half of a hash is more than enough to keep logins apart, and makes every index entry as short as the next. */
const OWNER_BYTES = 16;

function ownerOf(login: string): Buffer {
  return createHash('sha256').update(login).digest().subarray(0, OWNER_BYTES);
}

function rowOf(capture: Capture): unknown {
  const { request, response, ...row } = capture;
  return { ...row, ...columnsOf('request', request), ...columnsOf('response', response) };
}

function columnsOf(side: string, body: CapturedBody): Record<string, unknown> {
  return {
    [`${side}_recipe`]: body?.recipe ?? null,
    [`${side}_bytes`]: body?.bytes ?? null,
    [`${side}_left_out`]: body?.left_out ?? null,
  };
}

const INSERT_BLOBS = `
INSERT INTO aperture.blobs (day, owner, sha256, bytes, encoding, body)
SELECT $1, $2, blob.* FROM unnest($3::bytea[], $4::int[], $5::text[], $6::bytea[]) AS blob
ON CONFLICT (day, owner, sha256) DO NOTHING`;

/** One statement: the captures; of those that were new, their indexed headers and the watermark. */
const INSERT_CAPTURES = `
WITH input AS (
  SELECT * FROM json_to_recordset($1::json) AS (
    id uuid, login text, gateway text, segment bigint,
    request_headers jsonb, response_headers jsonb,
    request_recipe text, request_bytes bigint, request_left_out text,
    response_recipe text, response_bytes bigint, response_left_out text,
    missing_frames int, indexed_headers json
  )
), inserted AS (
  INSERT INTO aperture.captures (
    id, login, request_headers, response_headers,
    request_recipe, request_bytes, request_left_out, response_recipe, response_bytes, response_left_out, missing_frames
  )
  SELECT id, login, request_headers, response_headers,
    decode(request_recipe, 'base64'), request_bytes, request_left_out,
    decode(response_recipe, 'base64'), response_bytes, response_left_out, missing_frames
  FROM input ORDER BY id
  ON CONFLICT (id) DO NOTHING
  RETURNING id
), headers AS (
  INSERT INTO aperture.indexed_headers (record_id, side, name, value)
  SELECT input.id, header.side, header.name, header.value
    FROM input JOIN inserted USING (id)
   CROSS JOIN LATERAL json_to_recordset(input.indexed_headers) AS header (side text, name text, value text)
  ON CONFLICT (record_id, side, name) DO NOTHING
), watermark AS (
  INSERT INTO aperture.journal_segments AS old (gateway, segment, records_in, captures_in)
  SELECT gateway, segment, 0, count(*) FROM input JOIN inserted USING (id) GROUP BY 1, 2 ORDER BY 1, 2
  ON CONFLICT (gateway, segment) DO UPDATE
    SET captures_in = old.captures_in + excluded.captures_in, changed_at = clock_timestamp()
)
SELECT count(*)::int AS inserted FROM inserted`;
