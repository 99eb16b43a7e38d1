import type { Pool, PoolClient } from 'pg';
import { z } from 'zod';
import { storableText } from '../lib/storable-text.ts';
import { uuid7, uuid7Floor } from '../lib/uuid7.ts';
import { inTransaction } from './database.ts';
import { DAY_MS, dayOf } from './partitions.ts';
import type { Day } from './partitions.ts';

/** A file that was made and is not known to be uploaded. */
export interface OpenFile {
  id: string;
  key: string;
  records: number;
  bytes: number;
  attempts: number;
  /** Whether it is to be tried now. */
  due: boolean;
}

/** What is to become a file: the records of these ids, in this order, are the numbers from `firstNumber` on. */
export interface NewFile {
  firstNumber: number;
  ids: readonly string[];
  /** The object's key, by the Unix time that its name has. */
  key: (unixSeconds: number) => string;
  parts: readonly Uint8Array[];
  bytes: number;
  sha256: string;
  /** More wait than it holds: the next is made at once. */
  full: boolean;
}

export interface ExportStore {
  /**
   * From the first call on, each record that is stored is noted for export, in the transaction that stores it. What was
   * stored before is noted by `backfill`.
   */
  begin(): Promise<void>;
  /** Takes the export, or keeps it, for `leaseMs`. False where another process has it. */
  hold(holder: string, leaseMs: number): Promise<boolean>;
  release(holder: string): Promise<void>;
  openFile(): Promise<OpenFile | undefined>;
  /** Whether the next file may be made, by when the last was uploaded. */
  isDue(everyMs: number): Promise<boolean>;
  /** Notes some of what was stored before `begin`. False where all of it is noted already. */
  backfill(holder: string): Promise<boolean>;
  /**
   * The ids of up to `count` records that may be exported: their captures are in, or will never be, or did not come within
   * `CAPTURE_WITHIN`. `firstNumber` is the next one's number.
   */
  ready(count: number): Promise<{ firstNumber: number; ids: string[] }>;
  /**
   * Makes a file of records that waited: from here on they are in it and nowhere else. Undefined where somebody else has
   * the export by now, and none of it holds.
   */
  make(holder: string, file: NewFile, nowMs: number): Promise<OpenFile | undefined>;
  bodyOf(file: OpenFile): Promise<Buffer>;
  uploaded(id: string, bucket: string): Promise<void>;
  failed(id: string, error: string, waitMs: number): Promise<void>;
  /** The open file is tried at once: what it failed by may have been changed. */
  tryNow(): Promise<void>;
  look(): Promise<{ waiting: number; lastSuccessAtMs: number | null }>;
}

/** After so long, a record is exported without a capture: it was lost with its journal, or is very late. */
const CAPTURE_WITHIN = '1 hour';

const EXPORTER = 's3';
const NOTED_AT_ONCE = 10_000;
/** Records that are looked at for one page of those that are ready. */
const LOOKED_AT_ONCE = 5_000;
/** More than that wait: that many are told. Counting takes a tenth of a second. */
const COUNTED_AT_MOST = 1_000_000;
const ERROR_CHARACTERS = 500;
const NONE = '00000000-0000-0000-0000-000000000000';
/** Whoever stores records waits as long for us. */
const LOCK_TIMEOUT_MS = 3_000;

