import type { Whoami } from '../../api/shapes.ts';
import { bytes as size } from '../../design/format.ts';
import { pathOf } from '../../api/client.ts';
import type { RequestRecord } from './record.ts';
import type { Side } from './search.ts';

/** What there is of a body, and where; or, in words, why there is nothing. */
export type BodyState =
  | { at: 'there'; path: string; bytes: number; encoding: string }
  | { at: 'missing'; title: string; why: string; download: string | null };

/** Larger ones are not read into a page; they can be had as files. */
const MOST_BYTES = 64 * 1024 * 1024;
/** A capture follows its record within moments. After this it does not come any more. */
const SOON_MS = 60_000;

type Reader = Pick<Whoami, 'login' | 'read_captures'>;

export function bodyState(record: RequestRecord, side: Side, reader: Reader, nowMs: number): BodyState {
  const missing = (title: string, why: string, download: string | null = null): BodyState => {
    return { at: 'missing', title, why, download };
  };
  const { capture } = record;
  if (capture === null) {
    const { title, why } = captureMissing(record, reader, nowMs);
    return missing(title, why);
  }
  const body = capture[side];
  if (body === null) {
    if (side === 'request') return missing('No body', 'This request had none.');
    return record.attempts.length === 0
      ? missing('No response', 'It was refused here: no provider was asked.')
      : missing('No response', 'No byte of one came from the provider.');
  }
  if (body.left_out !== null) {
    const kept = 'Those are kept only where the gateway is set to (database.save_raws).';
    return missing('Not kept', `This body was ${size(body.bytes)} of something that is no text. ${kept}`);
  }
  const path = bodyPath(record.id, side);
  if (body.bytes > MOST_BYTES) {
    return missing('Too large for a page', `This body has ${size(body.bytes)}. You can have it as a file.`, path);
  }
  const headers = side === 'request' ? capture.request_headers : capture.response_headers;
  return { at: 'there', path, bytes: body.bytes, encoding: headerOf(headers, 'content-encoding') };
}

export function captureMissing(
  record: RequestRecord,
  { login, read_captures }: Reader,
  nowMs: number,
): { title: string; why: string } {
  if (record.login !== login && !read_captures) {
    const why =
      'You may see the books of others, and not what they said. A grant with read_captures would change that.';
    return { title: 'What was said is not for you', why };
  }
  if (isYoung(record, nowMs)) {
    return { title: 'Not stored yet', why: 'What was said follows its record within moments. This page looks again.' };
  }
  const why = 'Captures were switched off when this request ended, or have been removed since, as retention has it.';
  return { title: 'Nothing was kept', why };
}

/** Its capture may still come. */
export function isYoung({ capture, ended_at }: RequestRecord, nowMs: number): boolean {
  return capture === null && nowMs - Date.parse(ended_at) < SOON_MS;
}

export function bodyPath(id: string, side: Side, form?: 'json'): string {
  return pathOf(`/api/requests/${encodeURIComponent(id)}/body`, { side, form });
}

/** Of headers as they were captured, the value of one; empty where it is not there. */
function headerOf(headers: readonly (readonly [string, string])[], name: string): string {
  return headers.find(([each]) => each.toLowerCase() === name)?.[1] ?? '';
}

export function isEventStream(record: RequestRecord): boolean {
  return headerOf(record.capture?.response_headers ?? [], 'content-type').startsWith('text/event-stream');
}
