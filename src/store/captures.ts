import { hash } from 'node:crypto';
import type { Pool } from 'pg';
import { z } from 'zod';
import { APIS } from '../contract/api.ts';
import type { Api } from '../contract/api.ts';
import type { Capture, CapturedBody } from '../contract/capture.ts';
import { storableJson } from '../lib/storable-text.ts';
import { byteaArray } from './bytea-array.ts';
import { isPartitionMissing } from './database.ts';
import { withHeld } from './holds.ts';
import { missingOf } from './missing.ts';
import { dayOf, ensurePartitions, NOTHING_PURGED } from './partitions.ts';
import type { Day, PurgedThrough } from './partitions.ts';

/** A blob as a row: its content as it is stored, and the length of what it unpacks to. */
export interface BlobRow {
  sha256: Buffer;
  bytes: number;
  encoding: string;
  body: Uint8Array;
}

export type OwnedBlob = BlobRow & BlobOwner;

/** Whose blobs: those of one login on the day of the record that names them. */
export interface BlobOwner {
  day: Day;
  login: string;
}

export interface CaptureStore {
  /**
   * Stores blobs, those that are there already without a trace, and those of a purged day not at all. Committed when it
   * resolves: only then may a capture name them.
   */
  storeBlobs(blobs: readonly OwnedBlob[]): Promise<void>;
  /**
   * Stores captures of a gateway's exchanges. Idempotent. What is not to be kept, or comes when its day was purged, is
   * counted in the gateway's watermark like any other.
   */
  storeCaptures(gateway: string, captures: readonly Capture[]): Promise<void>;
  /** Those of the ids that are not among the captures, kept or not, in the order in which they came. */
  missing(ids: readonly string[]): Promise<string[]>;
}

/** Rows of one statement: a statement of megabytes keeps a connection from the others for long. */
const STATEMENT_BYTES = 4 * 1024 * 1024;

/** @param keeps whether captures are stored at all. */
export function createCaptureStore(pool: Pool, keeps: () => boolean = () => true): CaptureStore {
  /**
   * Runs what needs the partitions of these days. Where one is missing, as on a day's first exchange, or because it was
   * purged, runs again with those that can be made, and is told what was purged.
   */
  const withPartitions = async (
    days: readonly Day[],
    run: (purged: PurgedThrough) => Promise<unknown>,
  ): Promise<void> => {
    try {
      await run(NOTHING_PURGED);
    } catch (error) {
      if (!isPartitionMissing(error)) throw error;
      await run(
        await ensurePartitions(
          pool,
          [...new Set(days)].sort((a, b) => a - b),
        ),
      );
    }
  };

  return {
    storeBlobs: async (blobs) => {
      for (const some of inStatements(blobs)) {
        await withPartitions(
          some.map(({ day }) => day),
          async (purged) => {
            const ordered = inOrder(some.filter(({ day }) => keeps() && day > purged.captures));
            await pool.query(INSERT_BLOBS, [
              ordered.map(({ day }) => day),
              byteaArray(ordered.map(({ login }) => ownerOf(login))),
              byteaArray(ordered.map(({ sha256 }) => sha256)),
              ordered.map(({ bytes }) => bytes),
              ordered.map(({ encoding }) => encoding),
              byteaArray(ordered.map(({ body }) => body)),
            ]);
          },
        );
      }
    },
    storeCaptures: async (gateway, captures) => {
      if (captures.length === 0) return;
      await withPartitions(
        captures.map(({ id }) => dayOf(id)),
        (purged) => {
          const keptIds = captures.filter(({ id }) => keeps() && dayOf(id) > purged.captures).map(({ id }) => id);
          return pool.query(INSERT_CAPTURES, [gateway, storableJson(captures.map(rowOf)), keptIds]);
        },
      );
    },
    missing: (ids) => missingOf(pool, ids, FIND_CAPTURES),
  };
}

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
  /** Packed (`lib/pace.ts`). */
  responsePace: number[] | null;
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
  const { rows } = await pool.query(`${SELECT_CAPTURES} WHERE id = $1 AND ($2::text IS NULL OR capture.login = $2)`, [
    id,
    owner ?? null,
  ]);
  return rows.length === 0 ? undefined : storedCapture(CaptureRow.parse(rows[0]));
}

/** Those of the captures that are there, by id, whoever's they are. */
export async function findCaptures(pool: Pool, ids: readonly string[]): Promise<Map<string, StoredCapture>> {
  const ordered = [...ids].sort();
  const { rows } = await pool.query(`${SELECT_CAPTURES} WHERE id = ANY($1::uuid[]) AND id BETWEEN $2 AND $3`, [
    ids,
    ordered[0],
    ordered.at(-1),
  ]);
  return new Map(
    z
      .array(CaptureRow)
      .parse(rows)
      .map((row) => [row.id, storedCapture(row)]),
  );
}

