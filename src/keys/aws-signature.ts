import { AwsV4Signer } from 'aws4fetch';
import type { Fault } from '../contract/fault.ts';
import { failed, ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';

/** A request as it will be sent: nothing of it may change once it is signed. */
export interface SignableRequest {
  readonly origin: string;
  /** With its query. */
  readonly path: string;
  readonly method: string;
  /** Name, value, name, value, … */
  readonly headers: readonly string[];
  readonly body: Uint8Array | null;
}

/** Headers to send beside those of the request; a fault where what they are made of is not to be had. */
export type Sign = (request: SignableRequest, nowMs: number) => Promise<Result<[string, string][], Fault>>;

/** Needs nobody, and so never fails. */
export type AwsSign = (request: SignableRequest, nowMs: number) => Promise<[string, string][]>;

/** Where a signature counts. */
export interface AwsScope {
  region: string;
  service: string;
}

export interface AwsKey {
  accessKeyId: string;
  /** Secret. */
  secretAccessKey: string;
  /** Secret; of temporary credentials. */
  sessionToken: string | undefined;
}

/** Hosts of AWS's own, of its private endpoints and of its other partitions: the service, and the region behind it. */
const HOST = /(?:^|\.)(bedrock-mantle|bedrock-runtime(?:-fips)?)\.([a-z]{2}(?:-[a-z]+)+-\d)\./;

/** By the base URL's host; `region` is the operator's word, which counts more. Elsewhere the service is Bedrock. */
export function awsScope(baseUrl: string, region: string): Result<AwsScope, string> {
  const [, host = '', inHost = ''] = HOST.exec(URL.canParse(baseUrl) ? new URL(baseUrl).hostname : '') ?? [];
  const found = region === '' ? inHost : region;
  if (found === '') return failed('its region is neither in its baseurl nor in its aws_region');
  return ok({ region: found, service: host === 'bedrock-mantle' ? host : 'bedrock' });
}

/** `<access key id>:<secret access key>`, and of temporary credentials `:<session token>`. Never quoted in a fault. */
export function readAwsKey(text: string): Result<AwsKey, string> {
  const [, accessKeyId, secretAccessKey, sessionToken] =
    /^(\w{16,128}):([\w/+=]{16,256})(?::([\w/+=-]*))?$/.exec(text) ?? [];
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    return failed(
      'its apikey is neither "ACCESS_KEY_ID:SECRET_ACCESS_KEY" nor the same with ":SESSION_TOKEN" behind it',
    );
  }
  return ok({ accessKeyId, secretAccessKey, sessionToken: sessionToken === '' ? undefined : sessionToken });
}

/** Signs by Signature Version 4: method, path, query, body, host, and the headers that say something to AWS. */
export function awsSigner(key: AwsKey, { region, service }: AwsScope): AwsSign {
  const { accessKeyId, secretAccessKey, sessionToken } = key;
  // aws4fetch keeps the key that it derives for a day, and would keep each of them.
  const derived = new Map<string, ArrayBuffer>();
  return async ({ origin, path, method, headers, body }, nowMs) => {
    if (derived.size > 1) derived.clear();
    const signer = new AwsV4Signer({
      method,
      url: origin + path,
      headers: signedOf(headers),
      ...(body === null ? {} : { body }),
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === undefined ? {} : { sessionToken }),
      service,
      region,
      cache: derived,
      datetime: new Date(nowMs).toISOString().replace(/[:-]|\.\d{3}/g, ''),
      // Of those that are given: `content-type` is left out else.
      allHeaders: true,
    });
    const { headers: signed } = await signer.sign();
    return MADE.flatMap((name): [string, string][] => {
      const value = signed.get(name);
      return value === null ? [] : [[name, value]];
    });
  };
}

const MADE = ['authorization', 'x-amz-date', 'x-amz-security-token'];
const PLAIN = /^[\x20-\x7e]*$/;

/** AWS wants all of `x-amz-`; others a proxy of the operator's may change on the way. */
function signedOf(flat: readonly string[]): [string, string][] {
  const signed: [string, string][] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) {
    const name = (flat[i] ?? '').toLowerCase();
    const value = flat[i + 1] ?? '';
    if (MADE.includes(name) || !PLAIN.test(value)) continue;
    if (name === 'content-type' || name.startsWith('x-amz')) signed.push([name, value]);
  }
  return signed;
}
