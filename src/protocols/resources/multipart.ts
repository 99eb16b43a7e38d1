import type { Fault } from '../../contract/fault.ts';
import { failed, ok } from '../../lib/result.ts';
import type { Result } from '../../lib/result.ts';

export interface FormPart {
  name: string;
  /** A view on the body. */
  body: Buffer;
}

/** As RFC 2046 has it, without the characters that would need quoting in a header. */
const BOUNDARY = /^multipart\/form-data\s*;\s*boundary=(?:"([\w'()+,./:=? -]{1,70})"|([\w'+./-]{1,70}))\s*$/i;
const NAME = /(?:^|;)\s*name\s*=\s*(?:"([^"\\%]*)"|([\w-]+))\s*(?=;|$)/gi;
const PARTS_MAX = 64;
const HEAD_BYTES = 8 * 1024;
const CRLF = '\r\n';

/** Whether the header says that the body is a form in parts. */
export function isForm(contentType: string): boolean {
  return /^\s*multipart\//i.test(contentType);
}

/**
 * The parts of a multipart form, as strictly as every server reads one: what two servers could read in two ways is
 * refused, as are two parts of one name where that is no list (`name[]`).
 */
export function formParts(contentType: string, body: Uint8Array): Result<FormPart[], Fault> {
  const match = BOUNDARY.exec(contentType.trim());
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) return bad('content-type', 'must be multipart/form-data with one boundary');
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const opening = Buffer.from(`--${boundary}${CRLF}`, 'latin1');
  const delimiter = Buffer.from(`${CRLF}--${boundary}`, 'latin1');
  if (!bytes.subarray(0, opening.length).equals(opening)) return bad('form', 'does not begin with its boundary');
  const parts: FormPart[] = [];
  const names = new Set<string>();
  for (let at = opening.length; ;) {
    const end = bytes.indexOf(delimiter, at - CRLF.length);
    if (end < 0 || parts.length === PARTS_MAX) return bad('form', 'has no end, or too many parts');
    const part = partOf(bytes.subarray(at, Math.max(at, end)));
    if (part === undefined) return bad('form', 'has a part without one plain name');
    if (!part.name.endsWith(']') && names.has(part.name)) return bad(part.name, 'stands twice');
    names.add(part.name);
    parts.push(part);
    const after = bytes.subarray(end + delimiter.length, end + delimiter.length + 2).toString('latin1');
    if (after === '--') return ok(parts);
    if (after !== CRLF) return bad('form', 'holds its boundary in another place');
    at = end + delimiter.length + CRLF.length;
  }
}

function partOf(bytes: Buffer): FormPart | undefined {
  const headEnd = bytes.subarray(0, HEAD_BYTES).indexOf(CRLF + CRLF);
  if (headEnd < 0) return undefined;
  const lines = bytes.toString('utf8', 0, headEnd).split(CRLF);
  const dispositions = lines.filter((line) => /^content-disposition\s*:/i.test(line));
  const [disposition] = dispositions;
  if (disposition === undefined || dispositions.length !== 1) return undefined;
  // Another transfer encoding, or a line that continues: what the part says is then not what stands there.
  if (lines.some((line) => /^(?:[ \t]|content-transfer-encoding\s*:(?!\s*(?:binary|8bit|7bit)\s*$))/i.test(line)))
    return undefined;
  const named = [...disposition.slice(disposition.indexOf(':') + 1).matchAll(NAME)];
  const name = named[0]?.[1] ?? named[0]?.[2];
  if (name === undefined || named.length !== 1 || /name\s*\*/i.test(disposition.replace(/filename\*/i, '')))
    return undefined;
  return { name, body: bytes.subarray(headEnd + 2 * CRLF.length) };
}

function bad(field: string, why: string): Result<never, Fault> {
  return failed({ code: 'body_bad_field', field, why });
}
