import type { Fault } from '../contract/fault.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';

export interface FormPart {
  name: string;
  /** A view on the body. */
  body: Buffer;
  /** Where that stands in the whole body: half-open. */
  start: number;
  end: number;
  /** As the part says it; undefined where it says none. */
  contentType: string | undefined;
  /** The names that it gives its file, as they are written, and where; undefined where it is no file. */
  fileNames: { start: number; end: number }[] | undefined;
}

/**
 * As RFC 2046 has it, without the characters that would need quoting in a header; none ends in a space, which some servers
 * take off. Some clients name a character set, too.
 */
const UTF8 = String.raw`(?:;\s*charset="?utf-8"?\s*)?`;
const BOUNDARY = new RegExp(
  String.raw`^multipart\/form-data\s*${UTF8};\s*boundary=(?:"([\w'()+,./:=? -]{0,69}[\w'()+,./:=?-])"|([\w'+./-]{1,70}))\s*${UTF8}$`,
  'i',
);
const NAME = /(?:^|;)\s*name\s*=\s*(?:"([^"\\%]*)"|([\w-]+))\s*(?=;|$)/gi;
const FILE_NAME = /;\s*filename\*?\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)/dgi;
const PARTS_MAX = 64;
const HEAD_BYTES = 8 * 1024;
const CRLF = '\r\n';
const CR = 0x0d;
const LF = 0x0a;
const DASH = 0x2d;
/** What may stand behind the last boundary in its line. */
const AFTER_END: ReadonlySet<number | undefined> = new Set([undefined, CR, LF, 0x20, 0x09]);

/** Whether the header says that the body is a form in parts. */
export function isForm(contentType: string): boolean {
  return /^\s*multipart\//i.test(contentType);
}

/**
 * The parts of a multipart form, as strictly as every server reads one: what two servers could read in two ways is
 * refused, as are two parts of one name where that is no list (`name[]`). What stands before the first boundary and behind
 * the last belongs to none. One pass over the body; never throws.
 */
export function formParts(contentType: string, body: Uint8Array): Result<FormPart[], Fault> {
  const match = BOUNDARY.exec(contentType.trim());
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) return bad('content-type', 'must be multipart/form-data with one boundary');
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const lines = delimiters(bytes, Buffer.from(`--${boundary}`, 'latin1'));
  if (!lines.ok) return lines;
  const names = new Set<string>();
  const parts: FormPart[] = [];
  for (const { start, end } of lines.value) {
    const part = partOf(bytes, start, end);
    if (part === undefined) return bad('form', 'has a part without one plain name');
    if (!part.name.endsWith(']') && names.has(part.name)) return bad(part.name, 'stands twice');
    names.add(part.name);
    parts.push(part);
  }
  return ok(parts);
}

/** What stands between the lines that begin with the boundary. */
function delimiters(bytes: Buffer, delimiter: Buffer): Result<{ start: number; end: number }[], Fault> {
  const between: { start: number; end: number }[] = [];
  let open: number | undefined;
  let isOver = false;
  // A line that begins with it cannot begin inside of another place that holds it: neither has a line break.
  for (let at = bytes.indexOf(delimiter); at >= 0; at = bytes.indexOf(delimiter, at + delimiter.length)) {
    const place = placeOf(bytes, at);
    if (place === 'inside') continue;
    // Behind half a line break, or behind the end, some servers see a part where others see none.
    if (place === 'doubtful' || isOver) return bad('form', 'holds its boundary in another place');
    if (open !== undefined) between.push({ start: open, end: Math.max(open, at - CRLF.length) });
    const after = at + delimiter.length;
    if (bytes[after] === DASH && bytes[after + 1] === DASH && AFTER_END.has(bytes[after + 2])) isOver = true;
    else if (bytes[after] !== CR || bytes[after + 1] !== LF) return bad('form', 'holds its boundary in another place');
    else if (between.length === PARTS_MAX) return bad('form', `has more than ${PARTS_MAX} parts`);
    else open = after + CRLF.length;
  }
  if (open === undefined) return bad('form', 'does not hold its boundary');
  return isOver ? ok(between) : bad('form', 'has no end');
}

function placeOf(bytes: Buffer, at: number): 'line' | 'inside' | 'doubtful' {
  if (at === 0) return 'line';
  const before = bytes[at - 1];
  if (before !== LF && before !== CR) return 'inside';
  return before === LF && bytes[at - 2] === CR ? 'line' : 'doubtful';
}

/** Undefined where what the part is could be read in two ways. */
function partOf(bytes: Buffer, start: number, end: number): FormPart | undefined {
  const headEnd = bytes.subarray(start, Math.min(end, start + HEAD_BYTES)).indexOf(CRLF + CRLF);
  if (headEnd < 0) return undefined;
  // As Latin-1: a place in the text is a place in the bytes.
  const lines = bytes.toString('latin1', start, start + headEnd).split(CRLF);
  if (lines.some((line) => DOUBTFUL_LINE.test(line))) return undefined;
  const [disposition, ...others] = valuesOf(lines, start, 'content-disposition');
  const types = valuesOf(lines, start, 'content-type');
  if (disposition === undefined || others.length > 0 || types.length > 1) return undefined;
  const { text } = disposition;
  const named = [...text.matchAll(NAME)];
  const name = named[0]?.[1] ?? named[0]?.[2];
  const isPlain = /^\s*form-data\s*;/i.test(text) && !/name\s*\*/i.test(text.replace(/filename\*/gi, ''));
  if (name === undefined || named.length !== 1 || !isPlain) return undefined;
  const bodyStart = start + headEnd + 2 * CRLF.length;
  return {
    name: Buffer.from(name, 'latin1').toString('utf8'),
    body: bytes.subarray(bodyStart, end),
    start: bodyStart,
    end,
    contentType: types[0]?.text.trim(),
    fileNames: fileNamesIn(text, disposition.at),
  };
}

/**
 * Another transfer encoding, or a line that continues: what the part says is then not what stands there. Half a line break
 * is a whole one to some servers, and nobody writes the other control characters.
 */
const DOUBTFUL_LINE =
  // oxlint-disable-next-line no-control-regex -- control characters are what it is there to find
  /[\u0000-\u0008\n-\u001f\u007f]|^(?:[ \t]|content-transfer-encoding\s*:(?!\s*(?:binary|8bit|7bit)\s*$))/i;

/** The values of a header, and where they begin. */
function valuesOf(lines: readonly string[], start: number, header: string): { text: string; at: number }[] {
  const values: { text: string; at: number }[] = [];
  let at = start;
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    if (name === header) values.push({ text: line.slice(colon + 1), at: at + colon + 1 });
    at += line.length + CRLF.length;
  }
  return values;
}

function fileNamesIn(disposition: string, at: number): FormPart['fileNames'] {
  const found = [...disposition.matchAll(FILE_NAME)];
  if (found.length === 0) return /filename/i.test(disposition.replaceAll(/"[^"]*"/g, '')) ? [] : undefined;
  return found.map(({ indices }) => {
    const [start = 0, end = 0] = indices?.[1] ?? [];
    return { start: at + start, end: at + end };
  });
}

function bad(field: string, why: string): Result<never, Fault> {
  return failed({ code: 'body_bad_field', field, why });
}