function storedCapture(row: z.infer<typeof CaptureRow>): StoredCapture {
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
    responsePace: row.response_pace,
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
    `SELECT sha256, bytes, encoding, body FROM ${withHeld('blobs')} AS blob
      WHERE day = $1 AND owner = $2 AND sha256 = ANY($3)`,
    [day, ownerOf(login), hashes],
  );
  return new Map(
    z
      .array(FoundBlob)
      .parse(rows)
      .map((row) => [row.sha256.toString('hex'), row]),
  );
}

const SELECT_CAPTURES = `
  SELECT id::text, capture.login, api, status, request_headers, response_headers, request_recipe, capture.request_bytes,
         request_left_out, response_recipe, capture.response_bytes, response_left_out, response_pace,
         missing_frames
    FROM ${withHeld('captures')} AS capture JOIN aperture.records USING (id)`;
const Bytes = z.custom<Buffer>((value) => Buffer.isBuffer(value));
const Headers = z.array(z.tuple([z.string(), z.string()]));
const CaptureRow = z.object({
  id: z.string(),
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
  response_pace: z.array(z.number()).nullable(),
  missing_frames: z.int(),
});
const FoundBlob = z.object({ sha256: Bytes, bytes: z.int(), encoding: z.string(), body: Bytes });

function* inStatements(blobs: readonly OwnedBlob[]): Generator<OwnedBlob[]> {
  let some: OwnedBlob[] = [];
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

/** By their key: two writers of the same blobs wait for one another rather than deadlock. */
function inOrder(blobs: readonly OwnedBlob[]): OwnedBlob[] {
  return blobs.toSorted((a, b) => a.day - b.day || compare(a.login, b.login) || Buffer.compare(a.sha256, b.sha256));
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** Half of a hash is more than enough to keep logins apart, and makes every index entry as short as the next. */
const OWNER_BYTES = 16;

function ownerOf(login: string): Buffer {
  return hash('sha256', login, 'buffer').subarray(0, OWNER_BYTES);
}

/** Names the columns one by one: an object with computed keys, of which there is one for each exchange, takes µs to make. */
function rowOf(capture: Capture): unknown {
  const { request, response } = capture;
  return {
    id: capture.id,
    login: capture.login,
    segment: capture.segment,
    request_headers: capture.requestHeaders,
    response_headers: capture.responseHeaders,
    request_recipe: base64(request),
    request_bytes: request?.bytes,
    request_left_out: request?.leftOut,
    response_recipe: base64(response),
    response_bytes: response?.bytes,
    response_left_out: response?.leftOut,
    response_pace: capture.responsePace,
    missing_frames: capture.missingFrames,
    indexed_headers: capture.indexedHeaders,
  };
}

function base64(body: CapturedBody | null): string | undefined {
  return body?.recipe?.toString('base64');
}

const FIND_CAPTURES = `
SELECT id FROM aperture.captures WHERE id = ANY($1) AND id BETWEEN $2 AND $3
 UNION ALL SELECT id FROM aperture.late_captures WHERE id = ANY($1) AND id BETWEEN $2 AND $3`;

const INSERT_BLOBS = `
INSERT INTO aperture.blobs (day, owner, sha256, bytes, encoding, body)
SELECT * FROM unnest($1::int[], $2::bytea[], $3::bytea[], $4::int[], $5::text[], $6::bytea[])
ON CONFLICT (day, owner, sha256) DO NOTHING`;

/**
 * One statement: the captures that are kept (`$3`); of those that were new, their indexed headers; of all that were new,
 * the watermark.
 */
const INSERT_CAPTURES = `
WITH input AS (
  SELECT * FROM json_to_recordset($2::json) AS (
    id uuid, login text, segment bigint,
    request_headers jsonb, response_headers jsonb,
    request_recipe text, request_bytes bigint, request_left_out text,
    response_recipe text, response_bytes bigint, response_left_out text,
    response_pace jsonb, missing_frames int, indexed_headers json
  )
), inserted AS (
  INSERT INTO aperture.captures (
    id, login, request_headers, response_headers,
    request_recipe, request_bytes, request_left_out, response_recipe, response_bytes, response_left_out,
    response_pace, missing_frames
  )
  SELECT id, login, request_headers, response_headers,
    decode(request_recipe, 'base64'), request_bytes, request_left_out,
    decode(response_recipe, 'base64'), response_bytes, response_left_out, response_pace, missing_frames
  FROM input WHERE id = ANY($3::uuid[]) ORDER BY id
  ON CONFLICT (id) DO NOTHING
  RETURNING id
), late AS (
  INSERT INTO aperture.late_captures (id) SELECT id FROM input WHERE id <> ALL($3::uuid[]) ORDER BY id
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
  SELECT $1::text, segment, 0, count(*) FROM input JOIN (TABLE inserted UNION ALL TABLE late) AS stored USING (id)
   GROUP BY 2 ORDER BY 2
  ON CONFLICT (gateway, segment) DO UPDATE
    SET captures_in = old.captures_in + excluded.captures_in, changed_at = clock_timestamp()
)
SELECT 1`;
