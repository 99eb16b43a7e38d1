import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Pool } from 'pg';
import { readableBody, wholeBody } from '../src/dashboard/bodies.ts';
import type { WholeFile } from '../src/export/file-parts.ts';
import type { ExportFormat } from '../src/export/format.ts';
import { jsonValue } from '../src/export/json-value.ts';
import type { BodyToExport, CaptureToExport } from '../src/export/record.ts';
import { beginRecordFile } from '../src/export/record-file.ts';
import type { FileBounds } from '../src/export/record-file.ts';
import { decodeWhole } from '../src/protocols/decode.ts';
import { findCaptures } from '../src/store/captures.ts';
import type { StoredBody, StoredCapture } from '../src/store/captures.ts';
import { recordsToExport } from '../src/store/exported-records.ts';
import type { RecordToExport } from '../src/store/exported-records.ts';

export interface FilledFile extends WholeFile {
  /** The records that it holds: as many of those that were asked for as fit into it, the first ones. */
  records: number;
}

export interface FilePlan {
  format: ExportFormat;
  firstNumber: number;
  ids: readonly string[];
}

/** Records of one question. */
const RECORDS_AT_ONCE = 200;
/** Captures that are read together, by the length of their bodies; one that is larger is read by itself. */
const CAPTURE_BYTES_AT_ONCE = 8 * 1024 * 1024;
const CAPTURES_AT_ONCE = 16;
/** Decoded bodies are exported as JSON up to this size, larger ones as they were on the wire. */
const READABLE_BYTES = 64 * 1024 * 1024;
/** To read a body. */
const ATTEMPTS = 2;

/**
 * Writes records into a file, with what is kept of them, until it is full. Undefined when it was stopped, with nothing
 * done.
 *
 * @throws Error when the database is away.
 */
export async function fillFile(
  pool: Pool,
  { format, firstNumber, ids }: FilePlan,
  bounds: FileBounds,
  stopped: () => boolean,
): Promise<FilledFile | undefined> {
  const file = await beginRecordFile(format, bounds);
  let records = 0;
  for (let at = 0; at < ids.length; at += RECORDS_AT_ONCE) {
    const some = ids.slice(at, at + RECORDS_AT_ONCE);
    const captures = await findCaptures(pool, some);
    for (const group of inGroups(await recordsToExport(pool, some), captures)) {
      if (stopped()) return undefined;
      const read = await Promise.all(
        group.map(async (record) => ({ record, kept: await keptOf(pool, record.id, captures.get(record.id)) })),
      );
      for (const { record, kept } of read) {
        // One after the other: what is small on the wire may be large as a value. And the lease is kept in between.
        await nextTurn();
        const capture = kept && (await captureOf(kept));
        if (!file.offer(firstNumber + records, record, capture)) return { ...file.end(), records };
        records += 1;
      }
    }
  }
  return { ...file.end(), records };
}

/** In their order, so many together that their bodies fit into memory. */
function* inGroups(
  records: readonly RecordToExport[],
  captures: ReadonlyMap<string, StoredCapture>,
): Generator<RecordToExport[]> {
  let group: RecordToExport[] = [];
  let bytes = 0;
  for (const record of records) {
    const capture = captures.get(record.id);
    const more = (capture?.request?.bytes ?? 0) + (capture?.response?.bytes ?? 0);
    if (group.length === CAPTURES_AT_ONCE || (group.length > 0 && bytes + more > CAPTURE_BYTES_AT_ONCE)) {
      yield group;
      group = [];
      bytes = 0;
    }
    group.push(record);
    bytes += more;
  }
  if (group.length > 0) yield group;
}

/** A capture with its bodies as they were on the wire. */
interface Kept extends Record<(typeof SIDES)[number], Buffer | undefined> {
  capture: StoredCapture;
  damaged: (typeof SIDES)[number][];
}

const SIDES = ['request', 'response'] as const;

async function keptOf(pool: Pool, id: string, capture: StoredCapture | undefined): Promise<Kept | undefined> {
  if (capture === undefined) return undefined;
  const kept: Kept = { capture, request: undefined, response: undefined, damaged: [] };
  for (const side of SIDES) {
    const body = capture[side];
    if (body === null || body.recipe === null || body.bytes === 0) continue;
    kept[side] = await storedBytes(pool, { id, login: capture.login, body });
    if (kept[side] === undefined) kept.damaged.push(side);
  }
  return kept;
}

async function captureOf({ capture, request, response, damaged }: Kept): Promise<CaptureToExport> {
  const { requestHeaders, responseHeaders } = capture;
  const bodyOf = async (side: (typeof SIDES)[number], raw: Buffer | undefined): Promise<BodyToExport | undefined> =>
    raw && { raw, ...(await jsonOf(capture, side, raw)) };
  return {
    requestHeaders,
    responseHeaders,
    request: await bodyOf('request', request),
    response: await bodyOf('response', response),
    damaged,
  };
}

/** Undefined where a part of it is missing or damaged. @throws Error when the database is away. */
async function storedBytes(
  pool: Pool,
  captured: { id: string; login: string; body: StoredBody },
): Promise<Buffer | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await wholeBody(pool, captured);
    } catch {
      // Errors of the database and of what it gave look alike: it is there when it answers, and the same goes wrong again.
      await pool.query('SELECT 1');
      if (attempt === ATTEMPTS) return undefined;
    }
  }
}

/** A JSON body as it is, a stream as the one response that it makes; no value where it is neither. */
async function jsonOf(
  capture: StoredCapture,
  side: 'request' | 'response',
  raw: Buffer,
): Promise<Pick<BodyToExport, 'json' | 'text'>> {
  const headers = new Map(side === 'request' ? capture.requestHeaders : capture.responseHeaders);
  const decoded = await decodeWhole(headers.get('content-encoding'), raw, READABLE_BYTES);
  if (!decoded.ok) return { json: undefined };
  const text = Buffer.from(decoded.value)
    .toString('utf8')
    .replace(/^\uFEFF/, '');
  const value = jsonValue(text);
  const isStream = Array.isArray(value) || headers.get('content-type')?.includes('event') === true;
  const rebuilt = side === 'response' && isStream ? await readableBody(capture, side, raw) : undefined;
  if (rebuilt !== undefined && rebuilt !== null) return { json: rebuilt };
  return { json: value, text: value === undefined ? undefined : text };
}