export function createExportStore(pool: Pool): ExportStore {
  let begun = false;
  return {
    begin: async () => {
      if (begun) return;
      const { rowCount } = await pool.query('SELECT FROM aperture.exporters WHERE name = $1', [EXPORTER]);
      if (rowCount === 0) await inTransaction(pool, beginExport);
      begun = true;
    },
    hold: async (holder, leaseMs) => {
      const { rowCount } = await pool.query(
        `UPDATE aperture.exporters SET holder = $2, held_until = clock_timestamp() + $3 * interval '1 millisecond'
          WHERE name = $1 AND (holder = $2 OR holder IS NULL OR held_until < clock_timestamp())`,
        [EXPORTER, holder, leaseMs],
      );
      return rowCount === 1;
    },
    release: async (holder) => {
      await pool.query(
        'UPDATE aperture.exporters SET holder = NULL, held_until = NULL WHERE name = $1 AND holder = $2',
        [EXPORTER, holder],
      );
    },
    openFile: async () => {
      const { rows } = await pool.query(`SELECT ${OPEN_FILE} FROM aperture.export_files WHERE uploaded_at IS NULL`);
      return z.array(OpenFileRow).parse(rows)[0];
    },
    isDue: async (everyMs) => {
      const { rowCount } = await pool.query(
        `SELECT FROM aperture.exporters
          WHERE name = $1 AND (last_full OR last_export_at IS NULL
             OR last_export_at + $2 * interval '1 millisecond' <= clock_timestamp())`,
        [EXPORTER, everyMs],
      );
      return rowCount === 1;
    },
    backfill: (holder) => inTransaction(pool, (client) => noteOlder(client, holder)),
    ready: (count) => findReady(pool, count),
    make: (holder, file, nowMs) => inTransaction(pool, (client) => makeFile(client, holder, file, nowMs)),
    bodyOf: async ({ id, bytes }) => {
      const body = Buffer.allocUnsafeSlow(bytes);
      let at = 0;
      for (let position = 0; at < bytes; position += 1) {
        const { rows } = await pool.query(
          'SELECT body FROM aperture.export_parts WHERE file_id = $1 AND position = $2',
          [id, position],
        );
        const [part] = z.array(PartRow).parse(rows);
        if (part === undefined) throw new Error(`part ${position} of the export ${id} is missing`);
        at += part.body.copy(body, at);
      }
      return body;
    },
    uploaded: (id, bucket) => inTransaction(pool, (client) => noteUploaded(client, id, bucket)),
    failed: async (id, error, waitMs) => {
      await pool.query(
        `UPDATE aperture.export_files
            SET attempts = attempts + 1, last_error = $2,
                next_attempt_at = clock_timestamp() + $3 * interval '1 millisecond'
          WHERE id = $1 AND uploaded_at IS NULL`,
        [id, storableText(error).slice(0, ERROR_CHARACTERS), Math.round(waitMs)],
      );
    },
    tryNow: async () => {
      await pool.query(
        'UPDATE aperture.export_files SET next_attempt_at = clock_timestamp() WHERE uploaded_at IS NULL',
      );
    },
    look: async () => Looked.parse((await pool.query(LOOK, [COUNTED_AT_MOST, EXPORTER])).rows[0]),
  };
}

/**
 * The lock waits for all who are storing records, and holds up others for that moment: so each record is either there now
 * or noted by whoever stores it. Without the partitions, which nobody writes by themselves: what cleans them up goes on.
 */
async function beginExport(client: PoolClient): Promise<void> {
  await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await client.query('LOCK TABLE ONLY aperture.records IN SHARE ROW EXCLUSIVE MODE');
  await client.query(
    `INSERT INTO aperture.exporters (name, backfilled_through, backfill_end)
     SELECT $1, $2::uuid, coalesce((SELECT id FROM aperture.records ORDER BY id DESC LIMIT 1), $2::uuid)
     ON CONFLICT DO NOTHING`,
    [EXPORTER, NONE],
  );
}

/** A page of older records. Those that came late for its time are noted already. */
async function noteOlder(client: PoolClient, holder: string): Promise<boolean> {
  const exporter = await lockHeld(client, holder);
  if (exporter === undefined || exporter.backfilled_through === exporter.backfill_end) return false;
  const { rows } = await client.query(
    `WITH page AS (
       SELECT id, ended_at FROM aperture.records WHERE id > $1 AND id <= $2 ORDER BY id LIMIT $3
     ), noted AS (
       INSERT INTO aperture.export_waiting (record_id, at) SELECT id, ended_at FROM page ORDER BY id
       ON CONFLICT DO NOTHING
     )
     SELECT count(*)::int AS count, (array_agg(id ORDER BY id DESC))[1]::text AS last FROM page`,
    [exporter.backfilled_through, exporter.backfill_end, NOTED_AT_ONCE],
  );
  const { count, last } = Noted.parse(rows[0]);
  const through = count < NOTED_AT_ONCE ? exporter.backfill_end : last;
  await client.query('UPDATE aperture.exporters SET backfilled_through = $2 WHERE name = $1', [EXPORTER, through]);
  return true;
}

