import type { Api } from '../../contract/api.ts';
import type { Fault } from '../../contract/fault.ts';
import type { BodyFields } from '../../contract/messages.ts';
import { BATCH_MODELS } from '../../contract/resource.ts';
import type { NamedResource } from '../../contract/resource.ts';
import { failed, ok } from '../../lib/result.ts';
import type { Result } from '../../lib/result.ts';
import { elementsOf, membersOf, skipValue, stringValue } from '../json-walk.ts';
import { namedMembers } from './named-members.ts';

/** What the requests inside a batch can select, and what they name. */
export interface BatchRequests {
  models: string[];
  resources: NamedResource[];
}

/** Scans a body, as `body-scan.ts` does. */
export type Scan = (api: Api, body: Uint8Array) => Result<BodyFields, Fault>;

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;

/**
 * Every model that the requests inside a batch can select, and what they name; undefined where the body is none of a batch with requests in
 * it. Each request is judged as it would be by itself.
 */
export function batchModels(
  api: Api,
  body: Uint8Array,
  fields: BodyFields,
  scan: Scan,
): Result<BatchRequests, Fault> | undefined {
  if (api === 'anthropic_batches') return fields.empty ? undefined : ofAnthropic(body, fields, scan);
  return api === 'gemini_batches' ? ofGoogle(body) : undefined;
}

function ofAnthropic(body: Uint8Array, { spans }: BodyFields, scan: Scan): Result<BatchRequests, Fault> {
  const requests = spans['requests'];
  if (requests === undefined || body[requests.valueStart] !== OPEN_BRACKET) return bad('requests', 'must be a list');
  const models = new Set<string>();
  const resources = new Map<string, NamedResource>();
  for (const at of elementsOf(body, requests.valueStart)) {
    const params = onlyMember(body, at, 'params');
    if (params === undefined) return bad('requests[].params', 'must be one object');
    const scanned = scan('anthropic_messages', params);
    if (!scanned.ok) return scanned;
    const { model, otherModels } = scanned.value;
    for (const named of scanned.value.resources ?? []) resources.set(`${named.kind} ${named.id}`, named);
    if (model === undefined) return failed({ code: 'model_missing' });
    for (const name of [model, ...otherModels]) models.add(name);
    if (models.size > BATCH_MODELS) return bad('requests', `name more than ${BATCH_MODELS} models`);
  }
  return ok({ models: [...models], resources: [...resources.values()] });
}

const GOOGLE_NAMES = new Set(['model', 'fileName', 'file_name']);

/** The path's model serves all of them; what else one names is judged beside it. */
function ofGoogle(body: Uint8Array): Result<BatchRequests, Fault> {
  const models = new Set<string>();
  for (const { key, text } of namedMembers(body, GOOGLE_NAMES)) {
    if (key !== 'model') return bad('fileName', 'is not offered: a batch must have its requests in it');
    models.add(text.startsWith('models/') ? text.slice('models/'.length) : text);
  }
  if (models.size > BATCH_MODELS) return bad('requests', `name more than ${BATCH_MODELS} models`);
  return ok({ models: [...models], resources: [] });
}

/** The object that is the member of this name of the object at `at`; undefined where it is missing, doubled or no object. */
export function onlyMember(body: Uint8Array, at: number, name: string): Uint8Array | undefined {
  if (body[at] !== OPEN_BRACE) return undefined;
  const named = membersOf(body, at).filter(
    ({ keyStart, keyEnd }) => stringValue(body.subarray(keyStart, keyEnd))?.toLowerCase() === name,
  );
  const [only] = named;
  if (named.length !== 1 || only === undefined || body[only.valueStart] !== OPEN_BRACE) return undefined;
  return body.subarray(only.valueStart, skipValue(body, only.valueStart));
}

function bad(field: string, why: string): Result<never, Fault> {
  return failed({ code: 'body_bad_field', field, why });
}
