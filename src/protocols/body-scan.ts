import type { Api } from '../contract/api.ts';
import type { Fault } from '../contract/fault.ts';
import type { BodyFields } from '../contract/messages.ts';
import { ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { BodyScanner } from './body-scanner.ts';
import { QUOTE } from './json-bytes.ts';
import { stringValue } from './json-walk.ts';
import { batchModels } from './resources/batch-models.ts';
import { namedResources } from './resources/named-resources.ts';

/** What is read of a request without a body. */
export const NO_FIELDS: BodyFields = {
  objectStart: 0,
  empty: true,
  spans: {},
  model: undefined,
  otherModels: [],
  stream: false,
  includeUsage: undefined,
};

/** The text of a used member of a body that was scanned; undefined where it is missing or no text. */
export function textField(body: Uint8Array, fields: BodyFields, key: string): string | undefined {
  const span = fields.spans[key];
  if (span === undefined || body[span.valueStart] !== QUOTE) return undefined;
  return stringValue(body.subarray(span.valueStart, span.valueEnd));
}

/** Scans a whole body. */
export function scanBody(api: Api, body: Uint8Array): Result<BodyFields, Fault> {
  const scanner = new BodyScanner(api);
  scanner.push(body);
  const scanned = scanner.end();
  if (!scanned.ok) return scanned;
  const asksForEvents = api === 'openai_speech' && textField(body, scanned.value, 'stream_format') === 'sse';
  return withNamed(api, body, asksForEvents ? { ...scanned.value, stream: true } : scanned.value);
}

/** What stands deeper, and is looked at only where it can be there: objects that providers keep, a batch's models. */
function withNamed(api: Api, body: Uint8Array, fields: BodyFields): Result<BodyFields, Fault> {
  const named = namedResources(api, body, fields);
  if (!named.ok) return named;
  const batch = batchModels(api, body, fields, scanBody);
  if (batch?.ok === false) return batch;
  const resources = [...named.value, ...(batch?.value.resources ?? [])];
  if (batch === undefined && resources.length === 0) return ok(fields);
  const inBatch = batch === undefined ? {} : { otherModels: batch.value.models };
  return ok({ ...fields, ...inBatch, ...(resources.length === 0 ? {} : { resources }) });
}