/** The exporter's row, locked until the transaction ends; undefined where the holder is not its holder any more. */
async function lockHeld(client: PoolClient, holder: string): Promise<z.infer<typeof Exporter> | undefined> {
  const { rows } = await client.query(
    `SELECT backfilled_through::text, backfill_end::text, last_number::float8, last_named::float8
       FROM aperture.exporters WHERE name = $1 AND holder = $2 AND held_until > clock_timestamp() FOR UPDATE`,
    [EXPORTER, holder],
  );
  return z.array(Exporter).parse(rows)[0];
}

/**
 * In order of ids. What the backfill has not come to waits for it, also where it is noted as it came late: the backfill
 * would note it once more after it was exported.
 */
async function findReady(pool: Pool, count: number): Promise<{ firstNumber: number; ids: string[] }> {
  const { rows } = await pool.query(
    `SELECT last_number::float8, backfilled_through::text, backfill_end::text,
            (SELECT through_day FROM aperture.purged WHERE what = 'captures') AS purged_through
       FROM aperture.exporters WHERE name = $1`,
    [EXPORTER],
  );
  const [at] = z.array(ReadyAt).parse(rows);
  if (at === undefined) return { firstNumber: 1, ids: [] };
  const purgedBefore = uuid7Floor(((at.purged_through ?? -1) + 1) * DAY_MS);
  const ids: string[] = [];
  let behind: string | undefined = NONE;
  while (ids.length < count && behind !== undefined) {
    const page: z.infer<typeof WaitingRow>[] = z
      .array(WaitingRow)
      .parse(
        (await pool.query(WAITING, [behind, at.backfilled_through, at.backfill_end, purgedBefore, LOOKED_AT_ONCE]))
          .rows,
      );
    const captured = await capturedOf(
      pool,
      page.filter(({ settled }) => !settled).map(({ id }) => id),
    );
    ids.push(...page.filter(({ id, settled }) => settled || captured.has(id)).map(({ id }) => id));
    behind = page.length < LOOKED_AT_ONCE ? undefined : page.at(-1)?.id;
  }
  return { firstNumber: at.last_number + 1, ids: ids.slice(0, count) };
}

/** Those of the ids, which are in order, that are among the captures, kept or not. */
async function capturedOf(pool: Pool, ids: readonly string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set();
  const { rows } = await pool.query(CAPTURED, [ids, ids[0], ids.at(-1)]);
  return new Set(
    z
      .array(WithId)
      .parse(rows)
      .map(({ id }) => id),
  );
}

async function makeFile(
  client: PoolClient,
  holder: string,
  { firstNumber, ids, key, parts, bytes, sha256, full }: NewFile,
  nowMs: number,
): Promise<OpenFile | undefined> {
  const exporter = await lockHeld(client, holder);
  if (exporter === undefined || exporter.last_number !== firstNumber - 1) return undefined;
  const taken = await client.query('DELETE FROM aperture.export_waiting WHERE record_id = ANY($1::uuid[])', [ids]);
  if (taken.rowCount !== ids.length) throw new Error('records of an export do not wait for it any more');
  const named = Math.max(Math.floor(nowMs / 1000), exporter.last_named + 1);
  const ordered = [...ids].sort();
  const { rows } = await client.query(
    `INSERT INTO aperture.export_files
       (id, object_key, first_number, records, first_record, last_record, bytes, sha256)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING ${OPEN_FILE}`,
    [uuid7(nowMs), key(named), firstNumber, ids.length, ordered[0], ordered.at(-1), bytes, sha256],
  );
  const file = OpenFileRow.parse(rows[0]);
  for (const [position, part] of parts.entries()) {
    await client.query('INSERT INTO aperture.export_parts (file_id, position, body) VALUES ($1, $2, $3)', [
      file.id,
      position,
      Buffer.from(part.buffer, part.byteOffset, part.byteLength),
    ]);
  }
  await client.query(
    `UPDATE aperture.exporters SET last_number = last_number + $2, last_named = $3, last_full = $4 WHERE name = $1`,
    [EXPORTER, ids.length, named, full],
  );
  return file;
}

