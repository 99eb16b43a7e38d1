import { createHash, createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An upload as it arrived. */
export interface Put {
  /** `/bucket/key`, as it was on the wire. */
  path: string;
  body: Buffer;
  headers: IncomingMessage['headers'];
}

/** A store of objects on a real socket, which takes what is signed by the key that it knows, and nothing else. */
export interface TestS3 {
  url: string;
  /** By bucket and key, decoded. */
  objects: Map<string, Buffer>;
  puts: Put[];
  /** Names that were put twice, with other bytes: never what an export does. */
  overwritten: string[];
  /** What happens with an upload that is good; by default it is stored and answered. */
  answer: (put: Put, store: () => void, response: ServerResponse) => void;
  away(): Promise<void>;
  /** Listens again, on the same port. */
  back(): Promise<void>;
}

export const S3_KEY = { accessKeyId: 'AKIATESTKEY', secretAccessKey: 'secret/of+the=store', region: 'eu-test-1' };
export const S3_BUCKET = 'books-of-aperture';

export async function startS3({ accessKeyId, secretAccessKey, region } = S3_KEY): Promise<TestS3> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const put = { path: request.url ?? '', body: Buffer.concat(chunks), headers: request.headers };
      s3.puts.push(put);
      const refused = refusal(request, put);
      if (refused !== undefined) {
        response.writeHead(refused.status, { 'content-type': 'application/xml' });
        response.end(
          `<?xml version="1.0"?><Error><Code>${refused.code}</Code><Message>${String(request.headers.authorization)}</Message></Error>`,
        );
        return;
      }
      const name = decodeURIComponent(put.path.slice(1));
      s3.answer(
        put,
        () => {
          const before = s3.objects.get(name);
          if (before !== undefined && !before.equals(put.body)) s3.overwritten.push(name);
          s3.objects.set(name, put.body);
        },
        response,
      );
    });
  });
  const refusal = (request: IncomingMessage, put: Put): { status: number; code: string } | undefined => {
    if (request.method !== 'PUT') return { status: 405, code: 'MethodNotAllowed' };
    const signed =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/.exec(
        request.headers.authorization ?? '',
      );
    if (signed === null) return { status: 403, code: 'AccessDenied' };
    const [, key = '', day = '', where = '', names = '', signature = ''] = signed;
    if (key !== accessKeyId) return { status: 403, code: 'InvalidAccessKeyId' };
    if (where !== region) return { status: 400, code: 'AuthorizationHeaderMalformed' };
    for (const name of ['host', 'x-amz-date', 'x-amz-content-sha256']) {
      if (!names.split(';').includes(name)) return { status: 403, code: 'AccessDenied' };
    }
    const [path = '', query = ''] = put.path.split('?');
    const headers = names.split(';').map((name): [string, string] => [name, String(request.headers[name])]);
    const of = { method: 'PUT', path, query, headers, day, region };
    if (signatureOf(of, secretAccessKey) !== signature) return { status: 403, code: 'SignatureDoesNotMatch' };
    if (createHash('sha256').update(put.body).digest('hex') !== request.headers['x-amz-content-sha256']) {
      return { status: 400, code: 'XAmzContentSHA256Mismatch' };
    }
    if (!path.startsWith(`/${S3_BUCKET}/`)) return { status: 404, code: 'NoSuchBucket' };
    return undefined;
  };
  const listen = (port: number): Promise<void> =>
    new Promise((resolve) => {
      server.listen(port, '127.0.0.1', resolve);
    });
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const s3: TestS3 = {
    url: `http://127.0.0.1:${port}`,
    objects: new Map(),
    puts: [],
    overwritten: [],
    answer: (_put, store, response) => {
      store();
      response.writeHead(200, { etag: '"1"' }).end();
    },
    away: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
    back: () => listen(port),
  };
  return s3;
}

/** What is signed: the headers in their order, with their values trimmed. */
export interface Signed {
  method: string;
  path: string;
  query: string;
  headers: readonly (readonly [string, string])[];
  /** `20130524` */
  day: string;
  region: string;
}

/**
 * Signature Version 4 for S3 as AWS describes it ("Authenticating Requests: Using the Authorization Header"), by nothing
 * that the gateway uses.
 */
export function signatureOf({ method, path, query, headers, day, region }: Signed, secret: string): string {
  const value = (name: string): string => headers.find(([each]) => each === name)?.[1] ?? '';
  const canonical = [
    method,
    path,
    query,
    ...headers.map(([name, text]) => `${name}:${text.trim()}`),
    '',
    headers.map(([name]) => name).join(';'),
    value('x-amz-content-sha256'),
  ].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const hashed = createHash('sha256').update(canonical).digest('hex');
  const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
  const key = [day, region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return hmac(key, ['AWS4-HMAC-SHA256', value('x-amz-date'), scope, hashed].join('\n')).toString('hex');
}
