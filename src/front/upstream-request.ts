import type { Edit } from '../contract/exchange.ts';
import type { Fault } from '../contract/fault.ts';
import type { Sign } from '../keys/aws-signature.ts';
import type { Authorization } from '../keys/provider-key.ts';
import { ok } from '../lib/result.ts';
import type { Result } from '../lib/result.ts';
import { pathWithModel } from '../protocols/registry.ts';
import { vertexPathAt } from '../protocols/vertex/path.ts';
import { upstreamHeaders, upstreamQuery } from '../proxy/headers.ts';
import type { UpstreamRequest } from '../proxy/upstream.ts';
import { upstreamUrl } from '../proxy/url.ts';
import type { Route } from '../routing/plan.ts';
import type { ForwardedBody } from './edits.ts';
import type { Arrival, ExchangeEndpoint } from './request-life.ts';

/** The request as the provider gets it: our target and credential, the caller's path, headers and bytes. */
export function upstreamRequest(
  arrival: Arrival,
  endpoint: ExchangeEndpoint,
  route: Route,
  key: Authorization,
  forwarded: ForwardedBody,
  gated: boolean,
): UpstreamRequest {
  const { request, access } = arrival;
  const { provider, model } = route;
  const named =
    route.rewriteModel && endpoint.modelIn === 'path'
      ? pathWithModel(endpoint.upstreamPath, model)
      : endpoint.upstreamPath;
  const path = provider.vertex === undefined ? named : vertexPathAt(named, provider.vertex);
  const target = upstreamUrl(provider.baseUrl, path, upstreamQuery(request.query));
  return {
    origin: target.origin,
    path: target.path,
    method: request.method,
    headers: upstreamHeaders({
      clientHeaders: forwarded.decoded
        ? request.headers.filter((header) => header[0] !== 'content-encoding')
        : request.headers,
      host: target.host,
      auth: key,
      addHeaders: [...provider.addHeaders, ...access.headersFor(provider.id, model)],
      // What is read on its way is asked for in the clear.
      acceptEncoding: forwarded.usageInjected || gated ? 'identity' : undefined,
      dialect: endpoint.dialect,
      bodyBytes: forwarded.body.byteLength,
    }),
    body: forwarded.body.byteLength > 0 ? forwarded.body : null,
  };
}

/** What asks for a part of an answer. */
const PARTS: ReadonlySet<string> = new Set(['range', 'if-range']);

/**
 * The same request, for the whole answer: of the results of a batch a part could be neither counted nor told from another. Who
 * asks for a range must take a whole answer too (RFC 9110, section 14.2).
 */
export function askingForAll(request: UpstreamRequest, edits: Edit[]): UpstreamRequest {
  const headers: string[] = [];
  for (let i = 0; i + 1 < request.headers.length; i += 2) {
    const name = request.headers[i] ?? '';
    if (!PARTS.has(name.toLowerCase())) headers.push(name, request.headers[i + 1] ?? '');
  }
  if (headers.length === request.headers.length) return request;
  edits.push({ kind: 'whole_results', side: 'request', detail: 'a range was asked for, and is left out' });
  return { ...request, headers };
}

/** The same request, with its signature. Nothing of it may be changed afterwards. */
export async function signedRequest(
  request: UpstreamRequest,
  sign: Sign,
  nowMs: number,
): Promise<Result<UpstreamRequest, Fault>> {
  const signed = await sign(request, nowMs);
  if (!signed.ok) return signed;
  const made = signed.value;
  const names = new Set(made.map(([name]) => name));
  const headers: string[] = [];
  for (let i = 0; i + 1 < request.headers.length; i += 2) {
    const name = request.headers[i] ?? '';
    // The operator's own header of that name would be a second one.
    if (!names.has(name.toLowerCase())) headers.push(name, request.headers[i + 1] ?? '');
  }
  return ok({ ...request, headers: [...headers, ...made.flat()] });
}