/** Whoever uploaded it. Its bytes are not kept: the bucket has them. */
async function noteUploaded(client: PoolClient, id: string, bucket: string): Promise<void> {
  const { rowCount } = await client.query(
    `UPDATE aperture.export_files
        SET uploaded_at = clock_timestamp(), bucket = $2, attempts = attempts + 1, last_error = NULL
      WHERE id = $1 AND uploaded_at IS NULL`,
    [id, bucket],
  );
  if (rowCount === 0) return;
  await client.query('DELETE FROM aperture.export_parts WHERE file_id = $1', [id]);
  await client.query('UPDATE aperture.exporters SET last_export_at = clock_timestamp() WHERE name = $1', [EXPORTER]);
}

/**
 * The last day of which every record that is stored is in a bucket; -1 where there is none, or no exporter was ever
 * configured. A record that is stored late makes it an earlier one, until it is exported.
 */
export async function exportedThrough(client: PoolClient): Promise<Day> {
  const { rows } = await client.query(UNEXPORTED, [EXPORTER]);
  const [found] = z.array(Unexported).parse(rows);
  if (found === undefined) return -1;
  return found.first === null ? Infinity : dayOf(found.first) - 1;
}

/** The first record that no bucket has: one that waits, one of a file that is not uploaded, or one that is not noted yet. */
const UNEXPORTED = `
  SELECT least(
    (SELECT record_id FROM aperture.export_waiting ORDER BY record_id LIMIT 1),
    (SELECT first_record FROM aperture.export_files WHERE uploaded_at IS NULL),
    (SELECT id FROM aperture.records
      WHERE id > backfilled_through AND id <= backfill_end AND backfilled_through <> backfill_end ORDER BY id LIMIT 1)
  )::text AS first FROM aperture.exporters WHERE name = $1`;

const OPEN_FILE = `
  id::text, object_key AS key, records, bytes::float8, attempts, next_attempt_at <= clock_timestamp() AS due`;

const WAITING = `
  SELECT record_id::text AS id, at < clock_timestamp() - interval '${CAPTURE_WITHIN}' OR record_id < $4 AS settled
    FROM aperture.export_waiting
   WHERE record_id > $1 AND (record_id <= $2 OR record_id > $3)
   ORDER BY record_id LIMIT $5`;

const CAPTURED = `
  SELECT id::text FROM aperture.captures WHERE id = ANY($1::uuid[]) AND id BETWEEN $2 AND $3
   UNION ALL SELECT id::text FROM aperture.late_captures WHERE id = ANY($1::uuid[]) AND id BETWEEN $2 AND $3`;

const LOOK = `
  SELECT (SELECT count(*) FROM (SELECT FROM aperture.export_waiting LIMIT $1) AS counted)::int
           + coalesce((SELECT records FROM aperture.export_files WHERE uploaded_at IS NULL), 0) AS waiting,
         (SELECT extract(epoch FROM last_export_at)::float8 * 1000 FROM aperture.exporters WHERE name = $2) AS last`;

const WithId = z.object({ id: z.string() });
const Exporter = z.object({
  backfilled_through: z.string(),
  backfill_end: z.string(),
  last_number: z.number(),
  last_named: z.number(),
});
const Noted = z.object({ count: z.int(), last: z.string().nullable() });
const ReadyAt = z.object({
  last_number: z.number(),
  backfilled_through: z.string(),
  backfill_end: z.string(),
  purged_through: z.int().nullable(),
});
const WaitingRow = z.object({ id: z.string(), settled: z.boolean() });
const OpenFileRow = z.object({
  id: z.string(),
  key: z.string(),
  records: z.int(),
  bytes: z.number(),
  attempts: z.int(),
  due: z.boolean(),
});
const PartRow = z.object({ body: z.custom<Buffer>((value) => Buffer.isBuffer(value)) });
const Unexported = z.object({ first: z.string().nullable() });
const Looked = z
  .object({ waiting: z.int(), last: z.number().nullable() })
  .transform(({ waiting, last }) => ({ waiting, lastSuccessAtMs: last }));
