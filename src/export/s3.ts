import { createHash } from 'node:crypto';
import { AwsV4Signer } from 'aws4fetch';
import type { EgressAnswer, EgressRequest } from '../contract/egress.ts';
import { SUFFIXES } from './format.ts';
import type { ExportFormat } from './format.ts';

export interface S3Credentials {
  accessKeyId: string;
  /** Secret. */
  secretAccessKey: string;
  /** Secret; of temporary credentials. */
  sessionToken: string | undefined;
}

/** Where objects go. Holds secrets. */
export interface S3Bucket {
  name: string;
  region: string;
  /** Origin of a service other than AWS, and the path below which it has its buckets; undefined: AWS. */
  endpoint: string | undefined;
  /** Begins each key; empty, or without a slash at its end. */
  prefix: string;
  /** Undefined: there are none, and nothing can be uploaded. */
  credentials: S3Credentials | undefined;
}

/** A file of 64 MiB that hardly compresses, over a slow line. */
const UPLOAD_MS = 300_000;
/** An error is a page of XML. */
const ANSWER_BYTES = 16 * 1024;

/** By the Unix time in it: whoever makes two in a second has to give the second one another. */
export function objectKey(prefix: string, unixSeconds: number, format: ExportFormat): string {
  return `${prefix === '' ? '' : `${prefix}/`}ts-aperture-export-${unixSeconds}.${SUFFIXES[format]}`;
}

/**
 * AWS has the bucket in the host's name; with a dot in it, no certificate would fit, so it stands in the path there as at
 * every other service.
 */
export function objectUrl({ name, region, endpoint }: S3Bucket, key: string): URL {
  const path = key.split('/').map(encoded).join('/');
  if (endpoint !== undefined) return new URL(`${endpoint.replace(/\/+$/, '')}/${encoded(name)}/${path}`);
  const host = `s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  return new URL(name.includes('.') ? `https://${host}/${encoded(name)}/${path}` : `https://${name}.${host}/${path}`);
}

/** As Signature Version 4 wants paths: all but unreserved characters. */
function encoded(segment: string): string {
  return encodeURIComponent(segment).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The request that puts an object, signed. The body is not copied. */
export async function putRequest(
  bucket: S3Bucket,
  credentials: S3Credentials,
  object: { key: string; body: Uint8Array },
  nowMs: number,
): Promise<EgressRequest> {
  const url = objectUrl(bucket, object.key);
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  const signer = new AwsV4Signer({
    method: 'PUT',
    url: url.href,
    headers: {
      'content-type': 'application/octet-stream',
      'x-amz-content-sha256': createHash('sha256').update(object.body).digest('hex'),
    },
    accessKeyId,
    secretAccessKey,
    ...(sessionToken === undefined ? {} : { sessionToken }),
    service: 's3',
    region: bucket.region,
    datetime: new Date(nowMs).toISOString().replace(/[:-]|\.\d{3}/g, ''),
  });
  const signed = await signer.sign();
  return {
    destination: 's3',
    target: { origin: url.origin, path: url.pathname, host: url.host, plainHttp: false },
    method: 'PUT',
    headers: [...signed.headers].filter(([name]) => name !== 'host'),
    body: object.body,
    totalMs: UPLOAD_MS,
    firstByteMs: UPLOAD_MS,
    answerBytes: ANSWER_BYTES,
  };
}

/**
 * Why an object was not taken: the status, and the code of S3's error. Nothing else of the answer is told, as some
 * services repeat what was signed. Undefined where it was taken.
 */
export function refusalOf({ status, headers, body }: EgressAnswer): string | undefined {
  if (status >= 200 && status < 300) return undefined;
  const text = Buffer.from(body).toString('latin1');
  const code = /<Code>\s*([A-Za-z0-9._-]{1,64})\s*<\/Code>/.exec(text)?.[1];
  const region = headers.find(([name]) => name === 'x-amz-bucket-region')?.[1];
  const elsewhere = region !== undefined && /^[a-z0-9-]{1,32}$/.test(region) ? `; the bucket is in ${region}` : '';
  return `answered ${status}${code === undefined ? '' : ` ${code}`}${elsewhere}`;
}
