import type { Pool } from 'pg';
import { ENCODINGS, unpack } from '../capture/pack.ts';
import { cook } from '../capture/recipe.ts';
import { paceMarks } from '../lib/pace.ts';
import { decodeWhole } from '../protocols/decode.ts';
import { emptyRequestFacts } from '../protocols/facts.ts';
import { parseJson } from '../protocols/json.ts';
import { protocolFor } from '../protocols/registry.ts';
import { findBlobs } from '../store/captures.ts';
import type { StoredBody, StoredCapture } from '../store/captures.ts';
import { dayOf } from '../store/partitions.ts';

/** Blobs of one question to the database. Each may have a mebibyte. */
const BLOBS_AT_ONCE = 16;

/**
 * A captured body, byte for byte as it was on the wire, a piece at a time.
 *
 * @throws Error when a blob is missing or damaged: what was stored is then not whole.
 */
export async function* bodyOf(
  pool: Pool,
  captured: { id: string; login: string; body: StoredBody },
): AsyncGenerator<Uint8Array> {
  const { id, login, body } = captured;
  if (body.recipe === null) return;
  const owner = { day: dayOf(id), login };
  const fetch = async (hashes: Buffer[]): Promise<ReadonlyMap<string, Uint8Array>> => {
    const found = new Map<string, Uint8Array>();
    for (let from = 0; from < hashes.length; from += BLOBS_AT_ONCE) {
      for (const [hash, blob] of await findBlobs(pool, owner, hashes.slice(from, from + BLOBS_AT_ONCE))) {
        const encoding = ENCODINGS.find((each) => each === blob.encoding);
        if (encoding === undefined) throw new Error(`the blob ${hash} is stored in an unknown way`);
        found.set(hash, unpack({ encoding, body: blob.body }, blob.bytes));
      }
    }
    return found;
  };
  yield* cook(body.recipe, fetch);
}

/** The same in one piece. A body that came through the gateway fits into memory: the front door bounded it. */
export async function wholeBody(
  pool: Pool,
  captured: { id: string; login: string; body: StoredBody },
): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of bodyOf(pool, captured)) parts.push(part);
  return Buffer.concat(parts);
}

/** A capture beside its record: headers, what there is of the bodies, and when a stream came. */
export function captureInShort({
  requestHeaders,
  responseHeaders,
  request,
  response,
  responsePace,
  missingFrames,
}: StoredCapture): unknown {
  const short = (body: StoredBody | null): unknown =>
    body === null ? null : { bytes: body.bytes, left_out: body.leftOut };
  return {
    request_headers: requestHeaders,
    response_headers: responseHeaders,
    request: short(request),
    response: short(response),
    response_pace: responsePace === null ? null : paceMarks(responsePace),
    missing_frames: missingFrames,
  };
}

/** Decoded bodies are read up to this size; a larger one can be had as it was on the wire. */
const READABLE_BYTES = 64 * 1024 * 1024;

/** A body as one JSON value, a stream put together again; null where it cannot be read as one. */
export async function readableBody(
  capture: StoredCapture,
  side: 'request' | 'response',
  bytes: Buffer,
): Promise<unknown> {
  const headers = new Map(side === 'request' ? capture.requestHeaders : capture.responseHeaders);
  const decoded = await decodeWhole(headers.get('content-encoding'), bytes, READABLE_BYTES);
  if (!decoded.ok) return null;
  if (side === 'request') return parseJson(Buffer.from(decoded.value).toString('utf8')) ?? null;
  const reader = protocolFor(capture.api).openResponse({ status: capture.status, headers }, emptyRequestFacts());
  reader.push(decoded.value);
  reader.end('complete');
  return reader.rebuilt?.() ?? null;
}

/** A value as JSON. One that is nested more deeply than can be written counts as one that cannot be read: null. */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value ?? null);
  } catch (error) {
    if (error instanceof RangeError) return 'null';
    throw error;
  }
}
