import type { Api } from '../contract/api.ts';
import type { Fault } from '../contract/fault.ts';
import { SCAN_ON_MAIN_BYTES } from '../contract/limits.ts';
import type { BodyFields } from '../contract/messages.ts';
import type { InspectorPool } from '../inspect/pool.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { NO_FIELDS, scanBody } from '../protocols/body-scan.ts';
import { decodeWhole } from '../protocols/decode.ts';
import { formTypeOf, scanForm } from '../protocols/form-scan.ts';
import type { Arrival, ExchangeEndpoint } from './request-life.ts';
import { isRaw } from './resource-life.ts';

export interface ScannedBody {
  /** As it came. */
  original: Uint8Array<ArrayBuffer>;
  /** Free of its content-encoding; the same bytes where there was none. */
  decoded: Uint8Array<ArrayBuffer>;
  fields: BodyFields;
  /** It came with a content-encoding. */
  packed: boolean;
  /** A rule changed it: `decoded` is not what came. */
  edited: boolean;
}

/**
 * Decodes and scans a request body: what we check is what the provider reads. A large body is scanned on an inspector,
 * so that it stalls nobody else's reply. A request about a stored response needs no body.
 */
export async function scannedBody(
  inspectors: InspectorPool,
  arrival: Arrival,
  endpoint: ExchangeEndpoint,
  original: Uint8Array<ArrayBuffer>,
): Promise<Result<ScannedBody, Fault>> {
  const { api } = endpoint.protocol;
  const { modelIn, resource, direct } = endpoint;
  // Whatever it is, in whatever encoding: nobody here looks into it.
  if (direct !== undefined) return ok({ original, decoded: original, fields: NO_FIELDS, packed: false, edited: false });
  if (original.byteLength === 0 && (modelIn === 'response' || modelIn === 'none')) {
    return ok({ original, decoded: original, fields: NO_FIELDS, packed: false, edited: false });
  }
  if (resource !== undefined && isRaw(arrival, resource)) return raw(arrival, original);
  const form = formTypeOf(api, arrival.request.headers);
  const encoding = (arrival.request.header('content-encoding') ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') {
    const scanned = await scan(inspectors, api, original, form);
    if (!scanned.ok) return scanned;
    const { body, fields } = scanned.value;
    return ok({ original: body, decoded: body, fields, packed: false, edited: false });
  }
  const decoded = await decodeWhole(encoding, original, arrival.world.limits.body_bytes);
  if (!decoded.ok) return decoded;
  const scanned = await scan(inspectors, api, new Uint8Array(decoded.value), form);
  if (!scanned.ok) return scanned;
  return ok({ original, decoded: scanned.value.body, fields: scanned.value.fields, packed: true, edited: false });
}

/** Of JSON that is not compressed, or a form of that content type. The bytes are given away, and come back. */
export async function scan(
  inspectors: InspectorPool,
  api: Api,
  body: Uint8Array<ArrayBuffer>,
  form?: string,
): Promise<Result<{ body: Uint8Array<ArrayBuffer>; fields: BodyFields }, Fault>> {
  if (body.byteLength > SCAN_ON_MAIN_BYTES) return inspectors.scan(api, body, form);
  const fields = form === undefined ? scanBody(api, body) : scanForm(form, body);
  return fields.ok ? ok({ body, fields: fields.value }) : failed(fields.fault);
}

/** A form or a file's bytes: no JSON. Packed, it could not be looked into as it is sent on. */
function raw({ request }: Arrival, original: Uint8Array<ArrayBuffer>): Result<ScannedBody, Fault> {
  const encoding = request.header('content-encoding');
  if (encoding !== undefined) return failed({ code: 'body_encoding_unsupported', encoding });
  return ok({ original, decoded: original, fields: NO_FIELDS, packed: false, edited: false });
}
