import type { Api } from '../../contract/api.ts';
import { decodeWhole } from '../../protocols/decode.ts';
import { formTypeOf, formView } from '../../protocols/form-scan.ts';
import { parseJson } from '../../protocols/json.ts';

/** A request's body as hooks are told of it. */
export interface ReadRequest {
  /** JSON: of a form, its fields. */
  bytes: Uint8Array;
  value: unknown;
}

/** Reads a whole body as it was on the wire. Undefined where it is no JSON and no form: who asks for what is stored has none. */
export async function readRequest(
  api: Api,
  headers: readonly (readonly [string, string])[],
  encoded: Uint8Array,
  limitBytes: number,
): Promise<ReadRequest | undefined> {
  const encoding = headers.find(([name]) => name === 'content-encoding')?.[1];
  const decoded = await decodeWhole(encoding, encoded, limitBytes);
  if (!decoded.ok) return undefined;
  const form = formTypeOf(api, headers);
  if (form !== undefined) {
    const view = formView(form, decoded.value);
    return view && { bytes: Buffer.from(JSON.stringify(view)), value: view };
  }
  const value = parseJson(
    Buffer.from(decoded.value)
      .toString('utf8')
      .replace(/^\uFEFF/, ''),
  );
  return value === undefined ? undefined : { bytes: decoded.value, value };
}
