import type { Fault } from '../../contract/fault.ts';
import { ok } from '../../lib/result.ts';
import type { Result } from '../../lib/result.ts';
import { scannedParts } from '../../protocols/form-scan.ts';
import type { FormPart } from '../../protocols/multipart.ts';
import type { BodyText } from './texts.ts';

/** What a model is told in words. */
const SAID: ReadonlySet<string> = new Set(['prompt', 'input', 'instructions']);
/** A reference: a change would break what it refers to. */
const MODEL = 'model';
/** A sound or a picture as a URL: bytes, no text. */
const DATA_URL = /^data:[\w.+/-]*(?:;[\w.+/=-]+)*;base64,[\w+/=-]*$/;

/**
 * The texts of a multipart form: its fields, as they are, and the names of its files. The files themselves are sounds and
 * pictures, and not read.
 */
export function formTexts(contentType: string, body: Uint8Array): Result<BodyText[], Fault> {
  const parts = scannedParts(contentType, body);
  return parts.ok ? ok(parts.value.flatMap(textsIn)) : parts;
}

function textsIn({ name, body, start, end, fileNames }: FormPart): BodyText[] {
  const field = { what: 'field', signed: false, plain: false, key: undefined } as const;
  if (fileNames !== undefined) return fileNames.map((at) => ({ ...at, ...field, place: 'other' }));
  if (name === MODEL || body.length === 0 || DATA_URL.test(body.toString('latin1'))) return [];
  return [{ start, end, ...field, place: SAID.has(name) ? 'user' : 'other' }];
}
